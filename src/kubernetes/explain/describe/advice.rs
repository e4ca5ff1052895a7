//! What could be better about workloads, by rules that everybody in the field agrees on. Pure; knows no causes but as
//! findings.

use serde_json::Value;

use super::restarts;
use crate::core::model::outcome::Finding;
use crate::kubernetes::explain::Snapshot;
use crate::kubernetes::explain::json::{items, name, text};
use crate::kubernetes::ownership::labels::LabelSelector;

/// Recommendations, the pressing ones first. `budgets` are the `PodDisruptionBudgets`; `None` where they could not be read.
pub(crate) fn advice(about: &Snapshot, budgets: Option<&[Value]>, wrong: &[Finding]) -> Vec<String> {
    let mut all: Vec<String> = wrong
        .iter()
        .map(|finding| format!("look into {}: {} ({})", finding.object, finding.cause, finding.message))
        .collect();
    for pod in &about.pods {
        if let Some((times, reason)) = restarts(pod, &about.events) {
            let times = if times == 1 { "once".to_owned() } else { format!("{times} times") };
            all.push(format!("find out why pod/{} was restarted {times} ({reason})", name(pod)));
        }
    }
    for workload in about.workloads.iter().filter(|it| ["Deployment", "StatefulSet"].contains(&text(&it["kind"]))) {
        availability(workload, budgets, &mut all);
    }
    for workload in about.workloads.iter().filter(|it| text(&it["kind"]) != "ReplicaSet") {
        template(workload, &mut all);
    }
    all
}

fn label(workload: &Value) -> String {
    crate::kubernetes::explain::json::label(workload)
}

fn availability(workload: &Value, budgets: Option<&[Value]>, all: &mut Vec<String>) {
    let (spec, who) = (&workload["spec"], label(workload));
    let replicas = spec["replicas"].as_i64().unwrap_or(1);
    if replicas == 1 {
        all.push(format!("run at least 2 replicas of {who}: with 1, each crash and each drained node is an outage"));
    }
    if spec["strategy"]["type"] == "Recreate" {
        all.push(format!("update {who} by RollingUpdate: Recreate stops all replicas before it starts new ones"));
    }
    let labels = &spec["template"]["metadata"]["labels"];
    let covers = |budget: &Value| {
        let selector = LabelSelector::of_json(&budget["spec"]["selector"]);
        labels.is_object() && selector.matches_json(labels)
    };
    if replicas > 1 && budgets.is_some_and(|budgets| !budgets.iter().any(covers)) {
        all.push(format!("give {who} a PodDisruptionBudget: nothing keeps a drain from stopping all replicas at once"));
    }
}

fn template(workload: &Value, all: &mut Vec<String>) {
    let (pod, who) = (&workload["spec"]["template"]["spec"], label(workload));
    let job = text(&workload["kind"]) == "Job";
    for container in items(&pod["containers"]) {
        let whose = format!("container {} of {who}", text(&container["name"]));
        if !job && !container["readinessProbe"].is_object() {
            all.push(format!("give {whose} a readiness probe: traffic reaches it before it can answer"));
        }
        if !job && !container["livenessProbe"].is_object() {
            all.push(format!("give {whose} a liveness probe: nothing restarts it when it hangs"));
        }
        if container["resources"]["requests"].is_null() {
            all.push(format!("give {whose} requests for cpu and memory: the scheduler places it blindly"));
        }
        if container["resources"]["limits"]["memory"].is_null() {
            all.push(format!("give {whose} a memory limit: a leak in it takes the node down"));
        }
        let image = text(&container["image"]);
        let tag = image.rsplit('/').next().and_then(|last| last.split_once(':')).map(|(_, tag)| tag);
        if !image.contains('@') && matches!(tag, None | Some("latest")) {
            all.push(format!("pin the image of {whose} ({image}) to a version or a digest"));
        }
        let not_root =
            |context: &Value| context["runAsNonRoot"] == true || context["runAsUser"].as_i64().is_some_and(|id| id > 0);
        if !not_root(&pod["securityContext"]) && !not_root(&container["securityContext"]) {
            all.push(format!("run {whose} as a user other than root: `runAsNonRoot: true`"));
        }
    }
}
