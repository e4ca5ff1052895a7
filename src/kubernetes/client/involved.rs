//! Which objects an event is about: one object with all that it makes, or what labels select with all that it makes.
//! What a controller makes is known by its name, so that events about objects that are gone by now count.

use std::collections::BTreeSet;

use kube::api::{Api, DynamicObject, ListParams};
use serde_json::Value;

use super::{Cluster, ClusterError, Reference};
use crate::kubernetes::ownership::labels::LabelSelector;

/// The letters and digits of the names that Kubernetes generates: nothing that reads as a word.
const GENERATED: &str = "bcdfghjklmnpqrstvwxz2456789";

/// Objects by kind and name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Involved {
    /// The namespace of their events.
    pub namespace: String,
    objects: BTreeSet<(String, String)>,
}

/// Kinds that labels select: Pods, what makes them, and what belongs to an application with them.
const SELECTED: [(&str, &str); 10] = [
    ("v1", "Pod"),
    ("v1", "Service"),
    ("v1", "PersistentVolumeClaim"),
    ("apps/v1", "Deployment"),
    ("apps/v1", "ReplicaSet"),
    ("apps/v1", "StatefulSet"),
    ("apps/v1", "DaemonSet"),
    ("batch/v1", "Job"),
    ("batch/v1", "CronJob"),
    ("autoscaling/v2", "HorizontalPodAutoscaler"),
];

impl Involved {
    /// Whether there is nothing whose events could count.
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }

    /// Whether an event about this object counts.
    pub fn is_about(&self, kind: &str, name: &str) -> bool {
        self.objects.iter().any(|(maker, of)| maker == kind && of == name || is_made(maker, of, kind, name))
    }
}

/// Whether the controller `maker` gives such names to the objects that it makes.
fn is_made(maker: &str, of: &str, kind: &str, name: &str) -> bool {
    if kind == "PersistentVolumeClaim" && maker == "StatefulSet" {
        // data-web-0
        return name
            .rsplit_once('-')
            .is_some_and(|(front, number)| is_number(number) && front.ends_with(&format!("-{of}")));
    }
    let Some(rest) = name.strip_prefix(of).and_then(|rest| rest.strip_prefix('-')) else { return false };
    let parts: Vec<&str> = rest.split('-').collect();
    match (maker, kind, parts.as_slice()) {
        ("ReplicaSet" | "DaemonSet" | "Job", "Pod", [end]) => is_random(end),
        ("Job", "Pod", [index, end]) => is_number(index) && is_random(end),
        ("StatefulSet", "Pod", [number]) => is_number(number),
        ("Deployment", "ReplicaSet", [hash]) => is_hash(hash),
        ("Deployment", "Pod", [hash, end]) => is_hash(hash) && is_random(end),
        ("CronJob", "Job", [minute]) => is_number(minute),
        ("CronJob", "Pod", [minute, end]) => is_number(minute) && is_random(end),
        _ => false,
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_random(text: &str) -> bool {
    text.len() == 5 && text.chars().all(|c| GENERATED.contains(c))
}

fn is_hash(text: &str) -> bool {
    (1..=10).contains(&text.len()) && text.chars().all(|c| GENERATED.contains(c))
}

impl Cluster {
    /// One object. The events of an object that lives in no namespace are in `default`.
    ///
    /// # Errors
    /// [`ClusterError`] when the cluster serves no such kind, or does not answer.
    pub async fn involved_object(&self, namespace: &str, reference: &Reference) -> Result<Involved, ClusterError> {
        let (kind, name) = self.resolve(reference).await?;
        let namespace = if kind.namespaced { namespace } else { "default" };
        Ok(Involved { namespace: namespace.to_owned(), objects: [(kind.resource.kind, name)].into() })
    }

    /// Whether an object is there; the name of its kind may be a loose one.
    ///
    /// # Errors
    /// As [`Cluster::involved_object`]; also when it may not be read.
    pub async fn has_object(&self, namespace: &str, reference: &Reference) -> Result<bool, ClusterError> {
        let (kind, name) = self.resolve(reference).await?;
        let api = kind.api(self.client().await?, namespace);
        Ok(self.ask(&format!("read {reference}"), api.get_metadata_opt(&name)).await?.is_some())
    }

    /// What carries these labels, or makes Pods that do.
    ///
    /// # Errors
    /// [`ClusterError`] when a kind cannot be listed.
    pub async fn involved_by_labels(
        &self,
        namespace: &str,
        selector: &LabelSelector,
    ) -> Result<Involved, ClusterError> {
        let mut objects = BTreeSet::new();
        for (version, kind) in SELECTED {
            let kind = self.kind_of(version, kind).await?;
            let api: Api<DynamicObject> = kind.api(self.client().await?, namespace);
            let doing = format!("list {} in {namespace}", kind.resource.plural);
            let listed = self.list(&doing, &api, ListParams::default()).await?;
            let meant = listed.iter().filter(|object| is_selected(object, selector));
            let kind = &kind.resource.kind;
            objects.extend(meant.filter_map(|object| Some((kind.clone(), object.metadata.name.clone()?))));
        }
        Ok(Involved { namespace: namespace.to_owned(), objects })
    }
}

/// Whether an object carries the labels, or its Pods do.
fn is_selected(object: &DynamicObject, selector: &LabelSelector) -> bool {
    let spec = &object.data["spec"];
    let templates = [&spec["template"], &spec["jobTemplate"]["spec"]["template"]];
    let of_template = |template: &&Value| serde_json::from_value(template["metadata"]["labels"].clone()).ok();
    let mut templates = templates.iter().filter_map(of_template);
    selector.matches(object.metadata.labels.as_ref()) || templates.any(|labels| selector.matches(Some(&labels)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about(maker: (&str, &str), kind: &str, name: &str) -> bool {
        let objects = [(maker.0.to_owned(), maker.1.to_owned())].into();
        Involved { namespace: String::new(), objects }.is_about(kind, name)
    }

    #[test]
    fn what_a_controller_made_is_known_by_its_name() {
        let web = ("Deployment", "web");
        assert!(about(web, "Deployment", "web"));
        assert!(about(web, "ReplicaSet", "web-5d4f8c7b9"));
        assert!(about(web, "Pod", "web-5d4f8c7b9-x2k4z"));
        assert!(!about(web, "Pod", "web-api-0"));
        assert!(!about(web, "ReplicaSet", "web-api-5d4f8c7b9"));
        assert!(!about(web, "Pod", "web-api-5d4f8c7b9-x2k4z"));
        assert!(!about(web, "Service", "web"));
        assert!(about(("StatefulSet", "db"), "Pod", "db-0"));
        assert!(about(("StatefulSet", "db"), "PersistentVolumeClaim", "data-db-0"));
        assert!(!about(("StatefulSet", "db"), "Pod", "db-x2k4z"));
        assert!(about(("CronJob", "night"), "Job", "night-29384756"));
        assert!(about(("Job", "load"), "Pod", "load-3-x2k4z"));
        assert!(about(("DaemonSet", "agent"), "Pod", "agent-x2k4z"));
    }
}
