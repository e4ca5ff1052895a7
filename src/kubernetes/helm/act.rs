//! What helm is asked to do, in the words of the version at hand, and what its last words mean.

pub(super) mod pending;

use std::time::Duration;

use super::act::pending::Repair;
use super::author::Author;
use super::release::Release;
use super::{Chart, Helm, Target, Version};
use crate::core::model::outcome::{Failure, Fault, Finding};
use crate::process::command_context::{CommandContext, CommandError, LastLines};
use crate::process::{Command, Exit, capture, run, waits_for_terminal};

/// Bytes of rendered manifests before they are refused: 64 MiB.
const RENDERED_LIMIT: usize = 64 << 20;

/// How a release is installed or upgraded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Deploy {
    /// Whether it may be there already, must be, or must not be.
    pub presence: Presence,
    /// Makes the namespace where it is missing.
    pub create_namespace: bool,
    /// Waits until the objects are ready.
    pub wait: bool,
    /// Undoes what was done when it fails; waits as well.
    pub atomic: bool,
    /// How long helm waits for each object.
    pub timeout: Option<Duration>,
    /// Asks the cluster what it would say, and changes nothing.
    pub dry_run: bool,
    /// Takes the values of the last revision where none are given.
    pub reuse_values: bool,
    /// Whether a release that was left pending is repaired first.
    pub repair: Repair,
    /// Whose act it is.
    pub author: Author,
}

/// What is expected of a release before it is deployed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Presence {
    /// There or not.
    #[default]
    Any,
    /// There already.
    Required,
    /// Not there.
    Refused,
}

/// Where a release goes back to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Back {
    /// The revision; the one before where none is named.
    pub revision: Option<u32>,
    /// Waits until the objects are ready.
    pub wait: bool,
    /// How long helm waits for each object.
    pub timeout: Option<Duration>,
    /// Whether a release that was left pending is repaired first.
    pub repair: Repair,
    /// Whose act it is.
    pub author: Author,
}

/// How a release is removed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Remove {
    /// Waits until its objects are gone.
    pub wait: bool,
    /// Keeps the record of its revisions.
    pub keep_history: bool,
    /// Is content when there is no such release.
    pub ignore_missing: bool,
    /// How long helm waits.
    pub timeout: Option<Duration>,
}

impl Helm {
    /// Checks a chart with the values given; helm's words go to the log.
    ///
    /// # Errors
    /// [`CommandError::Failed`] with what helm found.
    pub async fn lint(&self, chart: &Chart, strict: bool, call: &CommandContext<'_>) -> Result<(), CommandError> {
        self.version(call).await?;
        let (call, _folder) = self.private(call)?;
        let mut args = vec!["lint".to_owned(), chart.chart.clone()];
        args.extend(chart.value_arguments(&call)?);
        if strict {
            args.push("--strict".to_owned());
        }
        act(&self.offline(&call, args), &format!("helm lint of {}", self.shown(&chart.chart)), &call).await
    }

    /// The manifests that a chart becomes, as YAML; asks no cluster.
    ///
    /// # Errors
    /// [`CommandError::Failed`] with helm's words.
    pub async fn template(
        &self,
        release: &str,
        namespace: &str,
        chart: &Chart,
        target: &Target,
        call: &CommandContext<'_>,
    ) -> Result<String, CommandError> {
        self.version(call).await?;
        let (call, _folder) = self.private(call)?;
        let mut args = vec!["template".to_owned(), release.to_owned()];
        args.extend(chart.arguments(&call)?);
        args.extend(["--include-crds", "--namespace", namespace].map(str::to_owned));
        args.extend(target.arguments());
        let said = capture(&self.offline(&call, args), RENDERED_LIMIT, &call.stop).await?;
        let words: Vec<String> = String::from_utf8_lossy(&said.stderr).lines().map(str::to_owned).collect();
        if said.code != Some(0) {
            let doing = format!("helm template of {}", self.shown(&chart.chart));
            return Err(CommandError::Failed(failure(&doing, said.code, words)));
        }
        for line in words {
            call.log.line(line.as_bytes());
        }
        Ok(String::from_utf8_lossy(said.stdout.whole("the rendered chart")?).into_owned())
    }

