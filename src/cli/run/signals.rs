//! SIGINT and SIGTERM, handed to the engine as they come.

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::engine::Interrupt;
use crate::outcome::Fault;

/// Signals from now on, by number. A closed terminal (SIGHUP) counts as SIGTERM.
pub(in crate::cli) fn interrupts() -> Result<(UnboundedSender<Interrupt>, UnboundedReceiver<Interrupt>), Fault> {
    let (sender, receiver) = unbounded_channel();
    for (kind, number) in [(SignalKind::interrupt(), 2), (SignalKind::terminate(), 15), (SignalKind::hangup(), 15)] {
        let mut stream = signal(kind).map_err(|error| Fault::unknown(format!("cannot listen for signals: {error}")))?;
        let sender = sender.clone();
        tokio::spawn(async move {
            while stream.recv().await.is_some() {
                if sender.send(Interrupt::Signal(number)).is_err() {
                    break;
                }
            }
        });
    }
    Ok((sender, receiver))
}
