//! How a container that runs once ended: by itself, not at all, or because the cluster took it away. Pure.

use jiff::{SignedDuration, Timestamp};
use kube::api::DynamicObject;
use serde_json::Value;

use super::placement::CONTAINER;

/// How far the container is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Phase {
    /// It has not started.
    Pending,
    /// It runs.
    Running,
    /// It is over.
    Over(JobEnd),
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobEnd {
    /// By itself, or because it ran out of memory.
    Exited {
        /// Its exit code.
        code: i32,
        /// Whether the kernel ended a process of it because of its memory limit.
        out_of_memory: bool,
        /// Its termination message, at most 4096 bytes.
        message: String,
    },
    /// The container could not be started: its command or image is wrong.
    NotStarted {
        /// The cause by its name: `StartError`.
        cause: String,
        /// The runtime's words.
        message: String,
    },
    /// The cluster took it away: eviction, preemption, a deletion, a lost node.
    Lost {
        /// The cause by its name: `Evicted`, `PreemptionByScheduler`, `Deleted`.
        cause: String,
        /// The cluster's words.
        message: String,
    },
}

impl JobEnd {
    /// The Pod was deleted while it ran.
    pub(super) fn deleted(pod: &str) -> Self {
        lost("Deleted", &format!("pod/{pod} was deleted before its end was known"))
    }

    /// Whether the container ran at all, so that it has a log.
    pub fn has_run(&self) -> bool {
        matches!(self, JobEnd::Exited { .. })
    }
}

/// Reasons of a Pod that mean that the cluster ended it.
const TAKEN: &[&str] = &["Evicted", "Preempting", "NodeLost", "Shutdown", "Terminated", "NodeShutdown", "NodeAffinity"];

/// The phase that a Pod's status says.
pub(super) fn phase_of(pod: &DynamicObject) -> Phase {
    let name = pod.metadata.name.as_deref().unwrap_or_default();
    let status = &pod.data["status"];
    let (reason, message) = (text(&status["reason"]), text(&status["message"]));
    let state = state_of(status);
    let ended = &state["terminated"];
    if let Some(disrupted) = disruption(status).filter(|_| ended.is_object() || is_lost_node(status)) {
        return Phase::Over(disrupted);
    }
    if TAKEN.contains(&reason) {
        return Phase::Over(lost(reason, message));
    }
    if ended.is_object() {
        return Phase::Over(end_of(pod, name, ended));
    }
    match text(&status["phase"]) {
        "Failed" => Phase::Over(unprepared(status).unwrap_or_else(|| {
            let cause = if reason.is_empty() { "PodFailed" } else { reason };
            lost(cause, message)
        })),
        _ if state["running"].is_object() => Phase::Running,
        _ => Phase::Pending,
    }
}

/// The state of the step's container; there may be others, in any order.
fn state_of(status: &Value) -> &Value {
    let all = status["containerStatuses"].as_array().map(Vec::as_slice).unwrap_or_default();
    let own = all.iter().find(|container| container["name"] == CONTAINER);
    own.map_or(&Value::Null, |container| &container["state"])
}

/// How a container that prepares the Pod failed.
fn unprepared(status: &Value) -> Option<JobEnd> {
    let all = status["initContainerStatuses"].as_array()?.iter();
    let failed =
        all.filter(|container| container["state"]["terminated"]["exitCode"].as_i64().is_some_and(|code| code != 0));
    let failed = failed.into_iter().next()?;
    let ended = &failed["state"]["terminated"];
    let said = text(&ended["message"]).trim();
    let said = if said.is_empty() { format!("exit code {}", ended["exitCode"]) } else { said.to_owned() };
    let message = format!("container {}: {said}", text(&failed["name"]));
    Some(JobEnd::NotStarted { cause: text(&ended["reason"]).to_owned(), message })
}

/// Whether a container of this name that prepares the Pod runs.
pub(super) fn prepares(pod: &DynamicObject, name: &str) -> bool {
    let all = pod.data["status"]["initContainerStatuses"].as_array().into_iter().flatten();
    let mut named = all.filter(|container| container["name"] == name);
    named.any(|container| container["state"]["running"].is_object())
}

/// Whether the step's container is ready: it answers its probe.
pub(super) fn is_ready(pod: &DynamicObject) -> bool {
    let all = pod.data["status"]["containerStatuses"].as_array().into_iter().flatten();
    let mut own = all.filter(|container| container["name"] == CONTAINER);
    own.any(|container| container["ready"] == true && container["state"]["running"].is_object())
}

fn end_of(pod: &DynamicObject, name: &str, ended: &Value) -> JobEnd {
    let (reason, message) = (text(&ended["reason"]), text(&ended["message"]));
    match reason {
        "StartError" | "ContainerCannotRun" => {
            return JobEnd::NotStarted { cause: reason.to_owned(), message: message.to_owned() };
        }
        "ContainerStatusUnknown" => return lost(reason, message),
        _ => {}
    }
    if was_stopped(pod, ended) {
        return lost("Deleted", &format!("pod/{name} was deleted while it ran"));
    }
    let code = ended["exitCode"].as_i64().and_then(|code| i32::try_from(code).ok()).unwrap_or(-1);
    JobEnd::Exited { code, out_of_memory: reason == "OOMKilled", message: message.to_owned() }
}

