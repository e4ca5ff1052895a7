//! HTTP requests, one at a time, for the `http` step and assertion. HTTP/1.1, TLS by rustls, through a proxy where asked for.

pub mod answer;
pub mod assertions;
mod error;
pub mod grpc;
pub mod load;
mod no_proxy;
pub mod prometheus;
mod proxy;
pub mod steps;
pub(crate) mod tls;
pub(crate) mod url;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use http::{HeaderName, HeaderValue, Method, Uri, header};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::legacy::connect::{Connect, HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

pub use error::HttpError;
pub(crate) use no_proxy::NoProxy;
pub use proxy::Proxies;
use proxy::Proxy;
pub(crate) use url::port_problem;
pub use url::{authority, host_and_port, is_this_machine, parts, problem};

type Plain = Client<HttpConnector, Full<Bytes>>;
type Secure = Client<hyper_rustls::HttpsConnector<HttpConnector>, Full<Bytes>>;

/// How long a connection may lie idle to be used again.
const IDLE: Duration = Duration::from_secs(30);
/// Header lines that an answer may have.
pub(crate) const MAX_HEADERS: usize = 1024;
/// Bytes that the head of an answer may have.
pub(crate) const MAX_HEAD: usize = 512 << 10;

/// An HTTP client with kept-alive connections.
#[derive(Default)]
pub struct Http {
    plain: OnceLock<Plain>,
    /// For servers that the system trusts; loading its certificates waits for the first `https`.
    secure: OnceLock<Secure>,
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Http")
    }
}

/// One request. Header values may be secret: its `Debug` shows none.
#[derive(Clone)]
pub struct Request {
    /// `GET`, `POST`, …
    pub method: String,
    /// `http://…` or `https://…`.
    pub url: String,
    /// Headers by name.
    pub headers: BTreeMap<String, String>,
    /// What is sent.
    pub body: Vec<u8>,
    /// For the whole of it, redirects included.
    pub timeout: Duration,
    /// Redirects followed at most.
    pub redirects: u32,
    /// Bytes of the body read at most; the connection is given up after them.
    pub limit: usize,
    /// The proxies that it, and what it is redirected to, goes through.
    pub proxies: Proxies,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.url)
    }
}

impl Request {
    /// A GET without headers and proxies: 30 seconds, no redirects, 8 MiB.
    pub fn get(url: impl Into<String>) -> Self {
        Request {
            method: "GET".to_owned(),
            url: url.into(),
            headers: BTreeMap::new(),
            body: Vec::new(),
            timeout: Duration::from_secs(30),
            redirects: 0,
            limit: 8 << 20,
            proxies: Proxies::default(),
        }
    }
}

/// Which servers are trusted over `https`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trust {
    /// A file of certificates (PEM) instead of the system's.
    pub ca: Option<PathBuf>,
    /// Any server at all, without a check of its certificate.
    pub insecure: bool,
}

/// What a server answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// Headers, names in lower case; values of repeated ones joined by `, `.
    pub headers: BTreeMap<String, String>,
    /// The body, up to the limit.
    pub body: Vec<u8>,
    /// Whether the body was longer.
    pub cut: bool,
    /// From the start to the last byte.
    pub time: Duration,
}

impl Http {
    /// Opens nothing yet.
    pub fn new() -> Self {
        Http::default()
    }

    /// Sends one request and reads its answer.
    ///
    /// # Errors
    /// [`HttpError`]: [`HttpError::is_answer`] separates what the network answered from what the request got wrong.
    pub async fn send(&self, request: &Request, trust: &Trust) -> Result<Answer, HttpError> {
        let start = Instant::now();
        let exchange = self.follow(request, trust);
        let timed = tokio::time::timeout(request.timeout, exchange).await;
        let (status, headers, body, cut) = timed.map_err(|_| HttpError::TimedOut(request.timeout))??;
        Ok(Answer { status, headers, body, cut, time: start.elapsed() })
    }

    async fn follow(
        &self,
        request: &Request,
        trust: &Trust,
    ) -> Result<(u16, BTreeMap<String, String>, Vec<u8>, bool), HttpError> {
        let mut uri = url::parse(&request.url)?;
        let mut method =
            Method::from_bytes(request.method.as_bytes()).map_err(|_| HttpError::Method(request.method.clone()))?;
        let mut headers = headers(&request.headers)?;
        let mut body = Bytes::from(request.body.clone());
        let mut left = request.redirects;
        loop {
            let mut builder = http::Request::builder().method(method.clone()).uri(uri.clone());
            if let Some(all) = builder.headers_mut() {
                all.clone_from(&headers);
            }
            let sent = builder.body(Full::new(body.clone())).map_err(|error| HttpError::Url(error.to_string()))?;
            let answer = match request.proxies.for_url(&uri)? {
                None => self.exchange(sent, &uri, trust).await?,
                Some(proxy) => through(&proxy, sent, trust).await?,
            };
            let target = answer.headers().get(header::LOCATION).and_then(|value| value.to_str().ok());
            let (Some(target), true) = (target, answer.status().is_redirection() && left > 0) else {
                return read(answer, request.limit).await;
            };
            left -= 1;
            let next = url::join(&uri, target)?;
            if next.authority() != uri.authority() {
                // what proves who we are to one host is not for another
                headers.remove(header::AUTHORIZATION);
                headers.remove(header::COOKIE);
            }
            if !matches!(answer.status().as_u16(), 307 | 308) && method != Method::HEAD {
                (method, body) = (Method::GET, Bytes::new());
                headers.remove(header::CONTENT_TYPE);
            }
            uri = next;
        }
    }

