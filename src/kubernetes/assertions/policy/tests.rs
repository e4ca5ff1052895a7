//! Which rules hold for which objects, and where a violation is shown.

use serde_json::{Value, json};

use super::*;

fn manifest(object: Value) -> Object {
    let manifest = Manifest { object, source: "/p/manifests/app.yaml".into(), line: 7 };
    Object { place: place(&manifest, Path::new("/p")), manifest }
}

fn deployment(pod: Value) -> Object {
    manifest(json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "app"},
        "spec": {"replicas": 2, "template": {"spec": pod}}
    }))
}

fn shown(body: Value, objects: &[Object]) -> Vec<String> {
    let policy: Policy = serde_json::from_value(body).expect("of the right shape");
    let line = |judged: Judged| {
        let measure = judged.measure();
        let mark = if measure.holds { "holds" } else { "unmet" };
        format!("{mark} {}: {}", measure.name, measure.actual)
    };
    policy.judge(objects, &Scope::default()).expect("valid rules").into_iter().map(line).collect()
}

const ALL: [&str; 12] = [
    "drop-capabilities",
    "no-host-access",
    "no-latest-tag",
    "no-privileged",
    "no-secret-data",
    "non-root",
    "probes",
    "pull-policy",
    "read-only-root",
    "resource-limits",
    "resource-requests",
    "rolling-update",
];

#[test]
fn a_bare_pod_violates_every_rule_that_says_so() {
    let bare = deployment(json!({
        "hostNetwork": true,
        "containers": [{"name": "c", "image": "todo", "env": [{"name": "DB_PASSWORD", "value": "x"}]}]
    }));
    let at = "manifests/app.yaml:7 deployment/app";
    assert_eq!(
        shown(json!({"builtin": ALL}), &[bare]),
        [
            format!("unmet drop-capabilities: {at}: container c does not drop ALL capabilities"),
            format!("unmet no-host-access: {at}: it has hostNetwork: true"),
            format!("unmet no-latest-tag: {at}: container c runs todo, which has no tag"),
            format!("unmet no-privileged: {at}: container c does not say allowPrivilegeEscalation: false"),
            format!("unmet no-secret-data: {at}: container c has the value of DB_PASSWORD in its env"),
            format!("unmet non-root: {at}: container c does not say runAsNonRoot: true"),
            format!("unmet probes: {at}: container c has no readinessProbe and livenessProbe"),
            format!("unmet pull-policy: {at}: container c does not say imagePullPolicy"),
            format!("unmet read-only-root: {at}: container c does not say readOnlyRootFilesystem: true"),
            format!("unmet resource-limits: {at}: container c does not limit cpu and memory"),
            format!("unmet resource-requests: {at}: container c does not request cpu and memory"),
            format!(
                "unmet rolling-update: {at}: it does not say maxUnavailable, so a quarter of its pods may go first"
            ),
        ]
    );
}

#[test]
fn a_careful_deployment_holds_every_rule() {
    let mut careful = deployment(json!({
        "securityContext": {"runAsNonRoot": true},
        "containers": [{
            "name": "c", "image": "registry.test:5000/todo:v1", "imagePullPolicy": "IfNotPresent",
            "readinessProbe": {}, "livenessProbe": {},
            "resources": {"limits": {"cpu": "1", "memory": "1Gi"}},
            "env": [{"name": "DB_PASSWORD", "valueFrom": {}}, {"name": "TOKEN_FILE", "value": "/run/token"}],
            "securityContext": {
                "readOnlyRootFilesystem": true, "allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}
            }
        }]
    }));
    careful.manifest.object["spec"]["strategy"] = json!({"rollingUpdate": {"maxUnavailable": 0}});
    let unmet: Vec<String> =
        shown(json!({"builtin": ALL}), &[careful]).into_iter().filter(|line| line.starts_with("unmet")).collect();
    assert_eq!(unmet, Vec::<String>::new());
}

#[test]
fn secrets_in_files_are_named_without_their_values() {
    let secret = manifest(json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"},
        "data": {"a": "aHVudGVyMg=="}, "stringData": {"b": "hunter2", "empty": ""}
    }));
    assert_eq!(
        shown(json!({"builtin": ["no-secret-data"]}), &[secret]),
        ["unmet no-secret-data: manifests/app.yaml:7 secret/s: data.a has a value; \
          manifests/app.yaml:7 secret/s: stringData.b has a value"]
    );
    assert!(builtin::Builtin::NoSecretData.violations(&json!({"kind": "Service"})).is_none());
}

#[test]
fn rules_in_cel_see_the_object_as_self() {
    let body = json!({"rules": [
        {"name": "two", "kinds": ["deployment"], "assert": "self.spec.replicas >= 2"},
        {"name": "three", "assert": "self.spec.replicas >= 3", "message": "three of each"},
        {"name": "services", "kinds": ["Service"], "assert": "false"},
    ]});
    assert_eq!(
        shown(body, &[deployment(json!({}))]),
        [
            "holds two: holds for the one object that it is for",
            "unmet three: manifests/app.yaml:7 deployment/app: three of each",
            "holds services: no object that it is for",
        ]
    );
}

