//! `http`: one request, its answer published as outputs.

use std::time::Duration;

use async_trait::async_trait;
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::core::kind::{CheckContext, Context, ExistingPath, OutputRow, Step, StepKind, excerpt};
use crate::core::model::outcome::{Failure, Fault, Finding, Outcome, Outputs};
use crate::core::model::units::{ByteSize, TimeSpan};
use crate::core::spec::Any;
use crate::http::answer::{AnswerExpect, Asked, Content};
use crate::http::{Answer, HttpError};
use crate::kubernetes::service::{
    Scheme, ServiceName, Via, check_path, number_or_name, port, shown_url, through, url_of, written_url,
};
use crate::process::command_context::CommandError;
use crate::services::Clients;

/// The row of `http`.
pub const KIND: StepKind = StepKind::step::<Http>(
    "http",
    "sends one HTTP request and publishes its answer",
    "url: http://127.0.0.1:8080/api/todos\nmethod: POST\njson: { title: write the docs }\nexpect: { status: 201 }\n",
)
.outputs(&[
    OutputRow { name: "status", summary: "the status code" },
    OutputRow { name: "body", summary: "the body as text; absent where it is larger than 64 KiB" },
    OutputRow {
        name: "json",
        summary: "the body as JSON; null where it is not JSON, absent where it is larger than 64 KiB",
    },
    OutputRow { name: "headers", summary: "the answer's headers, names in lower case" },
    OutputRow { name: "time_ms", summary: "from the start to the last byte, in milliseconds" },
])
.cluster_with("service");

const TIMEOUT: Duration = Duration::from_secs(30);
/// Bytes of the body that are published.
const PUBLISHED: usize = 64 << 10;

/// One HTTP request. It fails when there is no answer, or one that is not as expected. It goes through the proxy that
/// `HTTP_PROXY`, `HTTPS_PROXY` or `ALL_PROXY` of its environment names, unless `NO_PROXY` names the host; this machine
/// (`localhost`, `127.0.0.1`) is always asked directly.
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
    /// Headers. Secrets go into `headers_from_env`.
    #[serde(default)]
    pub headers: IndexMap<String, String>,
    /// Headers whose values are variables of the step's environment: `Authorization: API_AUTH`.
    #[serde(default)]
    pub headers_from_env: IndexMap<String, String>,
    /// What is sent, as text.
    #[serde(default)]
    pub body: Option<String>,
    /// What is sent, as JSON.
    #[serde(default)]
    pub json: Option<Any>,
    /// For all of it, redirects included; 30s where nothing is written.
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
    /// What the answer must be; a status of `200..299` where nothing is written.
    #[serde(default)]
    pub expect: AnswerExpect,
}

#[async_trait]
impl Step for Http {
    fn check(&self, cx: &mut CheckContext<'_>) {
        self.asked(&written_url(self.url.as_deref(), self.service.as_deref(), self.path.as_deref())).check(cx);
        self.name().check("url", self.url.as_deref(), cx);
        check_path(self.service.is_some(), self.path.as_deref(), self.scheme, cx);
        self.expect.check(cx, "headers");
    }

    fn title(&self) -> String {
        let shown = shown_url(self.url.as_deref(), self.service.as_deref(), self.path.as_deref());
        format!("{} {shown}", self.asked("").method())
    }

    fn touches_cluster(&self) -> bool {
        self.service.is_some()
    }

    async fn run(&self, cx: &Context) -> Result<Outcome, Fault> {
        let found = url_of(self.url.as_deref(), self.name(), self.scheme, self.path.as_deref(), cx).await;
        let (url, door) = match found {
            Ok(found) => found,
            Err(CommandError::Fault(fault)) => return Err(fault),
            Err(CommandError::Failed(failure)) => {
                let because = self.name().causes(None, cx).await;
                return Ok(Outcome::Failed(failure.because(because)));
            }
        };
        if let Some(door) = &door {
            cx.say(format!("{} is reached by {}", self.name().shown(), door.words));
        }
        let (mut request, trust) = self.asked(&url).request(&cx.env, &cx.project)?;
        through(&mut request, door.as_ref());
        let answer = match cx.unless_cancelled(cx.http().send(&request, &trust)).await? {
            Ok(answer) => answer,
            Err(error) => return unanswered(&self.title(), &error),
        };
        cx.say(format!("{} answered {} in {}", self.title(), answer.status, TimeSpan(answer.time)));
        let unmet: Vec<_> = self.expect.measures(&answer, cx)?.into_iter().filter(|measure| !measure.holds).collect();
        if unmet.is_empty() {
            if !is_published(&answer) {
                cx.say(format!(
                    "the body is larger than {}: it is not published as an output",
                    ByteSize(PUBLISHED as u64)
                ));
            }
            return Ok(Outcome::Passed(outputs(&answer)));
        }
        let words: Vec<String> = unmet
            .iter()
            .map(|measure| format!("{} is {}, expected {}", measure.name, measure.actual, measure.expected))
            .collect();
        let mut failure = Failure::new(format!("{}: {}", self.title(), words.join("; ")));
        if !answer.body.is_empty() {
            let message = excerpt(&String::from_utf8_lossy(&answer.body), cx);
            failure = failure.because(vec![Finding::new("the answer's body", "", message)]);
        }
        Ok(Outcome::Failed(failure))
    }
}

