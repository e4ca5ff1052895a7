//! How numbers and truth values are written, kept beside JSON values, which know only what they are: `3.10` is the number
//! 3.1, and the text `3.10` wherever it becomes text.

use std::collections::BTreeMap;
use std::ops::Bound;

use super::node::{Node, Value};
use crate::core::model::source::Span;

/// The spellings in a value, by path. Only those that the JSON value does not show.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Spelled(BTreeMap<Vec<String>, Box<str>>);

impl Spelled {
    /// The spellings below a node.
    pub fn of(node: &Node) -> Self {
        let mut spelled = Spelled::default();
        spelled.gather(node, &mut Vec::new());
        spelled
    }

    fn gather(&mut self, node: &Node, path: &mut Vec<String>) {
        match &node.value {
            Value::Number(_) | Value::Bool(_) => {
                let shown = node.to_json().to_string();
                if let Some(spelling) = &node.spelling
                    && shown != **spelling
                {
                    self.0.insert(path.clone(), spelling.clone());
                }
            }
            Value::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    path.push(index.to_string());
                    self.gather(item, path);
                    path.pop();
                }
            }
            Value::Map(entries) => {
                for entry in entries {
                    path.push(entry.key.clone());
                    self.gather(&entry.node, path);
                    path.pop();
                }
            }
            Value::Null | Value::Text(_) => {}
        }
    }

    /// The spelling of the scalar at `path`.
    pub fn get(&self, path: &[String]) -> Option<&str> {
        self.0.get(path).map(AsRef::as_ref)
    }

    /// Whether every value is written as JSON shows it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds the spellings of a value that is at `name`; those of an earlier one are gone.
    pub fn set(&mut self, name: &str, below: &Spelled) {
        self.remove(name);
        for (path, spelling) in &below.0 {
            let path = std::iter::once(name.to_owned()).chain(path.iter().cloned()).collect();
            self.0.insert(path, spelling.clone());
        }
    }

    /// Forgets the spellings of the value at `name`.
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|path, _| path.first().is_none_or(|first| first != name));
    }

    /// The spellings of the value at `name`.
    #[must_use]
    pub fn below(&self, name: &str) -> Self {
        let below = self.0.iter().filter_map(|(path, spelling)| match path.split_first() {
            Some((first, rest)) if first == name => Some((rest.to_vec(), spelling.clone())),
            _ => None,
        });
        Spelled(below.collect())
    }

    /// Gives the scalars of `node`, which is the value at `path`, their spellings.
    pub fn apply(&self, path: &[String], node: &mut Node) {
        let from = (Bound::Included(path.to_vec()), Bound::Unbounded);
        for (at, spelling) in self.0.range(from).take_while(|(at, _)| at.starts_with(path)) {
            if let Some(scalar) = descend(node, &at[path.len()..])
                && matches!(scalar.value, Value::Number(_) | Value::Bool(_))
            {
                scalar.spelling = Some(spelling.clone());
            }
        }
    }
}

fn descend<'n>(node: &'n mut Node, path: &[String]) -> Option<&'n mut Node> {
    let Some((first, rest)) = path.split_first() else { return Some(node) };
    let next = match &mut node.value {
        Value::List(items) => items.get_mut(first.parse::<usize>().ok()?)?,
        Value::Map(entries) => &mut entries.iter_mut().find(|entry| entry.key == *first)?.node,
        _ => return None,
    };
    descend(next, rest)
}

/// A JSON value with its spellings.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Written {
    /// The value.
    pub value: serde_json::Value,
    /// How its numbers and truth values are written.
    pub spelled: Spelled,
}

impl Written {
    /// The value of a tree.
    pub fn of(node: &Node) -> Self {
        Written { value: node.to_json(), spelled: Spelled::of(node) }
    }

    /// A tree in which every node is at the same place.
    pub fn node(&self, span: Span) -> Node {
        let mut node = Node::from_json(&self.value, span);
        self.spelled.apply(&[], &mut node);
        node
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::model::source::FileId;

    fn number(value: f64, spelling: &str) -> Node {
        Node { spelling: Some(spelling.into()), ..Node::new(Span::new(FileId(0), 0, 0), Value::Number(value.into())) }
    }

    #[test]
    fn keeps_only_what_json_does_not_show() {
        assert!(Spelled::of(&number(3.1, "3.1")).is_empty());
        let list = Node::new(Span::new(FileId(0), 0, 0), Value::List(vec![number(3.5, "3.5"), number(3.1, "3.10")]));
        let written = Written::of(&list);
        assert_eq!(written.spelled.get(&["1".to_owned()]), Some("3.10"));
        assert_eq!(written.node(list.span).items()[1].scalar_text().as_deref(), Some("3.10"));
        let mut all = Spelled::default();
        all.set("vars", &written.spelled);
        assert_eq!(all.below("vars"), written.spelled);
        let mut second = Node::from_json(&serde_json::json!(3.1), list.span);
        all.apply(&["vars".to_owned(), "1".to_owned()], &mut second);
        assert_eq!(second.scalar_text().as_deref(), Some("3.10"));
        all.remove("vars");
        assert!(all.is_empty());
    }
}
