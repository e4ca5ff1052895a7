//! Plain lines, for CI and pipes: each event when it comes, each log line behind its step's name.

use std::io::{self, Write};

use super::previous_runs;
use super::reporter::Reporter;
use super::run_state::{NodeStory, RunState};
use super::skipped;
use super::styled::Styled;
use super::words::style::{DIM, OFF};
use super::words::{self, sign, tame, tamed};
use crate::core::model::event::{Event, Live, NodeId, Record, State};
use crate::core::model::units::TimeSpan;

/// Writes lines to a stream.
pub struct Plain<W> {
    to: Styled<W>,
    /// Whether log lines are shown.
    lines: bool,
    /// Width of node names.
    wide: usize,
    /// Nodes that were left out, not reported yet: with `--stage` there may be very many, one after the other.
    left_out: Vec<NodeId>,
}

impl<W: Write + Send> Plain<W> {
    /// A reporter that writes to `to`; with `lines`, what steps say is shown too.
    pub fn new(to: Styled<W>, lines: bool) -> Self {
        Plain { to, lines, wide: 0, left_out: Vec::new() }
    }

    /// Reports those that were left out, in one line for each cause.
    fn tell_left_out(&mut self, story: &RunState) -> io::Result<()> {
        for together in skipped::by_cause(story, &std::mem::take(&mut self.left_out)) {
            match *together {
                [one] => self.over(one, story)?,
                ref several => writeln!(self.to, "{} {}", sign(State::Skipped), skipped::line(story, several))?,
            }
        }
        Ok(())
    }

    fn over(&mut self, node: NodeId, story: &RunState) -> io::Result<()> {
        let Some(node) = story.node(node) else { return Ok(()) };
        let name = &node.outline.name;
        let time = if node.started.is_some() { TimeSpan(node.elapsed).to_string() } else { String::new() };
        let end = match node.state {
            // The count says it all, unless something else ended it.
            State::Passed | State::Failed if reported(node) && node.because.is_none() => words::gate_count(node),
            _ => words::end(node),
        };
        let line = format!("{} {name:wide$} {time:>7}  {end}", words::sign_of(node), wide = self.wide);
        writeln!(self.to, "{}", line.trim_end())?;
        if matches!(node.state, State::Failed | State::Errored | State::Cancelled) && !reported(node) {
            for line in words::explanation_below(node) {
                writeln!(self.to, "    {line}")?;
            }
        }
        Ok(())
    }
}

/// Whether lines of its own reported already how it went: a gate whose assertions were settled.
fn reported(node: &NodeStory) -> bool {
    !node.assertions.is_empty()
}

