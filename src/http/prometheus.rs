//! Queries of a Prometheus server over its HTTP API, version 1. Knows no expectation.

use std::fmt::Write;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::{Http, Request, Trust};
use crate::core::mask::cut;
use crate::core::model::outcome::{Fault, Series};

/// Points that a server gives for one series.
const MOST_POINTS: u64 = 11_000;

/// When a query is evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Now.
    Now,
    /// At each `step` from `from` to `to`, since the Unix epoch.
    Over {
        /// The first point.
        from: Duration,
        /// No point after this.
        to: Duration,
        /// Between two points.
        step: Duration,
    },
}

impl When {
    /// Over a time, in about 100 points at least a second apart.
    pub fn over(from: Duration, to: Duration, step: Option<Duration>) -> Self {
        let length = to.saturating_sub(from);
        let step = step.unwrap_or(length / 100).max(Duration::from_secs(1));
        // of a long time in small steps, what a server gives at most
        let least = Duration::from_millis(u64::try_from(length.as_millis()).unwrap_or(u64::MAX) / (MOST_POINTS - 1));
        When::Over { from, to, step: step.max(least) }
    }

    /// The number of points of a series without gaps.
    pub fn points(self) -> usize {
        match self {
            When::Now => 1,
            When::Over { from, to, step } => {
                let steps = to.saturating_sub(from).as_millis() / step.as_millis().max(1);
                usize::try_from(steps).unwrap_or(usize::MAX).saturating_add(1)
            }
        }
    }
}

/// What a query gave: one series, whole.
#[derive(Debug, Clone, PartialEq)]
pub struct Answered {
    /// Its points, in time; at least one, all of them numbers.
    pub series: Series,
    /// What was answered, word for word.
    pub text: String,
    /// What the server remarked without calling it a warning.
    pub remarks: Vec<String>,
}

#[derive(Deserialize)]
struct Envelope {
    status: String,
    data: Option<Data>,
    #[serde(rename = "errorType")]
    error_type: Option<String>,
    error: Option<String>,
    #[serde(default)]
    warnings: Vec<String>,
    #[serde(default)]
    infos: Vec<String>,
}

#[derive(Deserialize)]
struct Data {
    #[serde(rename = "resultType")]
    kind: String,
    result: Value,
}

/// A series of a vector (one value) or of a matrix (several).
#[derive(Deserialize)]
struct Row {
    metric: serde_json::Map<String, Value>,
    value: Option<(f64, String)>,
    #[serde(default)]
    values: Vec<(f64, String)>,
    /// Native histograms are not numbers.
    #[serde(default)]
    histogram: Option<Value>,
    #[serde(default)]
    histograms: Option<Value>,
}

/// The URL of a query; `base` is the server's.
pub fn url(base: &str, query: &str, when: When) -> String {
    let base = base.trim_end_matches('/');
    let seconds = |time: Duration| format!("{}.{:03}", time.as_secs(), time.subsec_millis());
    match when {
        When::Now => format!("{base}/api/v1/query?query={}", encoded(query)),
        When::Over { from, to, step } => format!(
            "{base}/api/v1/query_range?query={}&start={}&end={}&step={}",
            encoded(query),
            seconds(from),
            seconds(to),
            seconds(step)
        ),
    }
}

fn encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // writing to a String cannot fail
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// Asks a server.
///
/// # Errors
/// [`Fault`] when it does not answer, refuses the query, warns of a partial answer, or gives anything but one series of
/// numbers.
pub async fn ask(http: &Http, request: &Request, trust: &Trust) -> Result<Answered, Fault> {
    let answer = http.send(request, trust).await.map_err(|error| {
        let fault = Fault::environment(format!("not measured: the Prometheus server does not answer: {error}"));
        if error.is_answer() { fault.transient() } else { Fault::invalid(error.to_string()) }
    })?;
    if answer.cut {
        return Err(Fault::unknown("not measured: the answer of the Prometheus server is larger than 8 MiB")
            .help("ask for fewer series, or for a shorter time"));
    }
    read(answer.status, &answer.body)
}

