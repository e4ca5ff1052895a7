//! Which kinds the cluster serves: one aggregated look a connection, and the loose names that kubectl accepts.

mod listing;
mod near;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use futures::future::try_join;
use kube::api::{Api, ApiResource, DynamicObject};
use kube::core::discovery::v2::APIGroupDiscoveryList;
use kube::discovery::{Discovery, Scope};
use kube::{Client, core::GroupVersionKind};

use super::{Cluster, ClusterError, Reference};
use crate::core::model::outcome::Fault;
pub use near::misspelt;

/// A kind that the cluster serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kind {
    /// What the client needs to speak of it.
    pub resource: ApiResource,
    /// Whether its objects live in namespaces.
    pub namespaced: bool,
    singular: String,
    short: Vec<String>,
    /// Whether this is the version that the server prefers: the first one of its group that has the kind.
    preferred: bool,
    /// Whether its objects can be listed and deleted.
    removable: bool,
    /// Whether its objects can be listed.
    listed: bool,
}

impl Kind {
    /// The kinds that a CustomResourceDefinition brings, one a served version: discovery learns of them only later.
    pub fn of_crd(crd: &serde_json::Value) -> Vec<Kind> {
        let (spec, names) = (&crd["spec"], &crd["spec"]["names"]);
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        let versions = spec["versions"].as_array().map(Vec::as_slice).unwrap_or_default();
        versions
            .iter()
            .filter(|version| version["served"].as_bool() == Some(true))
            .map(|version| {
                let gvk = GroupVersionKind::gvk(&text(&spec["group"]), &text(&version["name"]), &text(&names["kind"]));
                Kind {
                    namespaced: spec["scope"] == "Namespaced",
                    singular: text(&names["singular"]),
                    short: Vec::new(),
                    preferred: false,
                    removable: true,
                    listed: true,
                    resource: ApiResource::from_gvk_with_plural(&gvk, &text(&names["plural"])),
                }
            })
            .collect()
    }

    /// The client's view of its objects; `namespace` matters only where the kind is namespaced.
    pub fn api(&self, client: Client, namespace: &str) -> Api<DynamicObject> {
        if self.namespaced {
            Api::namespaced_with(client, namespace, &self.resource)
        } else {
            Api::all_with(client, &self.resource)
        }
    }

    /// An object of it as kubectl writes it: `deployment.apps/backend`, `service/backend`.
    pub fn named(&self, name: &str) -> String {
        format!("{self}/{name}")
    }

    /// Whether `written` means it: kind, plural, singular or short name, in any case, with or without its group
    /// (`deployments.apps`, `deployments.v1.apps`).
    pub fn is_meant_by(&self, written: &str) -> bool {
        let written = written.to_ascii_lowercase();
        let (name, rest) = written.split_once('.').map_or((written.as_str(), None), |(name, rest)| (name, Some(rest)));
        let named = name == self.resource.plural
            || name == self.singular
            || name == self.resource.kind.to_ascii_lowercase()
            || self.short.iter().any(|short| short == name);
        let version = self.resource.version.as_str();
        let grouped = rest.is_none_or(|rest| {
            rest == self.resource.group
                || rest
                    .strip_prefix(version)
                    .is_some_and(|rest| rest.strip_prefix('.').unwrap_or(rest) == self.resource.group)
        });
        named && grouped
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.resource.kind.to_ascii_lowercase();
        if self.resource.group.is_empty() { f.write_str(&kind) } else { write!(f, "{kind}.{}", self.resource.group) }
    }
}

/// All kinds that the cluster serves, in the server's order of priority.
#[derive(Debug, Default)]
pub(super) struct Catalog {
    kinds: Vec<Kind>,
    /// Groups and versions whose own API server did not answer: what they serve is not known.
    unanswered: Vec<(String, String)>,
}

impl Catalog {
    /// The kind of an object that says `apiVersion` and `kind`.
    fn exact(&self, api_version: &str, kind: &str) -> Option<&Kind> {
        self.kinds.iter().find(|known| known.resource.api_version == api_version && known.resource.kind == kind)
    }

    /// The kind meant by a loose name: the preferred version, the core group first.
    fn loose(&self, written: &str) -> Option<&Kind> {
        let mut meant = self.kinds.iter().filter(|kind| kind.is_meant_by(written));
        let first = meant.clone().find(|kind| kind.preferred);
        first.or_else(|| meant.next())
    }

