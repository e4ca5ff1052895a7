//! The parts of a plan: stages, nodes, and the work behind a node.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::args::Args;
use super::definition::Definition;
use super::no_items::NoItems;
use super::paths;
use crate::core::expr::{Expr, Fact, Template};
use crate::core::kind::{Assertion, AssertionKind, CheckContext, Kind, Step, StepKind, Tolerate, Usage};
use crate::core::model::diagnostic::{Diagnostic, Diagnostics, Severity};
use crate::core::model::event::{NodeId, NodeOutline, Role};
use crate::core::model::outcome::Fault;
use crate::core::model::source::Span;
use crate::core::spec::{RetryOn, RetrySpec};
use crate::core::yaml::{Format, Formats, Node, Written};

/// A stage of the plan, by its index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StageId(pub u32);

impl StageId {
    /// As an index into the plan's stages.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A stage: steps, a gate, and what runs when it went wrong or is over.
#[derive(Debug)]
pub struct PlanStage {
    /// Its name, unique.
    pub name: String,
    /// Stages that must be over, with their gates holding, before it starts.
    pub needs: Vec<StageId>,
    /// Runs even though a needed stage failed (only the pipeline's own `finally`).
    pub always: bool,
    /// Skipped when false.
    pub when: Option<Expr>,
    /// Its own `env:`, for each of its steps.
    pub env: Vec<(String, Template)>,
    /// The limit for its steps and its gate together.
    pub timeout: Option<Duration>,
    /// The namespace for what names none in it.
    pub namespace: Option<Template>,
    /// What is asked of the environment before it opens.
    pub facts: Vec<Fact>,
    /// Its nodes, in the order of the file; a gate, where there is one, behind the steps.
    pub nodes: Vec<NodeId>,
}

/// A part of the plan, by its index: each use of a part file is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartId(pub u32);

impl PartId {
    /// As an index into the plan's parts.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A use of a part: the nodes of its steps belong to the graph of their stage.
#[derive(Debug)]
pub struct PlanPart {
    /// Its name in the stage: `database`, `database[eu]`, `shop.database`.
    pub name: String,
    /// The part's file, or its name under `parts:`.
    pub path: String,
    /// The id of the step that uses it.
    pub step: String,
    /// Its stage.
    pub stage: StageId,
    /// The part in which it is used.
    pub outer: Option<PartId>,
    /// The value of `item` for `args`, `when` and `env`, with `for_each`.
    pub item: Option<Written>,
    /// The values of its parameters, in terms of the caller.
    pub args: Args,
    /// All of it is skipped when false.
    pub when: Option<Expr>,
    /// Environment for all its steps.
    pub env: Vec<(String, Template)>,
    /// The limit for all of it.
    pub timeout: Option<Duration>,
    /// The namespace for what names none in it.
    pub namespace: Option<Template>,
    /// What the caller sees of it, in terms of the part.
    pub outputs: Vec<PartOutput>,
    /// Nodes of the caller to which `args`, `when` and `env` refer.
    pub refers: Vec<NodeId>,
    /// Its nodes, those of the parts that it uses included.
    pub nodes: Vec<NodeId>,
}

/// An output of a part.
#[derive(Debug)]
pub struct PartOutput {
    /// Its name.
    pub name: String,
    /// Its value, to be rendered with what the part's steps published.
    pub value: Node,
    /// Whether it carries a secret.
    pub secret: bool,
}

/// A node of the graph.
#[derive(Debug)]
pub struct PlanNode {
    /// What reports know of it.
    pub outline: NodeOutline,
    /// Its stage.
    pub stage: StageId,
    /// Its role: steps run first; `on_failure` when a step or the gate failed; `finally` when all that is over.
    pub role: Role,
    /// The id that its file gives it, of a stage or a part; `gate` for a gate.
    pub step: String,
    /// The value of `item`, with `for_each`.
    pub item: Option<Written>,
    /// Its items, where only the run knows them: its work is done for each.
    pub each: Option<Each>,
    /// Nodes of the same stage and role that must have passed before it starts; a gate waits for all steps anyway.
    pub needs: Vec<NodeId>,
    /// Other stages that must be over, with their gates holding, before it starts.
    pub after: Vec<StageId>,
    /// With `during`: the nodes it covers, up before the first of them starts and stopped after the last has ended.
    pub covers: Vec<NodeId>,
    /// Skipped when false.
    pub when: Option<Expr>,
    /// Its own `env:`.
    pub env: Vec<(String, Template)>,
    /// Limit of one attempt.
    pub timeout: Option<Duration>,
    /// Causes that do not end its waiting before its time.
    pub tolerate: Tolerate,
    /// How often it is tried.
    pub retry: Retry,
    /// No further attempt is made when it is false: a condition over `outcome`.
    pub retry_when: Option<Expr>,
    /// Index into the plan's pools.
    pub pool: Option<usize>,
    /// The runner that its command runs on; none is this machine.
    pub runs_on: Option<Box<Remote>>,
    /// Files that come back from a runner (`artifacts:`), as patterns.
    pub artifacts: Vec<String>,
    /// Its failure is reported but does not count.
    pub continue_on_error: bool,
    /// What it was written as.
    pub definition: Definition,
    /// Files that it depends on (`inputs:`), as patterns.
    pub inputs: Vec<String>,
    /// Files that it makes (`cache:`), as patterns; while they are as it left them it need not run.
    pub cache: Vec<String>,
    /// Files that are there when it has passed (`makes:`), as patterns.
    pub makes: Vec<String>,
    /// Must not run twice without confirmation.
    pub once: bool,
    /// The part that it belongs to.
    pub part: Option<PartId>,
    /// What is asked of the environment before it starts.
    pub facts: Vec<Fact>,
    /// What it does.
    pub work: Work,
}

impl PlanNode {
    /// How the body of its step is used.
    pub fn usage(&self) -> Usage {
        Usage { during: !self.covers.is_empty(), on_runner: self.runs_on.is_some() }
    }

