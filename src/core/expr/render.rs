//! Whole trees with templates in them: every text scalar that holds `${{` is replaced by its value. Keys stay as they are.

use super::error::ExprError;
use super::scope::Scope;
use super::template::Template;
use crate::core::model::source::Span;
use crate::core::yaml::{Entry, Node, Value};

/// Why a tree could not be rendered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{error}")]
pub struct RenderError {
    /// The scalar it is in.
    pub span: Span,
    /// What is wrong with it; offsets count from the start of the scalar's value (without quotes).
    pub error: ExprError,
}

/// The most that the templates of one tree may come to, in bytes.
const MOST: usize = 64 << 20;

/// Whether any text scalar in the tree holds `${{` or the escape `$${{`.
pub fn has_template(node: &Node) -> bool {
    match &node.value {
        Value::Text(text) => Template::is_in(text),
        Value::List(items) => items.iter().any(has_template),
        Value::Map(entries) => entries.iter().any(|entry| has_template(&entry.node)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// The tree with every template replaced by its value (places stay those of the template).
///
/// # Errors
/// The first scalar whose template does not parse or has no value, and the one with which their values get too large.
pub fn render(node: &Node, scope: &Scope) -> Result<Node, RenderError> {
    rendered(node, scope, &mut MOST.clone())
}

fn rendered(node: &Node, scope: &Scope, left: &mut usize) -> Result<Node, RenderError> {
    let value = match &node.value {
        Value::Text(text) if Template::is_in(text) => {
            let within = |value: Node| {
                let Some(rest) = left.checked_sub(weight(&value)) else {
                    let message = format!("the values here come to more than {} MiB", MOST >> 20);
                    return Err(ExprError::at(0, 0, message).help("hand on a file, and name it here"));
                };
                *left = rest;
                Ok(value)
            };
            let value = Template::parse(text).and_then(|template| template.node(scope, node.span)).and_then(within);
            return value.map_err(|error| RenderError { span: node.span, error });
        }
        Value::List(items) => {
            Value::List(items.iter().map(|item| rendered(item, scope, left)).collect::<Result<_, _>>()?)
        }
        Value::Map(entries) => {
            let mut each = |entry: &Entry| {
                let node = rendered(&entry.node, scope, left)?;
                Ok(Entry { key: entry.key.clone(), key_span: entry.key_span, plain: entry.plain, node })
            };
            Value::Map(entries.iter().map(&mut each).collect::<Result<_, _>>()?)
        }
        other => other.clone(),
    };
    Ok(Node { span: node.span, value, spelling: node.spelling.clone() })
}

/// About how many bytes of memory a tree takes: its texts, and something for each node.
pub fn weight(node: &Node) -> usize {
    const NODE: usize = 16;
    NODE + match &node.value {
        Value::Text(text) => text.len(),
        Value::List(items) => items.iter().map(weight).sum(),
        Value::Map(entries) => entries.iter().map(|entry| entry.key.len() + weight(&entry.node)).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::model::source::FileId;
    use serde_json::json;

    fn scope() -> Scope {
        let mut scope = Scope::default();
        scope.roots.insert("vars".into(), json!({"n": 2, "map": {"z": 1, "a": 2}}));
        scope
    }

    fn node(json: &serde_json::Value) -> Node {
        Node::from_json(json, Span::new(FileId(0), 3, 9))
    }

    #[test]
    fn values_that_hold_themselves_twice_have_an_end() {
        let mut scope = Scope::default();
        scope.roots.insert("vars".into(), json!({ "v": "x".repeat(10 << 20) }));
        let refused = |written: serde_json::Value| render(&node(&written), &scope).expect_err("too large").to_string();
        assert_eq!(refused(json!("${{ vars.v }}${{ vars.v }}${{ vars.v }}")), "its text is longer than 16 MiB");
        assert_eq!(refused(json!(vec!["${{ vars.v }}"; 7])), "the values here come to more than 64 MiB");
    }

    #[test]
    fn only_text_scalars_change_and_keys_stay() {
        let written = node(&json!({"${{ k }}": ["${{ vars.n }}", 1, null, true, "x"], "m": "${{ vars.map }}"}));
        let rendered = render(&written, &scope()).expect("all names exist");
        assert_eq!(
            serde_json::to_string(&rendered.to_json()).expect("json"),
            r#"{"${{ k }}":[2,1,null,true,"x"],"m":{"z":1,"a":2}}"#
        );
        assert_eq!(rendered.span, written.span);
        assert!(has_template(&written) && !has_template(&node(&json!({"${{ k }}": "x"}))));
    }

    #[test]
    fn an_error_names_the_scalar() {
        let error = render(&node(&json!(["${{ vars.q }}"])), &scope()).expect_err("no such var");
        assert_eq!(error.to_string(), "vars.q: no such key");
        assert_eq!((error.span, error.error.offset), (Span::new(FileId(0), 3, 9), 4));
    }
}
