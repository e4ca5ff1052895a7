//! Fields that `kubectl apply` set from the client's side: with `force` they become this program's, as
//! `kubectl apply --server-side` does it, so that what a manifest no longer holds goes. Without it they are named.

use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{FieldsV1, ManagedFieldsEntry, ObjectMeta};
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use super::before::Before;
use super::prepare::Prepared;
use super::{ApplyOptions, MANAGER};
use crate::core::model::outcome::Fault;
use crate::kubernetes::client::{Cluster, ClusterError};

/// The field manager of `kubectl apply` without `--server-side`.
const CLIENT_SIDE: &str = "kubectl-client-side-apply";
/// Pauses before another try, where the object was changed in between.
const PAUSES: [Duration; 3] = [Duration::from_millis(50), Duration::from_millis(200), Duration::from_millis(800)];

impl Cluster {
    /// Takes over the fields of `prepared` objects that `kubectl apply` set from the client's side. Says the objects of
    /// which it does not, because it is not asked to.
    ///
    /// # Errors
    /// [`Fault`] when the cluster gives no answer.
    pub(super) async fn migrate(
        &self,
        before: &Before,
        prepared: &[Prepared],
        options: &ApplyOptions,
        notes: &mut Vec<String>,
    ) -> Result<(), Fault> {
        for one in prepared {
            let there = before.of(one).filter(|meta| is_client_side(meta));
            let Some(there) = there else { continue };
            let shown = one.kind.named(&one.name);
            if options.dry_run || !options.force {
                notes.push(format!(
                    "{shown} was made by `kubectl apply`: fields that these manifests leave out stay; `force: true` removes them"
                ));
                continue;
            }
            let api = one.kind.api(self.client().await?, &one.namespace);
            let doing = format!("take over the fields of {shown}");
            let mut meta = there.clone();
            for pause in PAUSES {
                let Some(entries) = taken_over(&meta) else { break };
                // With the version it was seen at: another change in between is not written over.
                let written = json!({ "managedFields": entries, "resourceVersion": meta.resource_version });
                let patch = Patch::Merge(json!({ "metadata": written }));
                match self.ask(&doing, api.patch_metadata(&one.name, &PatchParams::default(), &patch)).await {
                    Ok(_) => break,
                    Err(ClusterError::Refused(refusal)) if refusal.code == 409 => {
                        tokio::time::sleep(pause).await;
                        match self.ask(&doing, api.get_metadata_opt(&one.name)).await {
                            Ok(Some(now)) => meta = now.metadata,
                            Ok(None) | Err(ClusterError::Refused(_)) => break,
                            Err(ClusterError::Fault(fault)) => return Err(fault),
                        }
                    }
                    Err(ClusterError::Refused(refusal)) => {
                        notes.push(format!("{shown}: fields of `kubectl apply` stay: {}", refusal.message));
                        break;
                    }
                    Err(ClusterError::Fault(fault)) => return Err(fault),
                }
            }
        }
        Ok(())
    }
}

fn is_client_side(meta: &ObjectMeta) -> bool {
    meta.managed_fields.iter().flatten().any(is_of_client)
}

fn is_of_client(entry: &ManagedFieldsEntry) -> bool {
    entry.manager.as_deref() == Some(CLIENT_SIDE)
        && entry.operation.as_deref() == Some("Update")
        && entry.subresource.as_deref().unwrap_or_default().is_empty()
}

/// The entries with those of the client made this program's; `None` where there are none.
fn taken_over(meta: &ObjectMeta) -> Option<Vec<ManagedFieldsEntry>> {
    let entries = meta.managed_fields.as_ref()?;
    let client = entries.iter().find(|entry| is_of_client(entry))?;
    let mut fields = Value::Object(serde_json::Map::new());
    let is_ours = |entry: &ManagedFieldsEntry| {
        entry.manager.as_deref() == Some(MANAGER)
            && entry.operation.as_deref() == Some("Apply")
            && entry.subresource.as_deref().unwrap_or_default().is_empty()
    };
    let (merged, mut kept): (Vec<&ManagedFieldsEntry>, Vec<ManagedFieldsEntry>) = (
        entries.iter().filter(|entry| is_of_client(entry) || is_ours(entry)).collect(),
        entries.iter().filter(|entry| !is_of_client(entry) && !is_ours(entry)).cloned().collect(),
    );
    for entry in merged {
        if let Some(FieldsV1(own)) = &entry.fields_v1 {
            unite(&mut fields, own);
        }
    }
    kept.push(ManagedFieldsEntry {
        manager: Some(MANAGER.to_owned()),
        operation: Some("Apply".to_owned()),
        fields_v1: Some(FieldsV1(fields)),
        ..client.clone()
    });
    Some(kept)
}

/// Adds the fields of `other`, a tree of names.
fn unite(fields: &mut Value, other: &Value) {
    let (Some(fields), Some(other)) = (fields.as_object_mut(), other.as_object()) else { return };
    for (name, below) in other {
        unite(fields.entry(name.clone()).or_insert_with(|| Value::Object(serde_json::Map::new())), below);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clients_fields_become_this_programs_and_others_stay() {
        let meta: ObjectMeta = serde_json::from_value(json!({ "managedFields": [
            { "manager": CLIENT_SIDE, "operation": "Update", "apiVersion": "v1", "fieldsType": "FieldsV1",
              "fieldsV1": { "f:data": { ".": {}, "f:OLD": {}, "f:KEEP": {} } } },
            { "manager": MANAGER, "operation": "Apply", "apiVersion": "v1", "fieldsType": "FieldsV1",
              "fieldsV1": { "f:data": { "f:NEW": {} } } },
            { "manager": "controller", "operation": "Update", "apiVersion": "v1", "fieldsV1": { "f:status": {} } } ] }))
        .expect("metadata");
        assert!(is_client_side(&meta));
        let taken = taken_over(&meta).expect("it has fields of the client");
        let shown: Vec<_> = taken.iter().map(|entry| (entry.manager.as_deref(), entry.operation.as_deref())).collect();
        assert_eq!(shown, [(Some("controller"), Some("Update")), (Some("pipeline"), Some("Apply"))]);
        assert_eq!(
            taken[1].fields_v1.as_ref().expect("fields").0,
            json!({ "f:data": { ".": {}, "f:OLD": {}, "f:KEEP": {}, "f:NEW": {} } })
        );
        let after = ObjectMeta { managed_fields: Some(taken), ..ObjectMeta::default() };
        assert!(!is_client_side(&after) && taken_over(&after).is_none());
    }
}
