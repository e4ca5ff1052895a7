//! How a container ended: its exit code, what killed it, whether another start can end otherwise. Pure.

use serde_json::Value;

use super::Container;
use crate::kubernetes::explain::causes::{Cause, Rank};
use crate::kubernetes::explain::json::{condition, items, name, text};

/// Failures after which the next start is not expected to end otherwise.
const ENOUGH: i64 = 3;
/// Failures of the runtime that may pass.
const PASSING: &[&str] = &["deadline exceeded", "temporarily unavailable", "resource busy", "too many open files"];

/// What a container's end says, as the cause of this name where nothing better is known, with its last log lines.
pub(crate) fn cause(of: &Container<'_>, cause: &str, ended: &Value) -> Cause {
    let code = ended["exitCode"].as_i64().unwrap_or_default();
    let restarts = match of.status["restartCount"].as_i64().unwrap_or_default() {
        0 => String::new(),
        1 => ", restarted once".to_owned(),
        times => format!(", restarted {times} times"),
    };
    let (rank, cause, message, class) = why(of, cause, ended, code, &restarts);
    let class = class.or_else(|| fails_alike(of, code).then_some("RepeatedFailure"));
    of.reported(rank, cause, &message).lines(of.lines()).class(class)
}

type Why<'a> = (Rank, &'a str, String, Option<&'static str>);

fn why<'a>(of: &Container<'_>, cause: &'a str, ended: &'a Value, code: i64, restarts: &str) -> Why<'a> {
    let reason = text(&ended["reason"]);
    if reason == "OOMKilled" {
        let limit = memory_limit(of).map(limited).unwrap_or_default();
        return (Rank::Crash, "OOMKilled", format!("out of memory{limit}{restarts}"), None);
    }
    if let Some(message) = failed_hook(of).filter(|_| code != 0) {
        return (Rank::Crash, "PostStartHookError", format!("{message}{restarts}"), None);
    }
    if matches!(code, 137 | 143)
        && let Some((cause, message)) = of.failed_probe(&["Liveness", "Startup"])
        && (was_stopped(of) || memory_limit(of).is_none() || code == 143)
    {
        return (Rank::Probe, cause, format!("{message}{restarts}"), None);
    }
    if let Some(limit) = likely_out_of_memory(of, ended) {
        let message = format!(
            "exit code 137: most likely out of memory{}; \
             the Pod's cgroup ran out first, so the kubelet reports only 137{restarts}",
            limited(limit)
        );
        return (Rank::Crash, "OOMKilled", message, None);
    }
    let said = text(&ended["message"]).trim();
    if let Some(line) = wrong_architecture(of, said) {
        let node = node_architecture(of).map(|arch| format!(" than the node's ({arch})")).unwrap_or_default();
        let message = format!("exited with code {code}{restarts}: {line}: built for another architecture{node}");
        return (Rank::Crash, "WrongArchitecture", message, Some("WrongArchitecture"));
    }
    let words = match (said, meaning(code)) {
        ("", "") => String::new(),
        ("", meaning) => format!(" ({meaning})"),
        (words, _) => format!(": {words}"),
    };
    let message = format!("exited with code {code}{restarts}{words}");
    match reason {
        "StartError" | "ContainerCannotRun" => {
            (Rank::Crash, reason, message, (!is_passing(said)).then_some("StartError"))
        }
        _ => (Rank::Crash, cause, message, None),
    }
}

/// Whether the runtime failed for a reason that may pass.
pub(crate) fn is_passing(message: &str) -> bool {
    PASSING.iter().any(|word| message.contains(word))
}

