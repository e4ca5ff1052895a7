//! What can still be known of a file that is wrong, and what may be lost in it, so that one fault does not hide or cause
//! others.

use indexmap::IndexMap;
use serde::de::DeserializeOwned;

use super::keys::GROUPS;
use crate::core::model::diagnostic::{Code, Diagnostic, Diagnostics, Severity, closest};
use crate::core::model::source::{SourceMap, Span};
use crate::core::spec::{PipelineSpec, SecretSource};
use crate::core::yaml::template::has_mark;
use crate::core::yaml::{Entry, Node, Value, decode};

/// The parts of a pipeline file that are right; what is wrong with the others was reported.
pub(super) fn pipeline(node: &Node) -> PipelineSpec {
    PipelineSpec {
        version: 1,
        pipeline: part(node, "pipeline").unwrap_or_default(),
        description: None,
        cluster: part(node, "cluster"),
        vars: each(node, "vars", |node| crate::core::spec::Any(node.to_json())),
        secrets: each(node, "secrets", |node| {
            // A source that counts as one: what is wrong with it was reported already.
            decode(node).unwrap_or_else(|_| SecretSource { env: Some(String::new()), ..SecretSource::default() })
        }),
        timeout: None,
        env: part(node, "env").unwrap_or_default(),
        profiles: part(node, "profiles").unwrap_or_default(),
        pools: part(node, "pools").unwrap_or_default(),
        parts: IndexMap::new(),
        runners: part(node, "runners").unwrap_or_default(),
        gate: Vec::new(),
        stages: Vec::new(),
        finally: IndexMap::new(),
    }
}

/// Names that a stage file which could not be read may have: the one in its `stage:` line, or in its path.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct LostStages {
    pub names: Vec<String>,
    /// Whether it may have any name: no line of it says which.
    pub any: bool,
}

impl LostStages {
    /// Another stage file whose name is not known.
    pub fn add(&mut self, reference: &str, text: Option<&str>) {
        let stem = reference.rsplit('/').next().unwrap_or(reference);
        let stem = stem.trim_end_matches(".yaml").trim_end_matches(".yml");
        let bare = stem.trim_start_matches(|c: char| c.is_ascii_digit() || c == '-' || c == '_');
        self.names.extend([stem.to_owned(), bare.to_owned()]);
        let written = text.unwrap_or_default().lines().filter_map(|line| {
            let (key, value) = line.split_once(':')?;
            let value = value.split('#').next().unwrap_or_default();
            (key == "stage" || is_slip(key, "stage", STAGE_KEYS))
                .then(|| value.trim_matches(|c: char| c.is_whitespace() || "\"'[]{}>|".contains(c)).to_owned())
        });
        let before = self.names.len();
        self.names.extend(written.filter(|name| !name.is_empty() && !has_mark(name)));
        self.any |= self.names.len() == before;
    }

    /// Whether a stage of this name may exist.
    pub fn may_be(&self, name: &str) -> bool {
        self.any || self.names.iter().any(|lost| lost == name)
    }
}

/// The keys of a stage file, for seeing which one was meant.
const STAGE_KEYS: &[&str] = &[
    "stage",
    "description",
    "needs",
    "when",
    "timeout",
    "namespace",
    "env",
    "steps",
    "on_failure",
    "finally",
    "gate",
    "name",
    "runs_on",
];

/// The keys of a pipeline file.
const PIPELINE_KEYS: &[&str] = &[
    "version",
    "pipeline",
    "description",
    "cluster",
    "vars",
    "secrets",
    "timeout",
    "env",
    "profiles",
    "pools",
    "parts",
    "runners",
    "gate",
    "stages",
    "finally",
];

/// Whether `written` is a misspelling of `name`.
pub(super) fn is_slip(written: &str, name: &str, known: &[&str]) -> bool {
    !known.contains(&written) && closest(written, known.iter().copied()) == Some(name)
}

/// Whether a node is what a syntax error left of a value, so that nothing more is to be said of it.
pub(super) fn is_reported(node: &Node, out: &Diagnostics) -> bool {
    node.value == Value::Null && node.span.start != node.span.end && out.covers(node.span)
}

/// Whether the text at `span` could not be read as intended.
pub(super) fn is_torn(span: Span, out: &Diagnostics) -> bool {
    !out.is_empty()
        && out.iter().any(|problem| {
            is_structural(problem) && problem.labels.first().is_some_and(|label| overlaps(label.span, span))
        })
}

