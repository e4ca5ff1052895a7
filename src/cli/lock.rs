//! The lock that lets one run at a time into a project: a file that only one process holds, and who that is.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::core::model::outcome::Fault;

/// Between two checks of a lock that is waited for.
const LOOK: Duration = Duration::from_millis(200);

/// Who holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The run; what it does, where it is no run (`clean`).
    pub run: String,
    /// Its process.
    pub pid: u32,
    /// The machine.
    pub host: String,
    /// Since when, RFC 3339 in UTC.
    pub since: String,
}

/// The lock, held until it is dropped.
#[derive(Debug)]
pub struct Lock {
    file: File,
}

impl Lock {
    /// Takes it; `Err` with the holder, if that is known, when another process holds it.
    ///
    /// # Errors
    /// [`Fault`] when the file cannot be made.
    pub fn try_take(project: &Path) -> Result<Result<Self, Option<Holder>>, Fault> {
        let path = path(project);
        let open = fs::create_dir_all(path.parent().unwrap_or(project)).and_then(|()| {
            OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path)
        });
        let mut file = open.map_err(|error| {
            Fault::unknown(format!("cannot make {}: {error}", path.display()))
                .help("a run needs to write to .pipeline/ in the project's folder")
        })?;
        match file.try_lock() {
            Err(fs::TryLockError::WouldBlock) => {
                let mut text = String::new();
                let _ = file.read_to_string(&mut text);
                Ok(Err(serde_json::from_str(&text).ok()))
            }
            // On a file system without locks: better no lock than no run.
            Ok(()) | Err(fs::TryLockError::Error(_)) => Ok(Ok(Lock { file })),
        }
    }

    /// Takes it, waiting for its holder for `patience` at most; `waits` hears once who that is.
    ///
    /// # Errors
    /// [`Fault`] of kind environment that names the holder.
    pub async fn take(project: &Path, patience: Duration, waits: impl Fn(Option<&Holder>)) -> Result<Self, Fault> {
        let until = tokio::time::Instant::now() + patience;
        let mut reported = false;
        loop {
            let holder = match Lock::try_take(project)? {
                Ok(lock) => return Ok(lock),
                Err(holder) => holder,
            };
            if tokio::time::Instant::now() >= until {
                return Err(held(holder.as_ref()));
            }
            if !std::mem::replace(&mut reported, true) {
                waits(holder.as_ref());
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Says who holds it, for those who find it taken.
    pub fn sign(&mut self, holder: &Holder) {
        let text = serde_json::to_string(holder).expect("plain text");
        // Who cannot read it learns less; the lock itself holds all the same.
        let _ =
            self.file.set_len(0).and_then(|()| self.file.rewind()).and_then(|()| self.file.write_all(text.as_bytes()));
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        let _ = self.file.set_len(0);
        // Closing is not enough: a process that is being started holds what we have open until it is another program.
        let _ = self.file.unlock();
    }
}

/// The machine's name.
pub fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

fn held(holder: Option<&Holder>) -> Fault {
    let who = holder.map_or_else(String::new, |holder| format!(": {}", shown(holder)));
    Fault::environment(format!("another run of this project is going on{who}"))
        .help("wait for it, or let this one wait: `--wait 10m`")
}

/// `run 2026…, process 4711 on host, since 2026…`.
pub fn shown(holder: &Holder) -> String {
    format!("{}, process {} on {}, since {}", holder.run, holder.pid, holder.host, holder.since)
}

fn path(project: &Path) -> PathBuf {
    project.join(".pipeline/lock")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_at_a_time_and_the_other_names_the_holder() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut first = Lock::try_take(folder.path()).expect("writable").expect("free");
        let holder = Holder { run: "run r1".into(), pid: 7, host: "desk".into(), since: "2026-11-23T00:00:00Z".into() };
        first.sign(&holder);
        let fault = Lock::take(folder.path(), Duration::ZERO, |_| {}).await.expect_err("held");
        assert_eq!(
            fault.message,
            "another run of this project is going on: run r1, process 7 on desk, since 2026-11-23T00:00:00Z"
        );
        drop(first);
        assert!(Lock::try_take(folder.path()).expect("writable").is_ok(), "free again");
    }
}
