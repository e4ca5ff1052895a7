//! What a node was written as, as a short digest: the same text in another place or layout is the same definition.

use crate::core::yaml::{Node, Value};

/// Digest of a definition, without the values that only a run knows.
pub type Definition = [u8; 16];

/// Its first digits: enough to see that two runs of one pipeline differ.
pub(crate) fn shown(definition: &Definition) -> String {
    definition[..6].iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// Gathers the parts of a definition.
#[derive(Debug, Default)]
pub(crate) struct Definer(blake3::Hasher);

impl Definer {
    /// A word, kept apart from its neighbours.
    pub fn word(&mut self, word: &str) -> &mut Self {
        self.0.update(&(word.len() as u64).to_le_bytes()).update(word.as_bytes());
        self
    }

    /// A tree, places aside.
    pub fn tree(&mut self, node: &Node) -> &mut Self {
        match &node.value {
            Value::Null => _ = self.0.update(b"n"),
            Value::Bool(value) => _ = self.0.update(if *value { b"t" } else { b"f" }),
            // `3.10` and `3.1` are the same number, but not the same text.
            Value::Number(_) => _ = self.word("#").word(&node.scalar_text().unwrap_or_default()),
            Value::Text(text) => _ = self.word("s").word(text),
            Value::List(items) => {
                self.0.update(b"[");
                for item in items {
                    self.tree(item);
                }
                self.0.update(b"]");
            }
            Value::Map(entries) => {
                self.0.update(b"{");
                for entry in entries {
                    self.word(&entry.key).tree(&entry.node);
                }
                self.0.update(b"}");
            }
        }
        self
    }

    /// The digest of all parts so far.
    pub fn finish(&self) -> Definition {
        let mut short = [0; 16];
        short.copy_from_slice(&self.0.finalize().as_bytes()[..16]);
        short
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::model::source::{FileId, Span};
    use serde_json::json;

    fn of(value: serde_json::Value, at: usize) -> Definition {
        Definer::default().tree(&Node::from_json(&value, Span::new(FileId(0), at, at))).finish()
    }

    #[test]
    fn the_place_does_not_matter_and_every_value_does() {
        let written = json!({ "run": "make", "n": [1, true, null] });
        assert_eq!(of(written.clone(), 0), of(written.clone(), 7));
        for other in [
            json!({ "run": "make", "n": [1, true] }),
            json!({ "run": "make", "n": ["1", true, null] }),
            json!({ "runm": "ake", "n": [1, true, null] }),
            json!({ "run": "make", "n": [1, false, null] }),
        ] {
            assert_ne!(of(written.clone(), 0), of(other, 0));
        }
    }
}
