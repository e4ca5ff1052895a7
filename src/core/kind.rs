//! The two traits every kind implements, the rows that register them, and what a kind is given to work with.

pub mod captured;
pub mod causes;
pub mod command;
mod context;
pub mod executor;
mod fields;
mod found;
pub mod lines;
mod machine;
mod preview;
mod sample;
pub mod services;
pub mod settings;
pub mod several;
mod tail;
#[cfg(test)]
pub(crate) mod test_context;
pub(crate) mod text;
mod waits;

use std::fmt;
use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::DeserializeOwned;

use crate::core::model::outcome::{Fault, Finding, Outcome, Verdict};
use crate::core::yaml::{CompiledSchema, DecodeError, Node, decode};

pub use context::{
    CheckContext, Context, CoveredSteps, Evidence, Executors, Mark, RunSecrets, Signals, Usage, now, timestamp,
};
pub use fields::{Cel, ExistingPath, ManifestValue, PushedImage, Script, SecretField, Since, StepId, WrittenValue};
pub use found::Found;
pub use machine::{CAUSE as MACHINE_LOAD, machine_load, watch_machine};
pub use preview::{Preview, PreviewedObject};
pub use sample::Sample;
use services::Services;
pub use several::Several;
pub use tail::Tail;
pub use text::{TextExpect, excerpt, finding_lines, regex_words};
pub use waits::{Tolerate, Waits, until_fatal, until_seen};

/// A step: what was written under its kind's key, ready to run. Tries once and stops promptly; the engine owns
/// timeout, retry and cancellation.
#[async_trait]
pub trait Step: Send + Sync + 'static {
    /// Checks that go beyond shape and formats. Reads the project's files at most.
    fn check(&self, cx: &mut CheckContext<'_>) {
        let _ = cx;
    }

    /// What it does, in a few words, for plan and progress: `apply manifests/`.
    fn title(&self) -> String;

    /// Whether it touches the cluster, where its kind may ([`Kind::cluster`]): the guard is asked before the run then.
    fn touches_cluster(&self) -> bool {
        true
    }

    /// Files and folders of the project that it reads, relative to it: where their content changed, what it did before
    /// does not stand for what it would do now.
    fn reads(&self) -> Vec<String> {
        Vec::new()
    }

    /// Objects outside of the project that it writes, as far as they are known before the run. Two steps that may run at
    /// the same time must not write different content to one object.
    fn writes(&self, project: &Path) -> Vec<WrittenObject> {
        let _ = project;
        Vec::new()
    }

    /// What its objects would change outside of the project, found without changing anything. `None` where it applies none.
    ///
    /// # Errors
    /// [`Fault`] when it could not be found out.
    async fn preview(&self, cx: &Context) -> Result<Option<Preview>, Fault> {
        let _ = cx;
        Ok(None)
    }

    /// Does it, once. Returns promptly when [`Context::cancelled`]; a kind that supports `during` calls
    /// [`Context::up`] when it is up and ends well when [`Context::stopped`].
    ///
    /// # Errors
    /// [`Fault`] when it could not be found out whether it did what it says.
    async fn run(&self, cx: &Context) -> Result<Outcome, Fault>;
}

/// An object that a step writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenObject {
    /// What it is the same by.
    pub key: String,
    /// How messages call it: `configmap/settings`.
    pub shown: String,
    /// Its content, in a form that is equal where the content is.
    pub content: String,
}

