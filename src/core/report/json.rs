//! A run as one JSON document, for programs: `summary.json`. Keys are stable within format version 1.
//!
//! It is written from the story as it goes: a run of ten thousand steps needs no second copy of itself.

use std::io;

use serde::ser::{Serialize, Serializer};
use serde_json::ser::{Formatter, PrettyFormatter};

use super::run_state::{NodeStory, RunState, StageStory};
use super::words::is_bidi;
use crate::core::model::event::{AssertionResult, LogSize, Reason, Role, State};
use crate::core::model::outcome::{Failure, Fault, Outputs};

/// The document as text.
pub fn json(story: &RunState) -> String {
    let mut text = Vec::new();
    write(story, &mut text).expect("memory can be written, and a story is JSON");
    String::from_utf8(text).expect("JSON is text")
}

/// Writes the document, indented, with a line end.
///
/// # Errors
/// When `out` cannot be written.
pub fn write(story: &RunState, mut out: impl io::Write) -> io::Result<()> {
    Document::of(story).serialize(&mut serde_json::Serializer::with_formatter(&mut out, Harmless::default()))?;
    out.write_all(b"\n")?;
    out.flush()
}

/// Indented, with escapes for what JSON lets stand in a text and a terminal obeys: 8-bit control codes, marks that turn
/// the direction of text.
#[derive(Default)]
struct Harmless(PrettyFormatter<'static>);

/// Methods that go on to the indented form.
macro_rules! indented {
    ($($method:ident($($argument:ident: $type:ty)?)),*) => {
        $(fn $method<W: ?Sized + io::Write>(&mut self, out: &mut W $(, $argument: $type)?) -> io::Result<()> {
            self.0.$method(out $(, $argument)?)
        })*
    };
}

impl Formatter for Harmless {
    indented!(begin_array(), end_array(), begin_array_value(first: bool), end_array_value());
    indented!(begin_object(), end_object(), begin_object_key(first: bool), begin_object_value(), end_object_value());

    fn write_string_fragment<W: ?Sized + io::Write>(&mut self, out: &mut W, fragment: &str) -> io::Result<()> {
        let mut rest = fragment;
        while let Some(at) = rest.find(|c: char| c.is_control() || is_bidi(c)) {
            let (before, obeyed) = rest.split_at(at);
            out.write_all(before.as_bytes())?;
            let c = obeyed.chars().next().unwrap_or_default();
            write!(out, "\\u{:04x}", u32::from(c))?;
            rest = &obeyed[c.len_utf8()..];
        }
        out.write_all(rest.as_bytes())
    }
}

#[derive(serde::Serialize)]
struct Document<'s> {
    format: u32,
    run: &'s str,
    pipeline: &'s str,
    profile: Option<&'s str>,
    time: &'s str,
    state: Option<State>,
    exit_code: Option<u8>,
    seconds: Option<f64>,
    interrupted_by_signal: Option<i32>,
    warnings: &'s [String],
    stages: Vec<Stage<'s>>,
}

#[derive(serde::Serialize)]
struct Stage<'s> {
    name: &'s str,
    state: State,
    seconds: f64,
    nodes: Nodes<'s>,
}

/// The nodes of a stage, each made when its turn comes.
struct Nodes<'s>(&'s RunState, &'s StageStory);

#[derive(serde::Serialize)]
struct Node<'s> {
    name: &'s str,
    role: Role,
    kind: &'s str,
    title: &'s str,
    state: State,
    attempts: u32,
    seconds: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    because: Option<&'s Reason>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<&'s Failure>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<&'s Fault>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    tolerated: bool,
    #[serde(skip_serializing_if = "Outputs::is_empty")]
    outputs: &'s Outputs,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    assertions: &'s [AssertionResult],
    #[serde(skip_serializing_if = "Option::is_none")]
    log: Option<LogSize>,
}

impl<'s> Document<'s> {
    fn of(story: &'s RunState) -> Self {
        let end = story.end.as_ref();
        let stages = story.stages.iter().map(|stage| Stage {
            name: &stage.name,
            state: stage.state,
            seconds: stage.elapsed.as_secs_f64(),
            nodes: Nodes(story, stage),
        });
        Document {
            format: 1,
            run: &story.run,
            pipeline: &story.pipeline,
            profile: story.profile.as_deref(),
            time: &story.time,
            state: end.map(|end| end.state),
            exit_code: end.map(|end| end.exit_code),
            seconds: end.map(|end| end.elapsed.as_secs_f64()),
            interrupted_by_signal: story.interrupted,
            warnings: &story.warnings,
            stages: stages.collect(),
        }
    }
}

impl Serialize for Nodes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.1.nodes.iter().filter_map(|id| self.0.node(*id)).map(Node::of))
    }
}

impl<'s> Node<'s> {
    fn of(node: &'s NodeStory) -> Self {
        Node {
            name: &node.outline.name,
            role: node.outline.role,
            kind: &node.outline.kind,
            title: &node.outline.title,
            state: node.state,
            attempts: node.attempts,
            seconds: node.elapsed.as_secs_f64(),
            because: node.because.as_ref(),
            failure: node.failure.as_ref(),
            fault: node.fault.as_ref(),
            tolerated: node.tolerated,
            outputs: &node.outputs,
            assertions: &node.assertions,
            log: node.log,
        }
    }
}
