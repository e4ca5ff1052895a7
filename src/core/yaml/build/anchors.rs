//! Anchors, aliases and `<<`: values that stand once and are used again, within bounds. And keys that stand twice.

use std::collections::{HashMap, HashSet};

use super::{Builder, MAX_DEPTH, Next};
use crate::core::model::diagnostic::{Code, Diagnostic};
use crate::core::model::source::Span;
use crate::core::yaml::node::{Entry, Node, Value};

/// How much aliases may expand to, in nodes (64 bytes of text count as one more).
const MAX_EXPANSION: usize = 100_000;

/// A value with a name.
pub(super) enum Anchor {
    /// The value it is on is not complete.
    Open,
    /// The value, and what copying it costs.
    Done(Node, usize, usize),
}

impl Builder<'_> {
    /// Keys that occur twice: reported, and taken out, so that nothing stumbles over them again.
    pub(super) fn duplicates(&mut self, entries: &mut Vec<Entry>) {
        let mut second: Vec<usize> = Vec::new();
        let mut clash = |first: usize, at: usize| {
            let entry = &entries[at];
            self.out.push(
                Diagnostic::error(
                    Code::DuplicateKey,
                    entry.key_span,
                    format!("the key `{}` occurs twice here", entry.key),
                )
                .label("again here")
                .also(entries[first].key_span, "first here")
                .help("remove one, or rename it"),
            );
            second.push(at);
        };
        if entries.len() <= 8 {
            for at in 1..entries.len() {
                if let Some(first) = entries[..at].iter().position(|other| other.key == entries[at].key) {
                    clash(first, at);
                }
            }
        } else {
            let mut seen: HashMap<&str, usize> = HashMap::with_capacity(entries.len());
            for (at, entry) in entries.iter().enumerate() {
                match seen.get(entry.key.as_str()) {
                    Some(first) => clash(*first, at),
                    None => drop(seen.insert(&entry.key, at)),
                }
            }
        }
        if second.is_empty() {
            return;
        }
        let mut at = 0;
        let mut twice = second.into_iter().peekable();
        entries.retain(|_| {
            at += 1;
            twice.next_if_eq(&(at - 1)).is_none()
        });
    }

    /// `<<: *base`, as YAML 1.1 has it: keys written here win, earlier maps of a list win over later ones.
    pub(super) fn merge(&mut self, entries: &mut Vec<Entry>, node: Node) {
        match node.value {
            Value::Map(merged) => {
                let known: HashSet<String> = entries.iter().map(|entry| entry.key.clone()).collect();
                entries.extend(merged.into_iter().filter(|entry| !known.contains(&entry.key)));
            }
            Value::List(items) => items.into_iter().for_each(|item| match item.value {
                Value::Map(_) => self.merge(entries, item),
                _ => self.no_merge(&item),
            }),
            _ => self.no_merge(&node),
        }
    }

    pub(super) fn no_merge(&mut self, node: &Node) {
        self.out.push(
            Diagnostic::error(
                Code::Syntax,
                node.span,
                format!("`<<` merges mappings, but this is {}", node.type_name()),
            )
            .help("write `<<: *name` with the name of an anchor on a mapping"),
        );
    }

    pub(super) fn anchor(&mut self, id: usize, node: &Node) {
        if id != 0 {
            let (weight, depth) = measure(node);
            // Anchors in anchors are copied once a level: that is bounded like the copies themselves.
            self.expanded += if weight > 1_000 { weight / 16 } else { 0 };
            self.anchors.insert(id, Anchor::Done(node.clone(), weight, depth));
        }
    }

    pub(super) fn alias(&mut self, id: usize, span: Span) -> Next {
        let (weight, depth) = match self.anchors.get(&id) {
            Some(Anchor::Done(_, weight, depth)) => (*weight, *depth),
            Some(Anchor::Open) | None => {
                let message = "this alias is inside the value it repeats, which would never end";
                self.out.push(Diagnostic::error(Code::AliasBomb, span, message).help("write the value out"));
                return Next::Stop;
            }
        };
        self.expanded += weight;
        if self.expanded > MAX_EXPANSION {
            let message = format!("aliases expand to more than {MAX_EXPANSION} values");
            let help = "write the repeated part as `vars`, or as a gate file with parameters";
            self.out.push(Diagnostic::error(Code::AliasBomb, span, message).help(help));
            return Next::Stop;
        }
        if self.stack.len() + depth > MAX_DEPTH {
            return self.too_deep(span);
        }
        if let Some(Anchor::Done(node, ..)) = self.anchors.get(&id) {
            let node = Node { span, ..node.clone() };
            self.add(node, None, false);
        }
        Next::Go
    }
}

/// What copying a tree costs, and how deep it is.
fn measure(node: &Node) -> (usize, usize) {
    let (mut weight, mut depth) = (1, 0);
    let mut below = |node: &Node, more: usize| {
        let (inner, levels) = measure(node);
        weight += inner + more / 64;
        depth = depth.max(levels);
    };
    match &node.value {
        Value::Text(text) => return (1 + text.len() / 64, 1),
        Value::List(items) => items.iter().for_each(|item| below(item, 0)),
        Value::Map(entries) => entries.iter().for_each(|entry| below(&entry.node, entry.key.len())),
        _ => {}
    }
    (weight, depth + 1)
}