    /// Whether it is a step of a kind that reads nothing but its body and its environment.
    pub fn is_light(&self) -> bool {
        self.each.is_none() && matches!(&self.work, Work::Step(step) if step.kind.light)
    }
}

/// A runner that a command runs on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remote {
    /// As an index into the plan's runners.
    pub runner: usize,
    /// The image in the place of the runner's.
    pub image: Option<String>,
}

/// Items that only the run knows.
#[derive(Debug, Clone)]
pub struct Each {
    /// The list, to be rendered.
    pub list: Node,
    /// How many run at once; as many as there are cores where nothing is written.
    pub max_parallel: Option<u32>,
}

/// How often a step is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// Attempts in all, at least 1.
    pub attempts: u32,
    /// Before the second attempt; doubles each time.
    pub backoff: Duration,
    /// Never longer than this.
    pub max_backoff: Duration,
    /// After which bad ends.
    pub on: RetryOn,
}

impl Default for Retry {
    /// One attempt.
    fn default() -> Self {
        Retry { attempts: 1, backoff: Duration::from_secs(1), max_backoff: Duration::from_secs(60), on: RetryOn::Any }
    }
}

impl Retry {
    /// As it was written. A wait that was asked for is not cut by a limit that was not.
    pub(super) fn of(written: &RetrySpec) -> Self {
        let backoff = written.backoff.map_or(Retry::default().backoff, |time| time.0);
        Retry {
            attempts: written.attempts.max(1),
            backoff,
            on: written.on,
            max_backoff: written.max_backoff.map_or(Retry::default().max_backoff.max(backoff), |time| time.0),
        }
    }
}

/// What a node does.
#[derive(Debug)]
pub enum Work {
    /// Runs a step.
    Step(StepPlan),
    /// Measures a gate.
    Gate(Gate),
}

/// A step's work.
#[derive(Debug)]
pub struct StepPlan {
    /// Its kind.
    pub kind: &'static StepKind,
    /// What was written under the kind's key.
    pub body: Body<dyn Step>,
    /// Outputs it declares beyond those of its kind (`outputs: [name]`).
    pub outputs: Vec<String>,
    /// Where its name is written.
    pub span: Span,
}

impl StepPlan {
    /// Whether it may touch the cluster.
    pub fn touches_cluster(&self) -> bool {
        match &self.body {
            Body::Ready(step) => self.kind.cluster && step.touches_cluster(),
            Body::Template(body) => self.kind.may_touch_cluster(body),
        }
    }
}

impl PlanAssertion {
    /// How its body is used.
    pub fn usage(&self) -> Usage {
        Usage { during: false, on_runner: self.runs_on.is_some() }
    }

    /// Whether it may touch the cluster.
    pub fn touches_cluster(&self) -> bool {
        match &self.body {
            Body::Ready(assertion) => self.kind.cluster && assertion.touches_cluster(),
            Body::Template(body) => self.kind.may_touch_cluster(body),
        }
    }
}

