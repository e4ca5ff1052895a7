//! One worker: takes a request, makes it on its own connection, says how it ended, until there are no more.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::rc::Rc;
use std::task::Poll;
use std::time::{Duration, Instant};

use super::connection::{Connection, Watchdog};
use super::load_state::{Job, LoadState, Next};
use super::response::{Answer, ResponseView};
use super::session::{self, Frames, Session};
use super::target::Written;
use super::wire::{Bad, is_our_own};
use super::{Cause, Pace};

/// A closed loop asks again at once, but not a server that is not there.
const PAUSE: Duration = Duration::from_millis(10);

/// Works until there is nothing more to do.
pub(super) async fn work(board: Rc<LoadState>, place: usize) {
    let targets = board.load.targets.len();
    let mut worker = Worker {
        lines: (0..targets).map(|_| None).collect(),
        answer: Answer::new(board.load.judge.reads_body()),
        watchdog: Watchdog::new(),
        board,
        place,
    };
    while let Some(job) = worker.next().await {
        let (endpoint, result) = worker.make(job).await;
        let over = Instant::now();
        let failed = result.as_ref().is_err_and(|(cause, words)| {
            worker.note_own(words);
            !matches!(cause, Cause::WrongStatus | Cause::WrongBody)
        });
        worker.board.settle(job, over, endpoint, result);
        if failed && worker.board.load.pace == Pace::Closed {
            tokio::time::sleep(PAUSE).await;
        }
    }
}

struct Worker {
    board: Rc<LoadState>,
    place: usize,
    /// A connection for each target.
    lines: Vec<Option<Connection>>,
    answer: Answer,
    watchdog: Watchdog,
}

impl Worker {
    /// The next request; meanwhile connections that the server closes are let go.
    async fn next(&mut self) -> Option<Job> {
        let (board, place, lines) = (&self.board, self.place, &mut self.lines);
        let closed = board.load.pace == Pace::Closed;
        poll_fn(|cx| {
            if !closed {
                for line in lines.iter_mut() {
                    if line.as_mut().is_some_and(|line| line.poll_gone(cx).is_ready()) {
                        *line = None;
                    }
                }
            }
            match board.next_job(place, cx.waker()) {
                Next::Nothing => Poll::Pending,
                Next::Job(job) => Poll::Ready(Some(job)),
                Next::Over => Poll::Ready(None),
            }
        })
        .await
    }

    async fn make(&mut self, job: Job) -> (Option<SocketAddr>, Result<(), Bad>) {
        let board = Rc::clone(&self.board);
        let target = &board.load.targets[job.target];
        let deadline = job.seen + board.load.timeout;
        self.answer.begin(target.head);
        let (peer, asked) = match &target.written {
            Written::Http1(bytes) => self.ask(job.target, bytes, deadline).await,
            Written::Http2(frames) => self.ask_in_session(job.target, frames, deadline).await,
        };
        let result = asked.and_then(|()| {
            let reported = ResponseView {
                status: self.answer.status,
                head: &self.answer.head,
                body: &self.answer.body,
                cut: self.answer.cut,
            };
            board.load.judge.judge(&reported)
        });
        (peer, result)
    }

    /// By a connection of its own.
    async fn ask(&mut self, target: usize, bytes: &[u8], deadline: Instant) -> (Option<SocketAddr>, Result<(), Bad>) {
        let board = Rc::clone(&self.board);
        let unwanted = |line: &Connection| !board.finders.borrow()[target].wants(line.peer);
        if self.lines[target].as_ref().is_some_and(unwanted) {
            self.lines[target] = None;
        }
        if self.lines[target].is_none() {
            let tls = &board.load.targets[target].tls;
            let connecting =
                async { Connection::connect(&addresses(&board, target).await?, tls, board.spoilt()).await };
            match self.watchdog.within(deadline, connecting).await.unwrap_or_else(not_in_time) {
                Ok(line) => self.lines[target] = Some(line),
                Err((endpoint, bad)) => return (endpoint, Err(bad)),
            }
        }
        let Some(line) = &mut self.lines[target] else {
            return (None, Err((Cause::Unreachable, "there is no connection".to_owned())));
        };
        let peer = line.peer;
        let asked = line.ask(bytes, &mut self.answer, &mut self.watchdog, deadline, || board.late()).await;
        if asked.is_err() || !self.answer.keep || !board.load.keep_alive {
            self.lines[target] = None;
        }
        (Some(peer), asked)
    }

    /// By an HTTP/2 connection that is shared with others.
    async fn ask_in_session(
        &mut self,
        target: usize,
        frames: &Frames,
        deadline: Instant,
    ) -> (Option<SocketAddr>, Result<(), Bad>) {
        let board = Rc::clone(&self.board);
        let mut left = 0;
        loop {
            let shared = board.session(target, self.place);
            let connecting = shared.get_or_try_init(|| async {
                let tls = &board.load.targets[target].tls;
                Session::connect(&addresses(&board, target).await?, tls, board.spoilt()).await
            });
            let session = match self.watchdog.within(deadline, connecting).await.unwrap_or_else(not_in_time) {
                Ok(session) => session,
                Err((endpoint, bad)) => return (endpoint, Err(bad)),
            };
            let peer = Some(session.peer);
            let wanted = board.finders.borrow()[target].wants(session.peer);
            let on = match self.watchdog.within(deadline, session.ready()).await {
                Some(Ok(on)) if wanted || left > 0 => on,
                None => return (peer, Err((Cause::TimedOut, "the request could not be sent".to_owned()))),
                Some(Err(bad)) if left > 1 => return (peer, Err(bad)),
                // Nothing was sent: it is closed, or its endpoint is gone.
                Some(_) => {
                    board.leave(target, self.place, &shared);
                    left += 1;
                    continue;
                }
            };
            let asking = session.ask(on, frames, &mut self.answer);
            let asked = match self.watchdog.within(deadline, asking).await {
                Some(asked) => asked,
                None => Err((Cause::TimedOut, "before the whole answer".to_owned())),
            };
            if !board.load.keep_alive || asked.as_ref().is_err_and(|bad| !session::is_of_one_request(bad)) {
                board.leave(target, self.place, &shared);
            }
            return (peer, asked);
        }
    }

    /// A failure that this machine is to blame for breaks the whole load.
    fn note_own(&self, words: &str) {
        if is_our_own(words) {
            self.board.broken.borrow_mut().get_or_insert_with(|| words.to_owned());
        }
    }
}

/// An end, and why there was no connection to it.
type Unconnected = (Option<SocketAddr>, Bad);

fn not_in_time<T>() -> Result<T, Unconnected> {
    Err((None, (Cause::TimedOut, "while connecting".to_owned())))
}

/// Where connections to a target go now.
async fn addresses(board: &LoadState, target: usize) -> Result<Vec<SocketAddr>, Unconnected> {
    let known = board.finders.borrow_mut()[target].known(Instant::now());
    match known {
        Some(known) => known.map_err(|bad| (None, bad)),
        None => look_up(board, target).await.map_err(|bad| (None, bad)),
    }
}

async fn look_up(board: &LoadState, target: usize) -> Result<Vec<SocketAddr>, Bad> {
    let name = board.finders.borrow()[target].name();
    let Some((host, port)) = name else { return Ok(Vec::new()) };
    match tokio::net::lookup_host((host.as_str(), port)).await {
        Ok(list) => {
            let list: Vec<_> = list.collect();
            board.finders.borrow_mut()[target].learn(Instant::now(), list.clone());
            Ok(list)
        }
        Err(error) => Err((Cause::Dns, error.to_string())),
    }
}
