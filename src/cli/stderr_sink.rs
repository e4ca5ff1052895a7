//! Lines of tools on standard error.

use crate::cli::out;
use crate::core::kind::lines::LineSink;
use crate::core::report::tame;

/// Says the words of tools on stderr.
pub(super) struct StderrSink;

impl LineSink for StderrSink {
    fn line(&self, line: &[u8]) {
        out::say(&tame(&String::from_utf8_lossy(line)));
    }
}
