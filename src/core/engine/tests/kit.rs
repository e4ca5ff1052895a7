//! Plans from a few lines of text, kinds that do as scripted, and runs shown as lines. Only for tests.
//!
//! ```text
//! stage build needs=other
//!   a: pass 2s needs=b timeout=3s retry=3x1s
//!   finally.c: fail
//!   gate: holds; unmet
//! ```

mod describe;
mod fakes;
mod written;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::mpsc::unbounded_channel;
use tokio::time::Instant;

use crate::core::engine::{
    Interrupt, Mode, NodeFiles, Notice, NoticeSender, Options, Origin, Parts, PreviousRun, Recorder, ResumePlan,
    Resumption, RunFiles, RunResult, Selection, Wanted, notices, run,
};
use crate::core::kind::Evidence;
use crate::core::kind::lines::LineSink;
use crate::core::mask::{Masker, SecretText};
use crate::core::model::event::{Event, Live, LogSize, NodeId, Record};
use crate::core::plan::Plan;

pub use fakes::{Fake, LIGHT};
pub use written::{plan, shell};

/// A run to be made.
pub struct Setup {
    pub plan: Plan,
    pub grace: Duration,
    pub jobs: u32,
    pub threads: usize,
    pub mode: Mode,
    pub keep: bool,
    /// A failure pauses the run, until then.
    pub pause: Option<Duration>,
    pub stages: Vec<String>,
    pub until: Option<String>,
    pub finally: bool,
    pub secrets: BTreeMap<String, SecretText>,
    /// When signals come.
    pub interrupts: Vec<Duration>,
    /// The journal breaks when it has this many events.
    pub journal_limit: usize,
    pub origin: Origin,
    /// Gates that were found not to hold any more.
    pub gone: Vec<crate::core::model::event::Rerun>,
    /// No stage is selected.
    pub nothing: bool,
}

/// What came of it.
pub struct Ran {
    pub result: RunResult,
    pub events: Vec<(Duration, Event)>,
    pub live: Vec<Live>,
    plan: Arc<Plan>,
}

/// A run of this plan with 4 places.
pub fn setup(text: &str) -> Setup {
    Setup {
        plan: plan(text),
        grace: Duration::from_secs(10),
        jobs: 4,
        threads: 0,
        mode: Mode::Normal,
        keep: false,
        pause: None,
        stages: Vec::new(),
        until: None,
        finally: false,
        secrets: BTreeMap::new(),
        interrupts: Vec::new(),
        journal_limit: usize::MAX,
        origin: Origin { key: Some([7; 32]), ..Origin::default() },
        gone: Vec::new(),
        nothing: false,
    }
}

/// Holds what a run tells against `expected`, blanks at the ends of lines aside.
pub fn assert_reported(ran: &Ran, expected: &str) {
    let lines = |text: &str| text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n");
    let (reported, expected) = (lines(&ran.reported()), lines(expected));
    assert!(reported == expected, "\n--- told\n{reported}\n--- expected\n{expected}\n");
}

