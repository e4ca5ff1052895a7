//! The keys of a step that may differ from item to item of its `for_each`: its files, its time and its title.

use super::PlanBuilder;
use super::body::Place;
use crate::core::expr::Template;
use crate::core::plan::decode::{decode_or_tell, render_static};
use crate::core::plan::keys::USE;
use crate::core::plan::names::{Item, Site};
use crate::core::plan::statics::static_scope;
use crate::core::spec::StepKeys;
use crate::core::yaml::{Entry, Node, Value, Written};

/// The keys that may hold `${{ item }}`; of the others all items have one.
const BY_ITEM: [&str; 7] = ["name", "timeout", "retry", "inputs", "cache", "makes", "artifacts"];

/// The keys of a step that has items.
pub(crate) struct ItemKeys {
    /// Those that refer to the item, as they are written.
    pub own: Node,
    /// The others, with the values of vars in place.
    pub shared: Node,
}

/// Whether a field of a step is for each item to be read by itself.
pub(super) fn uses_item(step: &Entry, field: &Entry) -> bool {
    BY_ITEM.contains(&field.key.as_str()) && step.node.entry(USE).is_none() && refers_to_item(&field.node)
}

fn refers_to_item(node: &Node) -> bool {
    match &node.value {
        Value::Text(text) if Template::is_in(text) => Template::parse(text).is_ok_and(|template| {
            template.references().any(|reference| reference.path.first().is_some_and(|root| root == "item"))
        }),
        Value::List(items) => items.iter().any(refers_to_item),
        Value::Map(entries) => entries.iter().any(|entry| refers_to_item(&entry.node)),
        _ => false,
    }
}

impl PlanBuilder<'_> {
    /// The keys as one item has them.
    pub(crate) fn keys_of_item(
        &mut self,
        at: Site<'_>,
        entry: &Entry,
        keys: &ItemKeys,
        item: &Written,
    ) -> Option<StepKeys> {
        let statics = static_scope(&self.names.vars, &self.names.spelled, Some(item), at.params);
        let place = Place::new(Site { item: Item::Known, ..at }, &statics);
        self.known_before_the_run(&keys.own, place)?;
        let own = render_static(&keys.own, &statics, self.out)?.into_owned();
        self.known_before_the_run(&own, place)?;
        let all = keys.shared.entries().iter().chain(own.entries()).cloned().collect();
        let keys: StepKeys = decode_or_tell(&Node::new(entry.node.span, Value::Map(all)), self.out)?;
        self.check_patterns(entry, &keys);
        Some(keys)
    }
}
