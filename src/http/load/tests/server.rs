//! A small HTTP server that does on purpose what servers do by mistake, and counts each request it reads.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What is done with a request, by its number.
#[derive(Debug, Clone, Copy)]
pub enum Act {
    Answer,
    Status(u16),
    /// A reset in the middle of the body.
    ResetInBody,
    CloseInBody,
    /// The request is read, and the connection closed in an orderly way without a word.
    CloseUnanswered,
    /// A whole answer; then the server writes no more, but reads on.
    HalfClose,
    Stall(Duration),
    /// A whole answer that says it is the last.
    SayClose,
    /// A whole answer; the next request on this connection is left unread, and the connection reset.
    AnswerThenResetUnread,
}

pub const ANSWER: usize = 0;
pub const STATUS: usize = 1;
pub const RESET_IN_BODY: usize = 2;
pub const CLOSE_IN_BODY: usize = 3;
pub const CLOSE_UNANSWERED: usize = 4;

pub struct Server {
    pub url: String,
    pub address: SocketAddr,
    /// Requests that were read.
    pub requests: Arc<AtomicU64>,
    /// How often each thing was done.
    pub seen: Arc<[AtomicU64; 5]>,
    still: Arc<Mutex<Option<Still>>>,
    /// The most that an answer was written later than it was to go on, in microseconds.
    overslept: Arc<AtomicU64>,
}

/// Stalls for `pause` at the end of each `every`.
#[derive(Debug, Clone, Copy)]
struct Still {
    since: Instant,
    pause: Duration,
    every: Duration,
}

impl Server {
    pub async fn start(act: fn(u64) -> Act) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let server = Server {
            url: format!("http://{address}/"),
            address,
            requests: Arc::default(),
            seen: Arc::default(),
            still: Arc::default(),
            overslept: Arc::default(),
        };
        let served = Served {
            requests: Arc::clone(&server.requests),
            seen: Arc::clone(&server.seen),
            still: Arc::clone(&server.still),
            overslept: Arc::clone(&server.overslept),
        };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let _ = stream.set_nodelay(true);
                tokio::spawn(serve(stream, act, served.clone()));
            }
        });
        server
    }

    /// The most that an answer was written later than it was to go on.
    pub fn overslept(&self) -> Duration {
        Duration::from_micros(self.overslept.load(Ordering::SeqCst))
    }

    /// From now on, stalls for `pause` at the end of each `every`.
    pub fn stand_still(&self, pause: Duration, every: Duration) {
        *self.still.lock().expect("no panic") = Some(Still { since: Instant::now(), pause, every });
    }
}

/// What all connections share.
#[derive(Clone)]
struct Served {
    requests: Arc<AtomicU64>,
    seen: Arc<[AtomicU64; 5]>,
    still: Arc<Mutex<Option<Still>>>,
    overslept: Arc<AtomicU64>,
}

async fn serve(mut stream: TcpStream, act: fn(u64) -> Act, served: Served) {
    let Served { requests, seen, still, overslept } = served;
    let (mut text, mut chunk) = (Vec::new(), [0; 1024]);
    let mut half = false;
    loop {
        while !text.ends_with(b"\r\n\r\n") {
            match stream.read(&mut chunk).await {
                Ok(count @ 1..) => text.extend_from_slice(&chunk[..count]),
                _ => return,
            }
        }
        if half {
            // Sent before the client saw that nothing more will be said.
            requests.fetch_add(1, Ordering::SeqCst);
            seen[CLOSE_UNANSWERED].fetch_add(1, Ordering::SeqCst);
            return;
        }
        let missing = text.starts_with(b"GET /missing ");
        text.clear();
        let number = requests.fetch_add(1, Ordering::SeqCst);
        let (standing, mut stood) = (*still.lock().expect("no panic"), None);
        if let Some(Still { since, pause, every }) = standing {
            let into = since.elapsed().as_nanos() % every.as_nanos();
            let into = Duration::from_nanos(u64::try_from(into).expect("less than a second"));
            if into >= every.saturating_sub(pause) {
                let until = Instant::now() + every.saturating_sub(into);
                tokio::time::sleep_until(until.into()).await;
                stood = Some(until);
            }
        }
        let act = if missing { Act::Status(404) } else { act(number) };
        let count = |what: usize| _ = seen[what].fetch_add(1, Ordering::SeqCst);
        let ok = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
        let half_said = b"HTTP/1.1 200 OK\r\ncontent-length: 200\r\n\r\nok";
        match act {
            Act::Answer | Act::AnswerThenResetUnread | Act::HalfClose | Act::SayClose | Act::Stall(_) => count(ANSWER),
            Act::Status(_) => count(STATUS),
            Act::ResetInBody => count(RESET_IN_BODY),
            Act::CloseInBody => count(CLOSE_IN_BODY),
            Act::CloseUnanswered => count(CLOSE_UNANSWERED),
        }
        match act {
            Act::Answer => {
                let _ = stream.write_all(ok).await;
                if let Some(until) = stood {
                    let late = u64::try_from(until.elapsed().as_micros()).unwrap_or(u64::MAX);
                    overslept.fetch_max(late, Ordering::SeqCst);
                }
            }
            Act::Status(status) => {
                let answer = format!("HTTP/1.1 {status} No\r\ncontent-length: 0\r\n\r\n");
                let _ = stream.write_all(answer.as_bytes()).await;
            }
            Act::ResetInBody => {
                let _ = stream.write_all(half_said).await;
                // Closed with nothing to wait for, TCP says so by a reset. The head has to be there before it.
                tokio::time::sleep(Duration::from_millis(2)).await;
                let _ = stream.set_zero_linger();
                return;
            }
            Act::CloseInBody => {
                let _ = stream.write_all(half_said).await;
                return;
            }
            Act::CloseUnanswered => return,
            Act::HalfClose => {
                let _ = stream.write_all(ok).await;
                let _ = stream.shutdown().await;
                half = true;
            }
            Act::Stall(time) => {
                tokio::time::sleep(time).await;
                let _ = stream.write_all(ok).await;
            }
            Act::SayClose => {
                let answer = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok";
                let _ = stream.write_all(answer).await;
                return;
            }
            Act::AnswerThenResetUnread => {
                let _ = stream.write_all(ok).await;
                // The next request is there unread when the connection is closed.
                let _ = stream.peek(&mut chunk).await;
                return;
            }
        }
    }
}
