//! What a user writes under `traffic`.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::core::kind::{ExistingPath, SecretField};
use crate::core::model::units::{Rate, TimeSpan};
use crate::core::spec::Any;
use crate::http::answer::AnswerExpect;
use crate::kubernetes::service::{Scheme, Via, number_or_name, port};

/// Load on a server. With `rate`, requests start at that rate whatever the server does, and latency runs from when a
/// request was due: stalls count against the server. With `connections` alone, each connection asks again
/// when it has its answer. No proxy is used, whatever `HTTP_PROXY` says: what is measured is the server.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Traffic {
    /// `http://…` or `https://…`. One of `url`, `targets`, `service`.
    #[serde(default)]
    pub url: Option<String>,
    /// Several requests, mixed by weight.
    #[serde(default)]
    pub targets: Vec<TargetSpec>,
    /// A Service, reached as a client would reach it.
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
    /// How to speak to a Service; `http` where nothing is written.
    #[serde(default)]
    pub scheme: Option<Scheme>,
    /// How the Service is reached. `auto`: its load balancer, else a node port, else an Ingress. `endpoints`: the ready
    /// pods themselves, one after the other.
    #[serde(default)]
    pub via: Option<Via>,
    /// `GET` where nothing is written; `POST` with a body.
    #[serde(default)]
    pub method: Option<String>,
    /// Headers. Secrets go into `headers_from_env`, `bearer` or `cookies`.
    #[serde(default)]
    pub headers: IndexMap<String, String>,
    /// Headers whose values are variables of the step's environment: `X-Api-Key: API_KEY`.
    #[serde(default)]
    pub headers_from_env: IndexMap<String, String>,
    /// A token, sent as `Authorization: Bearer …`. May come from a secret or another step's output.
    #[serde(default)]
    pub bearer: Option<SecretField>,
    /// Cookies by name. Values may come from secrets or other steps' outputs.
    #[serde(default)]
    pub cookies: IndexMap<String, SecretField>,
    /// What is sent, as text.
    #[serde(default)]
    pub body: Option<String>,
    /// What is sent, as JSON.
    #[serde(default)]
    pub json: Option<Any>,
    /// Requests that start each second, whatever the server does: `200/s`.
    #[serde(default)]
    pub rate: Option<Rate>,
    /// How the starts are spread; `constant` where nothing is written.
    #[serde(default)]
    pub arrivals: Option<Arrivals>,
    /// Connections, each with one request at a time; 16 beside a `rate`. A request that is due while all are busy
    /// waits for one, and its waiting counts.
    #[serde(default)]
    #[schemars(range(min = 1, max = 10_000))]
    pub connections: Option<u32>,
    /// Speaks HTTP/2 in place of HTTP/1.1: agreed on in the TLS handshake; in the clear, without asking first.
    #[serde(default)]
    pub http2: bool,
    /// Requests under way at once on each connection; 1 where nothing is written. More needs `http2`.
    #[serde(default)]
    #[schemars(range(min = 1, max = 1000))]
    pub streams: Option<u32>,
    /// How long is measured. Not beside `during`: there the other steps say.
    #[serde(default, rename = "for")]
    pub lasts: Option<TimeSpan>,
    /// How many requests are measured.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub requests: Option<u64>,
    /// For one request, from when it was due; 10s where nothing is written.
    #[serde(default)]
    pub timeout: Option<TimeSpan>,
    /// Before the measurement: goes on until this long was free of failures, 60s at most; 1s where nothing is written.
    #[serde(default)]
    pub warmup: Option<TimeSpan>,
    /// How much longer is measured after the last step that is covered; 1s where nothing is written.
    #[serde(default)]
    pub cool_down: Option<TimeSpan>,
    /// Whether connections are used again; true where nothing is written. Without, each request opens its own.
    #[serde(default)]
    pub keep_alive: Option<bool>,
    /// What a request counts as that met a kept connection just being closed: reset without a byte of an answer, at
    /// once after it was sent, so that the server cannot have read it; in HTTP/2, the server said that it was not looked
    /// at (GOAWAY without an error, `REFUSED_STREAM`). `apart` where nothing is written: beside
    /// `failed`, not in it. No request is ever sent twice.
    #[serde(default)]
    pub stale_connection: Option<Stale>,
    /// A file of certificates (PEM) to trust instead of the system's.
    #[serde(default)]
    pub ca: Option<ExistingPath>,
    /// Trusts any certificate. For tests on one's own machine.
    #[serde(default)]
    pub insecure: bool,
    /// What every answer must be; a status of `200..299` where nothing is written. Another one counts as failed.
    #[serde(default)]
    pub expect: AnswerExpect,
}

/// One of several requests.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TargetSpec {
    /// `http://…` or `https://…`.
    pub url: String,
    /// How often it is chosen beside the others; 1 where nothing is written.
    #[serde(default)]
    #[schemars(range(min = 1, max = 1000))]
    pub weight: Option<u32>,
    /// `GET` where nothing is written; `POST` with a body.
    #[serde(default)]
    pub method: Option<String>,
    /// What is sent, as text.
    #[serde(default)]
    pub body: Option<String>,
    /// What is sent, as JSON.
    #[serde(default)]
    pub json: Option<Any>,
}

/// How requests are spread over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Arrivals {
    /// Evenly.
    Constant,
    /// At random, as many independent clients would.
    Poisson,
}

/// How a stale connection counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Stale {
    /// Beside `failed`.
    Apart,
    /// In `failed`.
    Failed,
}
