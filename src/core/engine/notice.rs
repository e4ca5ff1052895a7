//! The way from the engine to the reporters. Records always arrive; live lines are dropped, and counted, when the
//! reporters cannot follow: the log file holds them all.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{self, Thread};
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::core::model::event::{Event, Live, Record};

/// Bytes of live lines on their way, at most.
const IN_FLIGHT: usize = 4 * 1024 * 1024;
/// From so many on the reporters rest no longer.
const MANY: usize = IN_FLIGHT / 4;
/// What a notice counts beside its text.
const OVERHEAD: usize = 128;

/// Something for the reporters.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "a notice is moved once; a box a record costs more")]
pub enum Notice {
    /// It is in the journal already.
    Record(Record),
    /// It passes by.
    Live(Live),
}

/// The engine's end.
#[derive(Debug, Clone)]
pub struct NoticeSender {
    channel: UnboundedSender<Notice>,
    traffic: Arc<Traffic>,
}

/// The reporters' end.
#[derive(Debug)]
pub struct Notices {
    channel: UnboundedReceiver<Notice>,
    traffic: Arc<Traffic>,
    /// The last record came: who still holds a sender (a log in a thread that cannot be stopped) has nothing to say.
    over: bool,
}

#[derive(Debug, Default)]
struct Traffic {
    in_flight: AtomicUsize,
    dropped: AtomicUsize,
    /// Who receives, once it rested.
    receiver: OnceLock<Thread>,
}

/// Both ends of a new channel.
pub fn notices() -> (NoticeSender, Notices) {
    let (sender, receiver) = unbounded_channel();
    let traffic = Arc::new(Traffic::default());
    (
        NoticeSender { channel: sender, traffic: Arc::clone(&traffic) },
        Notices { channel: receiver, traffic, over: false },
    )
}

impl NoticeSender {
    /// Hands a record on. Without a listener that is not an error.
    pub fn record(&self, record: Record) {
        let _ = self.channel.send(Notice::Record(record));
    }

    /// Hands on what passes by, unless too much is on its way.
    pub fn live(&self, live: Live) {
        let weight = weight(&live);
        let before = self.traffic.in_flight.fetch_add(weight, Ordering::Relaxed);
        if before + weight > IN_FLIGHT {
            self.traffic.in_flight.fetch_sub(weight, Ordering::Relaxed);
            self.traffic.dropped.fetch_add(lines(&live), Ordering::Relaxed);
        } else if self.channel.send(Notice::Live(live)).is_err() {
            self.traffic.in_flight.fetch_sub(weight, Ordering::Relaxed);
        } else if before < MANY && before + weight >= MANY {
            self.traffic.receiver.get().into_iter().for_each(Thread::unpark);
        }
    }
}

impl Notices {
    /// The next one; `None` when the run is over and all were received.
    pub async fn recv(&mut self) -> Option<Notice> {
        if self.over {
            return None;
        }
        let notice = self.channel.recv().await;
        self.received(notice)
    }

    /// The next one, if it is there already.
    pub fn try_recv(&mut self) -> Option<Notice> {
        let notice = self.channel.try_recv().ok();
        self.received(notice)
    }

    /// Lines of logs dropped so far because they came too fast.
    pub fn dropped(&self) -> usize {
        self.traffic.dropped.load(Ordering::Relaxed)
    }

    /// Waits for `at_most`, or until much is on its way.
    pub fn rest(&self, at_most: Duration) {
        self.traffic.receiver.get_or_init(thread::current);
        if self.traffic.in_flight.load(Ordering::Relaxed) < MANY {
            thread::park_timeout(at_most);
        }
    }

    fn received(&mut self, notice: Option<Notice>) -> Option<Notice> {
        match &notice {
            Some(Notice::Live(live)) => _ = self.traffic.in_flight.fetch_sub(weight(live), Ordering::Relaxed),
            Some(Notice::Record(record)) => self.over |= matches!(record.event, Event::RunFinished { .. }),
            None => {}
        }
        notice
    }
}

fn weight(live: &Live) -> usize {
    OVERHEAD
        + match live {
            Live::Lines { text, .. } | Live::Passing { text, .. } => text.len(),
            Live::Measured { .. } => 0,
        }
}

/// How many lines of a log it holds.
fn lines(live: &Live) -> usize {
    match live {
        Live::Lines { text, .. } => memchr::memchr_iter(b'\n', text.as_bytes()).count(),
        Live::Passing { .. } | Live::Measured { .. } => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::model::event::{NodeId, State};

    #[tokio::test]
    async fn ends_with_the_run_even_where_another_process_holds_on_to_a_sender() {
        let (sender, mut receiver) = notices();
        let event = Event::RunFinished { state: State::Passed, exit_code: 0, elapsed: Duration::ZERO };
        let last = Record { seq: 0, at: Duration::ZERO, event };
        sender.record(last.clone());
        sender.live(Live::Lines { node: NodeId(0), text: "late\n".to_owned() });
        assert_eq!(receiver.recv().await, Some(Notice::Record(last)));
        assert_eq!(receiver.recv().await, None);
    }

    #[test]
    fn drops_and_counts_lines_that_nothing_takes() {
        let (sender, mut receiver) = notices();
        let node = NodeId(0);
        let batch =
            || Live::Lines { node, text: ["x".repeat(1024 * 1024 - 8), "y".repeat(6), String::new()].join("\n") };
        for _ in 0..5 {
            sender.live(batch());
        }
        assert_eq!(receiver.dropped(), 4, "two batches of two lines");
        sender.live(Live::Passing { node, text: "z".repeat(1024 * 1024) });
        assert_eq!(receiver.dropped(), 4, "no log has it");
        while receiver.try_recv().is_some() {}
        sender.live(batch());
        assert_eq!((receiver.try_recv(), receiver.dropped()), (Some(Notice::Live(batch())), 4));
    }

    #[test]
    fn whatever_rests_is_woken_when_much_is_on_its_way() {
        let (sender, mut receiver) = notices();
        let batch = || Live::Lines { node: NodeId(0), text: "line\n".repeat(MANY / 5) };
        let (resting, wakes) = std::sync::mpsc::channel();
        let reporters = thread::spawn(move || {
            receiver.rest(Duration::ZERO);
            resting.send(()).expect("the test waits");
            receiver.rest(Duration::MAX);
            receiver.try_recv()
        });
        wakes.recv().expect("it goes on");
        sender.live(batch());
        assert_eq!(reporters.join().expect("no panic"), Some(Notice::Live(batch())));
    }

    #[test]
    fn short_lines_that_come_together_take_the_room_of_their_bytes() {
        let (sender, mut receiver) = notices();
        let batch = || Live::Lines { node: NodeId(0), text: "short\n".repeat(10_000) };
        for _ in 0..69 {
            sender.live(batch());
        }
        assert_eq!(receiver.dropped(), 0);
        sender.live(batch());
        assert_eq!(receiver.dropped(), 10_000);
        assert_eq!(std::iter::from_fn(|| receiver.try_recv()).count(), 69);
    }
}
