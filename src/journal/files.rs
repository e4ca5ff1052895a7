//! The files of a run while it goes on: logs, evidence, scratch. What cannot be written is no reason to stop a step: it
//! is kept in mind and told at the end.

use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::log::LogFile;
use super::store::{RunFolder, file_name};
use crate::drivers::process::LineSink;
use crate::engine::{NoticeSender, RunFiles, StepLog};
use crate::event::{Live, LogSize, NodeId};
use crate::kind::Evidence;
use crate::mask::Masker;

/// What could not be written.
#[derive(Clone, Default)]
struct Troubles(Arc<Mutex<Vec<String>>>);

impl Troubles {
    fn add(&self, words: String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(words);
    }
}

/// Logs, evidence and scratch of one run. The scratch folder goes when this does.
pub struct Files {
    run: RunFolder,
    masker: Masker,
    log_limit: u64,
    scratch: PathBuf,
    troubles: Troubles,
}

impl Files {
    /// Makes the scratch folder (0700). Logs are cut after `log_limit` bytes each, see [`super::LOG_LIMIT`].
    ///
    /// # Errors
    /// The folder cannot be made; the words name it.
    pub fn new(run: RunFolder, masker: Masker, log_limit: u64) -> io::Result<Self> {
        let scratch = run.scratch();
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&scratch);
        made.map_err(|error| io::Error::new(error.kind(), format!("cannot create {}: {error}", scratch.display())))?;
        Ok(Files { run, masker, log_limit, scratch, troubles: Troubles::default() })
    }

    /// What could not be written so far, in words that name the files.
    pub fn troubles(&self) -> Vec<String> {
        self.troubles.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        // What is left is private, and goes with the run's folder.
        let _best_effort = std::fs::remove_dir_all(&self.scratch);
    }
}

impl RunFiles for Files {
    fn log(&self, node: NodeId, name: &str, live: &NoticeSender) -> Arc<dyn StepLog> {
        let live = live.clone();
        let show = move |text| live.live(Live::Line { node, text });
        let file = LogFile::new(self.run.log(name), self.log_limit, &self.masker, show);
        Arc::new(NodeLog { file, troubles: self.troubles.clone() })
    }

    fn evidence(&self, _: NodeId, name: &str) -> Arc<dyn Evidence> {
        let folder = self.run.evidence_of(name);
        Arc::new(Kept { folder, masker: self.masker.clone(), troubles: self.troubles.clone() })
    }

    fn scratch(&self) -> &Path {
        &self.scratch
    }
}

struct NodeLog {
    file: LogFile,
    troubles: Troubles,
}

impl LineSink for NodeLog {
    fn line(&self, line: &[u8]) {
        self.file.line(line);
    }
}

impl StepLog for NodeLog {
    fn close(&self) -> Option<LogSize> {
        match self.file.finish() {
            Ok(size) if size == LogSize::default() => None,
            Ok(size) => Some(size),
            Err(error) => {
                self.troubles.add(error.to_string());
                None
            }
        }
    }
}

/// The evidence folder of one node.
struct Kept {
    folder: PathBuf,
    masker: Masker,
    troubles: Troubles,
}

impl Kept {
    fn store(&self, path: &Path, text: &str) -> io::Result<()> {
        if let Some(folder) = path.parent() {
            DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        }
        let mut file = OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(path)?;
        file.write_all(self.masker.mask(text).as_bytes())
    }
}

impl Evidence for Kept {
    fn keep(&self, name: &str, text: &str) {
        let mut path = self.folder.clone();
        path.extend(name.split('/').filter(|part| !part.is_empty()).map(file_name));
        if let Err(error) = self.store(&path, text) {
            self.troubles.add(format!("cannot write the evidence {}: {error}", path.display()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::notices;
    use crate::journal::Store;
    use crate::mask::SecretText;

    fn files() -> (tempfile::TempDir, RunFolder, Files) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let time = "2026-11-23T14:55:01Z".parse().expect("a time");
        let run = Store::new(folder.path()).create(time).expect("a folder");
        let masker = Masker::new(&[SecretText::new("hunter22")]);
        let files = Files::new(run.clone(), masker, 1000).expect("a scratch folder");
        (folder, run, files)
    }

    #[test]
    fn logs_and_evidence_are_masked_and_lie_in_the_run() {
        let (_folder, run, files) = files();
        let (live, _listening) = notices();
        let log = files.log(NodeId(1), "deploy.apply", &live);
        log.line(b"hunter22");
        assert_eq!(log.close(), Some(LogSize { lines: 1, bytes: 4, dropped: 0 }));
        assert_eq!(std::fs::read_to_string(run.log("deploy.apply")).expect("written"), "***\n");
        assert_eq!(files.log(NodeId(2), "deploy.quiet", &live).close(), None);

        files.evidence(NodeId(1), "deploy.apply").keep("pods/../backend 1.yaml", "pw: hunter22\n");
        let path = run.evidence_of("deploy.apply").join("pods").join(file_name("..")).join(file_name("backend 1.yaml"));
        assert_eq!(std::fs::read_to_string(path).expect("written"), "pw: ***\n");
        assert_eq!(files.troubles(), Vec::<String>::new());
    }

    #[test]
    fn what_cannot_be_written_is_told_at_the_end() {
        let (_folder, run, files) = files();
        std::fs::remove_dir_all(run.path()).expect("may be removed");
        let (live, _listening) = notices();
        let log = files.log(NodeId(1), "a.b", &live);
        log.line(b"x");
        assert_eq!(log.close(), None);
        let troubles = files.troubles();
        assert!(
            troubles[0].starts_with(&format!("cannot write the log {}: ", run.log("a.b").display())),
            "{troubles:?}"
        );
    }

    #[test]
    fn the_scratch_folder_goes_with_the_run() {
        let (_folder, run, files) = files();
        std::fs::write(files.scratch().join("x"), "y").expect("writable");
        drop(files);
        assert!(run.path().exists() && !run.scratch().exists());
    }
}
