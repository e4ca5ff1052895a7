//! The built-in rules: what most teams ask of a manifest, by name. Pure functions over one object.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

/// A built-in rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Builtin {
    /// Every container drops all capabilities.
    DropCapabilities,
    /// No pod uses the node's network, process or IPC namespace, or its files.
    NoHostAccess,
    /// Every image has a tag other than `latest`, or a digest.
    NoLatestTag,
    /// No container may gain privileges: not privileged, `allowPrivilegeEscalation: false`.
    NoPrivileged,
    /// No Secret has values, and no environment variable that is named like a secret has one, in files.
    NoSecretData,
    /// Every container runs as another user than root: `runAsNonRoot`, and no `runAsUser: 0`.
    NonRoot,
    /// Every container of what runs for good has a readiness and a liveness probe.
    Probes,
    /// Every container says its `imagePullPolicy`, and it is not `Always`: an image loaded into the cluster cannot be pulled.
    PullPolicy,
    /// Every container's root file system is read-only.
    ReadOnlyRoot,
    /// Every container limits cpu and memory.
    ResourceLimits,
    /// Every container requests cpu and memory.
    ResourceRequests,
    /// Every Deployment rolls without losing a pod: `RollingUpdate` with `maxUnavailable: 0`.
    RollingUpdate,
}

impl Builtin {
    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Builtin::DropCapabilities => "drop-capabilities",
            Builtin::NoHostAccess => "no-host-access",
            Builtin::NoLatestTag => "no-latest-tag",
            Builtin::NoPrivileged => "no-privileged",
            Builtin::NoSecretData => "no-secret-data",
            Builtin::NonRoot => "non-root",
            Builtin::Probes => "probes",
            Builtin::PullPolicy => "pull-policy",
            Builtin::ReadOnlyRoot => "read-only-root",
            Builtin::ResourceLimits => "resource-limits",
            Builtin::ResourceRequests => "resource-requests",
            Builtin::RollingUpdate => "rolling-update",
        }
    }

    /// What it expects, in a few words.
    pub fn expected(self) -> &'static str {
        match self {
            Builtin::DropCapabilities => "every container drops all capabilities",
            Builtin::NoHostAccess => "no pod uses the node's namespaces or files",
            Builtin::NoLatestTag => "every image has a tag other than latest",
            Builtin::NoPrivileged => "no container may gain privileges",
            Builtin::NoSecretData => "no file contains a secret value",
            Builtin::NonRoot => "every container runs as another user than root",
            Builtin::Probes => "every container has a readiness and a liveness probe",
            Builtin::PullPolicy => "every container says a pull policy other than Always",
            Builtin::ReadOnlyRoot => "every container's root file system is read-only",
            Builtin::ResourceLimits => "every container limits cpu and memory",
            Builtin::ResourceRequests => "every container requests cpu and memory",
            Builtin::RollingUpdate => "every Deployment rolls with maxUnavailable 0",
        }
    }

    /// What is wrong with an object; `None` where the rule is not for its kind.
    pub fn violations(self, object: &Value) -> Option<Vec<String>> {
        let kind = object["kind"].as_str().unwrap_or_default();
        match self {
            Builtin::RollingUpdate => (kind == "Deployment").then(|| rolling(&object["spec"]["strategy"])),
            Builtin::NoSecretData if kind == "Secret" => Some(secret_data(object)),
            Builtin::NoHostAccess => pod_spec(object).map(host_access),
            // What runs to its end is asked for its exit code, not by probes.
            Builtin::Probes if pod_spec(object).is_some_and(ends) => None,
            _ => pod_spec(object).map(|pod| self.of_containers(pod)),
        }
    }

    fn of_containers(self, pod: &Value) -> Vec<String> {
        let with_init = !matches!(self, Builtin::Probes);
        let inits = list(&pod["initContainers"]).iter().filter(|_| with_init);
        let all = list(&pod["containers"]).iter().chain(inits);
        let wrong = |container: &Value| {
            let name = container["name"].as_str().unwrap_or("?");
            self.of_container(container, pod).map(|what| format!("container {name} {what}"))
        };
        all.filter_map(wrong).collect()
    }

    fn of_container(self, container: &Value, pod: &Value) -> Option<String> {
        let security = &container["securityContext"];
        // a container's own setting goes before its pod's
        let setting =
            |key: &str| Some(&security[key]).filter(|own| !own.is_null()).unwrap_or(&pod["securityContext"][key]);
        match self {
            Builtin::NonRoot => match (setting("runAsNonRoot").as_bool(), setting("runAsUser").as_i64()) {
                (_, Some(0)) => Some("has runAsUser: 0".to_owned()),
                (Some(true), _) | (_, Some(_)) => None,
                _ => Some("does not say runAsNonRoot: true".to_owned()),
            },
            Builtin::Probes => missing(container, &["readinessProbe", "livenessProbe"], "has no"),
            Builtin::ResourceLimits => missing(&container["resources"]["limits"], &["cpu", "memory"], "does not limit"),
            Builtin::ResourceRequests => {
                let resources = &container["resources"];
                // without a request the limit is taken for one
                let says = |name: &str| !(resources["requests"][name].is_null() && resources["limits"][name].is_null());
                let absent: Vec<&str> = ["cpu", "memory"].into_iter().filter(|name| !says(name)).collect();
                (!absent.is_empty()).then(|| format!("does not request {}", absent.join(" and ")))
            }
            Builtin::PullPolicy => match container["imagePullPolicy"].as_str() {
                None => Some("does not say imagePullPolicy".to_owned()),
                Some("Always") => Some("has imagePullPolicy: Always".to_owned()),
                Some(_) => None,
            },
            Builtin::ReadOnlyRoot => {
                let read_only = security["readOnlyRootFilesystem"] == Value::Bool(true);
                (!read_only).then(|| "does not say readOnlyRootFilesystem: true".to_owned())
            }
            Builtin::NoLatestTag => untagged(container["image"].as_str().unwrap_or_default()),
            Builtin::NoPrivileged if security["privileged"] == Value::Bool(true) => Some("is privileged".to_owned()),
            Builtin::NoPrivileged => {
                let may = security["allowPrivilegeEscalation"] != Value::Bool(false);
                may.then(|| "does not say allowPrivilegeEscalation: false".to_owned())
            }
            Builtin::DropCapabilities => {
                let drops = list(&security["capabilities"]["drop"]).iter().any(|name| name == "ALL");
                (!drops).then(|| "does not drop ALL capabilities".to_owned())
            }
            Builtin::NoSecretData => secret_env(container),
            Builtin::NoHostAccess | Builtin::RollingUpdate => None,
        }
    }
}

