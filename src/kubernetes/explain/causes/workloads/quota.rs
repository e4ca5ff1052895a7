//! Whether a Pod that a ResourceQuota refused would be taken now, or may be soon. Pure.

use serde_json::Value;

use crate::kubernetes::explain::Snapshot;
use crate::kubernetes::explain::json::{items, name, text};

/// Whether waiting may help. `refusal` is the API server's: `exceeded quota: small, requested: pods=1, used: pods=2,
/// limited: pods=2`. A controller asks again later and later, so that the quota may have space long before its next attempt.
pub(super) fn may_be_taken(refusal: &str, snapshot: &Snapshot) -> bool {
    let Some(refusal) = Refusal::of(refusal) else { return false };
    let quota = snapshot.quotas.iter().find(|quota| name(quota) == refusal.quota);
    let parts: Vec<Part> = refusal.parts(quota).collect();
    if parts.iter().any(|part| part.requested > part.hard) {
        return false;
    }
    let has_space = !parts.is_empty() && parts.iter().all(|part| part.requested + part.used <= part.hard);
    has_space || ends(snapshot)
}

/// Whether a Pod of the namespace is about to end: one that is being deleted, or that ends by itself, as one of a Job or one
/// that is not started again.
fn ends(snapshot: &Snapshot) -> bool {
    snapshot.pods.iter().chain(&snapshot.neighbours).any(|pod| {
        let over = matches!(text(&pod["status"]["phase"]), "Succeeded" | "Failed");
        let of_job = items(&pod["metadata"]["ownerReferences"]).iter().any(|owner| owner["kind"] == "Job");
        let ends = of_job || matches!(text(&pod["spec"]["restartPolicy"]), "Never" | "OnFailure");
        !pod["metadata"]["deletionTimestamp"].is_null() || (ends && !over)
    })
}

/// What a refusal says.
struct Refusal<'a> {
    quota: &'a str,
    requested: &'a str,
    used: &'a str,
    limited: &'a str,
}

/// One resource that a quota limits.
struct Part {
    requested: f64,
    used: f64,
    hard: f64,
}

impl<'a> Refusal<'a> {
    fn of(text: &'a str) -> Option<Self> {
        let rest = text.split_once("exceeded quota: ")?.1;
        let (quota, rest) = rest.split_once(", requested: ").unwrap_or((rest, ""));
        let (requested, rest) = rest.split_once(", used: ").unwrap_or((rest, ""));
        let (used, limited) = rest.split_once(", limited: ").unwrap_or((rest, ""));
        Some(Refusal { quota: quota.trim(), requested, used, limited })
    }

    /// The resources that it names, as the quota has them now; as they were where it cannot be read.
    fn parts(&self, quota: Option<&Value>) -> impl Iterator<Item = Part> {
        let now =
            move |key: &str, resource: &str| quota.and_then(|quota| amount(text(&quota["status"][key][resource])));
        pairs(self.requested).filter_map(move |(resource, requested)| {
            Some(Part {
                requested: amount(requested)?,
                used: now("used", resource).or_else(|| written(self.used, resource))?,
                hard: now("hard", resource).or_else(|| written(self.limited, resource))?,
            })
        })
    }
}

fn pairs(list: &str) -> impl Iterator<Item = (&str, &str)> {
    list.split(',').filter_map(|pair| pair.trim().split_once('='))
}

fn written(list: &str, resource: &str) -> Option<f64> {
    pairs(list).find(|(name, _)| *name == resource).and_then(|(_, text)| amount(text))
}

/// A quantity of Kubernetes, near enough to compare.
fn amount(text: &str) -> Option<f64> {
    const UNITS: &[(&str, f64)] = &[
        ("Ki", 1024.0),
        ("Mi", 1_048_576.0),
        ("Gi", 1_073_741_824.0),
        ("Ti", 1_099_511_627_776.0),
        ("Pi", 1_125_899_906_842_624.0),
        ("m", 1e-3),
        ("k", 1e3),
        ("M", 1e6),
        ("G", 1e9),
        ("T", 1e12),
        ("P", 1e15),
    ];
    let (number, factor) =
        UNITS.iter().find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, *factor))).unwrap_or((text, 1.0));
    number.parse::<f64>().ok().map(|number| number * factor)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const PODS: &str = "exceeded quota: small, requested: pods=1, used: pods=1, limited: pods=1";
    const BOTH: &str = "exceeded quota: small, requested: limits.memory=64Mi,pods=1, used: limits.memory=100Mi,pods=1, \
                        limited: limits.memory=128Mi,pods=1";

    fn quota(hard: Value, used: Value) -> Snapshot {
        let mut quota = json!({ "metadata": { "name": "small" }, "status": {} });
        quota["status"]["hard"] = hard;
        quota["status"]["used"] = used;
        Snapshot { quotas: vec![quota], ..Snapshot::default() }
    }

    #[test]
    fn a_quota_that_has_space_by_now_takes_the_pod_at_the_next_attempt() {
        assert!(may_be_taken(PODS, &quota(json!({ "pods": "1" }), json!({ "pods": "0" }))));
        assert!(may_be_taken(PODS, &quota(json!({ "pods": "2" }), json!({ "pods": "1" }))), "it was raised");
        assert!(!may_be_taken(PODS, &quota(json!({ "pods": "1" }), json!({ "pods": "1" }))));
        assert!(!may_be_taken(PODS, &Snapshot::default()), "it cannot be read");
        let hard = json!({ "pods": "1", "limits.memory": "128Mi" });
        assert!(may_be_taken(BOTH, &quota(hard.clone(), json!({ "pods": "0", "limits.memory": "64Mi" }))));
        assert!(!may_be_taken(BOTH, &quota(hard, json!({ "pods": "0", "limits.memory": "65Mi" }))), "of both");
    }

    #[test]
    fn a_pod_that_is_not_started_again_frees_the_quota_once_it_ends() {
        let with = |policy: &str, phase: &str| {
            let pod = json!({ "spec": { "restartPolicy": policy }, "status": { "phase": phase } });
            may_be_taken(PODS, &Snapshot { neighbours: vec![pod], ..Snapshot::default() })
        };
        assert!(with("Never", "Running") && with("OnFailure", "Pending"));
        assert!(!with("Always", "Running") && !with("Never", "Succeeded"));
    }

    #[test]
    fn what_is_larger_than_the_quota_is_never_taken() {
        let job = json!({ "metadata": { "ownerReferences": [{ "kind": "Job" }] }, "status": { "phase": "Running" } });
        let large = "exceeded quota: small, requested: limits.memory=1Gi, used: limits.memory=64Mi, limited: \
                     limits.memory=128Mi";
        let ends = Snapshot { neighbours: vec![job], ..Snapshot::default() };
        assert!(may_be_taken(PODS, &ends) && !may_be_taken(large, &ends));
        assert!(!may_be_taken("failed quota: small: must specify limits.cpu", &ends));
    }
}
