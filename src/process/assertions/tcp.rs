//! `tcp`: an address takes connections, or does not.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::core::kind::{Assertion, AssertionKind, CheckContext, Context};
use crate::core::model::diagnostic::Code;
use crate::core::model::expect::Expect;
use crate::core::model::outcome::{Fault, Finding, Measure, Verdict};
use crate::core::model::units::TimeSpan;
use crate::kubernetes::service::{Door, ServiceName, Via, number_or_name, port};
use crate::process::command_context::CommandError;
use crate::process::tcp::{self, TcpError};

/// The row of `tcp`.
pub const KIND: AssertionKind = AssertionKind::assertion::<Tcp>(
    "tcp",
    "an address takes TCP connections",
    "address: 127.0.0.1:5432\ntime: \"< 100ms\"\n",
)
.cluster_with("service");

const TIMEOUT: Duration = Duration::from_secs(5);

/// Whether an address takes connections.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-short" = "address", "x-one-of" = ["address", "service"]))]
pub struct Tcp {
    /// Host and port: `127.0.0.1:5432`. One of `address` and `service`.
    #[serde(default)]
    pub address: Option<String>,
    /// A Service of the cluster in place of an address, reached as a client would reach it: its load balancer, else a node
    /// port, else an Ingress, else its pods where this machine reaches them.
    #[serde(default)]
    pub service: Option<String>,
    /// The Service's namespace; the pipeline's where nothing is written.
    #[serde(default)]
    pub namespace: Option<String>,
    /// The Service's port, by number or name; may be left out where it has only one.
    #[serde(default, deserialize_with = "port")]
    #[schemars(schema_with = "number_or_name")]
    pub port: Option<String>,
    /// How the Service is reached: `auto` where nothing is written. `port_forward` only where it is asked for.
    #[serde(default)]
    pub via: Option<Via>,
    /// Whether it takes connections; `false` asserts that it does not: the connection is refused, reset or unanswered. A name
    /// that cannot be resolved is neither.
    #[serde(default = "yes")]
    pub open: bool,
    /// How long it takes to connect.
    #[serde(default)]
    pub time: Option<Expect<TimeSpan>>,
    /// For one try; 5s where nothing is written.
    #[serde(default)]
    pub timeout: Option<TimeSpan>,
}

fn yes() -> bool {
    true
}

#[async_trait]
impl Assertion for Tcp {
    fn check(&self, cx: &mut CheckContext<'_>) {
        self.name().check("address", self.address.as_deref(), cx);
        if let Some(problem) = self.address.as_deref().and_then(tcp::problem) {
            let help = Some("write `address: \"127.0.0.1:5432\"`".to_owned());
            cx.error(&["address".into()], Code::InvalidValue, problem, help);
        }
        if !self.open && self.time.is_some() {
            cx.error(&["time".into()], Code::InvalidValue, "`time` has no meaning beside `open: false`", None);
        }
    }

    fn title(&self) -> String {
        format!("{} {}", self.shown(), if self.open { "takes connections" } else { "takes no connections" })
    }

    fn touches_cluster(&self) -> bool {
        self.service.is_some()
    }

