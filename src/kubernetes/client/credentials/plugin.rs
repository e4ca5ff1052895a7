//! A credential plugin as kubeconfig names it: what is started, with which environment and for how long, and what may be
//! said of it when it fails. Its arguments' values, its environment and its standard output are never part of that.

use std::ffi::{OsStr, OsString};
use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::Duration;

use kube::config::{AuthInfo, AuthProviderConfig, Cluster, ExecAuthCluster, ExecConfig, ExecInteractiveMode};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::answer::{self, Answer};
use super::attended;
use crate::core::mask::{Masker, SecretText};
use crate::core::model::outcome::Fault;
use crate::process::{Command, Output, Stop, capture, find_program};

/// How long a plugin may run that no person answers.
const LIMIT: Duration = Duration::from_secs(60);
/// How long a plugin may run that asks a person.
const ATTENDED_LIMIT: Duration = Duration::from_secs(300);
/// Bytes of its output that are read.
const OUTPUT: usize = 1 << 20;
/// Lines and bytes of its standard error that are repeated.
const SHOWN_LINES: usize = 5;
const SHOWN_BYTES: usize = 1000;

/// Where a plugin is named.
pub(in crate::kubernetes::client) enum Source {
    /// `exec:` of the user.
    Exec { config: Box<ExecConfig>, cluster: Option<Box<ExecAuthCluster>> },
    /// `auth-provider:` with a command.
    Provider(AuthProviderConfig),
}

/// A plugin, and the context that it signs in to.
pub(in crate::kubernetes::client) struct Plugin {
    pub source: Source,
    pub context: String,
}

/// Why there is no credential.
pub(super) struct Refused {
    pub fault: Fault,
    pub timed_out: bool,
}

impl From<Fault> for Refused {
    fn from(fault: Fault) -> Self {
        Refused { fault, timed_out: false }
    }
}

impl Source {
    /// Takes the plugin out of a user's entry: what is left of it starts no program.
    ///
    /// # Errors
    /// [`Fault`] when the entry cannot be used.
    pub fn take(user: &mut AuthInfo, cluster: &Cluster, context: &str) -> Result<Option<Self>, Fault> {
        let signs_in_itself =
            user.token.is_some() || user.token_file.is_some() || (user.username.is_some() && user.password.is_some());
        if let Some(provider) = &user.auth_provider {
            let has = |key: &str| provider.config.get(key).is_some_and(|value| !value.is_empty());
            let by_command = provider.name == "gcp" && has("cmd-path") && !has("id-token");
            if by_command {
                return Ok(user.auth_provider.take().map(Source::Provider));
            }
            if matches!(provider.name.as_str(), "gcp" | "oidc") && has("id-token") {
                return Ok(None);
            }
            return Err(Fault::environment(format!(
                "the auth-provider \"{}\" of context \"{context}\" is not supported",
                provider.name
            ))
            .help("name a credential plugin under `exec:` of that user, as the cluster's provider describes"));
        }
        let Some(exec) = user.exec.take().filter(|_| !signs_in_itself) else { return Ok(None) };
        let cluster = if exec.provide_cluster_info {
            let cluster = ExecAuthCluster::try_from(cluster).map_err(|_| {
                Fault::environment(format!("the certificate authority of context \"{context}\" cannot be read"))
            })?;
            Some(Box::new(cluster))
        } else {
            None
        };
        Ok(Some(Source::Exec { config: Box::new(exec), cluster }))
    }
}

impl Plugin {
    /// The program as kubeconfig writes it.
    pub fn program(&self) -> &str {
        match &self.source {
            Source::Exec { config, .. } => config.command.as_deref().unwrap_or_default(),
            Source::Provider(provider) => provider.config.get("cmd-path").map(String::as_str).unwrap_or_default(),
        }
    }

    /// Starts it, waits for it within its limit, and reads its answer.
    pub(super) async fn run(&self) -> Result<Answer, Refused> {
        let attended = self.attended_at(std::io::stdin().is_terminal())?;
        let command = self.command(attended)?;
        let limit = if attended { ATTENDED_LIMIT } else { LIMIT };
        let ended = tokio::time::timeout(limit, async {
            if attended {
                return attended::capture(&command, OUTPUT).await;
            }
            let stop = Stop { cancel: CancellationToken::new(), grace: Duration::ZERO };
            capture(&command, OUTPUT, &stop).await
        });
        let captured = match ended.await {
            Ok(Ok(captured)) => captured,
            Ok(Err(fault)) => return Err(fault.into()),
            Err(_) => {
                let fault = self.fault(&format!("timed out after {}s", limit.as_secs()));
                let fault = fault.help("run it yourself to see what it waits for; `kubectl version` starts it too");
                return Err(Refused { fault, timed_out: true });
            }
        };
        if captured.code != Some(0) {
            return Err(self.failed(&captured).into());
        }
        let answer = match &self.source {
            Source::Exec { config, .. } => answer::exec_credential(&captured.stdout, config.api_version.as_deref()),
            Source::Provider(provider) => {
                let key = |name: &str| provider.config.get(name).map(String::as_str);
                answer::provider(&captured.stdout, key("token-key"), key("expiry-key"))
            }
        };
        answer.map_err(|why| self.fault(&why).into())
    }

    fn fault(&self, why: &str) -> Fault {
        Fault::environment(format!("the credential plugin `{}` of context \"{}\" {why}", self.program(), self.context))
    }

