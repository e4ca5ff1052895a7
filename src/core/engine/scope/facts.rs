//! What expressions ask of the environment, in what they see.

use serde_json::{Map, Value, json};

use super::Known;
use crate::core::expr::{FACTS, Fact};

impl Known {
    /// What expressions ask of the environment, as it was found out last.
    pub fn learn(&mut self, facts: Map<String, Value>) {
        if let Value::Object(known) = self.roots.entry(FACTS.to_owned()).or_insert_with(|| json!({})) {
            known.extend(facts);
        }
    }

    /// Whether this was found out before.
    pub fn knows(&self, fact: &Fact) -> bool {
        self.roots.get(FACTS).is_some_and(|known| known.get(fact.key()).is_some())
    }
}
