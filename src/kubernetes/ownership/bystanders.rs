//! What is in a namespace, or of a kind, that the pipeline did not make: it must not go with what the pipeline made.

use std::collections::BTreeSet;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{Api, DynamicObject, ListParams};

use super::owned::{Left, Owned, is_followed};
use super::proof::{has_written, is_ours};
use super::removal::Removal;
use crate::core::model::outcome::Fault;
use crate::kubernetes::client::{Cluster, ClusterError, Kind, LeftoverQuery, is_of_every_namespace};

/// The annotation of a Secret that Kubernetes made for a service account.
const TOKEN_OF: &str = "kubernetes.io/service-account.name";
/// The annotation with which helm marks the objects of a release, and that of its hooks.
const RELEASE: &str = "meta.helm.sh/release-name";
const HOOK: &str = "helm.sh/hook";
/// How many objects are named.
const NAMED: usize = 3;

/// What goes with the objects of an owner: their uids, and those of all that they own.
#[derive(Debug, Default)]
pub(super) struct Followers(BTreeSet<String>);

impl Followers {
    /// Adds what follows one that is known, whichever way round they are listed.
    fn extend(&mut self, seen: &[Seen]) {
        loop {
            let before = self.0.len();
            let new = seen.iter().filter(|one| owner_uids(&one.meta).any(|uid| self.0.contains(uid)));
            let new: Vec<String> = new.filter_map(|one| one.meta.uid.clone()).collect();
            self.0.extend(new);
            if self.0.len() == before {
                return;
            }
        }
    }
}

/// An object that was listed.
#[derive(Debug)]
struct Seen {
    kind: Kind,
    meta: ObjectMeta,
}

impl Seen {
    fn shown(&self) -> String {
        self.kind.named(self.meta.name.as_deref().unwrap_or_default())
    }
}

fn owner_uids(meta: &ObjectMeta) -> impl Iterator<Item = &String> {
    meta.owner_references.iter().flatten().map(|owner| &owner.uid)
}

impl Cluster {
    /// What goes with these objects by itself. What is in a namespace is read before anything is removed: later nothing
    /// shows whose a Pod is that is still ending. And the claims of their StatefulSets, which stay with the data.
    pub(super) async fn followers(&self, objects: &[Owned]) -> Result<(Followers, Vec<Left>), Fault> {
        let mut followers = Followers(objects.iter().map(|object| object.uid.clone()).collect());
        let mut claims = Vec::new();
        for set in objects.iter().filter(|object| object.kind.resource.kind == "StatefulSet") {
            for claim in self.claims_of(set).await? {
                followers.0.extend(claim.meta.uid.clone());
                claims.push(Left {
                    object: claim.shown(),
                    namespace: set.namespace.clone(),
                    why: format!("Kubernetes made it for {} and keeps its data", set.kind.named(&set.name)),
                });
            }
        }
        for namespace in objects.iter().filter(|object| object.is_shared_namespace()) {
            // What cannot be listed is reported when it counts.
            if let Ok(seen) = self.seen_in(&namespace.name).await {
                followers.extend(&seen);
            }
        }
        Ok((followers, claims))
    }

    /// The claims of volumes that were made for a StatefulSet, by their names.
    async fn claims_of(&self, set: &Owned) -> Result<Vec<Seen>, Fault> {
        let client = self.client().await?;
        let api = set.kind.api(client.clone(), &set.namespace);
        let found = match self.ask(&format!("read {}", set.shown()), api.get_opt(&set.name)).await {
            Ok(found) => found,
            Err(ClusterError::Refused(_)) => None,
            Err(trouble) => return Err(trouble.fault()),
        };
        let templates = found.iter().filter_map(|set| set.data["spec"]["volumeClaimTemplates"].as_array()).flatten();
        let names: Vec<String> = templates
            .filter_map(|one| one["metadata"]["name"].as_str().map(|name| format!("{name}-{}-", set.name)))
            .collect();
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let kind = self.kind_of("v1", "PersistentVolumeClaim").await?;
        let api: Api<DynamicObject> = kind.api(client, &set.namespace);
        let listed = match self.list_metadata("list persistentvolumeclaims", &api, ListParams::default()).await {
            Ok(listed) => listed,
            Err(ClusterError::Refused(_)) => Vec::new(),
            Err(trouble) => return Err(trouble.fault()),
        };
        let claims = listed.into_iter().map(|claim| Seen { kind: kind.clone(), meta: claim.metadata });
        Ok(claims
            .filter(|claim| owner_uids(&claim.meta).next().is_none() && is_claim_of(&claim.meta, &names))
            .collect())
    }