    async fn exchange(
        &self,
        request: http::Request<Full<Bytes>>,
        uri: &Uri,
        trust: &Trust,
    ) -> Result<http::Response<Incoming>, HttpError> {
        if uri.scheme_str() == Some("http") {
            let client = self.plain.get_or_init(|| client(connector()));
            return client.request(request).await.map_err(|error| HttpError::of(&error));
        }
        let own;
        let client = if *trust == Trust::default() {
            match self.secure.get() {
                Some(client) => client,
                None => self.secure.get_or_init(|| client(tls::connector(tls::system(), connector()))),
            }
        } else {
            own = client(tls::connector(tls::config(trust)?, connector()));
            &own
        };
        client.request(request).await.map_err(|error| HttpError::of(&error))
    }
}

/// By way of a proxy, on a connection of its own: it passes an `http` request on, and is asked for a tunnel for `https`.
async fn through(
    proxy: &Proxy,
    mut request: http::Request<Full<Bytes>>,
    trust: &Trust,
) -> Result<http::Response<Incoming>, HttpError> {
    if request.uri().scheme_str() == Some("https") {
        let mut tunnel = Tunnel::new(proxy.uri().clone(), connector());
        if let Some(proof) = proxy.authorization() {
            tunnel = tunnel.with_auth(proof);
        }
        let sent = client(tls::connector(tls::config(trust)?, tunnel)).request(request).await;
        return sent.map_err(|error| {
            HttpError::in_tunnel(&error).map_or_else(|| HttpError::of(&error), |why| proxy.failed(why))
        });
    }
    if let Some(proof) = proxy.authorization() {
        request.headers_mut().insert(header::PROXY_AUTHORIZATION, proof);
    }
    if let Some(host) = request.uri().authority().and_then(|host| HeaderValue::from_str(host.as_str()).ok()) {
        request.headers_mut().entry(header::HOST).or_insert(host);
    }
    let address = (proxy.uri().host().unwrap_or_default(), proxy.uri().port_u16().unwrap_or(80));
    let stream = TcpStream::connect(address).await.map_err(|error| proxy.failed(HttpError::of(&error)))?;
    let handshake =
        http1::Builder::new().max_headers(MAX_HEADERS).max_buf_size(MAX_HEAD).handshake(TokioIo::new(stream));
    let (mut sender, connection) = handshake.await.map_err(|error| HttpError::of(&error))?;
    tokio::spawn(connection);
    let answer = sender.send_request(request).await.map_err(|error| HttpError::of(&error))?;
    if answer.status() == http::StatusCode::PROXY_AUTHENTICATION_REQUIRED {
        return Err(proxy.failed("it wants to know who asks (407)"));
    }
    Ok(answer)
}

/// Whether a text can be the name of a header.
pub fn is_header_name(name: &str) -> bool {
    HeaderName::from_bytes(name.as_bytes()).is_ok()
}

fn connector() -> HttpConnector {
    let mut connector = HttpConnector::new();
    connector.enforce_http(false);
    connector.set_nodelay(true);
    connector
}

fn client<C: Connect + Clone>(connector: C) -> Client<C, Full<Bytes>> {
    Client::builder(TokioExecutor::new())
        .pool_idle_timeout(IDLE)
        .http1_max_headers(MAX_HEADERS)
        .http1_max_buf_size(MAX_HEAD)
        .build(connector)
}

pub(crate) fn headers(written: &BTreeMap<String, String>) -> Result<http::HeaderMap, HttpError> {
    let mut headers = http::HeaderMap::new();
    for (name, value) in written {
        let (Ok(key), Ok(mut content)) =
            (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value.trim_end()))
        else {
            return Err(HttpError::Header(name.clone()));
        };
        content.set_sensitive(true);
        headers.insert(key, content);
    }
    headers
        .entry(header::USER_AGENT)
        .or_insert(HeaderValue::from_static(concat!("pipeline/", env!("CARGO_PKG_VERSION"))));
    Ok(headers)
}

async fn read(
    answer: http::Response<Incoming>,
    limit: usize,
) -> Result<(u16, BTreeMap<String, String>, Vec<u8>, bool), HttpError> {
    let mut headers = BTreeMap::<String, String>::new();
    for (name, value) in answer.headers() {
        let value = String::from_utf8_lossy(value.as_bytes());
        headers
            .entry(name.as_str().to_owned())
            .and_modify(|all| {
                all.push_str(", ");
                all.push_str(&value);
            })
            .or_insert_with(|| value.clone().into_owned());
    }
    let status = answer.status().as_u16();
    let (mut incoming, mut body, mut cut) = (answer.into_body(), Vec::new(), false);
    while let Some(frame) = incoming.frame().await {
        let frame = frame.map_err(|error| HttpError::of(&error))?;
        let Some(bytes) = frame.data_ref() else { continue };
        let room = limit.saturating_sub(body.len()).min(bytes.len());
        body.extend_from_slice(&bytes[..room]);
        if room < bytes.len() {
            cut = true;
            break;
        }
    }
    Ok((status, headers, body, cut))
}

#[cfg(test)]
pub(crate) mod tests;
