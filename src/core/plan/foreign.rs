//! What newcomers write as their last tool takes it (`run:`, `if:`, `depends_on:`, `jobs:`): reported once, with the lines to
//! write, and read on as intended. Knows the words of other tools; no kind beyond its name.

mod action;
mod assertion;
mod bodies;
mod chainsaw;
mod condition;
mod each;
mod file;
mod groups;
mod names;
mod script;
mod stage;
mod step;
mod tree;
mod write;

use std::cell::OnceCell;

use super::keys::GATE;
use super::keys::GROUPS;
use crate::core::kind::Registry;
use crate::core::model::diagnostic::{Code, Diagnostic, Diagnostics, Suggestion};
use crate::core::model::source::{SourceMap, Span};
use crate::core::spec::{PipelineSpec, StageSpec, StepKeys};
use crate::core::yaml::{CompiledSchema, Entry, Node, Value};
pub(super) use names::of_other_tools;
use tree::{entry, map};

/// The keys that are ours.
pub(super) struct Known {
    pub registry: Registry,
    step: OnceCell<CompiledSchema>,
    stage: OnceCell<CompiledSchema>,
    pipeline: OnceCell<CompiledSchema>,
}

impl Known {
    fn is_step_key(&self, key: &str) -> bool {
        matches!(key, GATE | "use" | "with") && key != "with"
            || self.step.get_or_init(CompiledSchema::of::<StepKeys>).has_key(key)
    }

    fn is_stage_key(&self, key: &str) -> bool {
        self.stage.get_or_init(CompiledSchema::of::<StageSpec>).has_key(key)
    }

    fn is_pipeline_key(&self, key: &str) -> bool {
        self.pipeline.get_or_init(CompiledSchema::of::<PipelineSpec>).has_key(key)
    }

    fn says_of_a_step(&self, key: &str) -> bool {
        self.registry.step(key).is_some() || self.is_step_key(key)
    }
}

/// Which file it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// pipeline.yaml.
    Pipeline,
    /// A file that it names.
    Other,
    /// A file that a step uses as a part.
    Part,
}

/// The tree of a file with what other tools write replaced by what is meant. A file whose lines could not all be read
/// stays as it is.
pub(super) fn understood(
    mut node: Node,
    place: Place,
    registry: Registry,
    sources: &SourceMap,
    out: &mut Diagnostics,
) -> Node {
    if out.has_errors_in(node.span.file) {
        return node;
    }
    let known = Known { registry, step: OnceCell::new(), stage: OnceCell::new(), pipeline: OnceCell::new() };
    let mut reader = Reader { known, sources, out };
    if let (Value::List(_), Place::Pipeline) = (&node.value, place)
        && let Some(draft) = file::plays(&node, &reader.known)
    {
        reader.file(&mut node, draft);
        return node;
    }
    match (&node.value, place) {
        (Value::List(_), _) => reader.assertions(&mut node),
        (Value::Map(_), Place::Pipeline) => reader.pipeline(&mut node),
        (Value::Map(_), Place::Part) => reader.groups(&mut node),
        (Value::Map(_), Place::Other) if node.get("assertions").is_some() => reader.groups(&mut node),
        (Value::Map(_), Place::Other) if node.get("pipeline").is_none() && node.get("part").is_none() => {
            reader.stage(&mut node);
        }
        _ => {}
    }
    node
}

struct Reader<'a> {
    known: Known,
    sources: &'a SourceMap,
    out: &'a mut Diagnostics,
}

/// What is replaced, in words, and by what.
struct Change<'c> {
    /// What it is: ``step `build` ``.
    what: String,
    foreign: &'c [(String, Span)],
    notes: &'c [String],
    suggestion: Suggestion,
}

