//! `port_forward`: a local port that leads into the cluster while other steps run.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Mutex;
use std::sync::PoisonError;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;

use super::verb_context::VerbContext;
use super::{During, Verb, exec};
use crate::core::kind::CheckContext;
use crate::core::model::diagnostic::Code;
use crate::core::model::outcome::{Failure, Fault, Outcome, Outputs};
use crate::core::model::units::as_written;
use crate::kubernetes::client::{Forward, PodTarget, Reference};

/// Forwards a port of 127.0.0.1 to a pod or Service. When its pod goes, another ready one takes over.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PortForward {
    /// The Service, workload or pod.
    target: Reference,
    /// The local port; 0 takes a free one. The output `port` has it as soon as the step is up.
    #[serde(default)]
    local: u16,
    /// The target's port, by number or name: a Service's own port, else a container's.
    #[serde(deserialize_with = "scalar")]
    #[schemars(schema_with = "number_or_name")]
    remote: String,
}

fn scalar<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    as_written(deserializer).map(std::borrow::Cow::into_owned)
}

fn number_or_name(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({ "type": ["integer", "string"] })
}

#[async_trait]
impl Verb for PortForward {
    fn during(&self) -> During {
        During::Always
    }

    fn check(&self, at: &str, cx: &mut CheckContext<'_>) {
        let number = self.remote.trim_start_matches('-').bytes().all(|byte| byte.is_ascii_digit());
        if number && !matches!(self.remote.parse::<u16>(), Ok(1..)) {
            let message = format!("`{}` is not a port from 1 to 65535", self.remote);
            let help = Some("write a port's number, or its name: `remote: http`".to_owned());
            cx.error(&[at.into(), "remote".into()], Code::InvalidValue, message, help);
        }
    }

    fn title(&self) -> String {
        format!("forward to {}:{}", self.target, self.remote)
    }

    async fn run(&self, on: &VerbContext<'_>) -> Result<Outcome, Fault> {
        let target = PodTarget::Object(self.target.clone());
        let forward = Forward {
            namespace: on.namespace,
            target: &target,
            local: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), self.local),
            remote: &self.remote,
        };
        let listening: Mutex<Option<SocketAddr>> = Mutex::new(None);
        let up = |local: SocketAddr| {
            *listening.lock().unwrap_or_else(PoisonError::into_inner) = Some(local);
            on.cx.up_with(outputs(Some(local)));
        };
        tokio::select! {
            biased;
            () = on.cx.cancelled() => {
                if on.cx.signals.up.is_cancelled() {
                    return Err(Fault::unknown("stopped"));
                }
                let findings = on.explain_target(on.namespace, &exec::explained(&target)).await;
                return Ok(Outcome::Failed(Failure::new(format!("stopped before {target} had a ready pod")).because(findings)));
            }
            () = on.cx.stopped() => {}
            result = on.cluster.forward(&forward, up, |line| on.say(line)) => {
                if let Err(trouble) = result {
                    return trouble.outcome(target.to_string());
                }
            }
        }
        Ok(Outcome::Passed(outputs(listening.into_inner().unwrap_or_else(PoisonError::into_inner))))
    }
}

fn outputs(local: Option<SocketAddr>) -> Outputs {
    local.map(|local| ("port".to_owned(), local.port().into())).into_iter().collect()
}
