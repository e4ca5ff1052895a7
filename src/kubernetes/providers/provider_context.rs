//! The real surroundings of providers: processes in the step's environment, the user's kubeconfig, the step's log.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use k8s_openapi::api::core::v1::Namespace;

use super::calls::Invocation;
use super::host::{Answer, Host, Ran};
use crate::core::model::outcome::Fault;
use crate::core::model::units::TimeSpan;
use crate::kubernetes::client::{Cluster, ClusterSettings};
use crate::process::command_context::LastLines;
use crate::process::{self, Command, Exit, Leftovers, LineSink, Running, Stop, waits_for_terminal};

/// Bytes kept of an answer: a listing of images of a large node.
const LIMIT: usize = 16 << 20;
/// How long the API may take to answer.
const API: Duration = Duration::from_secs(10);

/// Where providers run: the step's environment, its folder, its log and its stop.
pub struct ProviderContext<'a> {
    /// The environment of the step.
    pub env: &'a BTreeMap<String, String>,
    /// The project's folder.
    pub dir: &'a Path,
    /// Where their lines go.
    pub sink: &'a dyn LineSink,
    /// How they are stopped.
    pub stop: Stop,
    /// Which contexts may be touched.
    pub settings: &'a ClusterSettings,
}

impl ProviderContext<'_> {
    /// Providers write into the user's own kubeconfig, not into a private one that the step's environment may name.
    fn command(&self, call: &Invocation) -> Command {
        let mut env: BTreeMap<OsString, OsString> =
            self.env.iter().map(|(name, value)| (name.into(), value.into())).collect();
        match std::env::var_os("KUBECONFIG") {
            Some(own) => env.insert("KUBECONFIG".into(), own),
            None => env.remove(OsStr::new("KUBECONFIG")),
        };
        Command {
            program: call.program.clone().into(),
            args: call.args.iter().map(Into::into).collect(),
            env,
            dir: self.dir.to_owned(),
            stdin: call.stdin.clone().map(String::into_bytes),
            ..Command::default()
        }
    }

    fn own_stop(&self) -> Stop {
        Stop { cancel: self.stop.cancel.child_token(), grace: self.stop.grace }
    }

    fn program(&self, name: &str) -> Option<PathBuf> {
        let path = self.env.get("PATH").map(OsStr::new);
        process::find_program(OsStr::new(name), path, self.dir).ok()
    }
}

/// Waits for `work` at most `limit`; then it is stopped, and its end awaited.
async fn within<T>(
    call: &Invocation,
    limit: Option<Duration>,
    stop: &Stop,
    work: impl Future<Output = Result<T, Fault>>,
) -> Result<T, Fault> {
    let Some(limit) = limit else { return work.await };
    let mut work = std::pin::pin!(work);
    tokio::select! {
        biased;
        done = &mut work => done,
        () = tokio::time::sleep(limit) => {
            stop.cancel.cancel();
            let _ = work.await;
            Err(Fault::environment(format!("`{} {}` timed out after {}", call.program, call.args.join(" "), TimeSpan(limit)))
                .transient())
        }
    }
}

#[async_trait]
impl Host for ProviderContext<'_> {
    fn has_program(&self, program: &str) -> bool {
        self.program(program).is_some()
    }

    fn variable(&self, name: &str) -> Option<String> {
        self.env.get(name).cloned()
    }

    fn exists(&self, path: &Path) -> Result<bool, Fault> {
        path.try_exists().map_err(|error| Fault::environment(format!("{} cannot be read: {error}", path.display())))
    }

    fn read(&self, path: &Path) -> Result<Vec<u8>, Fault> {
        std::fs::read(path).map_err(|error| Fault::environment(format!("{} cannot be read: {error}", path.display())))
    }

    async fn ask(&self, query: &Invocation, limit: Duration) -> Result<Answer, Fault> {
        let stop = self.own_stop();
        let command = self.command(query);
        let captured = within(query, Some(limit), &stop, process::capture(&command, LIMIT, &stop)).await?;
        if captured.stdout.is_cut() {
            return Err(Fault::environment(format!("`{query}` printed more than {} MiB", LIMIT >> 20)));
        }
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok(Answer { code: captured.code, stdout: text(&captured.stdout), stderr: text(&captured.stderr) })
    }

    /// What an action leaves running (a driver's processes) stays.
    async fn run(&self, action: &Invocation, limit: Option<Duration>) -> Result<Ran, Fault> {
        if action.program != "sh" {
            self.sink.line(format!("$ {action}").as_bytes());
        }
        let stop = self.own_stop();
        let tail = LastLines::new(self.sink);
        let command = self.command(action);
        let work = async { Running::start(&command)?.finish(&tail, &stop, Leftovers::Keep).await };
        let exit = within(action, limit, &stop, work).await?.exit;
        let code = match exit {
            Exit::Code(code) => Some(code),
            Exit::Signal(_) => None,
            Exit::Stopped => return Err(Fault::unknown(format!("`{action}` was stopped"))),
            Exit::Terminal => {
                let (message, help) = waits_for_terminal(&action.to_string());
                return Err(Fault::environment(message).help(help));
            }
        };
        Ok(Ran { code, lines: tail.lines() })
    }

    async fn cluster_uid(&self, context: &str) -> Result<String, Fault> {
        let settings = ClusterSettings { context: Some(context.to_owned()), ..self.settings.clone() };
        let cluster = Cluster::new(settings);
        let read = async {
            let client = cluster.client().await?;
            let namespaces = kube::Api::<Namespace>::all(client);
            let namespace = cluster.ask("read namespace kube-system", namespaces.get_metadata("kube-system")).await?;
            namespace.metadata.uid.ok_or_else(|| Fault::environment("namespace kube-system has no UID"))
        };
        tokio::time::timeout(API, read).await.unwrap_or_else(|_| {
            let message = format!("context \"{context}\" did not answer within {} s", API.as_secs());
            Err(Fault::environment(message).transient())
        })
    }

    fn say(&self, line: &str) {
        self.sink.line(line.as_bytes());
    }
}
