//! `http`: what a URL answers: status, headers, body, time.

use std::time::Duration;

use async_trait::async_trait;
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::core::kind::{
    Assertion, AssertionKind, Cel, CheckContext, Context, ExistingPath, TextExpect, finding_lines,
};
use crate::core::model::expect::Expect;
use crate::core::model::outcome::{Fault, Finding, Measure, Verdict};
use crate::core::model::units::{Count, TimeSpan};
use crate::http::answer::{AnswerExpect, Asked, Content};
use crate::http::host_and_port;
use crate::kubernetes::service::{
    Door, Scheme, ServiceName, Via, check_path, number_or_name, port, shown_url, through, url_of, written_url,
};
use crate::process::command_context::CommandError;
use crate::services::Clients;

/// The row of `http`.
pub const KIND: AssertionKind = AssertionKind::assertion::<Http>(
    "http",
    "a URL answers as expected: status, headers, body, time",
    "url: http://127.0.0.1:30080/api/health\njson: self.status == 'ok'\ntime: \"< 500ms\"\n",
)
.cluster_with("service");

const TIMEOUT: Duration = Duration::from_secs(10);

/// What a URL answers. No answer at all is an expectation that does not hold. Proxies are used as by the `http` step:
/// `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` of its environment say which.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-short" = "url", "x-one-of" = ["url", "service"]))]
pub struct Http {
    /// `http://…` or `https://…`. One of `url` and `service`.
    #[serde(default)]
    pub url: Option<String>,
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
    /// The path to ask a Service for; `/` where nothing is written.
    #[serde(default)]
    pub path: Option<String>,
    /// How to speak to a Service: `http` or `https`; `http` where nothing is written.
    #[serde(default)]
    pub scheme: Option<Scheme>,
    /// How the Service is reached: `auto` where nothing is written. `port_forward` only where it is asked for.
    #[serde(default)]
    pub via: Option<Via>,
    /// `GET` where nothing is written; `POST` with a body.
    #[serde(default)]
    pub method: Option<String>,
    /// Headers that are sent. Secrets go into `headers_from_env`.
    #[serde(default)]
    pub headers: IndexMap<String, String>,
    /// Headers that are sent, whose values are variables of the environment: `Authorization: API_AUTH`.
    #[serde(default)]
    pub headers_from_env: IndexMap<String, String>,
    /// What is sent.
    #[serde(default)]
    pub body: Option<String>,
    /// For one request, redirects included; 10s where nothing is written.
    #[serde(default)]
    pub timeout: Option<TimeSpan>,
    /// Redirects followed at most; none where nothing is written.
    #[serde(default)]
    pub redirects: Option<u32>,
    /// A file of certificates (PEM) to trust instead of the system's.
    #[serde(default)]
    pub ca: Option<ExistingPath>,
    /// Trusts any certificate. For tests on one's own machine.
    #[serde(default)]
    pub insecure: bool,
    /// The status code; `200..299` where nothing is written.
    #[serde(default)]
    pub status: Option<Expect<Count>>,
    /// The answer's body holds this text.
    #[serde(default)]
    pub contains: Option<String>,
    /// This regular expression matches somewhere in the answer's body.
    #[serde(default)]
    pub matches: Option<String>,
    /// The answer's body is JSON for which this CEL expression is true; `self` is the parsed body.
    #[serde(default)]
    pub json: Option<Cel>,
    /// What is expected of the answer's headers, by name: `content-type: { contains: json }`.
    #[serde(default)]
    pub answer_headers: IndexMap<String, TextExpect>,
    /// Names of headers that the answer does not have: `[server, x-powered-by]`.
    #[serde(default)]
    pub absent_headers: Vec<String>,
    /// From the start of the request to the last byte of its answer.
    #[serde(default)]
    pub time: Option<Expect<TimeSpan>>,
}

#[async_trait]
impl Assertion for Http {
    fn check(&self, cx: &mut CheckContext<'_>) {
        self.asked(&self.written()).check(cx);
        self.name().check("url", self.url.as_deref(), cx);
        check_path(self.service.is_some(), self.path.as_deref(), self.scheme, cx);
        self.expect().check(cx, "answer_headers");
    }

    fn title(&self) -> String {
        format!("{} {}", self.asked("").method(), self.shown())
    }

    fn touches_cluster(&self) -> bool {
        self.service.is_some()
    }

    async fn measure(&self, cx: &Context) -> Result<Verdict, Fault> {
        let unasked = |why: String| {
            Measure::new("status", format!("not measured ({why})"), self.expect().expected_status(), false)
        };
        let (url, door) = match self.address(cx).await {
            Ok(found) => found,
            Err(CommandError::Failed(failure)) => return Ok(Verdict::of(vec![unasked(failure.summary)])),
            Err(CommandError::Fault(fault)) => return Err(fault),
        };
        let (mut request, trust) = self.asked(&url).request(&cx.env, &cx.project)?;
        through(&mut request, door.as_ref());
        let way = door.as_ref().map(|door| Measure::new("via", door.words.clone(), "", true));
        match cx.unless_cancelled(cx.http().send(&request, &trust)).await? {
            Ok(answer) => {
                let mut measures = self.expect().measures(&answer, cx)?;
                // behind the status, which comes first
                measures.splice(1..1, way);
                Ok(Verdict::of(measures))
            }
            Err(error) if error.is_answer() => {
                Ok(Verdict::of(std::iter::once(unasked(error.to_string())).chain(way).collect()))
            }
            Err(error) => Err(Fault::invalid(error.to_string())),
        }
    }

