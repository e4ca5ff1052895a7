//! The `resource` assertion: any kind of object, by name or by selector, is there, looks like this, or is not there.

mod look;
mod matching;
mod why;

use std::sync::Arc;

use async_trait::async_trait;
use kube::api::DynamicObject;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::live::{Changes, Selector, current, noting_namespace};
use crate::core::expr::{Expr, Scope};
use crate::core::kind::causes;
use crate::core::kind::{Assertion, AssertionKind, Cel, CheckContext, Context, Poll, Watch};
use crate::core::model::diagnostic::Code;
use crate::core::model::expect::Expect;
use crate::core::model::outcome::{Fault, FaultKind, Finding, Measure, Verdict};
use crate::core::model::units::Count;
use crate::core::yaml::Segment;
use crate::kubernetes::client::Kind;
use crate::kubernetes::client::watch::Objects;
use crate::kubernetes::rollout::is_observed;
use crate::kubernetes::secret_values::are_secrets;
use crate::services::Clients;

/// How often we ask whether the cluster serves a kind by now.
const KIND_PAUSE: std::time::Duration = std::time::Duration::from_millis(250);

/// `resource`: objects of any kind, by `name`, by `selector`, or all of a namespace. Every one that is meant must
/// match and hold, and without any the assertion is unmet, unless `count` allows for none or `absent` is set.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Resource {
    /// The kind, as kubectl takes it: `Service`, `deploy`, `certificates.cert-manager.io`.
    kind: String,
    /// Its version, where the kind alone is not enough: `v1`, `apps/v1`. Then `kind` is the exact name.
    api_version: Option<String>,
    /// The object's name.
    name: Option<String>,
    /// Which objects, by label: `app=todo`, or a map of labels.
    selector: Option<Selector>,
    /// Their namespace; else the pipeline's. `"*"` is all. Kinds that live in none ignore it.
    namespace: Option<String>,
    /// A part of the object. Every key written must be there and match; further keys do not matter. A list matches
    /// when each item written matches one of its items: the one with the same `name` (or `type`, `key`, `port`),
    /// else any; `[]` is an empty list, `null` a key that is not there. For a number or a text an expectation may
    /// stand: `readyReplicas: ">= 2"`.
    #[serde(rename = "match")]
    part: Option<Value>,
    /// CEL over the object as `self`: `self.spec.ports.size() > 0`.
    assert: Option<Cel>,
    /// A CEL condition over the object as `self` that ends the wait at once: `self.status.failed > 0`.
    never: Option<Cel>,
    /// How many objects are meant.
    count: Option<Expect<Count>>,
    /// That there is none; with `match` or `assert`, none of which these hold. Of a kind that the cluster does not serve
    /// there is none, unless its name is probably a typing error.
    #[serde(default)]
    absent: bool,
}

/// The row of this kind.
pub const KIND: AssertionKind = AssertionKind::assertion::<Resource>(
    "resource",
    "Objects of any kind, by name or selector: a partial match, a CEL expression, a count, or that there is none.",
    "kind: Service\nname: frontend\nmatch: { spec: { type: NodePort, ports: [{ port: 80 }] } }\nassert: self.spec.ports.size() > 0\n",
)
.cluster();

#[async_trait]
impl Assertion for Resource {
    fn check(&self, cx: &mut CheckContext<'_>) {
        if self.name.is_some() && self.selector.is_some() {
            cx.error(
                &[Segment::Key("selector".to_owned())],
                Code::InvalidValue,
                "`name` and `selector` both say which objects are meant",
                Some("keep one of them".to_owned()),
            );
        }
        if self.absent && self.count.is_some() {
            cx.error(
                &[Segment::Key("count".to_owned())],
                Code::InvalidValue,
                "`absent` and `count` both say how many there are",
                Some("keep one of them".to_owned()),
            );
        }
    }

    fn title(&self) -> String {
        let absent = if self.absent { "no " } else { "" };
        format!("{absent}{}", self.meant())
    }

    async fn watch(&self, cx: &Context) -> Result<Box<dyn Watch>, Fault> {
        match self.objects(cx).await? {
            Ok((_, objects)) => Ok(Box::new(Changes::of(vec![objects]))),
            // Its CustomResourceDefinition may still come.
            Err(_) => Ok(Box::new(Poll(KIND_PAUSE))),
        }
    }

    async fn measure(&self, cx: &Context) -> Result<Verdict, Fault> {
        let (kind, objects) = match self.objects(cx).await? {
            Ok(found) => found,
            Err(unknown) => return self.of_unknown_kind(unknown),
        };
        let objects: Vec<Arc<DynamicObject>> =
            current(&objects)?.into_iter().filter(|object| self.means(object)).collect();
        let mut measures = self.measures(&objects, are_secrets(&kind.resource), &cx.scope)?;
        measures.extend(self.unobserved(&objects));
        measures.extend(self.ruled_out(&objects, &cx.scope)?);
        if objects.is_empty() && kind.namespaced && self.namespace.as_deref() != Some("*") {
            let namespace = self.namespace.as_deref().unwrap_or_else(|| cx.namespace());
            measures = noting_namespace(cx, namespace, measures).await;
        }
        Ok(Verdict::of(measures))
    }

