//! The `pods` assertion: what is true of every pod that a selector means. Knows no Deployment.

mod fields;
mod measures;

use std::time::Duration;

use async_trait::async_trait;
use k8s_openapi::api::core::v1::Pod;
use kube::api::ApiResource;
use schemars::JsonSchema;
use serde::Deserialize;

use super::live::{Changes, Selector, Wanted, current, noting_namespace};
use crate::core::kind::{Assertion, AssertionKind, Context, Watch};
use crate::core::model::expect::Expect;
use crate::core::model::outcome::{Fault, Finding, Verdict};
use crate::core::model::units::{Count, Text, TimeSpan};
use crate::kubernetes::explain::Target;
use crate::services::Clients;
use fields::{Probes, Ready, Resources};
pub(crate) use measures::{full, running};

/// A container without a probe is up only after a while, which no change announces.
const AGAIN: Duration = Duration::from_secs(1);

/// `pods`: what is true of every pod that the selector means. A pod that is being deleted does not count; where there
/// is no other, `count` does not hold before it is gone. Without any pod the assertion is unmet, unless `count` allows
/// for none.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-short" = "selector"))]
pub struct Pods {
    /// Which pods: `app=todo,tier in (web, api)`, or a map of labels `{ app: todo }`.
    selector: Selector,
    /// Their namespace; else the pipeline's.
    namespace: Option<String>,
    /// How many there are.
    count: Option<Expect<Count>>,
    /// The phase every one is in: `Running`, `Succeeded`, `!= Failed`.
    phase: Option<Expect<Text>>,
    /// How many are ready: `all`, a number, or an expectation such as `">= 2"`. A container without a probe counts once it
    /// has run for 3s, and once it has ended before, for 10s.
    ready: Option<Ready>,
    /// Restarts of all containers of all pods together.
    restarts: Option<Expect<Count>>,
    /// Time from a pod's creation to its being ready (in whole seconds, as the cluster tells it); the slowest counts.
    time_to_ready: Option<Expect<TimeSpan>>,
    /// An image that every pod runs a container or a sidecar of: `todo-backend:dev`.
    image: Option<String>,
    /// The images every pod runs, all of them, in any order; those of sidecars (init containers with
    /// `restartPolicy: Always`) too, those of other init containers not.
    images: Option<Vec<String>>,
    /// That no container runs as root, init containers and sidecars included: by the user that it was seen to run as where
    /// the runtime reports it, else by `runAsUser` and `runAsNonRoot`. `false` expects that one does.
    non_root: Option<bool>,
    /// Probes that every container and sidecar has: `true` for liveness and readiness, or a list (`startup` too).
    probes: Option<Wanted<Probes>>,
    /// Resource requests and limits that every container and sidecar has.
    resources: Option<Resources>,
    /// The image pull policy of every container and sidecar: `IfNotPresent`, `!= Always`.
    pull_policy: Option<Expect<Text>>,
}

/// The row of this kind.
pub const KIND: AssertionKind = AssertionKind::assertion::<Pods>(
    "pods",
    "What is true of every pod a selector means: count, phase, ready, restarts, images, non-root, probes, resources.",
    "selector: app=todo-backend\nready: all\ncount: 2\nrestarts: 0\ntime_to_ready: \"< 30s\"\nnon_root: true\n",
)
.cluster();

#[async_trait]
impl Assertion for Pods {
    fn title(&self) -> String {
        format!("pods {}", self.selector)
    }

    async fn watch(&self, cx: &Context) -> Result<Box<dyn Watch>, Fault> {
        let pods = cx.cluster().objects(&pod_resource(), Some(self.namespace(cx))).await?;
        Ok(Box::new(Changes::of(vec![pods]).or_after(AGAIN)))
    }

    async fn measure(&self, cx: &Context) -> Result<Verdict, Fault> {
        let objects = cx.cluster().objects(&pod_resource(), Some(self.namespace(cx))).await?;
        let pods = current(&objects)?;
        let measures = self.measures(&pods);
        if pods.is_empty() {
            return Ok(Verdict::of(noting_namespace(cx, self.namespace(cx), measures).await));
        }
        Ok(Verdict::of(measures))
    }

    async fn blockers(&self, cx: &Context, verdict: &Verdict) -> Vec<Finding> {
        if !self.waits_for_health(verdict) {
            return Vec::new();
        }
        cx.cluster().fatal(self.namespace(cx), &Target::Selector(self.selector.to_string())).await
    }

    async fn explain(&self, cx: &Context) -> Vec<Finding> {
        let target = Target::Selector(self.selector.to_string());
        let keep = |name: &str, text: &str| cx.evidence.keep(name, text);
        cx.cluster().explain(self.namespace(cx), &target, &keep).await
    }
}

impl Pods {
    /// Whether what is unmet comes about only if the Pods get well: not where fewer, failed or restarted ones are
    /// expected.
    fn waits_for_health(&self, verdict: &Verdict) -> bool {
        let none = Count(0);
        let expects_more = |expect: &Option<Expect<Count>>| expect.as_ref().is_none_or(|expect| !expect.holds(&none));
        let expects_restarts = self.restarts.as_ref().is_some_and(|expect| !expect.holds(&none));
        let unmet = |name: &str| match name {
            "count" => expects_more(&self.count),
            "ready" => self.ready.as_ref().is_some_and(|ready| !ready.holds(0, 1)),
            "phase" => {
                let accepts = |phase: &str| self.phase.as_ref().is_some_and(|it| it.holds(&Text(phase.to_owned())));
                !["Failed", "Pending", "Unknown"].into_iter().any(accepts)
            }
            "time_to_ready" => true,
            _ => false,
        };
        !expects_restarts && verdict.measures().iter().any(|measure| !measure.holds && unmet(&measure.name))
    }

    fn namespace<'a>(&'a self, cx: &'a Context) -> &'a str {
        self.namespace.as_deref().unwrap_or_else(|| cx.namespace())
    }
}

fn pod_resource() -> ApiResource {
    ApiResource::erase::<Pod>(&())
}
