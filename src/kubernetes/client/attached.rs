//! A command that runs beside a container's own, and its pipes.
//!
//! The client library's own relay (kube 5) sends and receives in turns: a command that ends without reading its input
//! would keep it waiting for ever, with the command's status unread, and a connection that breaks leaves its pipes open.
//! This one does both at once, and all pipes end with it. See docs/decisions/0065-a-relay-for-commands-in-pods.md.

use std::time::Duration;

use futures::FutureExt;
use futures::future::{BoxFuture, Shared};
use futures::{SinkExt, StreamExt};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Status;
use kube::api::AttachParams;
use kube::core::Request;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, duplex};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{Bytes, Message};
use tokio_util::task::AbortOnDropHandle;

use super::{Cluster, ClusterError};

/// Bytes under way in each pipe.
const BUFFER: usize = 256 * 1024;
/// Bytes of one message.
const CHUNK: usize = 32 * 1024;
/// Between two signs of life.
const PING: Duration = Duration::from_secs(30);

/// The channels of the protocol, by the first byte of a message.
const STDIN: u8 = 0;
const STDOUT: u8 = 1;
const STDERR: u8 = 2;
const STATUS: u8 = 3;
/// Says that the channel of the second byte is at its end; version 5 of the protocol has it.
const CLOSE: u8 = 255;

/// A command that was started; dropped, it hangs up, and the command goes on as after a lost terminal.
#[derive(Debug)]
pub struct Attached {
    /// What it reads, where it has an input; its end is said by `shutdown`.
    pub stdin: Option<DuplexStream>,
    /// What it prints. A pipe that is not read must be dropped: a full one blocks the others.
    pub stdout: DuplexStream,
    /// What it prints as errors.
    pub stderr: DuplexStream,
    /// How it ends.
    pub end: End,
}

/// How a command ends.
#[derive(Debug, Clone)]
pub struct End {
    status: Shared<BoxFuture<'static, Option<Status>>>,
    hang_up: tokio::task::AbortHandle,
}

impl End {
    /// Its status; nothing where the connection was lost, or closed by [`End::hang_up`].
    pub async fn status(&self) -> Option<Status> {
        self.status.clone().await
    }

    /// Closes the connection with all pipes.
    pub fn hang_up(&self) {
        self.hang_up.abort();
    }
}

impl Cluster {
    /// Starts a command in a container.
    ///
    /// # Errors
    /// [`ClusterError`] when there is no container that runs, or the cluster does not answer.
    pub async fn attach(
        &self,
        namespace: &str,
        pod: &str,
        command: &[impl AsRef<str>],
        how: &AttachParams,
    ) -> Result<Attached, ClusterError> {
        let doing = format!("exec in pod/{pod}");
        let api = self.pods(namespace).await?;
        let connecting = async {
            let request = Request::new(api.resource_url()).exec(pod, command.iter().map(AsRef::as_ref), how);
            let mut request = request.map_err(kube::Error::BuildRequest)?;
            request.extensions_mut().insert("exec");
            api.clone().into_client().connect(request).await
        };
        let connection = self.ask(&doing, connecting).await?;
        let closes = connection.supports_stream_close();
        Ok(Attached::over(connection.into_stream(), how.stdin, closes))
    }
}

impl Attached {
    /// A command at the other end of a connection. `closes`: whether the protocol can say that the input is at its end.
    fn over<S>(stream: WebSocketStream<S>, has_stdin: bool, closes: bool) -> Self
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let [(stdin, input), (stdout, output), (stderr, errors)] = [(); 3].map(|()| duplex(BUFFER));
        let relay = AbortOnDropHandle::new(tokio::spawn(relay(stream, input, output, errors, closes)));
        let hang_up = relay.abort_handle();
        let status = async move { relay.await.ok().flatten() }.boxed().shared();
        Attached { stdin: has_stdin.then_some(stdin), stdout, stderr, end: End { status, hang_up } }
    }
}

