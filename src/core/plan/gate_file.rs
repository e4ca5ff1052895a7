//! Gate files: the assertions that `use:` takes over, with the parameters that `with:` gives. Knows no kind.

use std::sync::Arc;

use super::args::Args;
use super::build::PlanBuilder;
use super::build::body::Place;
use super::build::empty_gate::no_assertion;
use super::build::gate::{OpenFile, Reading};
use super::build::params::render_quietly;
use super::cycles;
use super::decode::only;
use super::gate_item::FOR_EACH;
use super::given::{Owner, Params};
use super::names::{Item, Site};
use super::node::PlanAssertion;
use super::statics::static_scope;
use crate::core::expr::{Template, has_template};
use crate::core::model::diagnostic::{Code, Diagnostic};
use crate::core::model::source::Span;
use crate::core::yaml::{Node, Value};

/// How deep gate files may use each other.
const DEEPEST: usize = 32;

/// Faults of a value, which lie where the value is written.
const OF_VALUES: [Code; 7] = [
    Code::InvalidExpression,
    Code::InvalidName,
    Code::InvalidReference,
    Code::InvalidUnit,
    Code::InvalidValue,
    Code::MissingFile,
    Code::WrongType,
];

impl PlanBuilder<'_> {
    /// The assertions of a gate file, with the parameters that `with:` gives.
    pub fn used(&mut self, item: &Node, params: Option<&Params>, reading: &mut Reading<'_>) -> Vec<PlanAssertion> {
        let each = reading.item.take().map(|each| each.item);
        let statics = static_scope(&self.names.vars, &self.names.spelled, each.as_ref(), params);
        let lost = each.is_none() && item.get(FOR_EACH).is_some();
        let known = if each.is_some() { Item::Known } else { reading.site.item };
        let here = Site { params, item: if lost { Item::Lost } else { known }, ..reading.site };
        let place = Place::new(here, &statics);
        let shape = Arc::clone(&self.shapes.use_keys);
        let fixed = only(item, |entry| !matches!(entry.key.as_str(), "with" | FOR_EACH));
        let found = self.inspect(&fixed, &shape, place);
        for span in found.iter().flat_map(|found| &found.waits) {
            let message = "the path of a gate file must be known before the run";
            let help = "use `vars.NAME`; what only the run knows can be given by `with:`";
            self.out.push(Diagnostic::error(Code::InvalidTemplate, *span, message).help(help));
        }
        let sound = found.as_ref().is_some_and(|found| !found.dynamic && !found.lost);
        // What is wrong with one value must not hide what is wrong in the file.
        let Some(using) = item.get("use") else { return Vec::new() };
        let path = render_quietly(using, &statics, sound, self.out);
        let Some(path) = path.as_ref().and_then(Node::as_text).map(str::to_owned) else { return Vec::new() };
        if let Some(with) = item.get("with").filter(|with| !matches!(with.value, Value::Map(_) | Value::Null)) {
            self.inspect(&only(item, |entry| entry.node.span == with.span || entry.key == "use"), &shape, place);
        }
        let Some(file) = self.gate_file(&path, using.span, reading) else { return Vec::new() };
        let list = matches!(file.value, Value::List(_));
        // What a gate file by itself takes is given on the command line; what it uses in turn, by `with:`.
        let by_option = self.lone_gate && reading.open.is_empty();
        let owner = Owner { what: "gate file", path: &path, file: &file, span: using.span, by_option };
        let params = if list { None } else { Some(self.arguments(owner, item.get("with"), place)) };
        let params = params.map(|(params, found)| {
            reading.refers.add(found);
            params
        });
        if let Some(params) = &params {
            params.define(&mut reading.definer, using.span);
        }
        let outer = reading.args.clone();
        reading.args = params.as_ref().map(|params| Arc::new(Args { item: each, ..params.args(outer.clone()) }));
        reading.open.push(OpenFile { file: file.span.file, name: path, span: using.span });
        let assertions = if list { &*file } else { file.get("assertions").unwrap_or(&*file) };
        if matches!(&assertions.value, Value::List(entries) if entries.is_empty()) {
            let name = format!("the gate file `{}`", reading.open.last().map_or("", |open| open.name.as_str()));
            self.out.push(no_assertion(assertions.span, &name).also(using.span, "used here"));
        }
        let assertions = self.assertions(assertions, params.as_ref(), reading);
        reading.open.pop();
        reading.args = outer;
        assertions
    }

    /// The file that `use:` names, unless it is no gate file or is being read already.
    fn gate_file(&mut self, path: &str, span: Span, reading: &Reading<'_>) -> Option<Arc<Node>> {
        if self.circular.contains(&span) {
            return None;
        }
        if reading.open.len() >= DEEPEST {
            let outermost = reading.open.first().map_or(span, |outermost| outermost.span);
            self.out.push(
                Diagnostic::error(
                    Code::InvalidValue,
                    span,
                    format!("gate files use each other more than {DEEPEST} deep"),
                )
                .also(outermost, "the first of them is used here")
                .help("put what they assert into fewer files"),
            );
            return None;
        }
        let what = self.files.role_of(path);
        let file = if what.is_none() { Some(self.files.read(path, span, self.out)?) } else { None };
        let what = what.or_else(|| {
            let file = file.as_ref()?;
            let has = |key: &str| file.get(key).is_some();
            match () {
                () if has("assertions") => None,
                () if has("stage") || has("steps") => Some("a stage file"),
                () if has("pipeline") || has("stages") => Some("a pipeline file"),
                () => None,
            }
        });
        if let Some(what) = what {
            self.out.push(
                Diagnostic::error(Code::InvalidReference, span, format!("`{path}` is {what}, expected a gate file"))
                    .help("name a file that holds a list of assertions, such as `gates/NAME.yaml`"),
            );
            return None;
        }
        let file = file?;
        let Some(first) = reading.open.iter().position(|open| open.file == file.span.file) else { return Some(file) };
        let circle = &reading.open[first..];
        let places = circle.iter().skip(1).map(|open| open.span).chain([span]);
        let hops: Vec<(String, Span)> = circle.iter().map(|open| open.name.clone()).zip(places).collect();
        self.circular.extend(hops.iter().map(|(_, span)| *span));
        self.out.push(cycles::of_files("gate file", &hops));
        None
    }

    /// What is wrong with a value is reported where the value is written, not where its parameter is.
    pub fn blame(&mut self, item: &Node, params: &Params, since: usize) {
        for problem in self.out.since(since) {
            let Some(label) = problem.labels.first_mut().filter(|_| OF_VALUES.contains(&problem.code)) else {
                continue;
            };
            let Some((name, place)) = parameter_at(item, label.span, params) else { continue };
            let stands = std::mem::replace(&mut label.span, place);
            problem.labels.push(crate::core::model::diagnostic::Label {
                span: stands,
                text: format!("`params.{name}` is used here"),
            });
        }
    }
}

/// The parameter that a scalar of `node` at `span` puts in, and where its value is written.
fn parameter_at<'p>(node: &Node, span: Span, params: &'p Params) -> Option<(&'p str, Span)> {
    if span.file != node.span.file {
        return None;
    }
    match &node.value {
        Value::Text(text) if has_template(node) && span.start >= node.span.start && span.end <= node.span.end => {
            let template = Template::parse(text).ok()?;
            template.references().find_map(|found| {
                let name = found.path.get(1).filter(|_| found.path[0] == "params")?;
                params.places.get_key_value(name.as_str()).map(|(name, place)| (name.as_str(), *place))
            })
        }
        Value::List(items) => items.iter().find_map(|item| parameter_at(item, span, params)),
        Value::Map(entries) => entries.iter().find_map(|entry| parameter_at(&entry.node, span, params)),
        _ => None,
    }
}
