//! What a user writes, as types: pipeline, stage and gate files, the keys every step and assertion has. Checks nothing.

mod baselines;
mod common;
mod declaration;
mod each;
mod gate;
mod part;
mod pipeline;
mod runner;
pub mod schema;
pub mod secret;
mod stage;

pub use baselines::{BaselineSpec, BaselinesSpec};
pub use common::{Any, EnvText, MAX_NAME, StageNames, When, name_problem};
pub use declaration::{DeclarationSpec, TypeSpec};
pub use each::{ForEach, MatrixSpec};
pub use gate::{AssertionKeys, GateSpec, RetryOn, RetrySpec, SeveritySpec, UseSpec};
pub use part::PartSpec;
pub use pipeline::{
    ClusterSpec, FreshSpec, KeepNamespace, NamespaceSpec, PipelineSpec, ProfileClusterSpec, ProfileSpec,
};
pub use runner::{LOCAL, PodRunnerSpec, RunnerSpec, RunsOn};
pub use secret::SecretSource;
pub use stage::{StageSpec, StepKeys};
