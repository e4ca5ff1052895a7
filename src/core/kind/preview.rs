//! What a step would change, as steps that apply objects find it without changing anything.

use crate::core::model::outcome::Failure;

/// What a step would change.
#[derive(Debug)]
pub enum Preview {
    /// Its objects, each compared with what is there.
    Compared(Vec<PreviewedObject>),
    /// What it would apply is refused, or cannot be rendered.
    Refused(Failure),
}

/// One object of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreviewedObject {
    /// `deployment.apps/web`.
    pub shown: String,
    /// Its kind.
    pub kind: String,
    /// Its namespace; empty where it has none.
    pub namespace: String,
    /// `added`, `changed`, `deleted` or `unchanged`.
    pub difference: &'static str,
    /// The unified diff, without secret values; empty where nothing differs.
    pub diff: String,
    /// Why it was not checked whole.
    pub unchecked: Option<String>,
}

impl PreviewedObject {
    /// Whether it would be another.
    pub fn differs(&self) -> bool {
        self.difference != "unchanged"
    }
}
