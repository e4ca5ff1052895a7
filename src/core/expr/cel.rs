//! One CEL expression, with limits on its length and nesting and the names it refers to. Knows no syntax and no values:
//! `parse` and `run` do.

use crate::core::expr::error::ExprError;
use crate::core::expr::error::SHORTER;
use crate::core::expr::scope::Reference;
use crate::core::expr::scope::Scope;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use super::tree::Node;
use super::{check, lookup, parse, references, run};

/// The longest text of an expression, in bytes.
pub const MAX_TEXT: usize = 4096;

/// A parsed CEL expression; a clone shares what was parsed.
#[derive(Clone)]
pub struct Expr {
    parsed: Arc<Parsed>,
}

struct Parsed {
    text: String,
    references: Vec<Reference>,
    body: Body,
}

enum Body {
    /// Nothing but a dotted reference: looked up without CEL, so that a value of any size is copied once.
    Path,
    /// Anything else.
    Cel(Node),
}

impl Expr {
    /// Parses; no name is looked up yet, but every function must exist.
    ///
    /// # Errors
    /// Longer than [`MAX_TEXT`], nested deeper than [`super::MAX_NESTING`] or [`super::MAX_HEIGHT`], or not CEL.
    pub fn parse(text: &str) -> Result<Self, ExprError> {
        if text.len() > MAX_TEXT {
            let message = format!("the expression is {} bytes long, expected at most {MAX_TEXT}", text.len());
            return Err(ExprError::at(0, text.len(), message).help(SHORTER));
        }
        let (references, body) = if let Some(reference) = references::dotted(text) {
            (vec![reference], Body::Path)
        } else {
            let ast = parse::parse(text)?;
            check::check(&ast, text, &Scope::default(), &BTreeSet::new())?;
            (references::of(&ast), Body::Cel(ast))
        };
        Ok(Expr { parsed: Arc::new(Parsed { text: text.to_owned(), references, body }) })
    }

    /// The text as written.
    pub fn text(&self) -> &str {
        &self.parsed.text
    }

    /// The path, where the whole expression is nothing but a reference.
    pub(super) fn path(&self) -> Option<&[String]> {
        match self.references() {
            [only] if only.offset == 0 && only.len == self.text().len() && !only.tested => Some(&only.path),
            _ => None,
        }
    }

    /// Every free name it refers to, in reading order (names bound by `all`, `exists`, `map`, `filter` are not free).
    pub fn references(&self) -> &[Reference] {
        &self.parsed.references
    }

    /// Its value in a scope. Durations (`1m30s`) and timestamps (RFC 3339) become text, bytes become base64 text.
    ///
    /// # Errors
    /// A name that is not there (`vars.replcas: no such key`), types that do not fit, a function that refuses. No value
    /// is in the words, only types.
    pub fn eval(&self, scope: &Scope) -> Result<Value, ExprError> {
        match (&self.parsed.body, self.references()) {
            (Body::Path, [reference]) => lookup::look_up(scope, reference).cloned(),
            (Body::Cel(ast), references) => run::run(ast, references, self.text(), scope),
            (Body::Path, _) => unreachable!("a dotted reference is exactly one reference"),
        }
    }

    /// The first mistake that its types show, where some values are `known` before the run, and those at paths that
    /// `is_text` names (`steps.x.outputs.y`) are text whatever they will be.
    ///
    /// # Errors
    /// A call or an operator that no value fits, or a comparison with one possible result.
    pub fn check_types(&self, known: &Scope, is_text: impl Fn(&[String]) -> bool) -> Result<(), ExprError> {
        match &self.parsed.body {
            Body::Path => Ok(()),
            Body::Cel(tree) => {
                let texts = self.references().iter().filter(|reference| is_text(&reference.path));
                let texts = texts.map(|reference| reference.path.join(".")).collect();
                check::check(tree, self.text(), known, &texts).map(|_| ())
            }
        }
    }

    /// Its value as a condition: `when:` and `assert:`.
    ///
    /// # Errors
    /// Those of [`Expr::eval`], and a value that is neither true nor false.
    pub fn truthy(&self, scope: &Scope) -> Result<bool, ExprError> {
        match self.eval(scope)? {
            Value::Bool(truth) => Ok(truth),
            other => {
                let message = format!("expected true or false, found {}", lookup::type_of(&other));
                Err(ExprError::at(0, self.text().len(), message)
                    .help("compare it: `vars.NAME == \"text\"`, `vars.COUNT > 0`"))
            }
        }
    }
}

