//! What happened in a run, as facts: owned, versioned, in the order the engine decided. No sentences, no colours.

mod live;
mod origin;
mod outline;
mod texts;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::core::model::outcome::{BaselineValue, Failure, Fault, Finding, Outputs, Verdict};

pub use live::Live;
pub use origin::{Continues, Ran, Rerun, RerunReason, ResumeMode, ReusedNode, Runner, run_time};
pub use outline::{NodeOutline, StageOutline};
pub use texts::Text;

/// The version of the event format; a journal of another version is refused.
pub const FORMAT_VERSION: u32 = 1;

/// A node of the plan, by its index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NodeId(pub u32);

impl NodeId {
    /// As an index into the plan's nodes.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// What a node is to its stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// One of `steps`.
    #[default]
    Step,
    /// The stage's gate.
    Gate,
    /// One of `on_failure`.
    OnFailure,
    /// One of `finally`.
    Finally,
}

/// The state of a node or a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Waits for others.
    Waiting,
    /// Could start, waits for a place.
    Ready,
    /// Runs.
    Running,
    /// A `during` step that is up.
    Up,
    /// Did what it says; a gate holds.
    Passed,
    /// Did not; a gate does not hold.
    Failed,
    /// We could not find out.
    Errored,
    /// Did not start, because of something.
    Skipped,
    /// Was stopped, because of something.
    Cancelled,
}

impl State {
    /// Whether nothing more can come.
    pub fn is_over(self) -> bool {
        matches!(self, State::Passed | State::Failed | State::Errored | State::Skipped | State::Cancelled)
    }

    /// Whether it ended badly.
    pub fn is_bad(self) -> bool {
        matches!(self, State::Failed | State::Errored)
    }

    /// Whether it began and came to no good end: failed, errored or cancelled.
    pub fn is_unfinished(self) -> bool {
        self.is_bad() || self == State::Cancelled
    }
}

/// Why a node did not run or was stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "why")]
pub enum Reason {
    /// This node failed or errored (by name, `stage.step`).
    Failed {
        /// Its name.
        node: String,
    },
    /// Its `when:` is false.
    When {
        /// The expression.
        expression: String,
    },
    /// The kind said it has nothing to do here.
    NotHere {
        /// Its reason.
        reason: String,
    },
    /// Not asked for (`--stage`, `--until`).
    NotSelected,
    /// Nothing that it is for has happened: nothing failed (`on_failure`), nothing was started (`finally`).
    NotNeeded,
    /// It would remove what a failed stage has left (`--keep failed`): `pipeline clean` does it.
    Pending,
    /// Ctrl-C or SIGTERM.
    Interrupted,
    /// The run could not go on: its journal broke, or it lost its place on the cluster.
    Stopped {
        /// What happened.
        reason: String,
    },
    /// An earlier run did it, and nothing that it depends on has changed.
    Kept {
        /// That run.
        run: String,
    },
    /// What it makes is as an earlier run left it, and what it depends on has not changed (`cache:`).
    Unchanged {
        /// That run.
        since: String,
    },
    /// Its own time was over.
    TimedOut {
        /// The limit.
        after: Duration,
    },
}

/// One assertion's last word.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AssertionResult {
    /// Its position in the gate.
    pub index: u32,
    /// Its `name:`, or the kind's title.
    pub name: String,
    /// Its kind.
    pub kind: String,
    /// Whether a failure only warns (`severity: warning`).
    pub warning: bool,
    /// What was measured; a fault when we could not find out.
    pub verdict: Result<Verdict, Fault>,
    /// What in the environment explains it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
    /// From the gate's start to the last word.
    pub elapsed: Duration,
    /// Number of measurements taken.
    pub looks: u32,
    /// Set if the wait ended before `within`, because of a cause that waiting cannot fix.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<EndedEarly>,
    /// The values of its expectations that refer to a baseline, measured or not: what can become one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub baselines: Vec<BaselineValue>,
    /// The files that it kept as evidence, by their names below the gate's folder.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<String>,
}

/// A wait that ended before its time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndedEarly {
    /// How long it waited.
    pub after: Duration,
    /// How long it could have waited.
    pub of: Option<Duration>,
    /// The cause that waiting cannot fix.
    pub cause: String,
}

