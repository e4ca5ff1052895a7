//! Keys beside the key that they belong below: reported once, and read as intended. Knows which keys say what a step
//! or an assertion is, and no value.

use super::keys::GATE;
use super::keys::GROUPS;
use crate::core::kind::Registry;
use crate::core::model::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::core::model::source::{SourceMap, Span};
use crate::core::spec::{AssertionKeys, StepKeys};
use crate::core::yaml::{CompiledSchema, Entry, Node, Value};

/// The tree of a file with what is beside its place put below it. A file whose lines could not all be read stays.
pub(super) fn mended(mut file: Node, registry: Registry, sources: &SourceMap, out: &mut Diagnostics) -> Node {
    if may_be(&file) && !out.has_errors_in(file.span.file) {
        let (step_keys, assertion_keys) = (CompiledSchema::of::<StepKeys>(), CompiledSchema::of::<AssertionKeys>());
        IndentFixer { registry, step_keys, assertion_keys, sources, out }.file(&mut file);
    }
    file
}

/// Whether any key with nothing below it has another key behind it. Nearly no file has one.
fn may_be(node: &Node) -> bool {
    match &node.value {
        Value::List(items) => items.iter().any(may_be),
        Value::Map(entries) => {
            let before_the_last = entries.len().saturating_sub(1);
            entries[..before_the_last].iter().any(|entry| entry.node.value == Value::Null)
                || entries.iter().any(|entry| may_be(&entry.node))
        }
        _ => false,
    }
}

struct IndentFixer<'a> {
    registry: Registry,
    step_keys: CompiledSchema,
    assertion_keys: CompiledSchema,
    sources: &'a SourceMap,
    out: &'a mut Diagnostics,
}

/// What a mapping is made of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sort {
    /// Names of steps.
    Steps,
    /// The keys of a step.
    Step,
    /// The keys of an assertion.
    Assertion,
}

impl IndentFixer<'_> {
    fn file(&mut self, file: &mut Node) {
        if matches!(file.value, Value::List(_)) {
            return self.assertions(file);
        }
        for entry in entries(file) {
            if GROUPS.iter().any(|(group, _)| entry.key == *group) {
                self.steps(&mut entry.node);
            } else if entry.key == GATE || entry.key == "assertions" {
                self.assertions(&mut entry.node);
            } else if entry.key == "stages" {
                match &mut entry.node.value {
                    Value::List(stages) => stages.iter_mut().for_each(|stage| self.stage(stage)),
                    Value::Map(stages) => stages.iter_mut().for_each(|stage| self.stage(&mut stage.node)),
                    _ => {}
                }
            }
        }
    }

    /// A stage that is written in pipeline.yaml.
    fn stage(&mut self, stage: &mut Node) {
        if matches!(stage.value, Value::Map(_)) {
            self.file(stage);
        }
    }

    fn steps(&mut self, steps: &mut Node) {
        self.gather(steps, Sort::Steps);
        for step in entries(steps) {
            self.gather(&mut step.node, Sort::Step);
            for gate in entries(&mut step.node).iter_mut().filter(|entry| entry.key == GATE) {
                self.assertions(&mut gate.node);
            }
        }
    }

    fn assertions(&mut self, list: &mut Node) {
        if let Value::List(items) = &mut list.value {
            for item in items {
                self.gather(item, Sort::Assertion);
            }
        }
    }

    /// Puts what is beside an empty key of `mapping` below it, if it belongs there.
    fn gather(&mut self, mapping: &mut Node, sort: Sort) {
        let Value::Map(entries) = &mut mapping.value else { return };
        let mut kept: Vec<Entry> = Vec::with_capacity(entries.len());
        // The key that has nothing below it, and what was put there.
        let mut open: Option<(usize, Vec<(String, Span)>)> = None;
        for entry in std::mem::take(entries) {
            if let Some((at, moved)) = &mut open
                && self.beside(kept[*at].key_span, entry.key_span)
                && self.belongs(&kept[*at].key, &entry, sort)
            {
                moved.push((entry.key.clone(), entry.key_span));
                put(&mut kept[*at].node, entry);
                continue;
            }
            let empty = entry.node.value == Value::Null;
            if empty || sort == Sort::Steps {
                self.tell(&kept, open.take());
                open = empty.then(|| (kept.len(), Vec::new()));
            }
            kept.push(entry);
        }
        self.tell(&kept, open);
        *entries = kept;
    }

    /// Whether `entry` says what belongs below the empty key `owner`.
    fn belongs(&self, owner: &str, entry: &Entry, sort: Sort) -> bool {
        let key = entry.key.as_str();
        match sort {
            // A step of that name would have a kind itself.
            Sort::Steps => self.says_of_a_step(key) && !entry.node.entries().iter().any(|own| self.is_kind(&own.key)),
            Sort::Step => {
                let kind = self.registry.step(owner);
                !self.says_of_a_step(key) && kind.is_some_and(|kind| kind.shape().has_key(key))
            }
            Sort::Assertion => {
                let kind = self.registry.assertion(owner);
                let common = self.registry.assertion(key).is_some() || self.assertion_keys.has_key(key);
                !common && kind.is_some_and(|kind| kind.shape().has_key(key))
            }
        }
    }

    fn is_kind(&self, key: &str) -> bool {
        key == GATE || self.registry.step(key).is_some()
    }

    fn says_of_a_step(&self, key: &str) -> bool {
        self.is_kind(key) || self.step_keys.has_key(key)
    }

    /// Whether two keys stand in the same column of different lines.
    fn beside(&self, one: Span, other: Span) -> bool {
        let text = &self.sources.file(one.file).text;
        let line = |span: Span| {
            let before = text.get(..span.start as usize)?;
            Some(before.rfind('\n').map_or(0, |at| at + 1))
        };
        let column = |span: Span| Some((span.start as usize).saturating_sub(line(span)?));
        line(one) != line(other) && column(one) == column(other)
    }

    fn tell(&mut self, kept: &[Entry], moved: Option<(usize, Vec<(String, Span)>)>) {
        let Some((at, moved)) = moved else { return };
        let [(_, first), ..] = moved.as_slice() else { return };
        let owner = &kept[at];
        let names: Vec<String> = moved.iter().map(|(key, _)| format!("`{key}`")).collect();
        let (stands, it) = if moved.len() == 1 { ("stands", "it") } else { ("stand", "them") };
        let message = format!("{} {stands} beside `{}`, not below it", names.join(" and "), owner.key);
        self.out.push(
            Diagnostic::error(Code::WrongType, *first, message)
                .label(format!("belongs to `{}`", owner.key))
                .also(owner.key_span, "has nothing below it")
                .help(format!("indent {it}: two spaces more than `{}:`", owner.key)),
        );
    }
}

fn entries(node: &mut Node) -> &mut [Entry] {
    match &mut node.value {
        Value::Map(entries) => entries,
        _ => &mut [],
    }
}

/// Puts an entry below a key that had nothing there.
fn put(below: &mut Node, entry: Entry) {
    let end = entry.node.span.end.max(entry.key_span.end);
    if let Value::Map(entries) = &mut below.value {
        below.span.end = end;
        entries.push(entry);
    } else {
        *below = Node::new(Span { end, ..entry.key_span }, Value::Map(vec![entry]));
    }
}
