//! Text with `${{ }}` in it: literal parts and expressions. `$${{` writes the characters themselves.

use super::cel::Expr;
use super::error::ExprError;
use super::scope::{Reference, Scope};
use super::token::CLOSE_QUOTE;
use crate::core::model::source::Span;
use crate::core::yaml::Node;
use crate::core::yaml::template::{ESCAPED, OPEN, has_mark};
use serde_json::Value;

/// The longest text that a template may come to, in bytes: texts that hold themselves twice grow without an end.
const LONGEST: usize = 16 << 20;

/// A text with expressions in it.
#[derive(Debug, Clone)]
pub struct Template {
    /// Its parts in order.
    pub parts: Vec<Part>,
}

/// A part of a template.
#[derive(Debug, Clone)]
pub enum Part {
    /// Text as it is (escapes already undone).
    Literal(String),
    /// An expression.
    Expr {
        /// The expression.
        expr: Expr,
        /// Byte offset of the expression's text (after `${{` and blanks) in the template's text.
        offset: usize,
    },
}

impl Template {
    /// Parses a text; offsets in the error count from the start of `text`.
    ///
    /// # Errors
    /// A `${{` that is not closed, an empty one, or an expression that is not CEL.
    pub fn parse(text: &str) -> Result<Self, ExprError> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut at = 0;
        while let Some(found) = text[at..].find('$').map(|found| at + found) {
            literal.push_str(&text[at..found]);
            let rest = &text[found..];
            if rest.starts_with(ESCAPED) {
                literal.push_str(OPEN);
                at = found + ESCAPED.len();
            } else if rest.starts_with(OPEN) {
                let start = found + OPEN.len();
                let end = start + close(&text[start..]).map_err(|error| unclosed(error, found, start))?;
                let inner = &text[start..end];
                if inner.trim().is_empty() {
                    let help = "write an expression in it, or `$${{` for the characters themselves";
                    return Err(ExprError::at(found, end + 2, "`${{ }}` is empty").help(help));
                }
                if !literal.is_empty() {
                    parts.push(Part::Literal(std::mem::take(&mut literal)));
                }
                let offset = start + (inner.len() - inner.trim_start().len());
                let expr = Expr::parse(inner.trim()).map_err(|error| error.shifted(offset))?;
                parts.push(Part::Expr { expr, offset });
                at = end + 2;
            } else {
                literal.push('$');
                at = found + 1;
            }
        }
        literal.push_str(&text[at..]);
        if !literal.is_empty() || parts.is_empty() {
            parts.push(Part::Literal(literal));
        }
        Ok(Template { parts })
    }

    /// Whether a text holds `${{` or its escape; any other text is its own value.
    pub fn is_in(text: &str) -> bool {
        has_mark(text)
    }

    /// Its value: a template that is only `${{ x }}` keeps the type of `x`; any other is text, in which `null` is
    /// nothing and lists and maps are JSON. Offsets in the error count from the start of the template's text.
    ///
    /// # Errors
    /// Those of [`Expr::eval`].
    pub fn eval(&self, scope: &Scope) -> Result<Value, ExprError> {
        if let [Part::Expr { expr, offset }] = self.parts.as_slice() {
            return expr.eval(scope).map_err(|error| error.shifted(*offset));
        }
        self.text(scope).map(Value::String)
    }

    /// Its value as a node; a number that is nothing but a reference is written as it is in the file.
    ///
    /// # Errors
    /// Those of [`Expr::eval`].
    pub fn node(&self, scope: &Scope, span: Span) -> Result<Node, ExprError> {
        let mut node = Node::from_json(&self.eval(scope)?, span);
        if let [Part::Expr { expr, .. }] = self.parts.as_slice()
            && let Some(path) = expr.path()
        {
            scope.spelled.apply(path, &mut node);
        }
        Ok(node)
    }

    /// Its value as text: `null` is nothing, lists and maps are JSON, and a number that is nothing but a reference is
    /// written as it is in the file.
    ///
    /// # Errors
    /// Those of [`Expr::eval`].
    pub fn text(&self, scope: &Scope) -> Result<String, ExprError> {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Literal(literal) => text.push_str(literal),
                Part::Expr { expr, offset } => match expr.eval(scope).map_err(|error| error.shifted(*offset))? {
                    Value::Null => {}
                    Value::String(value) => text.push_str(&value),
                    other => match expr.path().and_then(|path| scope.spelled.get(path)) {
                        Some(spelling) if !other.is_object() && !other.is_array() => text.push_str(spelling),
                        _ => text.push_str(&other.to_string()),
                    },
                },
            }
            if text.len() > LONGEST {
                let message = format!("its text is longer than {} MiB", LONGEST >> 20);
                return Err(ExprError::at(0, 0, message).help("hand on a file, and name it here"));
            }
        }
        Ok(text)
    }

    /// Every free name its expressions refer to, in reading order; offsets count from the start of the template's text.
    pub fn references(&self) -> impl Iterator<Item = Reference> + '_ {
        self.parts.iter().flat_map(|part| {
            let (found, by) = match part {
                Part::Literal(_) => (&[][..], 0),
                Part::Expr { expr, offset } => (expr.references(), *offset),
            };
            found.iter().map(move |found| Reference { offset: found.offset + by, ..found.clone() })
        })
    }
}

/// Why no `}}` was found.
#[derive(Clone, Copy)]
enum Unclosed {
    Brackets,
    /// A quote at this offset is not closed.
    Quote(usize),
}

