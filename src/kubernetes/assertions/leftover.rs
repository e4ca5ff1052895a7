//! The `leftover` assertion: nothing of an application is left after an uninstall, of whatever kind.

use std::borrow::Cow;
use std::time::Duration;

use async_trait::async_trait;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};

use super::live::{Selector, few, noting_namespace};
use crate::core::kind::{Assertion, AssertionKind, CheckContext, Context, Found, Poll, Watch};
use crate::core::model::diagnostic::Code;
use crate::core::model::outcome::{Fault, Finding, Measure, Verdict};
use crate::kubernetes::client::{Leftover as Left, LeftoverQuery, LeftoverScan};
use crate::services::Clients;

/// Objects that are explained.
const SHOWN: usize = 20;

/// `leftover`: no object is left in a namespace, or none with these labels, of any kind that the cluster serves, custom
/// resources included. What Kubernetes makes in every namespace does not count (the ConfigMap `kube-root-ca.crt`, the
/// ServiceAccount `default`), nor do events, which expire by themselves, nor the Lease that a run holds. EndpointSlices and Endpoints count: those of a
/// deleted Service are gone a moment later, so write `within:`. A kind that cannot be listed is a fault, and so is a
/// group of kinds whose API server does not answer: then it is not known what is left.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Leftover {
    /// The namespace; else the pipeline's. `"*"` is all of them, with a `selector`.
    namespace: Option<String>,
    /// The labels of what counts: `app=todo`, or a map `{ app: todo }`; every object where nothing is written.
    selector: Option<Selector>,
    /// Which kinds: `all` where nothing is written, or a list such as `[Secret, pvc, certificates.cert-manager.io]`. One
    /// that is misspelt is a fault; one that the cluster does not serve any more has no objects.
    kinds: Kinds,
    /// Kinds that live in no namespace count too (ClusterRoles, PersistentVolumes, CRDs), with a `selector`.
    cluster_wide: bool,
    /// What may stay: a kind (`PersistentVolumeClaim`) or an object (`secret/tls`); `*` matches any part of its name.
    except: Vec<String>,
    #[serde(skip)]
    found: Found,
}

/// `all`, or a list of kinds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Kinds {
    /// Every kind that the cluster serves.
    #[default]
    All,
    /// These.
    Named(Vec<String>),
}

impl<'de> Deserialize<'de> for Kinds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KindsVisitor;
        impl<'de> de::Visitor<'de> for KindsVisitor {
            type Value = Kinds;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("`all`, or a list of kinds such as [Secret, pvc]")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Kinds, E> {
                match text {
                    "all" => Ok(Kinds::All),
                    other => Err(E::custom(format!("`{other}` is neither `all` nor a list; write [{other}]"))),
                }
            }
            fn visit_seq<A: de::SeqAccess<'de>>(self, list: A) -> Result<Kinds, A::Error> {
                Vec::deserialize(de::value::SeqAccessDeserializer::new(list)).map(Kinds::Named)
            }
        }
        deserializer.deserialize_any(KindsVisitor)
    }
}

impl JsonSchema for Kinds {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Kinds".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "array"], "items": { "type": "string" } })
    }
}

/// The row of this kind.
pub const KIND: AssertionKind = AssertionKind::assertion::<Leftover>(
    "leftover",
    "Nothing is left after an uninstall: no object of any kind in a namespace, or with these labels, but exceptions.",
    "namespace: todo\nselector: app.kubernetes.io/instance=todo\nexcept: [PersistentVolumeClaim]\n",
)
.cluster();

#[async_trait]
impl Assertion for Leftover {
    fn check(&self, cx: &mut CheckContext<'_>) {
        let anywhere = self.namespace.as_deref() == Some("*");
        if self.selector.is_none() && (anywhere || self.cluster_wide) {
            let key = if anywhere { "namespace" } else { "cluster_wide" };
            let help = Some("write the labels of what was installed: `selector: app=todo`".to_owned());
            let message = format!("`{key}` needs a `selector`: the cluster is never empty");
            cx.error(&[key.into()], Code::MissingKey, message, help);
        }
        if matches!(&self.kinds, Kinds::Named(kinds) if kinds.is_empty()) {
            let help = Some("write `kinds: all`, or name the kinds".to_owned());
            cx.error(&["kinds".into()], Code::InvalidValue, "`kinds` names no kind", help);
        }
    }

    fn title(&self) -> String {
        let of = self.selector.as_ref().map(|selector| format!(" of {selector}")).unwrap_or_default();
        let place = self.namespace.as_ref().map(|namespace| format!(" in {namespace}")).unwrap_or_default();
        format!("nothing left{of}{place}")
    }

    async fn watch(&self, _: &Context) -> Result<Box<dyn Watch>, Fault> {
        // every kind would need a watch of its own
        Ok(Box::new(Poll(Duration::from_secs(1))))
    }

