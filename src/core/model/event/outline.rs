//! What a report must know of a run's stages and nodes before they start.

use serde::{Deserialize, Serialize};

use super::Role;

/// What a report must know of a node before it starts.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct NodeOutline {
    /// `stage.step`, `stage.step[item]`, `stage.gate`.
    pub name: String,
    /// Index into the stages of [`Event::RunStarted`].
    pub stage: u32,
    /// Its role.
    pub role: Role,
    /// Its kind (`shell`, `kube`, …); `gate` for gates.
    pub kind: String,
    /// What it does, in a few words, as the kind says.
    pub title: String,
    /// Number of assertions, for gates.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub assertions: u32,
    /// It must not run twice.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub once: bool,
    /// A digest of what it was written as; empty in records of before.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub definition: String,
}

impl NodeOutline {
    /// Whether it is a gate: a stage's own, or one among its steps.
    pub fn is_gate(&self) -> bool {
        self.role == Role::Gate || self.assertions > 0
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// What a report must know of a stage before it starts.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct StageOutline {
    /// Its name. The pipeline's own gate runs as stages `before` and `after`, its `finally` as `finally`.
    pub name: String,
    /// Names of the stages it needs.
    pub needs: Vec<String>,
    /// Names of other stages that single steps of it need.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps_need: Vec<String>,
}