    async fn blockers(&self, cx: &Context, verdict: &Verdict) -> Vec<Finding> {
        // An answer, of whatever status, is not what a Service without endpoints gives.
        let answered = verdict.measures().first().is_some_and(|status| status.actual.parse::<u16>().is_ok());
        if answered {
            return Vec::new();
        }
        let address = host_and_port(&self.written()).filter(|_| self.service.is_none());
        self.name().blockers(address.as_ref().map(|(host, port)| (host.as_str(), *port)), cx).await
    }

    async fn explain(&self, cx: &Context) -> Vec<Finding> {
        let of_service = async |url: &str| {
            let address = host_and_port(url);
            self.name().causes(address.as_ref().map(|(host, port)| (host.as_str(), *port)), cx).await
        };
        let Ok((url, door)) = self.address(cx).await else { return of_service("").await };
        let Ok((mut request, trust)) = self.asked(&url).request(&cx.env, &cx.project) else { return Vec::new() };
        through(&mut request, door.as_ref());
        // only a request without effects is sent once more to see why
        if request.method != "GET" && request.method != "HEAD" {
            return Vec::new();
        }
        match cx.http().send(&request, &trust).await {
            Ok(answer) => {
                let text = String::from_utf8_lossy(&answer.body);
                cx.evidence.keep("answer-body.txt", &text);
                let mut lines = finding_lines(text.lines(), cx);
                lines.truncate(10);
                if lines.is_empty() {
                    return Vec::new();
                }
                let message = format!("answered {} with this body", answer.status);
                vec![Finding { lines, ..Finding::new(self.shown(), "", message) }]
            }
            Err(error) => {
                let causes = if error.is_answer() { of_service(&url).await } else { Vec::new() };
                if !causes.is_empty() {
                    return causes;
                }
                error.help().map(|help| Finding::new(self.shown(), error.to_string(), help)).into_iter().collect()
            }
        }
    }
}

impl Http {
    /// The URL as it is written; a Service's has its name for a host.
    fn written(&self) -> String {
        written_url(self.url.as_deref(), self.service.as_deref(), self.path.as_deref())
    }

    /// What messages call it.
    fn shown(&self) -> String {
        shown_url(self.url.as_deref(), self.service.as_deref(), self.path.as_deref())
    }

    /// The URL to ask, and the way to the Service.
    async fn address(&self, cx: &Context) -> Result<(String, Option<Door>), CommandError> {
        url_of(self.url.as_deref(), self.name(), self.scheme, self.path.as_deref(), cx).await
    }

    fn name(&self) -> ServiceName<'_> {
        ServiceName {
            service: self.service.as_deref(),
            namespace: self.namespace.as_deref(),
            port: self.port.as_deref(),
            via: self.via,
        }
    }

    fn asked<'a>(&'a self, url: &'a str) -> Asked<'a> {
        Asked {
            url,
            method: self.method.as_deref(),
            content: Content { text: self.body.as_deref(), json: None },
            headers: &self.headers,
            headers_from_env: &self.headers_from_env,
            timeout: (self.timeout, TIMEOUT),
            redirects: self.redirects,
            ca: self.ca.as_ref(),
            insecure: self.insecure,
        }
    }

    fn expect(&self) -> AnswerExpect {
        AnswerExpect {
            status: self.status.clone(),
            contains: self.contains.clone(),
            matches: self.matches.clone(),
            json: self.json.clone(),
            headers: self.answer_headers.clone(),
            absent_headers: self.absent_headers.clone(),
            time: self.time.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::core::kind::test_context::{TestContext, body};
    use crate::http::tests::{page, serve};

    async fn measured(json: serde_json::Value) -> Verdict {
        body::<Http>(&json).measure(&TestContext::new().cx).await.expect("it can be measured")
    }

    #[tokio::test]
    async fn holds_where_all_is_as_expected() {
        let url = serve(|_| page("200 OK", "content-type: application/json\r\n", "{\"status\":\"ok\"}")).await;
        let verdict = measured(json!({
            "url": url, "status": 200, "contains": "ok", "json": "self.status == 'ok'", "time": "< 10s",
            "answer_headers": { "Content-Type": { "contains": "json" } },
        }))
        .await;
        assert!(verdict.holds(), "{verdict:?}");
    }

    #[tokio::test]
    async fn shows_both_sides_and_the_body_of_an_error() {
        let url = serve(|_| page("503 Service Unavailable", "", "warming up")).await;
        let measures =
            vec![Measure::new("status", "503", "200..299", false), Measure::new("body", "warming up", "", true)];
        assert_eq!(measured(json!({ "url": url })).await, Verdict::Unmet { measures });
    }

    #[tokio::test]
    async fn no_answer_is_unmet_and_not_a_fault() {
        let measures = vec![Measure::new("status", "not measured (connection refused)", "200..299", false)];
        assert_eq!(measured(json!({ "url": "http://127.0.0.1:1/" })).await, Verdict::Unmet { measures });
    }

    #[tokio::test]
    async fn explains_by_the_first_lines_of_the_body() {
        let url = serve(|_| page("500 Oh", "", "no database\nat line 3\n")).await;
        let findings = body::<Http>(&json!({ "url": url })).explain(&TestContext::new().cx).await;
        let lines = vec!["no database".to_owned(), "at line 3".to_owned()];
        assert_eq!(findings, [Finding { lines, ..Finding::new(url, "", "answered 500 with this body") }]);
    }
}
