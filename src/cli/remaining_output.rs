//! `pipeline keep-output`, which is not for people: reads what processes print that a step left running, also after the run.
//!
//! It is a process of its own, since those processes may outlive the run, and a pipe that nothing reads would end them.
//! What it writes is masked and bounded as a step's log is.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Write, pipe};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use super::args::KeepOutput;
use crate::core::journal::{LOG_LIMIT, StepLog};
use crate::core::mask::{Masker, SecretText};
use crate::core::model::exit_code::Exit;
use crate::core::model::outcome::Fault;
use crate::process::LineSink;

/// Starts it for this pipe. It learns the secrets through a pipe: neither arguments nor environment hold them.
pub(super) fn start(output: OwnedFd, log: &Path, secrets: &BTreeMap<String, SecretText>) -> io::Result<()> {
    let (reader, mut writer) = pipe()?;
    let values: Vec<&str> = secrets.values().map(SecretText::expose).collect();
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("keep-output").arg(log).current_dir("/").process_group(0);
    command.stdin(Stdio::from(output)).stdout(Stdio::from(reader)).stderr(Stdio::null());
    // it ends when the last writer does, which nothing here waits for
    let _child = command.spawn()?;
    // the other end is closed with the command, so a child that died early is an error here
    drop(command);
    writer.write_all(&serde_json::to_vec(&values)?)
}

/// Reads stdin to its end into the log; the secrets come through the descriptor of stdout.
pub(super) fn run(wanted: &KeepOutput) -> Result<Exit, Fault> {
    let broken = |error: io::Error| Fault::unknown(format!("the output cannot be kept: {error}"));
    let mut secrets = Vec::new();
    let from = io::stdout().as_fd().try_clone_to_owned().map_err(broken)?;
    File::from(from).read_to_end(&mut secrets).map_err(broken)?;
    let secrets: Vec<String> = serde_json::from_slice(&secrets).map_err(|error| broken(error.into()))?;
    let secrets: Vec<SecretText> = secrets.into_iter().map(SecretText::new).collect();
    let log = StepLog::new(&wanted.file, LOG_LIMIT, &Masker::new(&secrets), |_| {});
    let mut stdin = io::stdin().lock();
    let mut chunk = vec![0; 64 * 1024];
    loop {
        match stdin.read(&mut chunk) {
            Ok(0) => break,
            // a full disk does not end the processes: their output is read on
            Ok(count) => log.piece(&chunk[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(broken(error)),
        }
    }
    log.finish().map_err(broken)?;
    Ok(Exit::Passed)
}
