//! The stages that `stages:` names, in files or in place: read, held against their shape, their names gathered.

use std::path::PathBuf;
use std::sync::Arc;

use super::decode::decode_or_tell;
use super::decode::only;
use super::files::Files;
use super::keys::GROUPS;
use super::names::nameless;
use super::own_keys::{self, OPEN_IN_STAGE, template_in};
use super::recovery::{LostStages, is_torn};
use super::stage_file::StageFile;
use super::stage_list::{Listed, listed};
use crate::core::model::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::core::model::source::Span;
use crate::core::spec::{StageNames, StageSpec};
use crate::core::yaml::{CompiledSchema, Node, Value};

/// The stage files of a pipeline, and the names that the unreadable ones among them may have.
pub(super) fn read(pipeline: &Node, files: &mut Files, out: &mut Diagnostics) -> (Vec<StageFile>, LostStages) {
    let mut reader = Reader { shape: CompiledSchema::of::<StageSpec>(), stages: Vec::new(), files: Vec::new() };
    let mut lost = LostStages::default();
    if let Some(entry) = pipeline.entry("stages") {
        let twice = |problem: &Diagnostic| {
            problem.code == Code::DuplicateKey && problem.labels.iter().any(|label| label.span == entry.key_span)
        };
        lost.any = !matches!(entry.node.value, Value::List(_) | Value::Map(_))
            || is_torn(entry.node.span, out)
            || out.iter().any(twice);
    }
    let parts = listed(pipeline, &files.root, out);
    for part in parts {
        match part {
            Listed::Lost => lost.any = true,
            Listed::Inline(node) => {
                let reference = format!("stages[{}]", reader.stages.len());
                reader.stage(&reference, Arc::new(node), &mut lost, files, out);
            }
            Listed::File { reference, span } => reader.file(&reference, span, &mut lost, files, out),
        }
    }
    (reader.stages, lost)
}

/// The stages read so far.
struct Reader {
    shape: CompiledSchema,
    stages: Vec<StageFile>,
    files: Vec<(PathBuf, Span)>,
}

impl Reader {
    fn file(&mut self, reference: &str, span: Span, lost: &mut LostStages, files: &mut Files, out: &mut Diagnostics) {
        if let Some(path) = files.real(reference) {
            if let Some((_, first)) = self.files.iter().find(|(listed, _)| *listed == path) {
                out.push(
                    Diagnostic::error(Code::DuplicateName, span, format!("`{reference}` is listed twice"))
                        .label("here again")
                        .also(*first, "the first time")
                        .help("remove one"),
                );
                return;
            }
            self.files.push((path, span));
        }
        if let Some(what) = files.role_of(reference) {
            out.push(not_a_stage(reference, what, span));
            lost.any = true;
            return;
        }
        let Some(node) = files.read(reference, span, out) else {
            lost.add(reference, files.text(reference));
            return;
        };
        if let Some(what) = other_file(&node) {
            out.push(not_a_stage(reference, what, span));
            lost.any = true;
            return;
        }
        files.is_stage(reference);
        self.stage(reference, node, lost, files, out);
    }

    /// Takes in a stage whose tree is there; what is wrong with its own keys and its name is reported.
    fn stage(&mut self, reference: &str, node: Arc<Node>, lost: &mut LostStages, files: &Files, out: &mut Diagnostics) {
        if own_keys::fits(&self.shape, &node, OPEN_IN_STAGE, files, out) {
            // The steps are decoded one by one, by their kinds.
            let keys =
                only(&node, |entry| entry.key != "timeout" && !GROUPS.iter().any(|(group, _)| entry.key == *group));
            decode_or_tell::<StageSpec>(&keys, out);
        }
        let written = node.entry("stage").filter(|entry| template_in(&entry.node).is_none());
        let twice = |problem: &Diagnostic| {
            let own = |span: Span| written.is_some_and(|entry| entry.key_span == span);
            problem.code == Code::DuplicateKey && problem.labels.iter().any(|label| own(label.span))
        };
        let mut name = written.and_then(|entry| entry.node.as_text()).unwrap_or_default().to_owned();
        if name.is_empty() || out.iter().any(twice) {
            let is_file = files.text(reference).is_some();
            if is_file { lost.add(reference, files.text(reference)) } else { lost.any = true }
        }
        if name.is_empty() {
            name = nameless(reference);
        }
        let name_span = written.map_or(node.span, |entry| entry.node.span);
        if StageNames::is_reserved(&name) {
            let message = format!("the stage name `{name}` is taken by the pipeline's own parts");
            out.push(Diagnostic::error(Code::InvalidName, name_span, message).help("choose another name"));
        }
        if let Some(other) = self.stages.iter().find(|other| other.name == name) {
            out.push(
                Diagnostic::error(Code::DuplicateName, name_span, format!("two stages are called `{name}`"))
                    .label("the second one")
                    .also(other.name_span, "the first one")
                    .help("give one of them another name"),
            );
            // What is wrong in it is reported all the same.
            name = nameless(reference);
        }
        self.stages.push(StageFile { name, name_span, node });
    }
}

/// What a file is that is no stage file.
fn other_file(node: &Node) -> Option<&'static str> {
    let has = |key: &str| node.get(key).is_some();
    match &node.value {
        _ if has("stage") || has("steps") => None,
        Value::List(_) => Some("a gate file"),
        _ if has("assertions") => Some("a gate file"),
        _ if has("pipeline") || has("stages") => Some("a pipeline file"),
        _ => None,
    }
}

fn not_a_stage(reference: &str, what: &str, span: Span) -> Diagnostic {
    let help = match what {
        "a gate file" => format!("use it in a gate: `- use: {reference}`"),
        _ => "name a file that starts with `stage: NAME`".to_owned(),
    };
    Diagnostic::error(Code::InvalidReference, span, format!("`{reference}` is {what}, expected a stage file"))
        .help(help)
}
