//! gRPC calls with one message each way: the health protocol and reflection. Knows no expectation.
//!
//! The two protocols need four messages of a field or two, so their encoding is written by hand (`message`); the rest is
//! HTTP/2, for which `h2` is there already.

mod message;
#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use h2::client::SendRequest;
use http::HeaderMap;
use hyper::body::Bytes;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::task::AbortOnDropHandle;

use super::{Trust, tls};
use crate::process::tcp::{self, TcpError};

pub use message::Health;

/// Bytes of a message that are read: 4 MiB, as gRPC's own limit.
const LARGEST: usize = 4 << 20;
/// Status codes of gRPC, by number.
const CODES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

/// Where a server is, and how it is trusted.
#[derive(Debug, Clone)]
pub struct Server {
    /// `host:port`.
    pub address: String,
    /// The name to ask for, where it is not the host.
    pub name: Option<String>,
    /// Whom to trust; `None` without TLS.
    pub trust: Option<Trust>,
    /// For connecting and each call.
    pub timeout: Duration,
}

/// Why a call has no message as its answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GrpcError {
    /// The server answered with a status other than OK.
    #[error("{}: {message}", code_name(*.code))]
    Status {
        /// The code, by number.
        code: u32,
        /// Its words.
        message: String,
    },
    /// No connection.
    #[error("{0}")]
    Connect(#[from] TcpError),
    /// No secure connection.
    #[error("no secure connection: {0}")]
    Tls(String),
    /// It broke, or the time was over.
    #[error("{0}")]
    Broken(String),
    /// What answers does not speak gRPC.
    #[error("what answers does not speak gRPC: {0}")]
    NotGrpc(String),
    /// The certificates to trust cannot be used.
    #[error("{0}")]
    Invalid(String),
}

impl GrpcError {
    /// Whether it says that the server is not up, as opposed to that nothing is known of it.
    pub fn is_answer(&self) -> bool {
        match self {
            GrpcError::Connect(error) => error.is_closed(),
            GrpcError::Status { .. } | GrpcError::Tls(_) | GrpcError::Broken(_) => true,
            GrpcError::NotGrpc(_) | GrpcError::Invalid(_) => false,
        }
    }

    /// The status code, where the server gave one.
    pub fn code(&self) -> Option<&'static str> {
        match self {
            GrpcError::Status { code, .. } => Some(code_name(*code)),
            _ => None,
        }
    }
}

/// `UNAVAILABLE` for 14.
fn code_name(code: u32) -> &'static str {
    usize::try_from(code).ok().and_then(|code| CODES.get(code)).copied().unwrap_or("UNKNOWN")
}

/// A connection to a server.
pub struct Connection {
    sender: SendRequest<Bytes>,
    authority: String,
    scheme: &'static str,
    timeout: Duration,
    /// Carries the frames as long as the connection lives.
    _driver: AbortOnDropHandle<()>,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// [`GrpcError`] where there is no HTTP/2 connection within the time.
    pub async fn open(server: &Server) -> Result<Self, GrpcError> {
        let opening = async {
            let stream = tcp::connect(&server.address, server.timeout).await?;
            match &server.trust {
                None => Connection::over(stream, server, "http").await,
                Some(trust) => Connection::over(secured(stream, server, trust).await?, server, "https").await,
            }
        };
        tokio::time::timeout(server.timeout, opening).await.unwrap_or_else(|_| Err(late(server.timeout)))
    }

    async fn over<S>(stream: S, server: &Server, scheme: &'static str) -> Result<Self, GrpcError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let not_grpc = |error: h2::Error| GrpcError::NotGrpc(error.to_string());
        let (sender, connection) = h2::client::handshake(stream).await.map_err(not_grpc)?;
        let driver = tokio::spawn(async move {
            // what breaks it is reported to every call on it
            let _ = connection.await;
        });
        let authority = server.name.clone().unwrap_or_else(|| server.address.clone());
        let (driver, timeout) = (AbortOnDropHandle::new(driver), server.timeout);
        Ok(Connection { sender, authority, scheme, timeout, _driver: driver })
    }

    /// What the health protocol says of a service of the server; of the server itself where it is empty.
    ///
    /// # Errors
    /// [`GrpcError`] where it says nothing.
    pub async fn health(&self, service: &str) -> Result<Health, GrpcError> {
        let answer = self.call("/grpc.health.v1.Health/Check", &message::health_request(service)).await?;
        message::health(&answer).ok_or_else(|| GrpcError::NotGrpc("its health answer cannot be read".to_owned()))
    }

    /// The services of the server, by reflection.
    ///
    /// # Errors
    /// [`GrpcError`] where it does not say; a status of `UNIMPLEMENTED` where it has no reflection.
    pub async fn services(&self) -> Result<Vec<String>, GrpcError> {
        let request = message::list_services_request();
        let v1 = self.call("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", &request).await;
        let answer = match v1 {
            Err(GrpcError::Status { code: 12, .. }) => {
                self.call("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", &request).await?
            }
            other => other?,
        };
        message::services(&answer).ok_or_else(|| GrpcError::NotGrpc("its reflection answer cannot be read".to_owned()))
    }

