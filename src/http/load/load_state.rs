//! What the tasks of one generator share: which requests wait, which connections are free, what was counted.
//! All of it lives in one thread.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::task::Waker;
use std::time::{Duration, Instant};

use super::addresses::Finder;
use super::pace::turns;
use super::session::Shared;
use super::tally::{Ended, Tally};
use super::wire::QuarantinedPorts;
use super::{Cause, Load, Pace, Until};

/// The state of a load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Warming,
    Measuring,
    /// Nothing new is sent; what is under way is waited for.
    Draining,
}

/// A request to be made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Job {
    pub target: usize,
    /// When it was due.
    pub due: Instant,
    /// When the generator got to it.
    pub seen: Instant,
    /// Whether it is measured, or part of the warm-up.
    pub measured: bool,
    /// Whether it had to wait for a free connection.
    pub waited: bool,
}

/// What a worker does next.
#[derive(Debug, Clone, Copy)]
pub(super) enum Next {
    /// Nothing now.
    Nothing,
    /// This.
    Job(Job),
    /// Nothing any more.
    Over,
}

/// One worker's place: the request it is given, and how to wake it.
#[derive(Default)]
struct Place {
    job: Option<Job>,
    waker: Option<Waker>,
    free: bool,
}

/// What is shared.
pub(super) struct LoadState {
    pub load: Load,
    pub phase: Cell<Phase>,
    pub tally: RefCell<Tally>,
    pub finders: RefCell<Vec<Finder>>,
    /// What this machine ran out of.
    pub broken: RefCell<Option<String>>,
    /// HTTP/2 connections, by target and then by connection.
    sessions: RefCell<Vec<Vec<Shared>>>,
    spoilt: QuarantinedPorts,
    turns: Vec<usize>,
    turn: Cell<usize>,
    places: RefCell<Vec<Place>>,
    free: RefCell<VecDeque<usize>>,
    waiting: RefCell<VecDeque<Job>>,
    /// Measured requests that may still start.
    left: Cell<u64>,
}

impl LoadState {
    pub fn new(load: Load) -> Self {
        let weights: Vec<u32> = load.targets.iter().map(|target| target.weight.max(1)).collect();
        let left = if let Until::Requests(count) = load.until { count } else { u64::MAX };
        let sessions = load.targets.iter().map(|_| (0..load.connections).map(|_| Shared::default()).collect());
        let finders = load.targets.iter().map(|target| Finder::new(target.addresses.clone())).collect();
        LoadState {
            phase: Cell::new(Phase::Warming),
            tally: RefCell::new(Tally::new(Instant::now(), load.stale_fails)),
            finders: RefCell::new(finders),
            broken: RefCell::default(),
            sessions: RefCell::new(sessions.collect()),
            spoilt: QuarantinedPorts::default(),
            turns: turns(&weights),
            turn: Cell::new(0),
            places: RefCell::new((0..load.workers()).map(|_| Place::default()).collect()),
            free: RefCell::default(),
            waiting: RefCell::default(),
            left: Cell::new(left),
            load,
        }
    }

    /// Where ports are kept that failed; in the warm-up, which is not reported later.
    pub fn spoilt(&self) -> Option<&QuarantinedPorts> {
        (self.phase.get() == Phase::Warming).then_some(&self.spoilt)
    }

    /// The HTTP/2 connection to a target that a worker in this place uses.
    pub fn session(&self, target: usize, place: usize) -> Shared {
        Shared::clone(&self.sessions.borrow()[target][place / self.load.protocol.at_once()])
    }

    /// It is not used any more; the next user makes another.
    pub fn leave(&self, target: usize, place: usize, left: &Shared) {
        let own = &mut self.sessions.borrow_mut()[target][place / self.load.protocol.at_once()];
        if Shared::ptr_eq(own, left) {
            *own = Shared::default();
        }
    }

    fn next_target(&self) -> usize {
        let turn = self.turn.get();
        self.turn.set((turn + 1) % self.turns.len());
        self.turns[turn]
    }

    /// A request to be made, unless there were enough.
    fn job(&self, due: Instant, seen: Instant) -> Option<Job> {
        let measured = self.phase.get() == Phase::Measuring;
        if measured {
            let left = self.left.get();
            if left == 0 {
                return None;
            }
            self.left.set(left - 1);
        }
        Some(Job { target: self.next_target(), due, seen, measured, waited: false })
    }

    /// A request is due: it goes to the connection that was free longest, or waits. `false` when there were enough.
    pub fn dispatch(&self, due: Instant, now: Instant) -> bool {
        let Some(job) = self.job(due, now) else { return false };
        self.tally.borrow_mut().lag.late(due, now);
        let Some(place) = self.free.borrow_mut().pop_front() else {
            self.waiting.borrow_mut().push_back(Job { waited: true, ..job });
            return true;
        };
        let place = &mut self.places.borrow_mut()[place];
        place.job = Some(job);
        place.free = false;
        if let Some(waker) = place.waker.take() {
            waker.wake();
        }
        true
    }

    /// What a worker does next. Where there is nothing, it is woken when there is.
    pub fn next_job(&self, place: usize, waker: &Waker) -> Next {
        if let Pace::Closed = self.load.pace {
            let now = Instant::now();
            let over = self.phase.get() == Phase::Draining;
            let job = if over { None } else { self.job(now, now) };
            return job.map_or(Next::Over, Next::Job);
        }
        let mut places = self.places.borrow_mut();
        let own = &mut places[place];
        if let Some(job) = own.job.take() {
            return Next::Job(job);
        }
        self.sweep(Instant::now());
        let waiting = self.waiting.borrow_mut().pop_front();
        if let Some(job) = waiting {
            return Next::Job(job);
        }
        if self.phase.get() == Phase::Draining {
            return Next::Over;
        }
        if !own.free {
            own.free = true;
            self.free.borrow_mut().push_back(place);
        }
        if !own.waker.as_ref().is_some_and(|known| known.will_wake(waker)) {
            own.waker = Some(waker.clone());
        }
        Next::Nothing
    }

    /// Gives up what has waited too long.
    pub fn sweep(&self, now: Instant) {
        loop {
            let old = |job: &Job| now.saturating_duration_since(job.seen) >= self.load.timeout;
            let first = self.waiting.borrow().front().copied();
            let Some(job) = first.filter(old) else { return };
            self.waiting.borrow_mut().pop_front();
            self.settle(job, now, None, Err((Cause::Unsent, "no connection was free in time".to_owned())));
        }
    }

    /// A request is over.
    pub fn settle(
        &self,
        job: Job,
        over: Instant,
        endpoint: Option<std::net::SocketAddr>,
        result: Result<(), (Cause, String)>,
    ) {
        let ended = Ended { due: job.due, seen: job.seen, over, waited: job.waited, endpoint, result };
        let mut tally = self.tally.borrow_mut();
        if job.measured { tally.measure(ended) } else { tally.warmed(ended) }
    }

    /// The measurement begins.
    pub fn begin(&self, now: Instant) {
        self.phase.set(Phase::Measuring);
        self.tally.borrow_mut().begin(now);
    }

    /// Nothing new is sent from now on.
    pub fn drain(&self) {
        self.phase.set(Phase::Draining);
        for place in self.places.borrow_mut().iter_mut() {
            if let Some(waker) = place.waker.take() {
                waker.wake();
            }
        }
    }

    /// Whether all measured requests have been started.
    pub fn is_spent(&self) -> bool {
        self.left.get() == 0
    }

    /// How much later than it was a thing may be seen.
    pub fn late(&self) -> Duration {
        self.tally.borrow().lag.lately(Instant::now())
    }
}
