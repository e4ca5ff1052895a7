//! Why objects are not as a `resource` assertion expects: asks the cluster about each of them, by its kind.

use std::sync::Arc;

use kube::api::DynamicObject;

use super::Resource;
use crate::core::kind::Context;
use crate::core::kind::causes;
use crate::core::model::outcome::Finding;
use crate::core::model::units::Count;
use crate::kubernetes::assertions::live::{current, few};
use crate::kubernetes::explain::Target;
use crate::services::Clients;

/// The label of an EndpointSlice that names its Service.
const SERVICE: &str = "kubernetes.io/service-name";
/// Objects that are explained; each takes a moment.
const EXPLAINED: usize = 3;
/// Kinds whose state a cause of Pods keeps from coming.
const OF_PODS: &[&str] =
    &["Pod", "Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job", "EndpointSlice", "Endpoints"];
const DEFINITION: &str = "CustomResourceDefinition";

impl Resource {
    /// The namespace that is asked about.
    fn asked<'a>(&'a self, cx: &'a Context) -> &'a str {
        let namespace = self.namespace.as_deref().filter(|it| *it != "*");
        namespace.unwrap_or_else(|| cx.namespace())
    }

    /// What explains that the objects are not as expected.
    pub(super) async fn why(&self, cx: &Context) -> Vec<Finding> {
        if self.absent {
            return Vec::new();
        }
        let Ok(targets) = self.targets(cx).await else { return Vec::new() };
        let mut findings = Vec::new();
        for target in targets {
            match target {
                Ok(target) => {
                    let keep = |name: &str, text: &str| cx.evidence.keep(name, text);
                    findings.extend(cx.cluster().explain(self.asked(cx), &target, &keep).await);
                }
                Err(finding) => findings.push(finding),
            }
        }
        findings.dedup();
        findings
    }

    /// The causes that waiting cannot fix, if the objects could be as expected only without them.
    pub(super) async fn fatal(&self, cx: &Context) -> Vec<Finding> {
        let asks = format!(
            "{} {}",
            self.part.as_ref().map(ToString::to_string).unwrap_or_default(),
            self.assert.as_ref().map(|assert| assert.0.as_str()).unwrap_or_default()
        );
        let expects_none = self.absent || self.count.as_ref().is_some_and(|count| count.holds(&Count(0)));
        if expects_none || causes::asks_about_failure(&asks) {
            return Vec::new();
        }
        let about_state = asks.contains("status") || asks.contains("endpoints");
        let Ok(Ok((kind, _))) = self.objects(cx).await else { return Vec::new() };
        let kind = kind.resource.kind;
        let counts = kind == "Pod" && self.count.is_some();
        if !(kind == DEFINITION || OF_PODS.contains(&kind.as_str()) && (about_state || counts)) {
            return Vec::new();
        }
        let Ok(targets) = self.targets(cx).await else { return Vec::new() };
        let mut findings = Vec::new();
        for target in targets.into_iter().flatten() {
            findings.extend(cx.cluster().fatal(self.asked(cx), &target).await);
        }
        findings
    }

    /// What there is to ask about; a finding where the selector means nothing.
    async fn targets(&self, cx: &Context) -> Result<Vec<Result<Target, Finding>>, crate::core::model::outcome::Fault> {
        let Ok((kind, objects)) = self.objects(cx).await? else { return Ok(Vec::new()) };
        let kind = kind.resource.kind;
        let all = current(&objects)?;
        let object = |name: &str| Ok(Target::Object { kind: kind.clone(), name: name.to_owned() });
        let Some(selector) = &self.selector else {
            let name = self.name.as_deref();
            if let ("EndpointSlice", Some(service)) = (kind.as_str(), name.and_then(|name| service_of(&all, name))) {
                return Ok(vec![Ok(Target::Service { name: service })]);
            }
            return Ok(name.map(object).into_iter().collect());
        };
        if kind == "Pod" {
            return Ok(vec![Ok(Target::Selector(selector.to_string()))]);
        }
        if kind == "EndpointSlice"
            && let Some(service) = named_service(&selector.to_string())
        {
            return Ok(vec![Ok(Target::Service { name: service })]);
        }
        let meant: Vec<&str> =
            all.iter().filter(|it| self.means(it)).filter_map(|it| it.metadata.name.as_deref()).collect();
        if meant.is_empty() {
            let there = match all.iter().filter_map(|it| it.metadata.name.as_deref()).collect::<Vec<_>>() {
                none if none.is_empty() => "it has none at all".to_owned(),
                names => format!("it has {}", few(names)),
            };
            let plural = self.kind.to_lowercase();
            let namespace = self.asked(cx);
            let message = format!("no {plural} in namespace {namespace} has labels {selector}; {there}");
            return Ok(vec![Err(Finding::new(format!("namespace/{namespace}"), "NotFound", message))]);
        }
        Ok(meant.into_iter().take(EXPLAINED).map(object).collect())
    }
}

/// The Service that an EndpointSlice belongs to.
fn service_of(slices: &[Arc<DynamicObject>], name: &str) -> Option<String> {
    let slice = slices.iter().find(|slice| slice.metadata.name.as_deref() == Some(name))?;
    slice.metadata.labels.as_ref()?.get(SERVICE).cloned()
}

/// The Service that a selector of `EndpointSlices` names.
fn named_service(selector: &str) -> Option<String> {
    let value = selector.split(',').find_map(|part| part.trim().strip_prefix(SERVICE))?;
    let value = value.trim_start_matches('=').trim();
    (!value.is_empty() && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'))
        .then(|| value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selector_of_endpoint_slices_names_a_service() {
        let named = |text: &str| named_service(text);
        assert_eq!(named("kubernetes.io/service-name=shop"), Some("shop".to_owned()));
        assert_eq!(named("a=b,kubernetes.io/service-name=shop"), Some("shop".to_owned()));
        assert_eq!(named("kubernetes.io/service-name in (a, b)"), None);
        assert_eq!(named("app=shop"), None);
    }
}
