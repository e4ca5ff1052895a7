//! What has to do with a target: its pods, their owners, Services, claims and events. Pure.

use serde_json::Value;

use super::causes::objects::backends;
use super::causes::workloads::claims_of;
use super::json::{condition, is_about, is_owned_by, items, name, text};
use super::{Snapshot, Target};
use crate::core::model::outcome::Finding;
use crate::kubernetes::ownership::labels::LabelSelector;

/// The part of a snapshot that has to do with `target`.
pub(super) fn related(all: &Snapshot, target: &Target) -> Snapshot {
    let (mut workloads, mut pods) = match target {
        Target::Selector(selector) => by_selector(all, selector),
        Target::Service { name } => of_service(all, name),
        Target::Object { kind, name } if kind == "Service" => of_service(all, name),
        Target::Object { kind, .. } if kind == "Ingress" => of_backends(all),
        Target::Workload { kind, name } | Target::Object { kind, name } => by_name(all, kind, name),
    };
    let by_label = matches!(target, Target::Selector(_) | Target::Service { .. })
        || matches!(target, Target::Object { kind, .. } if kind == "Service" || kind == "Ingress");
    if by_label {
        // Owners two steps up: ReplicaSet, then Deployment; Job, then CronJob.
        for _ in 0..2 {
            let owners = |it: &&Value| pods.iter().chain(&workloads).any(|owned| is_owned_by(owned, it));
            let found: Vec<Value> = all.workloads.iter().filter(owners).cloned().collect();
            add(&mut workloads, found);
        }
    }
    for _ in 0..2 {
        let owned = |it: &&Value| workloads.iter().any(|owner| is_owned_by(it, owner));
        let found: Vec<Value> = all.workloads.iter().filter(owned).filter(|it| is_in_use(it)).cloned().collect();
        add(&mut workloads, found);
    }
    if !by_label {
        let owned = |it: &&Value| workloads.iter().any(|owner| is_owned_by(it, owner));
        let found: Vec<Value> = all.pods.iter().filter(owned).cloned().collect();
        add(&mut pods, found);
    }
    let is_other = |pod: &&Value| !pods.iter().any(|own| name(own) == name(pod));
    let neighbours = all.pods.iter().filter(is_other).cloned().collect();
    let mut about = Snapshot {
        namespace: all.namespace.clone(),
        now: all.now.clone(),
        pods,
        workloads,
        quotas: all.quotas.clone(),
        neighbours,
        jobs: all.workloads.iter().filter(|it| is_busy(it)).cloned().collect(),
        object: all.object.clone(),
        ingress_classes: all.ingress_classes.clone(),
        missing_secrets: all.missing_secrets.clone(),
        unreadable: all.unreadable.clone(),
        exits: all.exits.clone(),
        ..Snapshot::default()
    };
    let governed = about.workloads.iter().filter(|it| text(&it["kind"]) == "StatefulSet");
    let governing = governed.map(|it| text(&it["spec"]["serviceName"])).filter(|wanted| !wanted.is_empty());
    let is_there = |wanted: &&str| all.services.iter().any(|service| name(service) == *wanted);
    let missing = governing.filter(|wanted| !is_there(wanted) && !all.unreadable.contains_key("services"));
    about.missing_services = missing.map(str::to_owned).collect();
    about.services = all.services.iter().filter(|service| serves(service, &about, target)).cloned().collect();
    let slices = |slice: &&Value| {
        let service = &slice["metadata"]["labels"]["kubernetes.io/service-name"];
        about.services.iter().any(|it| it["metadata"]["name"] == *service)
    };
    about.endpoint_slices = all.endpoint_slices.iter().filter(slices).cloned().collect();
    let claims: Vec<String> = about.pods.iter().flat_map(claims_of).collect();
    let claimed = |it: &&Value| claims.iter().any(|claim| claim == name(it)) || is_target(it, target);
    about.claims = all.claims.iter().filter(claimed).cloned().collect();
    // A DaemonSet without Pods is explained by all nodes.
    let on_all = about.workloads.iter().any(|workload| text(&workload["kind"]) == "DaemonSet")
        || about.pods.iter().any(|pod| items(&pod["status"]["containerStatuses"]).is_empty());
    let carries = |node: &&Value| on_all || about.pods.iter().any(|pod| text(&pod["spec"]["nodeName"]) == name(node));
    about.nodes = all.nodes.iter().filter(carries).cloned().collect();
    let has_to_do = |event: &&Value| {
        let objects = [&about.pods, &about.workloads, &about.services, &about.claims, &about.nodes];
        objects.into_iter().flatten().any(|object| is_about(event, object)) || is_target_of(event, target)
    };
    about.events = all.events.iter().filter(has_to_do).cloned().collect();
    about
}

