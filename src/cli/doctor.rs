//! `pipeline doctor`: what this machine has, what the pipeline needs of it, and what to do where something is missing.

pub(super) mod needs;
mod secrets;

use std::path::PathBuf;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::args::{Args, Doctor};
use super::run_context::environment;
use super::{REGISTRY, find, out};
use crate::cli::survey;
use crate::core::kind::settings::Settings;
use crate::core::model::exit_code::Exit;
use crate::core::model::outcome::Fault;
use crate::core::model::units::ByteSize;
use crate::core::plan::{Loaded, load};
use crate::core::report::tame;
use crate::kubernetes::client::Cluster;
use crate::process::command_context::CommandContext;
use crate::process::{LineSink, Stop};
use crate::services::{Clients, services_of};
use needs::{Needs, Tool};

/// Below this much free space a run may not be able to keep its record.
const LITTLE: ByteSize = ByteSize(1_000_000_000);

/// The state of a thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    Good,
    /// Missing, and not needed.
    Absent,
    /// Worth knowing.
    Warning,
    /// Missing, and needed.
    Bad,
}

/// The lines as they come, and whether one of them is bad.
#[derive(Default)]
struct Sheet {
    bad: bool,
}

impl Sheet {
    fn line(&mut self, mark: Mark, what: &str, words: &str, help: Option<&str>) {
        let sign = match mark {
            Mark::Good => "\u{1b}[32m✔\u{1b}[0m",
            Mark::Absent => "\u{1b}[2m○\u{1b}[0m",
            Mark::Warning => "\u{1b}[33m⚠\u{1b}[0m",
            Mark::Bad => "\u{1b}[31m✘\u{1b}[0m",
        };
        self.bad |= mark == Mark::Bad;
        let mut text = format!("{sign} {what:<14} {}\n", tame(words));
        if let Some(help) = help.filter(|_| mark != Mark::Good) {
            text.push_str(&format!("    help: {}\n", tame(help)));
        }
        out::styled(&text);
    }

    /// A tool that answered, or not; `by` are the kinds that need it.
    fn tool(&mut self, name: &str, answer: &survey::Answer, by: &[String], help: &str) {
        let needed = if by.is_empty() { String::new() } else { format!(" (needed by {})", by.join(", ")) };
        match answer {
            Ok(version) => self.line(Mark::Good, name, &format!("{version}{needed}"), None),
            Err(words) if by.is_empty() => {
                self.line(Mark::Absent, name, &format!("{words}; nothing here needs it"), None);
            }
            Err(words) => self.line(Mark::Bad, name, &format!("{words}{needed}"), Some(help)),
        }
    }
}

struct Silent;

impl LineSink for Silent {
    fn line(&self, _: &[u8]) {}
}

/// Checks everything and reports it; exit code 3 if something is missing that the pipeline needs.
pub(super) fn run(args: &Args, wanted: &Doctor) -> Result<Exit, Fault> {
    let mut sheet = Sheet::default();
    let project = find::pipeline_file(args);
    let loaded = match &project {
        Ok(file) => Some(load(&find::options(args, file.clone(), &wanted.overrides), REGISTRY)?),
        Err(fault) if args.file.is_some() => return Err(fault.clone()),
        Err(_) => None,
    };
    pipeline_line(&mut sheet, loaded.as_ref());
    let needs = loaded.as_ref().and_then(|loaded| loaded.plan.as_ref()).map(Needs::of).unwrap_or_default();
    let plan = loaded.as_ref().and_then(|loaded| loaded.plan.as_ref());
    let settings = plan.map_or_else(Settings::default, |plan| plan.settings().clone());
    let folder = match &project {
        Ok(file) => file.parent().map_or_else(|| PathBuf::from("."), PathBuf::from),
        Err(_) => find::working_folder(args)?,
    };
    for (name, source) in loaded.iter().flat_map(|loaded| &loaded.secrets) {
        if let Some(why) = secrets::missing(source, &environment(), &folder) {
            let help = Some("set it before the run, or add `generate: 32` to its sources");
            sheet.line(Mark::Bad, "secret", &format!("{name} has no value: {why}"), help);
        }
    }
    let runtime = super::runtime()?;
    let interrupted = runtime.block_on(async {
        let (_sender, mut interrupts, _listening) = super::run::interrupts(None)?;
        // Ended here, a credential plugin ends with us.
        tokio::select! {
            biased;
            _ = interrupts.recv() => Ok::<bool, Fault>(true),
            () = async {
                tools(&mut sheet, &needs, &folder).await;
                cluster(&mut sheet, &needs, services_of(settings).cluster(), plan.is_some()).await;
            } => Ok(false),
        }
    })?;
    runtime.shutdown_timeout(Duration::from_millis(200));
    if interrupted {
        return Ok(Exit::Interrupted);
    }
    disk(&mut sheet, &folder);
    if sheet.bad {
        out::say("something that this pipeline needs is missing");
        return Ok(Exit::Environment);
    }
    out::say(if plan.is_some() { "everything that this pipeline needs is there" } else { "this is what is here" });
    Ok(Exit::Passed)
}

