//! Values of Secrets in what is shown of a cluster: they are replaced, whichever kind asked for the object. Pure.

use kube::api::ApiResource;
use serde_json::Value;

/// What is shown in place of a value.
pub const MASK: &str = "***";
/// An annotation in which kubectl keeps a whole manifest, values of Secrets included.
pub const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Whether an object is a Secret of Kubernetes itself.
pub fn is_secret(object: &Value) -> bool {
    object["kind"] == "Secret" && object["apiVersion"] == "v1"
}

/// Whether the objects of a kind are Secrets of Kubernetes itself, however the kind was spelt where it was named.
pub fn are_secrets(resource: &ApiResource) -> bool {
    resource.group.is_empty() && resource.kind == "Secret"
}

/// Replaces the values of a Secret and those of its annotations, since tools repeat whole manifests there. Takes out the
/// manifest in which kubectl repeats them.
pub fn hide(secret: &mut Value) {
    if let Some(annotations) = secret.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut) {
        annotations.remove(LAST_APPLIED);
    }
    for place in ["/data", "/stringData", "/metadata/annotations"] {
        for value in
            secret.pointer_mut(place).and_then(Value::as_object_mut).into_iter().flat_map(|map| map.values_mut())
        {
            *value = MASK.into();
        }
    }
}

/// Whether what is at this path of a Secret (`data.password`) may hold a value of it.
pub fn is_hidden(path: &str) -> bool {
    let mut parts = path.split(['.', '[']);
    match (parts.next().unwrap_or_default(), parts.next()) {
        ("data" | "stringData" | "(object)", _) | ("metadata", None | Some("annotations")) => true,
        _ => path.contains(LAST_APPLIED),
    }
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
                "stringData": { "b": MASK }, "metadata": { "name": "db", "annotations": { "x": MASK } } })
        );
    }

    #[test]
    fn the_kind_decides_and_not_its_spelling() {
        let of = |group: &str, kind: &str| ApiResource::from_gvk(&kube::core::GroupVersionKind::gvk(group, "v1", kind));
        assert!(are_secrets(&of("", "Secret")));
        assert!(!are_secrets(&of("example.com", "Secret")) && !are_secrets(&of("", "ConfigMap")));
    }

    #[test]
    fn only_places_that_hold_values_are_hidden() {
        for path in [
            "data",
            "data.password",
            "data[\"tls.crt\"]",
            "stringData.a",
            "(object)",
            "metadata",
            "metadata.annotations.a",
            "metadata.annotations[\"b.c/d\"]",
        ] {
            assert!(is_hidden(path), "{path}");
        }
        assert!(!is_hidden("metadata.labels.data") && !is_hidden("type"));
    }
}
