//! The parts that steps use: read once each, their step names and outputs gathered before any step is built.

pub(super) mod step_names;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use indexmap::IndexMap;

use super::cycles;
use super::files::Files;
use super::names::{StepName, StepNames};
use super::own_keys;
use super::part_files::step_names::step_names;
use super::shapes::Shapes;
use crate::core::expr::{Reference, Template};
use crate::core::model::diagnostic::{Code, Diagnostic, Diagnostics, did_you_mean};
use crate::core::model::source::Span;
use crate::core::spec::schema::OPEN_IN_PART;
use crate::core::yaml::template::has_mark;
use crate::core::yaml::{Entry, Node, Value};

/// A part as it is written.
#[derive(Debug)]
pub(super) struct PartFile {
    /// Its path, or its name under `parts:`.
    pub path: String,
    pub node: Arc<Node>,
    pub names: StepNames,
    /// Its outputs by name, and whether they carry a secret.
    pub outputs: IndexMap<String, bool>,
}

/// The parts of a pipeline.
#[derive(Default)]
pub(super) struct PartFiles {
    /// Those under `parts:`.
    inline: Vec<Entry>,
    /// By what `use:` says; nothing for one that is wrong, which was reported.
    found: HashMap<String, Option<Arc<PartFile>>>,
    /// Those that are being read, the outermost first, and where each is used.
    open: Vec<(String, Span)>,
    /// Uses that close a circle, which was reported.
    pub circular: HashSet<Span>,
}

/// What every reader of parts needs.
pub(super) struct Reader<'a> {
    pub files: &'a mut Files,
    pub shapes: &'a Shapes,
    pub out: &'a mut Diagnostics,
}

impl PartFiles {
    /// With the parts under `parts:` of pipeline.yaml, all of which are read.
    pub fn new(pipeline: &Node, reader: &mut Reader<'_>) -> Self {
        let inline = pipeline.get("parts").map(Node::entries).unwrap_or_default().to_vec();
        let mut parts = PartFiles { inline, ..PartFiles::default() };
        for (name, span) in parts.inline.iter().map(|entry| (entry.key.clone(), entry.key_span)).collect::<Vec<_>>() {
            parts.load(&name, span, reader);
        }
        parts
    }

    /// A part that was read.
    pub fn get(&self, reference: &str) -> Option<Arc<PartFile>> {
        self.found.get(reference).cloned().flatten()
    }

    /// Reads the parts that the steps of `file` use, and those that these use.
    pub fn gather(&mut self, file: &Node, groups: &[&str], reader: &mut Reader<'_>) {
        for entry in groups.iter().flat_map(|group| file.get(group).map(Node::entries).unwrap_or_default()) {
            let Some(using) = entry.node.get("use") else { continue };
            if let Some(reference) = using.as_text().filter(|text| !has_mark(text)) {
                self.load(reference, using.span, reader);
            }
        }
    }

    fn load(&mut self, reference: &str, span: Span, reader: &mut Reader<'_>) {
        if let Some(first) = self.open.iter().position(|(open, _)| open == reference) {
            let circle = &self.open[first..];
            let places = circle.iter().skip(1).map(|(_, span)| *span).chain([span]);
            let hops: Vec<(String, Span)> = circle.iter().map(|(name, _)| name.clone()).zip(places).collect();
            if self.circular.insert(span) {
                reader.out.push(cycles::of_files("part", &hops));
            }
            return;
        }
        if self.found.contains_key(reference) {
            return;
        }
        self.open.push((reference.to_owned(), span));
        let part = self.read(reference, span, reader);
        self.open.pop();
        self.found.insert(reference.to_owned(), part.map(Arc::new));
    }

    fn read(&mut self, reference: &str, span: Span, reader: &mut Reader<'_>) -> Option<PartFile> {
        let inline = self.inline.iter().find(|entry| entry.key == reference);
        let node = match inline {
            Some(entry) => Arc::new(entry.node.clone()),
            None if is_name(reference) => {
                let names = self.inline.iter().map(|entry| entry.key.as_str());
                let help = did_you_mean(reference, names)
                    .unwrap_or_else(|| "name a file, such as `parts/NAME.yaml`, or add it to `parts:`".to_owned());
                let message = format!("there is no part `{reference}`");
                reader.out.push(Diagnostic::error(Code::UnknownName, span, message).help(help));
                return None;
            }
            None => {
                let role = reader.files.role_of(reference);
                let node =
                    if role.is_none() { Some(reader.files.read_part(reference, span, reader.out)?) } else { None };
                if let Some(what) = role.or_else(|| other_file(node.as_deref()?)) {
                    let message = format!("`{reference}` is {what}, expected a part");
                    let help = match what {
                        "a gate file" => format!("use it in a gate: `gate: [{{ use: {reference} }}]`"),
                        _ => "name a file with `steps:`, such as `parts/NAME.yaml`".to_owned(),
                    };
                    reader.out.push(Diagnostic::error(Code::InvalidReference, span, message).help(help));
                    return None;
                }
                node?
            }
        };
        // What is wrong in one of its keys does not hide what is wrong in its steps.
        own_keys::fits(&reader.shapes.part_keys, &node, OPEN_IN_PART, reader.files, reader.out);
        if !matches!(node.value, Value::Map(_)) {
            return None;
        }
        self.gather(&node, &["steps"], reader);
        let names = step_names(&node, reader.shapes, self, reader.out);
        let outputs = node.get("outputs").map(Node::entries).unwrap_or_default();
        let outputs =
            outputs.iter().map(|entry| (entry.key.clone(), carries_secret(&entry.node, &node, &names))).collect();
        Some(PartFile { path: reference.to_owned(), node, names, outputs })
    }
}

/// Whether a reference names a part under `parts:`, not a file.
#[expect(clippy::case_sensitive_file_extension_comparisons, reason = "the names of files are case-sensitive")]
fn is_name(reference: &str) -> bool {
    !reference.contains('/') && !reference.ends_with(".yaml") && !reference.ends_with(".yml")
}

/// What a file is that is not a part.
fn other_file(node: &Node) -> Option<&'static str> {
    let has = |key: &str| node.get(key).is_some();
    match &node.value {
        Value::List(_) => Some("a gate file"),
        _ if has("assertions") => Some("a gate file"),
        _ if has("stage") => Some("a stage file"),
        _ if has("pipeline") || has("stages") => Some("a pipeline file"),
        _ => None,
    }
}

/// Whether an output uses a secret: by name, through a parameter, or through an output of a part within.
fn carries_secret(output: &Node, part: &Node, names: &StepNames) -> bool {
    let Some(Ok(template)) = output.as_text().map(Template::parse) else { return false };
    let secret_param = |name: &String| {
        let declared = part.get("params").and_then(|params| params.get(name)?.get("type"));
        declared.and_then(Node::as_text) == Some("secret")
    };
    let any_param =
        || part.get("params").map(Node::entries).unwrap_or_default().iter().any(|entry| secret_param(&entry.key));
    let secret_step = |step: &StepName, name: Option<&String>| {
        name.map_or(!step.secret.is_empty(), |name| step.secret.contains(name))
    };
    template.references().any(|Reference { path, .. }| match path[0].as_str() {
        "secrets" => true,
        "params" => path.get(1).map_or_else(any_param, secret_param),
        "steps" => match path.get(1) {
            Some(id) => names.steps.get(id).is_some_and(|step| secret_step(step, path.get(3))),
            None => names.steps.values().any(|step| secret_step(step, None)),
        },
        _ => false,
    })
}
