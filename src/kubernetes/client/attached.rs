//! A command that runs beside a container's own, and its pipes.
//!
//! The client's pipes close by themselves only when the command's status has come. Where the connection breaks, or the
//! command ends without reading its input, who reads or writes would wait for ever: here such a wait ends.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::FutureExt;
use futures::future::{BoxFuture, MaybeDone, Shared, maybe_done};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Status;
use kube::api::AttachedProcess;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The status of the command; nothing where the connection was lost.
type End = Shared<BoxFuture<'static, Option<Status>>>;

/// A command that was started; dropped, it hangs up.
pub struct Attached {
    process: AttachedProcess,
    end: End,
}

impl Attached {
    /// Of a command that was just started.
    pub fn new(mut process: AttachedProcess) -> Self {
        let end = match process.take_status() {
            Some(status) => status.boxed(),
            None => std::future::ready(None).boxed(),
        };
        Attached { process, end: end.shared() }
    }

    /// What it reads; nothing where it has no input, or this was taken before.
    pub fn stdin(&mut self) -> Option<Pipe<impl AsyncWrite + Unpin + use<>>> {
        Some(Pipe::new(self.process.stdin()?, &self.end))
    }

    /// What it prints; nothing where this was taken before.
    pub fn stdout(&mut self) -> Option<Pipe<impl AsyncRead + Unpin + use<>>> {
        Some(Pipe::new(self.process.stdout()?, &self.end))
    }

    /// What it prints as errors; nothing where this was taken before.
    pub fn stderr(&mut self) -> Option<Pipe<impl AsyncRead + Unpin + use<>>> {
        Some(Pipe::new(self.process.stderr()?, &self.end))
    }

    /// Closes the connection; the command is not told, and finds its pipes closed.
    pub fn hang_up(&self) {
        self.process.abort();
    }

    /// Its status when it has ended; nothing where the connection was lost.
    pub async fn status(&self) -> Option<Status> {
        self.end.clone().await
    }
}

/// One of its pipes, which ends with the connection.
pub struct Pipe<S> {
    stream: S,
    end: MaybeDone<End>,
}

impl<S> Pipe<S> {
    fn new(stream: S, end: &End) -> Self {
        Pipe { stream, end: maybe_done(end.clone()) }
    }

    /// Whether the command has ended; with nothing where the connection was lost.
    fn end(&mut self, context: &mut Context<'_>) -> Option<&Option<Status>> {
        let _ = self.end.poll_unpin(context);
        match &self.end {
            MaybeDone::Done(status) => Some(status),
            _ => None,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Pipe<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        // asked first: what was written before the end is read after it. A command with a status closes its pipe itself
        let is_lost = matches!(self.end(context), Some(None));
        match Pin::new(&mut self.stream).poll_read(context, into) {
            Poll::Pending if is_lost => Poll::Ready(Ok(())),
            read => read,
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Pipe<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let is_over = self.end(context).is_some();
        match Pin::new(&mut self.stream).poll_write(context, bytes) {
            Poll::Pending if is_over => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
            written => written,
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, simplex};
    use tokio::sync::oneshot;

    use super::*;

    fn end() -> (oneshot::Sender<Status>, End) {
        let (ends, status) = oneshot::channel();
        (ends, status.map(Result::ok).boxed().shared())
    }

    #[tokio::test]
    async fn a_writer_ends_with_the_command_that_does_not_read() {
        for comes in [Some(Status::default()), None] {
            let (_reader, stream) = simplex(4);
            let (ends, end) = end();
            let writing = tokio::spawn(async move { Pipe::new(stream, &end).write_all(b"more than four").await });
            tokio::task::yield_now().await;
            match comes {
                Some(status) => ends.send(status).expect("the writer waits"),
                None => drop(ends),
            }
            let written = writing.await.expect("no panic");
            assert_eq!(written.expect_err("the pipe is full").kind(), io::ErrorKind::BrokenPipe);
        }
    }

    #[tokio::test]
    async fn a_reader_ends_with_the_connection_and_reads_what_came_before() {
        let (stream, mut writer) = simplex(16);
        let (ends, end) = end();
        writer.write_all(b"all of it").await.expect("there is room");
        drop(ends);
        let (mut pipe, mut text) = (Pipe::new(stream, &end), String::new());
        pipe.read_to_string(&mut text).await.expect("text");
        assert_eq!(text, "all of it");
        assert_eq!(pipe.read(&mut [0; 1]).await.expect("stays at its end"), 0);
    }

    #[tokio::test]
    async fn a_status_does_not_end_a_reader_before_its_pipe_is_closed() {
        let (stream, mut writer) = simplex(16);
        let (ends, end) = end();
        ends.send(Status::default()).expect("somebody waits");
        let reading = tokio::spawn(async move {
            let mut text = String::new();
            Pipe::new(stream, &end).read_to_string(&mut text).await.map(|_| text)
        });
        tokio::task::yield_now().await;
        writer.write_all(b"late").await.expect("there is room");
        writer.shutdown().await.expect("closed");
        assert_eq!(reading.await.expect("no panic").expect("text"), "late");
    }
}
