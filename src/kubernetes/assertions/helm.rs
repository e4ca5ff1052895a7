//! The `helm` assertion: what helm recorded of a release, read from its Secrets; no helm is asked.

use std::collections::BTreeMap;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::live::{Changes, current, noting_namespace};
use crate::core::kind::{Assertion, AssertionKind, CheckContext, Context, Watch};
use crate::core::model::diagnostic::Code;
use crate::core::model::expect::Expect;
use crate::core::model::outcome::{Fault, Finding, Measure, Verdict};
use crate::core::model::units::{Count, Text};
use crate::kubernetes::explain::Target;
use crate::kubernetes::helm::release::{Release, Revision, secrets};
use crate::kubernetes::rollout::rolls_out;
use crate::services::Clients;

/// `helm`: the latest revision of a release. Where nothing else is said, its status has to be `deployed`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-short" = "release"))]
pub struct Helm {
    /// The release's name.
    release: String,
    /// Its namespace; else the pipeline's.
    namespace: Option<String>,
    /// `deployed`, `failed`, `superseded`, `pending-upgrade` … Default: `deployed`.
    status: Option<Expect<Text>>,
    /// The revision, from 1.
    revision: Option<Expect<Count>>,
    /// The chart's name.
    chart: Option<Expect<Text>>,
    /// The chart's version.
    chart_version: Option<Expect<Text>>,
    /// The version of what the chart installs.
    app_version: Option<Expect<Text>>,
    /// Values it must have, those of the chart included; others are not looked at.
    #[serde(default)]
    values: BTreeMap<String, Value>,
    /// The number of revisions on record.
    revisions: Option<Expect<Count>>,
    /// That there is no such release.
    #[serde(default)]
    absent: bool,
}

/// The row of this kind.
pub const KIND: AssertionKind = AssertionKind::assertion::<Helm>(
    "helm",
    "What Helm recorded of a release: status, revision, chart, versions, values.",
    "release: todo\nstatus: deployed\nrevision: \">= 2\"\nvalues: { replicas: 2 }\n",
)
.cluster();

/// Workloads of a release that are explained.
const EXPLAINED: usize = 3;

/// What is on record of a release.
struct Record {
    latest: Release,
    revisions: usize,
}

#[async_trait]
impl Assertion for Helm {
    fn check(&self, cx: &mut CheckContext<'_>) {
        let asks = self.status.is_some()
            || self.revision.is_some()
            || self.chart.is_some()
            || self.chart_version.is_some()
            || self.app_version.is_some()
            || self.revisions.is_some()
            || !self.values.is_empty();
        if self.absent && asks {
            let message = "a release that is `absent` has no status, revision, chart or values";
            cx.error(&["absent".into()], Code::InvalidValue, message, Some("write two assertions".into()));
        }
    }

    fn title(&self) -> String {
        format!("helm release {}", self.release)
    }

    async fn watch(&self, cx: &Context) -> Result<Box<dyn Watch>, Fault> {
        let namespace = cx.namespace_or(self.namespace.as_deref())?;
        let objects = cx.unless_cancelled(cx.cluster().objects(&secrets(), Some(namespace))).await??;
        Ok(Box::new(Changes::of(vec![objects])))
    }

    async fn measure(&self, cx: &Context) -> Result<Verdict, Fault> {
        let record = self.record(cx).await?;
        let measures = self.measures(record.as_ref());
        if record.is_none() {
            let namespace = cx.namespace_or(self.namespace.as_deref())?;
            return Ok(Verdict::of(noting_namespace(cx, namespace, measures).await));
        }
        Ok(Verdict::of(measures))
    }

    async fn blockers(&self, cx: &Context, _verdict: &Verdict) -> Vec<Finding> {
        let awaits_deployed = self.status.as_ref().is_none_or(|it| it.holds(&Text("deployed".to_owned())));
        let Ok(Some(record)) = self.record(cx).await else { return Vec::new() };
        // Only an act of helm that is under way is kept from its end by the state of Pods.
        if !awaits_deployed || self.absent || !record.latest.status.starts_with("pending-") {
            return Vec::new();
        }
        let mut findings = Vec::new();
        for target in workloads(&record.latest) {
            findings.extend(cx.cluster().fatal(&record.latest.namespace, &target).await);
        }
        findings
    }

    async fn explain(&self, cx: &Context) -> Vec<Finding> {
        let Ok(Some(record)) = self.record(cx).await else { return Vec::new() };
        let latest = record.latest;
        let object = format!("release/{}", self.release);
        let mut findings = vec![Finding::new(object, latest.status.clone(), latest.description.clone())];
        for target in workloads(&latest) {
            let keep = |name: &str, text: &str| cx.evidence.keep(name, text);
            findings.extend(cx.cluster().explain(&latest.namespace, &target, &keep).await);
        }
        findings.dedup();
        findings
    }
}

impl Helm {
    async fn record(&self, cx: &Context) -> Result<Option<Record>, Fault> {
        crate::kubernetes::helm::Helm::keeps_secrets(&cx.env)?;
        let namespace = cx.namespace_or(self.namespace.as_deref())?;
        let objects = cx.unless_cancelled(cx.cluster().objects(&secrets(), Some(namespace))).await??;
        let secrets = current(&objects)?;
        let mut revisions: Vec<(Revision, usize)> = secrets
            .iter()
            .enumerate()
            .filter_map(|(at, secret)| Some((Revision::of_labels(&secret.metadata, &self.release)?, at)))
            .collect();
        revisions.sort();
        let Some((_, at)) = revisions.last() else { return Ok(None) };
        let secret = &secrets[*at];
        let latest = Release::of_secret(secret).map_err(|why| {
            let name = secret.metadata.name.as_deref().unwrap_or_default();
            Fault::unknown(format!("secret/{name} cannot be read as a release: {why}"))
        })?;
        Ok(Some(Record { latest, revisions: revisions.len() }))
    }