impl Reader<'_> {
    /// A whole file of another tool.
    fn file(&mut self, node: &mut Node, draft: file::FileDraft) {
        let text = write::block(draft.node.entries(), 0);
        let suggestion = Suggestion { span: self.trimmed(node.span), text, indent: 0 };
        let what = "this file".to_owned();
        self.report(&Change { what, foreign: &draft.foreign, notes: &draft.notes, suggestion });
        *node = draft.node;
    }

    fn pipeline(&mut self, node: &mut Node) {
        if let Some(draft) = file::converted(node, &self.known) {
            return self.file(node, draft);
        }
        let renamed = |own: &Entry, node: &Node| match own.key.as_str() {
            "name" if node.get("pipeline").is_none() => {
                Some(entry("pipeline", tree::text(tree::slug(own.node.as_text()?), own.node.span)))
            }
            "version" if own.node.as_text().is_some() => {
                Some(entry("version", Node::new(own.node.span, Value::Number(1.into()))))
            }
            "environment" | "variables" if node.get("env").is_none() => {
                Some(entry("env", map(script::pairs(&own.node), own.node.span)))
            }
            "env" if matches!(own.node.value, Value::List(_)) => {
                Some(entry("env", map(script::pairs(&own.node), own.node.span)))
            }
            "stages" => stage::listed(&own.node, &self.known).map(|stages| entry("stages", stages)),
            _ => None,
        };
        let lines: Vec<(Entry, Entry)> =
            node.entries().iter().filter_map(|own| Some((own.clone(), renamed(own, node)?))).collect();
        self.lines("pipeline.yaml", &lines, node);
        if let Value::Map(entries) = &mut node.value {
            for own in entries.iter_mut().filter(|own| own.key == "stages") {
                match &mut own.node.value {
                    Value::List(stages) => {
                        stages.iter_mut().filter(|one| !one.entries().is_empty()).for_each(|one| self.stage(one));
                    }
                    Value::Map(stages) => {
                        stages.iter_mut().filter(|one| !one.node.entries().is_empty()).for_each(|one| self.named(one));
                    }
                    _ => {}
                }
            }
        }
        self.groups(node);
    }

    /// A stage under its name.
    fn named(&mut self, own: &mut Entry) {
        let draft = stage::named(&own.key, &own.node, &self.known);
        if draft.whole && !draft.foreign.is_empty() {
            let keys: Vec<Entry> = draft.node.entries().iter().filter(|key| key.key != "stage").cloned().collect();
            self.whole(&own.key.clone(), own.node.span, &keys, &draft);
            own.node = map(keys, own.node.span);
        } else {
            self.parts(&mut own.node, &draft.lines);
        }
    }

    /// A stage with all of its keys.
    fn stage(&mut self, node: &mut Node) {
        let draft = stage::stage(node, &self.known);
        if draft.whole && !draft.foreign.is_empty() {
            let name = tree::text_at(&draft.node, "stage").unwrap_or_default();
            self.whole(&name, node.span, draft.node.entries(), &draft);
            *node = draft.node;
        } else {
            self.parts(node, &draft.lines);
        }
    }

    fn whole(&mut self, name: &str, span: Span, keys: &[Entry], draft: &stage::StageDraft) {
        let indent = self.column(span);
        let suggestion = self.placed(span, keys, indent);
        self.report(&Change {
            what: format!("stage `{name}`"),
            foreign: &draft.foreign,
            notes: &draft.notes,
            suggestion,
        });
    }

    /// The keys of a stage one by one, and its steps.
    fn parts(&mut self, node: &mut Node, lines: &[(Entry, Entry)]) {
        self.lines("this stage", lines, node);
        self.groups(node);
    }

    /// Keys that are one line each.
    fn lines(&mut self, what: &str, lines: &[(Entry, Entry)], node: &mut Node) {
        for (own, made) in lines {
            let suggestion = self.placed(whole_span(own), std::slice::from_ref(made), self.column(own.key_span));
            let foreign = [(own.key.clone(), own.key_span)];
            self.report(&Change { what: what.to_owned(), foreign: &foreign, notes: &[], suggestion });
            if let Value::Map(entries) = &mut node.value
                && let Some(old) = entries.iter_mut().find(|entry| entry.key_span == own.key_span)
            {
                *old = made.clone();
            }
        }
    }

    /// Steps and assertions below the keys of a file or a stage.
    fn groups(&mut self, node: &mut Node) {
        let Value::Map(entries) = &mut node.value else { return };
        for own in entries {
            if GROUPS.iter().any(|(group, _)| own.key == *group) {
                if let Value::Map(steps) = &mut own.node.value {
                    for step in steps {
                        self.step(step);
                    }
                }
            } else if own.key == GATE || own.key == "assertions" {
                if let Some(items) = assertion::list_of(&own.node) {
                    let made = entry(own.key.clone(), tree::list(items, own.node.span));
                    let suggestion =
                        self.placed(whole_span(own), std::slice::from_ref(&made), self.column(own.key_span));
                    let foreign = [(own.key.clone(), own.key_span)];
                    self.report(&Change { what: "this file".to_owned(), foreign: &foreign, notes: &[], suggestion });
                    *own = made;
                } else {
                    self.assertions(&mut own.node);
                }
            }
        }
    }

    fn step(&mut self, own: &mut Entry) {
        let body = match &own.node.value {
            Value::Text(_) | Value::List(_) => {
                let key =
                    if own.node.items().iter().all(|item| item.scalar_text().is_some()) { "script" } else { "cmds" };
                Some(map(vec![entry(key, own.node.clone())], own.node.span))
            }
            _ => None,
        };
        let draft = step::step(body.as_ref().unwrap_or(&own.node), &self.known);
        if draft.foreign.is_empty() {
            for gate in entries_of(&mut own.node).iter_mut().filter(|key| key.key == GATE) {
                self.assertions(&mut gate.node);
            }
            return;
        }
        let made = draft.node(own.node.span);
        let changed: Vec<&Entry> = made.entries().iter().filter(|key| !own.node.entries().contains(key)).collect();
        let what = format!("step `{}`", own.key);
        let others_stay = |span: &Span| {
            own.node.entries().iter().filter(|key| key.key_span != *span).all(|key| made.entries().contains(key))
        };
        let suggestion = match (draft.foreign.as_slice(), changed.as_slice()) {
            ([(_, span)], [only]) if body.is_none() && others_stay(span) => {
                let old = own.node.entries().iter().find(|key| key.key_span == *span);
                let place = old.map_or(own.node.span, whole_span);
                self.placed(place, std::slice::from_ref(*only), self.column(*span))
            }
            _ => self.placed(whole_span(own), &[entry(own.key.clone(), made.clone())], self.column(own.key_span)),
        };
        if body.is_some() {
            let message = format!("{what} is {}, expected a mapping with a kind", own.node.type_name());
            self.out.push(Diagnostic::error(Code::WrongType, own.node.span, message).propose(suggestion, &draft.notes));
        } else {
            self.report(&Change { what, foreign: &draft.foreign, notes: &draft.notes, suggestion });
        }
        own.node = made;
    }

    fn assertions(&mut self, list: &mut Node) {
        let Value::List(items) = &mut list.value else { return };
        for item in items {
            let Some(made) = assertion::changed(item) else { continue };
            let foreign: Vec<(String, Span)> = match item.entries() {
                [] => vec![(item.as_text().unwrap_or_default().chars().take(40).collect(), item.span)],
                all => all
                    .iter()
                    .filter(|own| made.get(&own.key) != Some(&own.node))
                    .map(|own| (own.key.clone(), own.key_span))
                    .collect(),
            };
            let suggestion = self.placed(item.span, made.entries(), self.column(item.span));
            self.report(&Change { what: "this assertion".to_owned(), foreign: &foreign, notes: &[], suggestion });
            *item = made;
        }
    }

    /// What replaces `span`: between braces where its surroundings are, else as lines.
    fn placed(&self, span: Span, keys: &[Entry], indent: usize) -> Suggestion {
        let span = self.trimmed(span);
        if let Some(text) = self.within_braces(span, keys) {
            return Suggestion { span, text, indent: 0 };
        }
        let single = if let [only] = keys { write::line(only).filter(|_| !write_as_block(only)) } else { None };
        let text = single.unwrap_or_else(|| write::block(keys, 0));
        Suggestion { span, text, indent }
    }

    /// The text between braces, where the place is between some.
    fn within_braces(&self, span: Span, keys: &[Entry]) -> Option<String> {
        let whole = &self.sources.file(span.file).text;
        if self.sources.slice(span).starts_with('{') {
            return Some(write::inline(&map(keys.to_vec(), span)));
        }
        let before = whole.get(..span.start as usize)?;
        let line = before.rsplit('\n').next().unwrap_or(before);
        let open = line.matches(['{', '[']).count() > line.matches(['}', ']']).count();
        let whole = open.then(|| write::inline(&map(keys.to_vec(), span)))?;
        whole.strip_prefix("{ ")?.strip_suffix(" }").map(str::to_owned)
    }

    /// Without the line ends behind it.
    fn trimmed(&self, span: Span) -> Span {
        let len = self.sources.slice(span).trim_end().len();
        Span { end: span.start.saturating_add(u32::try_from(len).unwrap_or(0)), ..span }
    }

    /// How far from the left a place is, in columns from 0.
    fn column(&self, span: Span) -> usize {
        self.sources.line_column(span).1.saturating_sub(1)
    }

    fn report(&mut self, change: &Change<'_>) {
        let mut keys: Vec<&(String, Span)> = Vec::new();
        for key in change.foreign {
            if !keys.iter().any(|(name, _)| *name == key.0) {
                keys.push(key);
            }
        }
        let Some((_, first)) = keys.first() else { return };
        let names: Vec<String> = keys.iter().map(|(name, _)| format!("`{}`", name.trim())).collect();
        let (last, others) =
            names.split_last().map_or((String::new(), Vec::new()), |(last, others)| (last.clone(), others.to_vec()));
        let (listed, verb) = if others.is_empty() {
            (last, "is written as in another tool")
        } else {
            (format!("{} and {last}", others.join(", ")), "are written as in another tool")
        };
        let what = &change.what;
        let message = format!("{what}: {listed} {verb}");
        let mut problem = Diagnostic::error(Code::ForeignSpelling, *first, message);
        for (_, span) in keys.iter().skip(1).take(4) {
            problem = problem.also(*span, "");
        }
        self.out.push(problem.propose(change.suggestion.clone(), change.notes));
    }
}

fn write_as_block(own: &Entry) -> bool {
    own.node.entries().iter().any(|key| !matches!(key.node.value, Value::Text(_))) && own.node.entries().len() > 2
}

fn whole_span(own: &Entry) -> Span {
    Span { end: own.node.span.end.max(own.key_span.end), ..own.key_span }
}

fn entries_of(node: &mut Node) -> &mut [Entry] {
    match &mut node.value {
        Value::Map(entries) => entries,
        _ => &mut [],
    }
}
