//! `get`: reads objects, and publishes what a CEL expression makes of them. Secrets are not read.

use async_trait::async_trait;
use kube::api::{DynamicObject, ListParams};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::verb_context::VerbContext;
use super::{Verb, exec};
use crate::core::expr::{Expr, Scope};
use crate::core::kind::{Cel, CheckContext};
use crate::core::model::diagnostic::Code;
use crate::core::model::outcome::{Failure, Fault, Outcome, Outputs};
use crate::kubernetes::client::{Kind, Reference};

/// Reads an object, or all of a kind; publishes `count` and, with `value`, what the expression makes of them.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Get {
    /// The object, as `service/web`; `self` in `value`.
    target: Option<Reference>,
    /// Instead of `target`: all objects of this kind, as `nodes`; `self` in `value` is their list.
    kind: Option<String>,
    /// With `kind`: the labels that the objects carry.
    selector: Option<String>,
    /// CEL over `self`, whose result is the output `value`: `self.spec.ports[0].nodePort`.
    value: Option<Cel>,
    /// Whether an object that is not there passes, with a `count` of 0 and a `value` of null.
    #[serde(default)]
    ignore_missing: bool,
}

#[async_trait]
impl Verb for Get {
    fn check(&self, at: &str, cx: &mut CheckContext<'_>) {
        let help = || Some("write `target: service/web`, or `kind: nodes` with or without a `selector`".to_owned());
        match (&self.target, &self.kind) {
            (Some(_), Some(_)) => {
                cx.error(&[at.into()], Code::InvalidValue, "`target` and `kind` cannot stand together", help());
            }
            (None, None) => cx.error(&[at.into()], Code::MissingKey, "it names no object", help()),
            (Some(_), None) if self.selector.is_some() => {
                cx.error(&[at.into(), "selector".into()], Code::InvalidValue, "`selector` belongs to `kind`", help());
            }
            _ => {}
        }
        let labels = "write labels: `selector: app=todo`, or leave it out where all objects of the kind are meant";
        exec::check_selector(at, self.selector.as_deref(), labels, cx);
    }

    fn title(&self) -> String {
        format!("get {}", self.shown())
    }

    async fn run(&self, on: &VerbContext<'_>) -> Result<Outcome, Fault> {
        let found = match (&self.target, &self.kind) {
            (Some(target), _) => {
                let (kind, name) = on.cluster.resolve(target).await?;
                refuse_secrets(&kind)?;
                let api = kind.api(on.cluster.client().await?, on.namespace);
                on.cx.unless_cancelled(on.cluster.ask(&format!("get {target}"), api.get_opt(&name))).await?
            }
            (None, Some(written)) => {
                let kind = on.cluster.kind_named(written).await?;
                refuse_secrets(&kind)?;
                let api = kind.api(on.cluster.client().await?, on.namespace);
                let parameters = ListParams { label_selector: self.selector.clone(), ..ListParams::default() };
                let doing = format!("list {written}");
                let listed = on.cx.unless_cancelled(on.cluster.list(&doing, &api, parameters)).await?;
                return match listed {
                    Ok(list) => self.published(on, list.len(), list.iter().map(json).collect()),
                    Err(trouble) => trouble.outcome(self.shown()),
                };
            }
            (None, None) => return Err(Fault::invalid("`get` has neither `target` nor `kind`")),
        };
        match found {
            Ok(Some(object)) => self.published(on, 1, json(&object)),
            Ok(None) if self.ignore_missing => Ok(Outcome::Passed(outputs(0, Value::Null))),
            Ok(None) => {
                let failure = Failure::new(format!("{} is not there", self.shown()));
                Ok(Outcome::Failed(failure.help("write `ignore_missing: true` where that is as good")))
            }
            Err(trouble) => trouble.outcome(self.shown()),
        }
    }
}

impl Get {
    fn shown(&self) -> String {
        let selector = self.selector.iter().map(|selector| format!(" {selector}"));
        match (&self.target, &self.kind) {
            (Some(target), _) => target.to_string(),
            (None, Some(kind)) => std::iter::once(kind.clone()).chain(selector).collect(),
            (None, None) => String::new(),
        }
    }

    /// The outputs; a failure where the expression has no value for what was found.
    ///
    /// # Errors
    /// [`Fault`] of kind unknown when the evaluation had to end.
    fn published(&self, on: &VerbContext<'_>, count: usize, found: Value) -> Result<Outcome, Fault> {
        let Some(Cel(text)) = &self.value else { return Ok(Outcome::Passed(outputs(count, Value::Null))) };
        let mut scope = Scope::clone(&on.cx.scope);
        scope.roots.insert("self".to_owned(), found);
        match Expr::parse(text).and_then(|expression| expression.eval(&scope)) {
            Ok(value) => {
                on.say(format!("{text}: {value}"));
                Ok(Outcome::Passed(outputs(count, value)))
            }
            Err(error) if error.stopped => Err(error.into_fault(format_args!("not measured: `{text}`"))),
            Err(error) => {
                let summary = format!("`{text}` has no value for {}: {}", self.shown(), error.message);
                Ok(Outcome::Failed(Failure::new(summary).help("what may come later: `retry: { attempts: 5 }`")))
            }
        }
    }
}

fn outputs(count: usize, value: Value) -> Outputs {
    Outputs::from([("count".to_owned(), count.into()), ("value".to_owned(), value)])
}

fn json(object: &DynamicObject) -> Value {
    serde_json::to_value(object).unwrap_or_default()
}

/// Outputs stand in the journal and in reports.
fn refuse_secrets(kind: &Kind) -> Result<(), Fault> {
    if kind.resource.kind != "Secret" {
        return Ok(());
    }
    Err(Fault::invalid("`get` reads no Secrets: outputs are kept in the clear")
        .help("name the value under `secrets:` of pipeline.yaml"))
}
