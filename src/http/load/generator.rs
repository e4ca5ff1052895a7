//! The generator's thread: workers, the pacer that hands them requests, and a beat that watches over both.

use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::LocalSet;

use super::load_state::{LoadState, Phase};
use super::pace::Arrivals;
use super::timer::Timer;
use super::worker;
use super::{Broken, Live, Load, Order, Pace, Report, Until};

/// The priority of a thread that keeps a rate: above others.
const NICE: i32 = -10;
/// Between two checks of everything.
const BEAT: Duration = Duration::from_millis(10);
/// Between two reports of its state.
const TELL: Duration = Duration::from_millis(500);
/// Requests that are due within this time are sent together: a timer for each would cost more than it gives.
const TOGETHER: Duration = Duration::from_micros(100);

/// Makes the load, from its warm-up to its end.
pub(super) fn run(load: Load, orders: watch::Receiver<Order>, live: &watch::Sender<Live>) -> Result<Report, Broken> {
    if cfg!(target_os = "linux") && load.pace != Pace::Closed {
        // It sleeps most of the time, and is late where it does not wake when it should. Not being allowed to go first
        // only makes that more likely; it is measured.
        let _ = rustix::process::setpriority_process(None, NICE);
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Broken::Machine(error.to_string()))?;
    LocalSet::new().block_on(&runtime, whole(load, orders, live))
}

async fn whole(load: Load, mut orders: watch::Receiver<Order>, live: &watch::Sender<Live>) -> Result<Report, Broken> {
    let board = Rc::new(LoadState::new(load));
    if board.load.warmup.is_zero() {
        board.begin(Instant::now());
    }
    let workers: Vec<_> = (0..board.load.workers())
        .map(|place| tokio::task::spawn_local(tokio::task::unconstrained(worker::work(Rc::clone(&board), place))))
        .collect();
    let (spent_there, mut spent) = watch::channel(false);
    let pacer = match board.load.pace {
        Pace::Closed => None,
        Pace::Open { rate, poisson } => {
            let arrivals = Arrivals::new(rate, poisson);
            let timer = Timer::new().map_err(|error| Broken::Machine(error.to_string()))?;
            let board = Rc::clone(&board);
            Some(tokio::task::spawn_local(async move {
                let broken = pace(&board, arrivals, &timer).await.err();
                if let Some(error) = broken {
                    board.broken.borrow_mut().get_or_insert(error.to_string());
                }
                let _ = spent_there.send(true);
            }))
        }
    };
    let mut beat = Beat::new(&board);
    let took = loop {
        let now = Instant::now();
        if let Some(took) = beat.look(&board, now, live)? {
            break took;
        }
        tokio::select! {
            biased;
            () = tokio::time::sleep_until(beat.next.into()) => {}
            changed = orders.changed() => match changed {
                Ok(()) if *orders.borrow_and_update() == Order::Stop => break beat.took(Instant::now()),
                Ok(()) => {}
                // The receiver is gone.
                Err(_) => return Err(Broken::Machine("stopped".to_owned())),
            },
            Ok(()) = spent.changed(), if pacer.is_some() => break beat.took(Instant::now()),
        }
    };
    let was_up = board.phase.get() == Phase::Measuring;
    board.drain();
    if let Some(pacer) = pacer {
        pacer.abort();
    }
    let drained = async {
        for one in workers {
            let _ = one.await;
        }
    };
    let mut drained = std::pin::pin!(drained);
    loop {
        tokio::select! {
            biased;
            () = &mut drained => break,
            () = tokio::time::sleep(BEAT) => board.sweep(Instant::now()),
            Err(_) = orders.changed() => return Err(Broken::Machine("stopped".to_owned())),
        }
    }
    if let Some(words) = board.broken.borrow_mut().take() {
        return Err(Broken::Machine(words));
    }
    let tally = board.tally.replace(super::tally::Tally::new(Instant::now(), false));
    let report = tally.report(took);
    if was_up { Ok(report) } else { Err(Broken::NotClean(Box::new(report))) }
}

/// Hands out requests when they are due.
async fn pace(board: &LoadState, mut arrivals: Arrivals, timer: &Timer) -> std::io::Result<()> {
    let start = Instant::now();
    let mut measured_from = None;
    loop {
        let now = Instant::now();
        loop {
            let due = start + arrivals.next();
            if due > now {
                break;
            }
            if board.phase.get() == Phase::Measuring {
                let from = *measured_from.get_or_insert(due);
                if let Until::Elapsed(limit) = board.load.until
                    && due.saturating_duration_since(from) >= limit
                {
                    return Ok(());
                }
            }
            if !board.dispatch(due, now) {
                return Ok(());
            }
            arrivals.advance();
        }
        let due = start + arrivals.next();
        timer.sleep_until(due.max(now + TOGETHER)).await?;
    }
}

/// The regular check of everything.
struct Beat {
    /// When the next one is due.
    next: Instant,
    started: Instant,
    /// Since when the warm-up has been clean; then, since when is measured.
    since: Instant,
    reported: Instant,
}

impl Beat {
    fn new(board: &LoadState) -> Self {
        let now = Instant::now();
        board.tally.borrow_mut().lag.beat(now, now);
        Beat { next: now + BEAT, started: now, since: now, reported: now }
    }

    fn took(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.since)
    }

    /// Looks once. Says how long it took when it is over.
    fn look(
        &mut self,
        board: &LoadState,
        now: Instant,
        live: &watch::Sender<Live>,
    ) -> Result<Option<Duration>, Broken> {
        if now >= self.next {
            board.tally.borrow_mut().lag.beat(self.next, now);
            self.next = now + BEAT;
        }
        board.sweep(now);
        if let Some(words) = board.broken.borrow().clone() {
            return Err(Broken::Machine(words));
        }
        let mut up = board.phase.get() == Phase::Measuring;
        if up {
            board.tally.borrow_mut().turn_page(now);
            let over = match board.load.until {
                Until::Elapsed(limit) => board.load.pace == Pace::Closed && self.took(now) >= limit,
                Until::Requests(_) => board.is_spent(),
                Until::Stopped => false,
            };
            if over {
                return Ok(Some(self.took(now)));
            }
        } else if self.is_clean(board, now) {
            board.begin(now);
            self.since = now;
            up = true;
        } else if now.saturating_duration_since(self.started) >= board.load.patience {
            return Ok(Some(Duration::ZERO));
        }
        if now.saturating_duration_since(self.reported) >= TELL || (up && !live.borrow().up) {
            self.reported = now;
            live.send_replace(board.tally.borrow().live(up));
        }
        Ok(None)
    }

    /// Whether the warm-up has been clean for long enough. A failure starts it over.
    fn is_clean(&mut self, board: &LoadState, now: Instant) -> bool {
        let mut tally = board.tally.borrow_mut();
        let long_enough = now.saturating_duration_since(self.since) >= board.load.warmup;
        let patient = now.saturating_duration_since(self.started) < board.load.patience;
        if tally.warmup().failed() > 0 && patient {
            if long_enough {
                tally.warm_again();
                self.since = now;
            }
            return false;
        }
        long_enough && tally.warmup().ok() > 0 && tally.warmup().failed() == 0
    }
}
