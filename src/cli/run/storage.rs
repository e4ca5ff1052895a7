//! Where a run is kept: its folder, its journal, its logs and evidence; and the reports written at its end.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::Instant;

use jiff::Timestamp;
use tempfile::TempDir;

use crate::cli::record::RunArtifacts;
use crate::cli::remaining_output;
use crate::cli::scratch::scratch;
use crate::core::engine::{NodeFiles, NoticeSender, Recorder, RunFiles};
use crate::core::files::open;
use crate::core::files::replace::{Lasting, replace};
use crate::core::journal::{LOG_LIMIT, Reader, RunFolder, StepLog, Store, Writer};
use crate::core::kind::Evidence;
use crate::core::mask::{Masker, SecretText};
use crate::core::model::event::{Event, Live, LogSize, NodeId, Record};
use crate::core::model::outcome::Fault;
use crate::core::report::run_state::RunState;
use crate::process::LineSink;

const WRITES: &str = "a run needs to write to .pipeline/ in the project's folder";

/// The run's secrets, by name.
type Secrets = Arc<BTreeMap<String, SecretText>>;

/// A run's place, made before anything runs.
pub(super) struct RunStorage {
    pub folder: RunFolder,
    pub started: String,
    pub recorder: Box<dyn Recorder>,
    pub files: Arc<Files>,
}

impl RunStorage {
    pub fn create(project: &Path, masker: &Masker, secrets: &Secrets) -> Result<Self, Fault> {
        let now = Timestamp::now();
        let folder = Store::new(project)
            .create(now)
            .map_err(|error| Fault::unknown(error.to_string()).help(error.help().unwrap_or(WRITES)))?;
        // a run that could not begin leaves nothing
        Self::in_folder(folder.clone(), now, masker, secrets).inspect_err(|_| {
            let _ = fs::remove_dir_all(folder.path());
        })
    }

    fn in_folder(folder: RunFolder, now: Timestamp, masker: &Masker, secrets: &Secrets) -> Result<Self, Fault> {
        let begun = Instant::now();
        let writer = Writer::create(&folder.journal(), move || begun.elapsed())
            .map_err(|error| Fault::unknown(error.to_string()).help(WRITES))?;
        let files = Files::new(folder.clone(), masker.clone(), Arc::clone(secrets))?;
        Ok(RunStorage { folder, started: now.to_string(), recorder: Box::new(Journal(writer)), files: Arc::new(files) })
    }
}

/// Writes the reports that every run leaves; whole, or not at all.
pub(in crate::cli) fn reports(folder: &RunFolder, story: &RunState) -> Result<(), Fault> {
    type Out<'o> = &'o mut BufWriter<File>;
    let write = |path: PathBuf, report: &dyn Fn(Out<'_>) -> io::Result<()>| {
        replace(&path, Lasting::Rebuilt, report)
            .map_err(|error| Fault::unknown(format!("cannot write {}: {error}", path.display())))
    };
    let junit = || write(folder.junit(), &|out| crate::core::report::junit::write(story, out));
    let html = || write(folder.html(), &|out| crate::core::report::html::write(story, &RunArtifacts(folder), out));
    // Side by side, since nothing else is left to do; here, if the system has no thread to give.
    thread::scope(|side| {
        let aside = [&junit as &(dyn Fn() -> Result<(), Fault> + Sync), &html]
            .map(|report| thread::Builder::new().spawn_scoped(side, report).map_err(|_| report));
        let summary = write(folder.summary(), &|out| crate::core::report::json::write(story, out));
        let written = aside.into_iter().map(|started| match started {
            Ok(thread) => thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            Err(report) => report(),
        });
        written.chain([summary]).collect()
    })
}

/// What to open or type after a run that did not pass: its report, and the log of the step that failed first.
pub(super) fn where_to_look(folder: &RunFolder, story: &RunState, report: bool, called: &str) -> String {
    let report = report.then(|| format!("report: {}", shown(&folder.html())));
    let step = story.failed_with_log().map(|step| format!("what {step} said: {called} logs {step}"));
    report.into_iter().chain(step).collect::<Vec<_>>().join("\n")
}

/// A path as people type it: relative to where they are.
pub(super) fn shown(folder: &Path) -> String {
    let here = std::env::current_dir().ok();
    let below = here.as_deref().and_then(|here| folder.strip_prefix(here).ok());
    below.unwrap_or(folder).display().to_string()
}

struct Journal(Writer);

impl Recorder for Journal {
    fn record(&mut self, events: Vec<Event>) -> io::Result<Vec<Record>> {
        self.0.append(events)
    }
}