/// What an answer says.
///
/// # Errors
/// As [`ask`].
pub fn read(status: u16, body: &[u8]) -> Result<Answered, Fault> {
    let text = String::from_utf8_lossy(body).into_owned();
    let Ok(envelope) = serde_json::from_str::<Envelope>(&text) else {
        let start = cut(&text, 200);
        let message = format!("not measured: what answered (status {status}) is not a Prometheus server: {start}");
        let fault = Fault::environment(message);
        return Err(if status >= 500 { fault.transient() } else { fault });
    };
    if envelope.status != "success" {
        let kind = envelope.error_type.unwrap_or_default();
        let message = format!("not measured: the query failed: {kind}: {}", envelope.error.unwrap_or_default());
        return Err(match kind.as_str() {
            "bad_data" => Fault::invalid(message).help("try the query in Prometheus itself"),
            "timeout" | "canceled" | "unavailable" => Fault::unknown(message).transient(),
            _ => Fault::unknown(message),
        });
    }
    if !envelope.warnings.is_empty() {
        let message = format!("not measured: the answer may be partial: {}", envelope.warnings.join("; "));
        return Err(Fault::unknown(message).transient());
    }
    let data = envelope.data.ok_or_else(|| Fault::unknown("not measured: the answer holds no data"))?;
    let series = one_series(data)?;
    Ok(Answered { series, text, remarks: envelope.infos })
}

fn one_series(data: Data) -> Result<Series, Fault> {
    let unreadable =
        |error: &dyn std::fmt::Display| Fault::unknown(format!("not measured: the answer is odd: {error}"));
    let rows: Vec<Row> = match data.kind.as_str() {
        "matrix" | "vector" => serde_json::from_value(data.result).map_err(|error| unreadable(&error))?,
        "scalar" => {
            let value = serde_json::from_value(data.result).map_err(|error| unreadable(&error))?;
            let metric = serde_json::Map::new();
            vec![Row { metric, value: Some(value), values: Vec::new(), histogram: None, histograms: None }]
        }
        other => {
            return Err(Fault::invalid(format!("not measured: the query gives a {other}, expected numbers")));
        }
    };
    let [row] = rows.as_slice() else {
        return Err(match rows.len() {
            0 => Fault::unknown("not measured: the query gives no data")
                .help("the metric has no sample in this time, or its name or a label is misspelt")
                .transient(),
            count => {
                let named: Vec<String> = rows.iter().take(3).map(|row| labels(&row.metric)).collect();
                let more = if count > named.len() { ", …" } else { "" };
                Fault::invalid(format!(
                    "not measured: the query gives {count} series, expected one: {}{more}",
                    named.join(", ")
                ))
                .help("put them together: `sum(…)`, `max(…)` or `avg(…)`")
            }
        });
    };
    if row.histogram.is_some() || row.histograms.is_some() {
        return Err(Fault::invalid("not measured: the query gives a native histogram, expected numbers")
            .help("take a number from it: `histogram_quantile(0.95, …)`"));
    }
    let points: Vec<(f64, f64)> =
        row.value.iter().chain(&row.values).map(|(time, value)| number(*time, value)).collect::<Result<_, _>>()?;
    if points.is_empty() {
        return Err(Fault::unknown("not measured: the query gives a series without a point").transient());
    }
    Ok(Series { points })
}

fn number(time: f64, value: &str) -> Result<(f64, f64), Fault> {
    match value.parse::<f64>() {
        Ok(number) if number.is_finite() => Ok((time, number)),
        _ => {
            let message = format!("not measured: the query gives {value}, which cannot be compared");
            Err(Fault::unknown(message)
                .help("a division by 0 gives NaN or Inf: say what counts then, with `… or vector(0)`")
                .transient())
        }
    }
}

fn labels(metric: &serde_json::Map<String, Value>) -> String {
    let label = |(name, value): (&String, &Value)| format!("{name}={value}");
    format!("{{{}}}", metric.iter().map(label).collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests;