    /// A group and version that did not answer and may serve what was not found; `group` is none where any may.
    fn may_be_in(&self, group: Option<&str>) -> Option<String> {
        let meant = |(name, _): &&(String, String)| group.is_none_or(|group| name == group);
        self.unanswered.iter().find(meant).map(|(name, version)| format!("{name}/{version}"))
    }

    fn of_aggregated(core: APIGroupDiscoveryList, named: APIGroupDiscoveryList) -> Self {
        let (mut kinds, mut unanswered) = (Vec::new(), Vec::new());
        for group in core.items.into_iter().chain(named.items) {
            let group_name = group.metadata.and_then(|meta| meta.name).unwrap_or_default();
            let mut known = BTreeSet::new();
            for version in group.versions {
                let version_name = version.version.unwrap_or_default();
                if version.freshness.as_deref() == Some("Stale") {
                    unanswered.push((group_name.clone(), version_name.clone()));
                }
                for resource in version.resources {
                    let kind = resource.response_kind.and_then(|kind| kind.kind).unwrap_or_default();
                    let plural = resource.resource.unwrap_or_default();
                    if kind.is_empty() || plural.is_empty() {
                        continue;
                    }
                    let gvk = GroupVersionKind::gvk(&group_name, &version_name, &kind);
                    kinds.push(Kind {
                        namespaced: resource.scope.as_deref() == Some("Namespaced"),
                        singular: resource
                            .singular_resource
                            .filter(|name| !name.is_empty())
                            .unwrap_or_else(|| kind.to_ascii_lowercase()),
                        short: resource.short_names,
                        preferred: known.insert(plural.clone()),
                        removable: ["list", "delete"].iter().all(|verb| resource.verbs.iter().any(|own| own == verb)),
                        listed: resource.verbs.iter().any(|verb| verb == "list"),
                        resource: ApiResource::from_gvk_with_plural(&gvk, &plural),
                    });
                }
            }
        }
        Catalog { kinds, unanswered }
    }

    /// For servers before 1.26, whose answer has no short names.
    fn of_discovery(discovery: &Discovery) -> Self {
        let mut kinds = Vec::new();
        let mut groups = discovery.groups_alphabetical();
        groups.sort_by_key(|group| !group.name().is_empty());
        for group in groups {
            let (mut known, first) = (BTreeSet::new(), group.preferred_version_or_latest());
            let others = group.versions().filter(|version| *version != first);
            for version in [first].into_iter().chain(others) {
                for (resource, capabilities) in group.versioned_resources(version) {
                    kinds.push(Kind {
                        namespaced: capabilities.scope == Scope::Namespaced,
                        singular: resource.kind.to_ascii_lowercase(),
                        short: short_names(&resource.kind),
                        preferred: known.insert(resource.plural.clone()),
                        removable: capabilities.supports_operation("list") && capabilities.supports_operation("delete"),
                        listed: capabilities.supports_operation("list"),
                        resource,
                    });
                }
            }
        }
        Catalog { kinds, unanswered: Vec::new() }
    }
}

/// The fault where a kind was not found, and a group that may serve it did not answer.
pub(super) fn not_discovered(what: &str, unanswered: &str) -> Fault {
    Fault::environment(format!("{what} is not known: the API server of {unanswered} does not answer"))
        .help(format!("see `kubectl get apiservice` for {unanswered}"))
        .transient()
}

fn short_names(kind: &str) -> Vec<String> {
    let short = match kind {
        "ConfigMap" => "cm",
        "DaemonSet" => "ds",
        "Deployment" => "deploy",
        "Ingress" => "ing",
        "Namespace" => "ns",
        "PersistentVolumeClaim" => "pvc",
        "Pod" => "po",
        "ReplicaSet" => "rs",
        "Service" => "svc",
        "ServiceAccount" => "sa",
        "StatefulSet" => "sts",
        _ => return Vec::new(),
    };
    vec![short.to_owned()]
}

impl Cluster {
    /// The kind of objects that say `apiVersion: api_version` and `kind: kind`, and whether they live in namespaces.
    ///
    /// # Errors
    /// [`Fault`] when the cluster serves no such kind (its CRD is not there), or does not answer.
    pub async fn discover(&self, api_version: &str, kind: &str) -> Result<(ApiResource, bool), Fault> {
        let found = self.kind_of(api_version, kind).await?;
        Ok((found.resource, found.namespaced))
    }

