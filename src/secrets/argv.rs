//! Secret values in the arguments of processes, which everybody on the machine can read: looked for all along a run.
//! Knows names and places of secrets, and hands on no argument.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use super::secret_scan::Traces;
use crate::core::mask::SecretText;
use crate::core::model::outcome::Fault;

/// Between two looks. A process that lives shorter than this may go unseen.
const EVERY: Duration = Duration::from_millis(25);
/// A process is looked at in this many looks after it came (its arguments change when it becomes another program), …
const WHILE_NEW: u32 = 8;
/// … and then once in so many.
const LATER: u32 = 40;
/// Exposures that are remembered.
const REMEMBERED: usize = 100;

/// A secret in the arguments of a process.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Exposure {
    /// The secret, by its name and form.
    pub what: String,
    /// The process: `curl (process 4711), argument 3`.
    pub place: String,
}

/// Reads the arguments of all processes, from the first call of [`ArgvWatch::start`] to its end.
#[derive(Debug, Default)]
pub struct ArgvWatch {
    begun: Mutex<Option<Sampler>>,
}

/// The thread that looks, ended when dropped.
#[derive(Debug)]
struct Sampler {
    shared: Arc<Shared>,
    thread: Option<std::thread::JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    seen: Mutex<BTreeSet<Exposure>>,
    stop: Mutex<bool>,
    stopped: Condvar,
}

impl ArgvWatch {
    /// Begins to look for these secrets, where it has not begun yet.
    ///
    /// # Errors
    /// [`Fault`] of kind environment where the system does not show its processes under /proc.
    pub fn start(&self, secrets: &BTreeMap<String, SecretText>) -> Result<(), Fault> {
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        if begun.is_none() {
            let traces = Traces::new(secrets.iter().map(|(name, value)| (name.as_str(), value)));
            *begun = Some(Sampler::start("/proc".into(), traces)?);
        }
        Ok(())
    }

    /// What was seen so far, and now.
    ///
    /// # Errors
    /// As [`ArgvWatch::start`].
    pub fn seen(&self, secrets: &BTreeMap<String, SecretText>) -> Result<BTreeSet<Exposure>, Fault> {
        self.start(secrets)?;
        let traces = Traces::new(secrets.iter().map(|(name, value)| (name.as_str(), value)));
        let now = Looker::new("/proc".into(), traces).look();
        let begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(sampler) = begun.as_ref() else { return Ok(now) };
        // what one read has seen is not forgotten by the next
        let mut seen = sampler.shared.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.extend(now);
        Ok(seen.clone())
    }
}

impl Sampler {
    fn start(proc: PathBuf, traces: Traces) -> Result<Self, Fault> {
        if !proc.join("self/cmdline").exists() {
            let fault = Fault::environment("this system does not show the arguments of its processes under /proc");
            return Err(fault.help("write `argv: false` to leave them out"));
        }
        let shared = Arc::new(Shared::default());
        let to = Arc::clone(&shared);
        let work = move || {
            let mut looker = Looker::new(proc, traces);
            let mut stop = to.stop.lock().unwrap_or_else(PoisonError::into_inner);
            while !*stop {
                let found = looker.look();
                if !found.is_empty() {
                    let mut seen = to.seen.lock().unwrap_or_else(PoisonError::into_inner);
                    let room = REMEMBERED.saturating_sub(seen.len());
                    seen.extend(found.into_iter().take(room));
                }
                stop = to.stopped.wait_timeout(stop, EVERY).unwrap_or_else(PoisonError::into_inner).0;
            }
        };
        let thread = std::thread::Builder::new()
            .name("argv".to_owned())
            .spawn(work)
            .map_err(|error| Fault::unknown(format!("the arguments of processes cannot be watched: {error}")))?;
        Ok(Sampler { shared, thread: Some(thread) })
    }
}