    /// Installs or upgrades a release. `None` after a dry run.
    ///
    /// # Errors
    /// [`CommandError::Failed`] with helm's words, also when an earlier act on the release is not over.
    pub async fn deploy(
        &self,
        release: &str,
        namespace: &str,
        chart: &Chart,
        deploy: &Deploy,
        call: &CommandContext<'_>,
    ) -> Result<Option<Release>, CommandError> {
        let version = self.version(call).await?;
        // a dry run changes nothing
        let repair = if deploy.dry_run { Repair::Never } else { deploy.repair };
        self.close_pending(release, namespace, repair, &deploy.author, deploy.timeout, call).await?;
        let (call, _folder) = self.private(call)?;
        let (mut args, doing) = match deploy.presence {
            Presence::Refused => (vec!["install".to_owned()], "install"),
            Presence::Any => (vec!["upgrade".to_owned(), "--install".to_owned()], "install"),
            Presence::Required => (vec!["upgrade".to_owned()], "upgrade"),
        };
        args.push(release.to_owned());
        args.extend(chart.arguments(&call)?);
        // Made by us it carries our labels; helm would make it without any.
        let made = deploy.create_namespace && !deploy.dry_run && self.make_namespace(namespace, deploy, &call).await;
        args.extend(Deploy { create_namespace: deploy.create_namespace && !made, ..deploy.clone() }.arguments(version));
        act(&self.online(&call, namespace, args)?, &format!("helm {doing} of {release}"), &call).await?;
        if deploy.dry_run {
            return Ok(None);
        }
        self.recorded(release, namespace).await.map(Some)
    }

    /// Goes back to a revision; to the one before where none is named. A repair that went back already is all of it then.
    ///
    /// # Errors
    /// [`CommandError::Failed`] with helm's words, also when an earlier act on the release is not over.
    pub async fn rollback(
        &self,
        release: &str,
        namespace: &str,
        back: &Back,
        call: &CommandContext<'_>,
    ) -> Result<Release, CommandError> {
        self.version(call).await?;
        let repaired = self.close_pending(release, namespace, back.repair, &back.author, back.timeout, call).await?;
        if repaired.is_some() && (back.revision.is_none() || back.revision == repaired) {
            return self.recorded(release, namespace).await;
        }
        let (call, _folder) = self.private(call)?;
        let mut args = vec!["rollback".to_owned(), release.to_owned()];
        args.extend(back.revision.map(|revision| revision.to_string()));
        args.extend(waiting(back.wait, back.timeout));
        act(&self.online(&call, namespace, args)?, &format!("helm rollback of {release}"), &call).await?;
        self.recorded(release, namespace).await
    }

    /// Runs a release's own tests; the logs of its pods go to the log.
    ///
    /// # Errors
    /// [`CommandError::Failed`] with helm's words.
    pub async fn test(
        &self,
        release: &str,
        namespace: &str,
        timeout: Option<Duration>,
        filter: &[String],
        call: &CommandContext<'_>,
    ) -> Result<(), CommandError> {
        self.version(call).await?;
        let (call, _folder) = self.private(call)?;
        let mut args = vec!["test".to_owned(), release.to_owned(), "--logs".to_owned()];
        args.extend(waiting(false, timeout));
        args.extend(filter.iter().flat_map(|name| {
            let name = name.strip_prefix('!').map_or_else(|| format!("name={name}"), |name| format!("!name={name}"));
            ["--filter".to_owned(), name]
        }));
        act(&self.online(&call, namespace, args)?, &format!("helm test of {release}"), &call).await
    }