/// Whether the value of `entry` is missing because what was written below its key could not be read.
pub(super) fn is_cut_off(entry: &Entry, sources: &SourceMap, out: &Diagnostics) -> bool {
    if out.is_empty() || entry.node.value != Value::Null {
        return false;
    }
    let (key, text) = (entry.key_span, &sources.file(entry.key_span.file).text);
    let line = text.get(..key.start as usize).and_then(|before| before.rfind('\n')).map_or(0, |at| at + 1);
    let depth = (key.start as usize).saturating_sub(line);
    let deeper = |line: &str| line.trim().is_empty() || line.len() - line.trim_start().len() > depth;
    // Nothing but deeper lines between the key and what is wrong: it belongs to the value.
    let below = |span: Span| {
        span.file == key.file
            && text
                .get(key.end as usize..span.start as usize)
                .is_some_and(|between| between.contains('\n') && between.lines().skip(1).all(deeper))
    };
    out.iter()
        .filter(|problem| is_structural(problem))
        .any(|problem| problem.labels.first().is_some_and(|label| below(label.span)))
}

/// Whether names under `entry` may be lost: its text is torn, it is written twice, or is no mapping.
pub(super) fn is_partial(entry: &Entry, out: &Diagnostics) -> bool {
    let whole = Span { start: entry.key_span.start.min(entry.node.span.start), ..entry.node.span };
    let twice = |problem: &Diagnostic| {
        problem.code == Code::DuplicateKey && problem.labels.iter().any(|label| label.span == entry.key_span)
    };
    let strange = !matches!(entry.node.value, Value::Map(_) | Value::Null);
    strange || is_torn(whole, out) || out.iter().any(twice)
}

/// Whether names that belong under `key` of a file's mapping may be lost: its part is torn, or it is missing where
/// something else in the file is that could be it.
pub(super) fn may_miss(file: &Node, key: &str, out: &Diagnostics) -> bool {
    if let Some(entry) = file.entry(key) {
        return is_partial(entry, out);
    }
    let torn = |problem: &Diagnostic| {
        is_structural(problem) && problem.labels.first().is_some_and(|label| label.span.file == file.span.file)
    };
    let slip = || file.entries().iter().any(|entry| is_slip(&entry.key, key, PIPELINE_KEYS));
    !out.is_empty() && (out.iter().any(torn) || slip())
}

/// Whether steps of a stage file may be lost.
pub(super) fn may_miss_steps(stage: &Node, out: &Diagnostics) -> bool {
    if out.is_empty() {
        return false;
    }
    let groups: Vec<&Entry> = GROUPS.iter().filter_map(|(key, _)| stage.entry(key)).collect();
    if groups.iter().any(|entry| is_partial(entry, out)) {
        return true;
    }
    let others = || stage.entries().iter().filter(|entry| !GROUPS.iter().any(|(key, _)| entry.key == *key));
    let slip = others().any(|entry| GROUPS.iter().any(|(key, _)| is_slip(&entry.key, key, STAGE_KEYS)));
    // What is torn outside of all other keys, or swallowed the key `steps` itself.
    let loose = |span: Span| {
        stage.get("steps").is_none()
            || !others().any(|entry| entry.key_span.start <= span.start && span.start < entry.node.span.end)
    };
    slip || out.iter().any(|problem| {
        is_structural(problem)
            && problem.labels.first().is_some_and(|label| label.span.file == stage.span.file && loose(label.span))
    })
}

fn is_structural(problem: &Diagnostic) -> bool {
    problem.severity == Severity::Error && matches!(problem.code, Code::Syntax | Code::Tab | Code::AliasBomb)
}

fn overlaps(one: Span, other: Span) -> bool {
    let end = |span: Span| span.end.max(span.start + 1);
    one.file == other.file && one.start < end(other) && other.start < end(one)
}

fn part<T: DeserializeOwned>(node: &Node, key: &str) -> Option<T> {
    decode(node.get(key)?).ok()
}

fn each<T>(node: &Node, key: &str, make: impl Fn(&Node) -> T) -> IndexMap<String, T> {
    let entries = node.get(key).map(Node::entries).unwrap_or_default();
    entries.iter().map(|entry| (entry.key.clone(), make(&entry.node))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lost(reference: &str, text: Option<&str>) -> LostStages {
        let mut lost = LostStages::default();
        lost.add(reference, text);
        lost
    }

    #[test]
    fn guesses_a_stage_by_its_line_and_its_path() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(
            lost("stages/2-cluster.yaml", Some("x: [\nstage: up # here\n")),
            LostStages { names: names(&["2-cluster", "cluster", "up"]), any: false }
        );
        assert_eq!(lost("b.yaml", Some("stag: [beta\n")), LostStages { names: names(&["b", "b", "beta"]), any: false });
    }

    #[test]
    fn a_file_without_a_stage_line_may_have_any_name() {
        assert!(lost("stages/nope.yaml", None).may_be("anything"));
        assert!(!lost("b.yaml", Some("stage: beta\n")).may_be("anything"));
    }
}
