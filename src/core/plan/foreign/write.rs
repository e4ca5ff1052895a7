//! Writes a tree as YAML, as a person would: short things on a line, scripts as blocks. Knows no key.

use crate::core::yaml::{Entry, Node, Value};

/// What fits on a line.
const WIDTH: usize = 76;

/// `key: value` on one line; `None` where the value has several lines or is too long for one.
pub(super) fn line(entry: &Entry) -> Option<String> {
    let value = flow(&entry.node, Within::Block)?;
    let line = format!("{}: {value}", key(&entry.key));
    (line.chars().count() <= 160).then_some(line)
}

/// A mapping's entries as lines, the first without indentation and all others behind `indent` blanks.
pub(super) fn block(entries: &[Entry], indent: usize) -> String {
    let mut lines = Vec::new();
    for entry in entries {
        put_entry(entry, 0, &mut lines);
    }
    let margin = " ".repeat(indent);
    let indented =
        |(at, line): (usize, String)| if at == 0 || line.is_empty() { line } else { format!("{margin}{line}") };
    lines.into_iter().enumerate().map(indented).collect::<Vec<_>>().join("\n")
}

/// A tree between braces, on one line; texts of several lines in quotes.
pub(super) fn inline(node: &Node) -> String {
    match &node.value {
        Value::List(items) => format!("[{}]", items.iter().map(inline).collect::<Vec<_>>().join(", ")),
        Value::Map(entries) => {
            braces(entries.iter().map(|entry| format!("{}: {}", key(&entry.key), inline(&entry.node))))
        }
        Value::Text(text) if text.contains('\n') => serde_json::Value::from(text.as_str()).to_string(),
        _ => scalar(node, Within::Flow),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Within {
    Block,
    Flow,
}

fn put_entry(entry: &Entry, depth: usize, lines: &mut Vec<String>) {
    let margin = "  ".repeat(depth);
    let name = key(&entry.key);
    if let Value::Text(text) = &entry.node.value
        && text.contains('\n')
        && !text.starts_with([' ', '\n'])
        && !text.ends_with("\n\n")
    // empty lines at the end would need another header
    {
        let chomp = if text.ends_with('\n') { "|" } else { "|-" };
        lines.push(format!("{margin}{name}: {chomp}"));
        let inner = |line: &str| if line.is_empty() { String::new() } else { format!("{margin}  {line}") };
        lines.extend(text.lines().map(inner));
        return;
    }
    let fits = flow(&entry.node, Within::Block)
        .filter(|value| margin.len() + name.len() + value.chars().count() <= WIDTH || is_leaf(&entry.node))
        .filter(|_| !opens_block(&entry.key, &entry.node));
    match (fits, &entry.node.value) {
        (Some(value), _) => lines.push(format!("{margin}{name}: {value}")),
        (None, Value::Map(entries)) => {
            lines.push(format!("{margin}{name}:"));
            for entry in entries {
                put_entry(entry, depth + 1, lines);
            }
        }
        (None, Value::List(items)) => {
            lines.push(format!("{margin}{name}:"));
            for item in items {
                put_item(item, depth + 1, lines);
            }
        }
        (None, _) => lines.push(format!("{margin}{name}: {}", inline(&entry.node))),
    }
}

fn put_item(item: &Node, depth: usize, lines: &mut Vec<String>) {
    let margin = "  ".repeat(depth);
    match (
        flow(item, Within::Block).filter(|_| !item.entries().iter().any(|own| opens_block(&own.key, &own.node))),
        &item.value,
    ) {
        (Some(value), _) if margin.len() + value.chars().count() <= WIDTH => lines.push(format!("{margin}- {value}")),
        (_, Value::Map(entries)) if !entries.is_empty() => {
            let first = lines.len();
            for entry in entries {
                put_entry(entry, depth + 1, lines);
            }
            if let Some(line) = lines.get_mut(first) {
                *line = format!("{margin}- {}", line.trim_start());
            }
        }
        _ => lines.push(format!("{margin}- {}", inline(item))),
    }
}

/// Groups of steps and lists of stages are written as blocks even where they would fit on a line.
fn opens_block(key: &str, node: &Node) -> bool {
    let group = matches!(key, "steps" | "stages" | "on_failure" | "finally" | "gate");
    let full = |node: &Node| !node.entries().is_empty() || node.items().iter().any(|item| !item.entries().is_empty());
    group && full(node)
}

fn is_leaf(node: &Node) -> bool {
    !matches!(node.value, Value::Map(_) | Value::List(_))
}

/// A value on one line, where every text of it has one line.
fn flow(node: &Node, within: Within) -> Option<String> {
    match &node.value {
        Value::List(items) => {
            let items: Option<Vec<String>> = items.iter().map(|item| flow(item, Within::Flow)).collect();
            Some(format!("[{}]", items?.join(", ")))
        }
        Value::Map(entries) => {
            let pair = |entry: &Entry| Some(format!("{}: {}", key(&entry.key), flow(&entry.node, Within::Flow)?));
            let pairs: Option<Vec<String>> = entries.iter().map(pair).collect();
            Some(braces(pairs?.into_iter()))
        }
        Value::Text(text) if text.contains('\n') => None,
        _ => Some(scalar(node, within)),
    }
}

fn braces(pairs: impl Iterator<Item = String>) -> String {
    let pairs: Vec<String> = pairs.collect();
    if pairs.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", pairs.join(", ")) }
}

fn key(key: &str) -> String {
    if is_plain(key, Within::Flow) { key.to_owned() } else { quoted(key) }
}

fn scalar(node: &Node, within: Within) -> String {
    match &node.value {
        Value::Text(text) if is_plain(text, within) => text.clone(),
        Value::Text(text) => quoted(text),
        Value::Null => "null".to_owned(),
        _ => node.scalar_text().unwrap_or_default().into_owned(),
    }
}

fn quoted(text: &str) -> String {
    if text.chars().any(char::is_control) || (text.contains('\'') && !text.contains(['"', '\\'])) {
        return serde_json::Value::from(text).to_string();
    }
    if text.contains(['"', '\\']) { format!("'{}'", text.replace('\'', "''")) } else { format!("\"{text}\"") }
}

/// Whether a text means itself without quotes.
fn is_plain(text: &str, within: Within) -> bool {
    let special = "-?:,[]{}#&*!|>'\"%@`= ~";
    let Some(first) = text.chars().next() else { return false };
    let dashed = first == '-' && text.len() > 1 && !text.starts_with("- ");
    let odd =
        text.contains(": ") || text.contains(" #") || text.ends_with([':', ' ']) || text.chars().any(char::is_control);
    let flow = within == Within::Flow && text.contains([',', '[', ']', '{', '}']);
    let is_text = || matches!(serde_yaml::from_str(text), Ok(serde_yaml::Value::String(read)) if read == text);
    (!special.contains(first) || dashed) && !odd && !flow && !is_dated(text) && is_text()
}

/// What other readers of YAML take for a truth value, a number or a date.
fn is_dated(text: &str) -> bool {
    let number = text.starts_with(|c: char| c.is_ascii_digit())
        && text.chars().all(|c| "0123456789-+.:_eExXoOaAbBcCdDfF".contains(c));
    number || ["yes", "no", "on", "off", "y", "n"].contains(&text.to_ascii_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::model::diagnostic::Diagnostics;
    use crate::core::model::source::SourceMap;
    use crate::core::yaml::parse;
    use proptest::prelude::*;

    fn tree(text: &str) -> Node {
        let (mut sources, mut out) = (SourceMap::default(), Diagnostics::default());
        let file = sources.add("a.yaml", "a.yaml", text);
        parse(&sources, file, &mut out).expect("well formed")
    }

    #[test]
    fn writes_as_a_person_would() {
        let text = "stage: a\nsteps:\n  b:\n    shell: |\n      one\n      two\n    env: { A: \"1\", B: \"x, y\" }\n    needs: [c]";
        assert_eq!(block(tree(text).entries(), 0), text);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_as_the_same(texts in proptest::collection::vec("[ -~\n]{0,12}", 1..4)) {
            let value = serde_json::json!({ "k": texts, "m": { "a": texts[0] }, "t": texts[0] });
            let node = Node::from_json(&value, tree("a").span);
            prop_assert_eq!(tree(&block(node.entries(), 0)).to_json(), value.clone());
            prop_assert_eq!(tree(&inline(&node)).to_json(), value);
        }
    }
}
