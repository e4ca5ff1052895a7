//! What is left of a tree when everything that does not fit is taken out. Says nothing; `check` did.

use super::Found;
use super::check::check;
use super::choose::NoFormats;
use super::compile::{Others, RuleId, Rules};
use crate::core::model::diagnostic::Diagnostics;
use crate::core::yaml::node::{Entry, Node, Value};

/// The part of `node` that fits; `None` where it does not fit at all.
pub(super) fn salvage(rules: &Rules, id: RuleId, node: &Node) -> Option<Node> {
    if check(rules, id, "", node, &mut NoFormats, &mut Diagnostics::default()) == Found::Fits {
        return Some(node.clone());
    }
    let value = match &node.value {
        Value::Map(entries) => {
            let rule = rules.get(rules.mapping(id)?);
            let inner = |entry: &Entry| match (rule.properties.get(&entry.key).copied(), rule.others) {
                (Some(inner), _) | (None, Others::Each(inner)) => salvage(rules, inner, &entry.node),
                (None, Others::Anything) => Some(entry.node.clone()),
                (None, Others::Nothing) => None,
            };
            let kept = entries.iter().filter_map(|entry| Some(Entry { node: inner(entry)?, ..entry.clone() }));
            Value::Map(kept.collect())
        }
        Value::List(items) => {
            let inner = rules.items(id)?;
            Value::List(items.iter().filter_map(|item| salvage(rules, inner, item)).collect())
        }
        _ => return None,
    };
    Some(Node { span: node.span, value, spelling: node.spelling.clone() })
}
