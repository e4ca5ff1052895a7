//! Compose projects that runs have brought up and not taken down: seen to by `clean`, and by the next run after one that
//! died.

use std::path::Path;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::out;
use super::scratch::scratch;
use super::stderr_sink::StderrSink;
use crate::containers::compose::{ComposeRecord, Down, Project};
use crate::core::kind::services::Services;
use crate::core::model::outcome::Fault;
use crate::process::Stop;
use crate::process::command_context::CommandContext;
use crate::services::Clients;

/// Takes down those that `wanted` says, by their names; with `dry_run` only names them. False where one would not go.
/// A project that has other files now than it was brought up from is another's.
pub(super) async fn take_down(
    services: &Services,
    folder: &Path,
    wanted: impl Fn(&ComposeRecord) -> bool,
    dry_run: bool,
) -> Result<bool, Fault> {
    let raised: Vec<ComposeRecord> = ComposeRecord::all(folder)?.into_iter().filter(wanted).collect();
    if raised.is_empty() {
        return Ok(true);
    }
    let scratch = scratch("clean")?;
    let env = super::run_context::environment();
    let stop = Stop { cancel: CancellationToken::new(), grace: Duration::from_secs(10) };
    // In an empty folder: no file that happens to lie where we are is taken for the project's.
    let call = CommandContext {
        env: &env,
        dir: scratch.path().to_owned(),
        scratch: scratch.path().to_owned(),
        log: &StderrSink,
        stop,
    };
    let mut gone = true;
    for ComposeRecord { name, run, files, volumes, .. } in raised {
        let now = match services.compose().standing(&name, &call).await {
            Ok(now) => now,
            Err(unseen) => {
                let fault = unseen.into_fault();
                let words =
                    format!("compose project {name} stays, since Compose does not say what it is: {}", fault.message);
                out::error(&words, fault.help.as_deref());
                gone = false;
                continue;
            }
        };
        if let Some(others) = now.filter(|now| *now != files) {
            let shown: Vec<String> = others.iter().map(|file| file.display().to_string()).collect();
            out::say(&format!("compose project {name} is another now, of {}: it stays", shown.join(", ")));
        } else if dry_run {
            out::data(&format!("compose project {name}"));
            continue;
        } else {
            let down = Down { volumes, orphans: true, images: false, quick: true };
            let nameless = Project { name: Some(name.clone()), ..Project::default() };
            if let Err(undone) = services.compose().down(&nameless, down, &call).await {
                let fault = undone.into_fault();
                let words = format!("compose project {name} could not be taken down: {}", fault.message);
                out::error(&words, fault.help.as_deref());
                gone = false;
                continue;
            }
            out::say(&format!("took down compose project {name}, which run {run} had brought up"));
        }
        if !dry_run {
            ComposeRecord::forget(folder, &name);
        }
    }
    Ok(gone)
}