impl Http {
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
            content: Content { text: self.body.as_deref(), json: self.json.as_ref().map(|json| &json.0) },
            headers: &self.headers,
            headers_from_env: &self.headers_from_env,
            timeout: (self.timeout, TIMEOUT),
            redirects: self.redirects,
            ca: self.ca.as_ref(),
            insecure: self.insecure,
        }
    }
}

fn unanswered(title: &str, error: &HttpError) -> Result<Outcome, Fault> {
    if !error.is_answer() {
        return Err(Fault::invalid(error.to_string()));
    }
    let failure = Failure::new(format!("{title}: {error}"));
    Ok(Outcome::Failed(match error.help() {
        Some(help) => failure.help(help),
        None => failure,
    }))
}

/// Whether the body becomes an output. A part of one does not: a condition could be decided by it.
fn is_published(answer: &Answer) -> bool {
    !answer.cut && answer.body.len() <= PUBLISHED
}

fn outputs(answer: &Answer) -> Outputs {
    // outputs are kept in the clear, and a cookie proves who we are
    let headers = answer.headers.iter().filter(|(name, _)| name.as_str() != "set-cookie");
    let headers = headers.map(|(name, value)| (name.clone(), Value::from(value.clone()))).collect();
    let mut outputs = Outputs::from([
        ("status".to_owned(), answer.status.into()),
        ("headers".to_owned(), Value::Object(headers)),
        ("time_ms".to_owned(), u64::try_from(answer.time.as_millis()).unwrap_or(u64::MAX).into()),
    ]);
    if is_published(answer) {
        let text = String::from_utf8_lossy(&answer.body);
        let json = serde_json::from_str(text.trim_start_matches('\u{feff}')).unwrap_or(Value::Null);
        outputs.insert("body".to_owned(), text.into_owned().into());
        outputs.insert("json".to_owned(), json);
    }
    outputs
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::core::kind::test_context::{TestContext, body, complaints};
    use crate::http::tests::{page, serve};

    #[tokio::test]
    async fn publishes_its_answer() {
        let url = serve(|text| {
            let said = text.rsplit("\r\n\r\n").next().unwrap_or_default();
            let json = text.starts_with("POST / ") && text.contains("content-type: application/json\r\n");
            page(if json { "201 Created" } else { "400 Bad Request" }, "x-id: 7\r\nset-cookie: a=b\r\n", said)
        })
        .await;
        let step: Http = body(&json!({ "url": url, "json": { "title": "a" }, "expect": { "status": 201 } }));
        let trial = TestContext::new();
        let Ok(Outcome::Passed(outputs)) = step.run(&trial.cx).await else { panic!("it answers 201") };
        assert_eq!(outputs["status"], json!(201));
        assert_eq!(outputs["headers"]["x-id"], json!("7"));
        assert_eq!(outputs["headers"].get("set-cookie"), None);
    }

    #[tokio::test]
    async fn fails_with_both_sides_and_the_body() {
        let url = serve(|_| page("500 Internal Server Error", "", "no database\n")).await;
        let outcome = body::<Http>(&json!({ "url": url })).run(&TestContext::new().cx).await;
        let failure = Failure::new(format!("GET {url}: status is 500, expected 200..299")).because(vec![Finding::new(
            "the answer's body",
            "",
            "no database\\n",
        )]);
        assert_eq!(outcome, Ok(Outcome::Failed(failure)));
    }

    #[tokio::test]
    async fn fails_where_nothing_listens() {
        let outcome = body::<Http>(&json!({ "url": "http://127.0.0.1:1/" })).run(&TestContext::new().cx).await;
        let failure = Failure::new("GET http://127.0.0.1:1/: connection refused")
            .help("nothing listens on that port: is the server up, is the port forwarded?");
        assert_eq!(outcome, Ok(Outcome::Failed(failure)));
    }

    #[tokio::test]
    async fn takes_secret_headers_from_the_environment() {
        let url = serve(|text| {
            page(if text.contains("authorization: Bearer s3cr3t\r\n") { "200 OK" } else { "401 No" }, "", "")
        })
        .await;
        let step: Http = body(&json!({ "url": url, "headers_from_env": { "Authorization": "AUTH" } }));
        let trial = TestContext::new();
        let fault = step.run(&trial.cx).await.expect_err("it is not set");
        assert_eq!(fault.message, "the header `Authorization` takes its value from `AUTH`, which is not set");
        let outcome = step.run(&trial.env("AUTH", "Bearer s3cr3t").cx).await;
        assert!(matches!(outcome, Ok(Outcome::Passed(_))));
    }

    #[test]
    fn refuses_bodies_that_make_no_sense() {
        for (json, message) in [
            (
                json!({ "url": "localhost" }),
                "`localhost` is not a URL to ask: it does not start with http:// or https://",
            ),
            (json!({ "url": "http://a", "method": "get" }), "`get` is not an HTTP method"),
            (json!({ "url": "http://a", "body": "a", "json": 1 }), "`body` and `json` cannot stand together"),
            (
                json!({ "url": "http://a", "headers": { "Authorization": "x" } }),
                "the header `Authorization` carries a secret in the clear",
            ),
        ] {
            let found = complaints(&json, false, |cx| body::<Http>(&json).check(cx));
            assert_eq!(found.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>(), [message]);
        }
    }
}
