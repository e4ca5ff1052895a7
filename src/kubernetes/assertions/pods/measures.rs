//! Pods as the cluster tells them, held against a `pods` assertion. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use kube::api::DynamicObject;
use serde_json::Value;

use super::super::live::{Names, Wanted, few};
use super::Pods;
use crate::core::model::outcome::Measure;
use crate::core::model::units::{Count, Text, TimeSpan};
use crate::kubernetes::rollout::unsettled;

impl Pods {
    /// One measure for each thing expected of the pods that are meant, in the order of the reference.
    pub(super) fn measures(&self, listed: &[Arc<DynamicObject>]) -> Vec<Measure> {
        let (pods, ending): (Vec<&DynamicObject>, Vec<&DynamicObject>) = listed
            .iter()
            .map(AsRef::as_ref)
            .filter(|pod| self.selector.0.matches(pod.metadata.labels.as_ref()))
            .partition(|pod| pod.metadata.deletion_timestamp.is_none());
        let mut measures = Vec::new();
        match &self.count {
            // Pods that are being deleted still run: there are none only once they are gone.
            Some(expect) if pods.is_empty() && !ending.is_empty() => {
                let actual = format!("0, and {} being deleted", ending.len());
                measures.push(Measure::new("count", actual, expect, false));
            }
            Some(expect) => measures.push(expect.measure("count", &count(pods.len()))),
            None if pods.is_empty() => return vec![Measure::new("count", 0, ">= 1", false)],
            None => {}
        }
        // `count: 0` says that there is none to measure.
        let may_be_some = self.count.as_ref().is_some_and(|expect| expect.holds(&count(1)));
        if pods.is_empty() && may_be_some && self.expects_of_each() {
            measures.push(Measure::new("pods", "none", "at least one, for what else is expected", false));
            return measures;
        }
        if let Some(expect) = &self.phase {
            let phase = |pod: &&DynamicObject| Text(text(&pod.data["status"]["phase"]));
            let holds = pods.iter().all(|pod| expect.holds(&phase(pod)));
            measures.push(Measure::new("phase", tally(pods.iter().map(|pod| phase(pod).0)), expect, holds));
        }
        if let Some(expect) = &self.ready {
            let now = Timestamp::now();
            let up = |pod: &DynamicObject| ready_since(pod).is_some() && unsettled(pod, now).is_none();
            let (ready, not): (Vec<&&DynamicObject>, Vec<&&DynamicObject>) = pods.iter().partition(|pod| up(pod));
            let failed = not.iter().filter(|pod| ready_since(pod).is_some()).find_map(|pod| unsettled(pod, now));
            let failed = failed.map(|why| format!(" ({why})")).unwrap_or_default();
            let actual = format!("{} of {}{}{failed}", ready.len(), pods.len(), but("not ready", &not));
            measures.push(Measure::new("ready", actual, expect, expect.holds(ready.len(), pods.len())));
        }
        if let Some(expect) = &self.restarts {
            let restarts = pods.iter().map(|pod| restarts(pod)).sum();
            measures.push(expect.measure("restarts", &Count(restarts)));
        }
        if let Some(expect) = &self.time_to_ready {
            let times: Option<Vec<TimeSpan>> = pods.iter().map(|pod| time_to_ready(pod)).collect();
            measures.push(match times.map(|times| times.into_iter().max().unwrap_or_default()) {
                Some(slowest) => expect.measure("time_to_ready", &slowest),
                None => Measure::new("time_to_ready", "not ready yet", expect, false),
            });
        }
        if let Some(image) = &self.image {
            let runs = |pod: &DynamicObject| images(pod).iter().any(|one| full(one) == full(image));
            let holds = pods.iter().all(|pod| runs(pod));
            measures.push(Measure::new("image", tally(pods.iter().flat_map(|pod| images(pod))), image, holds));
        }
        if let Some(wanted) = &self.images {
            let sorted = |images: &[String]| {
                let mut images: Vec<String> = images.iter().map(|image| full(image)).collect();
                images.sort();
                images
            };
            let holds = pods.iter().all(|pod| sorted(&images(pod)) == sorted(wanted));
            let actual = tally(pods.iter().flat_map(|pod| images(pod)));
            measures.push(Measure::new("images", actual, wanted.join(", "), holds));
        }
        self.container_measures(&pods, &mut measures);
        measures
    }

