//! The runs of a project, `.pipeline/runs/<id>/`: made, listed, found, removed; and the names of the files of each.
//! Knows no event and no report's content.

use std::cmp::Reverse;
use std::fs::DirBuilder;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::run_folder::RunFolder;

/// Why a run cannot be found, made or removed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is none at all.
    #[error("no run has been recorded in {}", root.display())]
    Empty {
        /// The folder of the runs.
        root: PathBuf,
    },
    /// None is called so.
    #[error("no run is called `{wanted}`, nor does one start with it")]
    Unknown {
        /// What was asked for.
        wanted: String,
    },
    /// More than one starts so.
    #[error("`{wanted}` is the start of {} runs: {}", runs.len(), runs.join(", "))]
    Ambiguous {
        /// What was asked for.
        wanted: String,
        /// Those that start so, newest first.
        runs: Vec<String>,
    },
    /// It is still going on.
    #[error("the run {run} is still going on")]
    Running {
        /// The run.
        run: String,
    },
    /// A folder cannot be made, read or removed.
    #[error("cannot {doing} {}: {source}", path.display())]
    Io {
        /// `create`, `read`, `remove`.
        doing: &'static str,
        /// The folder.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
}

impl StoreError {
    fn io(doing: &'static str, path: &Path, source: io::Error) -> Self {
        StoreError::Io { doing, path: path.to_owned(), source }
    }

    /// The line that says what to type.
    pub fn help(&self) -> Option<&'static str> {
        match self {
            StoreError::Empty { .. } => Some("start one with `pipeline run`"),
            StoreError::Unknown { .. } => Some("`pipeline runs list` shows them all; `latest` is the newest"),
            StoreError::Ambiguous { .. } => Some("type more of it"),
            StoreError::Running { .. } => Some("wait for it to end, or stop it with Ctrl-C"),
            StoreError::Io { .. } => None,
        }
    }
}

/// The runs of a project.
#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
}

impl Store {
    /// The runs of the project in this folder; nothing is touched yet.
    pub fn new(project: &Path) -> Self {
        Store { root: project.join(".pipeline").join("runs") }
    }

    /// `.pipeline/runs`.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Makes the folder of a new run (mode 0700), with `logs` and `evidence` in it. Its id is the time in UTC and four
    /// random characters, `20261123-145501-k3f9`: ids sort by time.
    pub fn create(&self, now: Timestamp) -> Result<RunFolder, StoreError> {
        self.create_with(now, random_suffix)
    }

    fn create_with(&self, now: Timestamp, mut suffix: impl FnMut() -> String) -> Result<RunFolder, StoreError> {
        std::fs::create_dir_all(&self.root).map_err(|error| StoreError::io("create", &self.root, error))?;
        self.keep_out_of_git();
        let time = now.strftime("%Y%m%d-%H%M%S").to_string();
        let mut attempts = 0;
        loop {
            let run = self.folder(&format!("{time}-{}", suffix()));
            attempts += 1;
            match DirBuilder::new().mode(0o700).create(&run.path) {
                Ok(()) => {
                    for folder in [run.logs(), run.evidence()] {
                        let made = DirBuilder::new().mode(0o700).create(&folder);
                        made.map_err(|error| StoreError::io("create", &folder, error))?;
                    }
                    return Ok(run);
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && attempts < 100 => {}
                Err(error) => return Err(StoreError::io("create", &run.path, error)),
            }
        }
    }

    /// Nothing is built from logs. That one cannot be written is not a reason not to run.
    fn keep_out_of_git(&self) {
        if let Some(folder) = self.root.parent() {
            let file = folder.join(".gitignore");
            if !file.exists() {
                let _best_effort = std::fs::write(file, "*\n");
            }
        }
    }

    /// Every run, newest first.
    pub fn list(&self) -> Result<Vec<RunFolder>, StoreError> {
        let entries = match std::fs::read_dir(&self.root) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(StoreError::io("read", &self.root, error)),
        };
        let mut runs = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|error| StoreError::io("read", &self.root, error))?;
            if let Some(id) = entry.file_name().to_str().filter(|id| is_id(id)) {
                runs.push(self.folder(id));
            }
        }
        // Of runs begun in the same second, the id does not tell which one is newer.
        let written = |run: &RunFolder| std::fs::metadata(&run.path).and_then(|folder| folder.modified()).ok();
        runs.sort_by_cached_key(|run| Reverse((run.second().to_owned(), written(run), run.id.clone())));
        Ok(runs)
    }

    /// The run of this very id, if it is here.
    pub fn get(&self, id: &str) -> Option<RunFolder> {
        is_id(id).then(|| self.folder(id)).filter(|run| run.path.is_dir())
    }

    /// The run of this id, or the only one that starts (or ends) with it, or the newest for `latest`.
    pub fn find(&self, wanted: &str) -> Result<RunFolder, StoreError> {
        let mut runs = self.list()?;
        if runs.is_empty() {
            return Err(StoreError::Empty { root: self.root.clone() });
        }
        if wanted == "latest" {
            return Ok(runs.remove(0));
        }
        runs.retain(|run| !wanted.is_empty() && (run.id.starts_with(wanted) || run.id.ends_with(wanted)));
        match runs.len() {
            0 => Err(StoreError::Unknown { wanted: wanted.to_owned() }),
            1 => Ok(runs.remove(0)),
            _ => Err(StoreError::Ambiguous {
                wanted: wanted.to_owned(),
                runs: runs.into_iter().map(|run| run.id).collect(),
            }),
        }
    }

    /// Removes a run with all its files.
    pub fn remove(&self, run: &RunFolder) -> Result<(), StoreError> {
        if run.is_running() {
            return Err(StoreError::Running { run: run.id.clone() });
        }
        std::fs::remove_dir_all(&run.path).map_err(|error| StoreError::io("remove", &run.path, error))
    }

    fn folder(&self, id: &str) -> RunFolder {
        RunFolder { id: id.to_owned(), path: self.root.join(id) }
    }
}

