//! What is installed and answers on this machine, for `doctor`: each tool asked for its version, none for more.

use std::path::Path;
use std::time::Duration;

use crate::core::model::outcome::Fault;
use crate::core::model::units::ByteSize;
use crate::process::command_context::{CommandContext, last_line};

/// Time for one tool's answer.
const LIMIT: Duration = Duration::from_secs(10);

/// What a tool answered: its version, or why it has none to tell.
pub type Answer = Result<String, String>;

/// Asks `program args…`; the first line it prints, or its last words.
pub async fn version(call: &CommandContext<'_>, program: &str, args: &[&str]) -> Answer {
    let said = match tokio::time::timeout(LIMIT, call.ask(program, args.iter().copied())).await {
        Err(_) => return Err(format!("gave no answer in {} s", LIMIT.as_secs())),
        Ok(Err(fault)) if fault.message.contains("is not in PATH") => return Err("not installed".to_owned()),
        Ok(Err(fault)) => return Err(fault.message),
        Ok(Ok(said)) => said,
    };
    let first = |bytes: &[u8]| {
        String::from_utf8_lossy(bytes).lines().map(str::trim).find(|line| !line.is_empty()).map(str::to_owned)
    };
    if said.code == Some(0) {
        return Ok(first(&said.stdout).or_else(|| first(&said.stderr)).unwrap_or_default());
    }
    // of a plugin that is not there, docker says that it knows no such command, and then how to get help
    if memchr::memmem::find(&said.stderr, b"is not a docker command").is_some()
        || memchr::memmem::find(&said.stderr, b"unknown command").is_some()
    {
        return Err("not installed".to_owned());
    }
    Err(last_line(&said.stderr).or_else(|| last_line(&said.stdout)).unwrap_or_else(|| "it failed".to_owned()))
}

/// Why nothing can be written in `folder`, or in the nearest folder above that exists.
///
/// # Errors
/// The system's words.
pub fn writable(folder: &Path) -> Result<(), String> {
    let there = nearest(folder);
    rustix::fs::access(there, rustix::fs::Access::WRITE_OK)
        .map_err(|error| format!("{} cannot be written: {}", there.display(), std::io::Error::from(error)))
}

/// Bytes free for this user on the disk of `folder`, or of the nearest folder above that exists.
///
/// # Errors
/// [`Fault`] when the system does not say.
pub fn free(folder: &Path) -> Result<ByteSize, Fault> {
    let there = nearest(folder);
    let said = rustix::fs::statvfs(there)
        .map_err(|error| Fault::unknown(format!("the disk of {} cannot be looked at: {error}", there.display())))?;
    Ok(ByteSize(said.f_bavail.saturating_mul(said.f_frsize)))
}

/// The folder, or the nearest one above that exists.
fn nearest(folder: &Path) -> &Path {
    folder.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new("/"))
}
