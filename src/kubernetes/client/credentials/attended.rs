//! A credential plugin that may ask a person: it shares the terminal, its process group and its standard error, as
//! `kubectl` lets it. Ctrl-C at the terminal reaches it directly.

use std::process::Stdio;

use tokio::io::{AsyncRead, AsyncReadExt};

use crate::core::model::outcome::Fault;
use crate::process::{Captured, Command, Output};

/// Runs it to its end; it is killed when this future is dropped. Its standard error is the terminal's, so none is kept.
///
/// # Errors
/// [`Fault`] of kind environment when it cannot be started.
pub(super) async fn capture(command: &Command, limit: usize) -> Result<Output, Fault> {
    let program = command.program.to_string_lossy().into_owned();
    let broken = |error: std::io::Error| {
        Fault::environment(format!("the credential plugin `{program}` cannot be started: {error}"))
    };
    let mut child = tokio::process::Command::new(&command.program)
        .args(&command.args)
        .env_clear()
        .envs(&command.env)
        .current_dir(&command.dir)
        .stdin(Stdio::inherit())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .spawn()
        .map_err(broken)?;
    let mut stdout = Captured::up_to(limit);
    if let Some(pipe) = child.stdout.take() {
        read(pipe, &mut stdout).await.map_err(broken)?;
    }
    let status = child.wait().await.map_err(broken)?;
    Ok(Output { code: status.code(), signal: None, stdout, stderr: Captured::default() })
}

/// Reads to the end, and keeps what fits.
async fn read(mut pipe: impl AsyncRead + Unpin, kept: &mut Captured) -> std::io::Result<()> {
    let mut piece = [0; 4096];
    loop {
        let read = pipe.read(&mut piece).await?;
        if read == 0 {
            return Ok(());
        }
        kept.extend(&piece[..read]);
    }
}
