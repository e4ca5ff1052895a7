//! The options of `pipeline traffic`.

use std::path::PathBuf;

use clap::Args as Group;

use crate::core::model::expect::Expect;
use crate::core::model::units::{Count, Quantity, Rate, TimeSpan};

#[derive(Debug, Group)]
pub(in crate::cli) struct Traffic {
    /// http://… or https://…
    pub url: String,
    /// Requests that start each second, whatever the server does [default: as fast as the server answers]
    #[arg(short, long, value_name = "RATE", value_parser = quantity::<Rate>)]
    pub rate: Option<Rate>,
    /// How long
    #[arg(long = "for", value_name = "TIME", default_value = "10s", value_parser = quantity::<TimeSpan>)]
    pub lasts: TimeSpan,
    /// How many requests, in place of a time
    #[arg(short = 'n', long, value_name = "N", conflicts_with = "lasts", value_parser = clap::value_parser!(u64).range(1..))]
    pub requests: Option<u64>,
    /// Connections, each with one request at a time
    #[arg(short, long, value_name = "N", default_value = "16", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub connections: u32,
    /// Speak HTTP/2: agreed on in the TLS handshake; in the clear, without asking first
    #[arg(long)]
    pub http2: bool,
    /// Requests under way at once on each connection
    #[arg(long, value_name = "N", default_value = "1", requires = "http2", conflicts_with = "no_keep_alive", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub streams: u32,
    /// Spread the starts at random, as many independent clients would
    #[arg(long, requires = "rate")]
    pub poisson: bool,
    /// For one request, from when it was due
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = quantity::<TimeSpan>)]
    pub timeout: TimeSpan,
    /// Go on until this long was free of failures, before anything is measured
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = quantity::<TimeSpan>)]
    pub warmup: TimeSpan,
    /// The method [default: GET, or POST with a body]
    #[arg(short = 'X', long, value_name = "METHOD")]
    pub method: Option<String>,
    /// A header, as `Name: value`; may stand several times
    #[arg(short = 'H', long = "header", value_name = "HEADER", value_parser = header)]
    pub headers: Vec<(String, String)>,
    /// What is sent
    #[arg(short, long, value_name = "TEXT")]
    pub body: Option<String>,
    /// The status every answer must have: `200`, `200..299`, `< 400`
    #[arg(long, value_name = "STATUS", default_value = "200..299", value_parser = expectation::<Count>)]
    pub status: Expect<Count>,
    /// A text that every answer's body must contain
    #[arg(long, value_name = "TEXT")]
    pub contains: Option<String>,
    /// Open a connection for each request
    #[arg(long)]
    pub no_keep_alive: bool,
    /// Count as failed what met a kept connection just being closed
    #[arg(long)]
    pub stale_fails: bool,
    /// A file of certificates (PEM) to trust instead of the system's
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// Trust any certificate
    #[arg(long, conflicts_with = "ca")]
    pub insecure: bool,
    /// Print the figures as JSON
    #[arg(long)]
    pub json: bool,
    /// Write the latencies of each second as an `HdrHistogram` log
    #[arg(long, value_name = "FILE")]
    pub histogram: Option<PathBuf>,
}

fn quantity<Q: Quantity>(text: &str) -> Result<Q, String> {
    Q::parse(text).map_err(|error| error.to_string())
}

fn expectation<Q: Quantity>(text: &str) -> Result<Expect<Q>, String> {
    Expect::parse(text).map_err(|error| error.to_string())
}

fn header(text: &str) -> Result<(String, String), String> {
    match text.split_once(':') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.trim().to_owned())),
        _ => Err("expected `Name: value`".to_owned()),
    }
}
