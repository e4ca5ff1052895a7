//! One HTTP/2 connection that carries several requests at once, and what it means when one of them breaks.
//!
//! A server says itself which requests it never looked at: those it refuses, and those after the last that a GOAWAY
//! names. They are what a stale connection is in HTTP/1; anything else that breaks is a failure.

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;

use h2::client::SendRequest;
use hyper::body::Bytes;
use tokio::sync::OnceCell;

use super::Cause;
use super::answer::Answer;
use super::line::{Bad, Tls, Wire, broken};

/// A request as HTTP/2 sends it.
#[derive(Clone)]
pub(super) struct Frames {
    pub head: http::Request<()>,
    pub body: Bytes,
}

/// A connection that is shared by several workers.
pub(super) struct Session {
    sender: SendRequest<Bytes>,
    /// The other end.
    pub peer: SocketAddr,
}

/// The place of a session: made by the first who needs it, replaced when it broke.
pub(super) type Shared = Rc<OnceCell<Session>>;

impl Session {
    /// Connects to the first of these addresses that takes it and speaks HTTP/2.
    pub async fn connect(addresses: &[SocketAddr], tls: &Tls) -> Result<Session, (Option<SocketAddr>, Bad)> {
        let (wire, peer, _) = Wire::connect(addresses, tls).await?;
        if !wire.speaks_http2() {
            return Err((Some(peer), (Cause::Tls, "the server does not speak HTTP/2".to_owned())));
        }
        let shaken = h2::client::Builder::new().initial_window_size(1 << 20).handshake(wire).await;
        let (sender, connection) = shaken.map_err(|error| (Some(peer), bad(&error)))?;
        tokio::task::spawn_local(async move {
            // What breaks it is told to every request on it.
            let _ = connection.await;
        });
        Ok(Session { sender, peer })
    }

    /// Sends a request and reads its answer.
    pub async fn ask(&self, frames: &Frames, answer: &mut Answer) -> Result<(), Bad> {
        let mut sender = self.sender.clone().ready().await.map_err(|error| bad(&error))?;
        let last = frames.body.is_empty();
        let (response, mut stream) = sender.send_request(frames.head.clone(), last).map_err(|error| bad(&error))?;
        if !last {
            stream.send_data(frames.body.clone(), true).map_err(|error| bad(&error))?;
        }
        let (head, mut body) = response.await.map_err(|error| bad(&error))?.into_parts();
        answer.head_came(head.status.as_u16(), &head.headers);
        while let Some(data) = body.data().await {
            let data = data.map_err(|error| bad(&error))?;
            answer.body_came(&data);
            let _ = body.flow_control().release_capacity(data.len());
        }
        Ok(())
    }
}

/// Whether a failure leaves the connection as it was.
pub(super) fn is_of_one_request(cause: Cause) -> bool {
    matches!(cause, Cause::WrongStatus | Cause::WrongBody | Cause::TimedOut)
}

fn bad(error: &h2::Error) -> Bad {
    let words = error.to_string();
    if let Some(error) = error.get_io() {
        return match error.kind() {
            io::ErrorKind::UnexpectedEof | io::ErrorKind::NotConnected => (Cause::Closed, words),
            io::ErrorKind::BrokenPipe => (Cause::Closed, words),
            _ => broken(error),
        };
    }
    let refused = error.reason() == Some(h2::Reason::REFUSED_STREAM);
    let cause = match (error.is_remote(), error.is_go_away(), error.is_reset()) {
        (true, true, _) => Cause::StaleConnection,
        (true, _, true) if refused => Cause::StaleConnection,
        (true, _, true) => Cause::Reset,
        (false, true, _) | (false, _, true) => Cause::Malformed,
        _ => Cause::Closed,
    };
    (cause, words)
}