fn is(object: &Value, kind: &str, wanted: &str) -> bool {
    text(&object["kind"]) == kind && name(object) == wanted
}

fn is_target(object: &Value, target: &Target) -> bool {
    match target {
        Target::Workload { kind, name } | Target::Object { kind, name } => is(object, kind, name),
        Target::Service { name } => is(object, "Service", name),
        Target::Selector(_) => false,
    }
}

fn is_target_of(event: &Value, target: &Target) -> bool {
    let about = &event["involvedObject"];
    let means = |kind: &str, name: &str| text(&about["kind"]) == kind && text(&about["name"]) == name;
    match target {
        Target::Workload { kind, name } | Target::Object { kind, name } => means(kind, name),
        Target::Service { name } => means("Service", name),
        Target::Selector(_) => false,
    }
}

fn by_labels(objects: &[Value], selector: &LabelSelector) -> Vec<Value> {
    let meant = |object: &&Value| !selector.is_empty() && selector.matches_json(&object["metadata"]["labels"]);
    objects.iter().filter(meant).cloned().collect()
}

/// The pods a selector means, and the workloads that would make such pods.
fn by_selector(all: &Snapshot, selector: &str) -> (Vec<Value>, Vec<Value>) {
    let Ok(selector) = LabelSelector::parse(selector) else { return (Vec::new(), Vec::new()) };
    let makes = |workload: &&Value| {
        let labels = &workload["spec"]["template"]["metadata"]["labels"];
        labels.is_object() && selector.matches_json(labels) && is_in_use(workload)
    };
    (all.workloads.iter().filter(makes).cloned().collect(), by_labels(&all.pods, &selector))
}

fn by_name(all: &Snapshot, kind: &str, wanted: &str) -> (Vec<Value>, Vec<Value>) {
    let one = |objects: &[Value]| objects.iter().filter(|it| is(it, kind, wanted)).cloned().collect();
    (one(&all.workloads), one(&all.pods))
}

/// A ReplicaSet that a newer one has taken over from is history.
fn is_in_use(workload: &Value) -> bool {
    let owned = !items(&workload["metadata"]["ownerReferences"]).is_empty();
    let empty = workload["spec"]["replicas"] == 0 && workload["status"]["replicas"].as_i64().unwrap_or(0) == 0;
    !(text(&workload["kind"]) == "ReplicaSet" && owned && empty)
}

/// The label of this program's own Jobs, and its value on one that is a whole run: that waits itself.
const OWN: (&str, &str) = ("pipeline.dev/step", "submitted");

/// Whether it is a Job that is still to end.
fn is_busy(workload: &Value) -> bool {
    let over = ["Complete", "Failed", "FailureTarget", "SuccessCriteriaMet"];
    let own = workload["metadata"]["labels"][OWN.0] == OWN.1;
    text(&workload["kind"]) == "Job"
        && !own
        && workload["spec"]["suspend"] != true
        && !over.iter().any(|kind| condition(workload, kind).is_some_and(|it| it["status"] == "True"))
}

fn serves(service: &Value, about: &Snapshot, target: &Target) -> bool {
    match target {
        Target::Service { .. } => return is_target(service, target),
        Target::Object { kind, .. } if kind == "Service" => return is_target(service, target),
        Target::Object { kind, .. } if kind == "Ingress" => {
            let object = about.object.as_ref();
            return object.is_some_and(|it| backends(it).iter().any(|(wanted, _)| *wanted == name(service)));
        }
        _ => {}
    }
    let selector = LabelSelector::of_json(&service["spec"]["selector"]);
    let meant = |labels: &Value| labels.is_object() && selector.matches_json(labels);
    !selector.is_empty() && about.pods.iter().any(|pod| meant(&pod["metadata"]["labels"]))
}

fn add(objects: &mut Vec<Value>, found: Vec<Value>) {
    for object in found {
        if !objects.iter().any(|it| it["kind"] == object["kind"] && name(it) == name(&object)) {
            objects.push(object);
        }
    }
}

