//! The `compose` step: brings a Docker Compose project up, takes it down, builds, restarts, reads. Knows no argument of
//! Compose: those are the driver's.

mod spec;

use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

use crate::containers::compose::{ComposeRecord, Down, Project, Raising, Service, Standing};
use crate::core::kind::{CheckContext, Context, OutputRow, Step, StepKind, finding_lines};
use crate::core::model::outcome::{Failure, Fault, Finding, Outcome, Outputs};
use crate::process::Stop;
use crate::process::command_context::{CommandContext, CommandError};
use crate::services::Clients;
use spec::{Compose, UpSpec, Verb};

/// The row of this kind.
pub const KIND: StepKind = StepKind::step::<Compose>(
    "compose",
    "Brings a Docker Compose project up until its services are healthy, takes it down, builds its images, restarts its services, or reads its state, logs or configuration.",
    "file: app/docker-compose.yml\nup: { build: true, within: 2m }\n",
)
.outputs(&[
    OutputRow { name: "config", summary: "config: the project as Compose reads it" },
    OutputRow { name: "healthy", summary: "up, ps, restart: how many services are well" },
    OutputRow { name: "lines", summary: "logs: how many lines were written" },
    OutputRow { name: "ports", summary: "up, ps, restart: published ports by service: `ports.web[\"80\"]` is 8080" },
    OutputRow { name: "project", summary: "the project's name, where it is known" },
    OutputRow {
        name: "services",
        summary: "up, ps, restart: the state of each service: name, container, state, health, exit_code",
    },
])
.during();

/// Log lines of a service in trouble that are shown; the rest is in the evidence.
const SHOWN: usize = 10;
/// Services in trouble that are explained.
const EXPLAINED: usize = 5;
/// How long the last words may take once the attempt must stop.
const LAST_WORDS: Duration = Duration::from_secs(3);

#[async_trait]
impl Step for Compose {
    fn check(&self, cx: &mut CheckContext<'_>) {
        spec::check::check(self, cx);
    }

    fn title(&self) -> String {
        let file = self.files.first().or(self.file.as_ref()).map(|file| file.0.display().to_string());
        let what = self.project.clone().or(file).unwrap_or_else(|| "the project".to_owned());
        let verbs = self.verbs();
        let verb = verbs.first().map_or("", |verb| verb.name());
        match verbs.first().map_or(&[][..], |verb| verb.services()) {
            [] => format!("compose {verb} {what}"),
            services => format!("compose {verb} {} of {what}", services.join(", ")),
        }
    }

    async fn run(&self, cx: &Context) -> Result<Outcome, Fault> {
        let project = self.project(&cx.project)?;
        let call = call(cx, cx.stop());
        let verbs = self.verbs();
        let &[verb] = verbs.as_slice() else {
            return Err(Fault::invalid("a compose step has exactly one verb"));
        };
        let compose = cx.compose();
        let done = match verb {
            Verb::Up(up) if cx.signals.during => return held(&project, up, cx).await,
            Verb::Up(up) => brought(&project, up, cx).await,
            Verb::Down(down) => taken(&project, down.options(), cx, &call).await.map(|()| Vec::new()),
            Verb::Ps(ps) => looked(&project, &ps.services, cx, &call).await,
            Verb::Build(build) => {
                let (pull, no_cache) = (build.pull, build.no_cache);
                compose.build(&project, &build.services, pull, no_cache, &call).await.map(|()| Vec::new())
            }
            Verb::Restart(restart) => compose.restart(&project, &restart.services, restart.within(), &call).await,
            Verb::Logs(logs) => {
                let since = logs.since.map(|since| since.0);
                return published("lines", compose.logs(&project, &logs.services, logs.tail, since, &call).await);
            }
            Verb::Config(config) => {
                return published("config", compose.config(&project, config.interpolate, &call).await);
            }
        };
        answered(done, &project, cx).await
    }
}

/// A step that publishes one value.
fn published<T: Into<Value>>(name: &str, value: Result<T, CommandError>) -> Result<Outcome, Fault> {
    match value {
        Ok(value) => Ok(Outcome::Passed(Outputs::from([(name.to_owned(), value.into())]))),
        Err(CommandError::Failed(failure)) => Ok(Outcome::Failed(failure)),
        Err(CommandError::Fault(fault)) => Err(fault),
    }
}

/// Up while the steps it covers run; down in the end, however that comes.
async fn held(project: &Project, up: &UpSpec, cx: &Context) -> Result<Outcome, Fault> {
    let mut outcome = answered(brought(project, up, cx).await, project, cx).await;
    if matches!(outcome, Ok(Outcome::Passed(_))) {
        cx.up();
        tokio::select! {
            biased;
            () = cx.cancelled() => {}
            () = cx.stopped() => {
                let still = looked(project, &up.services, cx, &call(cx, cx.stop())).await;
                outcome = match answered(still, project, cx).await {
                    Ok(Outcome::Failed(failure)) => {
                        let summary = format!("{} before the steps it covers were over", failure.summary);
                        Ok(Outcome::Failed(Failure { summary, ..failure }))
                    }
                    other => other,
                };
            }
        }
    }
    // an attempt that was cancelled takes down what it brought up as well, quickly
    let down = Down { volumes: up.volumes, orphans: true, images: false, quick: true };
    match (taken(project, down, cx, &call(cx, unstopped(cx))).await, outcome) {
        (Err(CommandError::Failed(failure)), Ok(Outcome::Passed(_))) => Ok(Outcome::Failed(failure)),
        (Err(CommandError::Fault(fault)), Ok(Outcome::Passed(_))) => Err(fault),
        (_, outcome) => outcome,
    }
}

