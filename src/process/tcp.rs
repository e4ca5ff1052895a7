//! Whether a TCP address takes connections.

use std::io;
use std::time::Duration;

use tokio::net::TcpStream;

/// Why an address does not take connections.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TcpError {
    /// No process listens.
    #[error("connection refused")]
    Refused,
    /// No answer in this time.
    #[error("no answer within {}", crate::core::model::units::TimeSpan(*.0))]
    TimedOut(Duration),
    /// The name leads nowhere.
    #[error("the host name cannot be resolved: {0}")]
    Unresolved(String),
    /// The network reports that the host cannot be reached, or the connection was reset.
    #[error("{0}")]
    Unreachable(String),
    /// Anything else: this machine could not try.
    #[error("{0}")]
    Other(String),
}

impl TcpError {
    /// Whether the address is known not to take connections. Otherwise nothing is known about it.
    pub fn is_closed(&self) -> bool {
        matches!(self, TcpError::Refused | TcpError::TimedOut(_) | TcpError::Unreachable(_))
    }

    fn of(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::ConnectionRefused => TcpError::Refused,
            // a firewall answers like this for an address that it rejects
            io::ErrorKind::HostUnreachable | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted => {
                TcpError::Unreachable(error.to_string())
            }
            _ => TcpError::Other(error.to_string()),
        }
    }
}

/// Connects to `host:port`, within `timeout`.
///
/// # Errors
/// [`TcpError`] that says why not.
pub async fn connect(address: &str, timeout: Duration) -> Result<TcpStream, TcpError> {
    // a name service that is silent says nothing of the port
    let until = tokio::time::Instant::now() + timeout;
    let all = match tokio::time::timeout_at(until, tokio::net::lookup_host(address)).await {
        Ok(found) => found.map_err(|error| TcpError::Unresolved(error.to_string()))?,
        Err(_) => return Err(TcpError::Unresolved("the name service does not answer".to_owned())),
    };
    let connecting = async {
        let mut last = TcpError::Unresolved("no address".to_owned());
        for address in all {
            match TcpStream::connect(address).await {
                Ok(stream) => return Ok(stream),
                // what is not known of one address is not known of the name
                Err(_) if matches!(last, TcpError::Other(_)) => {}
                Err(error) => last = TcpError::of(&error),
            }
        }
        Err(last)
    };
    tokio::time::timeout_at(until, connecting).await.unwrap_or(Err(TcpError::TimedOut(timeout)))
}

/// The host and the port of an address, an IPv6 address without its brackets.
pub fn host_and_port(address: &str) -> Option<(&str, u16)> {
    let (host, port) = address.rsplit_once(':')?;
    Some((host.trim_matches(['[', ']']), port.parse().ok()?))
}

/// What is wrong with a text as an address.
pub fn problem(address: &str) -> Option<String> {
    let Some((host, port)) = address.rsplit_once(':') else {
        return Some(format!("`{address}` has no port"));
    };
    if host.is_empty() {
        return Some(format!("`{address}` has no host"));
    }
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let is_host = match bare {
        Some(bare) => bare.parse::<std::net::Ipv6Addr>().is_ok() || bare.contains('%'),
        None => !host.contains(|c: char| c.is_whitespace() || ":/[]@?#".contains(c)),
    };
    if !is_host {
        return Some(format!("`{host}` in `{address}` is not a host: an IPv6 address is written `[::1]:80`"));
    }
    match port.parse::<u16>() {
        Ok(1..) if port.bytes().all(|byte| byte.is_ascii_digit()) => None,
        _ => Some(format!("`{port}` in `{address}` is not a port from 1 to 65535")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_and_a_port() {
        for good in ["127.0.0.1:80", "localhost:1", "db.shop.svc:5432", "[::1]:80", "[fe80::1%eth0]:80", "a_b:65535"] {
            assert_eq!(problem(good), None, "{good}");
        }
        for bad in [
            "127.0.0.1:80:80",
            "::1:80",
            "http://h:80",
            "h /:80",
            "[::1:80",
            "[h]:80",
            "u@h:80",
            "h:0",
            "h:",
            ":80",
            "h",
        ] {
            assert!(problem(bad).is_some(), "{bad}");
        }
    }

    #[tokio::test]
    async fn tells_a_listener_from_none() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound").to_string();
        assert!(connect(&address, Duration::from_secs(5)).await.is_ok());
        // Bound, so that no other process can take the port, but not listening.
        let silent = tokio::net::TcpSocket::new_v4().expect("a socket");
        silent.bind(([127, 0, 0, 1], 0).into()).expect("a free port");
        let address = silent.local_addr().expect("bound").to_string();
        assert_eq!(connect(&address, Duration::from_secs(5)).await.err(), Some(TcpError::Refused));
    }

    #[test]
    fn an_address_has_a_host_and_a_port() {
        assert_eq!(problem("localhost:80"), None);
        assert_eq!(problem("[::1]:80"), None);
        assert_eq!(problem("localhost").as_deref(), Some("`localhost` has no port"));
        assert_eq!(problem(":80").as_deref(), Some("`:80` has no host"));
        assert!(problem("a:+80").is_some());
        assert_eq!(problem("a:http").as_deref(), Some("`http` in `a:http` is not a port from 1 to 65535"));
    }
}