    /// Like [`Cluster::discover`], with all that is known of the kind.
    ///
    /// # Errors
    /// As [`Cluster::discover`].
    pub async fn kind_of(&self, api_version: &str, kind: &str) -> Result<Kind, Fault> {
        if let Some(found) = self.look_up(|catalog| catalog.exact(api_version, kind).cloned()).await? {
            return Ok(found);
        }
        let group = api_version.split_once('/').map_or("", |(group, _)| group);
        if let Some(unanswered) = self.catalog().await?.may_be_in(Some(group)) {
            return Err(not_discovered(&format!("kind {kind} of {api_version}"), &unanswered));
        }
        let near = self.catalog().await?.near(kind, Some(group));
        let help = near.unwrap_or_else(|| {
            "apply its CustomResourceDefinition first, or correct apiVersion and kind (`kubectl api-resources`)"
                .to_owned()
        });
        Err(Fault::unknown(format!("the cluster serves no kind {kind} of {api_version}")).help(help))
    }

    /// The kind that a loose name means, as kubectl reads it: `deploy`, `Deployment`, `pods`,
    /// `certificates.cert-manager.io`.
    ///
    /// # Errors
    /// [`Fault`] when the cluster serves no such kind, or does not answer.
    pub async fn kind_named(&self, written: &str) -> Result<Kind, Fault> {
        if let Some(kind) = self.kind_if_served(written).await? {
            return Ok(kind);
        }
        let catalog = self.catalog().await?;
        let (bare, group) = written.split_once('.').map_or((written, None), |(bare, group)| (bare, Some(group)));
        let message = format!("the cluster serves no kind \"{written}\"");
        if self.link().has_served(|catalog| catalog.loose(written).is_some()) {
            return Err(Fault::invalid(format!("{message} any more"))
                .help("it was served before: its CustomResourceDefinition is gone since"));
        }
        let help = catalog.near(bare, group).unwrap_or_else(|| "`kubectl api-resources` lists the kinds".to_owned());
        Err(Fault::invalid(message).help(help))
    }

    /// The same; nothing where the cluster certainly serves no such kind.
    pub(in crate::kubernetes) async fn kind_if_served(&self, written: &str) -> Result<Option<Kind>, Fault> {
        if let Some(kind) = self.look_up(|catalog| catalog.loose(written).cloned()).await? {
            return Ok(Some(kind));
        }
        let catalog = self.catalog().await?;
        // `deployments.v1.apps` names the version as well.
        let unanswered = match written.split_once('.') {
            Some((_, group)) => {
                let bare = group.split_once('.').map_or(group, |(_, bare)| bare);
                catalog.may_be_in(Some(group)).or_else(|| catalog.may_be_in(Some(bare)))
            }
            None => catalog.may_be_in(None),
        };
        if let Some(unanswered) = unanswered {
            return Err(not_discovered(&format!("kind \"{written}\""), &unanswered));
        }
        Ok(None)
    }

    /// The kind and the name that a reference means.
    ///
    /// # Errors
    /// As [`Cluster::kind_named`].
    pub async fn resolve(&self, reference: &Reference) -> Result<(Kind, String), Fault> {
        Ok((self.kind_named(&reference.kind).await?, reference.name.clone()))
    }

    /// Forgets which kinds are served: after CRDs were applied.
    pub fn forget_kinds(&self) {
        self.link().forget_catalog();
    }

    /// Looks, and once more with a fresh catalog: the kind may have come since.
    async fn look_up(&self, find: impl Fn(&Catalog) -> Option<Kind>) -> Result<Option<Kind>, Fault> {
        let known = self.link().catalog().initialized();
        let found = find(&*self.catalog().await?);
        if found.is_some() || !known {
            return Ok(found);
        }
        self.forget_kinds();
        Ok(find(&*self.catalog().await?))
    }

    async fn catalog(&self) -> Result<Arc<Catalog>, Fault> {
        let client = self.client().await?;
        let cell = self.link().catalog();
        let catalog = cell
            .get_or_try_init(|| async {
                let both = try_join(client.list_core_api_versions_aggregated(), client.list_api_groups_aggregated());
                match self.ask("discover its kinds", both).await {
                    Ok((core, named)) if !core.items.is_empty() => Ok(Arc::new(Catalog::of_aggregated(core, named))),
                    Err(ClusterError::Fault(fault)) if fault.transient => Err(fault),
                    _ => {
                        let discovery = self.ask("discover its kinds", Discovery::new(client.clone()).run()).await?;
                        Ok(Arc::new(Catalog::of_discovery(&discovery)))
                    }
                }
            })
            .await?;
        Ok(Arc::clone(catalog))
    }
}

#[cfg(test)]
mod tests;