/// A gate's work.
#[derive(Debug, Default)]
pub struct Gate {
    /// Its assertions, measured side by side.
    pub assertions: Vec<PlanAssertion>,
    /// Entries whose `for_each` has no items; reported as skipped behind the assertions.
    pub without: Vec<NoItems>,
}

/// One assertion of a gate.
#[derive(Debug)]
pub struct PlanAssertion {
    /// Its `name:`, where it has one; else the kind's title is shown.
    pub name: Option<String>,
    /// What baselines.yaml knows it by: `build.gate: image`.
    pub identity: String,
    /// Its kind.
    pub kind: &'static AssertionKind,
    /// What was written under the kind's key.
    pub body: Body<dyn Assertion>,
    /// Must become true in this time; measured once where absent.
    pub within: Option<Duration>,
    /// Must stay true for this long (`for:`).
    pub hold: Option<Duration>,
    /// Skipped when false.
    pub when: Option<Expr>,
    /// Its `otherwise:`: why it is skipped, in the user's words.
    pub otherwise: Option<String>,
    /// Causes that do not end `within` before its time.
    pub tolerate: Tolerate,
    /// The runner that its command runs on; none is this machine.
    pub runs_on: Option<Box<Remote>>,
    /// Files that its command needs there, as patterns.
    pub inputs: Vec<String>,
    /// Its failure only warns.
    pub warning: bool,
    /// The values of the parameters of the gate file that it is in: `params` in expressions.
    pub params: Option<Arc<Args>>,
    /// Its item, with `for_each`.
    pub item: Option<Written>,
}

/// What was written under a kind's key: decoded already, or waiting for values that only the run knows.
pub enum Body<T: ?Sized + 'static> {
    /// Nothing in it depends on the run.
    Ready(Box<T>),
    /// To be rendered and decoded when its turn comes; its shape was checked.
    Template(Node),
}

impl<T: ?Sized> Body<T> {
    /// Whether it was decoded already.
    pub fn ready(&self) -> Option<&T> {
        match self {
            Body::Ready(body) => Some(body),
            Body::Template(_) => None,
        }
    }
}

impl<T: ?Sized> std::fmt::Debug for Body<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.ready().is_some() { "Ready" } else { "Template" })
    }
}

/// Decodes a body by its kind once its templates are rendered, and checks it as any other was checked before the run.
///
/// # Errors
/// [`Fault`] of kind invalid.
pub fn decode_rendered<T: ?Sized>(
    kind: &Kind<T>,
    rendered: &Node,
    project: &Path,
    usage: Usage,
) -> Result<Box<T>, Fault> {
    let wrong = |message: String| Fault::invalid(format!("{}: {message}", kind.name));
    let shape = kind.shape();
    let rendered = &*shape.expand(rendered);
    let body = kind.decode(rendered).map_err(|error| wrong(error.to_string()))?;
    let mut paths = Paths { project, out: Diagnostics::default() };
    // what does not fit its schema was reported by decoding
    shape.check(rendered, &mut paths, &mut Diagnostics::default());
    let mut out = paths.out;
    let Usage { during, on_runner } = usage;
    kind.check(&body, &mut CheckContext { body: rendered, project, during, on_runner, out: &mut out });
    match out.sorted().into_iter().find(|found| found.severity == Severity::Error) {
        None => Ok(body),
        Some(Diagnostic { message, help, .. }) => Err(Fault { help, ..wrong(message) }),
    }
}

/// Judges what can lead astray once its value is known: paths. Units and names are judged when they are decoded.
struct Paths<'a> {
    project: &'a Path,
    out: Diagnostics,
}

impl Formats for Paths<'_> {
    fn judge(&mut self, format: Format<'_>, _: &mut Diagnostics) {
        if let ("existing-path", Some(text)) = (format.name, format.node.as_text())
            && let Err(problem) = paths::resolve(self.project, text, format.node.span)
        {
            self.out.push(*problem);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_that_was_written_is_not_cut_by_a_limit_that_was_not() {
        let waits = |written: &str| {
            let retry = Retry::of(&serde_yaml::from_str(written).expect("a retry"));
            (retry.backoff.as_secs(), retry.max_backoff.as_secs())
        };
        assert_eq!(waits("{ attempts: 2 }"), (1, 60));
        assert_eq!(waits("{ attempts: 2, backoff: 100s }"), (100, 100));
        assert_eq!(waits("{ attempts: 2, backoff: 100s, max_backoff: 5s }"), (100, 5));
    }
}
