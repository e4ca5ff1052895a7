//! How a wait may end before its time: the causes that the user tolerates, and how long an attempt may take.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use futures::future::BoxFuture;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer, SeqAccess, Visitor};

use crate::core::kind::causes;
use crate::core::model::outcome::Finding;

/// What a wait of an attempt goes by.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Waits {
    /// Causes that do not end it.
    pub tolerate: Tolerate,
    /// How long the attempt may take in all, if that is limited.
    pub timeout: Option<Duration>,
}

/// `tolerate: all`, or the causes that do not end a wait before its time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Tolerate {
    /// Every cause that waiting cannot fix ends it.
    #[default]
    Nothing,
    /// None ends it.
    All,
    /// These do not.
    Causes(Vec<String>),
}

impl Tolerate {
    /// The first finding that ends a wait.
    pub fn ends<'f>(&self, findings: &'f [Finding]) -> Option<&'f Finding> {
        findings.iter().find(|finding| match (&finding.fatal, self) {
            (Some(class), tolerate) if class == causes::NEVER || *tolerate == Tolerate::Nothing => true,
            (None, _) | (Some(_), Tolerate::All | Tolerate::Nothing) => false,
            (Some(class), Tolerate::Causes(causes)) => {
                !causes.iter().any(|cause| *cause == finding.cause || cause == class || causes::covers(cause, class))
            }
        })
    }
}

/// Between two checks for causes that waiting cannot fix, and before the first one.
const CHECK: Duration = Duration::from_millis(800);
const FIRST: Duration = Duration::from_millis(500);
/// How long one check may take.
const CHECK_LIMIT: Duration = Duration::from_secs(6);

/// Comes back with a cause that waiting cannot fix, is not tolerated, and was seen in two checks in a row: what is only
/// on its way through a state ends nothing.
pub async fn until_fatal<'f>(
    tolerate: &Tolerate,
    check: impl FnMut() -> BoxFuture<'f, Vec<Finding>> + Send,
) -> Finding {
    until_seen(tolerate, |_| 2, check).await
}

/// As [`until_fatal`], with a cause that was seen in as many checks in a row as `checks` asks for it.
pub async fn until_seen<'f>(
    tolerate: &Tolerate,
    checks: impl Fn(&Finding) -> u32 + Send,
    mut check: impl FnMut() -> BoxFuture<'f, Vec<Finding>> + Send,
) -> Finding {
    let mut seen: (Option<String>, u32) = (None, 0);
    tokio::time::sleep(FIRST).await;
    loop {
        let findings = tokio::time::timeout(CHECK_LIMIT, check()).await.unwrap_or_default();
        let found = tolerate.ends(&findings);
        let class = found.and_then(|found| found.fatal.clone());
        let times = if class == seen.0 { seen.1 + 1 } else { 1 };
        seen = (class, times);
        if let Some(found) = found.filter(|found| times >= checks(found)) {
            return found.clone();
        }
        tokio::time::sleep(CHECK).await;
    }
}

struct TolerateVisitor;

impl<'de> Visitor<'de> for TolerateVisitor {
    type Value = Tolerate;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`all`, or a list of causes: {}", causes::names().collect::<Vec<_>>().join(", "))
    }
    fn visit_str<E: de::Error>(self, text: &str) -> Result<Tolerate, E> {
        if text == "all" {
            return Ok(Tolerate::All);
        }
        Err(E::custom(format!("`tolerate` is `all` or a list of causes, such as [{text}]")))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Tolerate, A::Error> {
        let mut causes = Vec::new();
        while let Some(cause) = list.next_element::<String>()? {
            if !causes::names().any(|name| name == cause) {
                let known = causes::names().collect::<Vec<_>>().join(", ");
                return Err(de::Error::custom(format!("`{cause}` is not a cause that ends a wait: {known}")));
            }
            causes.push(cause);
        }
        Ok(Tolerate::Causes(causes))
    }
}

impl<'de> Deserialize<'de> for Tolerate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TolerateVisitor)
    }
}

impl JsonSchema for Tolerate {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Tolerate".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let names: Vec<&str> = causes::names().collect();
        json_schema!({ "type": ["string", "array"], "items": { "type": "string", "enum": names } })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tolerated_cause_ends_no_wait() {
        let pull = Finding::new("pod/a", "ImagePullBackOff", "not found").fatal("ImageNotFound");
        let slow = Finding::new("pod/a", "ReadinessProbeFailed", "503");
        let findings = [slow, pull];
        let causes = |names: &[&str]| Tolerate::Causes(names.iter().map(|name| (*name).to_owned()).collect());
        let ends = |tolerate: &Tolerate| tolerate.ends(&findings).map(|it| it.cause.as_str());
        assert_eq!(ends(&Tolerate::Nothing), Some("ImagePullBackOff"));
        assert_eq!(ends(&causes(&["StartError"])), Some("ImagePullBackOff"));
        for tolerated in [Tolerate::All, causes(&["ImageNotFound"]), causes(&["ErrImagePull"])] {
            assert_eq!(ends(&tolerated), None, "{tolerated:?}");
        }
    }
}
