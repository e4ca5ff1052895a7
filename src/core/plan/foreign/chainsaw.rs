//! Operations of chainsaw, of Skaffold and of kubectl's verbs as keys: what each is as a step or an assertion.

use crate::core::model::source::Span;
use crate::core::yaml::{Entry, Node, Value};

use super::tree::{entry, list, map, one, text, text_at, texts};

/// What an operation is here.
pub(super) enum Operation {
    /// A step's kind.
    Step(Entry),
    /// An assertion of a gate.
    Assertion(Node),
}

const OPERATIONS: [&str; 10] =
    ["apply", "create", "delete", "wait", "assert", "error", "patch", "update", "podLogs", "describe"];

/// Whether a key is an operation on a cluster.
pub(super) fn is_operation(key: &str) -> bool {
    OPERATIONS.contains(&key)
}

/// The step or the assertion that an operation is.
pub(super) fn operation(key: &str, node: &Node) -> Option<Operation> {
    let at = node.span;
    let file = || node.get("file").or_else(|| node.get("files")).cloned().or_else(|| Some(node.clone()).filter(plain));
    let kube = |verb: Entry| {
        let namespace = text_at(node, "namespace").or_else(|| text_at(node.get("ref")?, "namespace"));
        let keys = namespace.map(|name| entry("namespace", text(name, at))).into_iter().chain([verb]);
        Some(Operation::Step(entry("kube", map(keys.collect(), at))))
    };
    match key {
        "apply" | "create" | "patch" | "update" => match node.get("resource").filter(|_| key != "patch") {
            Some(object) => kube(entry("apply", one("objects", list(vec![object.clone()], at)))),
            None => kube(entry("apply", file()?)),
        },
        "delete" => match target(node.get("ref").unwrap_or(node)) {
            Some(target) => kube(entry("delete", text(target, at))),
            None => kube(entry("delete", one("files", file()?))),
        },
        "wait" => {
            let mut keys = match (target(node), text_at(node, "selector")) {
                (Some(target), _) => vec![entry("target", text(target, at))],
                (None, Some(selector)) => {
                    let kind = text_at(node, "kind").unwrap_or_else(|| "pods".to_owned()).to_ascii_lowercase();
                    vec![entry("kind", text(kind, at)), entry("selector", text(selector, at))]
                }
                (None, None) => return None,
            };
            keys.push(entry("for", text(until(node), at)));
            kube(entry("wait", map(keys, at)))
        }
        "podLogs" => {
            let what = match text_at(node, "name") {
                Some(name) => entry("target", text(format!("pod/{name}"), at)),
                None => entry("selector", text(text_at(node, "selector")?, at)),
            };
            kube(entry("logs", map(vec![what], at)))
        }
        "describe" => {
            let object = target(node)?;
            Some(Operation::Step(entry("shell", text(format!("kubectl describe {object}"), at))))
        }
        "assert" | "error" => {
            if let Some(mut object) = asserted(node, at) {
                if key == "error"
                    && let Value::Map(keys) = &mut object.value
                {
                    keys.push(entry("absent", Node::new(at, Value::Bool(true))));
                }
                Some(Operation::Assertion(one("resource", object)))
            } else {
                // The file's content is not at hand: kubectl compares nothing, but it can be asked for the objects.
                let words = ["kubectl", "get", "-f"].into_iter().map(str::to_owned).chain(texts(&file()?));
                Some(Operation::Assertion(one("shell", super::tree::names(words, at))))
            }
        }
        _ => None,
    }
}

/// A file or several, as text.
fn plain(node: &Node) -> bool {
    !texts(node).is_empty() && node.entries().is_empty()
}

/// `kind/name` of a mapping with both.
fn target(node: &Node) -> Option<String> {
    let kind = text_at(node, "kind")?.to_ascii_lowercase();
    Some(format!("{kind}/{}", text_at(node, "name")?))
}

/// What chainsaw's `for:` waits for.
fn until(node: &Node) -> String {
    let Some(wanted) = node.get("for") else { return "exists".to_owned() };
    if let Some(written) = wanted.as_text() {
        return written.to_owned();
    }
    if let Some(condition) = wanted.get("condition") {
        let name = text_at(condition, "name").unwrap_or_else(|| "Ready".to_owned());
        let value = text_at(condition, "value").filter(|value| !value.eq_ignore_ascii_case("true"));
        return value.map_or_else(|| format!("condition={name}"), |value| format!("condition={name}={value}"));
    }
    if wanted.get("deletion").is_some() { "deleted".to_owned() } else { "exists".to_owned() }
}

/// The `resource` assertion for an object that is written in place.
fn asserted(node: &Node, at: Span) -> Option<Node> {
    let object = node.get("resource").or_else(|| Some(node).filter(|node| node.get("kind").is_some()))?;
    let kind = text_at(object, "kind")?;
    let mut keys = vec![entry("kind", text(kind, at))];
    if let Some(version) = text_at(object, "apiVersion") {
        keys.push(entry("api_version", text(version, at)));
    }
    let metadata = object.get("metadata");
    for key in ["name", "namespace"] {
        if let Some(value) = metadata.and_then(|metadata| text_at(metadata, key)) {
            keys.push(entry(key, text(value, at)));
        }
    }
    let rest = |own: &&Entry| !matches!(own.key.as_str(), "kind" | "apiVersion" | "metadata");
    let part: Vec<Entry> = object.entries().iter().filter(rest).cloned().collect();
    if !part.is_empty() {
        keys.push(entry("match", map(part, at)));
    }
    Some(map(keys, at))
}
