//! What the assertions about live objects share: waking up when one changes, and the fields that name objects.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::future::select_all;
use kube::api::DynamicObject;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use tokio::sync::watch::Receiver;

use crate::core::kind::{Context, Watch};
use crate::core::model::outcome::{Fault, Measure};
use crate::core::model::units::as_written;
use crate::kubernetes::client::watch::Objects;
use crate::kubernetes::ownership::labels::LabelSelector;
use crate::services::Clients;

/// Wakes up on any change of the objects it holds.
pub struct Changes {
    versions: Vec<Receiver<u64>>,
    /// Wakes up after this time as well: what is measured depends on how long something lasts.
    also_after: Option<Duration>,
    /// Keeps the shared watches alive as long as something waits.
    objects: Vec<Arc<Objects>>,
}

impl Changes {
    /// Changes from now on.
    pub fn of(objects: Vec<Arc<Objects>>) -> Self {
        Changes { versions: objects.iter().map(|objects| objects.version()).collect(), also_after: None, objects }
    }

    /// The same, and after `time` without a change.
    #[must_use]
    pub fn or_after(self, time: Duration) -> Self {
        Changes { also_after: Some(time), ..self }
    }
}

#[async_trait]
impl Watch for Changes {
    async fn changed(&mut self) {
        debug_assert_eq!(self.versions.len(), self.objects.len());
        if self.versions.is_empty() {
            return std::future::pending().await;
        }
        let changes = self.versions.iter_mut().map(|version| Box::pin(version.changed()));
        // An error would say that the sender is gone; it lives in the objects we hold.
        let changed = select_all(changes);
        match self.also_after {
            Some(time) => _ = tokio::time::timeout(time, changed).await,
            None => _ = changed.await,
        }
    }
}

/// The objects as they are, unless the watch is broken.
pub fn current(objects: &Objects) -> Result<Vec<Arc<DynamicObject>>, Fault> {
    objects.health()?;
    Ok(objects.list())
}

/// Says with what holds because nothing is there that the namespace itself is not there: it is removed by now, or misspelt.
pub async fn noting_namespace(cx: &Context, namespace: &str, mut measures: Vec<Measure>) -> Vec<Measure> {
    if measures.iter().all(|measure| measure.holds) && matches!(cx.cluster().has_namespace(namespace).await, Ok(false))
    {
        note_namespace(namespace, &mut measures);
    }
    measures
}

fn note_namespace(namespace: &str, measures: &mut [Measure]) {
    if let Some(first) = measures.first_mut() {
        first.actual.push_str(&format!(" (namespace {namespace} does not exist)"));
    }
}

/// Names in a row, the first few of them: `a, b, c and 4 more`.
pub fn few<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.into_iter().collect();
    match names.len() {
        0..=3 => names.join(", "),
        count => format!("{} and {} more", names[..3].join(", "), count - 3),
    }
}

/// A field `selector`: kubectl's notation (`app=todo,tier!=db`) or a map of labels (`{ app: todo }`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selector(pub LabelSelector);

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

struct SelectorVisitor;

impl<'de> Visitor<'de> for SelectorVisitor {
    type Value = Selector;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a selector such as app=todo, or a map of labels")
    }
    fn visit_str<E: de::Error>(self, text: &str) -> Result<Selector, E> {
        LabelSelector::parse(text).map(Selector).map_err(E::custom)
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Selector, A::Error> {
        let mut labels = Vec::new();
        while let Some((key, Scalar(value))) = map.next_entry::<String, Scalar>()? {
            labels.push((key, value));
        }
        if labels.is_empty() {
            return Err(de::Error::custom("the selector names no label; write { app: todo }"));
        }
        Ok(Selector(LabelSelector::all_of(labels)))
    }
}

/// A scalar of any type, as text.
struct Scalar(String);

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        as_written(deserializer).map(|text| Scalar(text.into_owned()))
    }
}

impl<'de> Deserialize<'de> for Selector {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SelectorVisitor)
    }
}

impl JsonSchema for Selector {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Selector".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["string", "object"],
            "additionalProperties": { "type": ["string", "number", "boolean"] },
        })
    }
}

/// The names a [`Wanted`] list may hold, and the meaning of `true`.
pub trait Names: fmt::Debug + Clone + PartialEq + Send + Sync + 'static {
    /// All that may be named.
    const KNOWN: &'static [&'static str];
    /// The meaning of `true`.
    const ALL: &'static [&'static str];
}

/// A list of names, or `true` for the usual ones.
#[derive(Debug, Clone, PartialEq)]
pub struct Wanted<N> {
    /// The names, as written.
    pub names: Vec<String>,
    kind: PhantomData<N>,
}

impl<N: Names> Wanted<N> {
    fn of(names: impl IntoIterator<Item = String>) -> Self {
        Wanted { names: names.into_iter().collect(), kind: PhantomData }
    }
}

struct WantedVisitor<N>(PhantomData<N>);

impl<'de, N: Names> Visitor<'de> for WantedVisitor<N> {
    type Value = Wanted<N>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "true, or a list of {}", N::KNOWN.join(", "))
    }
    fn visit_bool<E: de::Error>(self, all: bool) -> Result<Wanted<N>, E> {
        Ok(Wanted::of(if all { N::ALL } else { &[] }.iter().map(|name| (*name).to_owned())))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Wanted<N>, A::Error> {
        let mut names = Vec::new();
        while let Some(name) = list.next_element::<String>()? {
            if !N::KNOWN.contains(&name.as_str()) {
                return Err(de::Error::custom(format!("`{name}` is none of {}", N::KNOWN.join(", "))));
            }
            names.push(name);
        }
        Ok(Wanted::of(names))
    }
}

impl<'de, N: Names> Deserialize<'de> for Wanted<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(WantedVisitor(PhantomData))
    }
}

impl<N: Names> JsonSchema for Wanted<N> {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        format!("Wanted_{}", N::KNOWN.join("_")).into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["boolean", "array"], "items": { "type": "string", "enum": N::KNOWN } })
    }
}
