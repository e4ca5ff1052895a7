//! A container that runs once, as the Job and the Secret that say so to the API server. Pure.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::core::kind::executor::Probe;
use crate::core::kind::settings::{Placement, Resources, TemplateProblem};
use crate::core::mask::SecretText;
use crate::core::model::outcome::Fault;
use crate::kubernetes::ownership::labels::label_value;
use crate::kubernetes::ownership::owned::{HOME, Owner, PIPELINE, RUN};

pub(super) use super::placement::CONTAINER;
use super::placement::{Store, place, quantities, readiness};
use super::template;

/// The label that names the step whose container it is.
pub const STEP: &str = "pipeline.dev/step";
/// The label with the digest of the work.
const WORK: &str = "pipeline.dev/work";
/// The user and group that a container runs as where none is written: no user of any image.
const UNPRIVILEGED: i64 = 65532;
/// Seconds after which the cluster removes a finished Job that no run removed.
const KEPT_SECONDS: u64 = 3600;
/// Where a container finds the files of its step.
pub const STEP_FOLDER: &str = "/pipeline-step";
/// A folder of the container's own, empty at first.
const OWN_FOLDER: &str = "/pipeline";
/// The name of the container that prepares the files of a step.
pub(super) const PREPARING: &str = "files";
/// Where that one finds the volume that keeps files by content.
pub const STORE_FOLDER: &str = "/pipeline-store";

/// A container to run once.
#[derive(Debug, Clone, Default)]
pub struct ContainerJob {
    /// The Job's name; see [`job_name`].
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// The run's id.
    pub run: String,
    /// The step, as `stage.step`.
    pub step: String,
    /// A digest of all that decides what it does, so that a later run finds it again.
    pub work: Option<String>,
    /// Whose it is, so that `clean` finds it.
    pub owner: Option<Owner>,
    /// The image.
    pub image: String,
    /// Instead of the image's entrypoint.
    pub command: Vec<String>,
    /// Instead of the image's arguments.
    pub args: Vec<String>,
    /// Environment variables. Their values travel in a Secret that the Job owns, never in the Pod's specification.
    pub env: Vec<(String, SecretText)>,
    /// Files in [`STEP_FOLDER`], by name; they travel in the same Secret. With files there is a folder for the
    /// container alone, [`OWN_FOLDER`].
    pub files: Vec<(String, SecretText)>,
    /// What the container may use.
    pub resources: Resources,
    /// When the image is pulled; Kubernetes' own default for its tag where nothing is said.
    pub pull_policy: Option<PullPolicy>,
    /// The numeric user and group; 0 lifts the restrictions of the security context.
    pub user: Option<i64>,
    /// Where it runs, and as whom.
    pub placement: Placement,
    /// What else its Pod has: a Pod template, of which the fields that are set here are taken from here.
    pub template: Option<Value>,
    /// The volume from which its files are prepared.
    pub store: Option<Store>,
    /// What tells that it is up.
    pub probe: Option<Probe>,
    /// The cluster ends it after this time, whatever becomes of the run.
    pub deadline: Option<Duration>,
    /// Time between SIGTERM and SIGKILL.
    pub grace: Duration,
}

/// When an image is pulled, in the words of Kubernetes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum PullPolicy {
    /// Each time.
    Always,
    /// Where the node does not have it.
    IfNotPresent,
    /// It must be in the node's runtime already.
    Never,
}

/// The name of the Job of one attempt: no other attempt of this or another run has it.
pub fn job_name(run: &str, step: &str) -> String {
    static ATTEMPTS: AtomicU64 = AtomicU64::new(0);
    let attempt = ATTEMPTS.fetch_add(1, Ordering::Relaxed);
    let digest = blake3::hash(format!("{run} {step} {} {attempt}", std::process::id()).as_bytes()).to_hex();
    let fits = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let slug: String = step.chars().map(fits).take(40).collect();
    format!("{}-{}", slug.trim_matches('-'), &digest[..12])
}

/// Selects the Pods of one run's Jobs.
pub(super) fn selector(run: &str) -> String {
    format!("{STEP},{RUN}={}", label_value(run))
}

impl ContainerJob {
    fn labels(&self) -> BTreeMap<String, String> {
        let own = [(RUN, label_value(&self.run)), (STEP, label_value(&self.step))];
        let mut labels = self.placement.labels.clone();
        labels.extend(self.owner.as_ref().map(Owner::labels).unwrap_or_default());
        labels.extend(own.map(|(name, value)| (name.to_owned(), value)));
        labels.extend(self.work.clone().map(|work| (WORK.to_owned(), work)));
        labels
    }

