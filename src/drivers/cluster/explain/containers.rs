//! What is wrong with a pod's containers: the image, the configuration, the process, the probes. Pure.

use serde_json::Value;

use super::Snapshot;
use super::causes::{Cause, Rank};
use super::json::{condition, items, name, text};

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

/// One container of a pod, with what is known of it.
struct Container<'a> {
    pod: &'a Value,
    status: &'a Value,
    init: bool,
    events: &'a [&'a Value],
    snapshot: &'a Snapshot,
}

/// The causes seen on the containers of a pod that is not well. `events` are the pod's, the last one seen first.
pub(super) fn causes(pod: &Value, events: &[&Value], snapshot: &Snapshot) -> Vec<Cause> {
    each(pod, events, snapshot).filter_map(|container| container.cause()).collect()
}

/// Containers of a pod that is well now and has crashed before.
pub(super) fn past_crashes(pod: &Value, events: &[&Value], snapshot: &Snapshot) -> Vec<Cause> {
    let crashed = |container: Container<'_>| {
        let ended = container.last_end().filter(|ended| ended["exitCode"] != 0)?;
        let mut cause = container.crash("Restarted", ended);
        cause.rank = Rank::Waiting;
        Some(cause)
    };
    each(pod, events, snapshot).filter_map(crashed).collect()
}

fn each<'a>(pod: &'a Value, events: &'a [&'a Value], snapshot: &'a Snapshot) -> impl Iterator<Item = Container<'a>> {
    let of = move |list: &str, init: bool| {
        let statuses = items(&pod["status"][list]).iter();
        statuses.map(move |status| Container { pod, status, init, events, snapshot })
    };
    of("initContainerStatuses", true).chain(of("containerStatuses", false))
}

