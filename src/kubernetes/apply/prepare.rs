//! An object as written made ready for server-side apply: its namespace, its labels, nothing the server owns. Pure.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::{Map, Value};

use super::ApplyOptions;
use crate::core::model::namespace::refuse_system_namespace;
use crate::kubernetes::client::{ClusterError, Kind, MANAGER, Refusal};
use crate::kubernetes::ownership::owned::{Owner, RUN};

/// An object ready to be sent.
#[derive(Debug, Clone)]
pub(super) struct Prepared {
    /// Its place among the objects handed in.
    pub at: usize,
    pub kind: Kind,
    /// Empty where its kind has none.
    pub namespace: String,
    pub name: String,
    pub object: Value,
}

impl Prepared {
    /// What it is found by among those that are there.
    pub fn key(&self) -> (String, String, String) {
        (self.kind.to_string(), self.namespace.clone(), self.name.clone())
    }

    /// Whether it asks an object that is being deleted to lose a finalizer: it writes `finalizers`, without one of those there.
    pub fn releases(&self, there: &ObjectMeta) -> bool {
        let Some(wanted) = self.object["metadata"]["finalizers"].as_array() else { return false };
        let held = there.finalizers.as_deref().unwrap_or_default();
        held.iter().any(|name| !wanted.iter().any(|wanted| wanted == name))
    }

    /// Labels it as `owner`'s: where it is not there yet (`there` are the labels that it has), or is the owner's already.
    /// Then the run that made it stays on it. Labels that were written stay as they are.
    pub fn own(&mut self, owner: &Owner, there: Option<&BTreeMap<String, String>>) {
        let maker = match there {
            Some(there) if !owner.owns(there) => return,
            Some(there) => there.get(RUN).cloned().unwrap_or_else(|| owner.run.clone()),
            None => owner.run.clone(),
        };
        let Some(metadata) = self.object["metadata"].as_object_mut() else { return };
        let written = metadata.entry("labels").or_insert_with(|| Value::Object(Map::new()));
        if written.is_null() {
            *written = Value::Object(Map::new());
        }
        if let Some(written) = written.as_object_mut() {
            for (key, value) in labels(&Owner { run: maker, ..owner.clone() }) {
                written.entry(key).or_insert_with(|| value.into());
            }
        }
    }
}

/// What an object that `owner` makes carries.
pub(super) fn labels(owner: &Owner) -> BTreeMap<String, String> {
    let mut labels = owner.labels();
    labels.insert("app.kubernetes.io/managed-by".to_owned(), MANAGER.to_owned());
    labels
}

/// The objects with their place; a `List` is replaced by its items, which carry its place.
pub(crate) fn flattened(objects: Vec<Value>) -> Vec<(usize, Value)> {
    let mut flat = Vec::with_capacity(objects.len());
    for (at, mut object) in objects.into_iter().enumerate() {
        let is_list = object["kind"].as_str().is_some_and(|kind| kind.ends_with("List")) && object["items"].is_array();
        match object.get_mut("items").map(Value::take) {
            Some(Value::Array(items)) if is_list => flat.extend(items.into_iter().map(|item| (at, item))),
            Some(items) => {
                object["items"] = items;
                flat.push((at, object));
            }
            None => flat.push((at, object)),
        }
    }
    flat
}

/// `apiVersion` and `kind`; empty where they are missing.
pub(super) fn identity(object: &Value) -> (String, String) {
    let text = |key: &str| object[key].as_str().unwrap_or_default().to_owned();
    (text("apiVersion"), text("kind"))
}

/// How the object is named in messages before its kind is known: `deployment.apps/backend`.
pub(super) fn shown(object: &Value) -> String {
    let (api_version, kind) = identity(object);
    let group = api_version.split_once('/').map(|(group, _)| format!(".{group}")).unwrap_or_default();
    let name = object["metadata"]["name"].as_str().unwrap_or("(without a name)");
    format!("{}{group}/{name}", kind.to_ascii_lowercase())
}