    /// Sends one message and reads one.
    async fn call(&self, path: &str, message: &[u8]) -> Result<Vec<u8>, GrpcError> {
        let exchange = self.exchange(path, message);
        tokio::time::timeout(self.timeout, exchange).await.unwrap_or_else(|_| Err(late(self.timeout)))
    }

    async fn exchange(&self, path: &str, message: &[u8]) -> Result<Vec<u8>, GrpcError> {
        let request = http::Request::post(format!("{}://{}{path}", self.scheme, self.authority))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .header("grpc-timeout", format!("{}m", self.timeout.as_millis().min(99_999_999)))
            .body(())
            .map_err(|error| GrpcError::Invalid(error.to_string()))?;
        let mut sender = self.sender.clone().ready().await.map_err(|error| broken(&error))?;
        let (response, mut stream) = sender.send_request(request, false).map_err(|error| broken(&error))?;
        stream.send_data(framed(message), true).map_err(|error| broken(&error))?;
        let (head, mut body) = response.await.map_err(|error| broken(&error))?.into_parts();
        let is_grpc =
            head.headers.get("content-type").is_some_and(|value| value.as_bytes().starts_with(b"application/grpc"));
        if !head.status.is_success() || !is_grpc {
            return Err(GrpcError::NotGrpc(format!("status {}", head.status.as_u16())));
        }
        // an answer without a message has its status in the head
        status(&head.headers)?;
        let mut bytes = Vec::new();
        while let Some(data) = body.data().await {
            let data = data.map_err(|error| broken(&error))?;
            let _ = body.flow_control().release_capacity(data.len());
            bytes.extend_from_slice(&data);
            if bytes.len() > LARGEST {
                return Err(GrpcError::NotGrpc("its answer is larger than 4 MiB".to_owned()));
            }
        }
        let trailers = body.trailers().await.map_err(|error| broken(&error))?;
        let ended = trailers.as_ref().map(status).transpose()?.flatten();
        if ended.is_none() {
            return Err(GrpcError::Broken("the answer has no status at its end".to_owned()));
        }
        unframed(&bytes).ok_or_else(|| GrpcError::NotGrpc("its answer is not one message".to_owned()))
    }
}

async fn secured<S>(stream: S, server: &Server, trust: &Trust) -> Result<tokio_rustls::client::TlsStream<S>, GrpcError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut config = tls::config(trust).map_err(|error| GrpcError::Invalid(error.to_string()))?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    let name = server.name.as_deref().unwrap_or(&server.address);
    let host = name.rsplit_once(':').map_or(name, |(host, _)| host).trim_matches(['[', ']']);
    let host =
        ServerName::try_from(host.to_owned()).map_err(|error| GrpcError::Invalid(format!("`{host}`: {error}")))?;
    let connector = tokio_rustls::TlsConnector::from(std::sync::Arc::new(config));
    connector.connect(host, stream).await.map_err(|error| GrpcError::Tls(error.to_string()))
}

/// One message, not compressed, behind its length.
fn framed(message: &[u8]) -> Bytes {
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    let mut bytes = vec![0];
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(message);
    bytes.into()
}

/// The message of a frame that is all there is.
fn unframed(bytes: &[u8]) -> Option<Vec<u8>> {
    let (head, message) = bytes.split_at_checked(5)?;
    let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]);
    (head[0] == 0 && usize::try_from(length) == Ok(message.len())).then(|| message.to_vec())
}

/// OK where headers say so, nothing where they say nothing.
fn status(headers: &HeaderMap) -> Result<Option<()>, GrpcError> {
    let Some(code) = headers.get("grpc-status") else { return Ok(None) };
    let code = code.to_str().ok().and_then(|code| code.parse().ok());
    let code: u32 = code.ok_or_else(|| GrpcError::NotGrpc("its status is not a number".to_owned()))?;
    if code == 0 {
        return Ok(Some(()));
    }
    let message = headers.get("grpc-message").map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    Err(GrpcError::Status { code, message: message.unwrap_or_default().replace("%20", " ") })
}

fn broken(error: &h2::Error) -> GrpcError {
    GrpcError::Broken(format!("the connection broke: {error}"))
}

fn late(after: Duration) -> GrpcError {
    GrpcError::Broken(format!("no answer within {}", crate::core::model::units::TimeSpan(after)))
}

/// Asks for the health of a service, and says how long it took from the start of the connection.
///
/// # Errors
/// As [`Connection::open`] and [`Connection::health`].
pub async fn check(server: &Server, service: &str) -> Result<(Connection, Health, Duration), GrpcError> {
    let start = Instant::now();
    let connection = Connection::open(server).await?;
    let health = connection.health(service).await?;
    Ok((connection, health, start.elapsed()))
}