    /// Whether more is expected than a number of pods: of none, nothing else can be measured.
    fn expects_of_each(&self) -> bool {
        self.phase.is_some()
            || self.ready.is_some()
            || self.restarts.is_some()
            || self.time_to_ready.is_some()
            || self.image.is_some()
            || self.images.is_some()
            || self.non_root.is_some()
            || self.probes.is_some()
            || self.resources.is_some()
            || self.pull_policy.is_some()
    }

    /// What is expected of every container.
    fn container_measures(&self, pods: &[&DynamicObject], measures: &mut Vec<Measure>) {
        if let Some(wanted) = self.non_root {
            let roots = names_where(pods, all_containers, |pod, container| !non_root(pod, container));
            let actual = if roots.is_empty() { "true".to_owned() } else { format!("false: {}", few_of(&roots)) };
            measures.push(Measure::new("non_root", actual, wanted, roots.is_empty() == wanted));
        }
        if let Some(wanted) = &self.probes {
            each_has(measures, "probes", wanted, pods, |container, name| !container[format!("{name}Probe")].is_null());
        }
        if let Some(resources) = &self.resources {
            for (part, wanted) in [("requests", &resources.requests), ("limits", &resources.limits)] {
                if let Some(wanted) = wanted {
                    each_has(measures, &format!("resources.{part}"), wanted, pods, |container, name| {
                        !container["resources"][part][name].is_null()
                    });
                }
            }
        }
        if let Some(expect) = &self.pull_policy {
            let policy = |container: &Value| Text(text(&container["imagePullPolicy"]));
            let policies: Vec<Text> = pods.iter().flat_map(|pod| running(&pod.data["spec"])).map(policy).collect();
            let holds = policies.iter().all(|policy| expect.holds(policy));
            measures.push(Measure::new("pull_policy", tally(policies.into_iter().map(|it| it.0)), expect, holds));
        }
    }
}

/// A number of things as a quantity.
pub(super) fn count(number: usize) -> Count {
    Count(i64::try_from(number).unwrap_or(i64::MAX))
}

/// That every container has all the named things.
fn each_has<N: Names>(
    measures: &mut Vec<Measure>,
    name: &str,
    wanted: &Wanted<N>,
    pods: &[&DynamicObject],
    has: impl Fn(&Value, &str) -> bool,
) {
    let mut lacking = Vec::new();
    for thing in &wanted.names {
        let without = containers_where(pods, |_, container| !has(container, thing));
        if !without.is_empty() {
            lacking.push(format!("no {thing}: {}", few_of(&without)));
        }
    }
    let holds = lacking.is_empty();
    let actual = if holds { wanted.names.join(", ") } else { lacking.join("; ") };
    measures.push(Measure::new(name, actual, wanted.names.join(", "), holds));
}

/// Names of the containers that keep running of which something is true.
fn containers_where(pods: &[&DynamicObject], is_so: impl Fn(&DynamicObject, &Value) -> bool) -> Vec<String> {
    names_where(pods, running, is_so)
}

/// Names of those among `of` a Pod's `spec` of which something is true. Replicas share their containers' names: each is
/// named once.
fn names_where(
    pods: &[&DynamicObject],
    of: impl Fn(&Value) -> Vec<&Value>,
    is_so: impl Fn(&DynamicObject, &Value) -> bool,
) -> Vec<String> {
    let named = |pod: &DynamicObject, container: &Value| {
        let is_initial = listed(&pod.data["spec"], "initContainers").any(|one| one["name"] == container["name"]);
        let kind = match is_initial {
            true if is_sidecar(container) => "sidecar",
            true => "init container",
            false => "container",
        };
        format!("{kind} {}", text(&container["name"]))
    };
    let mut names: Vec<String> = pods
        .iter()
        .flat_map(|pod| of(&pod.data["spec"]).into_iter().map(|container| (*pod, container)))
        .filter(|(pod, container)| is_so(pod, container))
        .map(|(pod, container)| named(pod, container))
        .collect();
    names.sort();
    names.dedup();
    names
}

