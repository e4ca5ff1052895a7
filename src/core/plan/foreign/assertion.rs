//! Assertions as other tools write them: steps in a gate, chainsaw's `assert`, expectations without a kind.

use crate::core::yaml::{Entry, Node, Value};

use super::chainsaw::{Operation, operation};
use super::script::{Lists, Script};
use super::tree::{entry, map, one, text, text_at};

/// The assertion that is meant, or the one that is written.
pub(super) fn meant(item: &Node) -> Node {
    changed(item).unwrap_or_else(|| item.clone())
}

/// The assertion that is meant; `None` where it is one already, or none that is known.
pub(super) fn changed(item: &Node) -> Option<Node> {
    if let Some(command) = item.as_text() {
        let at = item.span;
        if command.starts_with("http://") || command.starts_with("https://") {
            return Some(one("http", item.clone()));
        }
        return Some(one("shell", text(command, at)));
    }
    let mut keys: Vec<Entry> = Vec::new();
    let mut found = false;
    for own in item.entries() {
        let made = of_key(own, item);
        found |= made.is_some();
        match made {
            Some(made) => keys.extend(made),
            None => keys.push(own.clone()),
        }
    }
    found.then(|| map(keys, item.span))
}

/// What means a key of another tool.
fn of_key(own: &Entry, item: &Node) -> Option<Vec<Entry>> {
    let (node, at) = (&own.node, own.node.span);
    match own.key.as_str() {
        "run" | "script" | "cmd" | "command" | "exec" | "cmds" | "commands" => {
            let mut script = Script::default();
            let arguments = matches!(own.key.as_str(), "command" | "exec");
            script.take(node, if arguments { Lists::Arguments } else { Lists::Lines }).then_some(())?;
            let kind = script.kind(at);
            Some(vec![if kind.key == "shell" { kind } else { entry("shell", text(node.as_text()?, at)) }])
        }
        "kubectl" => Some(vec![entry("shell", text(format!("kubectl {}", node.as_text()?), at))]),
        "curl" | "get" | "url" if item.get("http").is_none() => Some(vec![entry("http", node.clone())]),
        "port" if item.get("tcp").is_none() && node.scalar_text().is_some() => {
            Some(vec![entry("tcp", text(format!("127.0.0.1:{}", node.scalar_text()?), at))])
        }
        "exists" => Some(vec![entry("file", node.clone())]),
        "timeout" | "wait" | "eventually" | "retry_for" => node.as_text().map(|_| vec![entry("within", node.clone())]),
        "if" => match super::condition::condition(node.as_text()?) {
            super::condition::Condition::When(expression) => Some(vec![entry("when", text(expression, at))]),
            _ => Some(Vec::new()),
        },
        "continue-on-error" | "continue_on_error" | "allow_failure" => {
            Some(vec![entry("severity", text("warning", at))])
        }
        "http" => super::bodies::http_assertion(node).map(|made| vec![entry("http", made)]),
        #[expect(clippy::case_sensitive_file_extension_comparisons, reason = "the names of files are case-sensitive")]
        "assert" if node.as_text().is_some_and(|text| !text.ends_with(".yaml") && !text.ends_with(".yml")) => None,
        "assert" | "error" => match operation(&own.key, node)? {
            Operation::Assertion(assertion) => Some(assertion.entries().to_vec()),
            Operation::Step(_) => None,
        },
        "status" if text_at(item, "url").is_some() => None,
        _ => None,
    }
}

/// The list of assertions that a value means.
pub(super) fn list_of(node: &Node) -> Option<Vec<Node>> {
    match &node.value {
        Value::Map(_) | Value::Text(_) => Some(vec![meant(node)]),
        _ => None,
    }
}