/// An assertion: what was written under its kind's key, ready to measure.
#[async_trait]
pub trait Assertion: Send + Sync + 'static {
    /// Checks that go beyond shape and formats.
    fn check(&self, cx: &mut CheckContext<'_>) {
        let _ = cx;
    }

    /// What is asserted, in a few words: `image todo-frontend:dev`.
    fn title(&self) -> String;

    /// Whether it touches the cluster, where its kind may ([`Kind::cluster`]): the guard is asked before the run then.
    fn touches_cluster(&self) -> bool {
        true
    }

    /// Called once when the run begins, where the body needs no value of the run: for what must be watched all along, not
    /// only when the gate is measured. Returns at once; what goes wrong is for [`Assertion::measure`] to tell.
    fn attend(&self, services: &Services, secrets: &RunSecrets) {
        let _ = (services, secrets);
    }

    /// What tells that another look is worth it. Called before the first [`Assertion::measure`], so that no change
    /// is missed in between.
    ///
    /// # Errors
    /// [`Fault`] when the thing to watch cannot be reached.
    async fn watch(&self, cx: &Context) -> Result<Box<dyn Watch>, Fault> {
        let _ = cx;
        Ok(Box::new(Poll(Duration::from_millis(250))))
    }

    /// Looks once.
    ///
    /// # Errors
    /// [`Fault`] when it could not be found out. A transient fault is looked at again while `within` lasts.
    async fn measure(&self, cx: &Context) -> Result<Verdict, Fault>;

    /// The causes seen now that waiting cannot fix, while the verdict is unmet. Asked about once a second as long as
    /// `within` lasts; the engine ends the wait when a [fatal](Finding::fatal) one that is not tolerated was seen twice
    /// in a row.
    async fn blockers(&self, cx: &Context, verdict: &Verdict) -> Vec<Finding> {
        let _ = (cx, verdict);
        Vec::new()
    }

    /// What in the verdict itself ends the wait at once: a condition under `never:`.
    fn refuted(&self, verdict: &Verdict) -> Option<Finding> {
        let _ = verdict;
        None
    }

    /// What in the environment explains an unmet verdict. Called once, at the end; may write evidence.
    async fn explain(&self, cx: &Context) -> Vec<Finding> {
        let _ = cx;
        Vec::new()
    }
}

/// Tells that another look is worth it.
#[async_trait]
pub trait Watch: Send {
    /// Comes back when something may have changed since the last call (or since the watch was made).
    async fn changed(&mut self);
}

/// For what cannot be watched: looks again after this time (a port, a URL, a command).
pub struct Poll(pub Duration);

#[async_trait]
impl Watch for Poll {
    async fn changed(&mut self) {
        tokio::time::sleep(self.0).await;
    }
}

/// A value a step kind publishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutputRow {
    /// Its name in `steps.ID.outputs.NAME`.
    pub name: &'static str,
    /// What it is, with its unit.
    pub summary: &'static str,
}

/// A kind's row: all that parsing, schema, `explain` and the reference need.
pub struct Kind<T: ?Sized + 'static> {
    /// The key in a stage file.
    pub name: &'static str,
    /// One sentence for people.
    pub summary: &'static str,
    /// A short example body in YAML, shown by `explain` and the reference; checked by a test.
    pub example: &'static str,
    /// What it publishes; empty for assertions.
    pub outputs: &'static [OutputRow],
    /// Whether it can run `during` other steps.
    pub during: bool,
    /// Whether it may touch the cluster, so that the guard is asked before the run.
    pub cluster: bool,
    /// The key without which it does not touch the cluster.
    pub cluster_key: Option<&'static str>,
    /// Whether it reads nothing but its body and its environment: no scratch folder of its own, no outputs of others.
    pub light: bool,
    /// Whether its command may run on a runner (`runs_on`).
    pub elsewhere: bool,
    /// The kind of step that its `of:` names, for assertions on what a step did.
    pub of: Option<&'static str>,
    schema: fn(&mut SchemaGenerator) -> Schema,
    shape: fn() -> CompiledSchema,
    decode: fn(&Node) -> Result<Box<T>, DecodeError>,
    check: fn(&T, &mut CheckContext<'_>),
}

/// A row of the step table.
pub type StepKind = Kind<dyn Step>;
/// A row of the assertion table.
pub type AssertionKind = Kind<dyn Assertion>;

impl StepKind {
    /// The row of step type `S`.
    pub const fn step<S: Step + DeserializeOwned + JsonSchema>(
        name: &'static str,
        summary: &'static str,
        example: &'static str,
    ) -> Self {
        Kind {
            name,
            summary,
            example,
            outputs: &[],
            during: false,
            cluster: false,
            cluster_key: None,
            light: false,
            elsewhere: false,
            of: None,
            schema: |generator| generator.subschema_for::<S>(),
            shape: CompiledSchema::of::<S>,
            decode: |node| Ok(Box::new(decode::<S>(node)?)),
            check: |step, cx| step.check(cx),
        }
    }

