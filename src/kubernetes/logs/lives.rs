//! The instances of a Pod's containers: whose logs can be read, and which the node has removed. Pure.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ContainerState, ContainerStatus, Pod};

/// One instance of a container, from its start to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Instance {
    pub container: String,
    /// Restarts before it: its log file's name on the node.
    pub restarts: i32,
    /// Whether it is read as the one before the last restart.
    pub previous: bool,
    pub started: Option<Timestamp>,
    pub ended: Option<Timestamp>,
}

/// What a container's status says of its instances.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Instances {
    /// Those whose log the node may still have, the older one first.
    pub readable: Vec<Instance>,
    /// Earlier ones whose logs are gone, and the end of the newest of them at the latest.
    pub gone: Option<(i32, Option<Timestamp>)>,
}

impl Instances {
    /// Of one container. A node keeps the log of the instance that runs, and of the one before it.
    pub fn of(status: &ContainerStatus) -> Self {
        let now = status.state.as_ref().filter(|state| state.running.is_some() || state.terminated.is_some());
        let before = status.last_state.as_ref().filter(|state| state.terminated.is_some());
        let restarts = status.restart_count;
        let older = if now.is_some() { restarts - 1 } else { restarts };
        let mut readable = Vec::new();
        readable.extend(before.map(|state| instance(status, state, older, true)));
        readable.extend(now.map(|state| instance(status, state, restarts, false)));
        let gone = match readable.first() {
            Some(oldest) if oldest.restarts > 0 => Some((oldest.restarts, oldest.started)),
            None if restarts > 0 => Some((restarts, None)),
            _ => None,
        };
        Instances { readable, gone }
    }

    /// How many instances that may have run after `from` have no log any more.
    pub fn gone_since(&self, from: Option<Timestamp>) -> i32 {
        let counts = |at: &Option<Timestamp>| from.zip(*at).is_none_or(|(from, at)| at > from);
        self.gone.filter(|(_, at)| counts(at)).map_or(0, |(count, _)| count)
    }
}

fn instance(status: &ContainerStatus, state: &ContainerState, restarts: i32, previous: bool) -> Instance {
    let (running, ended) = (state.running.as_ref(), state.terminated.as_ref());
    let started = running.and_then(|it| it.started_at.as_ref()).or(ended.and_then(|it| it.started_at.as_ref()));
    Instance {
        container: status.name.clone(),
        restarts,
        previous,
        started: started.map(|time| time.0),
        ended: ended.and_then(|it| it.finished_at.as_ref()).map(|time| time.0),
    }
}

/// The names of all containers of a Pod: init containers, containers, ephemeral ones.
pub(super) fn names(pod: &Pod) -> Vec<String> {
    let Some(spec) = &pod.spec else { return Vec::new() };
    let init = spec.init_containers.iter().flatten().map(|it| it.name.clone());
    let ephemeral = spec.ephemeral_containers.iter().flatten().map(|it| it.name.clone());
    init.chain(spec.containers.iter().map(|it| it.name.clone())).chain(ephemeral).collect()
}

/// The statuses of all containers of a Pod.
pub(super) fn statuses(pod: &Pod) -> impl Iterator<Item = &ContainerStatus> {
    let status = pod.status.as_ref();
    let init = status.and_then(|it| it.init_container_statuses.as_ref());
    let own = status.and_then(|it| it.container_statuses.as_ref());
    let ephemeral = status.and_then(|it| it.ephemeral_container_statuses.as_ref());
    [init, own, ephemeral].into_iter().flatten().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn instances(status: &Value) -> Instances {
        let mut status = status.clone();
        for (key, value) in
            [("name", json!("app")), ("image", json!("a")), ("imageID", json!("")), ("ready", json!(false))]
        {
            status[key] = value;
        }
        Instances::of(&serde_json::from_value(status).expect("a status"))
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).expect("a time")
    }

    fn ended(from: i64, to: i64) -> Value {
        json!({ "terminated": { "exitCode": 1, "startedAt": at(from).to_string(), "finishedAt": at(to).to_string() } })
    }

    #[test]
    fn a_container_that_waits_for_its_first_start_has_no_log() {
        let waiting = json!({ "restartCount": 0, "state": { "waiting": {} } });
        assert_eq!(instances(&waiting), Instances::default());
    }

    #[test]
    fn the_instance_that_runs_and_the_one_before_it_are_readable() {
        let running = json!({ "running": { "startedAt": at(30).to_string() } });
        let found = instances(&json!({ "restartCount": 1, "state": running, "lastState": ended(10, 20) }));
        let of: Vec<(i32, bool)> = found.readable.iter().map(|it| (it.restarts, it.previous)).collect();
        assert_eq!((of, found.gone), (vec![(0, true), (1, false)], None));
    }

    #[test]
    fn instances_before_those_are_gone_unless_they_ended_before_the_window() {
        let waiting = json!({ "restartCount": 3, "state": { "waiting": {} }, "lastState": ended(100, 110) });
        let found = instances(&waiting);
        assert_eq!(found.readable.len(), 1);
        assert_eq!(
            (found.gone_since(None), found.gone_since(Some(at(50))), found.gone_since(Some(at(105)))),
            (3, 3, 0)
        );
        let lost = instances(&json!({ "restartCount": 2, "state": { "waiting": {} } }));
        assert_eq!(lost.gone_since(Some(at(50))), 2);
    }
}
