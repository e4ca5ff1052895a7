//! Short forms: a scalar or a list in the place of a mapping is the value of its obvious key. A schema names that key in
//! `x-short` (scalars) and `x-short-list` (lists); the name of a verb alone is the verb without keys.

use super::check::is_one_template;
use super::compile::{Rule, RuleId, Rules, Types};
use crate::core::yaml::node::{Entry, Node, Value};

/// `node` with every short form below it written out; `None` where it has none.
pub(super) fn expand(rules: &Rules, id: RuleId, node: &Node) -> Option<Node> {
    let inner = match &node.value {
        Value::Map(entries) => Value::Map(entries_of(rules, rules.get(rules.mapping(id)?), entries)?),
        Value::List(items) if rules.types(id).allow(Types::LIST) => {
            Value::List(items_of(rules, rules.items(id)?, items)?)
        }
        Value::Null => return None,
        _ => return wrapped(rules, id, node),
    };
    Some(Node { span: node.span, value: inner, spelling: None })
}

fn entries_of(rules: &Rules, rule: &Rule, entries: &[Entry]) -> Option<Vec<Entry>> {
    let inner = |entry: &Entry| expand(rules, *rule.properties.get(&entry.key)?, &entry.node);
    let made: Vec<Option<Node>> = entries.iter().map(inner).collect();
    made.iter().any(Option::is_some).then(|| {
        let both = entries.iter().zip(made);
        both.map(|(entry, node)| Entry { node: node.unwrap_or_else(|| entry.node.clone()), ..entry.clone() }).collect()
    })
}

fn items_of(rules: &Rules, id: RuleId, items: &[Node]) -> Option<Vec<Node>> {
    let made: Vec<Option<Node>> = items.iter().map(|item| expand(rules, id, item)).collect();
    let both = || items.iter().zip(&made).map(|(item, node)| node.as_ref().unwrap_or(item).clone()).collect();
    made.iter().any(Option::is_some).then(both)
}

/// The mapping that a scalar or a list is short for.
fn wrapped(rules: &Rules, id: RuleId, node: &Node) -> Option<Node> {
    let is_list = matches!(node.value, Value::List(_));
    if rules.types(id).allow(if is_list { Types::LIST } else { Types::TEXT }) {
        return None;
    }
    let rule = rules.get(rules.mapping(id)?);
    if let Some(verb) = node.as_text().filter(|text| rule.verbs.iter().any(|verb| verb == text)) {
        return Some(below(verb, Node::new(node.span, Value::Map(Vec::new())), node));
    }
    let key = if is_list { rule.short_list.as_deref()? } else { rule.short.as_deref()? };
    let takes = *rule.properties.get(key)?;
    // What a value becomes is known when it is put in; a script takes none.
    if is_one_template(node) && rules.format(takes) != "script" {
        return None;
    }
    Some(below(key, node.clone(), node))
}

fn below(key: &str, value: Node, at: &Node) -> Node {
    let entry = Entry { key: key.to_owned(), key_span: at.span, plain: true, node: value };
    Node::new(at.span, Value::Map(vec![entry]))
}