    /// What keeps an object from being removed: what others have made in that namespace, or of that kind.
    ///
    /// # Errors
    /// [`Fault`] when that cannot be found out.
    pub(super) async fn bystanders(
        &self,
        object: &Owned,
        followers: &mut Followers,
        removal: &Removal<'_>,
    ) -> Result<Option<Left>, Fault> {
        let (seen, place) = if object.is_shared_namespace() {
            (self.seen_in(&object.name).await?, "in it")
        } else if object.kind.resource.kind == "CustomResourceDefinition" {
            (self.seen_of(&object.name).await?, "of that kind")
        } else {
            return Ok(None);
        };
        followers.extend(&seen);
        let others = strangers(&seen, followers, removal);
        if others.is_empty() {
            return Ok(None);
        }
        let mut names: Vec<String> = others.iter().take(NAMED).map(|one| one.shown()).collect();
        if others.len() > NAMED {
            names.push(format!("{} more", others.len() - NAMED));
        }
        let verb = if others.len() == 1 { "was" } else { "were" };
        let why = format!("{} {place} {verb} not made by this pipeline", names.join(", "));
        Ok(Some(Left { object: object.kind.named(&object.name), namespace: object.namespace.clone(), why }))
    }

    /// Everything in a namespace.
    async fn seen_in(&self, namespace: &str) -> Result<Vec<Seen>, Fault> {
        let query = LeftoverQuery { namespace: Some(namespace), ..LeftoverQuery::default() };
        let (found, _) = self.metadata_of(query).await?;
        Ok(found.into_iter().map(|(kind, object)| Seen { kind, meta: object.metadata }).collect())
    }

    /// Everything of the kind that a definition of this name brings; nothing where it is not served.
    async fn seen_of(&self, definition: &str) -> Result<Vec<Seen>, Fault> {
        let Some(kind) = self.kind_if_served(definition).await? else { return Ok(Vec::new()) };
        let api: Api<DynamicObject> = Api::all_with(self.client().await?, &kind.resource);
        match self.list_metadata(&format!("list {definition}"), &api, ListParams::default()).await {
            Ok(found) => {
                Ok(found.into_iter().map(|object| Seen { kind: kind.clone(), meta: object.metadata }).collect())
            }
            Err(ClusterError::Refused(refusal)) if matches!(refusal.code, 404 | 405) => Ok(Vec::new()),
            Err(trouble) => Err(trouble.fault()),
        }
    }
}

/// Whether a claim has the name that a StatefulSet gives: `data-db-0` of template `data` and set `db`.
fn is_claim_of(claim: &ObjectMeta, prefixes: &[String]) -> bool {
    let name = claim.name.as_deref().unwrap_or_default();
    let ordinals = prefixes.iter().filter_map(|prefix| name.strip_prefix(prefix.as_str()));
    ordinals.into_iter().any(|ordinal| !ordinal.is_empty() && ordinal.chars().all(|c| c.is_ascii_digit()))
}

/// What neither the pipeline nor the cluster itself has made.
fn strangers<'a>(seen: &'a [Seen], followers: &Followers, removal: &Removal<'_>) -> Vec<&'a Seen> {
    let listed: BTreeSet<&str> = seen.iter().filter_map(|one| one.meta.uid.as_deref()).collect();
    let follows = |one: &Seen| {
        let known = one.meta.uid.as_ref().is_some_and(|uid| followers.0.contains(uid));
        // Its owner is judged itself.
        known || owner_uids(&one.meta).any(|uid| listed.contains(uid.as_str()))
    };
    let others = seen.iter().filter(|one| one.meta.deletion_timestamp.is_none() && !follows(one));
    others
        .filter(|one| !is_of_cluster(one) && !is_of_pipeline(one, removal) && !goes_with_release(one, removal))
        .collect()
}

/// What Kubernetes makes by itself.
fn is_of_cluster(one: &Seen) -> bool {
    let token = one.kind.resource.kind == "Secret"
        && one.meta.annotations.as_ref().is_some_and(|notes| notes.contains_key(TOKEN_OF));
    let name = one.meta.name.as_deref().unwrap_or_default();
    token || is_followed(&one.kind.resource.kind) || is_of_every_namespace(&one.kind, name)
}

fn is_of_pipeline(one: &Seen, removal: &Removal<'_>) -> bool {
    let lease = one.kind.resource.kind == "Lease" && one.meta.name.as_deref() == Some(removal.lease);
    is_ours(removal.owner, &one.meta) || lease && has_written(&one.meta)
}

/// Whether it goes with a release that is still there because nothing is removed yet.
fn goes_with_release(one: &Seen, removal: &Removal<'_>) -> bool {
    let note = |name: &str| one.meta.annotations.as_ref().and_then(|notes| notes.get(name));
    let label = |name: &str| one.meta.labels.as_ref().and_then(|labels| labels.get(name));
    let is_going = |release: &String| removal.releases.contains(release);
    let record = label("owner").is_some_and(|owner| owner == "helm") && label("name").is_some_and(is_going);
    !removal.releases.is_empty() && (record || note(HOOK).is_some() || note(RELEASE).is_some_and(is_going))
}

#[cfg(test)]
mod tests {
    use super::super::owned::Owner;
    use super::super::proof::tests::labelled;
    use super::*;
    use serde_json::{Value, json};

    const NOON: &str = "2030-01-01T12:00:00Z";

