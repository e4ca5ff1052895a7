//! `metric`: what a Prometheus server says of a query, now or over a time. Knows no protocol.

mod spec;
#[cfg(test)]
mod tests;

use std::time::Duration;

use async_trait::async_trait;

use crate::core::kind::{Assertion, AssertionKind, CheckContext, Context, Poll, Watch};
use crate::core::model::outcome::{Fault, Measure, Series, Verdict};
use crate::core::model::units::{Number, Percent};
use crate::http::answer::{Asked, Content};
use crate::http::prometheus::{self, Answered, When};
use crate::http::{Request, Trust};
use crate::kubernetes::client::reach::{Via, Wanted};
use crate::process::command_context::CommandError;
use crate::services::Clients;
use spec::{Metric, Over};

/// The row of `metric`.
pub const KIND: AssertionKind = AssertionKind::assertion::<Metric>(
    "metric",
    "what a Prometheus server says of a query, now or over a time",
    "prometheus: { url: \"http://127.0.0.1:9090\" }\nquery: sum(rate(http_requests_total{code=~\"5..\"}[1m]))\n\
     over: 5m\nmax: \"< 0.1\"\n",
)
.cluster();

/// For one query.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Points of a series that a report draws.
const DRAWN: usize = 240;
/// The ways to a Service, the first that it has.
const WAYS: &[Via] = &[Via::LoadBalancer, Via::NodePort, Via::Ingress, Via::Endpoints];

#[async_trait]
impl Assertion for Metric {
    fn check(&self, cx: &mut CheckContext<'_>) {
        self.complain(cx);
    }

    fn title(&self) -> String {
        let query: String = self.query.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(60).collect();
        format!("metric {query}")
    }

    fn touches_cluster(&self) -> bool {
        self.prometheus.service.is_some()
    }

    async fn watch(&self, _: &Context) -> Result<Box<dyn Watch>, Fault> {
        Ok(Box::new(Poll(Duration::from_secs(1))))
    }

    async fn measure(&self, cx: &Context) -> Result<Verdict, Fault> {
        let when = self.when(cx)?;
        let (base, host) = self.base(cx).await?;
        let (mut request, trust) = self.request(&prometheus::url(&base, &self.query, when), cx)?;
        request.headers.extend(host.map(|host| ("host".to_owned(), host)));
        let answered = cx.unless_cancelled(prometheus::ask(cx.http(), &request, &trust)).await??;
        cx.evidence.keep("metric.json", &answered.text);
        for remark in &answered.remarks {
            cx.say(format!("prometheus: {remark}"));
        }
        self.measures(answered, when).map(Verdict::of)
    }
}

impl Metric {
    fn when(&self, cx: &Context) -> Result<When, Fault> {
        let step = self.step.map(|step| step.0);
        match &self.over {
            None => Ok(When::Now),
            Some(Over::Last(time)) => {
                let now = crate::core::kind::now();
                Ok(When::over(now.saturating_sub(time.0), now, step))
            }
            Some(Over::Steps(steps)) => {
                let ran = steps.iter().map(|step| cx.ran(step)).collect::<Result<Vec<_>, _>>()?;
                let whole = ran.into_iter().reduce(crate::core::model::event::Ran::and);
                let whole = whole.ok_or_else(|| Fault::invalid("`over` names no step"))?;
                Ok(When::over(whole.from, whole.to.unwrap_or_else(crate::core::kind::now), step))
            }
        }
    }

    /// The server's URL, and the name to ask for where that is not its address.
    async fn base(&self, cx: &Context) -> Result<(String, Option<String>), Fault> {
        let spec = &self.prometheus;
        let Some(service) = &spec.service else {
            return Ok((spec.url.clone().unwrap_or_default(), None));
        };
        let cluster = cx.cluster();
        let namespace = cx.namespace_or(spec.namespace.as_deref())?;
        let wanted = Wanted { namespace, service, port: spec.port.as_deref(), ways: WAYS };
        let reached = cx.unless_cancelled(cluster.reach(&wanted)).await?.map_err(CommandError::into_missing)?;
        let authority = reached.addresses.first().ok_or_else(|| {
            Fault::environment(format!("not measured: service/{service} has no ready endpoint")).transient()
        })?;
        let scheme = if spec.tls() { "https" } else { "http" };
        Ok((format!("{scheme}://{authority}{}", spec.path.as_deref().unwrap_or_default()), reached.host))
    }

    fn request(&self, url: &str, cx: &Context) -> Result<(Request, Trust), Fault> {
        let none = indexmap::IndexMap::new();
        let asked = Asked {
            url,
            method: None,
            content: Content::default(),
            headers: &none,
            headers_from_env: &self.prometheus.headers_from_env,
            timeout: (None, TIMEOUT),
            redirects: None,
            ca: self.prometheus.ca.as_ref(),
            insecure: self.prometheus.insecure,
        };
        asked.request(&cx.env, &cx.project)
    }

    /// # Errors
    /// [`Fault`] when too much of the time has no data.
    fn measures(&self, answered: Answered, when: When) -> Result<Vec<Measure>, Fault> {
        let series = answered.series;
        let values: Vec<f64> = series.points.iter().map(|(_, value)| *value).collect();
        if let When::Over { .. } = when {
            self.covered(values.len(), when.points())?;
        }
        #[expect(clippy::cast_precision_loss, reason = "a series has a few thousand points")]
        let average = values.iter().sum::<f64>() / values.len() as f64;
        let all = [
            ("value", &self.value, values.last().copied().unwrap_or_default()),
            ("min", &self.min, values.iter().copied().fold(f64::INFINITY, f64::min)),
            ("max", &self.max, values.iter().copied().fold(f64::NEG_INFINITY, f64::max)),
            ("avg", &self.avg, average),
            ("last", &self.last, values.last().copied().unwrap_or_default()),
        ];
        let mut measures: Vec<Measure> = all
            .into_iter()
            .filter_map(|(name, expect, value)| Some(expect.as_ref()?.measure(name, &Number(value))))
            .collect();
        if let (When::Over { .. }, Some(first)) = (when, measures.first_mut()) {
            first.series = Some(thinned(series));
        }
        Ok(measures)
    }

    fn covered(&self, found: usize, wanted: usize) -> Result<(), Fault> {
        #[expect(clippy::cast_precision_loss, reason = "a series has a few thousand points")]
        let share = Percent(found as f64 * 100.0 / wanted.max(1) as f64);
        if self.coverage().holds(&share) {
            return Ok(());
        }
        let message =
            format!("not measured: {found} of {wanted} points have data ({share}, expected {})", self.coverage());
        Err(Fault::unknown(message)
            .help(
                "the metric began late or was not scraped; `coverage: \">= 50%\"` takes less, or measure a later step",
            )
            .transient())
    }
}

/// Few enough points to draw: of each group the lowest and the highest, in time.
fn thinned(series: Series) -> Series {
    if series.points.len() <= DRAWN {
        return series;
    }
    let group = series.points.len().div_ceil(DRAWN / 2);
    let mut points = Vec::new();
    for chunk in series.points.chunks(group) {
        let by_value = |a: &&(f64, f64), b: &&(f64, f64)| a.1.total_cmp(&b.1);
        let (low, high) = (chunk.iter().min_by(by_value), chunk.iter().max_by(by_value));
        let mut both: Vec<(f64, f64)> = low.into_iter().chain(high).copied().collect();
        both.sort_by(|a, b| a.0.total_cmp(&b.0));
        both.dedup();
        points.extend(both);
    }
    Series { points }
}
