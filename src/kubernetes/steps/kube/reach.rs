//! `reach`: how this machine reaches a Service, as outputs for the steps and gates that ask it.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;

use super::Verb;
use super::verb_context::VerbContext;
use crate::core::kind::CheckContext;
use crate::core::kind::several::{Several, Short};
use crate::core::model::diagnostic::Code;
use crate::core::model::outcome::{Fault, Outcome, Outputs};
use crate::kubernetes::client::Reference;
use crate::kubernetes::service::{ServiceName, Via, number_or_name, port};
use crate::process::command_context::CommandError;

/// Finds the way to a Service: its load balancer, else a node port, else an Ingress, else its pods.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reach {
    /// The Service, as `service/web` or `web`.
    target: String,
    /// Its port, by number or name; may be left out where it has only one.
    #[serde(default, deserialize_with = "port")]
    #[schemars(schema_with = "number_or_name")]
    port: Option<String>,
    /// How it is reached: `auto` where nothing is written.
    via: Option<Via>,
    /// `http` or `https` in the output `url`; `http` where nothing is written, `https` for port 443.
    scheme: Option<String>,
}

impl Short for Reach {
    type Value = String;
    fn short(values: Several<String>) -> Self {
        let target = values.0.into_iter().next().unwrap_or_default();
        Reach { target, port: None, via: None, scheme: None }
    }
}

#[async_trait]
impl Verb for Reach {
    fn check(&self, at: &str, cx: &mut CheckContext<'_>) {
        let problem = match Reference::parse(&self.target) {
            Ok(target) if !matches!(target.kind.to_ascii_lowercase().as_str(), "service" | "services" | "svc") => {
                Some(format!("`{}` is not a Service", self.target))
            }
            Err(_) if self.target.is_empty() || self.target.contains('/') => {
                Some(format!("`{}` names no Service", self.target))
            }
            _ => None,
        };
        if let Some(problem) = problem {
            cx.error(&[at.into()], Code::InvalidValue, problem, Some(format!("write `{at}: service/NAME`")));
        }
        if self.via == Some(Via::PortForward) {
            let help = "write `port_forward: { target: service/NAME, remote: PORT }`, which runs `during` other steps"
                .to_owned();
            let message = "a port-forward ends with its step: nothing could use its port";
            cx.error(&[at.into(), "via".into()], Code::InvalidValue, message, Some(help));
        }
    }

    fn title(&self) -> String {
        format!("reach service/{}", self.name())
    }

    async fn run(&self, on: &VerbContext<'_>) -> Result<Outcome, Fault> {
        let name = self.name();
        let service = ServiceName {
            service: Some(&name),
            namespace: Some(on.namespace),
            port: self.port.as_deref(),
            via: self.via,
        };
        let door = match service.reach(on.cx).await {
            Ok(door) => door,
            Err(CommandError::Fault(fault)) => return Err(fault),
            Err(CommandError::Failed(failure)) => {
                let because = service.causes(None, on.cx).await;
                return Ok(Outcome::Failed(failure.because(because)));
            }
        };
        on.say(format!("service/{name} is reached by {}", door.words));
        let secure =
            self.scheme.as_deref() == Some("https") || (self.scheme.is_none() && self.port.as_deref() == Some("443"));
        let scheme = if secure { "https" } else { "http" };
        Ok(Outcome::Passed(Outputs::from([
            ("url".to_owned(), format!("{scheme}://{}", door.authority()).into()),
            ("host".to_owned(), door.host.clone().into()),
            ("port".to_owned(), door.port.into()),
            ("via".to_owned(), door.via.into()),
        ])))
    }
}

impl Reach {
    fn name(&self) -> String {
        self.target.rsplit('/').next().unwrap_or(&self.target).to_owned()
    }
}