    fn measures(&self, record: Option<&Record>) -> Vec<Measure> {
        // `uninstall --keep-history` leaves the record of a release that is gone
        let there = record.filter(|record| record.latest.status != "uninstalled" || !self.absent);
        if self.absent {
            let shown = |record: &Record| format!("{}, revision {}", record.latest.status, record.latest.revision);
            let actual = there.map_or_else(|| "absent".to_owned(), shown);
            return vec![Measure::new("release", actual, "absent", there.is_none())];
        }
        let Some(Record { latest, revisions }) = there else {
            return vec![Measure::new("release", format!("no release {}", self.release), "present", false)];
        };
        let count = |number: usize| Count(i64::try_from(number).unwrap_or(i64::MAX));
        let text = |name: &str, expected: &Option<Expect<Text>>, actual: &str| {
            expected.as_ref().map(|expected| expected.measure(name, &Text(actual.to_owned())))
        };
        let status = match &self.status {
            Some(expected) => expected.measure("status", &Text(latest.status.clone())),
            None => Measure::new("status", &latest.status, "deployed", latest.status == "deployed"),
        };
        let mut measures = vec![status];
        measures.extend(
            self.revision.as_ref().map(|expected| expected.measure("revision", &Count(i64::from(latest.revision)))),
        );
        measures.extend(text("chart", &self.chart, &latest.chart));
        measures.extend(text("chart_version", &self.chart_version, &latest.chart_version));
        measures.extend(text("app_version", &self.app_version, &latest.app_version));
        measures.extend(self.revisions.as_ref().map(|expected| expected.measure("revisions", &count(*revisions))));
        for (key, expected) in &self.values {
            compare(&format!("values.{key}"), latest.values.get(key), expected, &mut measures);
        }
        measures
    }
}

/// The first workloads of a release.
fn workloads(release: &Release) -> Vec<Target> {
    release.workloads(rolls_out, EXPLAINED)
}

/// A measure for each value that is expected: maps in part, anything else as a whole.
fn compare(name: &str, actual: Option<&Value>, expected: &Value, measures: &mut Vec<Measure>) {
    match (actual, expected) {
        (Some(Value::Object(_)) | None, Value::Object(fields)) if !fields.is_empty() => {
            for (key, expected) in fields {
                compare(&format!("{name}.{key}"), actual.and_then(|actual| actual.get(key)), expected, measures);
            }
        }
        (actual, expected) => {
            let shown = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let holds = actual == Some(expected) || (actual.is_none() && expected.is_null());
            let actual = actual.map_or_else(|| "absent".to_owned(), shown);
            measures.push(Measure::new(name, actual, shown(expected), holds));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn shown(body: Value, status: Option<&str>) -> Vec<String> {
        let helm: Helm = serde_json::from_value(body).expect("of the right shape");
        let Value::Object(values) = json!({"replicas": 2, "image": {"name": "todo", "tag": "dev"}}) else {
            return vec![];
        };
        let record = status.map(|status| Record {
            latest: Release {
                name: "todo".into(),
                namespace: "demo".into(),
                revision: 3,
                status: status.into(),
                description: String::new(),
                chart: "todo".into(),
                chart_version: "0.1.0".into(),
                app_version: "dev".into(),
                values,
                manifest: String::new(),
                hooks: Vec::new(),
                definitions: Vec::new(),
            },
            revisions: 3,
        });
        let line = |measure: Measure| {
            let mark = if measure.holds { "holds" } else { "unmet" };
            format!("{mark} {}: {} / {}", measure.name, measure.actual, measure.expected)
        };
        helm.measures(record.as_ref()).into_iter().map(line).collect()
    }

    #[test]
    fn a_release_has_to_be_deployed_where_nothing_else_is_said() {
        assert_eq!(shown(json!({"release": "todo"}), Some("deployed")), ["holds status: deployed / deployed"]);
        assert_eq!(shown(json!({"release": "todo"}), Some("failed")), ["unmet status: failed / deployed"]);
        assert_eq!(shown(json!({"release": "todo"}), None), ["unmet release: no release todo / present"]);
    }

    #[test]
    fn values_are_compared_in_part() {
        let body = json!({
            "release": "todo", "revision": ">= 2", "revisions": 2,
            "values": {"replicas": 2, "image": {"tag": "v2", "pull": null}, "missing": {"a": 1}}
        });
        assert_eq!(
            shown(body, Some("deployed")),
            [
                "holds status: deployed / deployed",
                "holds revision: 3 / >= 2",
                "unmet revisions: 3 / 2",
                "unmet values.image.tag: dev / v2",
                "holds values.image.pull: absent / null",
                "unmet values.missing.a: absent / 1",
                "holds values.replicas: 2 / 2",
            ]
        );
    }

    #[test]
    fn a_release_can_be_absent() {
        let body = || json!({"release": "todo", "absent": true});
        assert_eq!(shown(body(), None), ["holds release: absent / absent"]);
        assert_eq!(shown(body(), Some("uninstalled")), ["holds release: absent / absent"]);
        assert_eq!(shown(body(), Some("deployed")), ["unmet release: deployed, revision 3 / absent"]);
    }
}
