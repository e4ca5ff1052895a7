//! What expressions ask of the environment, in what they see.

use serde_json::{Map, Value, json};

use super::Known;
use crate::core::expr::FACTS;

impl Known {
    /// What expressions ask of the environment, as it was found out last.
    pub fn learn(&mut self, facts: Map<String, Value>) {
        if let Value::Object(known) = self.roots.entry(FACTS.to_owned()).or_insert_with(|| json!({})) {
            known.extend(facts);
        }
    }
}