fn pipeline_line(sheet: &mut Sheet, loaded: Option<&Loaded>) {
    match loaded {
        None => sheet.line(
            Mark::Absent,
            "pipeline.yaml",
            "not here nor in any folder above: nothing is known to be needed",
            Some("`pipeline init` writes a small one"),
        ),
        Some(Loaded { plan: Some(plan), .. }) => {
            let nodes = crate::core::model::units::counted(plan.nodes().len(), "node");
            let stages = crate::core::model::units::counted(plan.stages().len(), "stage");
            sheet.line(Mark::Good, "pipeline.yaml", &format!("{}: {nodes} in {stages}", plan.pipeline()), None);
        }
        Some(Loaded { diagnostics, .. }) => {
            let count = diagnostics.len();
            let words = match count {
                1 => "one thing is wrong in it: what it needs is not known".to_owned(),
                _ => format!("{count} things are wrong in it: what it needs is not known"),
            };
            sheet.line(Mark::Warning, "pipeline.yaml", &words, Some("`pipeline check` tells each, with what to type"));
        }
    }
}

async fn tools(sheet: &mut Sheet, needs: &Needs, folder: &std::path::Path) {
    let env = environment();
    let stop = Stop { cancel: CancellationToken::new(), grace: Duration::from_secs(1) };
    let call = CommandContext { env: &env, dir: folder.to_owned(), scratch: std::env::temp_dir(), log: &Silent, stop };
    let ask = async |words: &[&str]| survey::version(&call, words[0], &words[1..]).await;
    let docker = ask(&["docker", "version", "--format", "Docker {{.Server.Version}}"]).await;
    let engine = match &docker {
        Ok(version) => Ok(version.clone()),
        Err(words) => match (ask(&["podman", "--version"]).await, ask(&["buildah", "--version"]).await) {
            (Ok(version), _) | (_, Ok(version)) => Ok(version),
            _ => Err(format!("Docker: {words}; podman and buildah: not installed")),
        },
    };
    let help = "start Docker (Docker Desktop, or `sudo systemctl start docker`), or install Podman or Buildah";
    sheet.tool("image engine", &engine, needs.who(Tool::Images), help);
    sheet.tool("buildx", &ask(&["docker", "buildx", "version"]).await, &[], "");
    let compose = match ask(&["docker", "compose", "version"]).await {
        Ok(version) => docker.clone().map(|_| version),
        Err(_) => match (ask(&["docker-compose", "version"]).await, ask(&["podman", "compose", "version"]).await) {
            (Ok(version), _) | (_, Ok(version)) => Ok(version),
            (Err(words), _) => Err(words),
        },
    };
    sheet.tool(
        "compose",
        &compose,
        needs.who(Tool::Compose),
        "install Docker's compose plugin: https://docs.docker.com/compose/install/",
    );
    let helm = ask(&["helm", "version", "--template", "{{.Version}}"]).await;
    sheet.tool("helm", &helm, needs.who(Tool::Helm), "install Helm 3 or 4: https://helm.sh/docs/intro/install/");
    let kubectl = ask(&["kubectl", "version", "--client"]).await;
    sheet.tool("kubectl", &kubectl, &[], "");
    for (name, words) in [
        ("minikube", &["minikube", "version", "--short"][..]),
        ("kind", &["kind", "version"][..]),
        ("k3d", &["k3d", "version"][..]),
        ("kubectl-ai", &["kubectl-ai", "version"][..]),
    ] {
        let answer = ask(words).await;
        if answer.is_ok() || (name == "kubectl-ai" && !needs.asked.is_empty()) {
            let answer =
                answer.map_err(|words| if name == "kubectl-ai" { format!("{words}: fallbacks answer") } else { words });
            sheet.tool(name, &answer, &[], "");
        }
    }
}

