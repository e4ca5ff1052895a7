//! Kustomizations rendered into manifests, by kubectl or by kustomize. Reaches no cluster.

use std::ffi::OsStr;
use std::path::Path;

use crate::core::model::outcome::{Failure, Fault};
use crate::process::command_context::{CommandContext, CommandError, last_line};
use crate::process::{capture, find_program};

/// Bytes of rendered manifests that are read.
const RENDERED_LIMIT: usize = 64 << 20;

/// The names that a kustomization's file may have.
pub const FILES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// The manifests that the kustomization in `folder` becomes, as YAML.
///
/// # Errors
/// [`CommandError::Failed`] with the program's words; [`CommandError::Fault`] of kind environment when neither kubectl nor kustomize is
/// in PATH.
pub async fn build(folder: &Path, call: &CommandContext<'_>) -> Result<String, CommandError> {
    let path = call.env.get("PATH").map(OsStr::new);
    let is_there = |program: &str| find_program(OsStr::new(program), path, &call.dir).is_ok();
    let (program, verb) = match (is_there("kubectl"), is_there("kustomize")) {
        (true, _) => ("kubectl", "kustomize"),
        (false, true) => ("kustomize", "build"),
        (false, false) => {
            let fault =
                Fault::environment("neither kubectl nor kustomize is in PATH, and one of them renders kustomizations");
            return Err(fault.help("install kubectl or kustomize, or put it into PATH").into());
        }
    };
    let mut command = call.command(program, [OsStr::new(verb), folder.as_os_str()]);
    command.env.insert("KUBECONFIG".into(), "/dev/null".into());
    let said = capture(&command, RENDERED_LIMIT, &call.stop).await?;
    if said.code != Some(0) {
        let words = last_line(&said.stderr).unwrap_or_else(|| "it said nothing".to_owned());
        let words = words.trim_start_matches("error: ").trim_start_matches("Error: ").to_owned();
        let shown = folder.strip_prefix(&call.dir).unwrap_or(folder).display().to_string();
        let failure = Failure::new(format!("{program} {verb} {shown}: {words}"));
        return Err(CommandError::Failed(Failure { exit_code: said.code, ..failure }));
    }
    for line in String::from_utf8_lossy(&said.stderr).lines() {
        call.log.line(line.as_bytes());
    }
    Ok(String::from_utf8_lossy(said.stdout.whole("the rendered kustomization")?).into_owned())
}
