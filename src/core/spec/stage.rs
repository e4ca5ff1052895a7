//! Stage files: steps and the gate behind them; the keys every step has beside its kind.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use super::common::{Any, EnvText, When};
use super::each::ForEach;
use super::gate::RetrySpec;
use super::runner::RunsOn;
use crate::core::kind::Tolerate;
use crate::core::model::units::TimeSpan;

/// A stage file.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StageSpec {
    /// The stage's name.
    #[schemars(extend("format" = "name"))]
    pub stage: String,
    /// What it is for, in a sentence.
    #[serde(default)]
    pub description: Option<String>,
    /// Other stages; their gates must hold before this one starts. None: it starts at once.
    #[serde(default)]
    pub needs: Vec<String>,
    /// A CEL condition; the stage is skipped when it is false.
    #[serde(default)]
    pub when: Option<When>,
    /// The limit for its steps and its gate together; `on_failure` and `finally` have none.
    #[serde(default)]
    pub timeout: Option<TimeSpan>,
    /// The namespace for steps and assertions that name none; else the pipeline's. It may use vars and `run.id`.
    #[serde(default)]
    pub namespace: Option<String>,
    /// Environment variables for every step of the stage.
    #[serde(default)]
    pub env: IndexMap<String, EnvText>,
    /// A runner of pipeline.yaml that its `shell` steps and the `shell` assertions of its gates run on, or `local`, or
    /// `{ runner: NAME, image: IMAGE }`; that of a step or an assertion wins.
    #[serde(default)]
    pub runs_on: Option<RunsOn>,
    /// The steps by id. They run in parallel unless `needs`, `during` or a reference orders them.
    #[serde(default)]
    pub steps: IndexMap<String, Any>,
    /// Steps that run when a step or the gate of this stage failed.
    #[serde(default)]
    pub on_failure: IndexMap<String, Any>,
    /// Steps that always run when the stage is over.
    #[serde(default)]
    pub finally: IndexMap<String, Any>,
    /// Assertions that must hold before stages that need this one start.
    #[serde(default)]
    pub gate: Vec<Any>,
}

/// The keys every step has beside its kind.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StepKeys {
    /// What it is for, shown in plan and reports.
    #[serde(default)]
    pub name: Option<String>,
    /// Steps of this stage that must pass before it starts; also other stages, whose gates must hold before this one
    /// step starts, while the rest of its stage goes ahead. A step that runs `during` this one counts once it is up.
    #[serde(default)]
    pub needs: Vec<String>,
    /// Steps of this stage, or `gate`, that this step runs around: it is up before the first of them starts, and is
    /// stopped after the last has ended.
    #[serde(default)]
    pub during: Vec<String>,
    /// A CEL condition; the step is skipped when it is false.
    #[serde(default)]
    pub when: Option<When>,
    /// The limit of one attempt.
    #[serde(default)]
    pub timeout: Option<TimeSpan>,
    /// How often it is tried: `attempts` in all, and `backoff` before the second one, which doubles up to `max_backoff`.
    #[serde(default)]
    pub retry: Option<RetrySpec>,
    /// Environment variables.
    #[serde(default)]
    pub env: IndexMap<String, EnvText>,
    /// A list: the step runs once for each, as `item`. May be a `${{ vars.… }}`. Or a matrix, for all combinations of
    /// several lists: `{ matrix: { os: [a, b], db: [x, y] } }`, with `item.os` and `item.db`.
    #[serde(default)]
    pub for_each: Option<ForEach>,
    /// With `for_each`: how many of its items run at once.
    #[serde(default)]
    #[schemars(range(min = 1, max = 10000))]
    pub max_parallel: Option<u32>,
    /// A pool of pipeline.yaml that limits how many run at once.
    #[serde(default)]
    pub pool: Option<String>,
    /// A runner of pipeline.yaml that its command runs on, or `local`, or `{ runner: NAME, image: IMAGE }`. Such a step
    /// takes no place of `--jobs`. It finds the files that `inputs` names, and nothing else of the project; its environment
    /// is what the pipeline's files set.
    #[serde(default)]
    pub runs_on: Option<RunsOn>,
    /// Files, folders and patterns below the project that come back from a runner to the same paths, also where the step
    /// fails. On this machine they are in their place already.
    #[serde(default)]
    pub artifacts: Vec<String>,
    /// Names it writes to `$PIPELINE_OUTPUT` as `name=value` lines.
    #[serde(default)]
    pub outputs: Vec<String>,
    /// Files, folders and patterns below the project (`src`, `**/*.lock`) that it depends on: where they changed,
    /// `run --resume` runs it again. What a kind reads by itself (manifests, charts, build contexts) needs no mention.
    /// Content behind links to folders of the project counts; with a link that leads out of it the step always runs.
    #[serde(default)]
    pub inputs: Vec<String>,
    /// Files and patterns below the project that it makes (`dist`, `bin/*`), also behind links to folders of the project.
    /// While content and the owner's execute bit are as it left them, and its
    /// `inputs:`, definition, values and the variables that `env:` sets are the same, no run does it again: its outputs are
    /// those of then. What it inherits from the environment does not count: name it under `env:` where it decides. Where
    /// one of its `inputs:` names nothing, it always runs. `run --fresh` does it all the same.
    #[serde(default)]
    pub cache: Vec<String>,
    /// Files, folders and patterns below the project that it makes. Steps that name one of them where a file is named
    /// (`files`, `dir`, `inputs`, `context`, `values_files`, `file.text(…)`) need this step, and it may be missing before.
    /// A path that is not there when the step has passed is a failure; where one is gone or changed, `run --resume` runs
    /// the step again. What `cache` and `artifacts` name counts as made, too.
    #[serde(default)]
    pub makes: Vec<String>,
    /// It must not run twice: where a run died in its middle, `run --resume` asks before it runs it again, and fails
    /// where there is no terminal to ask at.
    #[serde(default)]
    pub once: bool,
    /// Causes that do not end its waiting before its time, as a list or `all`. A step that waits for the cluster ends
    /// otherwise as soon as it sees a cause that waiting cannot fix: `pipeline explain causes` lists them.
    #[serde(default)]
    pub tolerate: Tolerate,
    /// Its failure is reported, but does not count.
    #[serde(default)]
    pub continue_on_error: bool,
    /// In the place of a kind: a part, by the path of its file or its name under `parts:`. Its steps take the place of this
    /// one, as `ID.STEP`.
    #[serde(default)]
    pub r#use: Option<String>,
    /// With `use`: values for the part's parameters. They may be values of the run and outputs of other steps; secrets
    /// where the parameter is declared with `type: secret`.
    #[serde(default)]
    pub with: IndexMap<String, Any>,
    /// With `use`: the namespace for the part's steps and assertions that name none.
    #[serde(default)]
    pub namespace: Option<String>,
    /// In the place of a kind: assertions that must hold before the steps that need this one start. It sees the outputs
    /// of the steps that it needs, and takes no place of `--jobs`.
    #[serde(default)]
    pub gate: Vec<Any>,
}
