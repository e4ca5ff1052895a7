//! One kind of request, written down once as it goes over the wire.

use std::fmt;
use std::sync::Arc;

use http::{Method, Uri, header};
use rustls::pki_types::ServerName;

use super::Addresses;
use super::line::Tls;
use crate::drivers::http::{HttpError, Request, Trust, headers, tls, url};

/// One kind of request.
pub struct Target {
    /// How often it is chosen beside the others; at least 1.
    pub weight: u32,
    /// Where it goes.
    pub addresses: Addresses,
    /// The whole request as it goes over the wire. May hold secrets: never shown.
    pub(super) bytes: Vec<u8>,
    /// Whether it is a HEAD request, whose answer has no body.
    pub(super) head: bool,
    /// For TLS: whom to trust, and the name the server must have.
    pub(super) tls: Tls,
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target")
            .field("weight", &self.weight)
            .field("addresses", &self.addresses)
            .finish_non_exhaustive()
    }
}

impl Target {
    /// The request of this method, URL, headers and body; where `keep_alive` is false, it says that the connection is
    /// closed after it.
    ///
    /// # Errors
    /// [`HttpError`] when the URL, the method, a header or the certificates cannot be used.
    pub fn new(request: &Request, trust: &Trust, keep_alive: bool) -> Result<Self, HttpError> {
        let uri = url::parse(&request.url)?;
        let method =
            Method::from_bytes(request.method.as_bytes()).map_err(|_| HttpError::Method(request.method.clone()))?;
        let host = uri.host().unwrap_or_default().to_owned();
        let secure = uri.scheme_str() == Some("https");
        let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
        let tls = if secure { Some((Arc::new(tls::config(trust)?), name(&host)?)) } else { None };
        Ok(Target {
            weight: 1,
            addresses: Addresses::Host(host, port),
            bytes: written(request, &uri, &method, keep_alive)?,
            head: method == Method::HEAD,
            tls,
        })
    }
}

fn name(host: &str) -> Result<ServerName<'static>, HttpError> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    ServerName::try_from(bare.to_owned()).map_err(|_| HttpError::Url(format!("`{host}` is no name a certificate has")))
}

/// The request as it goes over the wire.
fn written(request: &Request, uri: &Uri, method: &Method, keep_alive: bool) -> Result<Vec<u8>, HttpError> {
    let mut all = headers(&request.headers)?;
    if !all.contains_key(header::HOST) {
        let authority = uri.authority().map(http::uri::Authority::as_str).unwrap_or_default();
        let value = authority.parse().map_err(|_| HttpError::Header("host".to_owned()))?;
        all.insert(header::HOST, value);
    }
    all.entry(header::ACCEPT).or_insert(header::HeaderValue::from_static("*/*"));
    if !keep_alive {
        all.insert(header::CONNECTION, header::HeaderValue::from_static("close"));
    }
    if !request.body.is_empty() || matches!(method.as_str(), "POST" | "PUT" | "PATCH") {
        all.insert(header::CONTENT_LENGTH, request.body.len().into());
    }
    let path = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    let mut bytes = format!("{method} {path} HTTP/1.1\r\n").into_bytes();
    // The host comes first, as RFC 9112 would like.
    if let Some(host) = all.remove(header::HOST) {
        line(&mut bytes, "host", host.as_bytes());
    }
    // `HeaderMap` has an order of its own: sorted, a request looks the same every time.
    let mut all: Vec<_> = all.iter().collect();
    all.sort_by_key(|(name, _)| name.as_str());
    for (name, value) in all {
        line(&mut bytes, name.as_str(), value.as_bytes());
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(&request.body);
    Ok(bytes)
}

fn line(bytes: &mut Vec<u8>, name: &str, value: &[u8]) {
    bytes.extend_from_slice(name.as_bytes());
    bytes.extend_from_slice(b": ");
    bytes.extend_from_slice(value);
    bytes.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn wire(request: &Request, keep_alive: bool) -> String {
        let target = Target::new(request, &Trust::default(), keep_alive).expect("well formed");
        let agent = concat!("user-agent: pipeline/", env!("CARGO_PKG_VERSION"), "\r\n");
        String::from_utf8(target.bytes).expect("text").replace(agent, "")
    }

    #[test]
    fn a_request_is_written_whole() {
        let get = Request::get("http://127.0.0.1:8080/a?b=c#d");
        assert_eq!(wire(&get, true), "GET /a?b=c HTTP/1.1\r\nhost: 127.0.0.1:8080\r\naccept: */*\r\n\r\n");
        let post = Request {
            method: "POST".to_owned(),
            headers: BTreeMap::from([("Host".to_owned(), "todo.example".to_owned())]),
            body: b"{}".to_vec(),
            ..Request::get("http://127.0.0.1")
        };
        let expected =
            "POST / HTTP/1.1\r\nhost: todo.example\r\naccept: */*\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}";
        assert_eq!(wire(&post, false), expected);
    }

    #[test]
    fn a_line_break_in_a_header_is_refused() {
        let request = Request {
            headers: BTreeMap::from([("X".to_owned(), "a\r\nY: b".to_owned())]),
            ..Request::get("http://127.0.0.1")
        };
        let error = Target::new(&request, &Trust::default(), true).expect_err("two headers");
        assert_eq!(error, HttpError::Header("X".to_owned()));
    }
}