fn env() -> BTreeMap<String, String> {
    let pairs = [("HOME", "/home/me"), ("PATH", "/usr/bin:/bin")];
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

impl Setup {
    pub fn mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    pub fn jobs(mut self, jobs: u32) -> Self {
        self.jobs = jobs;
        self
    }

    pub fn interrupts(mut self, seconds: &[u64]) -> Self {
        self.interrupts = seconds.iter().map(|second| Duration::from_secs(*second)).collect();
        self
    }

    fn selected(&self) -> Selection {
        let (stages, until, finally) = (self.stages.as_slice(), self.until.as_deref(), self.finally);
        Selection::of(&self.plan, &Wanted { stages, until, finally, ..Wanted::default() }).expect("stages of the plan")
    }

    /// Goes on with an earlier run.
    pub fn resumes(mut self, past: &PreviousRun) -> Self {
        let selection = self.selected();
        let resumption = Resumption {
            namespace: "default",
            plan: &self.plan,
            selection: &selection,
            past,
            run: "r1",
            env: &env(),
            secrets: &self.secrets,
            key: &[7; 32],
            done: &[],
            again: &[],
            gone: &self.gone,
        };
        self.origin.course = Some(resumption.decide().expect("decided"));
        self
    }

    /// Does what an earlier run owes, and nothing else.
    pub fn settles(mut self, past: &PreviousRun) -> Self {
        self.origin.course = Some(ResumePlan::settle(&self.plan, past).0);
        self.nothing = true;
        self
    }

    /// The gates of the plan.
    pub fn gates(&self) -> Vec<NodeId> {
        let all = (0..).map(NodeId).zip(self.plan.nodes());
        all.filter(|(_, node)| node.role == crate::core::model::event::Role::Gate).map(|(id, _)| id).collect()
    }

    /// What was decided of nodes that run again.
    pub fn again(&self) -> Vec<String> {
        let course = self.origin.course.as_ref().expect("it goes on with another");
        let of = |again: &crate::core::model::event::Rerun| {
            format!("{}: {:?}", self.plan.node(again.node).outline.name, again.why)
        };
        course.continues.again.iter().map(of).collect()
    }

    pub async fn run(self) -> Ran {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let scratch = std::env::temp_dir().join(format!(
            "pipeline-engine-{}-{}",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        ));
        std::fs::create_dir_all(&scratch).expect("the temporary folder can be written");
        let selection = if self.nothing { Selection::none(&self.plan) } else { self.selected() };
        let (sender, mut receiver) = notices();
        let (signals, interrupts) = unbounded_channel();
        let plan = Arc::new(self.plan);
        for at in self.interrupts {
            let signals = signals.clone();
            tokio::spawn(async move {
                tokio::time::sleep(at).await;
                let _ = signals.send(Interrupt::Signal(2));
            });
        }
        if let Some(at) = self.pause {
            let signals = signals.clone();
            tokio::spawn(async move {
                tokio::time::sleep(at).await;
                let _ = signals.send(Interrupt::Continue);
            });
        }
        let book = Arc::new(Mutex::new(Vec::new()));
        let recorder = Memory { begun: Instant::now(), book: Arc::clone(&book), limit: self.journal_limit };
        let options = Options {
            run: "r1".to_owned(),
            started: "2026-11-23T00:00:00Z".to_owned(),
            jobs: self.jobs,
            threads: self.threads,
            mode: self.mode,
            keep_failed: self.keep,
            pause: self.pause.map(|_| vec!["logs".to_owned()]),
            selection,
            grace: self.grace,
            env: env(),
            origin: self.origin,
        };
        let parts = Parts {
            plan: Arc::clone(&plan),
            services: Arc::new(crate::services::services_of(plan.settings().clone())),
            masker: Masker::new(self.secrets.values()),
            secrets: Arc::new(self.secrets),
            recorder: Box::new(recorder),
            files: Arc::new(Files { scratch: scratch.clone() }),
            notices: sender,
        };
        let result = run(options, parts, interrupts).await.expect("it touches no cluster");
        let _ = std::fs::remove_dir_all(&scratch);
        let mut live = Vec::new();
        let mut events = Vec::new();
        while let Some(notice) = receiver.try_recv() {
            match notice {
                Notice::Record(record) => events.push((record.at, record.event)),
                Notice::Live(passing) => live.push(passing),
            }
        }
        if self.journal_limit == usize::MAX {
            assert_eq!(*book.lock().expect("no test panics with it"), events, "journal and reporters tell the same");
        }
        Ran { result, events, live, plan }
    }
}

impl Ran {
    /// What its record says after `count` events: a run killed there.
    pub fn killed_after(&self, count: usize) -> PreviousRun {
        let mut past = PreviousRun::default();
        self.events.iter().take(count).for_each(|(at, event)| past.apply(*at, event));
        past
    }

    /// What its whole record says.
    pub fn past(&self) -> PreviousRun {
        self.killed_after(usize::MAX)
    }

    /// How many events there were until this one, in the words of `told`.
    pub fn until(&self, words: &str) -> usize {
        let lines = |count: usize| describe::reported(&self.plan, &self.events[..count]);
        (0..=self.events.len()).find(|count| lines(*count).contains(words)).expect("it is told")
    }

    /// The run, a line an event.
    pub fn reported(&self) -> String {
        describe::reported(&self.plan, &self.events)
    }
}

struct Memory {
    begun: Instant,
    book: Arc<Mutex<Vec<(Duration, Event)>>>,
    limit: usize,
}

impl Recorder for Memory {
    fn record(&mut self, events: Vec<Event>) -> io::Result<Vec<Record>> {
        let mut book = self.book.lock().expect("no test panics with it");
        if book.len() + events.len() > self.limit {
            return Err(io::Error::new(io::ErrorKind::StorageFull, "no space left on device"));
        }
        let at = self.begun.elapsed();
        let first = book.len() as u64;
        book.extend(events.iter().map(|event| (at, event.clone())));
        Ok((first..).zip(events).map(|(seq, event)| Record { seq, at, event }).collect())
    }
}

struct Files {
    scratch: PathBuf,
}

impl RunFiles for Files {
    fn of(&self, node: NodeId, _name: &Arc<str>, live: &NoticeSender) -> Arc<dyn NodeFiles> {
        Arc::new(Log { node, live: live.clone(), lines: AtomicU64::new(0) })
    }

    fn scratch(&self) -> &Path {
        &self.scratch
    }
}

struct Log {
    node: NodeId,
    live: NoticeSender,
    lines: AtomicU64,
}

impl LineSink for Log {
    fn line(&self, line: &[u8]) {
        self.lines.fetch_add(1, Ordering::Relaxed);
        self.live.live(Live::Lines { node: self.node, text: format!("{}\n", String::from_utf8_lossy(line)) });
    }
}

impl NodeFiles for Log {
    fn close(&self) -> Option<LogSize> {
        let lines = self.lines.load(Ordering::Relaxed);
        (lines > 0).then_some(LogSize { lines, bytes: 0, dropped: 0 })
    }
}

impl Evidence for Log {
    fn keep(&self, _name: &str, _text: &str) {}
}