    /// Says what it publishes.
    #[must_use]
    pub const fn outputs(mut self, outputs: &'static [OutputRow]) -> Self {
        self.outputs = outputs;
        self
    }

    /// Says that it reads nothing but its body and its environment: [`Context::scratch`] is not its own
    /// but the run's, and [`Context::scope`] and [`Context::steps`] hold no outputs of the steps it needs. Spares the
    /// cost of these at each step.
    #[must_use]
    pub const fn light(mut self) -> Self {
        self.light = true;
        self
    }

    /// Says that it can run `during` other steps.
    #[must_use]
    pub const fn during(mut self) -> Self {
        self.during = true;
        self
    }
}

impl AssertionKind {
    /// The row of assertion type `A`.
    pub const fn assertion<A: Assertion + DeserializeOwned + JsonSchema>(
        name: &'static str,
        summary: &'static str,
        example: &'static str,
    ) -> Self {
        Kind {
            name,
            summary,
            example,
            outputs: &[],
            during: false,
            cluster: false,
            cluster_key: None,
            light: false,
            elsewhere: false,
            of: None,
            schema: |generator| generator.subschema_for::<A>(),
            shape: CompiledSchema::of::<A>,
            decode: |node| Ok(Box::new(decode::<A>(node)?)),
            check: |assertion, cx| assertion.check(cx),
        }
    }

    /// Says that its `of:` names a step of this kind.
    #[must_use]
    pub const fn of(mut self, step: &'static str) -> Self {
        self.of = Some(step);
        self
    }
}

impl<T: ?Sized> Kind<T> {
    /// Says that it runs its command by [`Context::executor`], so that a runner may do it.
    #[must_use]
    pub const fn elsewhere(mut self) -> Self {
        self.elsewhere = true;
        self
    }

    /// Says that it may touch the cluster.
    #[must_use]
    pub const fn cluster(mut self) -> Self {
        self.cluster = true;
        self
    }

    /// Says that it touches the cluster if this key is written.
    #[must_use]
    pub const fn cluster_with(mut self, key: &'static str) -> Self {
        self.cluster = true;
        self.cluster_key = Some(key);
        self
    }

    /// Whether a body that waits for values of the run may touch the cluster.
    pub fn may_touch_cluster(&self, body: &Node) -> bool {
        self.cluster && self.cluster_key.is_none_or(|key| body.get(key).is_some() || body.entries().is_empty())
    }

    /// Its schema, with definitions left to `generator`.
    pub fn schema(&self, generator: &mut SchemaGenerator) -> Schema {
        (self.schema)(generator)
    }

    /// Its shape, for checking trees. Costs a schema: keep it.
    pub fn shape(&self) -> CompiledSchema {
        (self.shape)()
    }

    /// The body, decoded. The tree must have been rendered and held against the shape.
    ///
    /// # Errors
    /// [`DecodeError`] where the value is not of the type.
    pub fn decode(&self, body: &Node) -> Result<Box<T>, DecodeError> {
        (self.decode)(body)
    }

    /// The checks of a body that go beyond shape and formats.
    pub fn check(&self, body: &T, cx: &mut CheckContext<'_>) {
        (self.check)(body, cx);
    }
}

impl<T: ?Sized> fmt::Debug for Kind<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kind").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The two tables of kinds that a pipeline may use. Tests of the engine bring their own.
#[derive(Debug, Clone, Copy)]
pub struct Registry {
    /// Step kinds, sorted by name.
    pub steps: &'static [&'static StepKind],
    /// Assertion kinds, sorted by name.
    pub assertions: &'static [&'static AssertionKind],
    /// What is wrong with the Pod template of a runner.
    pub check_template: fn(&settings::RunnerSettings) -> Vec<settings::TemplateProblem>,
}

impl Registry {
    /// The step kind of this name.
    pub fn step(&self, name: &str) -> Option<&'static StepKind> {
        self.steps.iter().copied().find(|kind| kind.name == name)
    }

    /// The assertion kind of this name.
    pub fn assertion(&self, name: &str) -> Option<&'static AssertionKind> {
        self.assertions.iter().copied().find(|kind| kind.name == name)
    }
}
