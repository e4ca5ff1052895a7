//! What can be wrong with a `traffic` step beyond its shape.

use super::spec::Traffic;
use crate::core::kind::CheckContext;
use crate::core::model::diagnostic::Code;
use crate::core::model::namespace::refuse_system_namespace;
use crate::core::yaml::Segment;
use crate::http::answer::{Asked, Content};
use crate::http::{self, load};
use crate::kubernetes::service::Via;

/// Why a port-forward is no way to measure.
pub const PORT_FORWARD: &str = "a port-forward pins one pod and breaks when that pod goes: it would measure itself";

/// Complains about all of it.
pub fn check(step: &Traffic, cx: &mut CheckContext<'_>) {
    target(step, cx);
    requests(step, cx);
    pace(step, cx);
    length(step, cx);
    step.expect.check(cx, "headers");
    if step.expect.time.is_some() {
        let help = "write `traffic: { of: STEP, p95: \"< 500ms\" }` in the gate".to_owned();
        let path: [Segment; 2] = ["expect".into(), "time".into()];
        cx.error(&path, Code::InvalidValue, "the time of an answer is no reason to count it as failed", Some(help));
    }
}

fn target(step: &Traffic, cx: &mut CheckContext<'_>) {
    let given =
        [("url", step.url.is_some()), ("targets", !step.targets.is_empty()), ("service", step.service.is_some())];
    let given: Vec<&str> = given.iter().filter(|(_, there)| *there).map(|(name, _)| *name).collect();
    match given.as_slice() {
        [_] => {}
        [] => {
            let help = "write `url: \"http://…\"`, or `service: NAME` for one in the cluster".to_owned();
            cx.error(&[], Code::MissingKey, "`traffic` has no address to ask", Some(help));
        }
        [.., last] => cx.only_one(&[(*last).into()], &given),
    }
    if step.service.is_none() {
        let only = [
            ("namespace", step.namespace.is_some()),
            ("port", step.port.is_some()),
            ("path", step.path.is_some()),
            ("scheme", step.scheme.is_some()),
            ("via", step.via.is_some()),
        ];
        for (name, _) in only.iter().filter(|(_, there)| *there) {
            cx.error(&[(*name).into()], Code::InvalidValue, format!("`{name}` says how to reach a `service`"), None);
        }
    }
    if let Some(fault) = step.namespace.as_deref().and_then(|name| refuse_system_namespace(name).err()) {
        cx.error(&["namespace".into()], Code::InvalidValue, fault.message, fault.help);
    }
    if step.via == Some(Via::PortForward) {
        let help =
            "write `via: node_port` (or load_balancer, ingress), or `via: endpoints` to go to the pods themselves";
        cx.error(&["via".into()], Code::InvalidValue, PORT_FORWARD, Some(help.to_owned()));
    }
    if let Some(path) = step.path.as_deref().filter(|path| !path.starts_with('/')) {
        cx.error(&["path".into()], Code::InvalidValue, format!("`{path}` does not start with `/`"), None);
    }
}

fn requests(step: &Traffic, cx: &mut CheckContext<'_>) {
    step.asked(step.url.as_deref().unwrap_or("http://localhost/")).check(cx);
    for (at, target) in step.targets.iter().enumerate() {
        let path = |key: &'static str| -> [Segment; 3] { ["targets".into(), at.into(), key.into()] };
        if let Some(problem) = http::problem(&target.url) {
            cx.error(&path("url"), Code::InvalidValue, problem, None);
        }
        if target.body.is_some() && target.json.is_some() {
            cx.only_one(&path("json"), &["body", "json"]);
        }
    }
    if !step.targets.is_empty() {
        for (name, there) in
            [("method", step.method.is_some()), ("body", step.body.is_some()), ("json", step.json.is_some())]
        {
            if there {
                let help = Some(format!("write `{name}` beside the `url` it belongs to"));
                cx.error(&[name.into()], Code::InvalidValue, format!("`{name}` belongs to one of the targets"), help);
            }
        }
    }
}

fn pace(step: &Traffic, cx: &mut CheckContext<'_>) {
    match step.rate {
        None if step.connections.is_none() => {
            let help = "write `rate: 200/s`; or `connections: 16` alone, to ask as fast as the server answers";
            cx.error(&[], Code::MissingKey, "`traffic` has no `rate`", Some(help.to_owned()));
        }
        None => {}
        Some(rate) => {
            if let Some(message) = load::problem(rate) {
                cx.error(&["rate".into()], Code::InvalidValue, message, None);
            }
        }
    }
    if step.streams.is_some_and(|streams| streams > 1) {
        let message = match (step.http2, step.keep_alive) {
            (false, _) => Some("HTTP/1.1 has one request at a time on a connection"),
            (true, Some(false)) => Some("each request has a connection of its own without `keep_alive`"),
            (true, _) => None,
        };
        if let Some(message) = message {
            let help = if step.http2 { "leave `keep_alive: false` out" } else { "write `http2: true` beside it" };
            cx.error(&["streams".into()], Code::InvalidValue, message, Some(help.to_owned()));
        }
    }
    if step.rate.is_none() && step.arrivals.is_some() {
        let message = "`arrivals` spreads a `rate`, and there is none";
        cx.error(&["arrivals".into()], Code::InvalidValue, message, None);
    }
}

fn length(step: &Traffic, cx: &mut CheckContext<'_>) {
    if step.lasts.is_some() && step.requests.is_some() {
        cx.only_one(&["requests".into()], &["for", "requests"]);
    }
    let bound = if step.lasts.is_some() { Some("for") } else { step.requests.map(|_| "requests") };
    match (cx.during, bound) {
        (true, Some(name)) => {
            let help = Some("the steps that it runs during say how long".to_owned());
            cx.error(&[name.into()], Code::InvalidValue, format!("`{name}` cannot stand beside `during`"), help);
        }
        (false, None) => {
            let help = "write `for: 30s` or `requests: 10000`; or `during: [STEP]` beside `traffic:`".to_owned();
            cx.error(&[], Code::MissingKey, "nothing says how long `traffic` lasts", Some(help));
        }
        (false, Some(_)) if step.cool_down.is_some() => {
            let message = "`cool_down` comes after the steps that are covered, and there are none";
            cx.error(&["cool_down".into()], Code::InvalidValue, message, None);
        }
        _ => {}
    }
}

impl Traffic {
    /// The request to `url`.
    pub(super) fn asked<'a>(&'a self, url: &'a str) -> Asked<'a> {
        Asked {
            url,
            method: self.method.as_deref(),
            content: Content { text: self.body.as_deref(), json: self.json.as_ref().map(|json| &json.0) },
            headers: &self.headers,
            headers_from_env: &self.headers_from_env,
            timeout: (self.timeout, super::TIMEOUT),
            redirects: None,
            ca: self.ca.as_ref(),
            insecure: self.insecure,
        }
    }
}
