//! Two states of an object as a unified diff: without what the server alone writes, and without values of Secrets. Pure.

use serde_json::{Map, Value};
use similar::TextDiff;

use super::super::prepare::Prepared;
use super::{Compared, Difference, ObjectDiff};
use crate::kubernetes::client::Leftover;
use crate::kubernetes::secret_values::{LAST_APPLIED, MASK, is_secret};

/// Lines shown around a change.
const AROUND: usize = 3;
/// Metadata that the server alone writes.
const OF_SERVER: [&str; 6] = ["managedFields", "resourceVersion", "uid", "generation", "creationTimestamp", "selfLink"];

/// How an object differs from what is there.
pub(super) fn object_diff(one: &Prepared, compared: &Compared) -> ObjectDiff {
    let shown = one.kind.named(&one.name);
    let (mut live, mut wanted) = (compared.live.as_ref().map(bare), bare(&compared.wanted));
    if is_secret(&wanted) {
        mask(live.as_mut(), Some(&mut wanted));
    }
    let difference = match &live {
        None => Difference::Added,
        Some(live) if *live == wanted => Difference::Unchanged,
        Some(_) => Difference::Changed,
    };
    let text = match difference {
        Difference::Unchanged => String::new(),
        _ => unified(&shown, live.as_ref(), Some(&wanted)),
    };
    ObjectDiff {
        shown,
        kind: one.kind.resource.kind.clone(),
        namespace: one.namespace.clone(),
        difference,
        text,
        unchecked: compared.unchecked.clone(),
    }
}

/// An object that the manifests do not have.
pub(super) fn deleted(left: &Leftover, live: &Value) -> ObjectDiff {
    let mut live = bare(live);
    if is_secret(&live) {
        mask(Some(&mut live), None);
    }
    ObjectDiff {
        shown: left.shown(),
        kind: left.kind.resource.kind.clone(),
        namespace: left.namespace.clone(),
        difference: Difference::Deleted,
        text: unified(&left.shown(), Some(&live), None),
        unchecked: None,
    }
}

/// What a person wrote, or a default filled in.
fn bare(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(fields) = object.as_object_mut() {
        fields.remove("status");
    }
    let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) else { return object };
    for name in OF_SERVER {
        metadata.remove(name);
    }
    if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
        annotations.remove(LAST_APPLIED);
        if annotations.is_empty() {
            metadata.remove("annotations");
        }
    }
    object
}

/// Replaces the values of a Secret and of its annotations, where tools repeat them; one that differs is marked as such on both sides.
fn mask(live: Option<&mut Value>, wanted: Option<&mut Value>) {
    let (mut none, mut no_other) = (Value::Null, Value::Null);
    let (live, wanted) = (live.unwrap_or(&mut none), wanted.unwrap_or(&mut no_other));
    for place in ["/data", "/stringData", "/metadata/annotations"] {
        let of = |object: &Value| object.pointer(place).and_then(Value::as_object).cloned().unwrap_or_default();
        let (before, after) = (of(live), of(wanted));
        for (object, side) in [(&mut *live, " (before)"), (&mut *wanted, " (after)")] {
            let Some(values) = object.pointer_mut(place).and_then(Value::as_object_mut) else { continue };
            for (name, value) in values.iter_mut() {
                let differs = before.get(name).zip(after.get(name)).is_some_and(|(before, after)| before != after);
                *value = if differs { format!("{MASK}{side}") } else { MASK.to_owned() }.into();
            }
        }
    }
}

fn unified(shown: &str, live: Option<&Value>, wanted: Option<&Value>) -> String {
    let (live, wanted) = (yaml(live), yaml(wanted));
    let diff = TextDiff::from_lines(&live, &wanted);
    let header =
        |side: &str, there: &str| if there.is_empty() { "/dev/null".to_owned() } else { format!("{side}/{shown}") };
    diff.unified_diff().context_radius(AROUND).header(&header("live", &live), &header("wanted", &wanted)).to_string()
}

fn yaml(object: Option<&Value>) -> String {
    object.map(|object| serde_yaml::to_string(&sorted(object)).unwrap_or_default()).unwrap_or_default()
}

/// With keys in the order of their names: the two sides were not written by the same hand.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let mut names: Vec<&String> = fields.keys().collect();
            names.sort();
            Value::Object(names.into_iter().map(|name| (name.clone(), sorted(&fields[name]))).collect::<Map<_, _>>())
        }
        Value::Array(items) => Value::Array(items.iter().map(sorted).collect()),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_the_server_writes_is_no_difference() {
        let live = json!({ "kind": "A", "metadata": { "name": "a", "uid": "1", "resourceVersion": "2", "managedFields": [],
            "annotations": { LAST_APPLIED: "{}" } }, "status": { "x": 1 } });
        assert_eq!(bare(&live), json!({ "kind": "A", "metadata": { "name": "a" } }));
    }

    #[test]
    fn values_of_a_secret_are_masked_and_a_changed_one_shows() {
        let secret = |url: &str, more: Value| {
            let mut data = json!({ "URL": url, "KEY": "a2V5" });
            data.as_object_mut().expect("a map").extend(more.as_object().cloned().unwrap_or_default());
            json!({ "apiVersion": "v1", "kind": "Secret", "data": data })
        };
        let (mut live, mut wanted) = (secret("b2xk", json!({})), secret("bmV3", json!({ "NEW": "bmV3" })));
        mask(Some(&mut live), Some(&mut wanted));
        let text = unified("secret/db", Some(&live), Some(&wanted));
        assert_eq!(
            text,
            "--- live/secret/db\n+++ wanted/secret/db\n@@ -1,5 +1,6 @@\n apiVersion: v1\n data:\n   KEY: '***'\n\
             -  URL: '*** (before)'\n+  NEW: '***'\n+  URL: '*** (after)'\n kind: Secret\n"
        );
    }

    #[test]
    fn what_is_added_or_deleted_is_shown_whole() {
        let object = json!({ "kind": "A", "apiVersion": "v1" });
        assert_eq!(
            unified("a/b", None, Some(&object)),
            "--- /dev/null\n+++ wanted/a/b\n@@ -0,0 +1,2 @@\n+apiVersion: v1\n+kind: A\n"
        );
        assert_eq!(
            unified("a/b", Some(&object), None),
            "--- live/a/b\n+++ /dev/null\n@@ -1,2 +0,0 @@\n-apiVersion: v1\n-kind: A\n"
        );
    }
}
