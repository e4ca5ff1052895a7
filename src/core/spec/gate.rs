//! Gate files and the keys every assertion has beside its kind.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use super::common::{Any, When};
use super::each::ForEach;
use super::runner::RunsOn;
use crate::core::kind::Tolerate;
use crate::core::model::units::TimeSpan;

/// A gate file: a list of assertions that stages use, with parameters. A bare list is one without parameters.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GateSpec {
    /// What it is for, in a sentence.
    #[serde(default)]
    pub description: Option<String>,
    /// Parameters by name: a default, `null` where `with:` must give a value, or a declaration: `{ type: integer, min: 1 }`
    /// with `default`, `one_of`, `matches`, `min`, `max` and `description`. Reached as `${{ params.NAME }}`.
    #[serde(default)]
    pub params: IndexMap<String, Any>,
    /// The assertions.
    pub assertions: Vec<Any>,
}

/// An entry of a gate that takes over the assertions of a gate file.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UseSpec {
    /// The gate file, relative to the project's folder.
    pub r#use: String,
    /// Values for its parameters.
    #[serde(default)]
    pub with: IndexMap<String, Any>,
    /// A list or a matrix: its assertions once for each, with `item` in `with`.
    #[serde(default)]
    pub for_each: Option<ForEach>,
}

/// The keys every assertion has beside its kind.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AssertionKeys {
    /// What it promises, in the user's words; shown instead of the kind's own.
    #[serde(default)]
    pub name: Option<String>,
    /// Becomes true in this time (watching, not polling); measured once where absent. A look that began in time may take
    /// 10s, however short this is.
    #[serde(default)]
    pub within: Option<TimeSpan>,
    /// Stays true for this long.
    #[serde(default)]
    pub r#for: Option<TimeSpan>,
    /// A list, or a matrix `{ matrix: { os: [a, b], db: [x, y] } }`: the assertion is measured once for each, as `item`. May
    /// be a `${{ vars.… }}`; its values are known before the run.
    #[serde(default)]
    pub for_each: Option<ForEach>,
    /// A CEL condition; the assertion is skipped when it is false.
    #[serde(default)]
    pub when: Option<When>,
    /// With `when`: why it is skipped, in the user's words; else the condition is shown.
    #[serde(default)]
    pub otherwise: Option<String>,
    /// Causes that do not end `within` before its time, as a list or `all`. A cause that waiting cannot fix ends it
    /// otherwise: `pipeline explain causes` lists them.
    #[serde(default)]
    pub tolerate: Tolerate,
    /// For `shell`: a runner of pipeline.yaml that its command runs on, or `local`, or `{ runner: NAME, image: IMAGE }`;
    /// else that of the stage. Each measurement is a Pod.
    #[serde(default)]
    pub runs_on: Option<RunsOn>,
    /// Files, folders and patterns below the project that the command finds on its runner. On this machine they are in
    /// their place already.
    #[serde(default)]
    pub inputs: Vec<String>,
    /// `warning`: its failure is reported, but the gate holds.
    #[serde(default)]
    pub severity: SeveritySpec,
}

/// How much an assertion counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SeveritySpec {
    /// The gate does not hold without it.
    #[default]
    Error,
    /// Reported only.
    Warning,
}

/// After which bad ends a step is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RetryOn {
    /// A failure and a fault.
    #[default]
    Any,
    /// A fault: there was no answer.
    Fault,
    /// A failure: the answer was bad.
    Failure,
}

/// How often a step is tried.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RetrySpec {
    /// Attempts in all, the first included.
    #[schemars(range(min = 1, max = 100))]
    pub attempts: u32,
    /// Wait before the second attempt; doubles each time. `1s` where absent.
    #[serde(default)]
    pub backoff: Option<TimeSpan>,
    /// What is tried again: `any` bad end where nothing is written, only a `fault` (the step's own result is not known), or
    /// only a `failure`.
    #[serde(default)]
    pub on: RetryOn,
    /// A CEL condition over `outcome`, the end of the last attempt: `state` (`failed` or `errored`), `message`, `timed_out`
    /// and `attempt`. No further attempt is made when it is false.
    #[serde(default)]
    pub when: Option<When>,
    /// The wait never grows past this. `60s`, or `backoff` where that is more, where absent.
    #[serde(default)]
    pub max_backoff: Option<TimeSpan>,
}