impl fmt::Debug for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Expr").field(&self.parsed.text).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn scope() -> Scope {
        let mut scope = Scope::default();
        scope.roots.insert(
            "vars".into(),
            json!({"replicas": 2, "name": "todo", "big": u64::MAX, "half": 0.5, "none": null, "a-b": 1,
                   "list": [1, 2, 3], "map": {"z": 1, "a": {"deep": true}}}),
        );
        scope.roots.insert("item".into(), json!("x"));
        scope
    }

    fn value(text: &str) -> Value {
        Expr::parse(text).expect(text).eval(&scope()).expect(text)
    }

    fn eval_error(text: &str) -> (usize, usize, String) {
        let error = Expr::parse(text).expect(text).eval(&scope()).expect_err(text);
        (error.offset, error.len, error.message)
    }

    #[test]
    fn keeps_the_type_of_every_value() {
        for (text, expected) in [
            ("vars.replicas", json!(2)),
            ("vars.replicas + 1", json!(3)),
            ("vars['big']", json!(u64::MAX)),
            ("vars.half * 2.0", json!(1.0)),
            ("vars.none", json!(null)),
            ("[vars.none, 1u, 'a', true]", json!([null, 1, "a", true])),
            ("vars['map']", json!({"z": 1, "a": {"deep": true}})),
            ("{'b': 1, 'a': [1.5]}", json!({"a": [1.5], "b": 1})),
            ("duration('90s')", json!("1m30s")),
            ("duration('-1500ms')", json!("-1.5s")),
            ("timestamp('2026-11-23T14:55:01Z')", json!("2026-11-23T14:55:01Z")),
            ("b'hi'", json!("aGk=")),
            ("-9223372036854775808", json!(i64::MIN)),
            ("0x10u", json!(16)),
        ] {
            assert_eq!(value(text), expected, "{text}");
        }
    }

    #[test]
    fn knows_the_functions_of_kubernetes() {
        for (text, expected) in [
            ("quantity('500Mi').isLessThan(quantity('1Gi'))", json!(true)),
            ("vars.list.map(n, n * 2)", json!([2, 4, 6])),
            ("vars.list.filter(n, n > 1).size()", json!(2)),
            ("vars.list.exists(n, n == 3) && vars.list.all(n, n < 4)", json!(true)),
            ("vars.list.exists_one(n, n == 3)", json!(true)),
            ("vars.list.map(n, n > 1, n * 10)", json!([20, 30])),
            ("vars.map.exists(k, k == 'z')", json!(true)),
            ("'a,b'.split(',').join('-')", json!("a-b")),
            ("sets.contains([1, 2], [1])", json!(true)),
            ("math.greatest([1, 5, 3])", json!(5)),
            ("'v1.2.3'.find('[0-9]+')", json!("1")),
            ("semver('1.2.3').major()", json!(1)),
            ("url('https://a.b:80/c').getHost()", json!("a.b:80")),
            ("base64.encode(b'hi')", json!("aGk=")),
            ("has(vars.name) ? vars.name : 'none'", json!("todo")),
            ("has(vars.nope) ? vars.nope : 'none'", json!("none")),
            ("!has(vars.map.q) || vars.map.q == 1", json!(true)),
            ("'a' + \"b\" + r'\\n' + '''c'd'''", json!("ab\\nc'd")),
            ("item == 'x' ? 1 : item == 'y' ? 2 : 3", json!(1)),
            ("'z' in vars.map && 2 in vars.list", json!(true)),
            ("!!vars.map.a.deep", json!(true)),
        ] {
            assert_eq!(value(text), expected, "{text}");
        }
    }

    #[test]
    fn names_the_key_that_is_absent() {
        assert_eq!(eval_error("vars.replcas"), (0, 12, "vars.replcas: no such key".into()));
        assert_eq!(eval_error("1 + vars.map.q.r"), (4, 10, "vars.map.q: no such key".into()));
        assert_eq!(eval_error("vars['x-y'] + 1"), (0, 11, "vars[\"x-y\"]: no such key".into()));
        assert_eq!(eval_error("has(vars.q) ? 1 : vars.r"), (18, 6, "vars.r: no such key".into()));
        assert_eq!(eval_error("vars.list[7]"), (0, 12, "vars.list[7]: no such item, the list has 3".into()));
        assert_eq!(eval_error("nope.x"), (0, 4, "nope: no such name; known here: item, vars".into()));
        assert_eq!(eval_error("vars.list.map(n, {'a': n}.b)"), (17, 10, "`b`: no such key".into()));
    }

    #[test]
    fn a_field_of_a_text_is_an_error_and_not_false() {
        let expected = "vars.name.x: `vars.name` is a string and has no fields";
        assert_eq!(eval_error("vars.name.x"), (0, 11, expected.into()));
        assert_eq!(eval_error("vars.name.x == 1"), (0, 11, expected.into()));
    }

    #[test]
    fn shows_types_and_never_values() {
        assert_eq!(eval_error("vars.name + 1").2, "`+` cannot take a string and an int");
        assert_eq!(eval_error("vars.name < 1").2, "`<` cannot take a string and an int");
        assert_eq!(eval_error("1 / 0").2, "division by zero");
        assert_eq!(eval_error("9223372036854775807 + 1").2, "the result of `+` does not fit into 64 bits");
    }

    #[test]
    fn a_condition_is_true_or_false() {
        let truthy = |text: &str| Expr::parse(text).expect(text).truthy(&scope()).map_err(|error| error.message);
        assert_eq!(truthy("vars.replicas >= 2"), Ok(true));
        assert_eq!(truthy("vars.replicas"), Err("expected true or false, found an int".into()));
        assert_eq!(truthy("vars.name"), Err("expected true or false, found a string".into()));
    }

    #[test]
    fn a_clone_shares_the_program_and_may_cross_threads() {
        fn shared<T: Send + Sync + Clone>(value: T) -> T {
            value
        }
        let expr = shared(Expr::parse("vars.replicas + 1").expect("well formed"));
        assert!(Arc::ptr_eq(&expr.parsed, &expr.clone().parsed));
    }

    #[test]
    fn sees_only_what_it_refers_to() {
        assert_eq!(value("[vars.map.a, vars.map.z]"), json!([{"deep": true}, 1]));
        assert_eq!(value("vars.map.a.deep && vars.map.size() == 2"), json!(true));
    }
}
