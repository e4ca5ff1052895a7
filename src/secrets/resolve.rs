//! The values of a pipeline's secrets, found before anything runs; every one that is missing is reported at once. Shows no
//! value, in no message.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;
use tokio_util::sync::CancellationToken;

use crate::core::mask::SecretText;
use crate::core::model::outcome::Fault;
use crate::core::spec::SecretSource;
use crate::process::script::{self, Task};
use crate::process::{Stop, capture};
use crate::secrets::secret_store;

/// How long a secret's command may take.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Bytes that a secret's command may print.
const LIMIT: usize = 1 << 20;

/// Finds every value. Commands run at the same time, and only where a source before them in `any` had nothing.
///
/// # Errors
/// One [`Fault`] of kind environment for every secret without a value, in the order of the file.
pub async fn resolve(
    sources: &IndexMap<String, SecretSource>,
    project: &Path,
    env: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, SecretText>, Vec<Fault>> {
    let all = sources.iter().map(|(name, source)| one(name, source, project, env));
    let found = futures::future::join_all(all).await;
    let (mut values, mut faults) = (BTreeMap::new(), Vec::new());
    for (name, found) in sources.keys().zip(found) {
        match found {
            Ok(value) => {
                values.insert(name.clone(), value);
            }
            Err(fault) => faults.push(fault),
        }
    }
    if faults.is_empty() { Ok(values) } else { Err(faults) }
}

/// The value of one secret.
async fn one(
    name: &str,
    source: &SecretSource,
    project: &Path,
    env: &BTreeMap<String, String>,
) -> Result<SecretText, Fault> {
    let alone = std::slice::from_ref(source);
    let mut missing = Vec::new();
    let mut help = None;
    for source in source.any.as_deref().unwrap_or(alone) {
        // `any` in `any` says nothing that one list would not
        match Box::pin(look(name, source, project, env)).await {
            Ok(value) => return Ok(value),
            Err(fault) => {
                missing.push(fault.message);
                help = help.or(fault.help);
            }
        }
    }
    let fault = Fault::environment(format!("the secret `{name}` has no value: {}", missing.join("; ")));
    Err(match help {
        Some(help) => fault.help(help),
        None => fault,
    })
}

async fn look(
    name: &str,
    source: &SecretSource,
    project: &Path,
    env: &BTreeMap<String, String>,
) -> Result<SecretText, Fault> {
    if let Some(variable) = &source.env {
        return variable_of(name, variable, env);
    }
    if let Some(file) = &source.file {
        let missing = || {
            Fault::environment(format!("the file `{file}` does not exist"))
                .help(format!("write the value into `{file}` (and keep it out of the repository)"))
        };
        return secret_store::file(project, Path::new(file))?.ok_or_else(missing);
    }
    if let Some(argv) = &source.command {
        return printed(argv, project, env).await;
    }
    if let Some(length) = source.generate {
        let make = || secret_store::generate(length);
        return if source.keep { secret_store::keep(project, name, make) } else { make() };
    }
    if source.any.is_some() {
        return Box::pin(one(name, source, project, env)).await;
    }
    Err(Fault::invalid("it names no source"))
}

fn variable_of(name: &str, variable: &str, env: &BTreeMap<String, String>) -> Result<SecretText, Fault> {
    let help = || {
        format!("type: export {variable}=…   or write {name}: {{ any: [{{ env: {variable} }}, {{ generate: 32 }}] }}")
    };
    let Some(value) = env.get(variable) else {
        return Err(Fault::environment(format!("the variable `{variable}` is not set")).help(help()));
    };
    secret_store::text(value.clone().into_bytes())
        .map_err(|words| Fault::environment(format!("the variable `{variable}` {words}")).help(help()))
}

/// What a command prints. What it says on stderr may be shown, what it prints never.
async fn printed(argv: &[String], project: &Path, env: &BTreeMap<String, String>) -> Result<SecretText, Fault> {
    let shown = argv.first().map(String::as_str).unwrap_or_default();
    let command = script::command(Task::Argv(argv), &Arc::new(env.clone()), project.to_path_buf(), project)?;
    let stop = Stop { cancel: CancellationToken::new(), grace: Duration::from_secs(1) };
    let mut run = std::pin::pin!(capture(&command, LIMIT, &stop));
    let said = tokio::select! {
        biased;
        said = &mut run => said?,
        () = tokio::time::sleep(TIMEOUT) => {
            stop.cancel.cancel();
            // its end is waited for: nothing of it may run on
            let _ = run.await;
            return Err(Fault::environment(format!("`{shown}` was still running after {}s", TIMEOUT.as_secs())));
        }
    };
    let stderr = String::from_utf8_lossy(&said.stderr);
    let last = stderr.lines().map(str::trim).rfind(|line| !line.is_empty());
    let words = last.map(|line| format!(": {line}")).unwrap_or_default();
    match said.code {
        Some(0) => secret_store::text(said.stdout.whole(&format!("the output of `{shown}`"))?.to_vec())
            .map_err(|problem| Fault::environment(format!("what `{shown}` prints {problem}{words}"))),
        Some(code) => Err(Fault::environment(format!("`{shown}` ended with exit code {code}{words}"))),
        None => Err(Fault::environment(format!("`{shown}` was killed by a signal{words}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn resolved(yaml: &str) -> Result<BTreeMap<String, String>, Vec<(String, Option<String>)>> {
        let sources: IndexMap<String, SecretSource> = serde_yaml::from_str(yaml).expect("sources");
        let project = tempfile::tempdir().expect("tmp");
        std::fs::write(project.path().join("token"), "from a file\n").expect("writable");
        let mut env = BTreeMap::from([("TOKEN".to_owned(), "from env".to_owned()), ("NONE".to_owned(), String::new())]);
        env.extend(std::env::var("PATH").map(|path| ("PATH".to_owned(), path)));
        match resolve(&sources, project.path(), &env).await {
            Ok(found) => Ok(found.into_iter().map(|(name, value)| (name, value.expose().to_owned())).collect()),
            Err(faults) => Err(faults.into_iter().map(|fault| (fault.message, fault.help)).collect()),
        }
    }

    #[tokio::test]
    async fn finds_values_in_every_kind_of_source() {
        let found = resolved(
            "a: { env: TOKEN }\nb: { file: token }\nc: { command: [echo, from, echo] }\nd: { generate: 32 }\n\
             e: { any: [{ env: NONE }, { file: nowhere }, { command: ['false'] }, { env: TOKEN }] }\n",
        )
        .await
        .expect("all are there");
        assert_eq!(found["d"].len(), 32);
        let others: Vec<&str> = ["a", "b", "c", "e"].map(|name| found[name].as_str()).into();
        assert_eq!(others, ["from env", "from a file", "from echo", "from env"]);
    }

    #[tokio::test]
    async fn tells_every_missing_one_at_once() {
        let faults = resolved(
            "a: { env: NOT_SET }\nb: { file: nowhere }\nc: { command: [sh, -c, 'echo s3cr3t; echo denied >&2; exit 3'] }\n\
             d: { command: ['true'] }\ne: { any: [{ env: NONE }, { file: nowhere }] }\nf: { env: TOKEN }\n",
        )
        .await
        .expect_err("five are missing");
        let help = |name: &str, variable: &str| {
            Some(format!(
                "type: export {variable}=…   or write {name}: {{ any: [{{ env: {variable} }}, {{ generate: 32 }}] }}"
            ))
        };
        let file = Some("write the value into `nowhere` (and keep it out of the repository)".to_owned());
        let expected = [
            ("the secret `a` has no value: the variable `NOT_SET` is not set", help("a", "NOT_SET")),
            ("the secret `b` has no value: the file `nowhere` does not exist", file),
            ("the secret `c` has no value: `sh` ended with exit code 3: denied", None),
            ("the secret `d` has no value: what `true` prints is empty", None),
            (
                "the secret `e` has no value: the variable `NONE` is empty; the file `nowhere` does not exist",
                help("e", "NONE"),
            ),
        ];
        assert_eq!(faults, expected.map(|(message, help)| (message.to_owned(), help)));
    }
}