/// What of an object's metadata is of a type that no cluster takes, and what to do: a name that YAML reads as a number,
/// a label's value that it reads as true or false.
pub fn metadata_fault(object: &Value) -> Option<(String, String)> {
    let meta = &object["metadata"];
    let wrong = |path: String, value: &Value| {
        let (what, help) = match value {
            Value::Number(number) => (format!("the number {number}"), "quote it"),
            Value::Bool(truth) => (format!("the boolean {truth}"), "quote it"),
            Value::Null => ("empty".to_owned(), "write a text"),
            Value::Array(_) => ("a list".to_owned(), "write a text"),
            Value::Object(_) => ("a mapping".to_owned(), "write a text"),
            Value::String(_) => return None,
        };
        let message = format!("{path} is {what}, expected text");
        Some((message, format!("{help}: `{path}` takes text only")))
    };
    if !meta.is_object() && !meta.is_null() {
        return Some(("metadata is not a mapping".to_owned(), "write `metadata: { name: … }`".to_owned()));
    }
    for key in ["name", "generateName", "namespace"] {
        let value = &meta[key];
        if !value.is_null()
            && let Some(found) = wrong(format!("metadata.{key}"), value)
        {
            return Some(found);
        }
    }
    for key in ["labels", "annotations"] {
        let pairs = meta[key].as_object().into_iter().flatten();
        // An empty value is text without a character; the server reads it so.
        let found = pairs
            .filter(|(_, value)| !value.is_null())
            .find_map(|(name, value)| wrong(format!("metadata.{key}[{name}]"), value));
        if found.is_some() {
            return found;
        }
    }
    None
}

