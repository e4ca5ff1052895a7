//! The item of an assertion with `for_each`, and the assertion's name with it.

use crate::core::expr::Template;
use crate::core::yaml::{Node, Written};

/// The key.
pub(super) const FOR_EACH: &str = "for_each";

/// One item, and what tells its assertion from the others.
#[derive(Debug, Clone)]
pub(super) struct GateItem {
    pub item: Written,
    pub label: String,
}

/// The name of an assertion with items: the item tells it from the others where the name does not.
pub(super) fn named(written: Option<&Node>, name: String, item: Option<&GateItem>) -> String {
    let speaks = |node: &Node| {
        let template = node.scalar_text().and_then(|text| Template::parse(&text).ok());
        template.is_some_and(|template| template.references().any(|found| found.path[0] == "item"))
    };
    match item {
        Some(GateItem { label, .. }) if !written.is_some_and(speaks) => format!("{name} [{label}]"),
        _ => name,
    }
}
