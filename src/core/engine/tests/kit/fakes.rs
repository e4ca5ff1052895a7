//! Kinds that do as scripted: a step that waits, ends as it should and knows how often it was tried; an assertion
//! that follows a timeline.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::time::Instant;

use crate::core::kind::{Assertion, AssertionKind, Context, Registry, Step, StepKind, Watch, causes};
use crate::core::model::outcome::{Failure, Fault, Finding, Measure, Outcome, Outputs, Verdict};

pub const FAKE: StepKind = StepKind::step::<Fake>("fake", "does as told", "{}").during();
pub const LIGHT: StepKind = StepKind::step::<Fake>("light", "does as told", "{}").light();
pub const FAKE_CLAIM: AssertionKind = AssertionKind::assertion::<Claim>("claim", "follows a timeline", "{}");
pub const KINDS: Registry =
    Registry { steps: &[&FAKE, &LIGHT], assertions: &[&FAKE_CLAIM], check_template: |_| Vec::new() };

/// A step.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Fake {
    /// `pass`, `fail`, `fault`, `environment`, `invalid`, `panic`, `skip`.
    pub ends: String,
    /// Milliseconds before it ends (after being stopped, for what comes up).
    pub after: u64,
    /// Milliseconds before it is up.
    pub up: Option<u64>,
    /// Attempts that fail before one does what `ends` says.
    pub flaky: u32,
    /// Does not hear a cancellation.
    pub deaf: bool,
    /// Milliseconds that it takes to end once cancelled.
    pub late: u64,
    /// Values it publishes.
    pub gives: BTreeMap<String, String>,
    /// What it writes to `$PIPELINE_OUTPUT`.
    pub writes: Option<String>,
    /// Variables that it says into its log.
    pub says: Vec<String>,
    #[serde(skip)]
    pub tries: AtomicU32,
}

#[async_trait]
impl Step for Fake {
    fn title(&self) -> String {
        self.ends.clone()
    }

    async fn run(&self, cx: &Context) -> Result<Outcome, Fault> {
        let tried = self.tries.fetch_add(1, Ordering::Relaxed);
        for name in &self.says {
            cx.say(format!("{name}={}", cx.env.get(name).map_or("", String::as_str)));
        }
        let work = async {
            if let Some(up) = self.up {
                tokio::time::sleep(Duration::from_millis(up)).await;
                if !self.ends.contains("before-up") {
                    cx.up_with(self.outputs());
                    if self.ends != "fail-when-up" {
                        cx.stopped().await;
                    }
                }
            }
            tokio::time::sleep(Duration::from_millis(self.after)).await;
        };
        if self.deaf {
            work.await;
        } else if cx.unless_cancelled(work).await.is_err() {
            tokio::time::sleep(Duration::from_millis(self.late)).await;
            return Ok(Outcome::Failed(Failure::new("was stopped").because(vec![Finding::new(
                "process",
                "SIGTERM",
                "it was still busy",
            )])));
        }
        if let Some(text) = &self.writes {
            std::fs::write(&cx.output_file, text).map_err(|error| Fault::unknown(error.to_string()))?;
        }
        if tried < self.flaky {
            return Ok(Outcome::failed(format!("try {} went wrong", tried + 1)));
        }
        match self.ends.as_str() {
            "fail" | "fail-before-up" | "fail-when-up" => Ok(Outcome::failed("exit code 1")),
            "fault" => Err(Fault::unknown("no answer")),
            "environment" => Err(Fault::environment("no cluster")),
            "invalid" => Err(Fault::invalid("not a number")),
            "skip" => Ok(Outcome::Skipped("nothing here".to_owned())),
            "panic" => panic!("index out of bounds"),
            _ => Ok(Outcome::Passed(self.outputs())),
        }
    }
}

impl Fake {
    fn outputs(&self) -> Outputs {
        self.gives.iter().map(|(key, value)| (key.clone(), value.as_str().into())).collect()
    }
}

/// An assertion that follows a timeline of `(millisecond, verdict)`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Claim {
    /// `holds`, `unmet`, `transient`, `environment`, `skipped`, `panic`, `hang` from that time on.
    pub line: Vec<(u64, String)>,
    /// Tells of every change at once; where false a look is worth it every 250 ms.
    pub watched: bool,
    #[serde(skip)]
    pub begun: std::sync::OnceLock<Instant>,
}

impl Claim {
    fn begun(&self) -> Instant {
        *self.begun.get_or_init(Instant::now)
    }

    fn now(&self) -> &str {
        let passed = u64::try_from(self.begun().elapsed().as_millis()).unwrap_or(u64::MAX);
        self.line.iter().rev().find(|(at, _)| *at <= passed).map_or("holds", |(_, verdict)| verdict)
    }
}

#[async_trait]
impl Assertion for Claim {
    fn title(&self) -> String {
        "claim".to_owned()
    }

    async fn watch(&self, _cx: &Context) -> Result<Box<dyn Watch>, Fault> {
        let begun = self.begun();
        if self.now() == "unwatchable" {
            return Err(Fault::unknown("cannot be watched").transient());
        }
        if !self.watched {
            return Ok(Box::new(crate::core::kind::Poll(Duration::from_millis(250))));
        }
        Ok(Box::new(Changes(self.line.iter().map(|(at, _)| begun + Duration::from_millis(*at)).collect())))
    }

    async fn measure(&self, cx: &Context) -> Result<Verdict, Fault> {
        let measure = |actual: &str| Measure::new("state", actual, "good", actual == "good");
        match self.now() {
            "holds" => Ok(Verdict::of(vec![measure("good")])),
            "unmet" => Ok(Verdict::of(vec![measure("bad")])),
            "transient" => Err(Fault::unknown("connection refused").transient()),
            "environment" => Err(Fault::environment("no cluster")),
            "panic" => panic!("attempt to divide by zero"),
            "hang" => cx.unless_cancelled(std::future::pending()).await,
            "skipped" => Ok(Verdict::Skipped { reason: "not here".to_owned() }),
            other => Ok(Verdict::of(vec![measure(other)])),
        }
    }

    async fn blockers(&self, _cx: &Context, _verdict: &Verdict) -> Vec<Finding> {
        let pull = Finding::new("pod/a", "ErrImagePull", "not found").fatal("ImageNotFound");
        if self.now() == "hopeless" { vec![pull] } else { Vec::new() }
    }

    fn refuted(&self, verdict: &Verdict) -> Option<Finding> {
        let refuted = verdict.measures().iter().any(|measure| measure.actual == "refuted");
        refuted.then(|| Finding::new("job/a", causes::NEVER, "it failed").fatal(causes::NEVER))
    }

    async fn explain(&self, _cx: &Context) -> Vec<Finding> {
        vec![Finding::new("pod/a", "CrashLoopBackOff", "it crashes")]
    }
}

/// Comes back at set times.
struct Changes(Vec<Instant>);

#[async_trait]
impl Watch for Changes {
    async fn changed(&mut self) {
        self.0.retain(|at| *at > Instant::now());
        match self.0.first().copied() {
            Some(at) => tokio::time::sleep_until(at).await,
            None => std::future::pending().await,
        }
    }
}