impl Drop for Sampler {
    fn drop(&mut self) {
        *self.shared.stop.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.shared.stopped.notify_all();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Reads processes one after the other; those it knows less often.
struct Looker {
    proc: PathBuf,
    traces: Traces,
    /// How many looks ago each process was first seen.
    known: HashMap<u32, u32>,
}

impl Looker {
    fn new(proc: PathBuf, traces: Traces) -> Self {
        Looker { proc, traces, known: HashMap::new() }
    }

    fn look(&mut self) -> BTreeSet<Exposure> {
        let mut found = BTreeSet::new();
        if self.traces.is_empty() {
            return found;
        }
        let entries = std::fs::read_dir(&self.proc).into_iter().flatten().flatten();
        let there: Vec<u32> = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
        let mut known = HashMap::with_capacity(there.len());
        for process in there {
            let age = self.known.get(&process).map_or(0, |age| age + 1);
            known.insert(process, age);
            if age < WHILE_NEW || age % LATER == 0 {
                // a process that has ended in between has no arguments any more
                let argv = std::fs::read(self.proc.join(process.to_string()).join("cmdline")).unwrap_or_default();
                self.judge(process, &argv, &mut found);
            }
        }
        self.known = known;
        found
    }

    fn judge(&self, process: u32, argv: &[u8], found: &mut BTreeSet<Exposure>) {
        let program = |argv: &[u8]| {
            let first = argv.split(|byte| *byte == 0).next().unwrap_or_default();
            let first = String::from_utf8_lossy(first).into_owned();
            let name = Path::new(&first).file_name().map(|name| name.to_string_lossy().into_owned());
            // a name that is itself secret is not shown
            name.filter(|name| self.traces.within(name.as_bytes()).is_empty()).unwrap_or_else(|| "a program".to_owned())
        };
        let whole = self.traces.within(argv);
        if whole.is_empty() {
            return;
        }
        for (at, argument) in argv.split(|byte| *byte == 0).enumerate() {
            found.extend(self.traces.within(argument).into_iter().map(|trace| Exposure {
                what: trace.to_string(),
                place: format!("{} (process {process}), argument {at}", program(argv)),
            }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proc(processes: &[(&str, &[u8])]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("tmp");
        for (process, argv) in processes {
            std::fs::create_dir_all(folder.path().join(process)).expect("writable");
            std::fs::write(folder.path().join(process).join("cmdline"), argv).expect("writable");
        }
        folder
    }

    fn traces() -> Traces {
        Traces::new([("token", &SecretText::new("hunter2hunter2"))])
    }

    #[test]
    fn an_argument_with_a_secret_is_named_and_not_shown() {
        let folder = proc(&[
            ("17", b"/usr/bin/curl\0-H\0Authorization: Bearer hunter2hunter2\0"),
            ("18", b"sleep\x009\0"),
            ("self", b"x"),
        ]);
        let found = Looker::new(folder.path().to_owned(), traces()).look();
        let shown: Vec<(&str, &str)> = found.iter().map(|one| (one.what.as_str(), one.place.as_str())).collect();
        assert_eq!(shown, [("secret token", "curl (process 17), argument 2")]);
    }

    #[test]
    fn a_process_that_becomes_another_program_is_looked_at_again() {
        let folder = proc(&[("17", b"sh\0")]);
        let mut looker = Looker::new(folder.path().to_owned(), traces());
        assert!(looker.look().is_empty());
        std::fs::write(folder.path().join("17/cmdline"), b"curl\0hunter2hunter2\0").expect("writable");
        assert_eq!(looker.look().len(), 1);
    }

    #[test]
    fn a_system_without_proc_says_so() {
        let fault = Sampler::start("/nowhere".into(), traces()).expect_err("not there");
        assert_eq!(fault.message, "this system does not show the arguments of its processes under /proc");
    }

    #[test]
    fn what_was_seen_once_stays_seen() {
        let folder = proc(&[("17", b"curl\0hunter2hunter2\0"), ("self", b"x\0")]);
        let sampler = Sampler::start(folder.path().to_owned(), traces()).expect("there");
        while sampler.shared.seen.lock().expect("no panic").is_empty() {
            std::thread::yield_now();
        }
        std::fs::remove_dir_all(folder.path().join("17")).expect("ours");
        assert_eq!(sampler.shared.seen.lock().expect("no panic").len(), 1);
    }
}
