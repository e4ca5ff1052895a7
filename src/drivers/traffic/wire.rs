//! A way to a server: TCP, with TLS on it where that is asked for, and the causes of its errors.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::Cause;

/// A failure: its cause, and what was seen.
pub(super) type Bad = (Cause, String);

/// How TLS is spoken: settings and the server's name.
pub(super) type Tls = Option<(Arc<rustls::ClientConfig>, rustls::pki_types::ServerName<'static>)>;

/// The protocol's name in the TLS handshake.
pub(super) const HTTP2: &[u8] = b"h2";

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
    pub async fn connect(addresses: &[SocketAddr], tls: &Tls) -> Result<Connected, (Option<SocketAddr>, Bad)> {
        let mut last = (None, (Cause::Unreachable, "there is no address".to_owned()));
        for peer in addresses {
            let begun = Instant::now();
            match TcpStream::connect(peer).await {
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

/// Whether the other end said so by a reset.
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