/// Makes it ready.
#[expect(clippy::result_large_err, reason = "a refusal is rare, and read at once")]
pub(super) fn prepare(
    at: usize,
    mut object: Value,
    kind: Kind,
    options: &ApplyOptions,
) -> Result<Prepared, ClusterError> {
    let doing = format!("apply {}", shown(&object));
    if let Some((message, help)) = metadata_fault(&object) {
        let (code, cause) = (422, "WrongType".to_owned());
        return Err(ClusterError::Refused(Refusal {
            doing,
            code,
            cause,
            message,
            help: Some(help),
            ..Refusal::default()
        }));
    }
    let Some(name) = object["metadata"]["name"].as_str().filter(|name| !name.is_empty()).map(str::to_owned) else {
        return Err(ClusterError::Refused(Refusal {
            doing,
            code: 422,
            cause: "NoName".to_owned(),
            message: "it has no metadata.name".to_owned(),
            help: Some(
                "give it a name: server-side apply finds the object by it (generateName cannot be applied)".to_owned(),
            ),
            ..Refusal::default()
        }));
    };
    // a name goes into the path of a request: no part of it may lead to another object, or add a query
    if matches!(name.as_str(), "." | "..")
        || name.contains(['/', '%', '?', '#', '\\'])
        || name.contains(char::is_control)
    {
        return Err(ClusterError::Refused(Refusal {
            doing,
            code: 422,
            cause: "NoName".to_owned(),
            message: format!("`{}` is no name of an object", name.escape_debug()),
            ..Refusal::default()
        }));
    }
    let metadata = object["metadata"].as_object_mut().expect("it has a name");
    // What the server fills in; an object saved by `kubectl get -o yaml` carries it, and apply refuses managedFields.
    for owned in ["managedFields", "creationTimestamp", "resourceVersion", "uid", "generation", "selfLink"] {
        metadata.remove(owned);
    }
    let namespace = if kind.namespaced {
        let written = metadata.get("namespace").and_then(Value::as_str).filter(|namespace| !namespace.is_empty());
        let namespace = written.unwrap_or(&options.namespace).to_owned();
        metadata.insert("namespace".to_owned(), namespace.clone().into());
        namespace
    } else {
        metadata.remove("namespace");
        String::new()
    };
    refuse_system_namespace(&namespace)?;
    if kind.resource.kind == "Namespace" {
        refuse_system_namespace(&name)?;
    }
    if let Some(fields) = object.as_object_mut() {
        fields.remove("status");
    }
    Ok(Prepared { at, kind, namespace, name, object })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn crd() -> Kind {
        let crd = json!({ "spec": { "group": "example.com", "scope": "Namespaced",
            "names": { "kind": "Widget", "plural": "widgets", "singular": "widget" },
            "versions": [{ "name": "v1", "served": true }] } });
        Kind::of_crd(&crd).remove(0)
    }

    fn options() -> ApplyOptions {
        ApplyOptions { namespace: "todo".to_owned(), ..ApplyOptions::default() }
    }

    fn owner() -> Owner {
        Owner { pipeline: "todo".to_owned(), home: "todo".to_owned(), run: "r2".to_owned() }
    }

    fn owned(object: Value, there: Option<Value>) -> Value {
        let mut prepared = prepare(0, object, crd(), &options()).expect("well formed");
        let there: Option<BTreeMap<String, String>> =
            there.map(|labels| serde_json::from_value(labels).expect("labels"));
        prepared.own(&owner(), there.as_ref());
        prepared.object
    }

    #[test]
    fn fills_in_the_namespace_and_labels_and_leaves_the_templates_alone() {
        let object = json!({ "apiVersion": "example.com/v1", "kind": "Widget", "status": { "x": 1 },
            "metadata": { "name": "w", "managedFields": [], "creationTimestamp": null },
            "spec": { "template": { "metadata": {} } } });
        assert_eq!(
            owned(object, None),
            json!({ "apiVersion": "example.com/v1", "kind": "Widget",
                "metadata": { "name": "w", "namespace": "todo", "labels": {
                    "app.kubernetes.io/managed-by": "pipeline", "pipeline.dev/namespace": "todo",
                    "pipeline.dev/pipeline": "todo", "pipeline.dev/run": "r2" } },
                "spec": { "template": { "metadata": {} } } })
        );
    }

    #[test]
    fn labels_that_were_written_stay() {
        let object = json!({ "apiVersion": "example.com/v1", "kind": "Widget",
            "metadata": { "name": "w", "namespace": "mine", "labels": { "app.kubernetes.io/managed-by": "me" } } });
        assert_eq!(owned(object, None)["metadata"]["labels"]["app.kubernetes.io/managed-by"], "me");
    }

    #[test]
    fn what_was_there_keeps_who_made_it_and_anothers_object_is_never_labelled() {
        let object = json!({ "apiVersion": "example.com/v1", "kind": "Widget", "metadata": { "name": "w" } });
        let ours =
            json!({ "pipeline.dev/pipeline": "todo", "pipeline.dev/namespace": "todo", "pipeline.dev/run": "r1" });
        assert_eq!(owned(object.clone(), Some(ours))["metadata"]["labels"]["pipeline.dev/run"], "r1");
        for theirs in [json!({}), json!({ "pipeline.dev/pipeline": "todo", "pipeline.dev/namespace": "other" })] {
            assert_eq!(owned(object.clone(), Some(theirs))["metadata"]["labels"], Value::Null);
        }
    }

    #[test]
    fn metadata_that_yaml_reads_as_another_type_is_named() {
        let fault = |metadata| metadata_fault(&json!({ "metadata": metadata })).map(|(message, _)| message);
        assert_eq!(fault(json!({ "name": 2026 })).as_deref(), Some("metadata.name is the number 2026, expected text"));
        assert_eq!(fault(json!({ "name": true })).as_deref(), Some("metadata.name is the boolean true, expected text"));
        let label = fault(json!({ "name": "a", "labels": { "tier": 1.5 } }));
        assert_eq!(label.as_deref(), Some("metadata.labels[tier] is the number 1.5, expected text"));
        assert_eq!(fault(json!({ "name": "a", "namespace": null, "annotations": { "x": null } })), None);
        assert_eq!(fault(json!("a")).as_deref(), Some("metadata is not a mapping"));
        let trouble = prepare(0, json!({ "kind": "Widget", "metadata": { "name": 2026 } }), crd(), &options());
        assert_eq!(
            trouble.expect_err("refused").to_string(),
            "could not apply widget/(without a name): metadata.name is the number 2026, expected text"
        );
    }

    #[test]
    fn never_touches_a_system_namespace() {
        let object = json!({ "kind": "Widget", "metadata": { "name": "w", "namespace": "kube-system" } });
        let trouble = prepare(0, object, crd(), &options()).expect_err("refused");
        assert_eq!(trouble.to_string(), "namespace \"kube-system\" belongs to the cluster itself and is never touched");
    }

    #[test]
    fn a_list_is_its_items() {
        let list = json!({ "kind": "List", "items": [{ "kind": "A" }, { "kind": "B" }] });
        assert_eq!(flattened(vec![list]), [(0, json!({ "kind": "A" })), (0, json!({ "kind": "B" }))]);
    }
}
