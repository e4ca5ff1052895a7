//! The record of a run in `.pipeline/runs/<id>/`: its events, its logs, and where its files lie. Knows events; not what
//! they mean to a scheduler or a reporter.

mod frame;
mod log;
mod reader;
mod run_folder;
mod store;
mod writer;

use std::io;
use std::path::{Path, PathBuf};

pub use frame::Damage;
pub use log::{LOG_LIMIT, StepLog, mend as mend_log, open as open_log};
pub use reader::{End, Reader};
pub use run_folder::RunFolder;
pub use store::{Store, StoreError};
pub use writer::{Reopened, Writer};

/// Why a journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The file cannot be opened, read or cut.
    #[error("cannot {doing} the journal {}: {source}", path.display())]
    Io {
        /// `open`, `read`, `cut`.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
    /// Another version wrote it.
    #[error("the journal {} is written in format {found}, expected format {expected}", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u64,
        /// Ours.
        expected: u32,
    },
    /// Its first record is not the start of a run.
    #[error("{} is no journal: it does not begin with the start of a run", path.display())]
    NotAJournal {
        /// The file.
        path: PathBuf,
    },
    /// Another process writes it.
    #[error("the journal {} is being written: the run is still going on", path.display())]
    Busy {
        /// The file.
        path: PathBuf,
    },
}

impl JournalError {
    fn io(doing: &'static str, path: &Path, source: io::Error) -> Self {
        JournalError::Io { doing, path: path.to_owned(), source }
    }

    /// The line that says what to do.
    pub fn help(&self) -> Option<&'static str> {
        match self {
            JournalError::Version { .. } => {
                Some("read it with the version of pipeline that wrote it, or start a new run")
            }
            JournalError::NotAJournal { .. } => Some("`pipeline runs list` shows the runs that can be read"),
            JournalError::Busy { .. } => Some("wait for it to end, or stop it with Ctrl-C"),
            JournalError::Io { .. } => None,
        }
    }
}
