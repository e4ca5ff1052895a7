//! A Pod template of a user below the fields that a Job of ours sets: what is wrong with it, and the merge. Pure.
//!
//! Mappings are merged key by key. Lists whose items have names are merged by name: containers, volumes, variables.
//! Other lists are joined. Where both have a value, ours stays: [`problems`] reports it before the run.

use k8s_openapi::api::core::v1::PodTemplateSpec;
use serde_json::{Map, Value};

use super::placement::CONTAINER;
use crate::core::kind::settings::TemplateProblem as Problem;
use crate::core::yaml::Segment;

/// The start of the names of our labels.
const OURS: &str = "pipeline.dev/";
/// What of a template's metadata reaches the Pod.
const METADATA: [&str; 2] = ["labels", "annotations"];
/// Lists whose items are distinguished by a field.
const BY_NAME: [(&str, &str); 7] = [
    ("containers", "name"),
    ("initContainers", "name"),
    ("volumes", "name"),
    ("env", "name"),
    ("imagePullSecrets", "name"),
    ("volumeMounts", "mountPath"),
    ("ports", "containerPort"),
];

/// What is wrong with `template` where the Job sets `ours`.
pub(super) fn problems(template: &Value, ours: &Value) -> Vec<Problem> {
    let known = match serde_path_to_error::deserialize::<_, PodTemplateSpec>(template) {
        Ok(known) => serde_json::to_value(known).unwrap_or_default(),
        Err(error) => {
            let path = error.path().iter().filter_map(segment).collect();
            let help = "write it as the `template` of a Job: `{ metadata: { annotations }, spec: { … } }`".to_owned();
            let message = format!("`pod_template` is not a Pod template: {}", error.inner());
            return vec![Problem { path, message, help }];
        }
    };
    let mut found = Vec::new();
    unknown(template, &known, &mut Vec::new(), &mut found);
    shape(template, &mut found);
    let mut path = Vec::new();
    conflicts(template, ours, &mut path, &mut found);
    found
}

fn segment(segment: &serde_path_to_error::Segment) -> Option<Segment> {
    match segment {
        serde_path_to_error::Segment::Seq { index } => Some(Segment::Index(*index)),
        serde_path_to_error::Segment::Map { key } => Some(Segment::Key(key.clone())),
        _ => None,
    }
}

/// Keys that a Pod template does not have: they are gone where it was read and written.
fn unknown(written: &Value, known: &Value, path: &mut Vec<Segment>, found: &mut Vec<Problem>) {
    match (written, known) {
        (Value::Object(written), Value::Object(known)) => {
            for (key, value) in written.iter().filter(|(_, value)| !value.is_null()) {
                path.push(Segment::Key(key.clone()));
                match known.get(key) {
                    Some(known) => unknown(value, known, path, found),
                    None => found.push(Problem {
                        path: path.clone(),
                        message: format!("a Pod template has no field `{}`", shown(path)),
                        help: "the fields are those of `kubectl explain pod.spec`".to_owned(),
                    }),
                }
                path.pop();
            }
        }
        (Value::Array(written), Value::Array(known)) => {
            for (at, (value, known)) in written.iter().zip(known).enumerate() {
                path.push(Segment::Index(at));
                unknown(value, known, path, found);
                path.pop();
            }
        }
        _ => {}
    }
}

/// What has no place in a template of ours.
fn shape(template: &Value, found: &mut Vec<Problem>) {
    let keys = |value: &Value| value.as_object().into_iter().flatten().map(|(key, _)| key.clone()).collect::<Vec<_>>();
    let metadata = &template["metadata"];
    for field in keys(metadata).into_iter().filter(|field| !METADATA.contains(&field.as_str())) {
        found.push(Problem {
            path: vec!["metadata".into(), field.as_str().into()],
            message: format!("`metadata.{field}` of a Pod is set by the cluster"),
            help: "only `labels` and `annotations` of it can be set".to_owned(),
        });
    }
    for label in keys(&metadata["labels"]).into_iter().filter(|label| label.starts_with(OURS)) {
        found.push(Problem {
            path: vec!["metadata".into(), "labels".into(), label.as_str().into()],
            message: format!("the label `{label}` is the runner's own"),
            help: "choose another label".to_owned(),
        });
    }
    for list in ["containers", "initContainers"] {
        for (at, container) in template["spec"][list].as_array().into_iter().flatten().enumerate() {
            if container["name"].as_str().unwrap_or_default().is_empty() {
                found.push(Problem {
                    path: vec!["spec".into(), list.into(), Segment::Index(at)],
                    message: "a container of `pod_template` has no `name`".to_owned(),
                    help: format!("the container of the step is `{CONTAINER}`"),
                });
            }
        }
    }
}

/// Values that ours takes the place of.
fn conflicts(theirs: &Value, ours: &Value, path: &mut Vec<Segment>, found: &mut Vec<Problem>) {
    match (theirs, ours) {
        (Value::Object(theirs), Value::Object(ours)) => {
            for (key, value) in theirs {
                if let Some(other) = ours.get(key) {
                    path.push(Segment::Key(key.clone()));
                    conflicts(value, other, path, found);
                    path.pop();
                }
            }
        }
        (Value::Array(theirs), Value::Array(ours)) => {
            let Some(by) = by_name(path) else { return };
            for (at, value) in theirs.iter().enumerate() {
                if let Some(other) = ours.iter().find(|other| other[by] == value[by]) {
                    path.push(Segment::Index(at));
                    conflicts(value, other, path, found);
                    path.pop();
                }
            }
        }
        (theirs, ours) if theirs != ours && !theirs.is_null() => found.push(Problem {
            path: path.clone(),
            message: format!("`{}` is set by the runner itself: {ours}", shown(path)),
            help: "leave it out; keys of the runner such as `image`, `user` and `resources` change what it sets"
                .to_owned(),
        }),
        _ => {}
    }
}

