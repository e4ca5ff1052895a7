//! Why a request had no answer: what the network, the name service or TLS said, kept apart.

use std::error::Error;
use std::io;
use std::time::Duration;

use crate::core::model::units::{ByteSize, TimeSpan};

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    /// The URL cannot be used.
    #[error("{0}")]
    Url(String),
    /// The method is no word.
    #[error("`{0}` is not an HTTP method")]
    Method(String),
    /// The header's name or value (not shown) cannot be sent.
    #[error("the header `{0}` cannot be sent: its name or its value holds characters that HTTP does not allow")]
    Header(String),
    /// The file of certificates cannot be used.
    #[error("{0}")]
    Ca(String),
    /// The host's name leads nowhere.
    #[error("the host name cannot be resolved: {0}")]
    Dns(String),
    /// No process listens.
    #[error("connection refused")]
    Refused,
    /// The server closed the connection before the whole answer.
    #[error("the connection was closed before the whole answer came")]
    Reset,
    /// The answer's head is larger than what is read.
    #[error("the answer has more than {} header lines, or a head of more than {}", super::MAX_HEADERS, ByteSize(super::MAX_HEAD as u64))]
    Head,
    /// The proxy on the way did not let us through.
    #[error("the proxy {proxy}: {why}")]
    Proxy {
        /// Its host and port.
        proxy: String,
        /// What went wrong there.
        why: String,
    },
    /// A variable that names a proxy cannot be used; its value is not shown.
    #[error("the value of {name} {why}")]
    ProxySetting {
        /// The variable.
        name: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// No whole answer in this time.
    #[error("no answer within {}", TimeSpan(*.0))]
    TimedOut(Duration),
    /// No secure connection.
    #[error("TLS: {0}")]
    Tls(String),
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

impl HttpError {
    /// Whether the network reported it; else the request itself is wrong, and would be next time.
    pub fn is_answer(&self) -> bool {
        !matches!(
            self,
            HttpError::Url(_)
                | HttpError::Method(_)
                | HttpError::Header(_)
                | HttpError::Ca(_)
                | HttpError::ProxySetting { .. }
        )
    }

    /// What to do about it, where that is known.
    pub fn help(&self) -> Option<&'static str> {
        match self {
            HttpError::Refused => Some("nothing listens on that port: is the server up, is the port forwarded?"),
            HttpError::Dns(_) => {
                Some("check the host's name; names of cluster services resolve inside the cluster only")
            }
            HttpError::Tls(_) => {
                Some("write `ca: FILE` for a certificate of your own, or `insecure: true` to look away")
            }
            HttpError::Proxy { .. } | HttpError::ProxySetting { .. } => {
                Some("correct `HTTP_PROXY` or `HTTPS_PROXY`, or name the host in `NO_PROXY` to ask it directly")
            }
            HttpError::TimedOut(_) => Some("raise `timeout:`, or find out what the server waits for"),
            _ => None,
        }
    }

    /// Why a proxy opened no tunnel, where that is what happened.
    pub(super) fn in_tunnel(error: &(dyn Error + 'static)) -> Option<String> {
        let mut cause = Some(error);
        while let Some(current) = cause {
            // the type of this error is its library's secret
            if let Some(why) = current.to_string().strip_prefix("tunnel error: ") {
                let below = current.source().map(HttpError::of);
                return Some(below.map_or_else(|| why.to_owned(), |below| below.to_string()));
            }
            cause = current.source();
        }
        None
    }

    /// Reads the chain of causes.
    pub(super) fn of(error: &(dyn Error + 'static)) -> Self {
        let mut cause = Some(error);
        let mut last = error.to_string();
        while let Some(current) = cause {
            if let Some(found) = HttpError::known(current) {
                return found;
            }
            last = current.to_string();
            if last == "dns error" {
                return HttpError::Dns(current.source().map_or(last, ToString::to_string));
            }
            cause = current.source();
        }
        HttpError::Other(last)
    }

    fn known(error: &(dyn Error + 'static)) -> Option<Self> {
        if let Some(error) = error.downcast_ref::<rustls::Error>() {
            return Some(HttpError::Tls(tls_words(error)));
        }
        if let Some(error) = error.downcast_ref::<hyper::Error>() {
            if error.is_incomplete_message() {
                return Some(HttpError::Reset);
            }
            // the method that asks for this alone comes with hyper's server
            if error.is_parse() && error.to_string() == "message head is too large" {
                return Some(HttpError::Head);
            }
        }
        let error = error.downcast_ref::<io::Error>()?;
        // an io::Error hides what it wraps from `source`
        if let Some(inner) = error.get_ref()
            && let Some(found) = HttpError::known(inner)
        {
            return Some(found);
        }
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Some(HttpError::Refused),
            io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe | io::ErrorKind::UnexpectedEof => {
                Some(HttpError::Reset)
            }
            _ => None,
        }
    }
}

fn tls_words(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer) => {
            "the server's certificate was issued by an authority that this machine does not trust".to_owned()
        }
        rustls::Error::InvalidMessage(_) => "the server does not speak TLS on this port".to_owned(),
        other => other.to_string(),
    }
}