    async fn blockers(&self, cx: &Context, _verdict: &Verdict) -> Vec<Finding> {
        self.fatal(cx).await
    }

    fn refuted(&self, verdict: &Verdict) -> Option<Finding> {
        let never = self.never.as_ref()?;
        let true_now = |measure: &&Measure| !measure.holds && measure.expected == NEVER;
        let found = verdict.measures().iter().find(true_now)?;
        let object = found.name.strip_suffix(never.0.trim()).unwrap_or_default().trim();
        let object = if object.is_empty() { self.meant() } else { object.to_owned() };
        Some(Finding::new(object, causes::NEVER, format!("`{}` is true", never.0.trim())).fatal(causes::NEVER))
    }

    async fn explain(&self, cx: &Context) -> Vec<Finding> {
        self.why(cx).await
    }
}

/// What is expected of a condition under `never:`.
const NEVER: &str = "never";

impl Resource {
    /// The kind and its objects; in the inner result why the cluster serves no such kind.
    async fn objects(&self, cx: &Context) -> Result<Result<(Kind, Arc<Objects>), Fault>, Fault> {
        let cluster = &cx.cluster();
        let kind = match self.served(cx).await? {
            Ok(kind) => kind,
            Err(unknown) => return Ok(Err(unknown)),
        };
        let namespace = match self.namespace.as_deref() {
            namespace if !kind.namespaced || namespace == Some("*") => None,
            Some(namespace) => Some(namespace),
            None => Some(cx.namespace()),
        };
        match cluster.objects(&kind.resource, namespace).await {
            Ok(objects) => Ok(Ok((kind, objects))),
            // Its CustomResourceDefinition may have gone since the kinds were discovered.
            Err(fault) => {
                cluster.forget_kinds();
                match self.served(cx).await? {
                    Err(unknown) => Ok(Err(unknown)),
                    Ok(_) => Err(fault),
                }
            }
        }
    }

    /// The kind; in the inner result why the cluster serves none such.
    async fn served(&self, cx: &Context) -> Result<Result<Kind, Fault>, Fault> {
        let cluster = &cx.cluster();
        let kind = match &self.api_version {
            Some(version) => cluster.kind_of(version, &self.kind).await,
            None => cluster.kind_named(&self.kind).await,
        };
        match kind {
            Ok(kind) => Ok(Ok(kind)),
            // The catalog was read, and it is not in it; an environment that does not answer is another thing.
            Err(fault) if fault.kind != FaultKind::Environment && !fault.transient => Ok(Err(fault)),
            Err(fault) => Err(fault),
        }
    }

    /// A measure for each object of which the condition under `never:` is true.
    fn ruled_out(&self, objects: &[Arc<DynamicObject>], scope: &Scope) -> Result<Vec<Measure>, Fault> {
        let Some(never) = &self.never else { return Ok(Vec::new()) };
        let expr = Expr::parse(&never.0).map_err(|error| Fault::invalid(format!("`never` does not parse: {error}")))?;
        let mut scope = scope.clone();
        let mut found = Vec::new();
        // A status of an earlier generation rules out nothing.
        for object in objects.iter().filter(|object| is_observed(object) || !never.0.contains("status")) {
            scope.roots.insert("self".to_owned(), serde_json::to_value(&**object).unwrap_or_default());
            let value = match expr.eval(&scope) {
                Err(error) if error.stopped => return Err(error.into_fault("not measured: `never`")),
                // A field that is not there yet makes it no truth.
                value => value.unwrap_or_default(),
            };
            if value == Value::Bool(true) {
                let name = object.metadata.name.as_deref().filter(|_| self.name.is_none());
                let shown = name.map(|name| format!("{name} ")).unwrap_or_default() + never.0.trim();
                found.push(Measure::new(shown, "true", NEVER, false));
            }
        }
        Ok(found)
    }

    fn means(&self, object: &DynamicObject) -> bool {
        let named = self.name.is_none() || object.metadata.name == self.name;
        let selector = self.selector.as_ref();
        named && selector.is_none_or(|selector| selector.0.matches(object.metadata.labels.as_ref()))
    }

    /// `service/frontend`, `pods app=todo`.
    fn meant(&self) -> String {
        let kind = self.kind.to_lowercase();
        match (&self.name, &self.selector) {
            (Some(name), _) => format!("{kind}/{name}"),
            (None, Some(selector)) => format!("{kind} {selector}"),
            (None, None) => kind,
        }
    }
}
