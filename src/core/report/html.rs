//! A run as one HTML file that needs no network: verdict, timeline, stages, gates with both sides of every measure, what
//! explains failures, links to logs and evidence beside it. Everything a run says is escaped on its way in.

mod evidence;
mod page;
mod series;
mod timeline;

use std::io;
use std::time::Duration;

use super::run_state::{NodeStory, RunState, StageStory};
use super::words;
use crate::core::model::event::{AssertionResult, State};
use crate::core::model::outcome::{Finding, Verdict};
use crate::core::model::units::TimeSpan;
use page::Page;

/// Files of a run that the report links to, as paths relative to the run's folder.
pub trait RunArtifacts {
    /// The log of a node that has one.
    fn log(&self, node: &str) -> Option<String>;

    /// What explains a node's failure.
    fn evidence(&self, node: &str) -> Vec<String>;

    /// A file of a node's evidence by its name: its path, and its text as far as it is shown.
    fn evidence_text(&self, node: &str, name: &str) -> Option<(String, String)>;
}

/// In a run of more nodes than this, steps that passed are counted and not drawn.
const BRIEF: usize = 2000;

/// Writes the file, stage by stage: a run of thousands of steps is never held as one text.
///
/// # Errors
/// When `out` cannot be written.
pub fn write(story: &RunState, beside: &dyn RunArtifacts, out: &mut dyn io::Write) -> io::Result<()> {
    let mut page = Page::new(&format!("{} · {}", story.pipeline, story.run));
    head(&mut page, story);
    page.open("main", "");
    timeline::draw(&mut page, story);
    for stage in &story.stages {
        self::stage(&mut page, story, stage, beside);
        page.hand_over(out)?;
    }
    page.close("main");
    page.end();
    page.hand_over(out)
}

fn head(page: &mut Page, story: &RunState) {
    let state = story.end.map_or("unfinished", |end| words::state(end.state));
    page.open("header", "");
    page.element("h1", "", &story.pipeline);
    page.open("p", "verdict");
    page.element("span", &format!("badge {state}"), state);
    if let Some(end) = &story.end {
        page.text(&format!(" in {}", TimeSpan(end.elapsed)));
    }
    let results = || story.nodes.iter().flat_map(|node| &node.assertions);
    let all: u32 = story.nodes.iter().map(|node| node.outline.assertions).sum();
    let held = results().filter(|result| matches!(&result.verdict, Ok(verdict) if verdict.holds())).count();
    let skipped = results().filter(|result| matches!(result.verdict, Ok(Verdict::Skipped { .. }))).count();
    if all > 0 {
        page.text(&format!(" · {held} of {all} assertions hold"));
    }
    if skipped > 0 {
        page.text(&format!(", {skipped} skipped"));
    }
    page.close("p");
    let mut facts = vec![("run", story.run.clone()), ("begun", story.time.clone())];
    facts.extend(story.profile.iter().map(|profile| ("profile", profile.clone())));
    facts.extend(story.namespace.iter().map(|namespace| ("namespace", namespace.clone())));
    facts.extend(story.interrupted.map(|signal| ("interrupted by signal", signal.to_string())));
    page.open("dl", "facts");
    for (name, value) in facts {
        page.element("dt", "", name);
        page.element("dd", "", &value);
    }
    page.close("dl");
    for warning in &story.warnings {
        page.element("p", "warning", &format!("warning: {warning}"));
    }
    page.close("header");
}

fn stage(page: &mut Page, story: &RunState, stage: &StageStory, beside: &dyn RunArtifacts) {
    page.open("section", "");
    page.open("h2", "");
    page.element("span", &format!("badge {}", words::state(stage.state)), words::state(stage.state));
    page.text(&format!(" {}", stage.name));
    if !stage.elapsed.is_zero() {
        page.element("small", "", &TimeSpan(stage.elapsed).to_string());
    }
    let needs = words::needs(&stage.needs, &stage.steps_need);
    if !needs.is_empty() {
        page.element("small", "", &format!("after {needs}"));
    }
    page.close("h2");
    let brief = story.nodes.len() > BRIEF;
    let mut passed = 0_usize;
    for node in stage.nodes.iter().filter_map(|id| story.node(*id)) {
        if brief && node.state == State::Passed && !node.outline.is_gate() {
            passed += 1;
        } else {
            self::node(page, node, beside);
        }
    }
    if passed > 0 {
        page.element("p", "why", &format!("{passed} more steps passed"));
    }
    page.close("section");
}

