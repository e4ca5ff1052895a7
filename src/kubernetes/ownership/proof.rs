//! Whether this program wrote the labels of an object. Labels are copied with an object; who wrote them is not. Pure.

use jiff::SignedDuration;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{FieldsV1, ManagedFieldsEntry, ObjectMeta};

use super::owner::{HOME, Owner, PIPELINE};
use crate::kubernetes::client::MANAGER;

/// How much earlier than the creation of an object its first fields may be recorded: admission webhooks take their time.
const SLACK: SignedDuration = SignedDuration::from_secs(60);

/// Whether an object is `owner`'s: it carries the labels, and this program wrote them on this very object.
///
/// A copy (`kubectl get -o json | kubectl apply -f -`) has the same labels, under another manager. A copy that brings the
/// record of managers along was created later than that record says.
pub fn is_ours(owner: &Owner, meta: &ObjectMeta) -> bool {
    let labels = meta.labels.as_ref();
    labels.is_some_and(|labels| owner.owns(labels)) && [PIPELINE, HOME].iter().all(|label| wrote(meta, label))
}

/// Whether this program is the manager of a label of an object.
fn wrote(meta: &ObjectMeta, label: &str) -> bool {
    let field = format!("f:{label}");
    let entries = meta.managed_fields.iter().flatten().filter(|entry| is_own(meta, entry));
    let mut fields = entries.filter_map(|entry| entry.fields_v1.as_ref());
    fields.any(|FieldsV1(fields)| fields["f:metadata"]["f:labels"].get(&field).is_some())
}

/// Whether this program wrote any field of an object.
pub fn has_written(meta: &ObjectMeta) -> bool {
    meta.managed_fields.iter().flatten().any(|entry| is_own(meta, entry))
}

fn is_own(meta: &ObjectMeta, entry: &ManagedFieldsEntry) -> bool {
    let created = meta.creation_timestamp.as_ref().map(|time| time.0);
    let since = entry.time.as_ref().map(|time| time.0);
    let is_older = created.zip(since).is_some_and(|(created, since)| created.duration_since(since) > SLACK);
    entry.manager.as_deref() == Some(MANAGER) && !is_older
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use serde_json::json;

    /// An object's metadata with the labels of `owner`, which `manager` wrote at `since`; created at noon.
    pub fn labelled(owner: &Owner, manager: &str, since: &str) -> ObjectMeta {
        let fields = json!({ "f:metadata": { "f:labels": { ".": {}, "f:pipeline.dev/pipeline": {},
            "f:pipeline.dev/namespace": {}, "f:pipeline.dev/run": {} } } });
        let meta = json!({ "name": "a", "uid": "u", "labels": owner.labels(), "creationTimestamp": "2030-01-01T12:00:00Z",
            "managedFields": [{ "manager": manager, "operation": "Apply", "apiVersion": "v1", "time": since,
                "fieldsType": "FieldsV1", "fieldsV1": fields }] });
        serde_json::from_value(meta).expect("metadata")
    }

    #[test]
    fn labels_prove_nothing_unless_this_program_wrote_them_on_this_object() {
        let owner = Owner { pipeline: "todo".into(), home: "a".into(), run: "r1".into() };
        let other = Owner { home: "b".into(), ..owner.clone() };
        let noon = "2030-01-01T12:00:00Z";
        let ours = labelled(&owner, "pipeline", noon);
        assert!(is_ours(&owner, &ours) && !is_ours(&other, &ours));
        assert!(is_ours(&owner, &labelled(&owner, "pipeline", "2030-01-01T11:59:58Z")), "a webhook took two seconds");
        assert!(is_ours(&owner, &labelled(&owner, "pipeline", "2030-01-02T12:00:00Z")), "applied once more");
        let copy = labelled(&owner, "kubectl-client-side-apply", noon);
        assert!(!is_ours(&owner, &copy) && !has_written(&copy));
        assert!(!is_ours(&owner, &labelled(&owner, "pipeline", "2030-01-01T11:00:00Z")), "a copy with its record");
        let scaled = ObjectMeta {
            managed_fields: serde_json::from_value(json!([{ "manager": "pipeline", "operation": "Update",
                "fieldsV1": { "f:spec": { "f:replicas": {} } } }]))
            .expect("fields"),
            ..copy
        };
        assert!(!is_ours(&owner, &scaled) && has_written(&scaled), "another field of it is no proof");
        assert!(!is_ours(&owner, &ObjectMeta { managed_fields: None, ..ours }));
    }
}
