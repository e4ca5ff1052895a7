//! What helm leaves of a release that it uninstalls: hooks, what the chart keeps, and the definitions of its `crds/`.

use std::path::Path;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::Helm;
use super::release::Release;
use crate::core::model::outcome::Fault;
use crate::core::yaml::manifests::{self, Manifest};
use crate::kubernetes::client::{ClusterError, Kind};
use crate::kubernetes::ownership::owned::{Left, Owned};

/// The annotation of a hook.
const HOOK: &str = "helm.sh/hook";
/// The annotation with which a chart keeps an object.
const POLICY: &str = "helm.sh/resource-policy";
const DEFINITION: &str = "CustomResourceDefinition";

/// What is left of a release.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Remains {
    /// Hooks that helm made for this release, and does not remove.
    pub hooks: Vec<Owned>,
    /// What stays.
    pub left: Vec<Left>,
}

/// What an object of a release is that is there after the release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Hook,
    Kept,
    Definition,
    Other,
}

impl Part {
    fn of(kind: &str, meta: &ObjectMeta, of_chart: bool) -> Self {
        let note = |name: &str| meta.annotations.as_ref().and_then(|notes| notes.get(name)).map(String::as_str);
        let by_helm = || {
            let managers = meta.managed_fields.iter().flatten().filter_map(|entry| entry.manager.as_deref());
            managers.into_iter().any(|manager| manager.starts_with("helm"))
        };
        match kind {
            DEFINITION if of_chart => Part::Definition,
            _ if note(POLICY) == Some("keep") => Part::Kept,
            // A definition takes all objects of its kind with it, also those that others made.
            DEFINITION => Part::Other,
            _ if note(HOOK).is_some() && by_helm() => Part::Hook,
            _ => Part::Other,
        }
    }

    fn why(self, release: &str) -> String {
        match self {
            Part::Kept => format!("the chart of release {release} keeps it ({POLICY}: keep)"),
            Part::Definition => format!("it came with the chart of release {release}, and helm removes no definition"),
            Part::Hook | Part::Other => format!("release {release} had it, and helm did not remove it"),
        }
    }
}

impl Helm {
    /// What is there of a release that is uninstalled by now.
    ///
    /// # Errors
    /// [`Fault`] when the cluster gives no answer.
    pub async fn remains(&self, release: &Release) -> Result<Remains, Fault> {
        let mut remains = Remains::default();
        let parse = |text: &str| manifests::parse(text, Path::new("release")).unwrap_or_default();
        let objects = parse(&release.objects()).into_iter().map(|object| (object, false));
        let definitions = release.definitions.iter().flat_map(|text| parse(text)).map(|object| (object, true));
        for (object, of_chart) in objects.chain(definitions) {
            let Some((kind, meta)) = self.there(&object, &release.namespace).await? else { continue };
            match Part::of(&kind.resource.kind, &meta, of_chart) {
                Part::Hook => remains.hooks.push(Owned::of(&kind, meta)),
                part => remains.left.push(Left {
                    object: kind.named(object.name()),
                    namespace: meta.namespace.unwrap_or_default(),
                    why: part.why(&release.name),
                }),
            }
        }
        Ok(remains)
    }

    /// An object as it is in the cluster; `None` where it is not, is being deleted, or may not be read.
    async fn there(&self, object: &Manifest, namespace: &str) -> Result<Option<(Kind, ObjectMeta)>, Fault> {
        let kind = match self.cluster().kind_of(object.api_version(), object.kind()).await {
            Ok(kind) => kind,
            Err(fault) if fault.transient => return Err(fault),
            // Its definition is gone, and it is with it.
            Err(_) => return Ok(None),
        };
        let api = kind.api(self.cluster().client().await?, object.namespace().unwrap_or(namespace));
        let doing = format!("read {}", kind.named(object.name()));
        match self.cluster().ask(&doing, api.get_metadata_opt(object.name())).await {
            Ok(found) => {
                let there = found.map(|found| found.metadata).filter(|meta| meta.deletion_timestamp.is_none());
                Ok(there.map(|meta| (kind, meta)))
            }
            Err(ClusterError::Refused(_)) => Ok(None),
            Err(trouble) => Err(trouble.fault()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn only_a_hook_that_helm_made_is_removed() {
        let of = |kind: &str, annotations: Value, manager: &str, of_chart: bool| {
            let meta = json!({ "name": "a", "annotations": annotations, "managedFields": [{ "manager": manager }] });
            Part::of(kind, &serde_json::from_value(meta).expect("metadata"), of_chart)
        };
        let hook = json!({ HOOK: "pre-install" });
        assert_eq!(of("Job", hook.clone(), "helm", false), Part::Hook);
        assert_eq!(of("Job", hook.clone(), "kubectl-create", false), Part::Other, "of the same name");
        assert_eq!(of("Job", json!({}), "helm", false), Part::Other);
        assert_eq!(of("Job", json!({ HOOK: "test", POLICY: "keep" }), "helm", false), Part::Kept);
        assert_eq!(of(DEFINITION, json!({}), "helm", true), Part::Definition);
        assert_eq!(of(DEFINITION, hook, "helm", false), Part::Other);
    }
}