    /// Selects Jobs of any run that do the same work for the same owner.
    pub(super) fn same_work(&self) -> Option<String> {
        let (work, owner) = (self.work.as_ref()?, self.owner.as_ref()?);
        let step = label_value(&self.step);
        Some(format!("{STEP}={step},{WORK}={work},{PIPELINE}={},{HOME}={}", owner.pipeline, owner.home))
    }

    /// The Secret with the values of its environment and its files; none where there are none.
    pub(super) fn secret(&self) -> Option<Value> {
        if self.env.is_empty() && self.files.is_empty() {
            return None;
        }
        let variables = self.env.iter().enumerate().map(|(at, (_, value))| (env_key(at), value));
        let all = variables.chain(self.files.iter().map(|(name, text)| (name.clone(), text)));
        let data: Map<String, Value> = all.map(|(key, value)| (key, STANDARD.encode(value.expose()).into())).collect();
        let metadata = json!({ "name": self.name, "namespace": self.namespace, "labels": self.labels() });
        Some(json!({ "apiVersion": "v1", "kind": "Secret", "metadata": metadata, "immutable": true, "data": data }))
    }

    /// The Job.
    ///
    /// # Errors
    /// [`Fault`] of kind invalid when a variable has no name.
    pub(super) fn manifest(&self) -> Result<Value, Fault> {
        if self.env.iter().any(|(name, _)| name.is_empty() || name.contains('=')) {
            return Err(Fault::invalid("the name of an environment variable is empty or holds `=`"));
        }
        let mut template = self.own_template();
        if let Some(theirs) = &self.template {
            template = template::merged(theirs, template);
        }
        let mut spec = json!({ "backoffLimit": 0, "ttlSecondsAfterFinished": KEPT_SECONDS, "template": template });
        if let Some(deadline) = self.deadline {
            spec["activeDeadlineSeconds"] = deadline.as_secs().max(1).into();
        }
        let metadata = json!({ "name": self.name, "namespace": self.namespace, "labels": self.labels() });
        Ok(json!({ "apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec }))
    }

    /// What is wrong with its Pod template.
    pub fn template_problems(&self) -> Vec<TemplateProblem> {
        self.template.as_ref().map(|theirs| template::problems(theirs, &self.own_template())).unwrap_or_default()
    }

    fn own_template(&self) -> Value {
        let mut labels = self.placement.labels.clone();
        labels.extend([(RUN.to_owned(), label_value(&self.run)), (STEP.to_owned(), label_value(&self.step))]);
        json!({ "metadata": { "labels": labels }, "spec": self.pod() })
    }

    fn pod(&self) -> Value {
        let user = self.user.unwrap_or(UNPRIVILEGED);
        let mut security = json!({ "runAsUser": user, "runAsGroup": user, "fsGroup": user,
            "seccompProfile": { "type": "RuntimeDefault" } });
        let mut container = json!({ "name": CONTAINER, "image": self.image });
        if let Some(policy) = self.pull_policy {
            container["imagePullPolicy"] = format!("{policy:?}").into();
        }
        if user != 0 {
            security["runAsNonRoot"] = true.into();
            container["securityContext"] =
                json!({ "allowPrivilegeEscalation": false, "capabilities": { "drop": ["ALL"] } });
        }
        for (key, words) in [("command", &self.command), ("args", &self.args)] {
            if !words.is_empty() {
                container[key] = json!(words);
            }
        }
        let from_secret = |(at, (name, _)): (usize, &(String, SecretText))| json!({ "name": name, "valueFrom": { "secretKeyRef": { "name": self.name, "key": env_key(at) } } });
        let env: Vec<Value> = self.env.iter().enumerate().map(from_secret).collect();
        if !env.is_empty() {
            container["env"] = env.into();
        }
        let resources = quantities(&self.resources);
        if !resources.is_empty() {
            container["resources"] = json!({ "requests": resources, "limits": resources });
        }
        let (mut volumes, mut preparing) = (Vec::new(), None);
        if !self.files.is_empty() {
            container["volumeMounts"] = json!([
                { "name": "step", "mountPath": STEP_FOLDER, "readOnly": true },
                { "name": "own", "mountPath": OWN_FOLDER },
            ]);
            volumes = vec![
                json!({ "name": "step", "secret": { "secretName": self.name, "defaultMode": 0o440 } }),
                json!({ "name": "own", "emptyDir": {} }),
            ];
        }
        if let Some(store) = &self.store {
            let mut files = container.clone();
            files["name"] = PREPARING.into();
            files["command"] = json!(store.command);
            for key in ["args", "env"] {
                files.as_object_mut().map(|files| files.remove(key));
            }
            if let Some(mounts) = files["volumeMounts"].as_array_mut() {
                mounts.push(json!({ "name": "store", "mountPath": STORE_FOLDER }));
            }
            volumes.push(json!({ "name": "store", "persistentVolumeClaim": { "claimName": store.claim } }));
            preparing = Some(files);
        }
        if let Some(probe) = &self.probe {
            container["readinessProbe"] = readiness(probe);
        }
        let mut pod = json!({
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": self.grace.as_secs(),
            "automountServiceAccountToken": self.placement.service_account.is_some(),
            "enableServiceLinks": false,
            "securityContext": security,
            "containers": [container],
        });
        if !volumes.is_empty() {
            pod["volumes"] = volumes.into();
        }
        if let Some(files) = preparing {
            pod["initContainers"] = json!([files]);
        }
        place(&self.placement, &mut pod);
        pod
    }
}

/// The key of a variable in the Secret: names of variables may not be keys.
fn env_key(at: usize) -> String {
    format!("env-{at}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::kind::settings::Amount;

    fn job() -> ContainerJob {
        ContainerJob {
            name: "test-unit-1".to_owned(),
            namespace: "ci".to_owned(),
            run: "r1".to_owned(),
            step: "test.unit".to_owned(),
            image: "python:3.11-slim".to_owned(),
            command: vec!["python3".to_owned()],
            env: vec![("TOKEN".to_owned(), SecretText::new("hunter2"))],
            resources: Resources { cpu: None, memory: Some(Amount("512Mi".to_owned())) },
            deadline: Some(Duration::from_secs(90)),
            grace: Duration::from_secs(10),
            ..ContainerJob::default()
        }
    }

    #[test]
    fn a_value_of_the_environment_is_in_the_secret_and_not_in_the_job() {
        let (job, secret) = (job().manifest().expect("well formed"), job().secret().expect("there is a variable"));
        assert_eq!(secret["data"], json!({ "env-0": "aHVudGVyMg==" }));
        let text = job.to_string();
        assert!(!text.contains("hunter2") && !text.contains("aHVudGVyMg=="), "{text}");
        let container = &job["spec"]["template"]["spec"]["containers"][0];
        let source = json!({ "secretKeyRef": { "name": "test-unit-1", "key": "env-0" } });
        assert_eq!(container["env"], json!([{ "name": "TOKEN", "valueFrom": source }]));
    }

    #[test]
    fn runs_once_for_a_limited_time_without_privileges() {
        let job = job().manifest().expect("well formed");
        let (spec, pod) = (&job["spec"], &job["spec"]["template"]["spec"]);
        assert_eq!((&spec["backoffLimit"], &spec["activeDeadlineSeconds"]), (&json!(0), &json!(90)));
        assert_eq!(pod["restartPolicy"], "Never");
        assert_eq!(pod["automountServiceAccountToken"], false);
        assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
        assert_eq!(pod["containers"][0]["securityContext"]["capabilities"], json!({ "drop": ["ALL"] }));
        assert_eq!(pod["containers"][0]["resources"]["limits"], json!({ "memory": "512Mi" }));
        let root = ContainerJob { user: Some(0), ..super::tests::job() }.manifest().expect("well formed");
        let pod = &root["spec"]["template"]["spec"];
        assert_eq!(pod["securityContext"]["runAsNonRoot"], Value::Null);
        assert_eq!(pod["containers"][0]["securityContext"], Value::Null);
    }

    #[test]
    fn the_volume_with_files_by_content_is_not_that_of_the_steps_container() {
        let store = Store { claim: "files".to_owned(), command: vec!["prepare".to_owned()] };
        let files = vec![("boot".to_owned(), SecretText::new("x"))];
        let with = ContainerJob { store: Some(store), files, ..super::tests::job() }.manifest().expect("well formed");
        let pod = &with["spec"]["template"]["spec"];
        assert_eq!(pod["volumes"][2]["persistentVolumeClaim"], json!({ "claimName": "files" }));
        let mounts = |container: &Value| -> Vec<String> {
            let all = container["volumeMounts"].as_array().into_iter().flatten();
            all.filter_map(|mount| mount["name"].as_str().map(str::to_owned)).collect()
        };
        assert_eq!(mounts(&pod["initContainers"][0]), ["step", "own", "store"]);
        assert_eq!(mounts(&pod["containers"][0]), ["step", "own"]);
        assert_eq!(
            (&pod["initContainers"][0]["command"], &pod["initContainers"][0]["env"]),
            (&json!(["prepare"]), &Value::Null)
        );
    }

    #[test]
    fn names_are_labels_of_dns_and_no_two_are_the_same() {
        let (one, other) = (job_name("r1", "Test.Unit[a/b]"), job_name("r1", "Test.Unit[a/b]"));
        assert!(one.starts_with("test-unit-a-b-") && one != other, "{one} {other}");
        assert!(job_name("r1", &"x".repeat(255)).len() <= 63);
    }
}
