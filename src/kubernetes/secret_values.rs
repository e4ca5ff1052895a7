//! Values of Secrets in what is shown of a cluster: they are replaced, whichever kind asked for the object. Pure.

use serde_json::Value;

/// What is shown in place of a value.
pub const MASK: &str = "***";
/// An annotation in which kubectl keeps a whole manifest, values of Secrets included.
pub const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Whether an object is a Secret of Kubernetes itself.
pub fn is_secret(object: &Value) -> bool {
    object["kind"] == "Secret" && object["apiVersion"] == "v1"
}

/// Replaces the values of a Secret, and takes the manifest out in which kubectl repeats them.
pub fn hide(secret: &mut Value) {
    for key in ["data", "stringData"] {
        for value in secret.get_mut(key).and_then(Value::as_object_mut).into_iter().flat_map(|map| map.values_mut()) {
            *value = MASK.into();
        }
    }
    if let Some(annotations) = secret.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut) {
        annotations.remove(LAST_APPLIED);
    }
}

/// Whether what is at this path of a Secret (`data.password`) may hold a value of it.
pub fn is_hidden(path: &str, shown: &str) -> bool {
    let first = path.split(['.', '[']).next().unwrap_or_default();
    matches!(first, "data" | "stringData" | "(object)") || path.contains(LAST_APPLIED) || shown.contains(LAST_APPLIED)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn no_value_of_a_secret_is_left_in_what_is_shown() {
        let mut secret = json!({ "apiVersion": "v1", "kind": "Secret", "type": "Opaque", "data": { "a": "czNjcmV0" },
            "stringData": { "b": "s3cret" }, "metadata": { "name": "db", "annotations": { LAST_APPLIED: "s3cret", "x": "y" } } });
        assert!(is_secret(&secret));
        hide(&mut secret);
        assert_eq!(
            secret,
            json!({ "apiVersion": "v1", "kind": "Secret", "type": "Opaque", "data": { "a": MASK },
                "stringData": { "b": MASK }, "metadata": { "name": "db", "annotations": { "x": "y" } } })
        );
    }

    #[test]
    fn only_places_that_hold_values_are_hidden() {
        for path in ["data", "data.password", "data[\"tls.crt\"]", "stringData.a", "(object)"] {
            assert!(is_hidden(path, "x"), "{path}");
        }
        assert!(is_hidden("metadata.annotations", &format!("{{\"{LAST_APPLIED}\":\"s3cret\"}}")));
        assert!(!is_hidden("metadata.labels.data", "x") && !is_hidden("type", "Opaque"));
    }
}
