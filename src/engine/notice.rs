//! The way from the engine to the reporters. Records always arrive; live lines are dropped, and counted, when the
//! reporters cannot follow: the log file holds them all.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::event::{Live, Record};

/// Bytes of live lines on their way, at most.
const IN_FLIGHT: usize = 4 * 1024 * 1024;
/// What a line counts beside its text.
const LINE_OVERHEAD: usize = 128;

/// Something for the reporters.
#[derive(Debug, Clone, PartialEq)]
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
    (NoticeSender { channel: sender, traffic: Arc::clone(&traffic) }, Notices { channel: receiver, traffic })
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

    fn received(&self, notice: Option<Notice>) -> Option<Notice> {
        if let Some(Notice::Live(live)) = &notice {
            self.traffic.in_flight.fetch_sub(weight(live), Ordering::Relaxed);
        }
        notice
    }
}

fn weight(live: &Live) -> usize {
    LINE_OVERHEAD
        + match live {
            Live::Line { text, .. } => text.len(),
            Live::Measured { .. } => 0,
        }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::NodeId;

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
