//! GitHub Actions annotations: one `::error` or `::warning` for whatever did not hold.

use std::io::{self, Write};

use super::reporter::Reporter;
use super::run_state::RunState;
use super::words;
use crate::core::model::event::{Event, Record, State};

/// Writes workflow commands to a stream (stdout, where the runner reads them).
pub struct GitHub<W> {
    to: W,
}

impl<W: Write + Send> GitHub<W> {
    /// A reporter that writes to `to`.
    pub fn new(to: W) -> Self {
        GitHub { to }
    }
}

impl<W: Write + Send> Reporter for GitHub<W> {
    fn name(&self) -> &'static str {
        "github"
    }

    fn record(&mut self, record: &Record, story: &RunState) -> io::Result<()> {
        match &record.event {
            Event::AssertionSettled { node, result } => {
                let level = match (result.is_bad(), &result.verdict) {
                    (true, _) => "error",
                    (false, Ok(crate::core::model::outcome::Verdict::Unmet { .. }) | Err(_)) => "warning",
                    _ => return Ok(()),
                };
                let title = story.node(*node).map_or("gate", |node| &node.outline.name);
                let mut lines = vec![words::assertion(result)];
                lines.extend(words::findings(&result.findings, words::LISTED));
                annotation(&mut self.to, level, title, &lines)
            }
            Event::NodeFinished { node, state: State::Failed | State::Errored, .. } => match story.node(*node) {
                Some(node) if !node.outline.is_gate() => {
                    let level = if node.tolerated { "warning" } else { "error" };
                    annotation(&mut self.to, level, &node.outline.name, &words::explanation(node, words::LISTED))
                }
                _ => Ok(()),
            },
            _ => Ok(()),
        }
    }
}

/// A workflow command; its data and properties escape what would end it.
fn annotation(to: &mut impl Write, level: &str, title: &str, lines: &[String]) -> io::Result<()> {
    let data = |text: &str| text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    let property = |text: &str| data(text).replace(':', "%3A").replace(',', "%2C");
    let text = lines.iter().map(|line| words::tame(line)).collect::<Vec<_>>().join("\n");
    writeln!(to, "::{level} title={}::{}", property(title), data(&text))
}