    /// Removes a release.
    ///
    /// # Errors
    /// [`CommandError::Failed`] with helm's words.
    pub async fn uninstall(
        &self,
        release: &str,
        namespace: &str,
        remove: &Remove,
        call: &CommandContext<'_>,
    ) -> Result<bool, CommandError> {
        self.version(call).await?;
        if remove.ignore_missing {
            Helm::keeps_secrets(call.env)?;
            if self.revisions(release, namespace).await?.is_empty() {
                return Ok(false);
            }
        }
        let (call, _folder) = self.private(call)?;
        let mut args = vec!["uninstall".to_owned(), release.to_owned()];
        args.extend(waiting(remove.wait, remove.timeout));
        if remove.keep_history {
            args.push("--keep-history".to_owned());
        }
        act(&self.online(&call, namespace, args)?, &format!("helm uninstall of {release}"), &call).await?;
        Ok(true)
    }

    /// Makes the namespace; false where that is left to helm, which says why it cannot be.
    async fn make_namespace(&self, namespace: &str, deploy: &Deploy, call: &CommandContext<'_>) -> bool {
        let owner = deploy.author.owner(self.cluster().namespace());
        let made = self.cluster().ensure_namespace(namespace, owner.as_ref()).await;
        if matches!(made, Ok(true)) {
            call.log.line(format!("namespace/{namespace} created").as_bytes());
        }
        made.is_ok()
    }

    async fn recorded(&self, release: &str, namespace: &str) -> Result<Release, CommandError> {
        self.release(release, namespace).await?.ok_or_else(|| {
            let fault = Fault::unknown(format!("helm did its work, but recorded no release {release} in a Secret"));
            fault.help("is HELM_DRIVER set to something other than `secret`?").into()
        })
    }

    fn shown(&self, chart: &str) -> String {
        std::path::Path::new(chart)
            .strip_prefix(self.project())
            .map_or(chart.to_owned(), |path| path.display().to_string())
    }
}

impl Deploy {
    fn arguments(&self, version: Version) -> Vec<String> {
        let mut args = waiting(self.wait, self.timeout);
        let mut flag = |wanted: bool, name: &str| args.extend(wanted.then(|| name.to_owned()));
        flag(self.create_namespace, "--create-namespace");
        flag(self.atomic, if version.major >= 4 { "--rollback-on-failure" } else { "--atomic" });
        flag(self.reuse_values, "--reset-then-reuse-values");
        // labels came with the same version
        let can_ask_server = version >= Version { major: 3, minor: 13 };
        flag(self.dry_run, if can_ask_server { "--dry-run=server" } else { "--dry-run" });
        flag(self.dry_run && can_ask_server, "--hide-secret");
        if let Some(labels) = self.author.labels().filter(|_| can_ask_server) {
            args.extend(["--labels".to_owned(), labels]);
        }
        args
    }
}

pub(super) fn waiting(wait: bool, timeout: Option<Duration>) -> Vec<String> {
    let mut args: Vec<String> = wait.then(|| "--wait".to_owned()).into_iter().collect();
    args.extend(timeout.into_iter().flat_map(|limit| ["--timeout".to_owned(), format!("{}ms", limit.as_millis())]));
    args
}

pub(super) async fn act(command: &Command, doing: &str, call: &CommandContext<'_>) -> Result<(), CommandError> {
    let tail = LastLines::new(call.log);
    match run(command, &tail, &call.stop).await? {
        Exit::Code(0) => Ok(()),
        Exit::Code(code) => Err(CommandError::Failed(failure(doing, Some(code), tail.lines()))),
        Exit::Signal(signal) => {
            let summary = format!("{doing} was ended by signal {signal}");
            Err(CommandError::Failed(Failure::new(summary)))
        }
        Exit::Terminal => {
            let (message, help) = waits_for_terminal(doing);
            Err(CommandError::Failed(Failure::new(message).help(help)))
        }
        Exit::Stopped => Err(Fault::unknown("stopped").into()),
    }
}

