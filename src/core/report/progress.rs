//! Live progress on a terminal: a line for each running step, one for the whole; finished ones scroll by above.

use std::collections::HashMap;
use std::io;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::previous_runs;
use super::reporter::Reporter;
use super::run_state::RunState;
use super::words::{self, tame};
use crate::core::model::event::{Event, Live, NodeId, Record, State};
use crate::core::model::units::TimeSpan;

/// Draws on stderr. indicatif costs time for every bar, so only running steps have one, recycled, at most `rows`.
pub struct Progress {
    multi: MultiProgress,
    total: ProgressBar,
    bars: HashMap<NodeId, ProgressBar>,
    idle: Vec<ProgressBar>,
    rows: usize,
    wide: usize,
}

impl Progress {
    /// A reporter for a terminal of `height` lines.
    pub fn new(height: u16) -> Self {
        Progress::on(ProgressDrawTarget::stderr_with_hz(10), height)
    }

    /// A reporter that draws on `target`.
    pub fn on(target: ProgressDrawTarget, height: u16) -> Self {
        let multi = MultiProgress::with_draw_target(target);
        let total = multi.add(ProgressBar::new(0));
        total.set_style(style("{elapsed:>7} [{bar:24}] {pos}/{len} {msg}").progress_chars("━╸ "));
        Progress {
            multi,
            total,
            bars: HashMap::new(),
            idle: Vec::new(),
            rows: usize::from(height.saturating_sub(4)).clamp(1, 24),
            wide: 0,
        }
    }

    fn start(&mut self, id: NodeId, story: &RunState) {
        let Some(node) = story.node(id) else { return };
        let name = format!("{:wide$}", node.outline.name, wide = self.wide);
        if let Some(bar) = self.bars.get(&id) {
            bar.set_message(format!("attempt {}", node.attempts));
            return;
        }
        if self.bars.len() >= self.rows {
            return;
        }
        let bar = self.idle.pop().unwrap_or_else(ProgressBar::new_spinner);
        let bar = self.multi.insert_before(&self.total, bar);
        bar.reset();
        bar.set_style(style("{elapsed:>7} {spinner} {prefix} {wide_msg}"));
        bar.set_prefix(name);
        bar.set_message(tame(&node.outline.title));
        bar.enable_steady_tick(Duration::from_millis(120));
        self.bars.insert(id, bar);
    }

    fn say(&self, id: NodeId, text: &str) {
        if let Some(bar) = self.bars.get(&id) {
            bar.set_message(tame(text));
        }
    }

    fn over(&mut self, id: NodeId, story: &RunState) -> io::Result<()> {
        if let Some(bar) = self.bars.remove(&id) {
            bar.disable_steady_tick();
            bar.finish_and_clear();
            self.multi.remove(&bar);
            self.idle.push(bar);
        }
        let Some(node) = story.node(id) else { return Ok(()) };
        self.total.set_position(story.progress().0 as u64);
        if node.state == State::Skipped && node.started.is_none() {
            return Ok(());
        }
        let gate = if node.outline.is_gate() { words::gate_count(node) } else { String::new() };
        let words: Vec<String> = [gate, words::end(node)].into_iter().filter(|part| !part.is_empty()).collect();
        let time = TimeSpan(node.elapsed).to_string();
        let line = format!(
            "{time:>7} {} {:wide$} {}",
            words::sign_of(node),
            node.outline.name,
            words.join(", "),
            wide = self.wide
        );
        self.multi.println(line.trim_end())?;
        if matches!(node.state, State::Failed | State::Errored) {
            for line in words::explanation_below(node) {
                self.multi.println(format!("            {line}"))?;
            }
        }
        Ok(())
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the template is a constant that a test draws")
}

impl Reporter for Progress {
    fn name(&self) -> &'static str {
        "progress"
    }