impl<W: Write + Send> Reporter for Plain<W> {
    fn name(&self) -> &'static str {
        "plain"
    }

    fn record(&mut self, record: &Record, story: &RunState) -> io::Result<()> {
        if let Event::NodeFinished { node, state, because, .. } = &record.event
            && skipped::is_folded(*state, because.as_ref())
        {
            self.left_out.push(*node);
            return Ok(());
        }
        if !matches!(record.event, Event::StageFinished { .. }) {
            self.tell_left_out(story)?;
        }
        match &record.event {
            Event::RunStarted { pipeline, run, nodes, profile, continues, .. } => {
                self.wide = nodes.iter().map(|node| node.name.chars().count()).max().unwrap_or(0).min(40);
                let profile = profile.as_ref().map(|name| format!(" (profile {name})")).unwrap_or_default();
                writeln!(self.to, "{pipeline}{profile} {DIM}· run {run}{OFF}")?;
                let reported = continues.iter().flat_map(|continues| previous_runs::continuing(continues, nodes));
                reported.into_iter().try_for_each(|line| writeln!(self.to, "{line}"))
            }
            Event::NodeStarted { node, attempt } => {
                let Some(node) = story.node(*node) else { return Ok(()) };
                let again = if *attempt > 1 { format!("  attempt {attempt}") } else { String::new() };
                let line = format!(
                    "▸ {:wide$}          {}{again}",
                    node.outline.name,
                    tame(&node.outline.title),
                    wide = self.wide
                );
                writeln!(self.to, "{}", line.trim_end())
            }
            Event::NodeUp { node } => match story.node(*node) {
                Some(node) => writeln!(self.to, "▸ {:wide$}          is up", node.outline.name, wide = self.wide),
                None => Ok(()),
            },
            Event::AttemptFailed { node, attempt, failure, retry_in } => match story.node(*node) {
                Some(node) => writeln!(
                    self.to,
                    "  {:wide$}          attempt {attempt} failed: {}; again in {}",
                    node.outline.name,
                    tame(&failure.summary),
                    TimeSpan(*retry_in),
                    wide = self.wide
                ),
                None => Ok(()),
            },
            Event::NodeFinished { node, .. } => self.over(*node, story),
            Event::AssertionSettled { result, .. } => {
                writeln!(self.to, "    {}", words::assertion(result))?;
                if let Err(fault) = &result.verdict
                    && let Some(help) = &fault.help
                {
                    writeln!(self.to, "      help: {}", tame(help))?;
                }
                let lines = words::findings(&result.findings, words::LISTED);
                lines.iter().try_for_each(|line| writeln!(self.to, "      {line}"))
            }
            Event::Interrupted { .. } => writeln!(self.to, "{}", words::interrupted(story.interrupts)),
            Event::Paused { node, inspect } => {
                words::paused(story, *node, inspect).iter().try_for_each(|line| writeln!(self.to, "{line}"))
            }
            Event::Warned { message } => writeln!(self.to, "warning: {}", tame(message)),
            Event::StageFinished { .. } | Event::TakenOver { .. } | Event::RunFinished { .. } => Ok(()),
        }
    }

    fn live(&mut self, live: &Live, story: &RunState) -> io::Result<()> {
        match live {
            Live::Lines { node, text } if self.lines => match story.node(*node) {
                Some(node) => {
                    let before = format!("  {:wide$} {DIM}│{OFF} ", node.outline.name, wide = self.wide);
                    self.to.each(&before, text.split_terminator('\n').map(tamed))
                }
                None => Ok(()),
            },
            _ => Ok(()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }

    fn finish(&mut self, story: &RunState) -> io::Result<()> {
        self.tell_left_out(story)?;
        self.to.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::core::model::event::{NodeOutline, Reason, Role, StageOutline};
    use crate::core::report::reporter::Reporters;

    fn started(names: &[&str]) -> Event {
        let node = |name: &&str| NodeOutline {
            name: (*name).to_owned(),
            stage: 0,
            role: Role::Step,
            kind: "shell".to_owned(),
            title: "make".to_owned(),
            assertions: 0,
            ..NodeOutline::default()
        };
        Event::RunStarted {
            format: 1,
            run: "r".to_owned(),
            pipeline: "p".to_owned(),
            time: String::new(),
            profile: None,
            stages: vec![StageOutline { name: "a".to_owned(), ..StageOutline::default() }],
            nodes: names.iter().map(node).collect(),
            runner: None,
            namespace: None,
            continues: None,
        }
    }

    fn left_out(node: u32) -> Event {
        skipped_for(node, Reason::NotSelected)
    }

    fn skipped_for(node: u32, because: Reason) -> Event {
        Event::NodeFinished {
            node: NodeId(node),
            state: State::Skipped,
            because: Some(because),
            failure: None,
            fault: None,
            tolerated: false,
            outputs: crate::core::model::outcome::Outputs::new(),
            elapsed: Duration::ZERO,
            log: None,
            fingerprint: None,
            made: None,
        }
    }

    #[derive(Clone, Default)]
    struct Shared(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("no panic while held").write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn each_of_the_lines_that_came_together_is_after_its_step() {
        let shared = Shared::default();
        let mut reporters = Reporters::default();
        reporters.add(Box::new(Plain::new(Styled::new(shared.clone(), false), true)));
        reporters.record(&Record { seq: 0, at: Duration::ZERO, event: started(&["a.x", "a.long"]) });
        let text = "one ~!\n\n\u{1b}[31mred\u{1b}[0m\tend\r\n ü │ \u{202e}✔\n".to_owned();
        reporters.live(&Live::Lines { node: NodeId(0), text });
        reporters.live(&Live::Lines { node: NodeId(1), text: "one\n".to_owned() });
        let text = String::from_utf8(shared.0.lock().expect("no panic while held").clone()).expect("text");
        let lines: Vec<&str> = text.split('\n').skip(1).collect();
        let expected =
            ["  a.x    │ one ~!", "  a.x    │ ", "  a.x    │ red end ", "  a.x    │  ü │ ✔", "  a.long │ one", ""];
        assert_eq!(lines, expected);
    }

    #[test]
    fn what_one_failure_skips_is_reported_in_one_line() {
        let shared = Shared::default();
        let mut reporters = Reporters::default();
        reporters.add(Box::new(Plain::new(Styled::new(shared.clone(), true), true)));
        let failed = |node: &str| Reason::Failed { node: node.to_owned() };
        let events = [
            started(&["a.x", "a.y", "a.z", "a.w"]),
            skipped_for(0, failed("before.gate")),
            skipped_for(1, failed("b.x")),
            skipped_for(2, failed("before.gate")),
            skipped_for(3, failed("before.gate")),
        ];
        for (seq, event) in (0..).zip(events) {
            reporters.record(&Record { seq, at: Duration::ZERO, event });
        }
        reporters.finish();
        let text = String::from_utf8(shared.0.lock().expect("no panic while held").clone()).expect("text");
        let lines: Vec<&str> = text.lines().skip(1).map(str::trim_end).collect();
        let skipped = sign(State::Skipped);
        assert_eq!(
            lines,
            [
                format!("{skipped} 3 steps and gates of a skipped: before.gate failed"),
                format!("{skipped} a.y          skipped: b.x failed"),
            ]
        );
    }

    #[test]
    fn what_is_left_out_is_reported_in_one_line() {
        let shared = Shared::default();
        let mut reporters = Reporters::default();
        reporters.add(Box::new(Plain::new(Styled::new(shared.clone(), true), true)));
        let stage = |stage| Event::StageFinished { stage, state: State::Skipped, elapsed: Duration::ZERO };
        let again = Event::NodeStarted { node: NodeId(3), attempt: 1 };
        let events = [started(&["a.x", "a.y", "a.z", "a.w"]), left_out(0), stage(0), left_out(1), again, left_out(2)];
        for (seq, event) in (0..).zip(events) {
            reporters.record(&Record { seq, at: Duration::ZERO, event });
        }
        reporters.finish();
        let text = String::from_utf8(shared.0.lock().expect("no panic while held").clone()).expect("text");
        let lines: Vec<&str> = text.lines().skip(1).map(str::trim_end).collect();
        let skipped = sign(State::Skipped);
        assert_eq!(
            lines,
            [
                format!("{skipped} 2 steps and gates not selected"),
                "▸ a.w          make".to_owned(),
                format!("{skipped} a.z          skipped: not selected"),
            ]
        );
    }
}