impl<'a> Container<'a> {
    fn name(&self) -> &'a str {
        text(&self.status["name"])
    }

    /// How it, or its instance before, ended.
    fn last_end(&self) -> Option<&'a Value> {
        let ends = [&self.status["state"]["terminated"], &self.status["lastState"]["terminated"]];
        ends.into_iter().find(|ended| !ended.is_null())
    }

    fn cause(&self) -> Option<Cause> {
        let state = &self.status["state"];
        let reason = text(&state["waiting"]["reason"]);
        if IMAGE.contains(&reason) {
            return Some(self.image(reason));
        }
        if reason == "CrashLoopBackOff" {
            return Some(match self.last_end() {
                Some(ended) => self.crash("CrashLoopBackOff", ended),
                None => self.told(Rank::Crash, reason, text(&state["waiting"]["message"])),
            });
        }
        if !USUAL.contains(&reason) {
            return Some(self.told(Rank::Start, reason, text(&state["waiting"]["message"])));
        }
        if state["terminated"].is_object() && state["terminated"]["exitCode"] != 0 {
            return Some(self.crash("Error", &state["terminated"]));
        }
        if state["running"].is_object() && !self.init && self.status["ready"] == false {
            return Some(self.not_ready());
        }
        None
    }

    /// `container app: message`.
    fn told(&self, rank: Rank, cause: &str, message: &str) -> Cause {
        let kind = if self.init { "init container" } else { "container" };
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
        self.told(Rank::Start, reason, message)
    }

    /// How a container ended, and its last words.
    fn crash(&self, cause: &str, ended: &Value) -> Cause {
        let code = ended["exitCode"].as_i64().unwrap_or_default();
        let reason = text(&ended["reason"]);
        let restarts = self.status["restartCount"].as_i64().unwrap_or_default();
        let restarts = match restarts {
            0 => String::new(),
            1 => ", restarted once".to_owned(),
            times => format!(", restarted {times} times"),
        };
        let lines = self.snapshot.logs.get(&(name(self.pod).to_owned(), self.name().to_owned()));
        if reason == "OOMKilled" {
            let message = format!("out of memory{}{restarts}", self.memory_limit().map(limited).unwrap_or_default());
            return self.told(Rank::Crash, "OOMKilled", &message).lines(lines);
        }
        if matches!(code, 137 | 143)
            && let Some((cause, message)) = self.failed_probe(&["Liveness", "Startup"])
            && (self.was_stopped() || self.memory_limit().is_none() || code == 143)
        {
            return self.told(Rank::Probe, cause, &format!("{message}{restarts}")).lines(lines);
        }
        if let Some(limit) = self.likely_out_of_memory(ended) {
            let message = format!(
                "exit code 137: most likely out of memory{}; \
                 the Pod's cgroup ran out first, so the kubelet reports only 137{restarts}",
                limited(limit)
            );
            return self.told(Rank::Crash, "OOMKilled", &message).lines(lines);
        }
        let cause = match reason {
            "StartError" | "ContainerCannotRun" => reason,
            _ => cause,
        };
        let words = match (text(&ended["message"]).trim(), meaning(code)) {
            ("", "") => String::new(),
            ("", meaning) => format!(" ({meaning})"),
            (words, _) => format!(": {words}"),
        };
        self.told(Rank::Crash, cause, &format!("exited with code {code}{restarts}{words}")).lines(lines)
    }

    /// The memory limit of the container, or of its Pod as a whole.
    fn memory_limit(&self) -> Option<&'a str> {
        let spec = &self.pod["spec"];
        let containers = items(&spec["containers"]).iter().chain(items(&spec["initContainers"]));
        let own = containers.filter(|it| it["name"] == self.status["name"]);
        let mut limits = own.chain([spec]).map(|it| text(&it["resources"]["limits"]["memory"]));
        limits.find(|limit| !limit.is_empty())
    }

    /// Whether the kubelet stopped the container itself: after a failed probe or hook, or because the Pod had to end.
    fn was_stopped(&self) -> bool {
        self.own_events().any(|event| event["reason"] == "Killing")
    }

    /// The memory limit, where only the lack of memory explains a SIGKILL. The Pod's cgroup also counts the pause
    /// process. If it runs out before the container's own cgroup, the runtime reports no `OOMKilled`.
    fn likely_out_of_memory(&self, ended: &Value) -> Option<&'a str> {
        let killed = ended["exitCode"] == 137 && matches!(text(&ended["reason"]), "Error" | "");
        let pod_ended = !text(&self.pod["status"]["reason"]).is_empty()
            || condition(self.pod, "DisruptionTarget").is_some_and(|it| it["status"] == "True");
        if !killed || pod_ended || self.was_stopped() {
            return None;
        }
        self.memory_limit()
    }

    /// Running, but a probe keeps it from being ready.
    fn not_ready(&self) -> Cause {
        let lines = self.snapshot.logs.get(&(name(self.pod).to_owned(), self.name().to_owned()));
        let probes: &[&str] = if self.status["started"] == false { &["Startup"] } else { &["Readiness", "Liveness"] };
        match self.failed_probe(probes) {
            Some((cause, message)) => self.told(Rank::Probe, cause, &message).lines(lines),
            None => self.told(Rank::Waiting, "NotReady", "runs, and its probe has not succeeded yet").lines(lines),
        }
    }

    /// The last failure of one of these probes.
    fn failed_probe(&self, names: &[&str]) -> Option<(&'static str, String)> {
        self.own_events().filter(|event| event["reason"] == "Unhealthy").find_map(|event| {
            let message = text(&event["message"]);
            let probe = |(name, _): &&(&str, &str)| names.contains(name) && message.starts_with(name);
            PROBES.iter().find(probe).map(|(_, cause)| (*cause, message.trim().to_owned()))
        })
    }

    /// The pod's events about this container, or about no container in particular.
    fn own_events(&self) -> impl Iterator<Item = &'a &'a Value> {
        let mine = format!("{{{}}}", self.name());
        self.events.iter().filter(move |event| {
            let field = text(&event["involvedObject"]["fieldPath"]);
            field.is_empty() || field.ends_with(&mine)
        })
    }
}

/// `, limit 16Mi`.
fn limited(limit: &str) -> String {
    format!(", limit {limit}")
}

/// What an exit code usually means.
fn meaning(code: i64) -> &'static str {
    match code {
        126 => "command cannot be executed",
        127 => "command not found",
        134 => "aborted",
        137 => "killed",
        139 => "segmentation fault",
        143 => "terminated",
        _ => "",
    }
}