/// Whether it has failed three times with the same exit code, and no start could go otherwise by what happened since the
/// last one: no other Pod, its siblings included, has become ready or is still starting, and no Job is still to end. How often the Pods of a Job may fail is what the Job says.
fn fails_alike(of: &Container<'_>, code: i64) -> bool {
    if items(&of.pod["metadata"]["ownerReferences"]).iter().any(|owner| owner["kind"] == "Job") {
        return false;
    }
    let waits = !of.status["state"]["running"].is_object();
    let failures = of.status["restartCount"].as_i64().unwrap_or_default() + 1;
    let container = (text(&of.pod["metadata"]["uid"]).to_owned(), of.name().to_owned());
    let alike = of.snapshot.exits.get(&container).is_none_or(|codes| codes.iter().all(|(_, seen)| *seen == code));
    let last = [&of.status["state"]["terminated"], &of.status["lastState"]["terminated"]];
    let started = last.into_iter().find_map(|it| it["startedAt"].as_str()).unwrap_or_default();
    let siblings = of.snapshot.pods.iter().filter(|pod| name(pod) != name(of.pod));
    let helped = || siblings.chain(&of.snapshot.neighbours).any(|pod| may_help(pod, started));
    waits && failures >= ENOUGH && alike && of.snapshot.jobs.is_empty() && !helped()
}

/// Whether another Pod is still starting, or has become ready since `time`.
fn may_help(pod: &Value, time: &str) -> bool {
    let phase = text(&pod["status"]["phase"]);
    if matches!(phase, "Succeeded" | "Failed") || !pod["metadata"]["deletionTimestamp"].is_null() {
        return false;
    }
    let all = ["initContainerStatuses", "containerStatuses"].map(|list| items(&pod["status"][list]));
    // A Pod that fails itself is no help to the others.
    let fails = all.into_iter().flatten().any(|status| {
        status["restartCount"].as_i64().unwrap_or_default() > 0 || status["state"]["waiting"]["message"].is_string()
    });
    match condition(pod, "Ready") {
        Some(ready) if ready["status"] == "True" => text(&ready["lastTransitionTime"]) >= time,
        _ => !fails && condition(pod, "PodScheduled").is_none_or(|it| it["status"] == "True"),
    }
}

/// The memory limit of the container, or of its Pod as a whole.
fn memory_limit<'a>(of: &Container<'a>) -> Option<&'a str> {
    let spec = &of.pod["spec"];
    let containers = items(&spec["containers"]).iter().chain(items(&spec["initContainers"]));
    let own = containers.filter(|it| it["name"] == of.status["name"]);
    let mut limits = own.chain([spec]).map(|it| text(&it["resources"]["limits"]["memory"]));
    limits.find(|limit| !limit.is_empty())
}

/// Whether the kubelet stopped the container itself: after a failed probe or hook, or because the Pod had to end.
fn was_stopped(of: &Container<'_>) -> bool {
    of.own_events().any(|event| event["reason"] == "Killing")
}

/// The memory limit, where only the lack of memory explains a SIGKILL. The Pod's cgroup also counts the pause
/// process. If it runs out before the container's own cgroup, the runtime reports no `OOMKilled`.
fn likely_out_of_memory<'a>(of: &Container<'a>, ended: &Value) -> Option<&'a str> {
    let killed = ended["exitCode"] == 137 && matches!(text(&ended["reason"]), "Error" | "");
    let pod_ended = !text(&of.pod["status"]["reason"]).is_empty()
        || condition(of.pod, "DisruptionTarget").is_some_and(|it| it["status"] == "True");
    let unseen = of.snapshot.unreadable.contains_key("events");
    if !killed || pod_ended || unseen || was_stopped(of) {
        return None;
    }
    memory_limit(of)
}

/// The kubelet's words on a `postStart` hook that failed.
fn failed_hook(of: &Container<'_>) -> Option<String> {
    let event = of.own_events().find(|event| event["reason"] == "FailedPostStartHook")?;
    Some(text(&event["message"]).trim().to_owned())
}

/// The line that says that the program is of another architecture.
fn wrong_architecture(of: &Container<'_>, said: &str) -> Option<String> {
    let lines = of.lines().map(Vec::as_slice).unwrap_or_default();
    let mut all = lines.iter().map(String::as_str).chain(said.lines());
    all.find(|line| line.to_lowercase().contains("exec format error")).map(|line| line.trim().to_owned())
}

fn node_architecture<'a>(of: &Container<'a>) -> Option<&'a str> {
    let node = of.snapshot.nodes.iter().find(|node| name(node) == text(&of.pod["spec"]["nodeName"]))?;
    node["status"]["nodeInfo"]["architecture"].as_str()
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
