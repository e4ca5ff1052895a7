//! Values from the command line and from `with:` take the type of what they override. Knows types; not who declares what.

use crate::core::model::diagnostic::Diagnostics;
use crate::core::model::source::{SourceMap, Span};
use crate::core::yaml::{Node, Spelled, Value, parse, resolve_scalar};

/// A value that does not have the type of what it overrides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Misfit {
    /// The declared type, such as `a number`.
    pub declared: &'static str,
    /// What was given, such as `text`; or why it cannot be read.
    pub given: String,
}

/// What was typed on the command line, as a value of the type that `declared` has. Text is taken as it was typed; the
/// others are read by the rules of the files. It is at `span`.
pub(super) fn typed(text: &str, declared: &Value, span: Span) -> Result<Node, Misfit> {
    match declared {
        _ if text.trim().is_empty() && !matches!(declared, Value::Text(_) | Value::Null) => {
            Err(misfit(declared, "nothing".to_owned()))
        }
        Value::Text(_) | Value::Null => Ok(Node::new(span, Value::Text(text.to_owned()))),
        Value::Number(_) | Value::Bool(_) => {
            let node = scalar(text, span);
            if same_type(&node.value, declared) { Ok(node) } else { Err(misfit(declared, format!("`{text}`"))) }
        }
        Value::List(_) | Value::Map(_) => {
            let node = document(text, span).map_err(|why| misfit(declared, format!("`{text}`: {why}")))?;
            let given = node.type_name();
            if same_type(&node.value, declared) { Ok(node) } else { Err(misfit(declared, given.to_owned())) }
        }
    }
}

/// A value that a file gives, as a value of the type that `declared` has: a number becomes text as it is written, and text
/// that is written like a number becomes one.
pub(super) fn fit(given: Node, declared: &Value) -> Result<Node, Misfit> {
    let refused = |given: &Node| match given.scalar_text() {
        Some(text) => Err(misfit(declared, format!("{} `{text}`", given.type_name()))),
        None => Err(misfit(declared, given.type_name().to_owned())),
    };
    match (declared, &given.value) {
        (Value::Null, _) | (_, Value::Null) => Ok(given),
        (Value::Text(_), _) => match given.scalar_text() {
            Some(text) => Ok(Node::new(given.span, Value::Text(text.into_owned()))),
            None => refused(&given),
        },
        (Value::Number(_) | Value::Bool(_), Value::Text(text)) => {
            let node = scalar(text, given.span);
            if same_type(&node.value, declared) { Ok(node) } else { refused(&given) }
        }
        _ if same_type(&given.value, declared) => Ok(given),
        _ => refused(&given),
    }
}

fn misfit(declared: &Value, given: String) -> Misfit {
    Misfit { declared: declared.type_name(), given }
}

fn same_type(one: &Value, other: &Value) -> bool {
    let finite = |value: &Value| !matches!(value, Value::Number(number) if !number.as_f64().unwrap_or(0.0).is_finite());
    std::mem::discriminant(one) == std::mem::discriminant(other) && finite(one)
}

/// A plain scalar, as files read it; blanks around it do not count.
pub(super) fn scalar(text: &str, span: Span) -> Node {
    let text = text.trim();
    Node { spelling: Some(text.into()), ..Node::new(span, resolve_scalar(text)) }
}

/// A list or a mapping, as files read it.
pub(super) fn document(text: &str, span: Span) -> Result<Node, String> {
    let (mut sources, mut out) = (SourceMap::default(), Diagnostics::default());
    let file = sources.add("command line", "command line", text);
    let tree = parse(&sources, file, &mut out);
    if let Some(problem) = out.iter().next() {
        return Err(problem.message.clone());
    }
    let tree = tree.ok_or_else(|| "it is empty".to_owned())?;
    if let Some(number) = tree.non_finite() {
        return Err(format!("`{}` is not a finite number", number.scalar_text().unwrap_or_default()));
    }
    let mut node = Node::from_json(&tree.to_json(), span);
    Spelled::of(&tree).apply(&[], &mut node);
    Ok(node)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::model::source::FileId;
    use serde_json::{Value as Json, json};

    const AT: Span = Span { file: FileId(0), start: 0, end: 0 };

    fn declared(value: &Json) -> Value {
        Node::from_json(value, AT).value
    }

    #[test]
    fn text_from_the_command_line_is_taken_as_typed() {
        for text in ["yes", "1.10", "0755", "1e5", "NO", "fix: it", "issue # 12", "&a b", " x ", "null", "", "${{ x }}"]
        {
            for of in [json!("a"), Json::Null] {
                assert_eq!(typed(text, &declared(&of), AT).map(|node| node.to_json()), Ok(json!(text)), "{text}");
            }
        }
    }

    #[test]
    fn other_values_are_read_as_files_read_them() {
        let read = |text: &str, of: &Json| typed(text, &declared(of), AT).map(|node| node.to_json());
        assert_eq!(read("3", &json!(1)), Ok(json!(3)));
        assert_eq!(read(" 1.5 ", &json!(1)), Ok(json!(1.5)));
        assert_eq!(read("0x1F", &json!(1)), Ok(json!(31)));
        assert_eq!(read("true", &json!(false)), Ok(json!(true)));
        assert_eq!(read("[a, 0755, yes]", &json!([])), Ok(json!(["a", "0755", "yes"])));
        assert_eq!(read("a: 1\nb: no", &json!({})), Ok(json!({"a": 1, "b": "no"})));
        for (text, of) in [
            ("abc", json!(1)),
            ("", json!(1)),
            ("0755", json!(1)),
            ("1_000", json!(1)),
            (".inf", json!(1)),
            ("true", json!(1)),
            ("yes", json!(true)),
            ("1", json!(true)),
            ("a", json!([])),
            ("[a", json!([])),
            ("[.nan]", json!([])),
            ("[a]", json!({})),
        ] {
            assert!(read(text, &of).is_err(), "{text} for {of}");
        }
        let misfit = typed("abc", &declared(&json!(1)), AT).expect_err("not a number");
        assert_eq!((misfit.declared, misfit.given.as_str()), ("a number", "`abc`"));
    }

    #[test]
    fn a_value_of_a_file_fits_its_declaration() {
        let number = Node { spelling: Some("1.10".into()), ..Node::from_json(&json!(1.1), AT) };
        let fits = |given: Node, of: &Json| fit(given, &declared(of)).map(|node| node.to_json());
        assert_eq!(fits(number.clone(), &json!("1.0")), Ok(json!("1.10")));
        assert_eq!(fits(number, &json!(1)), Ok(json!(1.1)));
        let plain = |value: Json| Node::from_json(&value, AT);
        assert_eq!(fits(plain(json!("3")), &json!(1)), Ok(json!(3)));
        assert_eq!(fits(plain(json!([1])), &Json::Null), Ok(json!([1])));
        assert_eq!(fits(plain(json!(null)), &json!(1)), Ok(json!(null)));
        for (given, of) in
            [(json!("abc"), json!(1)), (json!(1), json!(true)), (json!([1]), json!("a")), (json!("a"), json!([]))]
        {
            assert!(fits(plain(given.clone()), &of).is_err(), "{given} for {of}");
        }
    }
}
