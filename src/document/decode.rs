//! From a checked tree to a typed value, through `serde_yaml` (archived: this is the only file that decodes with it).

use serde::de::DeserializeOwned;

use super::node::{Node, Segment, Value};

/// Why a tree is not the wanted type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct DecodeError {
    /// Where in the tree.
    pub path: Vec<Segment>,
    /// The decoder's words.
    pub message: String,
}

/// Decodes `node`; the error says where in the tree.
pub fn decode<T: DeserializeOwned>(node: &Node) -> Result<T, DecodeError> {
    serde_path_to_error::deserialize(plain(node)).map_err(|error| DecodeError {
        path: error.path().iter().filter_map(segment).collect(),
        message: error.inner().to_string(),
    })
}

fn segment(segment: &serde_path_to_error::Segment) -> Option<Segment> {
    match segment {
        serde_path_to_error::Segment::Map { key } => Some(Segment::Key(key.clone())),
        serde_path_to_error::Segment::Seq { index } => Some(Segment::Index(*index)),
        _ => None,
    }
}

fn plain(node: &Node) -> serde_yaml::Value {
    match &node.value {
        Value::Null => serde_yaml::Value::Null,
        Value::Bool(value) => (*value).into(),
        Value::Number(number) => serde_yaml::Value::Number(number.clone()),
        Value::Text(text) => text.clone().into(),
        Value::List(items) => serde_yaml::Value::Sequence(items.iter().map(plain).collect()),
        Value::Map(entries) => serde_yaml::Value::Mapping(
            entries.iter().map(|entry| (entry.key.clone().into(), plain(&entry.node))).collect(),
        ),
    }
}