impl std::fmt::Display for EndedEarly {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ended after {:.1}s", self.after.as_secs_f64())?;
        if let Some(of) = self.of {
            match of.as_secs() {
                // as people write a limit: 60s, not 1m
                seconds @ 1..=600 if of.subsec_millis() == 0 => write!(f, " of {seconds}s")?,
                _ => write!(f, " of {}", crate::core::model::units::TimeSpan(of))?,
            }
        }
        match self.cause.as_str() {
            "Never" => f.write_str(": the condition under `never` is true"),
            cause => write!(f, ": {cause} cannot recover"),
        }
    }
}

impl AssertionResult {
    /// Whether it keeps the gate from holding.
    pub fn is_bad(&self) -> bool {
        !self.warning && !matches!(self.verdict, Ok(Verdict::Holds { .. } | Verdict::Skipped { .. }))
    }
}

/// The state of a step's log at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LogSize {
    /// Lines kept.
    pub lines: u64,
    /// Bytes kept.
    pub bytes: u64,
    /// Bytes dropped past the limit.
    pub dropped: u64,
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "event")]
pub enum Event {
    /// The first event of every run.
    RunStarted {
        /// [`FORMAT_VERSION`].
        format: u32,
        /// The run's id.
        run: String,
        /// The pipeline's name.
        pipeline: String,
        /// When, RFC 3339 in UTC.
        time: String,
        /// The profile chosen.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        profile: Option<String>,
        /// The stages, in the order of the file.
        stages: Vec<StageOutline>,
        /// The nodes; [`NodeId`] is the index.
        nodes: Vec<NodeOutline>,
        /// The process that carries it out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        runner: Option<Runner>,
        /// The namespace that it created for itself, or took over from the earlier run.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        namespace: Option<String>,
        /// The earlier run that it goes on with.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        continues: Option<Box<Continues>>,
    },
    /// A node's attempt begins.
    NodeStarted {
        /// Which.
        node: NodeId,
        /// From 1.
        attempt: u32,
    },
    /// A `during` step is up.
    NodeUp {
        /// Which.
        node: NodeId,
    },
    /// An attempt failed and another one follows.
    AttemptFailed {
        /// Which.
        node: NodeId,
        /// From 1.
        attempt: u32,
        /// Why.
        failure: Failure,
        /// Until the next one.
        retry_in: Duration,
    },
    /// An assertion has its last word.
    AssertionSettled {
        /// The gate.
        node: NodeId,
        /// The word.
        result: AssertionResult,
    },
    /// A node is over.
    NodeFinished {
        /// Which.
        node: NodeId,
        /// Its state.
        state: State,
        /// Why it did not run or was stopped.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        because: Option<Reason>,
        /// Why it failed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        failure: Option<Failure>,
        /// Why we could not find out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        fault: Option<Fault>,
        /// Failed, but the run goes on as if it had passed (`continue_on_error`).
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        tolerated: bool,
        /// What it hands on.
        #[serde(default, skip_serializing_if = "Outputs::is_empty")]
        outputs: Outputs,
        /// From its first start.
        elapsed: Duration,
        /// Its log.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        log: Option<LogSize>,
        /// What it depended on, as a keyed digest; set if it passed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        fingerprint: Option<String>,
        /// The files that it made (`makes:`, `cache:`), as a keyed digest; set if it passed and makes any.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        made: Option<String>,
    },
    /// All of a stage is over.
    StageFinished {
        /// Index into the stages.
        stage: u32,
        /// Its state.
        state: State,
        /// From its first start.
        elapsed: Duration,
    },
    /// Ctrl-C or SIGTERM came.
    Interrupted {
        /// 2 or 15.
        signal: i32,
    },
    /// The run waits for its user, since this node failed (`--pause-on-failure`).
    Paused {
        /// Which.
        node: NodeId,
        /// Where to look.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        inspect: Vec<String>,
    },
    /// Something worth saying that changes nothing.
    Warned {
        /// The words.
        message: String,
    },
    /// Written behind the record of a run that was killed: another run has taken over what it left.
    TakenOver {
        /// That run; none where there was nothing to do.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<String>,
    },
    /// The last event of every run that was not killed.
    RunFinished {
        /// Passed, failed, errored or cancelled.
        state: State,
        /// What the command returns for it.
        exit_code: u8,
        /// From the start.
        elapsed: Duration,
    },
}

/// An event with its place in the record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// From 0, without gaps.
    pub seq: u64,
    /// Since the run's start.
    pub at: Duration,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}
