//! What a request is and what is expected of its answer, for the `http` step and assertion alike.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::core::kind::text::{TextExpect, excerpt};
use crate::core::kind::{Cel, CheckContext, Context, ExistingPath, Sample};
use crate::core::model::diagnostic::Code;
use crate::core::model::expect::Expect;
use crate::core::model::outcome::{Fault, Measure};
use crate::core::model::units::{Count, TimeSpan};
use crate::core::yaml::Segment;
use crate::http::{self, Answer, Proxies, Request, Trust};

/// What is expected of an answer; everything written must hold.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AnswerExpect {
    /// The status code; `200..299` where nothing is written.
    #[serde(default)]
    pub status: Option<Expect<Count>>,
    /// The body holds this text.
    #[serde(default)]
    pub contains: Option<String>,
    /// This regular expression matches somewhere in the body.
    #[serde(default)]
    pub matches: Option<String>,
    /// The body is JSON for which this CEL expression is true; `self` is the parsed body.
    #[serde(default)]
    pub json: Option<Cel>,
    /// What is expected of the answer's headers, by name.
    #[serde(default)]
    pub headers: IndexMap<String, TextExpect>,
    /// Names of headers that the answer does not have: `[server, x-powered-by]`.
    #[serde(default)]
    pub absent_headers: Vec<String>,
    /// From the start of the request to the last byte of its answer.
    #[serde(default)]
    pub time: Option<Expect<TimeSpan>>,
}

impl AnswerExpect {
    /// What is wrong with it; `headers` is the key that its header expectations stand under.
    pub fn check(&self, cx: &mut CheckContext<'_>, headers: &str) {
        let body = self.body();
        if body != TextExpect::default() {
            body.check(cx, &[]);
        }
        for (name, expect) in &self.headers {
            expect.check(cx, &[headers.into(), name.as_str().into()]);
        }
        for (at, name) in self.absent_headers.iter().enumerate() {
            let path: [Segment; 2] = ["absent_headers".into(), at.into()];
            if self.headers.keys().any(|other| other.eq_ignore_ascii_case(name)) {
                let message = format!("the header `{name}` is expected to have a value, too");
                cx.error(&path, Code::InvalidValue, message, None);
            }
            if !http::is_header_name(name) {
                cx.error(&path, Code::InvalidValue, format!("`{name}` is not the name of a header"), None);
            }
        }
    }

    fn body(&self) -> TextExpect {
        TextExpect {
            contains: self.contains.clone(),
            matches: self.matches.clone(),
            json: self.json.clone(),
            ..TextExpect::default()
        }
    }

    /// Measures an answer. Where something does not hold, the first characters of the body come last.
    ///
    /// # Errors
    /// [`Fault`] of kind invalid when a pattern or an expression cannot be used.
    pub fn measures(&self, answer: &Answer, cx: &Context) -> Result<Vec<Measure>, Fault> {
        let body = Sample::new(&answer.body, answer.cut);
        let mut all = vec![self.expected_status().measure("status", &Count(answer.status.into()))];
        for (name, expect) in &self.headers {
            match answer.headers.get(&name.to_ascii_lowercase()) {
                Some(value) => all.extend(expect.measures(name, &value.as_str().into(), cx)?),
                None => all.push(Measure::new(name, "absent", "a header of this name", false)),
            }
        }
        for name in &self.absent_headers {
            all.push(match answer.headers.get(&name.to_ascii_lowercase()) {
                Some(value) => Measure::new(name, excerpt(value, cx), "absent", false),
                None => Measure::new(name, "absent", "absent", true),
            });
        }
        if let Some(expect) = &self.time {
            all.push(expect.measure("time", &TimeSpan(answer.time)));
        }
        let before = all.len();
        all.extend(self.body().measures("body", &body, cx)?);
        if before == all.len() && all.iter().any(|measure| !measure.holds) && !answer.body.is_empty() {
            all.push(Measure::new("body", excerpt(body.text(), cx), "", true));
        }
        Ok(all)
    }

    /// What the status must be.
    pub fn expected_status(&self) -> Expect<Count> {
        self.status.clone().unwrap_or_else(|| Expect::parse("200..299").expect("it is well formed"))
    }
}