#[test]
fn exceptions_leave_an_object_alone() {
    let body = json!({"builtin": ["probes"], "except": {"probes": ["deployment/app"]}});
    let bare = || deployment(json!({"containers": [{"name": "c"}]}));
    assert_eq!(shown(body, &[bare()]), ["holds probes: no object that it is for"]);
}

#[test]
fn an_exception_that_matches_nothing_does_not_hold() {
    let body = json!({"builtin": ["probes"], "except": {"probes": ["deployment/app", "Deployment/app", "service/a"]}});
    let policy: Policy = serde_json::from_value(body).expect("of the right shape");
    let service = manifest(json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"}}));
    let objects = [deployment(json!({"containers": [{"name": "c"}]})), service];
    let judged = policy.judge(&objects, &Scope::default()).expect("valid rules");
    let reported: Vec<String> = judged
        .iter()
        .flat_map(Judged::measures)
        .filter(|measure| !measure.holds)
        .map(|measure| format!("{}: {}", measure.name, measure.actual))
        .collect();
    // no pod is in a Service: the rule is not for it
    assert_eq!(reported, ["except.probes: Deployment/app matches nothing", "except.probes: service/a matches nothing"]);
}

#[test]
fn objects_of_a_chart_name_their_template() {
    let text = "---\n# Source: todo/templates/a.yaml\napiVersion: v1\nkind: Service\nmetadata: { name: a }\n\
        ---\n# Source: todo/templates/sub/b.yaml\napiVersion: v1\nkind: Service\nmetadata: { name: b }\n";
    let places: Vec<String> = of_chart(text, Path::new("charts/todo"))
        .expect("well formed")
        .into_iter()
        .map(|object| object.place.split(" (").next().unwrap_or_default().to_owned())
        .collect();
    assert_eq!(places, ["charts/todo/templates/a.yaml", "charts/todo/templates/sub/b.yaml"]);
}

#[test]
fn a_rule_over_all_objects_names_those_that_are_wrong() {
    let object = manifest;
    let map = |name: &str, addr: &str| {
        object(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"DB_ADDR": addr}}))
    };
    let service = object(json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "db"}}));
    let objects = [map("right", "db:5432"), map("wrong", "dbb:5432"), service];
    let wrong = "self.filter(o, o.kind == 'ConfigMap' && !o.data.all(k, !k.endsWith('_ADDR') || \
                 self.exists(s, s.kind == 'Service' && o.data[k].startsWith(s.metadata.name + ':'))))";
    let rule = |assert: &str| json!({"rules": [{"name": "addresses", "together": true, "assert": assert, "message": "no Service"}]});
    assert_eq!(shown(rule(wrong), &objects), ["unmet addresses: manifests/app.yaml:7 configmap/wrong: no Service"]);
    assert_eq!(
        shown(rule(wrong), &objects[..1]),
        ["unmet addresses: manifests/app.yaml:7 configmap/right: no Service"]
    );
    assert_eq!(shown(rule("self.size() == 3"), &objects), ["holds addresses: holds for all 3 objects"]);
    assert_eq!(
        shown(rule("self.filter(o, o.kind == 'Secret')"), &objects),
        ["holds addresses: holds for all 3 objects"]
    );
    let texts = "self.filter(o, o.kind == 'ConfigMap').map(o, o.metadata.name)";
    assert_eq!(shown(rule(texts), &objects[..1]), ["unmet addresses: all objects: no Service: right"]);
}

#[test]
fn whatever_has_a_template_of_a_pod_is_read() {
    let pod = json!({"containers": [{"name": "c", "image": "x:1", "securityContext": {"privileged": true}}]});
    let template = json!({"spec": {"template": {"spec": pod}}});
    let with = |kind: &str, body: &Value| {
        let mut object = json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": "a"}});
        object.as_object_mut().expect("a map").extend(body.as_object().expect("a map").clone());
        builtin::Builtin::NoPrivileged.violations(&object)
    };
    let wrong = Some(vec!["container c is privileged".to_owned()]);
    assert_eq!(with("ReplicationController", &template), wrong);
    assert_eq!(with("Rollout", &template), wrong, "a custom resource");
    assert_eq!(with("PodTemplate", &template["spec"]), wrong);
    assert_eq!(with("Rollout", &json!({"spec": {"template": {"spec": {"x": 1}}}})), None);
    let binary = json!({"kind": "Secret", "binaryData": {"a": "eA=="}});
    let found = builtin::Builtin::NoSecretData.violations(&binary).expect("it is for Secrets");
    assert_eq!(found, ["binaryData.a has a value"]);
}

#[test]
fn a_filter_that_matches_nothing_is_not_held() {
    let body = json!({"rules": [{"name": "r", "kinds": ["Deploymnet"], "assert": "false"}]});
    let policy: Policy = serde_json::from_value(body).expect("of the right shape");
    let judged = policy.judge(&[deployment(json!({}))], &Scope::default()).expect("valid rules");
    let measures = judged[0].measures();
    assert_eq!((measures[1].name.as_str(), measures[1].holds), ("r.kinds", false));
    assert_eq!(measures[1].actual, "Deploymnet matches nothing, did you mean \"Deployment\"?");
}
