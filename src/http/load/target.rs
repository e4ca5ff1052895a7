//! One kind of request, written down once as it goes over the wire.

use std::fmt;
use std::sync::Arc;

use http::{Method, Uri, header};
use hyper::body::Bytes;
use rustls::pki_types::ServerName;

use super::session::Frames;
use super::wire::{HTTP2, Tls};
use super::{Addresses, Protocol};
use crate::http::{HttpError, Request, Trust, headers, tls, url};

/// One kind of request.
pub struct Target {
    /// How often it is chosen beside the others; at least 1.
    pub weight: u32,
    /// Where it goes.
    pub addresses: Addresses,
    /// The whole request. May hold secrets: never shown.
    pub(super) written: Written,
    /// Whether it is a HEAD request, whose answer has no body.
    pub(super) head: bool,
    /// For TLS: whom to trust, and the name the server must have.
    pub(super) tls: Tls,
}

/// A request, ready to be sent.
pub(super) enum Written {
    /// As it goes over the wire.
    Http1(Vec<u8>),
    Http2(Box<Frames>),
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
    pub fn new(request: &Request, trust: &Trust, protocol: Protocol, keep_alive: bool) -> Result<Self, HttpError> {
        let uri = url::parse(&request.url)?;
        let method =
            Method::from_bytes(request.method.as_bytes()).map_err(|_| HttpError::Method(request.method.clone()))?;
        let host = uri.host().unwrap_or_default().to_owned();
        let secure = uri.scheme_str() == Some("https");
        let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
        let mut tls = if secure { Some((tls::config(trust)?, name(&host)?)) } else { None };
        let written = match protocol {
            Protocol::Http1 => Written::Http1(written(request, &uri, &method, keep_alive)?),
            Protocol::Http2 { .. } => {
                if let Some((config, _)) = &mut tls {
                    config.alpn_protocols = vec![HTTP2.to_vec()];
                }
                Written::Http2(Box::new(framed(request, &uri, &method)?))
            }
        };
        Ok(Target {
            weight: 1,
            addresses: Addresses::Host(host, port),
            written,
            head: method == Method::HEAD,
            tls: tls.map(|(config, name)| (Arc::new(config), name)),
        })
    }
}

fn name(host: &str) -> Result<ServerName<'static>, HttpError> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    ServerName::try_from(bare.to_owned()).map_err(|_| HttpError::Url(format!("`{host}` is no name a certificate has")))
}

/// The request as HTTP/2 sends it: its host is part of the URL, and there is no header about the connection.
fn framed(request: &Request, uri: &Uri, method: &Method) -> Result<Frames, HttpError> {
    let mut all = headers(&request.headers)?;
    all.entry(header::ACCEPT).or_insert(header::HeaderValue::from_static("*/*"));
    for name in [header::CONNECTION, header::TRANSFER_ENCODING, header::UPGRADE] {
        all.remove(name);
    }
    let mut parts = uri.clone().into_parts();
    if let Some(host) = all.remove(header::HOST) {
        let authority = http::uri::Authority::try_from(host.as_bytes());
        parts.authority = Some(authority.map_err(|_| HttpError::Header("host".to_owned()))?);
    }
    if !request.body.is_empty() || matches!(method.as_str(), "POST" | "PUT" | "PATCH") {
        all.insert(header::CONTENT_LENGTH, request.body.len().into());
    }
    let mut head = http::Request::new(());
    *head.uri_mut() = Uri::from_parts(parts).map_err(|error| HttpError::Url(error.to_string()))?;
    *head.method_mut() = method.clone();
    *head.version_mut() = http::Version::HTTP_2;
    *head.headers_mut() = all;
    Ok(Frames { head, body: Bytes::copy_from_slice(&request.body) })
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
        let target = Target::new(request, &Trust::default(), Protocol::Http1, keep_alive).expect("well formed");
        let agent = concat!("user-agent: pipeline/", env!("CARGO_PKG_VERSION"), "\r\n");
        let Written::Http1(bytes) = target.written else { panic!("HTTP/1 was asked for") };
        String::from_utf8(bytes).expect("text").replace(agent, "")
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
        let error = Target::new(&request, &Trust::default(), Protocol::Http1, true).expect_err("two headers");
        assert_eq!(error, HttpError::Header("X".to_owned()));
    }

    #[test]
    fn http2_takes_the_host_into_the_url_and_no_word_on_connections() {
        let request = Request {
            headers: BTreeMap::from([
                ("Host".to_owned(), "todo.example".to_owned()),
                ("Connection".to_owned(), "close".to_owned()),
                ("X-A".to_owned(), "b".to_owned()),
            ]),
            ..Request::get("http://127.0.0.1:8080/a?b=c")
        };
        let target =
            Target::new(&request, &Trust::default(), Protocol::Http2 { streams: 1 }, true).expect("well formed");
        let Written::Http2(frames) = target.written else { panic!("HTTP/2 was asked for") };
        assert_eq!(frames.head.uri(), "http://todo.example/a?b=c");
        let mut names: Vec<&str> = frames.head.headers().keys().map(http::HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["accept", "user-agent", "x-a"]);
    }
}