/// A request as a step or an assertion writes it.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The URL.
    pub url: &'a str,
    /// The method; GET where nothing is written, POST with a body.
    pub method: Option<&'a str>,
    /// What is sent.
    pub content: Content<'a>,
    /// Headers in the clear.
    pub headers: &'a IndexMap<String, String>,
    /// Headers whose values are variables of the environment.
    pub headers_from_env: &'a IndexMap<String, String>,
    /// The time for all of it, and what it is where nothing is written.
    pub timeout: (Option<TimeSpan>, Duration),
    /// Redirects followed at most.
    pub redirects: Option<u32>,
    /// Certificates to trust.
    pub ca: Option<&'a ExistingPath>,
    /// Whether anybody is trusted.
    pub insecure: bool,
}

/// What a request sends: text or JSON, or nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Content<'a> {
    /// As text.
    pub text: Option<&'a str>,
    /// As JSON.
    pub json: Option<&'a Value>,
}

impl Content<'_> {
    fn bytes(&self) -> Vec<u8> {
        match (self.text, self.json) {
            (Some(text), _) => text.as_bytes().to_vec(),
            (None, Some(json)) => json.to_string().into_bytes(),
            (None, None) => Vec::new(),
        }
    }
}

impl Asked<'_> {
    /// The method.
    pub fn method(&self) -> &str {
        let sends = self.content.text.is_some() || self.content.json.is_some();
        self.method.unwrap_or(if sends { "POST" } else { "GET" })
    }

    /// What is wrong with it.
    pub fn check(&self, cx: &mut CheckContext<'_>) {
        if let Some(problem) = http::problem(self.url) {
            cx.error(
                &["url".into()],
                Code::InvalidValue,
                problem,
                Some("write `url: \"http://127.0.0.1:8080/\"`".to_owned()),
            );
        }
        if let Some(method) = self.method.filter(|method| !method.bytes().all(|byte| byte.is_ascii_uppercase())) {
            let help = Some("methods are written in capitals: GET, POST, PUT, PATCH, DELETE, HEAD".to_owned());
            cx.error(&["method".into()], Code::InvalidValue, format!("`{method}` is not an HTTP method"), help);
        }
        for name in self.headers.keys() {
            if ["authorization", "cookie", "x-api-key"].contains(&name.to_ascii_lowercase().as_str()) {
                let help = Some(format!("write `headers_from_env: {{ {name}: VARIABLE }}` and set it by `env:`"));
                let message = format!("the header `{name}` carries a secret in the clear");
                cx.error(&["headers".into(), name.as_str().into()], Code::SecretMisplaced, message, help);
            }
        }
        if self.content.text.is_some() && self.content.json.is_some() {
            cx.only_one(&["json".into()], &["body", "json"]);
        }
        if self.insecure && self.ca.is_some() {
            cx.only_one(&["insecure".into()], &["insecure", "ca"]);
        }
    }

    /// The request, and whom it trusts.
    ///
    /// # Errors
    /// [`Fault`] of kind environment when a variable is not set.
    pub fn request(&self, env: &BTreeMap<String, String>, project: &Path) -> Result<(Request, Trust), Fault> {
        let mut headers: BTreeMap<String, String> =
            self.headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        for (name, variable) in self.headers_from_env {
            let value = env.get(variable).ok_or_else(|| {
                Fault::environment(format!("the header `{name}` takes its value from `{variable}`, which is not set"))
                    .help(format!("write `env: {{ {variable}: \"${{{{ secrets.NAME }}}}\" }}`, or export it"))
            })?;
            headers.insert(name.clone(), value.clone());
        }
        if self.content.json.is_some() && !headers.keys().any(|name| name.eq_ignore_ascii_case("content-type")) {
            headers.insert("content-type".to_owned(), "application/json".to_owned());
        }
        let request = Request {
            method: self.method().to_owned(),
            headers,
            body: self.content.bytes(),
            timeout: self.timeout.0.map_or(self.timeout.1, |timeout| timeout.0),
            redirects: self.redirects.unwrap_or(0),
            proxies: Proxies::of(env),
            ..Request::get(self.url)
        };
        Ok((request, Trust { ca: self.ca.map(|ca| ca.below(project)), insecure: self.insecure }))
    }
}