    async fn measure(&self, cx: &Context) -> Result<Verdict, Fault> {
        let namespace = self.namespace.as_deref().unwrap_or_else(|| cx.namespace());
        let selector = self.selector.as_ref().map(ToString::to_string);
        let query = LeftoverQuery {
            namespace: (namespace != "*").then_some(namespace),
            selector: selector.as_deref(),
            kinds: if let Kinds::Named(kinds) = &self.kinds { kinds } else { &[] },
            cluster_wide: self.cluster_wide,
        };
        let mut scan = cx.cluster().leftovers(query).await?;
        scan.left.retain(|left| !self.is_excepted(left));
        self.found.keep(scan.left.iter().take(SHOWN).map(|left| finding(left, query.namespace.is_none())).collect());
        let measures = vec![measure(&scan)];
        match query.namespace {
            Some(namespace) => Ok(Verdict::of(noting_namespace(cx, namespace, measures).await)),
            None => Ok(Verdict::of(measures)),
        }
    }

    async fn explain(&self, cx: &Context) -> Vec<Finding> {
        let mut findings = self.found.all();
        let ending = findings.iter().any(|finding| finding.message.contains("being deleted"));
        if let Some(namespace) = self.namespace.as_deref().filter(|namespace| *namespace != "*" && ending) {
            findings.extend(cx.cluster().holds_deletion(namespace, None).await);
        }
        findings
    }
}

impl Leftover {
    fn is_excepted(&self, left: &Left) -> bool {
        self.except.iter().any(|except| match except.split_once('/') {
            Some((kind, name)) => left.kind.is_meant_by(kind) && fits(name, &left.name),
            None => left.kind.is_meant_by(except),
        })
    }
}

/// Whether a name is as written; `*` matches any part of it.
fn fits(pattern: &str, name: &str) -> bool {
    let Some((front, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(name) = name.strip_prefix(front) else { return false };
    // the shortest match of what follows is tried first, the whole rest last
    (0..=name.len()).filter(|at| name.is_char_boundary(*at)).any(|at| fits(rest, &name[at..]))
}

fn measure(scan: &LeftoverScan) -> Measure {
    let searched = crate::core::model::units::counted(scan.kinds as u64, "kind");
    let actual = match scan.left.as_slice() {
        [] => format!("none of {searched}"),
        left => {
            let shown: Vec<String> = left.iter().map(Left::shown).collect();
            format!("{} of {searched}: {}", left.len(), few(shown.iter().map(String::as_str)))
        }
    };
    Measure::new("left", actual, "none", scan.left.is_empty())
}

fn finding(left: &Left, with_namespace: bool) -> Finding {
    let mut facts = left.facts.clone();
    if with_namespace && !left.namespace.is_empty() {
        facts.insert(0, format!("in namespace {}", left.namespace));
    }
    let message =
        if facts.is_empty() { "is still there".to_owned() } else { format!("is still there: {}", facts.join("; ")) };
    Finding::new(left.shown(), "Leftover", message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::kind::test_context::{body, complaints};
    use crate::kubernetes::client::Kind;
    use serde_json::{Value, json};

    fn left(name: &str) -> Left {
        let crd = json!({ "spec": { "group": "example.com", "scope": "Namespaced",
            "names": { "kind": "Widget", "plural": "widgets", "singular": "widget" },
            "versions": [{ "name": "v1", "served": true }] } });
        let kind = Kind::of_crd(&crd).remove(0);
        Left { kind, namespace: "todo".to_owned(), name: name.to_owned(), owned: false, facts: Vec::new() }
    }

    #[test]
    fn an_exception_is_a_kind_or_an_object_by_any_part_of_its_name() {
        let excepted = |except: &str| body::<Leftover>(&json!({ "except": [except] })).is_excepted(&left("web-tls-1"));
        for except in ["Widget", "widgets.example.com", "widget/web-tls-1", "widget/web-*", "widget/*tls*", "Widget/*"]
        {
            assert!(excepted(except), "{except}");
        }
        for except in ["secret", "widget/web", "widget/*-2", "widgets.other.com"] {
            assert!(!excepted(except), "{except}");
        }
    }

    #[test]
    fn names_what_is_left_and_how_much_was_searched() {
        let scan = LeftoverScan { left: vec![left("a"), left("b")], kinds: 60 };
        assert_eq!(measure(&scan).actual, "2 of 60 kinds: widget.example.com/a, widget.example.com/b");
        assert_eq!(measure(&LeftoverScan { kinds: 1, ..LeftoverScan::default() }).actual, "none of 1 kind");
    }

    #[test]
    fn the_whole_cluster_is_never_empty() {
        let of = |written: Value| {
            let reported = complaints(&written, false, |cx| body::<Leftover>(&written).check(cx));
            reported.into_iter().map(|(_, message)| message).collect::<Vec<_>>()
        };
        assert_eq!(of(json!({ "namespace": "*" })), ["`namespace` needs a `selector`: the cluster is never empty"]);
        assert_eq!(
            of(json!({ "cluster_wide": true })),
            ["`cluster_wide` needs a `selector`: the cluster is never empty"]
        );
        assert_eq!(of(json!({ "kinds": [] })), ["`kinds` names no kind"]);
        assert!(of(json!({})).is_empty());
    }
}