fn few_of(names: &[String]) -> String {
    few(names.iter().map(String::as_str))
}

fn listed<'a>(spec: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    spec[key].as_array().into_iter().flatten()
}

/// Whether an init container starts first and then runs on beside the others.
fn is_sidecar(container: &Value) -> bool {
    container["restartPolicy"] == "Always"
}

/// The containers of a Pod's `spec` that keep running: its own, and sidecars among the init containers.
pub(crate) fn running(spec: &Value) -> Vec<&Value> {
    listed(spec, "containers").chain(listed(spec, "initContainers").filter(|one| is_sidecar(one))).collect()
}

/// Every container of a Pod's `spec`, also those that end before the others start.
fn all_containers(spec: &Value) -> Vec<&Value> {
    listed(spec, "containers").chain(listed(spec, "initContainers")).collect()
}

fn images(pod: &DynamicObject) -> Vec<String> {
    running(&pod.data["spec"]).into_iter().map(|container| text(&container["image"])).collect()
}

/// An image's name with what its writing may leave out: the default library and the tag.
pub(crate) fn full(image: &str) -> String {
    let image = image.strip_prefix("docker.io/").unwrap_or(image);
    let image = image.strip_prefix("library/").unwrap_or(image);
    let tagged = image.contains('@') || image.rsplit('/').next().is_some_and(|last| last.contains(':'));
    if tagged { image.to_owned() } else { format!("{image}:latest") }
}

/// When it became ready, in the cluster's words; `None` where it is not.
fn ready_since(pod: &DynamicObject) -> Option<&str> {
    let conditions = pod.data["status"]["conditions"].as_array()?;
    let ready = conditions.iter().find(|condition| condition["type"] == "Ready" && condition["status"] == "True")?;
    Some(ready["lastTransitionTime"].as_str().unwrap_or_default())
}

fn time_to_ready(pod: &DynamicObject) -> Option<TimeSpan> {
    let ready: jiff::Timestamp = ready_since(pod)?.parse().ok()?;
    let created = pod.metadata.creation_timestamp.as_ref()?.0;
    Some(TimeSpan(Duration::try_from(ready.duration_since(created)).unwrap_or_default()))
}

fn restarts(pod: &DynamicObject) -> i64 {
    let of = |list: &str| -> i64 {
        let statuses = pod.data["status"][list].as_array().into_iter().flatten();
        statuses.filter_map(|status| status["restartCount"].as_i64()).sum()
    };
    of("containerStatuses") + of("initContainerStatuses")
}

/// Whether a container cannot be root: by the user it runs as where the runtime tells, else by what was asked for.
fn non_root(pod: &DynamicObject, container: &Value) -> bool {
    let all = &pod.data["status"];
    let mut statuses = listed(all, "containerStatuses").chain(listed(all, "initContainerStatuses"));
    let status = statuses.find(|status| status["name"] == container["name"]);
    if let Some(user) = status.and_then(|status| status["user"]["linux"]["uid"].as_i64()) {
        return user != 0;
    }
    let (of_pod, own) = (&pod.data["spec"]["securityContext"], &container["securityContext"]);
    let user = own["runAsUser"].as_i64().or(of_pod["runAsUser"].as_i64());
    let promised = own["runAsNonRoot"].as_bool().or(of_pod["runAsNonRoot"].as_bool());
    user.map_or(promised == Some(true), |user| user != 0)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or("none").to_owned()
}

/// `Running`, or `1 Pending, 2 Running` where they differ.
fn tally(values: impl Iterator<Item = String>) -> String {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for value in values {
        *counts.entry(value).or_default() += 1;
    }
    match counts.len() {
        0 => "none".to_owned(),
        1 => counts.into_keys().collect(),
        _ => counts.iter().map(|(value, count)| format!("{count} {value}")).collect::<Vec<_>>().join(", "),
    }
}

/// `, not ready: a, b`; nothing where there is none.
fn but(what: &str, pods: &[&&DynamicObject]) -> String {
    if pods.is_empty() {
        return String::new();
    }
    format!(", {what}: {}", few(pods.iter().map(|pod| pod.metadata.name.as_deref().unwrap_or_default())))
}

#[cfg(test)]
mod tests;
