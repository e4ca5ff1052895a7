//! One connection: connecting, sending a request, reading its answer, and what it means when it breaks.
//!
//! A request on a connection that was used before can meet a server that is just closing it. Neither side is to blame for
//! that, so it is kept apart: the server *reset* the connection (it closed it without having read the request) before a
//! single byte of an answer came, at once after the request was written. An orderly end without a reset says that the
//! request had been read, and is a failure.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

use super::Cause;
use super::response::{Answer, Progress};
use super::wire::{Bad, Connected, QuarantinedPorts, Tls, Wire, broken, is_reset};

/// Bytes of an answer that are read at once. A head that does not fit makes the buffer larger.
const ROOM: usize = 32 << 10;
/// How soon after the request a reset has to be seen to belong to a connection that was just being closed.
const SAME_MOMENT: Duration = Duration::from_millis(100);

/// A deadline that costs nothing while it is kept: the timer is set again only when it rings too early.
pub(super) struct Watchdog {
    sleep: Pin<Box<Sleep>>,
}

impl Watchdog {
    pub fn new() -> Self {
        Watchdog { sleep: Box::pin(tokio::time::sleep_until(tokio::time::Instant::now())) }
    }

    /// Ready when `deadline` is past.
    pub fn poll(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        if self.sleep.deadline() > deadline.into() {
            self.sleep.as_mut().reset(deadline.into());
        }
        while self.sleep.as_mut().poll(cx).is_ready() {
            if Instant::now() >= deadline {
                return Poll::Ready(());
            }
            self.sleep.as_mut().reset(deadline.into());
        }
        Poll::Pending
    }

    /// `future`, or `None` when the deadline comes first.
    pub async fn within<T>(&mut self, deadline: Instant, future: impl Future<Output = T>) -> Option<T> {
        let mut future = std::pin::pin!(future);
        poll_fn(|cx| match future.as_mut().poll(cx) {
            Poll::Ready(value) => Poll::Ready(Some(value)),
            Poll::Pending => self.poll(cx, deadline).map(|()| None),
        })
        .await
    }
}

/// A connection and what has been read from it.
pub(super) struct Connection {
    wire: Wire,
    /// The other end.
    pub peer: SocketAddr,
    /// Requests answered on it.
    answered: u64,
    /// About one way there and back.
    round_trip: Duration,
    buffer: Box<[u8]>,
    filled: usize,
}

impl Connection {
    /// Connects to the first of these addresses that takes it.
    pub async fn connect(
        addresses: &[SocketAddr],
        tls: &Tls,
        spoilt: Option<&QuarantinedPorts>,
    ) -> Result<Connection, (Option<SocketAddr>, Bad)> {
        let Connected { wire, peer, round_trip } = Wire::connect(addresses, tls, spoilt).await?;
        Ok(Connection { wire, peer, answered: 0, round_trip, buffer: vec![0; ROOM].into_boxed_slice(), filled: 0 })
    }