/// Carries the pipes of a command until its status comes; nothing where the connection ends before.
async fn relay<S: AsyncRead + AsyncWrite + Unpin>(
    stream: WebSocketStream<S>,
    mut input: DuplexStream,
    mut output: DuplexStream,
    mut errors: DuplexStream,
    closes: bool,
) -> Option<Status> {
    let (mut to, mut from) = stream.split();
    let sending = async {
        let mut ping = tokio::time::interval(PING);
        let (mut chunk, mut is_open) = (vec![0; 1 + CHUNK], true);
        chunk[0] = STDIN;
        loop {
            let message = tokio::select! {
                read = input.read(&mut chunk[1..]), if is_open => if let Ok(read @ 1..) = read {
                    Message::binary(chunk[..=read].to_vec())
                } else {
                    is_open = false;
                    if closes { Message::binary(vec![CLOSE, STDIN]) } else { Message::Close(None) }
                },
                _ = ping.tick() => Message::Ping(Bytes::new()),
            };
            if to.send(message).await.is_err() {
                // what has come is still read: the status may be among it
                return std::future::pending().await;
            }
        }
    };
    let receiving = async {
        while let Some(Ok(message)) = from.next().await {
            let Message::Binary(bytes) = message else { continue };
            match bytes.split_first() {
                // who does not read any more misses nothing
                Some((&STDOUT, text)) => drop(output.write_all(text).await),
                Some((&STDERR, text)) => drop(errors.write_all(text).await),
                Some((&STATUS, text)) if !text.is_empty() => return serde_json::from_slice(text).ok(),
                _ => {}
            }
        }
        None
    };
    tokio::select! {
        biased;
        status = receiving => status,
        () = sending => None,
    }
}

#[cfg(test)]
mod tests {
    use tokio_tungstenite::tungstenite::protocol::Role;

    use super::*;

    /// A command, and the connection's other end.
    async fn attached(closes: bool) -> (Attached, WebSocketStream<DuplexStream>) {
        let (here, there) = duplex(1024);
        let here = WebSocketStream::from_raw_socket(here, Role::Client, None).await;
        (Attached::over(here, true, closes), WebSocketStream::from_raw_socket(there, Role::Server, None).await)
    }

    fn message(channel: u8, text: &str) -> Message {
        Message::binary([&[channel], text.as_bytes()].concat())
    }

    #[tokio::test]
    async fn a_command_that_does_not_read_its_input_ends_all_the_same() {
        let (command, mut server) = attached(true).await;
        let mut stdin = command.stdin.expect("an input");
        let writing = tokio::spawn(async move { stdin.write_all(&vec![0; 4 * BUFFER]).await });
        server.send(message(STATUS, r#"{ "status": "Success" }"#)).await.expect("sent");
        // the server stays, and reads nothing
        assert_eq!(command.end.status().await.and_then(|status| status.status).as_deref(), Some("Success"));
        assert!(writing.await.expect("no panic").is_err(), "the pipe is closed");
    }

    #[tokio::test]
    async fn what_was_printed_before_the_end_is_read_after_it() {
        for is_lost in [false, true] {
            let (mut command, mut server) = attached(true).await;
            server.send(message(STDOUT, "all of it")).await.expect("sent");
            server.send(message(STDERR, "a word")).await.expect("sent");
            if is_lost {
                drop(server);
            } else {
                server.send(message(STATUS, r#"{ "status": "Failure" }"#)).await.expect("sent");
            }
            assert_eq!(command.end.status().await.is_none(), is_lost);
            let (mut text, mut errors) = (String::new(), String::new());
            command.stdout.read_to_string(&mut text).await.expect("text");
            command.stderr.read_to_string(&mut errors).await.expect("text");
            assert_eq!((text.as_str(), errors.as_str()), ("all of it", "a word"));
        }
    }

    #[tokio::test]
    async fn the_input_arrives_with_its_end() {
        let (command, mut server) = attached(true).await;
        let mut stdin = command.stdin.expect("an input");
        stdin.write_all(b"12345").await.expect("there is room");
        stdin.shutdown().await.expect("closed");
        let (mut text, close) = (Vec::new(), vec![CLOSE, STDIN]);
        while let Some(Ok(message)) = server.next().await {
            match message {
                Message::Binary(bytes) if *bytes == *close => break,
                Message::Binary(bytes) => text.extend_from_slice(&bytes),
                _ => {}
            }
        }
        assert_eq!(text, b"\x0012345");
        command.end.hang_up();
        assert_eq!(command.end.status().await, None);
    }
}