    fn owner() -> Owner {
        Owner { pipeline: "todo".into(), home: "a".into(), run: "r1".into() }
    }

    fn seen(group: &str, kind: &str, meta: Value) -> Seen {
        let meta: ObjectMeta = serde_json::from_value(meta).expect("metadata");
        let meta = ObjectMeta { uid: meta.uid.clone().or(meta.name.clone()), ..meta };
        let crd = json!({ "spec": { "group": group, "scope": "Namespaced", "names": { "kind": kind, "plural": "x" },
            "versions": [{ "name": "v1", "served": true }] } });
        Seen { kind: Kind::of_crd(&crd).remove(0), meta }
    }

    fn ours(group: &str, kind: &str, name: &str) -> Seen {
        let meta =
            ObjectMeta { name: Some(name.into()), uid: Some(name.into()), ..labelled(&owner(), "pipeline", NOON) };
        Seen { meta, ..seen(group, kind, json!({})) }
    }

    fn owned(name: &str, by: &str) -> Value {
        json!({ "name": name, "ownerReferences": [{ "apiVersion": "v1", "kind": "X", "name": by, "uid": by }] })
    }

    fn names(all: &[Seen], followers: &Followers, releases: &[String]) -> Vec<String> {
        let owner = owner();
        let removal = Removal { owner: &owner, lease: "pipeline-todo", releases, ..Removal::new(&owner) };
        strangers(all, followers, &removal).into_iter().map(Seen::shown).collect()
    }

    #[test]
    fn what_the_cluster_and_the_pipeline_made_keeps_no_namespace() {
        let lease =
            json!({ "name": "pipeline-todo", "managedFields": [{ "manager": "pipeline", "operation": "Update" }] });
        let token = json!({ "name": "t", "annotations": { TOKEN_OF: "default" } });
        let mut all = vec![
            seen("", "ConfigMap", json!({ "name": "kube-root-ca.crt" })),
            seen("", "ServiceAccount", json!({ "name": "default" })),
            seen("", "Secret", token),
            seen("", "Endpoints", json!({ "name": "web" })),
            seen("discovery.k8s.io", "EndpointSlice", json!({ "name": "web-1" })),
            seen("coordination.k8s.io", "Lease", lease),
            seen("", "Pod", owned("web-1-x", "web-1")),
            seen("apps", "ReplicaSet", owned("web-1", "web")),
            ours("apps", "Deployment", "web"),
            seen("", "ConfigMap", json!({ "name": "ending", "deletionTimestamp": NOON })),
        ];
        let mut followers = Followers(BTreeSet::from(["web".to_owned()]));
        followers.extend(&all);
        assert_eq!(names(&all, &followers, &[]), Vec::<String>::new());
        // The Deployment and its ReplicaSet are gone, and the Pod is still ending.
        all.retain(|one| !["Deployment", "ReplicaSet"].contains(&one.kind.resource.kind.as_str()));
        assert_eq!(names(&all, &followers, &[]), Vec::<String>::new());
    }

    #[test]
    fn what_a_person_or_another_pipeline_made_keeps_a_namespace() {
        let copy = Seen { meta: labelled(&owner(), "kubectl-create", NOON), ..seen("", "Secret", json!({})) };
        let all = [
            seen("", "ConfigMap", json!({ "name": "data" })),
            seen("apps", "Deployment", json!({ "name": "theirs" })),
            seen("apps", "ReplicaSet", owned("theirs-1", "theirs")),
            seen("coordination.k8s.io", "Lease", json!({ "name": "pipeline-other" })),
            seen("", "Pod", owned("orphan", "gone")),
            copy,
        ];
        assert_eq!(
            names(&all, &Followers::default(), &[]),
            [
                "configmap/data",
                "deployment.apps/theirs",
                "lease.coordination.k8s.io/pipeline-other",
                "pod/orphan",
                "secret/a"
            ]
        );
    }

    #[test]
    fn a_dry_run_knows_what_goes_with_a_release() {
        let all = [
            seen("", "ConfigMap", json!({ "name": "cm", "annotations": { RELEASE: "web" } })),
            seen("", "ConfigMap", json!({ "name": "other", "annotations": { RELEASE: "db" } })),
            seen("batch", "Job", json!({ "name": "hook", "annotations": { HOOK: "pre-install" } })),
            seen("", "Secret", json!({ "name": "record", "labels": { "owner": "helm", "name": "web" } })),
        ];
        assert_eq!(names(&all, &Followers::default(), &["web".to_owned()]), ["configmap/other"]);
        assert_eq!(names(&all, &Followers::default(), &[]).len(), 4);
    }

    #[test]
    fn claims_are_found_by_the_name_that_their_set_gives() {
        let is = |name: &str| {
            is_claim_of(&ObjectMeta { name: Some(name.into()), ..ObjectMeta::default() }, &["data-db-".to_owned()])
        };
        assert!(is("data-db-0") && is("data-db-12"));
        assert!(!is("data-db-") && !is("data-db-x") && !is("data-dbs-0") && !is("other-db-0"));
    }
}
