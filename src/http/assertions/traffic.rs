//! `traffic`: what a `traffic` step of the same stage measured: counts, causes, rate, latencies.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::core::kind::{
    Assertion, AssertionKind, CheckContext, Context, Poll, StepId, Watch, finding_lines, machine_load,
};
use crate::core::model::diagnostic::{Code, did_you_mean};
use crate::core::model::expect::Expect;
use crate::core::model::outcome::{Fault, Finding, Measure, Outputs, Verdict};
use crate::core::model::units::{Count, Rate, TimeSpan};
use crate::services::Clients;

/// The row of `traffic`.
pub const KIND: AssertionKind = AssertionKind::assertion::<Traffic>(
    "traffic",
    "what a traffic step measured: failures by cause, rate, latencies",
    "of: load\nfailed: 0\np95: \"< 500ms\"\nrequests: \">= 1000\"\n",
)
.of("traffic");

/// What a `traffic` step measured.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Traffic {
    /// The step, by its id in this stage.
    pub of: StepId,
    /// Measured requests.
    #[serde(default)]
    pub requests: Option<Expect<Count>>,
    /// Requests that failed, of any cause.
    #[serde(default)]
    pub failed: Option<Expect<Count>>,
    /// Answered with another status than expected.
    #[serde(default)]
    pub wrong_status: Option<Expect<Count>>,
    /// Answered with another body or other headers than expected.
    #[serde(default)]
    pub wrong_body: Option<Expect<Count>>,
    /// There was no listener.
    #[serde(default)]
    pub refused: Option<Expect<Count>>,
    /// The connection was reset.
    #[serde(default)]
    pub reset: Option<Expect<Count>>,
    /// No whole answer in time.
    #[serde(default)]
    pub timed_out: Option<Expect<Count>>,
    /// The server closed the connection before the whole answer.
    #[serde(default)]
    pub closed: Option<Expect<Count>>,
    /// The name led nowhere.
    #[serde(default)]
    pub dns: Option<Expect<Count>>,
    /// No secure connection.
    #[serde(default)]
    pub tls: Option<Expect<Count>>,
    /// No way to the host, or no ready endpoint.
    #[serde(default)]
    pub unreachable: Option<Expect<Count>>,
    /// What came was no HTTP.
    #[serde(default)]
    pub malformed: Option<Expect<Count>>,
    /// No connection was free in time.
    #[serde(default)]
    pub unsent: Option<Expect<Count>>,
    /// Met a kept connection that the server had just closed without reading the request.
    #[serde(default)]
    pub stale_connection: Option<Expect<Count>>,
    /// Had to wait for a free connection.
    #[serde(default)]
    pub late: Option<Expect<Count>>,
    /// Requests per second.
    #[serde(default)]
    pub rate: Option<Expect<Rate>>,
    /// Half of the requests took at most this long, from when they were due.
    #[serde(default)]
    pub p50: Option<Expect<TimeSpan>>,
    /// The same for 90 of 100.
    #[serde(default)]
    pub p90: Option<Expect<TimeSpan>>,
    /// The same for 95 of 100.
    #[serde(default)]
    pub p95: Option<Expect<TimeSpan>>,
    /// The same for 99 of 100.
    #[serde(default)]
    pub p99: Option<Expect<TimeSpan>>,
    /// The same for all.
    #[serde(default)]
    pub max: Option<Expect<TimeSpan>>,
}

impl Traffic {
    fn counts(&self) -> [(&'static str, &Option<Expect<Count>>); 15] {
        [
            ("requests", &self.requests),
            ("failed", &self.failed),
            ("wrong_status", &self.wrong_status),
            ("wrong_body", &self.wrong_body),
            ("refused", &self.refused),
            ("reset", &self.reset),
            ("timed_out", &self.timed_out),
            ("closed", &self.closed),
            ("dns", &self.dns),
            ("tls", &self.tls),
            ("unreachable", &self.unreachable),
            ("malformed", &self.malformed),
            ("unsent", &self.unsent),
            ("stale_connection", &self.stale_connection),
            ("late", &self.late),
        ]
    }

    fn times(&self) -> [(&'static str, &Option<Expect<TimeSpan>>); 5] {
        [("p50", &self.p50), ("p90", &self.p90), ("p95", &self.p95), ("p99", &self.p99), ("max", &self.max)]
    }

    /// Whether a time or a rate is expected.
    fn is_timed(&self) -> bool {
        self.rate.is_some() || self.times().iter().any(|(_, expect)| expect.is_some())
    }

    fn outputs<'a>(&self, cx: &'a Context) -> Result<&'a Outputs, Fault> {
        let of = &self.of.0;
        let Some(outputs) = cx.steps.get(of) else {
            let known = did_you_mean(of, cx.steps.keys().map(String::as_str));
            let fault = Fault::invalid(format!("there is no step `{of}` in this stage that measured anything"));
            return Err(fault.help(known.unwrap_or_else(|| "name a `traffic` step that has run".to_owned())));
        };
        if outputs.contains_key("own_lag_p99") {
            Ok(outputs)
        } else {
            Err(Fault::invalid(format!("the step `{of}` is no `traffic` step"))
                .help("name a step with `traffic:` in it"))
        }
    }

