//! Where a run comes from: the process that carries it out, and the run it goes on with. Facts only.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{NodeId, State};
use crate::core::model::outcome::{Measure, Outputs};

/// The process that carries out a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Runner {
    /// Its process id.
    pub pid: u32,
    /// The machine's name.
    pub host: String,
    /// What every process of the run carries in its environment, as `PIPELINE_COOKIE`.
    pub cookie: String,
    /// The run's private folder for temporary files.
    pub scratch: PathBuf,
}

/// What a run does with an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ResumeMode {
    /// Goes on where it stopped (`run --resume`).
    Resume,
    /// Does only what it left undone: its `finally`.
    Settle,
}

/// The earlier run that a run goes on with, and what was decided about its nodes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Continues {
    /// Its id.
    pub run: String,
    /// What is done with it.
    pub how: ResumeMode,
    /// Nodes that are not run again; among them gates, which held and are looked at again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kept: Vec<ReusedNode>,
    /// Nodes that run although it knew them, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub again: Vec<Rerun>,
    /// `finally` steps that are pending cleanup: a run that dies before they are over leaves them to the next.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub owes: Vec<NodeId>,
}

/// When a step ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ran {
    /// Its first start, since the Unix epoch.
    pub from: Duration,
    /// Its end, since the Unix epoch; `None` while it runs.
    pub to: Option<Duration>,
}

impl Ran {
    /// From the first start of both to the last end.
    #[must_use]
    pub fn and(self, other: Ran) -> Ran {
        let to = self.to.zip(other.to).map(|(one, other)| one.max(other));
        Ran { from: self.from.min(other.from), to }
    }
}

/// A node whose result is taken over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReusedNode {
    /// Which.
    pub node: NodeId,
    /// The run that ran it.
    pub from: String,
    /// What it handed on.
    #[serde(default, skip_serializing_if = "Outputs::is_empty")]
    pub outputs: Outputs,
    /// What it depended on.
    pub fingerprint: String,
    /// The files that it made, as a keyed digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made: Option<String>,
    /// When it ran, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ran: Option<Ran>,
}

/// A node that runs again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rerun {
    /// Which.
    pub node: NodeId,
    /// Why.
    pub why: RerunReason,
}

/// Why a node runs although an earlier run knew it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RerunReason {
    /// It had started and its end is not known.
    InDoubt,
    /// It had not started.
    NotStarted,
    /// Its time was over before it had ended.
    TimedOut,
    /// It had ended, but not well.
    Ended(State),
    /// What it depends on is different: definition, inputs, variables, outputs of others.
    Changed,
    /// Whether that has changed cannot be found out.
    NotCompared {
        /// Why.
        reason: String,
    },
    /// It was not part of that run.
    New,
    /// This node, which it builds on, runs again.
    Follows(String),
    /// What it handed on was not recorded: it held a secret.
    OutputsHidden,
    /// Files that it made are not there any more; the pattern that names nothing.
    FilesGone(String),
    /// Files that it made are not as it left them.
    FilesChanged,
    /// The `finally` of its stage has run since, and may have undone it.
    FinallyRan,
    /// The gate of its stage held, and was found not to any more before the run began.
    GateGone {
        /// The assertion that does not hold.
        assertion: String,
        /// What was measured where more was expected.
        measures: Vec<Measure>,
    },
    /// It was asked for.
    Asked,
}

impl RerunReason {
    /// Whether it may have done its work already, wholly or in part.
    pub fn may_be_done(&self) -> bool {
        !matches!(
            self,
            RerunReason::NotStarted
                | RerunReason::New
                | RerunReason::Asked
                | RerunReason::Ended(State::Failed | State::Skipped)
        )
    }
}

/// When a run began, from its id (`20261123-145501-k3f9`), since the Unix epoch to the second; `None` where the id has no
/// time.
pub fn run_time(id: &str) -> Option<Duration> {
    let time = jiff::civil::DateTime::strptime("%Y%m%d-%H%M%S", id.get(..15)?).ok()?;
    time.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_duration().try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_says_when_its_run_began() {
        assert_eq!(run_time("19700102-000001-k3f9"), Some(Duration::from_secs(86_401)));
        assert_eq!(run_time("gate"), None);
        assert_eq!(run_time("notatime-atall!-abcd"), None);
    }
}