async fn cluster(sheet: &mut Sheet, needs: &Needs, cluster: &Cluster, has_plan: bool) {
    let by = needs.who(Tool::Cluster);
    let bad = if by.is_empty() { Mark::Absent } else { Mark::Bad };
    match cluster.contexts() {
        Err(fault) => sheet.line(bad, "kubeconfig", &fault.message, fault.help.as_deref()),
        Ok(None) if Cluster::inside_a_pod() => sheet.line(Mark::Good, "kubeconfig", "none: this is a pod", None),
        Ok(None) => {
            let help = "start a cluster (`minikube start`, `kind create cluster`), or point KUBECONFIG at a file";
            let mark = if needs.brings_cluster { Mark::Absent } else { bad };
            sheet.line(mark, "kubeconfig", "there is none", Some(help));
        }
        Ok(Some(contexts)) => {
            for context in contexts {
                let current = if context.chosen { ", the one in use" } else { "" };
                let allowed = match (has_plan, context.allowed) {
                    (true, true) => "allowed",
                    (true, false) => "not allowed here: never touched",
                    (false, _) => "a context",
                };
                let mark = if context.allowed || !has_plan { Mark::Good } else { Mark::Absent };
                sheet.line(mark, "context", &format!("{}: {allowed}{current}", context.name), None);
                if let Some(program) = context.exec.filter(|_| context.allowed && context.chosen) {
                    let words = format!(
                        "{} takes its credentials from the program `{program}`, which may ask for a login",
                        context.name
                    );
                    sheet.line(
                        Mark::Warning,
                        "credentials",
                        &words,
                        Some("run `kubectl get nodes` once before an unattended run"),
                    );
                }
            }
        }
    }
    if !has_plan {
        return;
    }
    let needed = if by.is_empty() { String::new() } else { format!(" (needed by {})", by.join(", ")) };
    match cluster.version().await {
        Ok(version) => {
            let context = cluster.context().ok().flatten().unwrap_or_default();
            sheet.line(
                Mark::Good,
                "cluster",
                &format!("Kubernetes {version} behind context \"{context}\"{needed}"),
                None,
            );
        }
        Err(fault) if needs.brings_cluster => {
            let words = format!("{}; a `cluster` step of this pipeline brings one up", fault.message);
            sheet.line(Mark::Warning, "cluster", &words, fault.help.as_deref());
        }
        Err(_) if by.is_empty() => sheet.line(Mark::Absent, "cluster", "none, and nothing here needs one", None),
        Err(fault) => sheet.line(Mark::Bad, "cluster", &format!("{}{needed}", fault.message), fault.help.as_deref()),
    }
}

fn disk(sheet: &mut Sheet, folder: &std::path::Path) {
    let runs = folder.join(".pipeline");
    if let Err(words) = survey::writable(&runs) {
        return sheet.line(
            Mark::Bad,
            "disk",
            &words,
            Some("a run keeps its record in .pipeline/ in the project's folder"),
        );
    }
    match survey::free(&runs) {
        Ok(free) if free < LITTLE => {
            let words = format!("{free} free for runs in {}", runs.display());
            sheet.line(
                Mark::Warning,
                "disk",
                &words,
                Some("`pipeline runs` lists runs, `pipeline runs rm ID` removes one"),
            );
        }
        Ok(free) => sheet.line(Mark::Good, "disk", &format!("{free} free for runs"), None),
        Err(fault) => sheet.line(Mark::Warning, "disk", &fault.message, None),
    }
}