/// Up, and recorded before that: a run after one that was killed must know of it.
async fn brought(project: &Project, up: &UpSpec, cx: &Context) -> Result<Vec<Service>, CommandError> {
    let call = call(cx, cx.stop());
    let (folder, run) = (&*cx.project, &*cx.run);
    let raising = Raising { folder, run, during: cx.signals.during, volumes: up.volumes };
    cx.compose().raise(project, raising, &call).await?;
    cx.compose().up(project, &up.options(), &call).await
}

/// Down, and forgotten.
async fn taken(project: &Project, down: Down, cx: &Context, call: &CommandContext<'_>) -> Result<(), CommandError> {
    // Its name is asked for first: it may be in files that need what they stand for.
    let name = if ComposeRecord::all(&cx.project)?.is_empty() { None } else { cx.compose().name(project, call).await };
    cx.compose().down(project, down, call).await?;
    if let Some(name) = name {
        ComposeRecord::forget(&cx.project, &name);
    }
    Ok(())
}

/// How the services stand; a failure where one is not well.
async fn looked(
    project: &Project,
    named: &[String],
    cx: &Context,
    call: &CommandContext<'_>,
) -> Result<Vec<Service>, CommandError> {
    let wanted = cx.compose().wanted(project, named, call).await?;
    let services = cx.compose().services(project, &wanted, call).await?;
    let bad: Vec<String> =
        services.iter().filter(|service| service.standing() != Standing::Well).map(Service::shown).collect();
    if bad.is_empty() { Ok(services) } else { Err(CommandError::Failed(Failure::new(bad.join("; ")))) }
}

async fn answered(done: Result<Vec<Service>, CommandError>, project: &Project, cx: &Context) -> Result<Outcome, Fault> {
    match done {
        Ok(services) => Ok(Outcome::Passed(outputs(&services, project))),
        Err(CommandError::Failed(failure)) => {
            let findings = findings(project, cx).await;
            Ok(Outcome::Failed(failure.because(findings)))
        }
        Err(CommandError::Fault(_)) if cx.signals.cancel.is_cancelled() => {
            let found = tokio::time::timeout(LAST_WORDS, findings(project, cx)).await.unwrap_or_default();
            Ok(Outcome::Failed(Failure::new("stopped before the services were up").because(found)))
        }
        Err(CommandError::Fault(fault)) => Err(fault),
    }
}

/// The services that are not well, each with its last log lines; whole logs go to the evidence.
async fn findings(project: &Project, cx: &Context) -> Vec<Finding> {
    let call = call(cx, unstopped(cx));
    let compose = &cx.compose();
    let Ok(wanted) = compose.wanted(project, &[], &call).await else { return Vec::new() };
    let Ok(services) = compose.services(project, &wanted, &call).await else { return Vec::new() };
    let mut findings = Vec::new();
    for service in services {
        let (cause, words) = match service.standing() {
            Standing::Well => continue,
            // what was never begun says nothing of why
            Standing::Bad(_) if service.container.is_empty() => continue,
            Standing::Waiting(words) | Standing::Bad(words) => (service.state.clone(), words),
        };
        if findings.len() == EXPLAINED {
            break;
        }
        let log = compose.log(project, &service.name, &call).await;
        if !log.is_empty() {
            cx.evidence.keep(&format!("compose/{}.log", service.name), &log.join("\n"));
        }
        let last = log[log.len().saturating_sub(SHOWN)..].iter().map(String::as_str);
        let lines = finding_lines(last, cx);
        let object = format!("service/{}", service.name);
        if let Some(check) = compose.health(&service, &call).await {
            let said = finding_lines(check.lines.iter().map(String::as_str), cx);
            let words = format!("{words}; its health check ended with exit code {}", check.exit_code);
            findings.push(Finding { lines: said, ..Finding::new(&object, "health check", words) });
            if lines.is_empty() {
                continue;
            }
        }
        findings.push(Finding { lines, ..Finding::new(object, cause, words) });
    }
    findings
}

fn outputs(services: &[Service], project: &Project) -> Outputs {
    let mut ports: Map<String, Value> = Map::new();
    for service in services.iter().filter(|service| !service.ports.is_empty()) {
        let own = service.ports.iter().map(|(target, published)| (target.to_string(), json!(published))).collect();
        ports.insert(service.name.clone(), Value::Object(own));
    }
    let reported = services.iter().map(|service| {
        json!({
            "name": service.name, "container": service.container, "state": service.state,
            "health": service.health, "exit_code": service.exit_code,
        })
    });
    let mut outputs = Outputs::new();
    outputs.extend(project.name.iter().map(|name| ("project".to_owned(), json!(name))));
    if !services.is_empty() {
        outputs.insert("healthy".into(), services.len().into());
        outputs.insert("services".into(), reported.collect());
        outputs.insert("ports".into(), Value::Object(ports));
    }
    outputs
}

fn call(cx: &Context, stop: Stop) -> CommandContext<'_> {
    CommandContext { stop, ..CommandContext::of(cx) }
}

/// For what is still to be done when the attempt must stop.
fn unstopped(cx: &Context) -> Stop {
    Stop { cancel: CancellationToken::new(), grace: cx.signals.grace }
}

#[cfg(test)]
mod tests;
