//! Stored values of the past: reads `baselines.yaml`, and puts each value into the expectation that refers to it.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::decode::decode_or_tell;
use super::files::Files;
use crate::core::kind::Kind;
use crate::core::model::diagnostic::{Code, Diagnostic, Diagnostics, did_you_mean};
use crate::core::model::expect;
use crate::core::model::source::Span;
use crate::core::model::units::Count;
use crate::core::spec::BaselinesSpec;
use crate::core::yaml::{CompiledSchema, Entry, Format, Formats, Found, Node, Value, bytes_of};

/// The file, beside pipeline.yaml.
pub const BASELINES: &str = "baselines.yaml";

/// The stored values by assertion and key.
#[derive(Debug, Clone, Default)]
pub struct Baselines {
    values: BTreeMap<String, BTreeMap<String, String>>,
    /// Where each assertion is named in the file.
    places: BTreeMap<String, Span>,
}

impl Baselines {
    /// Reads the file, where there is one. What is wrong with it goes to `out`.
    pub(super) fn read(files: &mut Files, out: &mut Diagnostics) -> Self {
        let path = files.root.join(BASELINES);
        let node = match bytes_of(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => {
                let file = files.sources.add(BASELINES, &path, String::new());
                let message = format!("cannot read `{BASELINES}`: {error}");
                out.push(Diagnostic::error(Code::MissingFile, Span::new(file, 0, 0), message));
                None
            }
            Ok(bytes) => files.take(BASELINES, &path, bytes, out),
        };
        node.and_then(|node| Baselines::of(&node, out)).unwrap_or_default()
    }

    fn of(node: &Node, out: &mut Diagnostics) -> Option<Self> {
        let shape = CompiledSchema::of::<BaselinesSpec>();
        if shape.check_as(BASELINES, node, &mut Literal, out) == Found::Wrong {
            return None;
        }
        let spec: BaselinesSpec = decode_or_tell(node, out)?;
        let entries = node.get("baselines").map(Node::entries).unwrap_or_default();
        let values = |values: indexmap::IndexMap<String, crate::core::spec::BaselineSpec>| {
            values.into_iter().map(|(key, entry)| (key, entry.value)).collect()
        };
        Some(Baselines {
            places: entries.iter().map(|entry| (entry.key.clone(), entry.key_span)).collect(),
            values: spec.baselines.into_iter().map(|(name, entries)| (name, values(entries))).collect(),
        })
    }

    /// Complains of entries that belong to no assertion.
    pub(super) fn check_names(&self, known: &BTreeSet<String>, out: &mut Diagnostics) {
        for (name, span) in self.places.iter().filter(|(name, _)| !known.contains(*name)) {
            let help = did_you_mean(name, known.iter().map(String::as_str))
                .unwrap_or_else(|| "remove the entry, or give the assertion its name back".to_owned());
            let message = format!("no assertion is called `{name}`, so its baseline is not used");
            out.push(Diagnostic::warning(Code::UnknownName, *span, message).help(help));
        }
    }

    /// The body of an assertion, with the stored value behind each expectation that refers to one.
    pub fn bind<'n, T: ?Sized>(&self, kind: &Kind<T>, body: &'n Node, assertion: &str) -> Cow<'n, Node> {
        if !holds_word(body) {
            return Cow::Borrowed(body);
        }
        let mut found = Expectations::default();
        // what does not fit the shape was reported, or is when it is decoded
        kind.shape().check(body, &mut found, &mut Diagnostics::default());
        let stored = self.values.get(assertion);
        Cow::Owned(bound(body, "", &found, stored))
    }
}

fn holds_word(node: &Node) -> bool {
    match &node.value {
        Value::Text(text) => expect::mentions::<Count>(text),
        Value::List(items) => items.iter().any(holds_word),
        Value::Map(entries) => entries.iter().any(|entry| holds_word(&entry.node)),
        _ => false,
    }
}

/// Scalars that are expectations and refer to a baseline.
#[derive(Default)]
struct Expectations(Vec<(Span, String)>);

impl Formats for Expectations {
    fn judge(&mut self, format: Format<'_>, _: &mut Diagnostics) {
        let is_expectation = format.name.starts_with("expect-") && format.name != "expect-text";
        if let Some(text) = format.node.as_text().filter(|text| is_expectation && expect::mentions::<Count>(text)) {
            self.0.push((format.node.span, text.to_owned()));
        }
    }
}

fn bound(node: &Node, path: &str, found: &Expectations, stored: Option<&BTreeMap<String, String>>) -> Node {
    let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    let value = match &node.value {
        Value::Text(text) if found.0.iter().any(|(span, other)| *span == node.span && other == text) => {
            let value = stored.and_then(|stored| stored.get(path)).map(String::as_str);
            Value::Text(expect::bind(text, path, value))
        }
        Value::List(items) => {
            let items = items.iter().enumerate();
            Value::List(items.map(|(at, item)| bound(item, &below(&at.to_string()), found, stored)).collect())
        }
        Value::Map(entries) => {
            let of =
                |entry: &Entry| Entry { node: bound(&entry.node, &below(&entry.key), found, stored), ..entry.clone() };
            Value::Map(entries.iter().map(of).collect())
        }
        other => other.clone(),
    };
    Node { span: node.span, value, spelling: node.spelling.clone() }
}

/// A file of values: nothing in it is put in.
struct Literal;

impl Formats for Literal {
    fn judge(&mut self, _: Format<'_>, _: &mut Diagnostics) {}
}