/// Logs, evidence and scratch of one run.
pub(super) struct Files {
    shared: Arc<Shared>,
    scratch: TempDir,
}

/// What the files of all nodes have in common.
struct Shared {
    folder: RunFolder,
    masker: Masker,
    /// What `masker` hides.
    secrets: Secrets,
    /// What could not be kept, in words.
    lost: Mutex<Vec<String>>,
}

impl Files {
    fn new(folder: RunFolder, masker: Masker, secrets: Secrets) -> Result<Self, Fault> {
        let scratch = scratch(folder.id())?;
        Ok(Files { shared: Arc::new(Shared { folder, masker, secrets, lost: Mutex::default() }), scratch })
    }

    /// The folder for temporary files.
    pub fn scratch_folder(&self) -> &Path {
        self.scratch.path()
    }

    /// What could not be kept, in words: logs and evidence that did not reach the disk.
    pub fn lost(&self) -> Vec<String> {
        std::mem::take(&mut self.shared.lost())
    }
}

impl Shared {
    fn lost(&self) -> MutexGuard<'_, Vec<String>> {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RunFiles for Files {
    fn of(&self, node: NodeId, name: &Arc<str>, live: &NoticeSender) -> Arc<dyn NodeFiles> {
        Arc::new(OfNode {
            shared: Arc::clone(&self.shared),
            node,
            name: Arc::clone(name),
            live: live.clone(),
            log: OnceLock::new(),
        })
    }

    fn scratch(&self) -> &Path {
        self.scratch.path()
    }
}

/// The files of one node. Most say nothing: what it takes to keep a log comes with the first line.
struct OfNode {
    shared: Arc<Shared>,
    node: NodeId,
    name: Arc<str>,
    live: NoticeSender,
    log: OnceLock<StepLog>,
}

impl OfNode {
    fn log(&self) -> &StepLog {
        self.log.get_or_init(|| {
            let (live, node) = (self.live.clone(), self.node);
            let show = move |text: String| live.live(Live::Lines { node, text });
            StepLog::new(self.shared.folder.log(&self.name), LOG_LIMIT, &self.shared.masker, show)
        })
    }
}

impl LineSink for OfNode {
    fn line(&self, line: &[u8]) {
        self.log().line(line);
    }

    fn lines(&self, lines: &[u8]) {
        self.log().lines(lines);
    }

    fn passing(&self, text: &str) {
        let text = self.shared.masker.mask(text).into_owned();
        self.live.live(Live::Passing { node: self.node, text });
    }

    fn piece(&self, piece: &[u8]) {
        self.log().piece(piece);
    }

    fn ends(&self) {
        self.log().ends();
    }

    fn adopt(&self, pipe: OwnedFd) {
        let file = self.shared.folder.leftover_log(&self.name);
        let words = match remaining_output::start(pipe, &file, &self.shared.secrets) {
            Ok(()) => format!("left running; what it prints from now on goes to {}", shown(&file)),
            Err(error) => format!("warning: left running, but what it prints from now on cannot be kept: {error}"),
        };
        self.line(words.as_bytes());
    }
}

impl NodeFiles for OfNode {
    fn close(&self) -> Option<LogSize> {
        match self.log.get()?.finish() {
            Ok(size) => (size != LogSize::default()).then_some(size),
            Err(error) => {
                self.shared.lost().push(error.to_string());
                None
            }
        }
    }
}

impl Evidence for OfNode {
    fn keep(&self, name: &str, text: &str) {
        let folder = self.shared.folder.evidence_of(&self.name);
        let path = self.shared.folder.evidence_file(&self.name, name);
        let write = || -> io::Result<()> {
            use io::Write;
            let folder = path.parent().unwrap_or(&folder);
            fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
            let mut file = open::create(&path)?;
            file.write_all(self.shared.masker.mask(text).as_bytes())
        };
        if let Err(error) = write() {
            self.shared.lost().push(format!("cannot write {}: {error}", path.display()));
        }
    }
}

/// Which file a journal is: a step may remove it while it is written.
pub(super) struct Identity(Option<(u64, u64)>);

impl Identity {
    pub fn of(path: &Path) -> Self {
        Identity(std::fs::metadata(path).ok().map(|found| (found.dev(), found.ino())))
    }

    /// Whether the same file is still there, from its beginning.
    pub fn is_whole(&self, path: &Path) -> bool {
        let begins = |mut reader: Reader| reader.next().is_some_and(|first| first.seq == 0);
        Identity::of(path).0 == self.0 && Reader::open(path).is_ok_and(begins)
    }
}