/// Whether its container ended after the deletion was asked for.
fn was_stopped(pod: &DynamicObject, ended: &Value) -> bool {
    let Some(until) = &pod.metadata.deletion_timestamp else { return false };
    let grace = SignedDuration::from_secs(pod.metadata.deletion_grace_period_seconds.unwrap_or(0));
    let asked = until.0.saturating_sub(grace).unwrap_or(until.0);
    // times are whole seconds: what ended in the second of the deletion may have been stopped
    let finished: Option<Timestamp> = ended["finishedAt"].as_str().and_then(|time| time.parse().ok());
    finished.is_none_or(|finished| finished >= asked)
}

/// What the control plane says of a Pod that it ends.
fn disruption(status: &Value) -> Option<JobEnd> {
    let conditions = status["conditions"].as_array().into_iter().flatten();
    let found = conditions.filter(|condition| condition["status"] == "True");
    let found = found.into_iter().find(|condition| condition["type"] == "DisruptionTarget")?;
    Some(lost(text(&found["reason"]), text(&found["message"])))
}

/// Whether the node does not answer any more: its kubelet will not say how the container ended.
fn is_lost_node(status: &Value) -> bool {
    let conditions = status["conditions"].as_array().into_iter().flatten();
    let mut reasons = conditions.map(|condition| text(&condition["reason"]));
    reasons.any(|reason| matches!(reason, "NodeStatusUnknown" | "DeletionByTaintManager" | "DeletionByPodGC"))
}

fn lost(cause: &str, message: &str) -> JobEnd {
    JobEnd::Lost { cause: cause.to_owned(), message: message.to_owned() }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn phase(status: Value, deleted: Option<&str>) -> Phase {
        let mut pod = json!({ "metadata": { "name": "p" }, "status": status });
        if let Some(at) = deleted {
            pod["metadata"]["deletionTimestamp"] = at.into();
            pod["metadata"]["deletionGracePeriodSeconds"] = 10.into();
        }
        phase_of(&serde_json::from_value(pod).expect("a pod"))
    }

    fn ended(fields: &Value) -> Value {
        json!({ "phase": "Failed", "containerStatuses": [{ "name": "step", "state": { "terminated": fields } }] })
    }

    fn exited(code: i32, out_of_memory: bool) -> Phase {
        Phase::Over(JobEnd::Exited { code, out_of_memory, message: String::new() })
    }

    #[test]
    fn what_ends_by_itself_has_an_exit_code() {
        assert_eq!(phase(ended(&json!({ "exitCode": 3, "reason": "Error" })), None), exited(3, false));
        assert_eq!(phase(ended(&json!({ "exitCode": 137, "reason": "OOMKilled" })), None), exited(137, true));
        let running =
            json!({ "phase": "Running", "containerStatuses": [{ "name": "step", "state": { "running": {} } }] });
        assert_eq!(phase(running, None), Phase::Running);
        assert_eq!(phase(json!({ "phase": "Pending" }), None), Phase::Pending);
    }

    #[test]
    fn other_containers_of_the_pod_say_nothing_of_the_step() {
        let other = json!({ "name": "proxy", "state": { "terminated": { "exitCode": 1 } } });
        let own = json!({ "name": "step", "state": { "running": {} } });
        assert_eq!(phase(json!({ "phase": "Running", "containerStatuses": [other, own] }), None), Phase::Running);
        let init = json!({ "phase": "Pending", "initContainerStatuses": [{ "name": "files", "state": { "running": {} } }],
            "containerStatuses": [{ "name": "step", "state": { "waiting": {} } }] });
        assert_eq!(phase(init, None), Phase::Pending);
    }

    #[test]
    fn what_the_cluster_takes_away_has_none() {
        let evicted = json!({ "phase": "Failed", "reason": "Evicted", "message": "low on memory" });
        assert_eq!(phase(evicted, None), Phase::Over(lost("Evicted", "low on memory")));
        let mut preempted = ended(&json!({ "exitCode": 143, "reason": "Error" }));
        let condition = json!({ "type": "DisruptionTarget", "status": "True", "reason": "PreemptionByScheduler" });
        preempted["conditions"] = json!([condition]);
        assert_eq!(phase(preempted, None), Phase::Over(lost("PreemptionByScheduler", "")));
        let node = json!({ "phase": "Running", "containerStatuses": [{ "name": "step", "state": { "running": {} } }],
            "conditions": [{ "type": "DisruptionTarget", "status": "True", "reason": "DeletionByTaintManager" }] });
        assert_eq!(phase(node, None), Phase::Over(lost("DeletionByTaintManager", "")));
        let start = ended(&json!({ "exitCode": 128, "reason": "StartError", "message": "no such file" }));
        let not_started = JobEnd::NotStarted { cause: "StartError".to_owned(), message: "no such file".to_owned() };
        assert_eq!(phase(start, None), Phase::Over(not_started));
    }

    #[test]
    fn a_deletion_takes_away_what_ends_after_it() {
        let at = |time: &str| ended(&json!({ "exitCode": 0, "finishedAt": time }));
        // asked for at 12:00:00, with 10 s of grace
        let deleted = Some("2030-01-01T12:00:10Z");
        assert_eq!(phase(at("2030-01-01T11:59:59Z"), deleted), exited(0, false));
        let gone = Phase::Over(lost("Deleted", "pod/p was deleted while it ran"));
        assert_eq!(phase(at("2030-01-01T12:00:01Z"), deleted), gone);
    }
}