fn unclosed(error: Unclosed, open: usize, start: usize) -> ExprError {
    match error {
        Unclosed::Brackets => {
            ExprError::at(open, start, "`${{` is not closed, expected `}}`").help("close it: `${{ vars.NAME }}`")
        }
        Unclosed::Quote(at) => {
            let message = "this quote is not closed, so `${{` is not closed either";
            ExprError::at(start + at, start + at + 1, message).help(CLOSE_QUOTE)
        }
    }
}

/// The offset of the `}}` that ends an expression: not inside quotes, not the end of a map.
fn close(text: &str) -> Result<usize, Unclosed> {
    let bytes = text.as_bytes();
    let (mut at, mut depth) = (0, 0usize);
    while at < bytes.len() {
        match bytes[at] {
            b'{' => depth += 1,
            b'}' if depth > 0 => depth -= 1,
            b'}' if bytes.get(at + 1) == Some(&b'}') => return Ok(at),
            b'"' | b'\'' => {
                at = quoted(bytes, at).ok_or(Unclosed::Quote(at))?;
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    Err(Unclosed::Brackets)
}

/// The offset behind a quoted text that starts at `at`.
fn quoted(bytes: &[u8], at: usize) -> Option<usize> {
    let quote = bytes[at];
    let before = |back: usize| at.checked_sub(back).map_or(b' ', |before| bytes[before].to_ascii_lowercase());
    let raw = before(1) == b'r' || (before(1) == b'b' && before(2) == b'r');
    let len = if bytes[at..].starts_with(&[quote; 3]) { 3 } else { 1 };
    let mut next = at + len;
    while next < bytes.len() {
        if bytes[next] == b'\\' && !raw {
            next += 2;
        } else if bytes[next..].starts_with(&[quote; 3][..len]) {
            return Some(next + len);
        } else {
            next += 1;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn scope() -> Scope {
        let mut scope = Scope::default();
        scope.roots.insert("vars".into(), json!({"n": 2, "name": "todo", "none": null, "list": [1, "a"]}));
        scope
    }

    fn value(text: &str) -> Value {
        Template::parse(text).expect(text).eval(&scope()).expect(text)
    }

    fn refusal(text: &str) -> (usize, usize, String) {
        let error = Template::parse(text).and_then(|template| template.eval(&scope())).expect_err(text);
        (error.offset, error.len, error.message)
    }

    #[test]
    fn a_template_that_is_only_an_expression_keeps_its_type() {
        assert_eq!(value("${{ vars.n }}"), json!(2));
        assert_eq!(value("${{vars.list}}"), json!([1, "a"]));
        assert_eq!(value("${{ vars.n }} "), json!("2 "));
        assert_eq!(value("plain"), json!("plain"));
        assert_eq!(value(""), json!(""));
    }

    #[test]
    fn any_other_is_text() {
        assert_eq!(value("${{ vars.name }}:${{ vars.n + 1 }}"), json!("todo:3"));
        assert_eq!(value("[${{ vars.none }}] ${{ vars.list }} $HOME $$ $"), json!("[] [1,\"a\"] $HOME $$ $"));
    }

    #[test]
    fn a_doubled_dollar_writes_the_characters_themselves() {
        assert_eq!(value("$${{ vars.n }}"), json!("${{ vars.n }}"));
        assert_eq!(value("a$$${{ b }} ${{ vars.n }}"), json!("a$${{ b }} 2"));
    }

    #[test]
    fn braces_and_quotes_inside_do_not_end_it() {
        assert_eq!(value(r#"${{ {"a": "}}"}.a }}"#), json!("}}"));
        assert_eq!(value("${{ {'a': {'b': 1}}}}"), json!({"a": {"b": 1}}));
        assert_eq!(value(r"${{ '\'}}' + r'\' }}"), json!(r"'}}\"));
        assert_eq!(value("${{ '''}}'s''' }}"), json!("}}'s"));
    }

    #[test]
    fn errors_count_from_the_start_of_the_text() {
        assert_eq!(refusal("ab ${{ vars.n"), (3, 3, "`${{` is not closed, expected `}}`".into()));
        assert_eq!(refusal("ab ${{ 'x }}"), (7, 1, "this quote is not closed, so `${{` is not closed either".into()));
        assert_eq!(refusal("ä ${{  }}").0, 3);
        assert_eq!(refusal("ä ${{ 1 + }}"), (10, 0, "expected a value, found the end".into()));
        assert_eq!(refusal("x ${{ vars.q }}"), (6, 6, "vars.q: no such key".into()));
        assert_eq!(refusal("${{ vars.q }}"), (4, 6, "vars.q: no such key".into()));
    }

    #[test]
    fn references_count_from_the_start_of_the_text() {
        let text = "${{ vars.n }} and ${{ 1 + steps.a.outputs.b }}";
        let template = Template::parse(text).expect("well formed");
        let found: Vec<&str> =
            template.references().map(|found| &text[found.offset..found.offset + found.len]).collect();
        assert_eq!(found, ["vars.n", "steps.a.outputs.b"]);
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[a-c${}'\" \\\\.r]{0,60}|\\PC{0,40}") {
            if let Ok(template) = Template::parse(&text) {
                let _ = template.eval(&scope());
                proptest::prop_assert!(template.references().all(|found| found.offset + found.len <= text.len()));
            }
        }
    }
}
