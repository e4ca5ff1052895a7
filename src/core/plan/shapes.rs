//! The schemas of all kinds and of the keys beside them.

use std::any::TypeId;
use std::collections::HashMap;
use std::sync::Arc;

use crate::core::kind::{Kind, Registry};
use crate::core::spec::{Any, AssertionKeys, EnvText, GateSpec, PartSpec, StepKeys, UseSpec, When};
use crate::core::yaml::CompiledSchema;

/// The shapes of all kinds and of the keys beside them, each made once, on its first use.
pub(super) struct Shapes {
    pub registry: Registry,
    pub step_keys: Arc<CompiledSchema>,
    pub assertion_keys: Arc<CompiledSchema>,
    pub use_keys: Arc<CompiledSchema>,
    pub gate_keys: Arc<CompiledSchema>,
    pub part_keys: Arc<CompiledSchema>,
    /// Of a value that can be anything, and of one that may carry a secret.
    pub any: Arc<CompiledSchema>,
    pub secret_text: Arc<CompiledSchema>,
    pub condition: Arc<CompiledSchema>,
    /// Steps and assertions may share a name.
    kinds: HashMap<(TypeId, &'static str), Arc<CompiledSchema>>,
}

impl Shapes {
    pub fn new(registry: Registry) -> Self {
        Shapes {
            registry,
            step_keys: Arc::new(CompiledSchema::of::<StepKeys>()),
            assertion_keys: Arc::new(CompiledSchema::of::<AssertionKeys>()),
            use_keys: Arc::new(CompiledSchema::of::<UseSpec>()),
            gate_keys: Arc::new(CompiledSchema::of::<GateSpec>()),
            part_keys: Arc::new(CompiledSchema::of::<PartSpec>()),
            any: Arc::new(CompiledSchema::of::<Any>()),
            secret_text: Arc::new(CompiledSchema::of::<EnvText>()),
            condition: Arc::new(CompiledSchema::of::<When>()),
            kinds: HashMap::new(),
        }
    }

    pub(super) fn kind<T: ?Sized + 'static>(&mut self, kind: &'static Kind<T>) -> Arc<CompiledSchema> {
        let key = (TypeId::of::<T>(), kind.name);
        Arc::clone(self.kinds.entry(key).or_insert_with(|| Arc::new(kind.shape())))
    }
}
