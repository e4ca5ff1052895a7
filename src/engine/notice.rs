//! The way from the engine to the reporters. Records always arrive; live lines are dropped, and counted, when the
//! reporters cannot follow: the log file holds them all.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::event::{Event, Live, Record};

/// Bytes of live lines on their way, at most.
const IN_FLIGHT: usize = 4 * 1024 * 1024;
/// What a line counts beside its text.
const LINE_OVERHEAD: usize = 128;

/// Something for the reporters.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "a notice is moved once; a box a record costs more")]
pub enum Notice {
    /// It stands in the journal already.
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
    /// Hands a record on. Nobody listening is no error.
    pub fn record(&self, record: Record) {
        let _ = self.channel.send(Notice::Record(record));
    }

    /// Hands on what passes by, unless too much is on its way.
    pub fn live(&self, live: Live) {
        let weight = weight(&live);
        if self.traffic.in_flight.fetch_add(weight, Ordering::Relaxed) + weight > IN_FLIGHT {
            self.traffic.in_flight.fetch_sub(weight, Ordering::Relaxed);
            self.traffic.dropped.fetch_add(1, Ordering::Relaxed);
        } else if self.channel.send(Notice::Live(live)).is_err() {
            self.traffic.in_flight.fetch_sub(weight, Ordering::Relaxed);
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

    /// Live lines dropped so far because they came too fast.
    pub fn dropped(&self) -> usize {
        self.traffic.dropped.load(Ordering::Relaxed)
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
    LINE_OVERHEAD
        + match live {
            Live::Line { text, .. } | Live::Passing { text, .. } => text.len(),
            Live::Measured { .. } => 0,
        }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::event::{NodeId, State};

    #[tokio::test]
    async fn ends_with_the_run_even_where_somebody_holds_on_to_a_sender() {
        let (sender, mut receiver) = notices();
        let event = Event::RunFinished { state: State::Passed, exit_code: 0, elapsed: Duration::ZERO };
        let last = Record { seq: 0, at: Duration::ZERO, event };
        sender.record(last.clone());
        sender.live(Live::Line { node: NodeId(0), text: "late".to_owned() });
        assert_eq!(receiver.recv().await, Some(Notice::Record(last)));
        assert_eq!(receiver.recv().await, None);
    }

    #[test]
    fn drops_and_counts_lines_that_nobody_takes() {
        let (sender, mut receiver) = notices();
        let line = || Live::Line { node: NodeId(0), text: "x".repeat(1024 * 1024) };
        for _ in 0..5 {
            sender.live(line());
        }
        assert_eq!(receiver.dropped(), 2);
        while receiver.try_recv().is_some() {}
        sender.live(line());
        assert_eq!((receiver.try_recv(), receiver.dropped()), (Some(Notice::Live(line())), 2));
    }
}
