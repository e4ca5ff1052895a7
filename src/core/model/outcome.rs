//! What came of a step or an assertion: outcomes, verdicts, findings and faults. Knows no kind and no cluster.

mod outputs;

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use outputs::Outputs;

/// How one attempt of a step ended, when we could find out.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// It did what it says.
    Passed(Outputs),
    /// It did not: a command with a wrong exit code, a manifest that was refused.
    Failed(Failure),
    /// It had nothing to do here, and says why (`optional` parts of an environment).
    Skipped(String),
}

impl Outcome {
    /// Passed, with nothing to hand on.
    pub fn passed() -> Self {
        Outcome::Passed(Outputs::new())
    }

    /// Failed with one sentence and no further cause.
    pub fn failed(summary: impl Into<String>) -> Self {
        Outcome::Failed(Failure::new(summary))
    }
}

/// Why a step failed, as facts that a reporter can lay out.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Failure {
    /// One lower-case sentence: what was tried and what came of it.
    pub summary: String,
    /// Exit code, where a command ended by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// What in the environment explains it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

impl Failure {
    /// A failure of one sentence.
    pub fn new(summary: impl Into<String>) -> Self {
        Failure { summary: summary.into(), ..Failure::default() }
    }

    /// Adds what explains it.
    #[must_use]
    pub fn because(mut self, findings: Vec<Finding>) -> Self {
        self.findings.extend(findings);
        self
    }

    /// Adds the line that says what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// One thing in the environment that explains a failure: `pod/backend-7c9 · ImagePullBackOff · …`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The object it was seen on: `pod/backend-7c9`, `service/backend`, a file.
    pub object: String,
    /// The cause by its name in the field: `CrashLoopBackOff`, `OOMKilled`, `Unschedulable`.
    pub cause: String,
    /// The message of the source itself: an event's message, the scheduler's, a probe's.
    pub message: String,
    /// Last log lines or similar, already cut to a readable length.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<String>,
    /// The class of causes that waiting cannot fix, if this is one of them: `ImageNotFound`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fatal: Option<String>,
}

impl Finding {
    /// A finding without log lines.
    pub fn new(object: impl Into<String>, cause: impl Into<String>, message: impl Into<String>) -> Self {
        Finding { object: object.into(), cause: cause.into(), message: message.into(), lines: Vec::new(), fatal: None }
    }

    /// Marks it as a cause of this class, which waiting cannot fix.
    #[must_use]
    pub fn fatal(mut self, class: &str) -> Self {
        self.fatal = Some(class.to_owned());
        self
    }
}

/// One measured value beside what was expected of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measure {
    /// What was measured, by its key in the assertion: `size`, `ready`, `p95`.
    pub name: String,
    /// The value found, with its unit: `612 MB`.
    pub actual: String,
    /// The expectation as written: `< 500 MB`; empty where nothing was expected of it.
    pub expected: String,
    /// Whether it holds.
    pub holds: bool,
    /// Whether it is a time or a rate: what else the machine did then may explain it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub timing: bool,
    /// Set where the expectation refers to a baseline. Not recorded: the engine takes it out.
    #[serde(skip)]
    pub relative: Option<Relative>,
    /// What it was taken from, where that is drawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub series: Option<Series>,
}

/// Values in time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// Seconds since the Unix epoch, and the value then; finite numbers, in time.
    pub points: Vec<(f64, f64)>,
}

impl Measure {
    /// A measure beside its expectation.
    pub fn new(name: impl Into<String>, actual: impl ToString, expected: impl ToString, holds: bool) -> Self {
        let (actual, expected) = (actual.to_string(), expected.to_string());
        Measure { name: name.into(), actual, expected, holds, timing: false, relative: None, series: None }
    }
}

/// What a measure was compared with, where its expectation refers to the past.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relative {
    /// Where the expectation is in its assertion: `size`, `headers.age`.
    pub key: String,
    /// The value now, exactly and with its unit.
    pub value: String,
    /// There was no baseline to compare it with.
    pub is_missing: bool,
}

/// A value that `pipeline baseline accept` makes a baseline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BaselineValue {
    /// The assertion, by the name that baselines.yaml knows it by: `build.gate: image`.
    pub assertion: String,
    /// Where the expectation is in it: `size`.
    pub key: String,
    /// The value, exactly and with its unit.
    pub value: String,
}

/// The result of one measurement of an assertion, if there was one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Verdict {
    /// Every measure holds.
    Holds {
        /// What was measured.
        measures: Vec<Measure>,
    },
    /// At least one measure does not hold.
    Unmet {
        /// What was measured, both sides.
        measures: Vec<Measure>,
    },
    /// It cannot be asked here, and says why; never counted as passed.
    Skipped {
        /// The reason.
        reason: String,
    },
}

impl Verdict {
    /// Holds when every measure does.
    pub fn of(measures: Vec<Measure>) -> Self {
        if measures.iter().all(|measure| measure.holds) {
            Verdict::Holds { measures }
        } else {
            Verdict::Unmet { measures }
        }
    }

    /// Whether it holds.
    pub fn holds(&self) -> bool {
        matches!(self, Verdict::Holds { .. })
    }

    /// The measures, where there are any.
    pub fn measures(&self) -> &[Measure] {
        match self {
            Verdict::Holds { measures } | Verdict::Unmet { measures } => measures,
            Verdict::Skipped { .. } => &[],
        }
    }
}

/// Whose fault it is that we could not find out; decides the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultKind {
    /// The files: a value that turned out wrong only at run time. Exit code 2.
    Invalid,
    /// The environment: no cluster, no Docker, a refused context. Exit code 3.
    Environment,
    /// Anything else that kept us from an answer. Exit code 1.
    Unknown,
}

/// We could not find out: no answer rather than a bad one (`<error>` in `JUnit`, not `<failure>`).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("{message}")]
pub struct Fault {
    /// Whose fault it is.
    pub kind: FaultKind,
    /// One lower-case sentence with both sides.
    pub message: String,
    /// What to type or check.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// Whether the same call may go through later, so that a retry is worth it.
    #[serde(default)]
    pub transient: bool,
}

impl Fault {
    fn of(kind: FaultKind, message: impl Into<String>) -> Self {
        Fault { kind, message: message.into(), help: None, transient: false }
    }

    /// The environment is not there.
    pub fn environment(message: impl Into<String>) -> Self {
        Fault::of(FaultKind::Environment, message)
    }

    /// A value turned out wrong at run time.
    pub fn invalid(message: impl Into<String>) -> Self {
        Fault::of(FaultKind::Invalid, message)
    }

    /// Something else kept us from an answer.
    pub fn unknown(message: impl Into<String>) -> Self {
        Fault::of(FaultKind::Unknown, message)
    }

    /// Adds the line that says what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Marks it as worth another try.
    #[must_use]
    pub fn transient(mut self) -> Self {
        self.transient = true;
        self
    }
}

/// How long something took, for events: whole microseconds survive JSON.
pub type Elapsed = Duration;