/// Whether a pod is meant to end by itself, as those of Jobs are.
fn ends(pod: &Value) -> bool {
    matches!(pod["restartPolicy"].as_str(), Some("Never" | "OnFailure"))
}

/// The pod that an object makes: of a kind of Kubernetes, or of any other that has a template of one where those have it.
fn pod_spec(object: &Value) -> Option<&Value> {
    const TEMPLATE: &str = "/spec/template/spec";
    const OF_JOB: &str = "/spec/jobTemplate/spec/template/spec";
    match object["kind"].as_str()? {
        "Pod" => object.pointer("/spec"),
        "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet" | "ReplicationController" | "Job" => {
            object.pointer(TEMPLATE)
        }
        "CronJob" => object.pointer(OF_JOB),
        "PodTemplate" => object.pointer("/template/spec"),
        _ => {
            [TEMPLATE, OF_JOB].iter().find_map(|place| object.pointer(place).filter(|pod| pod["containers"].is_array()))
        }
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn missing(fields: &Value, names: &[&str], words: &str) -> Option<String> {
    let absent: Vec<&str> = names.iter().filter(|name| fields[**name].is_null()).copied().collect();
    (!absent.is_empty()).then(|| format!("{words} {}", absent.join(" and ")))
}

fn untagged(image: &str) -> Option<String> {
    if image.contains('@') {
        return None;
    }
    match image.rsplit('/').next().and_then(|last| last.split_once(':')) {
        Some((_, "latest")) => Some(format!("runs {image}: the tag latest says nothing")),
        Some(_) => None,
        None => Some(format!("runs {image}, which has no tag")),
    }
}

fn rolling(strategy: &Value) -> Vec<String> {
    let kind = strategy["type"].as_str().unwrap_or("RollingUpdate");
    let unavailable = &strategy["rollingUpdate"]["maxUnavailable"];
    if kind != "RollingUpdate" {
        vec![format!("its strategy is {kind}")]
    } else if unavailable.as_i64() == Some(0) || matches!(unavailable.as_str(), Some("0" | "0%")) {
        Vec::new()
    } else if unavailable.is_null() {
        vec!["it does not say maxUnavailable, so a quarter of its pods may go first".to_owned()]
    } else {
        vec![format!(
            "its maxUnavailable is {}",
            unavailable.as_str().map_or_else(|| unavailable.to_string(), str::to_owned)
        )]
    }
}

fn host_access(pod: &Value) -> Vec<String> {
    let flags = ["hostNetwork", "hostPID", "hostIPC"];
    let set = flags.iter().filter(|flag| pod[**flag] == Value::Bool(true)).map(|flag| format!("it has {flag}: true"));
    let paths = list(&pod["volumes"]).iter().filter_map(|volume| {
        let path = volume["hostPath"]["path"].as_str()?;
        Some(format!("volume {} is the node's {path}", volume["name"].as_str().unwrap_or("?")))
    });
    set.chain(paths).collect()
}

/// Values are never shown.
fn secret_data(secret: &Value) -> Vec<String> {
    let filled = |field: &str| -> Vec<String> {
        let entries = secret[field].as_object().into_iter().flatten();
        let filled = entries.filter(|(_, value)| value.as_str().is_none_or(|text| !text.is_empty()));
        filled.map(|(key, _)| format!("{field}.{key} has a value")).collect()
    };
    [filled("data"), filled("stringData"), filled("binaryData")].concat()
}

fn secret_env(container: &Value) -> Option<String> {
    let telling = ["PASSWORD", "PASSWD", "SECRET", "TOKEN", "API_KEY", "APIKEY", "PRIVATE_KEY", "CREDENTIAL"];
    let is_secret = |variable: &&Value| {
        let name = variable["name"].as_str().unwrap_or_default().to_ascii_uppercase();
        let pointer = ["_FILE", "_PATH", "_NAME", "_URL"].iter().any(|end| name.ends_with(end));
        let filled = variable["value"].as_str().is_some_and(|value| !value.is_empty());
        filled && !pointer && telling.iter().any(|word| name.contains(word))
    };
    let with_password = |variable: &&Value| has_password(variable["value"].as_str().unwrap_or_default());
    let found = list(&container["env"]).iter().find(|variable| is_secret(variable) || with_password(variable))?;
    Some(format!("has the value of {} in its env", found["name"].as_str().unwrap_or("?")))
}

/// `postgres://user:password@host`.
fn has_password(url: &str) -> bool {
    let Some((_, rest)) = url.split_once("://") else { return false };
    let authority = rest.split('/').next().unwrap_or_default();
    authority
        .rsplit_once('@')
        .is_some_and(|(user, _)| user.split_once(':').is_some_and(|(_, password)| !password.is_empty()))
}