fn is_id(name: &str) -> bool {
    let parts: Vec<&str> = name.split('-').collect();
    let digits = |text: &str, length| text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit());
    matches!(parts[..], [day, time, suffix] if digits(day, 8) && digits(time, 6) && suffix.len() == 4)
}

fn random_suffix() -> String {
    let mut bits = RandomState::new().build_hasher().finish();
    let mut suffix = String::new();
    for _ in 0..4 {
        let digit = u32::try_from(bits % 36).expect("less than 36");
        suffix.push(char::from_digit(digit, 36).expect("less than 36"));
        bits /= 36;
    }
    suffix
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::journal::Writer;
    use std::os::unix::fs::PermissionsExt;
    use std::time::Duration;

    fn at(time: &str) -> Timestamp {
        time.parse().expect("a time")
    }

    fn store() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let store = Store::new(folder.path());
        (folder, store)
    }

    #[test]
    fn a_run_has_a_private_folder_and_an_id_that_sorts_by_time() {
        let (_folder, store) = store();
        let mut suffixes = ["k3f9", "k3f9", "a000"].iter();
        let mut suffix = || (*suffixes.next().expect("three")).to_owned();
        let time = at("2026-11-23T14:55:01Z");
        let first = store.create_with(time, &mut suffix).expect("a folder");
        let second = store.create_with(time, &mut suffix).expect("another one");
        assert_eq!((first.id(), second.id()), ("20261123-145501-k3f9", "20261123-145501-a000"));
        let mode = std::fs::metadata(first.path()).expect("made").permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        assert_eq!(first.log("deploy.rollout"), first.path().join("logs/deploy.rollout.log"));
        assert!(is_id(store.create(time).expect("one more").id()));
        let ignored = std::fs::read_to_string(store.root().parent().expect("has one").join(".gitignore"));
        assert_eq!(ignored.expect("written"), "*\n");
    }

    #[test]
    fn finds_the_latest_and_those_it_is_the_start_of() {
        let (_folder, store) = store();
        assert_eq!(store.find("latest").expect_err("none").help(), Some("start one with `pipeline run`"));
        for (time, suffix) in
            [("2026-11-23T14:55:01Z", "aaaa"), ("2026-11-23T15:00:00Z", "bbbb"), ("2026-11-22T00:00:00Z", "cccc")]
        {
            store.create_with(at(time), || suffix.to_owned()).expect("a folder");
        }
        std::fs::create_dir(store.root().join("lost+found")).expect("made");
        let ids: Vec<String> = store.list().expect("readable").into_iter().map(|run| run.id).collect();
        assert_eq!(ids, ["20261123-150000-bbbb", "20261123-145501-aaaa", "20261122-000000-cccc"]);
        let find = |wanted: &str| store.find(wanted).map(|run| run.id).map_err(|error| error.to_string());
        assert_eq!(find("latest"), Ok("20261123-150000-bbbb".into()));
        assert_eq!(find("20261122"), Ok("20261122-000000-cccc".into()));
        assert_eq!(find("aaaa"), Ok("20261123-145501-aaaa".into()));
        assert_eq!(find("x"), Err("no run is called `x`, nor does one start with it".into()));
        assert_eq!(
            find("20261123"),
            Err("`20261123` is the start of 2 runs: 20261123-150000-bbbb, 20261123-145501-aaaa".into())
        );
    }

    #[test]
    fn of_two_runs_begun_in_one_second_the_later_is_the_latest() {
        let (_folder, store) = store();
        let time = at("2026-11-23T14:55:01Z");
        for (suffix, second) in [("zzzz", 1), ("aaaa", 2)] {
            let run = store.create_with(time, || suffix.to_owned()).expect("a folder");
            let folder = std::fs::File::open(run.path()).expect("there");
            folder.set_modified(std::time::UNIX_EPOCH + Duration::from_secs(second)).expect("ours");
        }
        assert_eq!(store.find("latest").expect("one").id(), "20261123-145501-aaaa");
    }

    #[test]
    fn a_run_that_goes_on_is_not_removed() {
        let (_folder, store) = store();
        let run = store.create(at("2026-11-23T14:55:01Z")).expect("a folder");
        let writer = Writer::create(&run.journal(), || Duration::ZERO).expect("a journal");
        assert!(run.is_running());
        assert_eq!(
            store.remove(&run).expect_err("running").to_string(),
            format!("the run {} is still going on", run.id())
        );
        drop(writer);
        store.remove(&run).expect("may be removed");
        assert_eq!(store.list().expect("readable"), []);
    }
}