    /// Whether the server has closed it, or sent something unasked, while it was unused.
    pub fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.wire.tcp().poll_read_ready(cx).is_pending() {
            return Poll::Pending;
        }
        let mut buffer = ReadBuf::new(&mut self.buffer);
        Pin::new(&mut self.wire).poll_read(cx, &mut buffer).map(drop)
    }

    /// Sends a request and reads its answer. `late` says how much later than it was we may see a thing.
    pub async fn ask(
        &mut self,
        request: &[u8],
        answer: &mut Answer,
        watchdog: &mut Watchdog,
        deadline: Instant,
        late: impl Fn() -> Duration,
    ) -> Result<(), Bad> {
        self.filled = 0;
        let mut unsent = None;
        if let Err(error) = self.send(request, watchdog, deadline).await {
            match error {
                Some(error) => unsent = Some(error),
                None => return Err((Cause::TimedOut, "the request could not be written".to_owned())),
            }
        }
        let written = Instant::now();
        loop {
            let bytes = match self.receive(watchdog, deadline).await {
                None => return Err((Cause::TimedOut, self.so_far(answer))),
                Some(Ok(0)) if answer.closed() => return Ok(()),
                Some(Ok(0)) => {
                    let seen = Instant::now();
                    let reset = unsent.is_some() || self.was_reset().await;
                    return Err(self.ended(reset.then_some(seen - written), answer, &late));
                }
                Some(Ok(count)) => count,
                Some(Err(error)) if is_reset(&error) => {
                    return Err(self.ended(Some(written.elapsed()), answer, &late));
                }
                Some(Err(error)) => return Err(broken(&error)),
            };
            self.filled += bytes;
            let (progress, used) = answer.take(&self.buffer[..self.filled]);
            match progress {
                Progress::More => {
                    self.buffer.copy_within(used..self.filled, 0);
                    self.filled -= used;
                    if self.filled == self.buffer.len() {
                        let mut larger = std::mem::take(&mut self.buffer).into_vec();
                        larger.resize(2 * larger.len(), 0);
                        self.buffer = larger.into_boxed_slice();
                    }
                }
                Progress::Whole(used) => {
                    self.answered += 1;
                    // No request asked for what comes after it.
                    answer.keep &= used == self.filled && unsent.is_none();
                    return Ok(());
                }
                Progress::Malformed(why) => return Err((Cause::Malformed, why.to_owned())),
            }
        }
    }

    /// Writes all of it. `Err(None)` when the time was over.
    async fn send(
        &mut self,
        mut bytes: &[u8],
        watchdog: &mut Watchdog,
        deadline: Instant,
    ) -> Result<(), Option<io::Error>> {
        while !bytes.is_empty() {
            let wire = &mut self.wire;
            let written = poll_fn(|cx| match Pin::new(&mut *wire).poll_write(cx, bytes) {
                Poll::Ready(result) => Poll::Ready(Some(result)),
                Poll::Pending => watchdog.poll(cx, deadline).map(|()| None),
            })
            .await;
            match written {
                None => return Err(None),
                Some(Ok(count)) => bytes = &bytes[count..],
                Some(Err(error)) => return Err(Some(error)),
            }
        }
        let wire = &mut self.wire;
        let flushed = poll_fn(|cx| match Pin::new(&mut *wire).poll_flush(cx) {
            Poll::Ready(result) => Poll::Ready(Some(result)),
            Poll::Pending => watchdog.poll(cx, deadline).map(|()| None),
        });
        flushed.await.ok_or(None)?.map_err(Some)
    }

    /// Reads what is there. `None` when the time was over.
    async fn receive(&mut self, watchdog: &mut Watchdog, deadline: Instant) -> Option<io::Result<usize>> {
        let (wire, room) = (&mut self.wire, &mut self.buffer[self.filled..]);
        poll_fn(|cx| {
            let mut buffer = ReadBuf::new(room);
            match Pin::new(&mut *wire).poll_read(cx, &mut buffer) {
                Poll::Ready(Ok(())) => Poll::Ready(Some(Ok(buffer.filled().len()))),
                Poll::Ready(Err(error)) => Poll::Ready(Some(Err(error))),
                Poll::Pending => watchdog.poll(cx, deadline).map(|()| None),
            }
        })
        .await
    }

    /// Whether a reset follows the orderly end that was just read: it comes one round trip after the request.
    async fn was_reset(&self) -> bool {
        if self.answered == 0 {
            return false;
        }
        let seen = || self.wire.tcp().take_error().ok().flatten().is_some();
        if seen() {
            return true;
        }
        tokio::time::sleep(self.round_trip * 2 + Duration::from_millis(20)).await;
        seen()
    }

    /// What an end before the whole answer means. `reset` is how long after the request a reset was seen.
    fn ended(&self, reset: Option<Duration>, answer: &Answer, late: &impl Fn() -> Duration) -> Bad {
        let nothing = self.filled == 0 && answer.status == 0;
        match reset {
            Some(after) if nothing && self.answered > 0 && after <= SAME_MOMENT + late() => {
                (Cause::StaleConnection, format!("after {} requests", self.answered))
            }
            Some(_) => (Cause::Reset, self.so_far(answer)),
            None => (Cause::Closed, self.so_far(answer)),
        }
    }

    fn so_far(&self, answer: &Answer) -> String {
        match (answer.status, self.filled) {
            (0, 0) => "before any answer".to_owned(),
            (0, _) => "within the head of the answer".to_owned(),
            (status, _) => format!("within the body of a {status}"),
        }
    }
}
