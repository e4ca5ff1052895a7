//! `pipeline runs`: the runs of a project: list, show, remove.

use std::fmt::Write;

use super::args::{Args, Runs, RunsCommand};
use super::{out, record};
use crate::core::model::event::State;
use crate::core::model::exit_code::Exit;
use crate::core::model::outcome::Fault;
use crate::core::model::units::TimeSpan;
use crate::core::report::run_state::RunState;
use crate::core::report::{diff, previous_runs, text};

/// Lists, shows or removes runs.
pub(super) fn run(args: &Args, wanted: &Runs) -> Result<Exit, Fault> {
    let all = record::runs_everywhere(args)?;
    match wanted.command.as_ref().unwrap_or(&RunsCommand::List { all: false }) {
        RunsCommand::List { all: every } => {
            let runs = if *every { all.all()? } else { all.own()? };
            if runs.is_empty() {
                out::say("no runs yet: `pipeline run` makes one");
            }
            let others = all.all()?.len().saturating_sub(runs.len());
            if others > 0 {
                out::say(&format!("not shown: {others} runs of other pipelines; `--all` lists them"));
            }
            let mut lines = String::new();
            for run in runs {
                let running = run.is_running();
                let _ = match record::story(&run) {
                    Ok(story) => writeln!(lines, "{}  {}", run.id(), line(&story, running)),
                    Err(fault) => writeln!(lines, "{}  {}", run.id(), fault.message),
                };
            }
            out::data(&lines);
        }
        RunsCommand::Show { run } => {
            let run = all.find(run.as_deref())?;
            let story = record::story(&run)?;
            let aftermath = if run.is_running() { String::new() } else { previous_runs::aftermath(&story) };
            let earlier = story.continues.iter().flat_map(|continues| {
                let outlines: Vec<_> = story.nodes.iter().map(|node| node.outline.clone()).collect();
                previous_runs::continuing(continues, &outlines)
            });
            let earlier: String = earlier.map(|line| line + "\n").collect();
            out::styled(&format!("{earlier}{}\n{}{aftermath}", text::summary(&story), text::every_node(&story)));
        }
        RunsCommand::Diff { old, new } => {
            let newest = all.own()?;
            let old = match (old, newest.get(1)) {
                (Some(old), _) => all.find(Some(old))?,
                (None, Some(before)) => before.clone(),
                (None, None) => {
                    let help = "`pipeline run` makes one; `pipeline runs` lists them";
                    return Err(Fault::invalid("there are no two runs to compare").help(help));
                }
            };
            let new = all.find(new.as_deref())?;
            out::styled(&diff::runs(&record::story(&old)?, &record::story(&new)?));
        }
        RunsCommand::Rm { runs } => {
            for wanted in runs {
                let run = all.find(Some(wanted))?;
                all.store.remove(&run).map_err(|error| record::unfound(&error))?;
                out::say(&format!("removed {}", run.id()));
            }
        }
    }
    Ok(Exit::Passed)
}

/// `passed  41s  greeter  17/17 hold`.
fn line(story: &RunState, running: bool) -> String {
    let (state, time) = match &story.end {
        Some(end) => (text::state_word(end.state), TimeSpan(end.elapsed).to_string()),
        None if running => (text::state_word(State::Running), String::new()),
        None => ("unfinished", String::new()),
    };
    let (over, all) = story.progress();
    format!("{state:<10} {time:>7}  {}  {over}/{all} nodes over", story.pipeline)
}