fn node(page: &mut Page, node: &NodeStory, beside: &dyn RunArtifacts) {
    let bad = node.state.is_unfinished();
    let unheld = node.assertions.iter().any(|result| !matches!(&result.verdict, Ok(verdict) if verdict.holds()));
    page.details(bad || unheld || node.outline.is_gate());
    page.open("summary", "");
    page.element("span", &format!("badge {}", words::state(node.state)), words::state(node.state));
    page.element("b", "", &format!(" {}", node.outline.name));
    page.element("small", "", &format!("{} · {}", node.outline.kind, node.outline.title));
    if node.started.is_some() && !node.elapsed.is_zero() {
        page.element("small", "time", &TimeSpan(node.elapsed).to_string());
    }
    page.close("summary");
    if let Some(because) = &node.because {
        page.element("p", "why", &words::because(because));
    }
    for (at, failure) in node.earlier.iter().enumerate() {
        page.element("p", "why", &format!("attempt {}: {}", at + 1, failure.summary));
    }
    if let Some(failure) = &node.failure {
        page.element("p", "failure", &failure.summary);
        findings(page, &failure.findings);
        help(page, failure.help.as_deref());
    }
    if let Some(fault) = &node.fault {
        page.element("p", "failure", &fault.message);
        help(page, fault.help.as_deref());
    }
    if !node.assertions.is_empty() {
        gate(page, &node.assertions);
        evidence::show(page, &node.outline.name, &node.assertions, beside);
    }
    if !node.outputs.is_empty() {
        page.open("table", "outputs");
        page.header(&["output", "value"]);
        for (name, value) in &node.outputs {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            page.row(&[name, &shortened(&value)]);
        }
        page.close("table");
    }
    links(page, node, beside);
    page.close("details");
}

fn gate(page: &mut Page, results: &[AssertionResult]) {
    page.open("table", "gate");
    page.header(&["result", "assertion", "measure", "is", "expected"]);
    for result in results {
        let (mark, class) = match &result.verdict {
            Ok(Verdict::Holds { .. }) => ("✔", "passed"),
            Ok(Verdict::Skipped { .. }) => ("○", "skipped"),
            Ok(Verdict::Unmet { .. }) if result.warning => ("⚠", "warned"),
            Ok(Verdict::Unmet { .. }) => ("✘", "failed"),
            Err(_) => ("!", "errored"),
        };
        let first = |measure: &str, actual: &str, expected: &str, class: &str, page: &mut Page| {
            page.marked_row(class, &[mark, &result.name, measure, actual, expected]);
        };
        match &result.verdict {
            Ok(Verdict::Skipped { reason }) => first("", &format!("skipped: {reason}"), "", class, page),
            Err(fault) => first("", &format!("could not be measured: {}", fault.message), "", class, page),
            Ok(verdict) => {
                for (at, measure) in verdict.measures().iter().enumerate() {
                    let class = if measure.holds { class } else { "failed" };
                    let (mark, name) = if at == 0 { (mark, result.name.as_str()) } else { ("", "") };
                    page.marked_row(class, &[mark, name, &measure.name, &measure.actual, &measure.expected]);
                }
                if verdict.measures().is_empty() {
                    first("", "", "", class, page);
                }
            }
        }
    }
    page.close("table");
    for (result, measure) in results
        .iter()
        .flat_map(|result| result.verdict.iter().flat_map(Verdict::measures).map(move |measure| (result, measure)))
    {
        if let Some(series) = &measure.series {
            series::draw(page, &result.name, series);
        }
    }
    for (result, ended) in results.iter().filter_map(|result| Some((result, result.ended.as_ref()?))) {
        page.element("p", "why", &format!("{}: {ended}", result.name));
    }
    let mut reported: Vec<&Finding> = Vec::new();
    for finding in results.iter().flat_map(|result| &result.findings) {
        if !reported.contains(&finding) {
            reported.push(finding);
        }
    }
    findings(page, &reported.into_iter().cloned().collect::<Vec<_>>());
    for fault in results.iter().filter_map(|result| result.verdict.as_ref().err()) {
        help(page, fault.help.as_deref());
    }
}

fn findings(page: &mut Page, findings: &[Finding]) {
    for finding in findings {
        page.open("div", "finding");
        let parts = [&finding.object, &finding.cause, &finding.message];
        let words: Vec<&str> = parts.into_iter().map(String::as_str).filter(|part| !part.is_empty()).collect();
        page.element("p", "", &words.join(" · "));
        if !finding.lines.is_empty() {
            page.element("pre", "", &finding.lines.join("\n"));
        }
        page.close("div");
    }
}

fn help(page: &mut Page, help: Option<&str>) {
    if let Some(help) = help {
        page.element("p", "help", &format!("help: {help}"));
    }
}

fn links(page: &mut Page, node: &NodeStory, beside: &dyn RunArtifacts) {
    let name = &node.outline.name;
    let log = node.log.and_then(|_| beside.log(name));
    let evidence = if node.started.is_some() { beside.evidence(name) } else { Vec::new() };
    if log.is_none() && evidence.is_empty() {
        return;
    }
    page.open("p", "links");
    if let Some(path) = log {
        page.link(&path, "log");
    }
    for path in evidence {
        let shown = path.splitn(3, '/').last().unwrap_or_default().to_owned();
        page.link(&path, &shown);
    }
    page.close("p");
}

/// Outputs can be long; summary.json holds the whole of one.
fn shortened(value: &str) -> String {
    if value.chars().count() <= 300 { value.to_owned() } else { value.chars().take(300).chain(['…']).collect() }
}

/// From the run's start to the end of the last thing known of it.
fn span(story: &RunState) -> Duration {
    let nodes = story.nodes.iter().filter_map(|node| Some(node.started? + node.elapsed));
    story.end.map(|end| end.elapsed).into_iter().chain(nodes).max().unwrap_or_default()
}

#[cfg(test)]
mod tests;