    fn record(&mut self, record: &Record, story: &RunState) -> io::Result<()> {
        match &record.event {
            Event::RunStarted { pipeline, nodes, continues, .. } => {
                for line in continues.iter().flat_map(|continues| previous_runs::continuing(continues, nodes)) {
                    self.multi.println(line)?;
                }
                self.wide = nodes.iter().map(|node| node.name.chars().count()).max().unwrap_or(0).min(32);
                self.total.set_length(nodes.len() as u64);
                self.total.set_message(pipeline.clone());
                self.total.enable_steady_tick(Duration::from_millis(250));
            }
            Event::NodeStarted { node, .. } => self.start(*node, story),
            Event::NodeUp { node } => {
                if let Some(bar) = self.bars.get(node) {
                    bar.set_message("up");
                }
            }
            Event::AttemptFailed { node, failure, retry_in, .. } => {
                if let Some(bar) = self.bars.get(node) {
                    bar.set_message(format!("{}; again in {}", tame(&failure.summary), TimeSpan(*retry_in)));
                }
            }
            Event::NodeFinished { node, .. } => self.over(*node, story)?,
            Event::Interrupted { .. } => self.multi.println(words::interrupted(story.interrupts))?,
            Event::Paused { node, inspect } => {
                for line in words::paused(story, *node, inspect) {
                    self.multi.println(line)?;
                }
            }
            Event::Warned { message } => self.multi.println(format!("warning: {}", tame(message)))?,
            Event::AssertionSettled { .. }
            | Event::StageFinished { .. }
            | Event::TakenOver { .. }
            | Event::RunFinished { .. } => {}
        }
        Ok(())
    }

    fn live(&mut self, live: &Live, _: &RunState) -> io::Result<()> {
        match live {
            // of lines that came together only the last would be seen
            Live::Lines { node, text } => self.say(*node, text.split_terminator('\n').next_back().unwrap_or_default()),
            Live::Passing { node, text } => self.say(*node, text),
            Live::Measured { node, verdict, .. } => {
                if let (Some(bar), Ok(verdict)) = (self.bars.get(node), verdict) {
                    let measures = verdict.measures();
                    let shown = measures.iter().find(|measure| !measure.holds).or(measures.first());
                    if let Some(shown) = shown {
                        bar.set_message(words::measure(shown));
                    }
                }
            }
        }
        Ok(())
    }

    fn finish(&mut self, _: &RunState) -> io::Result<()> {
        self.total.finish_and_clear();
        self.multi.clear()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::model::event::{NodeOutline, Role};

    #[test]
    fn of_the_lines_that_came_together_the_last_is_shown() {
        let mut progress = Progress::on(ProgressDrawTarget::hidden(), 24);
        let mut story = RunState::default();
        let node = NodeOutline {
            name: "a.x".to_owned(),
            stage: 0,
            role: Role::Step,
            kind: "shell".to_owned(),
            title: "make".to_owned(),
            assertions: 0,
            ..NodeOutline::default()
        };
        let begun = Event::RunStarted {
            format: 1,
            run: "r".to_owned(),
            pipeline: "p".to_owned(),
            time: String::new(),
            profile: None,
            stages: vec![crate::core::model::event::StageOutline { name: "a".to_owned(), ..Default::default() }],
            nodes: vec![node],
            runner: None,
            namespace: None,
            continues: None,
        };
        for (seq, event) in (0..).zip([begun, Event::NodeStarted { node: NodeId(0), attempt: 1 }]) {
            let record = Record { seq, at: Duration::ZERO, event };
            story.apply(&record);
            progress.record(&record, &story).expect("nothing is written");
        }
        let mut shown = |live| {
            progress.live(&live, &story).expect("nothing is written");
            progress.bars[&NodeId(0)].message()
        };
        assert_eq!(shown(Live::Lines { node: NodeId(0), text: "one\n\ttwo\n".to_owned() }), " two");
        assert_eq!(shown(Live::Lines { node: NodeId(0), text: "three\n\n".to_owned() }), "");
        assert_eq!(shown(Live::Passing { node: NodeId(0), text: "100 of\n200".to_owned() }), "100 of 200");
    }
}
