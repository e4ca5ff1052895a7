//! One HTTP/2 connection that carries several requests at once, and what it means when one of them breaks.
//!
//! A server says itself which requests it never looked at: those it refuses, and those after the last that a GOAWAY
//! names. On a connection that has carried answers they are what a stale connection is in HTTP/1; anything else that
//! breaks is a failure.

use std::cell::Cell;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;

use h2::Reason;
use h2::client::SendRequest;
use hyper::body::Bytes;
use tokio::sync::OnceCell;

use super::Cause;
use super::response::Answer;
use super::wire::{Bad, Connected, QuarantinedPorts, Tls, Wire, broken};

/// Bytes that a server may send on a connection, and for one request, before they are taken in.
const WINDOW: u32 = 1 << 20;

/// A request as HTTP/2 sends it.
pub(super) struct Frames {
    pub head: http::Request<()>,
    pub body: Bytes,
}

/// A connection that is shared by several workers.
pub(super) struct Session {
    sender: SendRequest<Bytes>,
    /// The other end.
    pub peer: SocketAddr,
    /// Requests answered on it.
    answered: Cell<u64>,
}

/// The place of a session: made by the first who needs it, replaced when it broke.
pub(super) type Shared = Rc<OnceCell<Session>>;

impl Session {
    /// Connects to the first of these addresses that takes it and speaks HTTP/2.
    pub async fn connect(
        addresses: &[SocketAddr],
        tls: &Tls,
        spoilt: Option<&QuarantinedPorts>,
    ) -> Result<Session, (Option<SocketAddr>, Bad)> {
        let Connected { wire, peer, .. } = Wire::connect(addresses, tls, spoilt).await?;
        if !wire.speaks_http2() {
            return Err((Some(peer), (Cause::Tls, "the server does not speak HTTP/2".to_owned())));
        }
        let mut builder = h2::client::Builder::new();
        builder.enable_push(false).initial_window_size(WINDOW).initial_connection_window_size(8 * WINDOW);
        let (sender, connection) = builder.handshake(wire).await.map_err(|error| (Some(peer), bad(&error, 0)))?;
        tokio::task::spawn_local(async move {
            // What breaks it is reported to every request on it.
            let _ = connection.await;
        });
        Ok(Session { sender, peer, answered: Cell::new(0) })
    }

    /// Waits until a request can be sent. Where this fails, nothing was sent.
    pub async fn ready(&self) -> Result<SendRequest<Bytes>, Bad> {
        self.sender.clone().ready().await.map_err(|error| bad(&error, 0))
    }

    /// Sends a request and reads its answer.
    pub async fn ask(&self, mut on: SendRequest<Bytes>, frames: &Frames, answer: &mut Answer) -> Result<(), Bad> {
        let answered = self.answered.get();
        let bad = |error: h2::Error| bad(&error, answered);
        let last = frames.body.is_empty();
        let (response, mut stream) = on.send_request(frames.head.clone(), last).map_err(bad)?;
        if !last {
            stream.send_data(frames.body.clone(), true).map_err(bad)?;
        }
        let (head, mut body) = response.await.map_err(bad)?.into_parts();
        answer.head_came(head.status.as_u16(), &head.headers);
        while let Some(data) = body.data().await {
            let data = data.map_err(bad)?;
            answer.body_came(&data);
            let _ = body.flow_control().release_capacity(data.len());
        }
        self.answered.set(self.answered.get() + 1);
        Ok(())
    }
}

/// Whether a failure leaves the connection as it was.
pub(super) fn is_of_one_request(bad: &Bad) -> bool {
    matches!(bad.0, Cause::WrongStatus | Cause::WrongBody | Cause::TimedOut)
}

/// What an error means for a request on a connection that had carried so many answers when it was sent.
fn bad(error: &h2::Error, answered: u64) -> Bad {
    let words = error.to_string();
    if let Some(error) = error.get_io() {
        return match error.kind() {
            io::ErrorKind::UnexpectedEof | io::ErrorKind::NotConnected | io::ErrorKind::BrokenPipe => {
                (Cause::Closed, words)
            }
            _ => broken(error),
        };
    }
    let unseen = (error.is_go_away() && error.reason() == Some(Reason::NO_ERROR))
        || (error.is_reset() && error.reason() == Some(Reason::REFUSED_STREAM));
    let cause = match error.is_remote() {
        true if unseen && answered > 0 => Cause::StaleConnection,
        true => Cause::Reset,
        false => Cause::Malformed,
    };
    (cause, words)
}
