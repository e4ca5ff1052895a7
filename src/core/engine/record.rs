//! What the engine asks of those who keep a run: the recorder of events, the files of a run. Knows no format, no path.

use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::core::kind::Evidence;
use crate::core::kind::lines::LineSink;
use crate::core::model::event::{Event, LogSize, NodeId, Record};

use super::notice::NoticeSender;

/// Keeps events for good, in the order given.
pub trait Recorder: Send {
    /// Writes the events down and hands them back with their place and time in the record.
    ///
    /// # Errors
    /// When they could not be written; the run is ended then.
    fn record(&mut self, events: Vec<Event>) -> io::Result<Vec<Record>>;
}

/// The files of one run.
pub trait RunFiles: Send + Sync {
    /// Those of a node, made when something comes that is to be kept.
    fn of(&self, node: NodeId, name: &Arc<str>, live: &NoticeSender) -> Arc<dyn NodeFiles>;

    /// A folder of this run alone (0700), there from the start and removed when the run is over.
    fn scratch(&self) -> &Path;
}

/// The log and the evidence of one node. Lines are masked and cut, then kept, then shown to who watches. Dropped without
/// being closed (a second Ctrl-C), the log keeps what it has.
pub trait NodeFiles: LineSink + Evidence {
    /// Puts what was not yet written onto disk and says how much there is; `None` where no line came.
    fn close(&self) -> Option<LogSize>;
}
