//! A way to a server: TCP, with TLS on it where that is asked for, and the causes of its errors.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::Cause;

/// A failure: its cause, and what was seen.
pub(super) type Bad = (Cause, String);

/// How TLS is spoken: settings and the server's name.
pub(super) type Tls = Option<(Arc<rustls::ClientConfig>, rustls::pki_types::ServerName<'static>)>;

/// The protocol's name in the TLS handshake.
pub(super) const HTTP2: &[u8] = b"h2";

/// Ports of this machine that are not to be used again.
///
/// Where a Service's node port is not known to the kernel yet, a connection to it is refused, and conntrack remembers for
/// two minutes that connections from that port of ours lead nowhere. Ports come round again sooner: long after the
/// Service is there, requests would be refused that the warm-up has spoilt. So a connection that fails in the warm-up
/// keeps its port.
#[derive(Debug, Default)]
pub(super) struct QuarantinedPorts(RefCell<VecDeque<TcpSocket>>);

impl QuarantinedPorts {
    /// So many at most: each is a file descriptor.
    const MOST: usize = 256;

    /// Connects from a port that is kept where that fails.
    async fn connect(&self, peer: SocketAddr) -> io::Result<TcpStream> {
        let Ok((keeper, socket)) = pair(peer) else {
            // No port can be had this way; one that is shared between several peers still can.
            return TcpStream::connect(peer).await;
        };
        let connected = socket.connect(peer).await;
        if connected.is_err() {
            let mut all = self.0.borrow_mut();
            all.push_back(keeper);
            if all.len() > Self::MOST {
                all.pop_front();
            }
        }
        connected
    }
}

/// Two sockets on one port: the second connects, the first has it for as long as it lives. Linux takes a port away from a
/// socket whose connection failed.
fn pair(peer: SocketAddr) -> io::Result<(TcpSocket, TcpSocket)> {
    let bound = |port: u16| {
        let (socket, ip) = match peer {
            SocketAddr::V4(_) => (TcpSocket::new_v4()?, IpAddr::from(Ipv4Addr::UNSPECIFIED)),
            SocketAddr::V6(_) => (TcpSocket::new_v6()?, IpAddr::from(Ipv6Addr::UNSPECIFIED)),
        };
        socket.set_reuseaddr(true)?;
        socket.bind(SocketAddr::new(ip, port))?;
        io::Result::Ok(socket)
    };
    let keeper = bound(0)?;
    let socket = bound(keeper.local_addr()?.port())?;
    Ok((keeper, socket))
}

/// Bytes to and from a server.
pub(super) enum Wire {
    Plain(TcpStream),
    Secure(Box<TlsStream<TcpStream>>),
}

/// A new way to a server.
pub(super) struct Connected {
    pub wire: Wire,
    /// The other end.
    pub peer: SocketAddr,
    /// Time that connecting took, without TLS: about one way there and back.
    pub round_trip: Duration,
}

impl Wire {
    /// Connects to the first of these addresses that takes it.
    pub async fn connect(
        addresses: &[SocketAddr],
        tls: &Tls,
        spoilt: Option<&QuarantinedPorts>,
    ) -> Result<Connected, (Option<SocketAddr>, Bad)> {
        let mut last = (None, (Cause::Unreachable, "there is no address".to_owned()));
        for peer in addresses {
            let begun = Instant::now();
            let connected = match spoilt {
                Some(spoilt) => spoilt.connect(*peer).await,
                None => TcpStream::connect(peer).await,
            };
            match connected {
                Ok(stream) => {
                    // Not being able to switch it off only costs time.
                    let _ = stream.set_nodelay(true);
                    let round_trip = begun.elapsed();
                    let wire = secured(stream, tls).await.map_err(|bad| (Some(*peer), bad))?;
                    return Ok(Connected { wire, peer: *peer, round_trip });
                }
                Err(error) => last = (Some(*peer), broken(&error)),
            }
        }
        Err(last)
    }

    /// The TCP connection below.
    pub fn tcp(&self) -> &TcpStream {
        match self {
            Wire::Plain(stream) => stream,
            Wire::Secure(stream) => stream.get_ref().0,
        }
    }

    /// Whether HTTP/2 can be spoken: agreed on in the handshake, or taken for granted where there was none.
    pub fn speaks_http2(&self) -> bool {
        match self {
            Wire::Plain(_) => true,
            Wire::Secure(stream) => stream.get_ref().1.alpn_protocol() == Some(HTTP2),
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Wire::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Wire::Secure(stream) => Pin::new(stream.as_mut()).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Wire::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Wire::Secure(stream) => Pin::new(stream.as_mut()).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Wire::Plain(_) => Poll::Ready(Ok(())),
            Wire::Secure(stream) => Pin::new(stream.as_mut()).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Wire::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Wire::Secure(stream) => Pin::new(stream.as_mut()).poll_shutdown(cx),
        }
    }
}

async fn secured(stream: TcpStream, tls: &Tls) -> Result<Wire, Bad> {
    let Some((config, name)) = tls else { return Ok(Wire::Plain(stream)) };
    let connecting = TlsConnector::from(Arc::clone(config)).connect(name.clone(), stream);
    match connecting.await {
        Ok(stream) => Ok(Wire::Secure(Box::new(stream))),
        Err(error) => match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            Some(said) => Err((Cause::Tls, said.to_string())),
            None if is_reset(&error) => Err((Cause::Reset, "within the TLS handshake".to_owned())),
            None if error.kind() == io::ErrorKind::UnexpectedEof => {
                Err((Cause::Closed, "within the TLS handshake".to_owned()))
            }
            None => Err((Cause::Tls, error.to_string())),
        },
    }
}

/// Whether the other end reported it by a reset.
pub(super) fn is_reset(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe)
}

/// An error of the network as a cause.
pub(super) fn broken(error: &io::Error) -> Bad {
    let cause = match error.kind() {
        io::ErrorKind::ConnectionRefused => Cause::Refused,
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionAborted => Cause::Reset,
        io::ErrorKind::UnexpectedEof => Cause::Closed,
        io::ErrorKind::TimedOut => Cause::TimedOut,
        _ => Cause::Unreachable,
    };
    (cause, error.to_string())
}

/// Whether connecting failed for want of something of this machine, not of the server.
pub(super) fn is_our_own(words: &str) -> bool {
    // EMFILE, ENFILE, EADDRNOTAVAIL, ENOBUFS
    [24, 23, 99, 105].iter().any(|code| words.ends_with(&format!("(os error {code})")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_port_that_was_refused_is_not_used_again() {
        let silent = TcpSocket::new_v4().expect("a socket");
        silent.bind(([127, 0, 0, 1], 0).into()).expect("a free port");
        let nobody = silent.local_addr().expect("bound");
        let spoilt = QuarantinedPorts::default();
        let refused = Wire::connect(&[nobody], &None, Some(&spoilt)).await.err().expect("no process listens");
        assert_eq!(refused.1.0, Cause::Refused);
        let port = spoilt.0.borrow()[0].local_addr().expect("bound").port();
        let other = TcpSocket::new_v4().expect("a socket");
        let again = other.bind((Ipv4Addr::UNSPECIFIED, port).into()).expect_err("it is kept");
        assert_eq!(again.kind(), io::ErrorKind::AddrInUse);
    }
}
