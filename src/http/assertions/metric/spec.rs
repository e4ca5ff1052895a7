//! What is written under `metric:`, and what is wrong with it before the run.

use std::borrow::Cow;
use std::fmt;

use indexmap::IndexMap;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::core::kind::{CheckContext, ExistingPath, StepId};
use crate::core::model::diagnostic::Code;
use crate::core::model::expect::Expect;
use crate::core::model::units::{Number, Percent, Quantity, TimeSpan};
use crate::http;

/// A query of PromQL that gives one series of numbers, and what is expected of it. No data, NaN, several series and a
/// partial answer are errors, never a pass. What was answered is kept as evidence, and drawn in the HTML report.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Metric {
    /// The server.
    pub prometheus: Prometheus,
    /// The query: `sum(rate(http_requests_total{job="shop"}[1m]))`.
    pub query: String,
    /// The time that is measured: from the start of these steps to their end (`[load]`), or the last `5m`. Without it the
    /// query is evaluated once, now.
    pub over: Option<Over>,
    /// Between two points of `over`, at least 1s. Default: a hundredth of the time.
    pub step: Option<TimeSpan>,
    /// How much of `over` must have data. Default: `>= 90%`. Less is an error: what was measured in part was not measured.
    pub coverage: Option<Expect<Percent>>,
    /// The value now, without `over`.
    pub value: Option<Expect<Number>>,
    /// The lowest value of `over`.
    pub min: Option<Expect<Number>>,
    /// The highest value of `over`.
    pub max: Option<Expect<Number>>,
    /// The average of `over`.
    pub avg: Option<Expect<Number>>,
    /// The newest value of `over`.
    pub last: Option<Expect<Number>>,
}

/// A Prometheus server, or what speaks its API (Thanos, Mimir, VictoriaMetrics).
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Prometheus {
    /// Its URL: `http://127.0.0.1:9090`.
    pub url: Option<String>,
    /// Or its Service, reached by load balancer, node port, Ingress or endpoints.
    pub service: Option<String>,
    /// The Service's namespace; else the pipeline's.
    pub namespace: Option<String>,
    /// The Service's port, by number or name, where it has several.
    pub port: Option<String>,
    /// What comes before `/api/v1` at a Service: `/prometheus`.
    pub path: Option<String>,
    /// Headers whose values are variables of the environment: `Authorization: PROMETHEUS_AUTH`.
    #[serde(default)]
    pub headers_from_env: IndexMap<String, String>,
    /// A file of certificates (PEM) to trust instead of the system's. A Service is asked over `https` then.
    pub ca: Option<ExistingPath>,
    /// Trusts any certificate, and asks a Service over `https`. For tests on one's own machine.
    #[serde(default)]
    pub insecure: bool,
}

impl Prometheus {
    /// Whether a Service is asked over `https`.
    pub(super) fn tls(&self) -> bool {
        self.ca.is_some() || self.insecure
    }
}

/// The time that is measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Over {
    /// From the first start of these steps to their last end.
    Steps(Vec<String>),
    /// So long, until now.
    Last(TimeSpan),
}

impl<'de> Deserialize<'de> for Over {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Over;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of steps, or a duration such as 5m")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Over, E> {
                TimeSpan::parse(text).map(Over::Last).map_err(E::custom)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Over, A::Error> {
                let mut steps = Vec::new();
                while let Some(StepId(step)) = items.next_element()? {
                    steps.push(step);
                }
                Ok(Over::Steps(steps))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

impl JsonSchema for Over {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Over".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let (time, step) = (generator.subschema_for::<TimeSpan>(), generator.subschema_for::<StepId>());
        json_schema!({ "anyOf": [{ "type": "array", "items": step }, time] })
    }
}

impl Metric {
    /// How much of the time must have data.
    pub(super) fn coverage(&self) -> Expect<Percent> {
        self.coverage.clone().unwrap_or_else(|| Expect::parse(">= 90%").expect("it is well formed"))
    }

    /// What is wrong with it.
    pub(super) fn complain(&self, cx: &mut CheckContext<'_>) {
        self.complain_of_server(cx);
        if self.query.trim().is_empty() {
            cx.error(
                &["query".into()],
                Code::InvalidValue,
                "the query is empty",
                Some("write PromQL: `up`".to_owned()),
            );
        }
        let over = [("min", &self.min), ("max", &self.max), ("avg", &self.avg), ("last", &self.last)];
        let written = over.iter().filter(|(_, expect)| expect.is_some());
        match &self.over {
            None => {
                for (key, _) in written.clone() {
                    let help = Some("write `over: 5m` or `over: [STEP]`, or expect the `value` now".to_owned());
                    cx.error(
                        &[(*key).into()],
                        Code::MissingKey,
                        format!("`{key}` is of a time, and `over` is missing"),
                        help,
                    );
                }
                if self.step.is_some() || self.coverage.is_some() {
                    let key = if self.step.is_some() { "step" } else { "coverage" };
                    let message = format!("`{key}` has no meaning without `over`");
                    cx.error(&[key.into()], Code::InvalidValue, message, Some("write `over: 5m`".to_owned()));
                }
            }
            Some(over) => {
                if self.value.is_some() {
                    let help = Some("write `last`, `min`, `max` or `avg`".to_owned());
                    cx.error(&["value".into()], Code::InvalidValue, "`value` is the value now, without `over`", help);
                }
                let is_nothing = match over {
                    Over::Steps(steps) => steps.is_empty(),
                    Over::Last(time) => time.0.is_zero(),
                };
                if is_nothing {
                    let help = Some("write `over: 5m` or `over: [STEP]`".to_owned());
                    cx.error(&["over".into()], Code::InvalidValue, "`over` is no time", help);
                }
            }
        }
        if self.value.is_none() && written.clone().next().is_none() {
            let help =
                Some("write `value: \"< 0.5\"`, or `over: 5m` and one of `min`, `max`, `avg`, `last`".to_owned());
            cx.error(&[], Code::MissingKey, "nothing is expected of the metric", help);
        }
    }

    fn complain_of_server(&self, cx: &mut CheckContext<'_>) {
        let spec = &self.prometheus;
        let help = || Some("write `prometheus: { url: \"http://127.0.0.1:9090\" }`".to_owned());
        match (&spec.url, &spec.service) {
            (Some(_), Some(_)) => cx.only_one(&["prometheus".into()], &["url", "service"]),
            (None, None) => {
                let message = "the server is missing: `url` or `service`";
                cx.error(&["prometheus".into()], Code::MissingKey, message, help());
            }
            (Some(url), None) => {
                if let Some(problem) = http::problem(url) {
                    cx.error(&["prometheus".into(), "url".into()], Code::InvalidValue, problem, help());
                }
                let of_service = [("namespace", &spec.namespace), ("port", &spec.port), ("path", &spec.path)];
                for (key, _) in of_service.iter().filter(|(_, value)| value.is_some()) {
                    let message = format!("`{key}` is of a `service`, and the server is named by its `url`");
                    cx.error(
                        &["prometheus".into(), (*key).into()],
                        Code::InvalidValue,
                        message,
                        Some("remove it".to_owned()),
                    );
                }
            }
            (None, Some(_)) => {}
        }
        if spec.insecure && spec.ca.is_some() {
            cx.only_one(&["prometheus".into(), "insecure".into()], &["insecure", "ca"]);
        }
    }
}
