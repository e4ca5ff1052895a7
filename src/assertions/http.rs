//! `http`: what a URL answers: status, headers, body, time.

use std::time::Duration;

use async_trait::async_trait;
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::drivers::http::host_and_port;
use crate::expect::Expect;
use crate::kind::{
    AnswerExpect, Asked, Assertion, AssertionKind, Cel, CheckContext, Content, Context, ExistingPath, TextExpect,
    finding_lines,
};
use crate::outcome::{Fault, Finding, Measure, Verdict};
use crate::units::{Count, TimeSpan};

/// The row of `http`.
pub const KIND: AssertionKind = AssertionKind::assertion::<Http>(
    "http",
    "a URL answers as expected: status, headers, body, time",
    "url: http://127.0.0.1:30080/api/health\njson: self.status == 'ok'\ntime: \"< 500ms\"\n",
);

const TIMEOUT: Duration = Duration::from_secs(10);

/// What a URL answers. No answer at all is an expectation that does not hold. Proxies are used as by the `http` step:
/// `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` of its environment say which.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-short" = "url"))]
pub struct Http {
    /// `http://…` or `https://…`.
    pub url: String,
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
        self.asked().check(cx);
        self.expect().check(cx, "answer_headers");
    }

    fn title(&self) -> String {
        format!("{} {}", self.asked().method(), self.url)
    }

    async fn measure(&self, cx: &Context) -> Result<Verdict, Fault> {
        let (request, trust) = self.asked().request(&cx.env, &cx.project)?;
        match cx.unless_cancelled(cx.world.http.send(&request, &trust)).await? {
            Ok(answer) => Ok(Verdict::of(self.expect().measures(&answer, cx)?)),
            Err(error) if error.is_answer() => {
                let expected = self.expect().expected_status();
                Ok(Verdict::of(vec![Measure::new("status", format!("not measured ({error})"), expected, false)]))
            }
            Err(error) => Err(Fault::invalid(error.to_string())),
        }
    }

    async fn blockers(&self, cx: &Context, verdict: &Verdict) -> Vec<Finding> {
        // An answer, of whatever status, is not what a Service without endpoints gives.
        let answered = verdict.measures().first().is_some_and(|status| status.actual.parse::<u16>().is_ok());
        match host_and_port(&self.url).filter(|_| !answered) {
            Some((host, port)) => cx.world.cluster.fatal_address(&host, port).await,
            None => Vec::new(),
        }
    }

    async fn explain(&self, cx: &Context) -> Vec<Finding> {
        let Ok((request, trust)) = self.asked().request(&cx.env, &cx.project) else { return Vec::new() };
        // only a request without effects is sent once more to see why
        if request.method != "GET" && request.method != "HEAD" {
            return Vec::new();
        }
        match cx.world.http.send(&request, &trust).await {
            Ok(answer) => {
                let text = String::from_utf8_lossy(&answer.body);
                cx.evidence.keep("answer-body.txt", &text);
                let lines = finding_lines(text.lines().take(10), cx);
                if lines.is_empty() {
                    return Vec::new();
                }
                let message = format!("answered {} with this body", answer.status);
                vec![Finding { lines, ..Finding::new(self.url.clone(), "", message) }]
            }
            Err(error) => {
                let keep = |name: &str, text: &str| cx.evidence.keep(name, text);
                let of_service = match host_and_port(&self.url).filter(|_| error.is_answer()) {
                    Some((host, port)) => cx.world.cluster.explain_address(&host, port, &keep).await,
                    None => Vec::new(),
                };
                if !of_service.is_empty() {
                    return of_service;
                }
                error.help().map(|help| Finding::new(self.url.clone(), error.to_string(), help)).into_iter().collect()
            }
        }
    }
}

impl Http {
    fn asked(&self) -> Asked<'_> {
        Asked {
            url: &self.url,
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
    use crate::drivers::http::tests::{page, serve};
    use crate::kind::trial::{Trial, body};

    async fn measured(json: serde_json::Value) -> Verdict {
        body::<Http>(&json).measure(&Trial::new().cx).await.expect("it can be measured")
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
        let findings = body::<Http>(&json!({ "url": url })).explain(&Trial::new().cx).await;
        let lines = vec!["no database".to_owned(), "at line 3".to_owned()];
        assert_eq!(findings, [Finding { lines, ..Finding::new(url, "", "answered 500 with this body") }]);
    }
}
