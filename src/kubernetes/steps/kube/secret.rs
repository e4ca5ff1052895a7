//! `secret`: a Secret whose values come from `secrets:`. No value is ever shown.

use std::collections::BTreeMap;

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Verb;
use super::apply::{ensure_namespace, options};
use super::verb_context::VerbContext;
use crate::core::kind::SecretField;
use crate::core::model::outcome::{Failure, Fault, Outcome, Outputs};
use crate::kubernetes::apply::{ApplyOptions, Change};

/// Writes a Secret.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Secret {
    /// Its name.
    name: String,
    /// Its values by key; `${{ secrets.NAME }}` may stand here.
    data: BTreeMap<String, SecretField>,
    /// Its type, such as `kubernetes.io/tls`.
    #[serde(default = "opaque", rename = "type")]
    kind: String,
    /// Takes over fields that another manager holds. Without it a conflict is an error that names them.
    #[serde(default)]
    force: bool,
    /// Makes the namespace first, where it is not there.
    #[serde(default)]
    create_namespace: bool,
}

fn opaque() -> String {
    "Opaque".to_owned()
}

#[async_trait]
impl Verb for Secret {
    fn title(&self) -> String {
        format!("secret/{}", self.name)
    }

    async fn run(&self, on: &VerbContext<'_>) -> Result<Outcome, Fault> {
        write(on, self.object(), self.create_namespace, self.force).await
    }
}

impl Secret {
    pub(super) fn object(&self) -> Value {
        let data: BTreeMap<&str, String> =
            self.data.iter().map(|(key, value)| (key.as_str(), STANDARD.encode(value.0.expose()))).collect();
        json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": self.name }, "type": self.kind, "data": data })
    }
}

/// Applies one object.
pub(super) async fn write(
    on: &VerbContext<'_>,
    object: Value,
    create_namespace: bool,
    force: bool,
) -> Result<Outcome, Fault> {
    if create_namespace && let Some(failed) = ensure_namespace(on).await? {
        return Ok(failed);
    }
    let options = ApplyOptions { force, ..options(on) };
    let each = |applied: &crate::kubernetes::apply::Applied| {
        on.say(format!("{} {}", applied.kind.named(&applied.name), applied.change.word()));
    };
    let report = on.cx.unless_cancelled(on.cluster.apply(vec![object], &options, &each)).await??;
    if let Some((_, name, refusal)) = report.refused.first() {
        let failure = Failure::new(refusal.to_string()).because(vec![refusal.finding(name)]);
        return Ok(Outcome::Failed(Failure { help: refusal.help.clone(), ..failure }));
    }
    let count = |change| Value::from(report.count(change));
    Ok(Outcome::Passed(Outputs::from([
        ("created".to_owned(), count(Change::Created)),
        ("configured".to_owned(), count(Change::Configured)),
        ("unchanged".to_owned(), count(Change::Unchanged)),
    ])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_encoded_in_the_object_and_shown_nowhere_else() {
        let secret: Secret = serde_yaml::from_str("{ name: db, data: { URL: hunter2 } }").expect("well formed");
        assert_eq!(secret.object()["data"], json!({ "URL": "aHVudGVyMg==" }));
        assert!(!format!("{secret:?} {}", secret.title()).contains("hunter2"));
    }
}