/// The workloads that make Pods for a Service, and those Pods.
fn of_service(all: &Snapshot, wanted: &str) -> (Vec<Value>, Vec<Value>) {
    let Some(service) = all.services.iter().find(|service| is(service, "Service", wanted)) else {
        return (Vec::new(), Vec::new());
    };
    let selector = LabelSelector::of_json(&service["spec"]["selector"]);
    if selector.is_empty() {
        return (Vec::new(), Vec::new());
    }
    by_selector(all, &selector.to_string())
}

/// The same for all Services that an Ingress leads to.
fn of_backends(all: &Snapshot) -> (Vec<Value>, Vec<Value>) {
    let (mut workloads, mut pods) = (Vec::new(), Vec::new());
    for (service, _) in all.object.iter().flat_map(backends) {
        let (makers, own) = of_service(all, service);
        add(&mut workloads, makers);
        add(&mut pods, own);
    }
    (workloads, pods)
}

/// Whether the target is in no list of a snapshot.
pub(super) fn needs_object(target: &Target) -> bool {
    const LISTED: &[&str] = &[
        "Pod",
        "Service",
        "PersistentVolumeClaim",
        "Deployment",
        "ReplicaSet",
        "StatefulSet",
        "DaemonSet",
        "Job",
        "Node",
        "Event",
        "EndpointSlice",
        "ResourceQuota",
        "Namespace",
    ];
    matches!(target, Target::Object { kind, .. } if !LISTED.contains(&kind.as_str()))
}

/// What may not be listed: what is not seen is not absent then.
fn forbidden(all: &Snapshot, plural: &str) -> Option<Finding> {
    let why = all.unreadable.get(plural)?;
    let message = format!("{plural} cannot be listed: {why}; kubectl auth can-i list {plural} -n {}", all.namespace);
    Some(Finding::new(format!("namespace/{}", all.namespace), "Forbidden", message))
}

/// Where nothing is what was asked for: what is there instead.
pub(super) fn missing(all: &Snapshot, about: &Snapshot, namespace: &str, target: &Target) -> Option<Finding> {
    let names = |objects: &[Value], kind: &str| {
        let names: Vec<&str> = objects.iter().filter(|it| text(&it["kind"]) == kind).map(name).take(8).collect();
        if names.is_empty() { "it has none".to_owned() } else { format!("it has {}", names.join(", ")) }
    };
    let not_there = |objects: &[Value], kind: &str, wanted: &str| {
        let there = objects.iter().any(|it| is(it, kind, wanted));
        let plural = match kind {
            "PersistentVolumeClaim" => "persistentvolumeclaims".to_owned(),
            kind => format!("{}s", kind.to_lowercase()),
        };
        if let Some(forbidden) = forbidden(all, &plural).filter(|_| !there) {
            return Some(forbidden);
        }
        let object = format!("{}/{wanted}", kind.to_lowercase());
        let message = format!("namespace {namespace} has no {object}; {}", names(objects, kind));
        (!there).then(|| Finding::new(object, "NotFound", message))
    };
    match target {
        Target::Selector(_) if about.pods.is_empty() && all.unreadable.contains_key("pods") => forbidden(all, "pods"),
        Target::Selector(selector) if about.pods.is_empty() && about.workloads.is_empty() => {
            let pods: Vec<&str> = all.pods.iter().map(name).take(8).collect();
            let there =
                if pods.is_empty() { "it has no pods".to_owned() } else { format!("its pods: {}", pods.join(", ")) };
            let message = format!("no pod in namespace {namespace} has labels {selector}; {there}");
            Some(Finding::new(format!("namespace/{namespace}"), "NoSuchPods", message))
        }
        Target::Workload { kind, name } => not_there(&all.workloads, kind, name),
        Target::Service { name } => not_there(&all.services, "Service", name),
        Target::Object { kind, name } => match kind.as_str() {
            "Pod" => not_there(&all.pods, kind, name),
            "Service" => not_there(&all.services, kind, name),
            "PersistentVolumeClaim" => not_there(&all.claims, kind, name),
            "Deployment" | "ReplicaSet" | "StatefulSet" | "DaemonSet" | "Job" => not_there(&all.workloads, kind, name),
            _ => None,
        },
        Target::Selector(_) => None,
    }
}
