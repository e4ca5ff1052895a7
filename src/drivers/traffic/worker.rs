//! One worker: takes a request, makes it on its own connection, says how it ended, until there are no more.

use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;
use std::time::{Duration, Instant};

use super::answer::{Answer, Told};
use super::board::{Board, Job, Next};
use super::line::{Bad, Line, Watchdog, is_our_own};
use super::{Cause, Pace};

/// A closed loop asks again at once, but not a server that is not there.
const PAUSE: Duration = Duration::from_millis(10);

/// Works until there is nothing more to do.
pub(super) async fn work(board: Rc<Board>, place: usize) {
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
    board: Rc<Board>,
    place: usize,
    /// A connection for each target.
    lines: Vec<Option<Line>>,
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

    async fn make(&mut self, job: Job) -> (Option<std::net::SocketAddr>, Result<(), Bad>) {
        let board = Rc::clone(&self.board);
        let target = &board.load.targets[job.target];
        let deadline = job.seen + board.load.timeout;
        let unwanted = |line: &Line| !board.finders.borrow()[job.target].wants(line.peer);
        if self.lines[job.target].as_ref().is_some_and(unwanted) {
            self.lines[job.target] = None;
        }
        if self.lines[job.target].is_none() {
            match self.connect(job.target, deadline).await {
                Ok(line) => self.lines[job.target] = Some(line),
                Err((endpoint, bad)) => return (endpoint, Err(bad)),
            }
        }
        let Some(line) = &mut self.lines[job.target] else {
            return (None, Err((Cause::Unreachable, "there is no connection".to_owned())));
        };
        let peer = line.peer;
        self.answer.begin(target.head);
        let asked = line.ask(&target.bytes, &mut self.answer, &mut self.watchdog, deadline, || board.late()).await;
        if asked.is_err() || !self.answer.keep || !board.load.keep_alive {
            self.lines[job.target] = None;
        }
        let result = asked.and_then(|()| {
            let told = Told { status: self.answer.status, head: &self.answer.head, body: &self.answer.body };
            board.load.judge.judge(&told)
        });
        (Some(peer), result)
    }

    async fn connect(&mut self, target: usize, deadline: Instant) -> Result<Line, (Option<std::net::SocketAddr>, Bad)> {
        let board = Rc::clone(&self.board);
        let connecting = async {
            let known = board.finders.borrow_mut()[target].known(Instant::now());
            let addresses = match known {
                Some(known) => known.map_err(|bad| (None, bad))?,
                None => look_up(&board, target).await.map_err(|bad| (None, bad))?,
            };
            Line::connect(&addresses, &board.load.targets[target].tls).await
        };
        let timed = self.watchdog.within(deadline, connecting).await;
        timed.unwrap_or_else(|| Err((None, (Cause::TimedOut, "while connecting".to_owned()))))
    }

    /// A failure that this machine is to blame for breaks the whole load.
    fn note_own(&self, words: &str) {
        if is_our_own(words) {
            self.board.broken.borrow_mut().get_or_insert_with(|| words.to_owned());
        }
    }
}

async fn look_up(board: &Board, target: usize) -> Result<Vec<std::net::SocketAddr>, Bad> {
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
