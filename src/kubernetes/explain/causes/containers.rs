//! What is wrong with a pod's containers: the image, the configuration, the probes. Pure. How one ended is in `ended`.

mod ended;

use serde_json::Value;

use super::{Cause, Rank};
use crate::kubernetes::explain::Snapshot;

use crate::kubernetes::explain::json::{items, name, seconds_between, text};
use crate::kubernetes::explain::probes;

/// Why a container is not begun because of its image.
const IMAGE: &[&str] = &[
    "ErrImageNeverPull",
    "ErrImagePull",
    "ImageInspectError",
    "ImagePullBackOff",
    "InvalidImageName",
    "RegistryUnavailable",
    "SignatureValidationFailed",
];
/// Waiting that is only the way of things: events may know more.
const USUAL: &[&str] = &["ContainerCreating", "PodInitializing", ""];
/// Probes, with the name of what failed.
const PROBES: &[(&str, &str)] =
    &[("Startup", "StartupProbeFailed"), ("Liveness", "LivenessProbeFailed"), ("Readiness", "ReadinessProbeFailed")];

/// What a pull fails with if the image does not exist, or may not be had.
const NOT_FOUND: &[&str] = &[
    "not found",
    "manifest unknown",
    "does not exist",
    "no such host",
    "denied",
    "unauthorized",
    "authentication required",
    "no basic auth credentials",
    "401 ",
    "403 ",
];
/// What a pull fails with if the registry wants credentials.
const DENIED: &[&str] =
    &["denied", "unauthorized", "authentication required", "no basic auth credentials", "401 ", "403 "];
/// What the kubelet cannot create a container for, whatever happens around it.
const NEVER_CREATED: &[&str] = &[
    "runAsNonRoot",
    "non-root",
    "no command specified",
    "unable to find user",
    "no users found",
    "unable to find group",
];

/// One container of a pod, with what is known of it.
pub(crate) struct Container<'a> {
    pub pod: &'a Value,
    pub status: &'a Value,
    /// Runs before the others, and ends.
    pub init: bool,
    /// An init container that keeps running beside the others.
    pub sidecar: bool,
    pub events: &'a [&'a Value],
    pub snapshot: &'a Snapshot,
}

/// The causes seen on the containers of a pod that is not well. `events` are the pod's, the last one seen first.
pub(crate) fn causes(pod: &Value, events: &[&Value], snapshot: &Snapshot) -> Vec<Cause> {
    each(pod, events, snapshot).flat_map(|container| container.causes()).collect()
}

/// Containers of a pod that is well now and has crashed before.
pub(crate) fn past_crashes(pod: &Value, events: &[&Value], snapshot: &Snapshot) -> Vec<Cause> {
    let crashed = |container: Container<'_>| {
        let ended = container.last_end().filter(|ended| ended["exitCode"] != 0)?;
        let mut cause = ended::cause(&container, "Restarted", ended);
        (cause.rank, cause.finding.fatal) = (Rank::Waiting, None);
        Some(cause)
    };
    each(pod, events, snapshot).filter_map(crashed).collect()
}

fn each<'a>(pod: &'a Value, events: &'a [&'a Value], snapshot: &'a Snapshot) -> impl Iterator<Item = Container<'a>> {
    let of = move |list: &str, init: bool| {
        let statuses = items(&pod["status"][list]).iter();
        statuses.map(move |status| {
            let spec = items(&pod["spec"]["initContainers"]).iter().find(|it| it["name"] == status["name"]);
            let sidecar = init && spec.is_some_and(|spec| spec["restartPolicy"] == "Always");
            Container { pod, status, init: init && !sidecar, sidecar, events, snapshot }
        })
    };
    of("initContainerStatuses", true).chain(of("containerStatuses", false))
}