/// From helm's last lines to a failure.
fn failure(doing: &str, code: Option<i32>, lines: Vec<String>) -> Failure {
    let from = lines.iter().rposition(|line| line.starts_with("Error:")).unwrap_or(lines.len().saturating_sub(1));
    // an error may run over several lines: what was invalid stands on the later ones
    let words = lines.get(from..).unwrap_or_default().join(" ");
    let cause = words.trim_start_matches("Error:").trim();
    let phrases = ["INSTALLATION FAILED:", "UPGRADE FAILED:"];
    let cause = phrases.iter().find_map(|phrase| cause.strip_prefix(phrase)).unwrap_or(cause).trim();
    let found: Vec<&str> = lines.iter().map(String::as_str).filter(|line| line.starts_with("[ERROR]")).collect();
    let cause = if found.is_empty() { cause.to_owned() } else { found.join("; ") };
    let mut failure =
        Failure::new(format!("{doing} failed: {}", if cause.is_empty() { "it said nothing" } else { &cause }));
    failure.exit_code = code;
    failure.help = help(doing, &words);
    // The summary has said the error already; what came before it may explain it.
    let routine = |line: &String| line.starts_with("[ERROR]") || line.starts_with("Release \"");
    let lines: Vec<String> = lines.into_iter().take(from).filter(|line| !routine(line)).collect();
    let mut finding = Finding::new("helm", "output", "");
    finding.lines = lines;
    let said = !finding.lines.is_empty();
    failure.because(said.then_some(finding).into_iter().collect())
}

fn help(doing: &str, words: &str) -> Option<String> {
    let lower = words.to_lowercase();
    let missing = lower.contains("has no deployed releases") || lower.contains("release: not found");
    if missing && !doing.starts_with("helm upgrade") {
        return Some("see what there is with `helm list --all --all-namespaces`".to_owned());
    }
    let help = if lower.contains("cannot re-use a name") {
        "leave `only_new` out to upgrade what is there"
    } else if missing {
        "write `install:` instead of `upgrade:`, which does either"
    } else if lower.contains("namespaces") && lower.contains("not found") {
        "add `create_namespace: true`"
    } else if lower.contains("missing in charts/ directory") {
        "add `dependency_update: true`"
    } else if lower.contains("another operation") {
        "wait for the other helm, or add `repair: true` where it was killed"
    } else if lower.contains("invalid ownership metadata") {
        "the object belongs to something else: delete it, or give the release another name"
    } else {
        return None;
    };
    Some(help.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speaks_the_words_of_each_version() {
        let deploy = Deploy {
            create_namespace: true,
            wait: true,
            atomic: true,
            timeout: Some(Duration::from_secs(90)),
            dry_run: true,
            ..Deploy::default()
        };
        let words = |major, minor| deploy.arguments(Version { major, minor }).join(" ");
        assert_eq!(words(3, 19), "--wait --timeout 90000ms --create-namespace --atomic --dry-run=server --hide-secret");
        assert_eq!(
            words(4, 0),
            "--wait --timeout 90000ms --create-namespace --rollback-on-failure --dry-run=server --hide-secret"
        );
        assert_eq!(words(3, 10), "--wait --timeout 90000ms --create-namespace --atomic --dry-run");
    }

    #[test]
    fn helms_error_becomes_the_summary() {
        let lines = [
            "Release \"todo\" does not exist. Installing it now.",
            "Error: UPGRADE FAILED: namespaces \"x\" not found",
        ];
        let failure = failure("helm install of todo", Some(1), lines.map(str::to_owned).to_vec());
        assert_eq!(failure.summary, "helm install of todo failed: namespaces \"x\" not found");
        assert_eq!(failure.help.as_deref(), Some("add `create_namespace: true`"));
    }
}