    /// Whether it may ask a person: as `interactiveMode` says, and only at a terminal.
    pub(super) fn attended_at(&self, at_a_terminal: bool) -> Result<bool, Fault> {
        let Source::Exec { config, .. } = &self.source else { return Ok(false) };
        match config.interactive_mode {
            Some(ExecInteractiveMode::Never) => Ok(false),
            Some(ExecInteractiveMode::Always) if !at_a_terminal => Err(self
                .fault("needs a terminal (interactiveMode: Always), and standard input is not one")
                .help("sign in before the run, or use a plugin that needs no person")),
            _ => Ok(at_a_terminal),
        }
    }

    fn command(&self, attended: bool) -> Result<Command, Fault> {
        let mut env: std::collections::BTreeMap<OsString, OsString> = std::env::vars_os().collect();
        let mut args: Vec<OsString> = Vec::new();
        match &self.source {
            Source::Exec { config, .. } => {
                args.extend(config.args.iter().flatten().map(OsString::from));
                for variable in config.env.iter().flatten() {
                    if let (Some(name), Some(value)) = (variable.get("name"), variable.get("value")) {
                        env.insert(name.into(), value.into());
                    }
                }
            }
            Source::Provider(provider) => {
                let words = provider.config.get("cmd-args").map(String::as_str).unwrap_or_default();
                args.extend(words.split_whitespace().map(OsString::from));
            }
        }
        env.extend(self.info(attended).map(|info| ("KUBERNETES_EXEC_INFO".into(), info.into())));
        let dir = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/"));
        let path = env.get(OsStr::new("PATH")).cloned();
        if self.program().is_empty() {
            return Err(Fault::environment(format!(
                "the user of context \"{}\" names a credential plugin without a command",
                self.context
            ))
            .help("write its `command:` in kubeconfig"));
        }
        if find_program(OsStr::new(self.program()), path.as_deref(), &dir).is_err() {
            return Err(self.fault("is not installed").help(self.install_hint()));
        }
        Ok(Command { program: self.program().into(), args, env, dir, ..Command::default() })
    }

    /// What an `exec` plugin is asked, as `KUBERNETES_EXEC_INFO`.
    pub(super) fn info(&self, attended: bool) -> Option<String> {
        let Source::Exec { config, cluster } = &self.source else { return None };
        let mut spec = json!({ "interactive": attended });
        if let Some(cluster) = cluster {
            spec["cluster"] = serde_json::to_value(cluster).unwrap_or_default();
        }
        Some(json!({ "kind": "ExecCredential", "apiVersion": config.api_version, "spec": spec }).to_string())
    }

    /// What kubeconfig says of how to get it.
    fn install_hint(&self) -> String {
        let Source::Exec { config, .. } = &self.source else { return self.install() };
        let hint = config.install_hint.as_deref().map(str::trim).filter(|hint| !hint.is_empty());
        hint.map_or_else(|| self.install(), str::to_owned)
    }

    fn install(&self) -> String {
        format!("install `{}`, or correct its path in kubeconfig", self.program())
    }

    /// Its exit status, and the end of its standard error without what is secret.
    fn failed(&self, captured: &Output) -> Fault {
        let status = match captured.code {
            Some(code) => format!("failed with exit code {code}"),
            None => "was ended by a signal".to_owned(),
        };
        let said = self.masker(&captured.stdout).mask(&String::from_utf8_lossy(&captured.stderr)).into_owned();
        let lines: Vec<&str> = said.lines().map(str::trim_end).filter(|line| !line.trim().is_empty()).collect();
        let shown = lines[lines.len().saturating_sub(SHOWN_LINES)..].join("; ");
        let mut start = shown.len().saturating_sub(SHOWN_BYTES);
        while !shown.is_char_boundary(start) {
            start += 1;
        }
        let why = match &shown[start..] {
            "" => format!("{status} and wrote nothing to its standard error"),
            words => format!("{status}: {words}"),
        };
        self.fault(&why).help("sign in again with the cluster's own tool, and try `kubectl version`")
    }

    /// Hides what its configuration and its answer hold: plugins repeat both in their errors.
    fn masker(&self, stdout: &[u8]) -> Masker {
        let mut values: Vec<SecretText> = Vec::new();
        match &self.source {
            Source::Exec { config, .. } => {
                let env = config.env.iter().flatten().filter_map(|variable| variable.get("value"));
                values.extend(env.map(SecretText::new));
                values.extend(argument_values(config.args.iter().flatten().map(String::as_str)).map(SecretText::new));
            }
            Source::Provider(provider) => {
                let words = provider.config.get("cmd-args").map(String::as_str).unwrap_or_default();
                values.extend(argument_values(words.split_whitespace()).map(SecretText::new));
                let hidden = ["access-token", "id-token", "refresh-token", "client-secret"];
                values.extend(hidden.iter().filter_map(|key| provider.config.get(*key)).map(SecretText::new));
            }
        }
        let stdout = String::from_utf8_lossy(stdout);
        let parts = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ',' | '{' | '}');
        values.extend(stdout.split(parts).filter(|word| word.len() >= 8).map(SecretText::new));
        values.extend(stdout.lines().map(str::trim).filter(|line| line.len() >= 8).map(SecretText::new));
        Masker::new(&values)
    }
}

/// The values among arguments: `--name=VALUE`, and what follows `--name`. Names and subcommands are no values.
fn argument_values<'a>(args: impl Iterator<Item = &'a str>) -> impl Iterator<Item = &'a str> {
    let mut after_a_name = false;
    args.filter_map(move |arg| {
        let follows = std::mem::replace(&mut after_a_name, arg.starts_with('-') && !arg.contains('='));
        match arg.split_once('=') {
            Some((_, value)) => Some(value),
            None => follows.then_some(arg).filter(|arg| !arg.starts_with('-')),
        }
    })
}
