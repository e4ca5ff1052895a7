//! What the engine costs beside the processes it starts: run by hand, in release, on a quiet machine.
//! `cargo test --release --lib engine::tests::cost -- --ignored --nocapture --test-threads 1`

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::kit::{self, Setup};
use crate::core::engine::{
    NodeFiles, NoticeSender, Options, Parts, Recorder, RunFiles, RunResult, Selection, notices, run,
};
use crate::core::kind::Evidence;
use crate::core::mask::Masker;
use crate::core::model::event::{Event, LogSize, NodeId, Record};
use crate::core::model::source::{FileId, Span};
use crate::core::plan::{Body, StepPlan, Work};

const LAYERS: usize = 100;
const WIDTH: usize = 100;

/// 100 layers of 100 steps, each with two needs in the layer above.
fn layered() -> Setup {
    let mut text = String::from("stage one\n");
    for layer in 0..LAYERS {
        for place in 0..WIDTH {
            text += &format!("s{layer}-{place}: pass\n");
        }
    }
    let mut setup = kit::setup(&text);
    for index in WIDTH..LAYERS * WIDTH {
        let above = (index / WIDTH - 1) * WIDTH;
        let need = |place: usize| NodeId(u32::try_from(above + place % WIDTH).expect("few"));
        setup.plan.nodes[index].needs = vec![need(index), need(index + 1)];
    }
    setup
}

struct Journal {
    begun: Instant,
    next: u64,
    file: std::fs::File,
}

impl Recorder for Journal {
    fn record(&mut self, events: Vec<Event>) -> io::Result<Vec<Record>> {
        let at = self.begun.elapsed();
        let mut text = Vec::with_capacity(256 * events.len());
        let mut records = Vec::with_capacity(events.len());
        for event in events {
            let record = Record { seq: self.next, at, event };
            self.next += 1;
            serde_json::to_writer(&mut text, &record)?;
            text.push(b'\n');
            records.push(record);
        }
        self.file.write_all(&text)?;
        Ok(records)
    }
}

struct Files(PathBuf);

struct Silent;

impl crate::core::kind::lines::LineSink for Silent {
    fn line(&self, _line: &[u8]) {}
}

impl NodeFiles for Silent {
    fn close(&self) -> Option<LogSize> {
        None
    }
}

impl Evidence for Silent {
    fn keep(&self, _name: &str, _text: &str) {}
}

impl RunFiles for Files {
    fn of(&self, _node: NodeId, _name: &Arc<str>, _live: &NoticeSender) -> Arc<dyn NodeFiles> {
        Arc::new(Silent)
    }
    fn scratch(&self) -> &Path {
        &self.0
    }
}

fn measured(setup: Setup) -> (Duration, RunResult) {
    let folder = tempfile::tempdir().expect("the temporary folder can be written");
    let file = std::fs::File::create(folder.path().join("journal")).expect("it can be written");
    let plan = Arc::new(setup.plan);
    let (sender, mut receiver) = notices();
    let options = Options {
        run: "r".to_owned(),
        started: String::new(),
        jobs: 2,
        threads: 0,
        mode: crate::core::engine::Mode::Normal,
        keep_failed: false,
        pause: None,
        selection: Selection::all(&plan),
        grace: Duration::from_secs(10),
        env: std::env::vars().collect(),
        origin: crate::core::engine::Origin { key: Some([7; 32]), ..crate::core::engine::Origin::default() },
    };
    let parts = Parts {
        services: Arc::new(crate::services::services_of(plan.settings().clone())),
        plan,
        secrets: Arc::default(),
        masker: Masker::default(),
        recorder: Box::new(Journal { begun: Instant::now(), next: 0, file }),
        files: Arc::new(Files(folder.path().to_owned())),
        notices: sender,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let begun = Instant::now();
    let result = runtime.block_on(async {
        let reporter = tokio::spawn(async move { while receiver.recv().await.is_some() {} });
        let result = run(options, parts, tokio::sync::mpsc::unbounded_channel().1).await.expect("no cluster");
        reporter.await.expect("it ends");
        result
    });
    (begun.elapsed(), result)
}

fn bare() -> Duration {
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for _ in 0..LAYERS * WIDTH / 2 {
                    let mut command = std::process::Command::new("/bin/sh");
                    command.args(["-c", "true"]).stdin(std::process::Stdio::null()).status().expect("sh is there");
                }
            });
        }
    });
    begun.elapsed()
}

#[test]
#[ignore = "a measurement: run by hand in release"]
#[expect(clippy::print_stderr, reason = "the figure is what it is for")]
fn of_a_step_that_does_nothing() {
    let mut setup = layered();
    for node in &mut setup.plan.nodes {
        let body = Body::Ready(Box::new(kit::Fake::default()) as _);
        node.work =
            Work::Step(StepPlan { kind: &kit::LIGHT, body, outputs: Vec::new(), span: Span::new(FileId(0), 0, 0) });
    }
    let (time, result) = measured(setup);
    eprintln!("{} steps in {time:?}: {:?} a step, exit {}", LAYERS * WIDTH, time / 10_000, result.exit_code);
}

#[test]
#[ignore = "a measurement: run by hand in release"]
#[expect(clippy::print_stderr, reason = "the figure is what it is for")]
fn beside_a_bare_loop() {
    for _ in 0..3 {
        let mut setup = layered();
        setup.plan.settings.project = "/".into();
        for node in &mut setup.plan.nodes {
            node.work = kit::shell("true");
        }
        let bare = bare();
        let (time, result) = measured(setup);
        let ratio = time.as_secs_f64() / bare.as_secs_f64();
        eprintln!("bare {bare:?}, engine {time:?}, ratio {ratio:.3}, exit {}", result.exit_code);
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    eprintln!("{}", status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default());
}
