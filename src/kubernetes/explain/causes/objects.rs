//! What is wrong with an object of any other kind: an Ingress without a controller, a definition whose names are taken,
//! a condition that is false. Pure.

use serde_json::Value;

use super::{Cause, Rank};
use crate::kubernetes::explain::Snapshot;
use crate::kubernetes::explain::json::{condition, items, name, text};

/// Conditions that are true on an object that is well.
const GOOD: &[&str] = &["Ready", "Available", "Established", "Accepted", "Programmed", "Healthy", "Synced"];
/// Kinds whose conditions other modules read.
const OWN_RULES: &[&str] = &["Pod", "Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job", "Service", "Node"];

/// The causes seen on the object that is asked for.
pub(crate) fn causes(snapshot: &Snapshot) -> Vec<Cause> {
    let Some(object) = &snapshot.object else { return Vec::new() };
    match text(&object["kind"]) {
        "Ingress" => ingress(object, snapshot),
        "PodDisruptionBudget" => budget(object).into_iter().collect(),
        "CronJob" if object["spec"]["suspend"] == true => {
            let message = "it is suspended: `spec.suspend` is true, so it makes no Jobs";
            vec![Cause::new(Rank::Waiting, object, "Suspended", message)]
        }
        kind if OWN_RULES.contains(&kind) => Vec::new(),
        _ => names_taken(object).or_else(|| bad_condition(object)).into_iter().collect(),
    }
}

/// A CustomResourceDefinition whose names another one has.
fn names_taken(object: &Value) -> Option<Cause> {
    let refused = condition(object, "NamesAccepted").filter(|it| it["status"] == "False")?;
    Some(Cause::new(Rank::Admission, object, "NamesNotAccepted", said(refused)).class(Some("NamesNotAccepted")))
}

/// A PodDisruptionBudget that lets no Pod be evicted.
fn budget(object: &Value) -> Option<Cause> {
    let status = &object["status"];
    let number = |key: &str| status[key].as_i64();
    let (healthy, wanted, pods) = (number("currentHealthy")?, number("desiredHealthy")?, number("expectedPods")?);
    (number("disruptionsAllowed") == Some(0)).then(|| {
        let message = match pods {
            0 => "its selector matches no Pod, so it allows no eviction".to_owned(),
            _ => format!("{healthy} of {pods} Pods are healthy, and {wanted} must be: no Pod may be evicted"),
        };
        Cause::new(Rank::Waiting, object, "DisruptionNotAllowed", message)
    })
}

fn bad_condition(object: &Value) -> Option<Cause> {
    let bad = GOOD.iter().filter_map(|kind| condition(object, kind)).find(|it| it["status"] == "False")?;
    let cause = match text(&bad["reason"]) {
        "" => text(&bad["type"]),
        reason => reason,
    };
    Some(Cause::new(Rank::Waiting, object, cause, format!("{} is False: {}", text(&bad["type"]), said(bad))))
}

fn said(condition: &Value) -> String {
    match (text(&condition["message"]), text(&condition["reason"])) {
        ("", reason) => reason.to_owned(),
        (message, _) => message.to_owned(),
    }
}

fn ingress(object: &Value, snapshot: &Snapshot) -> Vec<Cause> {
    let mut causes: Vec<Cause> =
        backends(object).into_iter().filter_map(|(service, port)| backend(object, service, port, snapshot)).collect();
    for secret in &snapshot.missing_secrets {
        let message = format!("its certificate is in secret/{secret}, which does not exist");
        causes.push(Cause::new(Rank::Start, object, "TLSSecretNotFound", message));
    }
    let has_address = !items(&object["status"]["loadBalancer"]["ingress"]).is_empty();
    if !has_address {
        causes.push(class(object, snapshot));
    }
    causes
}

fn class(object: &Value, snapshot: &Snapshot) -> Cause {
    let annotations = &object["metadata"]["annotations"];
    let named = [&object["spec"]["ingressClassName"], &annotations["kubernetes.io/ingress.class"]];
    let named = named.into_iter().find_map(Value::as_str);
    let classes = &snapshot.ingress_classes;
    let default =
        |class: &&Value| class["metadata"]["annotations"]["ingressclass.kubernetes.io/is-default-class"] == "true";
    let there = match classes.iter().map(name).collect::<Vec<_>>().join(", ") {
        none if none.is_empty() => "the cluster has none".to_owned(),
        names => format!("the cluster has {names}"),
    };
    if snapshot.unreadable.contains_key("ingressclasses") {
        return Cause::new(Rank::Waiting, object, "NoIngressController", "no controller has given it an address");
    }
    let found = match named {
        Some(named) => classes.iter().find(|class| name(class) == named),
        None => classes.iter().find(default),
    };
    let (cause, message) = match (found, named) {
        (Some(class), _) => {
            let controller = text(&class["spec"]["controller"]);
            ("NoIngressController", format!("class {}: its controller {controller} has given no address", name(class)))
        }
        (None, Some(named)) => ("NoIngressClass", format!("there is no IngressClass {named}; {there}")),
        (None, None) => {
            ("NoIngressClass", format!("it names no ingressClassName, and no IngressClass is the default one; {there}"))
        }
    };
    Cause::new(Rank::Start, object, cause, message)
}

/// The Services an Ingress leads to, with the port.
pub(crate) fn backends(ingress: &Value) -> Vec<(&str, &Value)> {
    let spec = &ingress["spec"];
    let paths =
        items(&spec["rules"]).iter().flat_map(|rule| items(&rule["http"]["paths"])).map(|path| &path["backend"]);
    let all = paths.chain([&spec["defaultBackend"]]).map(|backend| &backend["service"]);
    let mut found: Vec<(&str, &Value)> = Vec::new();
    for service in all.filter(|service| service.is_object()) {
        let one = (text(&service["name"]), &service["port"]);
        if !found.contains(&one) {
            found.push(one);
        }
    }
    found
}

fn backend(ingress: &Value, service: &str, port: &Value, snapshot: &Snapshot) -> Option<Cause> {
    if snapshot.unreadable.contains_key("services") {
        return None;
    }
    let Some(found) = snapshot.services.iter().find(|it| name(it) == service) else {
        let message = format!("it leads to service/{service}, which does not exist");
        return Some(Cause::new(Rank::Start, ingress, "BackendNotFound", message));
    };
    let ports = items(&found["spec"]["ports"]);
    let has = |one: &Value| match port["name"].as_str() {
        Some(wanted) => one["name"] == wanted,
        None => one["port"] == port["number"],
    };
    let wanted = port["name"].as_str().map_or_else(|| port["number"].to_string(), str::to_owned);
    let there: Vec<String> = ports.iter().map(|port| port["port"].to_string()).collect();
    (!ports.iter().any(has)).then(|| {
        let message = format!("service/{service} has no port {wanted}; it has {}", there.join(", "));
        Cause::new(Rank::Start, ingress, "BackendPortNotFound", message)
    })
}