    async fn measure(&self, cx: &Context) -> Result<Verdict, Fault> {
        let expected = if self.open { "open" } else { "closed" };
        let door = match self.service.as_ref() {
            None => None,
            Some(_) => match self.name().reach(cx).await {
                Ok(door) => Some(door),
                // A Service that is not there takes no connections, but it is not what should take none.
                Err(CommandError::Failed(failure)) if self.open => {
                    let closed = Measure::new("port", format!("closed ({})", failure.summary), expected, false);
                    return Ok(Verdict::of(vec![closed]));
                }
                Err(undone) => return Err(undone.into_missing()),
            },
        };
        let address = door.as_ref().map_or_else(|| self.address.clone().unwrap_or_default(), Door::authority);
        let timeout = self.timeout.map_or(TIMEOUT, |timeout| timeout.0);
        let start = Instant::now();
        let connected = cx.unless_cancelled(tcp::connect(&address, timeout)).await?;
        let time = TimeSpan(start.elapsed());
        let outside = door.as_ref().is_some_and(Door::is_outside) && self.open;
        let mut measures = vec![match &connected {
            Ok(_) => Measure::new("port", "open", expected, self.open),
            Err(error @ TcpError::Unresolved(_)) if outside => {
                Measure::new("port", format!("closed ({address}: {error})"), expected, false)
            }
            Err(error) if !error.is_closed() => {
                return Err(Fault::unknown(format!("not measured: {}: {error}", self.shown())));
            }
            Err(error) => Measure::new("port", format!("closed ({error})"), expected, !self.open),
        }];
        if let (Ok(_), Some(expect)) = (&connected, &self.time) {
            measures.push(expect.measure("time", &time));
        }
        measures.extend(door.map(|door| Measure::new("via", door.words.clone(), "", true)));
        Ok(Verdict::of(measures))
    }

    async fn blockers(&self, cx: &Context, _verdict: &Verdict) -> Vec<Finding> {
        if !self.open {
            return Vec::new();
        }
        self.name().blockers(self.host_and_port(), cx).await
    }

    async fn explain(&self, cx: &Context) -> Vec<Finding> {
        if !self.open {
            return Vec::new();
        }
        self.name().causes(self.host_and_port(), cx).await
    }
}

impl Tcp {
    /// What messages call it.
    fn shown(&self) -> String {
        self.address.clone().unwrap_or_else(|| self.name().shown())
    }

    fn name(&self) -> ServiceName<'_> {
        ServiceName {
            service: self.service.as_deref(),
            namespace: self.namespace.as_deref(),
            port: self.port.as_deref(),
            via: self.via,
        }
    }

    /// What should take connections.
    fn host_and_port(&self) -> Option<(&str, u16)> {
        self.address.as_deref().filter(|_| self.open).and_then(tcp::host_and_port)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::core::kind::test_context::{TestContext, body, complaints};

    async fn measured(json: serde_json::Value) -> Verdict {
        body::<Tcp>(&json).measure(&TestContext::new().cx).await.expect("it can be measured")
    }

    #[tokio::test]
    async fn tells_open_from_closed() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound").to_string();
        assert!(measured(json!({ "address": address, "time": "< 5s" })).await.holds());
        let unmet = vec![Measure::new("port", "open", "closed", false)];
        assert_eq!(measured(json!({ "address": address, "open": false })).await, Verdict::Unmet { measures: unmet });
        // Bound, so that no other process can take the port, but not listening.
        let closed = tokio::net::TcpSocket::new_v4().expect("a socket");
        closed.bind(([127, 0, 0, 1], 0).into()).expect("a free port");
        let address = closed.local_addr().expect("bound").to_string();
        let unmet = vec![Measure::new("port", "closed (connection refused)", "open", false)];
        assert_eq!(measured(json!({ "address": address })).await, Verdict::Unmet { measures: unmet });
        assert!(measured(json!({ "address": address, "open": false })).await.holds());
    }

    #[tokio::test]
    async fn a_name_that_cannot_be_resolved_is_neither_open_nor_closed() {
        for open in [true, false] {
            let tcp = body::<Tcp>(&json!({ "address": "no-such-host.invalid:80", "open": open }));
            let fault = tcp.measure(&TestContext::new().cx).await.expect_err("nothing is known");
            let words = "not measured: no-such-host.invalid:80: the host name cannot be resolved";
            assert!(fault.message.starts_with(words), "{fault}");
        }
    }

    #[test]
    fn an_address_has_a_port() {
        let json = json!({ "address": "localhost" });
        let found = complaints(&json, false, |cx| body::<Tcp>(&json).check(cx));
        assert_eq!(found, [(Code::InvalidValue, "`localhost` has no port".to_owned())]);
    }
}