/// The field that tells the items of the list at `path` apart.
fn by_name(path: &[Segment]) -> Option<&'static str> {
    let Some(Segment::Key(list)) = path.last() else { return None };
    BY_NAME.iter().find(|(name, _)| name == list).map(|(_, by)| *by)
}

fn shown(path: &[Segment]) -> String {
    let mut text = String::new();
    for segment in path {
        match segment {
            Segment::Key(key) if text.is_empty() => text.push_str(key),
            Segment::Key(key) => text.extend([".", key]),
            Segment::Index(at) => text.push_str(&format!("[{at}]")),
        }
    }
    text
}

/// `ours`, with what only `theirs` has.
pub(super) fn merged(theirs: &Value, ours: Value) -> Value {
    merge(None, theirs, ours)
}

fn merge(key: Option<&str>, theirs: &Value, ours: Value) -> Value {
    match (theirs, ours) {
        (Value::Object(theirs), Value::Object(ours)) => {
            let mut all: Map<String, Value> = ours;
            for (key, value) in theirs.iter().filter(|(_, value)| !value.is_null()) {
                let merged = match all.remove(key) {
                    Some(ours) => merge(Some(key), value, ours),
                    None => value.clone(),
                };
                all.insert(key.clone(), merged);
            }
            Value::Object(all)
        }
        (Value::Array(theirs), Value::Array(ours)) => {
            let by = BY_NAME.iter().find(|(name, _)| Some(*name) == key).map(|(_, by)| *by);
            let mut all = theirs.clone();
            for value in ours {
                match by.and_then(|by| all.iter_mut().find(|other| other[by] == value[by])) {
                    Some(other) => *other = merge(None, &other.clone(), value),
                    None => all.push(value),
                }
            }
            Value::Array(all)
        }
        (_, ours) => ours,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn ours() -> Value {
        json!({ "metadata": { "labels": { "a": "ours" } }, "spec": {
            "restartPolicy": "Never",
            "volumes": [{ "name": "own", "emptyDir": {} }],
            "containers": [{ "name": "step", "image": "a", "securityContext": { "privileged": false } }],
        } })
    }

    fn messages(template: &Value) -> Vec<String> {
        let all = problems(template, &ours()).into_iter();
        all.map(|problem| format!("{}: {}", shown(&problem.path), problem.message)).collect()
    }

    #[test]
    fn what_only_the_template_has_is_added_and_containers_are_merged_by_name() {
        let template = json!({
            "metadata": { "annotations": { "sidecar.istio.io/inject": "false" } },
            "spec": {
                "priorityClassName": "low",
                "volumes": [{ "name": "cache", "emptyDir": {} }],
                "containers": [
                    { "name": "db", "image": "postgres" },
                    { "name": "step", "securityContext": { "readOnlyRootFilesystem": true },
                      "volumeMounts": [{ "name": "cache", "mountPath": "/cache" }] },
                ],
            },
        });
        assert_eq!(messages(&template), Vec::<String>::new());
        let merged = merged(&template, ours());
        assert_eq!(merged["spec"]["priorityClassName"], "low");
        assert_eq!(merged["spec"]["restartPolicy"], "Never");
        assert_eq!(merged["metadata"]["labels"], json!({ "a": "ours" }));
        assert_eq!(merged["spec"]["volumes"].as_array().map(Vec::len), Some(2));
        let step = &merged["spec"]["containers"][1];
        assert_eq!(step["image"], "a");
        assert_eq!(step["securityContext"], json!({ "privileged": false, "readOnlyRootFilesystem": true }));
        assert_eq!(merged["spec"]["containers"].as_array().map(Vec::len), Some(2));
    }

    #[test]
    fn what_is_ours_stays_and_is_reported() {
        let template =
            json!({ "spec": { "restartPolicy": "Always", "containers": [{ "name": "step", "image": "b" }] } });
        let expected = [
            "spec.restartPolicy: `spec.restartPolicy` is set by the runner itself: \"Never\"",
            "spec.containers[0].image: `spec.containers[0].image` is set by the runner itself: \"a\"",
        ];
        let mut found = messages(&template);
        found.sort_by_key(|message| !message.starts_with("spec.restart"));
        assert_eq!(found, expected);
        let merged = merged(&template, ours());
        assert_eq!(
            (&merged["spec"]["restartPolicy"], &merged["spec"]["containers"]),
            (&json!("Never"), &ours()["spec"]["containers"])
        );
    }

    #[test]
    fn what_is_not_a_template_is_reported_with_its_place() {
        assert_eq!(
            messages(&json!({ "spec": { "priorityClas": "low", "containers": [{ "image": "x" }] } })),
            [
                "spec.priorityClas: a Pod template has no field `spec.priorityClas`",
                "spec.containers[0]: a container of `pod_template` has no `name`",
            ]
        );
        assert_eq!(
            messages(&json!({ "metadata": { "name": "x", "labels": { "pipeline.dev/step": "x" } } })),
            [
                "metadata.name: `metadata.name` of a Pod is set by the cluster",
                "metadata.labels.pipeline.dev/step: the label `pipeline.dev/step` is the runner's own",
            ]
        );
        let found = messages(&json!({ "spec": { "activeDeadlineSeconds": "soon" } }));
        assert!(
            found[0].starts_with("spec.activeDeadlineSeconds: `pod_template` is not a Pod template: "),
            "{found:?}"
        );
    }
}
