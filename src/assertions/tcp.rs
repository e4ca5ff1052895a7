//! `tcp`: an address takes connections, or does not.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::diagnostic::Code;
use crate::drivers::tcp;
use crate::expect::Expect;
use crate::kind::{Assertion, AssertionKind, CheckContext, Context};
use crate::outcome::{Fault, Finding, Measure, Verdict};
use crate::units::TimeSpan;

/// The row of `tcp`.
pub const KIND: AssertionKind = AssertionKind::assertion::<Tcp>(
    "tcp",
    "an address takes TCP connections",
    "address: 127.0.0.1:5432\ntime: \"< 100ms\"\n",
);

const TIMEOUT: Duration = Duration::from_secs(5);

/// Whether an address takes connections.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-short" = "address"))]
pub struct Tcp {
    /// Host and port: `127.0.0.1:5432`.
    pub address: String,
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
        if let Some(problem) = tcp::problem(&self.address) {
            let help = Some("write `address: \"127.0.0.1:5432\"`".to_owned());
            cx.error(&["address".into()], Code::InvalidValue, problem, help);
        }
        if !self.open && self.time.is_some() {
            cx.error(&["time".into()], Code::InvalidValue, "`time` has no meaning beside `open: false`", None);
        }
    }

    fn title(&self) -> String {
        format!("{} {}", self.address, if self.open { "takes connections" } else { "takes no connections" })
    }

    async fn measure(&self, cx: &Context) -> Result<Verdict, Fault> {
        let timeout = self.timeout.map_or(TIMEOUT, |timeout| timeout.0);
        let start = Instant::now();
        let connected = cx.unless_cancelled(tcp::connect(&self.address, timeout)).await?;
        let time = TimeSpan(start.elapsed());
        let expected = if self.open { "open" } else { "closed" };
        let mut measures = vec![match &connected {
            Ok(_) => Measure::new("port", "open", expected, self.open),
            Err(error) if !error.is_closed() => {
                return Err(Fault::unknown(format!("not measured: {}: {error}", self.address)));
            }
            Err(error) => Measure::new("port", format!("closed ({error})"), expected, !self.open),
        }];
        if let (Ok(_), Some(expect)) = (&connected, &self.time) {
            measures.push(expect.measure("time", &time));
        }
        Ok(Verdict::of(measures))
    }

    async fn blockers(&self, cx: &Context, _verdict: &Verdict) -> Vec<Finding> {
        match self.host_and_port() {
            Some((host, port)) => cx.world.cluster.fatal_address(host, port).await,
            None => Vec::new(),
        }
    }

    async fn explain(&self, cx: &Context) -> Vec<Finding> {
        let keep = |name: &str, text: &str| cx.evidence.keep(name, text);
        match self.host_and_port() {
            Some((host, port)) => cx.world.cluster.explain_address(host, port, &keep).await,
            None => Vec::new(),
        }
    }
}

impl Tcp {
    /// What should take connections.
    fn host_and_port(&self) -> Option<(&str, u16)> {
        let (host, port) = self.address.rsplit_once(':').filter(|_| self.open)?;
        Some((host.trim_matches(['[', ']']), port.parse().ok()?))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kind::trial::{Trial, body, complaints};

    async fn measured(json: serde_json::Value) -> Verdict {
        body::<Tcp>(&json).measure(&Trial::new().cx).await.expect("it can be measured")
    }

    #[tokio::test]
    async fn tells_open_from_closed() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound").to_string();
        assert!(measured(json!({ "address": address, "time": "< 5s" })).await.holds());
        let unmet = vec![Measure::new("port", "open", "closed", false)];
        assert_eq!(measured(json!({ "address": address, "open": false })).await, Verdict::Unmet { measures: unmet });
        // Bound, so that nobody else can take the port, but not listening.
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
            let fault = tcp.measure(&Trial::new().cx).await.expect_err("nothing is known");
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