    fn measures(&self, outputs: &Outputs) -> Result<Vec<Measure>, Fault> {
        let mut all = Vec::new();
        for (name, expect) in self.counts() {
            let Some(expect) = expect else { continue };
            let actual = outputs.get(name).and_then(Value::as_i64).ok_or_else(|| unknown(name))?;
            all.push(expect.measure(name, &Count(actual)));
        }
        if let Some(expect) = &self.rate {
            let actual = outputs.get("rate").and_then(Value::as_f64).ok_or_else(|| unknown("rate"))?;
            all.push(expect.measure("rate", &Rate(actual)));
        }
        for (name, expect) in self.times() {
            let Some(expect) = expect else { continue };
            all.push(latency(name, expect, outputs)?);
        }
        Ok(all)
    }
}

/// A latency beside its expectation. Where it would hold but for the generator's own delay, it is not known.
fn latency(name: &'static str, expect: &Expect<TimeSpan>, outputs: &Outputs) -> Result<Measure, Fault> {
    let span = |value: Option<&Value>| {
        value.and_then(Value::as_f64).map(|millis| TimeSpan(Duration::from_secs_f64(millis.max(0.0) / 1000.0)))
    };
    let measured = span(outputs.get(name)).ok_or_else(|| unknown(name))?;
    let blamed = span(outputs.get("blamed").and_then(|blamed| blamed.get(name))).ok_or_else(|| unknown(name))?;
    let measure = expect.measure(name, &measured);
    if !measure.holds && expect.holds(&blamed) {
        let message = format!(
            "{name} could not be measured: it is {measured}, expected {expect}, but {blamed} without what the load generator itself was late"
        );
        let fault = Fault::environment(message);
        return Err(fault.help("this machine is too busy to measure: lower `rate`, or run less beside it"));
    }
    Ok(measure)
}

fn unknown(name: &str) -> Fault {
    Fault::unknown(format!("the step did not say its `{name}`"))
}

#[async_trait]
impl Assertion for Traffic {
    fn check(&self, cx: &mut CheckContext<'_>) {
        let nothing = self.counts().iter().all(|(_, expect)| expect.is_none())
            && self.times().iter().all(|(_, expect)| expect.is_none())
            && self.rate.is_none();
        if nothing {
            let help = "write `failed: 0`, `p95: \"< 500ms\"`, `requests: \">= 1000\"`".to_owned();
            cx.error(&[], Code::MissingKey, "nothing is expected of the traffic", Some(help));
        }
    }

    fn title(&self) -> String {
        format!("traffic of {}", self.of.0)
    }

    async fn watch(&self, _: &Context) -> Result<Box<dyn Watch>, Fault> {
        // What was measured does not change any more.
        Ok(Box::new(Poll(Duration::from_secs(3600))))
    }

    async fn measure(&self, cx: &Context) -> Result<Verdict, Fault> {
        Ok(Verdict::of(self.measures(self.outputs(cx)?)?))
    }

    async fn explain(&self, cx: &Context) -> Vec<Finding> {
        let Ok(outputs) = self.outputs(cx) else { return Vec::new() };
        let mut findings = first_failures(outputs);
        if let Some(first) = findings.first_mut() {
            first.lines = around(outputs, cx).await;
        }
        // the time that was measured is that of the step, not of the gate
        let ran = cx.ran.get(&self.of.0);
        let load = ran.and_then(|ran| machine_load(cx.ago(ran.from), ran.to.map_or(Duration::ZERO, |to| cx.ago(to))));
        if self.is_timed() {
            findings.extend(load.map(|load| load.finding()));
            if let Some(namespace) = outputs.get("namespace").and_then(Value::as_str) {
                findings.extend(cx.cluster().throttled(namespace).await);
            }
        }
        findings
    }
}

/// What the cluster did around the first failure.
async fn around(outputs: &Outputs, cx: &Context) -> Vec<String> {
    let cluster = &cx.cluster();
    let named = outputs.get("namespace").and_then(Value::as_str);
    let failed = outputs.get("first_failures").and_then(|all| all[0]["time"].as_str()?.parse::<Timestamp>().ok());
    let Some(at) = failed else { return Vec::new() };
    if named.is_none() && cluster.settings().contexts.is_empty() {
        return Vec::new();
    }
    let namespace = named.unwrap_or_else(|| cx.namespace());
    let mut lines = cluster.happened(namespace, at - BEFORE, at + AFTER).await;
    lines.truncate(EVENTS);
    finding_lines(lines.iter().map(String::as_str), cx)
}

/// The first failures as the step handed them on.
fn first_failures(outputs: &Outputs) -> Vec<Finding> {
    let failures = outputs.get("first_failures").and_then(Value::as_array).cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let shown = failures.iter().take(SHOWN).map(|failed| {
        let whom = failed["endpoint"].as_str().unwrap_or("nobody").to_owned();
        let message = format!("at {}s ({}): {}", failed["at"], text(&failed["time"]), text(&failed["detail"]));
        Finding::new(whom, text(&failed["cause"]), message)
    });
    shown.collect()
}

/// Failures that are shown, and events of the cluster.
const SHOWN: usize = 5;
const EVENTS: usize = 12;
/// How long before and after a failure the cluster's doings are of interest.
const BEFORE: Duration = Duration::from_secs(2);
const AFTER: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests;
