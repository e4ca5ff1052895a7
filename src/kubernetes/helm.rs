//! Helm: the binary (3 or 4) to act, the release Secret to read. Knows no step.

mod act;
mod author;
mod chart;
mod hooks;
mod owned;
pub mod release;
mod remains;
pub mod values;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::OnceCell;

use super::client::Cluster;
use crate::core::model::outcome::Fault;
use crate::process::Command;
use crate::process::command_context::{CommandContext, last_line};

pub use act::pending::{LEFT_AFTER, Repair};
pub use act::{Back, Deploy, Presence, Remove};
pub use author::Author;
pub use chart::{Chart, Target};
pub use hooks::HookWatch;
pub use owned::{Installed, Releases};
pub use remains::Remains;

/// Helm, found on first use.
#[derive(Debug)]
pub struct Helm {
    project: PathBuf,
    cluster: Arc<Cluster>,
    version: OnceCell<Version>,
    /// Numbers the private folders of calls.
    calls: AtomicU64,
}

/// The binary's version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// 3 or 4.
    pub major: u32,
    /// As in 3.**13**.
    pub minor: u32,
}

impl Version {
    /// From `v3.19.0`, `v4.0`, `v3.19.0+gabc`.
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.trim().trim_start_matches('v').split(['.', '+', '-']);
        let major = parts.next()?.parse().ok()?;
        Some(Version { major, minor: parts.next().and_then(|minor| minor.parse().ok()).unwrap_or(0) })
    }
}

impl Helm {
    /// Touches nothing yet.
    pub fn new(project: PathBuf, cluster: Arc<Cluster>) -> Self {
        Helm { project, cluster, version: OnceCell::new(), calls: AtomicU64::new(0) }
    }

    /// The project's folder: charts and values files are relative to it.
    pub fn project(&self) -> &PathBuf {
        &self.project
    }

    /// The cluster that releases live in.
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// The binary's version; asked once.
    ///
    /// # Errors
    /// [`Fault`] of kind environment when there is no helm, or one older than 3.
    pub async fn version(&self, call: &CommandContext<'_>) -> Result<Version, Fault> {
        self.version.get_or_try_init(|| ask_version(call)).await.copied()
    }

    /// Whether helm keeps its records where we read them.
    ///
    /// # Errors
    /// [`Fault`] of kind environment when `HELM_DRIVER` names another place: no record there is no proof of no release.
    pub fn keeps_secrets(env: &BTreeMap<String, String>) -> Result<(), Fault> {
        match env.get("HELM_DRIVER").map(String::as_str) {
            None | Some("" | "secret" | "secrets") => Ok(()),
            Some(other) => {
                let message = format!("HELM_DRIVER is `{other}`: records of releases are read from Secrets alone");
                Err(Fault::environment(message).help("unset HELM_DRIVER, or set it to `secret`"))
            }
        }
    }

    /// A call with a private scratch folder of its own, which is removed when the guard is dropped.
    fn private<'a>(&self, call: &CommandContext<'a>) -> Result<(CommandContext<'a>, Folder), Fault> {
        use std::os::unix::fs::DirBuilderExt;
        let number = self.calls.fetch_add(1, Ordering::Relaxed);
        let folder = call.scratch.join(format!("helm-{}-{number}", std::process::id()));
        std::fs::DirBuilder::new()
            .mode(0o700)
            .create(&folder)
            .map_err(|error| Fault::unknown(format!("{} cannot be made: {error}", folder.display())))?;
        let mut call = call.clone();
        call.scratch.clone_from(&folder);
        Ok((call, Folder(folder)))
    }

    /// `helm args…` that reaches no cluster.
    fn offline(&self, call: &CommandContext<'_>, args: Vec<String>) -> Command {
        let mut command = call.command("helm", args);
        command.dir.clone_from(&self.project);
        // what would lead it to another cluster than the allowed one
        command.env.retain(|name, _| !name.to_string_lossy().starts_with("HELM_KUBE"));
        command.env.insert("KUBECONFIG".into(), "/dev/null".into());
        command.env.remove(std::ffi::OsStr::new("HELM_NAMESPACE"));
        command
    }

    /// `helm args…` that reaches the allowed cluster and no other.
    fn online(&self, call: &CommandContext<'_>, namespace: &str, args: Vec<String>) -> Result<Command, Fault> {
        self.cluster.guard()?;
        let mut command = self.offline(call, args);
        match (self.cluster.kubeconfig_file(&call.scratch)?, self.cluster.context()?) {
            (Some(file), Some(context)) => {
                command.env.insert("KUBECONFIG".into(), file.into());
                command.args.extend(["--kube-context".into(), context.into()]);
            }
            (_, None) => {
                let fault = Fault::environment("there is no cluster for helm to work on");
                return Err(fault.help("let a `cluster` step come first"));
            }
            (None, Some(_)) => {
                // inside a pod: helm finds the service account by itself
                command.env.remove(std::ffi::OsStr::new("KUBECONFIG"));
            }
        }
        command.args.extend(["--namespace".into(), namespace.into()]);
        Ok(command)
    }
}

/// Removed with all that is in it.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

async fn ask_version(call: &CommandContext<'_>) -> Result<Version, Fault> {
    let help = "install Helm 3 or 4, or put it into PATH";
    let said = call
        .ask("helm", ["version", "--template", "{{.Version}}"])
        .await
        .map_err(|fault| if fault.help.is_some() { fault } else { fault.help(help) })?;
    let text = String::from_utf8_lossy(&said.stdout).into_owned();
    let version = Version::parse(&text).ok_or_else(|| {
        let words = last_line(&said.stderr).unwrap_or(text);
        Fault::environment(format!("helm does not say its version: {words}")).help(help)
    })?;
    if version.major < 3 {
        return Err(Fault::environment(format!("helm is version {}, expected 3 or 4", version.major)).help(help));
    }
    Ok(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_that_are_not_in_secrets_are_not_taken_for_none() {
        let of = |driver: &str| Helm::keeps_secrets(&[("HELM_DRIVER".to_owned(), driver.to_owned())].into());
        assert!(Helm::keeps_secrets(&BTreeMap::new()).is_ok() && of("secret").is_ok() && of("").is_ok());
        for driver in ["configmap", "memory", "sql"] {
            let fault = of(driver).expect_err("refused");
            assert!(fault.message.starts_with(&format!("HELM_DRIVER is `{driver}`")), "{fault}");
        }
    }

    #[test]
    fn reads_versions() {
        assert_eq!(Version::parse("v3.19.0+gabc\n"), Some(Version { major: 3, minor: 19 }));
        assert_eq!(Version::parse("v4.0.1"), Some(Version { major: 4, minor: 0 }));
        assert_eq!(Version::parse("v3"), Some(Version { major: 3, minor: 0 }));
        assert_eq!(Version::parse("Client: &version"), None);
    }
}
