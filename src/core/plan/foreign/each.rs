//! Matrices and loops of other tools as `for_each`.

use crate::core::yaml::{Entry, Node, Value};

use super::tree::{entry, list, map};

/// The most combinations that are written out.
const MOST: usize = 64;

/// The items that a matrix, a list or a mapping with one means; `None` where they cannot be known.
pub(super) fn items(node: &Node) -> Option<Node> {
    if let Value::List(items) = &node.value {
        let matrices: Vec<Node> = items.iter().filter_map(items_of_matrix).collect();
        // GitLab's `parallel: { matrix: [{ A: [1, 2] }] }` has lists below its keys.
        let lists = |item: &Node| item.entries().iter().any(|own| matches!(own.node.value, Value::List(_)));
        if items.iter().any(lists) && matrices.len() == items.len() {
            let all = matrices.iter().flat_map(|one| one.items().iter().cloned()).collect();
            return Some(list(all, node.span));
        }
        return Some(node.clone());
    }
    let inner = ["matrix", "parameters", "var", "items"].iter().find_map(|key| node.get(key));
    match inner {
        Some(inner) => items(inner),
        None => items_of_matrix(node),
    }
}

/// `1` to `n`, for `parallel: n`.
pub(super) fn copies(node: &Node) -> Option<Node> {
    let count: u64 = node.scalar_text()?.parse().ok()?;
    let number = |index: u64| Node::new(node.span, Value::Number(index.into()));
    (1..=50).contains(&count).then(|| list((1..=count).map(number).collect(), node.span))
}

fn items_of_matrix(node: &Node) -> Option<Node> {
    let axis = |own: &&Entry| !matches!(own.key.as_str(), "include" | "exclude");
    let axes: Vec<&Entry> = node.entries().iter().filter(axis).collect();
    let mut rows: Vec<Vec<Entry>> = vec![Vec::new()];
    for own in &axes {
        let single = std::slice::from_ref(&own.node);
        let values = if let Value::List(values) = &own.node.value { values.as_slice() } else { single };
        if rows.len() * values.len() > MOST || own.node.as_text().is_some_and(|text| text.contains("{{")) {
            return None;
        }
        let with = |row: &Vec<Entry>, value: &Node| {
            row.iter().cloned().chain([entry(own.key.clone(), value.clone())]).collect::<Vec<_>>()
        };
        rows = rows.iter().flat_map(|row| values.iter().map(|value| with(row, value))).collect();
    }
    if axes.is_empty() {
        rows.clear();
    }
    let excluded = node.get("exclude").map(Node::items).unwrap_or_default();
    let is_in = |row: &[Entry], one: &Node| {
        let same =
            |own: &Entry| row.iter().any(|value| value.key == own.key && value.node.to_json() == own.node.to_json());
        one.entries().iter().all(same)
    };
    rows.retain(|row| !excluded.iter().any(|one| is_in(row, one)));
    let included = node.get("include").map(Node::items).unwrap_or_default();
    let rows = rows.into_iter().map(|row| map(row, node.span)).chain(included.iter().cloned());
    let rows: Vec<Node> = rows.collect();
    (!rows.is_empty()).then(|| list(rows, node.span))
}