impl<'a> Container<'a> {
    pub fn name(&self) -> &'a str {
        text(&self.status["name"])
    }

    /// Its last log lines.
    pub fn lines(&self) -> Option<&'a Vec<String>> {
        self.snapshot.logs.get(&(name(self.pod).to_owned(), self.name().to_owned()))
    }

    /// How it, or its instance before, ended.
    fn last_end(&self) -> Option<&'a Value> {
        let ends = [&self.status["state"]["terminated"], &self.status["lastState"]["terminated"]];
        ends.into_iter().find(|ended| !ended.is_null())
    }

    fn causes(&self) -> Vec<Cause> {
        let state = &self.status["state"];
        let reason = text(&state["waiting"]["reason"]);
        let message = text(&state["waiting"]["message"]);
        if IMAGE.contains(&reason) {
            return vec![self.image(reason)];
        }
        if reason == "CrashLoopBackOff" {
            return vec![match self.last_end() {
                Some(ended) => ended::cause(self, "CrashLoopBackOff", ended),
                None => self.reported(Rank::Crash, reason, message),
            }];
        }
        if !USUAL.contains(&reason) {
            let class = match reason {
                "CreateContainerConfigError" | "CreateContainerError" if has_one(message, NEVER_CREATED) => {
                    Some("ConfigInvalid")
                }
                "RunContainerError" if !ended::is_passing(message) => Some("StartError"),
                _ => None,
            };
            return vec![self.reported(Rank::Start, reason, message).class(class)];
        }
        if let Some(ended) = state.get("terminated").filter(|it| it.is_object()) {
            // An init container ends, and so does every container of a Pod that is not started again.
            let should_run = !self.init && matches!(text(&self.pod["spec"]["restartPolicy"]), "Always" | "");
            return match ended["exitCode"].as_i64() {
                Some(0) if should_run => vec![ended::cause(self, "Completed", ended)],
                Some(0) => Vec::new(),
                _ => vec![ended::cause(self, self.crash(), ended)],
            };
        }
        if state["running"].is_object() && self.status["ready"] == false {
            return self.running();
        }
        Vec::new()
    }

    /// What a failure is called: from the third one on, the loop that the kubelet calls so while it waits.
    fn crash(&self) -> &'static str {
        if self.status["restartCount"].as_i64().unwrap_or_default() >= 2 { "CrashLoopBackOff" } else { "Error" }
    }

    /// Running and not ready: it has crashed before, a probe fails, or it has to end first.
    fn running(&self) -> Vec<Cause> {
        let last = &self.status["lastState"]["terminated"];
        let crashed = last.is_object().then(|| ended::cause(self, self.crash(), last));
        let now = if self.init { self.still_running() } else { self.not_ready() };
        // The probe of a container that has only just been started again says nothing.
        crashed.into_iter().chain([now]).collect()
    }

    /// An init container that has not ended yet keeps all others from starting.
    fn still_running(&self) -> Cause {
        let since = seconds_between(&self.status["state"]["running"]["startedAt"], self.snapshot.now.as_deref());
        let since = since.map(|seconds| format!(" ({seconds}s)")).unwrap_or_default();
        let cause = self.reported(Rank::Probe, "InitContainerRunning", "");
        let message = format!("{} is still running{since}", cause.finding.message);
        let mut cause = Cause::new(Rank::Probe, self.pod, "InitContainerRunning", message).lines(self.lines());
        cause.likeness = format!("InitContainerRunning {}", self.name());
        cause
    }

    /// `container app: message`.
    pub fn reported(&self, rank: Rank, cause: &str, message: &str) -> Cause {
        let kind = match (self.init, self.sidecar) {
            (_, true) => "sidecar container",
            (true, _) => "init container",
            _ => "container",
        };
        let message = match message {
            "" => format!("{kind} {}", self.name()),
            message => format!("{kind} {}: {message}", self.name()),
        };
        Cause::new(rank, self.pod, cause, message)
    }

    /// The kubelet says in an event why a pull failed; in `waiting` older ones say only that they wait.
    fn image(&self, reason: &str) -> Cause {
        let waiting = text(&self.status["state"]["waiting"]["message"]);
        let pulled = |event: &&&Value| event["reason"] == "Failed" && text(&event["message"]).contains("pull image");
        let event = self.own_events().find(|event| pulled(event)).map(|event| text(&event["message"]));
        let message = match event {
            Some(event) if !waiting.contains(": ") => event,
            _ => waiting,
        };
        let definitive = self.own_events().filter(pulled).filter(|event| has_one(text(&event["message"]), NOT_FOUND));
        let failures: i64 = definitive.map(|event| times(event)).sum();
        let secrets = self.missing_pull_secrets();
        // access that is denied for want of a Secret may be given once it is there
        let may_come = secrets.is_some() && has_one(message, DENIED);
        let class = match reason {
            "ErrImageNeverPull" => Some("ErrImageNeverPull"),
            "InvalidImageName" => Some("InvalidImageName"),
            "ErrImagePull" | "ImagePullBackOff" if failures >= 2 && !may_come => Some("ImageNotFound"),
            _ => None,
        };
        let secrets = secrets.map(|names| format!("image pull secret {names} does not exist; "));
        self.reported(Rank::Start, reason, &format!("{}{message}", secrets.unwrap_or_default())).class(class)
    }

    /// The names of the image pull secrets that the kubelet does not find.
    fn missing_pull_secrets(&self) -> Option<&'a str> {
        let event = self.events.iter().find(|event| event["reason"] == "FailedToRetrieveImagePullSecret")?;
        Some(text(&event["message"]).split_once('(')?.1.split_once(')')?.0)
    }

    /// Running, but a probe keeps it from being ready.
    fn not_ready(&self) -> Cause {
        if let Some(wrong) = probes::wrong_port(self.pod, self.name()) {
            return self.reported(Rank::Probe, "WrongProbePort", &wrong).class(Some("WrongProbePort"));
        }
        let probes: &[&str] = if self.status["started"] == false { &["Startup"] } else { &["Readiness", "Liveness"] };
        match self.failed_probe(probes) {
            Some((cause, message)) => self.reported(Rank::Probe, cause, &message).lines(self.lines()),
            None => self
                .reported(Rank::Waiting, "NotReady", "runs, and its probe has not succeeded yet")
                .lines(self.lines()),
        }
    }

    /// The last failure of one of these probes.
    pub fn failed_probe(&self, names: &[&str]) -> Option<(&'static str, String)> {
        self.own_events().filter(|event| event["reason"] == "Unhealthy").find_map(|event| {
            let message = text(&event["message"]);
            let probe = |(name, _): &&(&str, &str)| names.contains(name) && message.starts_with(name);
            PROBES.iter().find(probe).map(|(_, cause)| (*cause, message.trim().to_owned()))
        })
    }

    /// The pod's events about this container, or about no container in particular.
    pub fn own_events(&self) -> impl Iterator<Item = &'a &'a Value> {
        let mine = format!("{{{}}}", self.name());
        self.events.iter().filter(move |event| {
            let field = text(&event["involvedObject"]["fieldPath"]);
            field.is_empty() || field.ends_with(&mine)
        })
    }
}

/// How often an event was seen.
fn times(event: &Value) -> i64 {
    event["series"]["count"].as_i64().or(event["count"].as_i64()).unwrap_or(1)
}

fn has_one(message: &str, words: &[&str]) -> bool {
    words.iter().any(|word| message.contains(word))
}
