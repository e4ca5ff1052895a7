//! Gate files: the assertions that `use:` takes over, with the parameters that `with:` gives. Knows no kind.

use std::sync::Arc;

use super::body::{Place, only};
use super::build::{Workshop, site};
use super::cycles;
use super::gate::{OpenFile, Reading};
use super::load::render_static;
use super::names::{Params, Site, static_scope};
use super::node::PlanAssertion;
use super::salvage::{is_partial, is_told};
use super::typed::{fit, typed};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, did_you_mean};
use crate::document::{Entry, Node, Spelled, Value, Written};
use crate::expr::{Scope, Template, has_template};
use crate::source::Span;

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

impl Workshop<'_> {
    /// The assertions of a gate file, with the parameters that `with:` gives.
    pub fn used(&mut self, item: &Node, params: Option<&Params>, reading: &mut Reading) -> Vec<PlanAssertion> {
        let statics = static_scope(&self.names.vars, &self.names.spelled, None, params);
        let place = Place::new(Site { params, ..reading.site }, &statics);
        let shape = Arc::clone(&self.shapes.use_keys);
        let found = self.inspect(item, &shape, place);
        for span in found.iter().flat_map(|found| &found.waits) {
            let message = "parameters of a gate file must be known before the run";
            let help = "use `vars.NAME`; outputs of steps can stand in the stage's own assertions";
            self.out.push(Diagnostic::error(Code::InvalidTemplate, *span, message).help(help));
        }
        let sound = found.as_ref().is_some_and(|found| !found.dynamic && !found.lost);
        // What is wrong with one value must not hide what is wrong in the file.
        let Some(using) = item.get("use") else { return Vec::new() };
        let path = render_quietly(using, &statics, sound, self.out);
        let Some(path) = path.as_ref().and_then(Node::as_text).map(str::to_owned) else { return Vec::new() };
        let mut with = given(item.get("with"), &statics, sound, self.out);
        with.partial |= item.entry("with").is_some_and(|entry| is_partial(entry, self.out));
        if let Some(found) = found {
            reading.refers.add(found);
        }
        let Some(file) = self.gate_file(&path, using.span, reading) else { return Vec::new() };
        let list = matches!(file.value, Value::List(_));
        // What a gate file by itself takes is given on the command line; what it uses in turn, by `with:`.
        let by_option = self.lone_gate && reading.open.is_empty();
        let params = if list { None } else { Some(self.params(&file, item, &path, with, by_option)) };
        for (name, value) in params.iter().flat_map(|params| &params.values) {
            let spelled = params.iter().map(|params| params.spelled.below(name)).next().unwrap_or_default();
            let value = Written { value: value.clone(), spelled };
            reading.definer.word(name).tree(&value.node(using.span));
        }
        reading.open.push(OpenFile { file: file.span.file, name: path, span: using.span });
        let assertions = if list { &*file } else { file.get("assertions").unwrap_or(&*file) };
        let assertions = self.assertions(assertions, params.as_ref(), reading);
        reading.open.pop();
        assertions
    }

    /// The file that `use:` names, unless it is no gate file or is being read already.
    fn gate_file(&mut self, path: &str, span: Span, reading: &Reading) -> Option<Arc<Node>> {
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
        self.out.push(cycles::of_files(&hops));
        None
    }

    /// The values of a gate file's parameters.
    fn params(&mut self, file: &Node, item: &Node, path: &str, with: Params, by_option: bool) -> Params {
        let span = item.get("use").map_or(item.span, |using| using.span);
        let statics = Arc::clone(&self.statics);
        let shape = Arc::clone(&self.shapes.gate_keys);
        // Its assertions are looked at one by one.
        let mut keys = only(file, |_| true);
        if let Value::Map(entries) = &mut keys.value {
            for entry in entries.iter_mut().filter(|entry| entry.key == "assertions") {
                if let Value::List(items) = &mut entry.node.value {
                    items.clear();
                }
            }
        }
        let found = self.inspect(&keys, &shape, Place::new(site(None, None), &statics));
        for span in found.iter().flat_map(|found| &found.waits) {
            let message = "parameters of a gate file must be known before the run";
            self.out.push(Diagnostic::error(Code::InvalidTemplate, *span, message).help("use `vars.NAME`, or `null`"));
        }
        let sound = found.is_some_and(|found| !found.dynamic && !found.lost);
        let mut params = given(file.get("params"), &statics, sound, self.out);
        params.partial |= file.entry("params").is_some_and(|entry| is_partial(entry, self.out));
        let known: Vec<String> = params.names().map(str::to_owned).collect();
        for name in with.names() {
            if known.iter().any(|known| known == name) {
                let declared = file.get("params").and_then(|params| params.get(name)).map(|node| node.span);
                let how = Typing { by_option, path, declared: declared.unwrap_or(span) };
                if let Some(problem) = params.take(name, &with, &how) {
                    self.out.push(problem);
                }
            } else if !params.partial {
                let at = item.get("with").and_then(|with| with.entry(name)).map_or(span, |entry| entry.key_span);
                let help = did_you_mean(name, known.iter().map(String::as_str));
                self.out.push(
                    Diagnostic::error(
                        Code::UnknownName,
                        at,
                        format!("the gate file `{path}` has no parameter `{name}`"),
                    )
                    .help(help.unwrap_or_else(|| format!("add `params: {{ {name}: null }}` to the gate file"))),
                );
            }
        }
        if with.partial {
            // The value may stand in what could not be read.
            let missing = params.values.iter().filter(|(_, value)| value.is_null()).map(|(name, _)| name.clone());
            params.lost.extend(missing.collect::<Vec<_>>());
        }
        for name in known {
            if params.values.get(&name).is_some_and(serde_json::Value::is_null) && !params.lost.contains(&name) {
                let at = item.get("with").and_then(|with| with.get(&name)).map_or(span, |node| node.span);
                self.out.push(
                    Diagnostic::error(
                        Code::MissingKey,
                        at,
                        format!("the gate file `{path}` needs the parameter `{name}`"),
                    )
                    .help(if by_option {
                        format!("add `--param {name}=…`")
                    } else {
                        format!("add `with: {{ {name}: … }}`")
                    }),
                );
                params.lost.push(name);
            }
        }
        params.values.retain(|name, _| !params.lost.contains(name));
        params
    }

    /// What is wrong with a value is told where the value is written, not where its parameter stands.
    pub fn blame(&mut self, item: &Node, params: &Params, since: usize) {
        for problem in self.out.since(since) {
            let Some(label) = problem.labels.first_mut().filter(|_| OF_VALUES.contains(&problem.code)) else {
                continue;
            };
            let Some((name, place)) = parameter_at(item, label.span, params) else { continue };
            let stands = std::mem::replace(&mut label.span, place);
            problem
                .labels
                .push(crate::diagnostic::Label { span: stands, text: format!("`params.{name}` stands here") });
        }
    }
}

/// How a parameter's value takes its type.
struct Typing<'a> {
    /// Whether it is from the command line.
    by_option: bool,
    /// The gate file.
    path: &'a str,
    /// Where the parameter is declared.
    declared: Span,
}

impl Params {
    fn names(&self) -> impl Iterator<Item = &str> {
        self.places.keys().map(String::as_str)
    }

    /// Takes over what `other` says of a parameter, as a value of the parameter's type; what is wrong with it.
    fn take(&mut self, name: &str, other: &Params, how: &Typing<'_>) -> Option<Diagnostic> {
        // Of a parameter whose own value is wrong the type is not known.
        let declared = self.values.get(name).map(|value| Node::from_json(value, how.declared).value);
        self.lost.retain(|lost| lost != name);
        let place = other.places.get(name).copied();
        if let Some(place) = place {
            self.places.insert(name.to_owned(), place);
        }
        let Some(value) = other.values.get(name) else {
            self.lost.push(name.to_owned());
            return None;
        };
        let given = Written { value: value.clone(), spelled: other.spelled.below(name) };
        let given = given.node(place.unwrap_or(how.declared));
        let declared = declared.unwrap_or(Value::Null);
        let fitted = match given.as_text() {
            Some(text) if how.by_option => typed(text, &declared, given.span),
            _ => fit(given.clone(), &declared),
        };
        match fitted {
            Ok(node) => {
                self.values.insert(name.to_owned(), node.to_json());
                self.spelled.set(name, &Spelled::of(&node));
                None
            }
            Err(misfit) => {
                self.lost.push(name.to_owned());
                let (gives, path) = (if how.by_option { "--param" } else { "with" }, how.path);
                let message = format!(
                    "`{gives}` gives {} for the parameter `{name}`, which is {} in `{path}`",
                    misfit.given, misfit.declared
                );
                let help = format!("give {}, or change the value in the gate file's `params:`", misfit.declared);
                let problem = Diagnostic::error(Code::WrongType, given.span, message).help(help);
                Some(problem.also(how.declared, "declared here"))
            }
        }
    }
}

/// The values of a mapping by name; those that have none are lost. What is wrong is told where `aloud`; else it was.
fn given(node: Option<&Node>, statics: &Scope, aloud: bool, out: &mut Diagnostics) -> Params {
    let mut params = Params::default();
    let entries = node.map(Node::entries).unwrap_or_default();
    params.partial = node.is_some_and(|node| !matches!(node.value, Value::Map(_) | Value::Null) || is_told(node, out));
    for Entry { key, node, .. } in entries {
        params.places.insert(key.clone(), node.span);
        match render_quietly(node, statics, aloud, out).filter(|_| !is_told(node, out)) {
            Some(value) => {
                if let Some(number) = value.non_finite() {
                    let help = "JSON holds no such number; quote it if it is text";
                    let message =
                        format!("`{key}`: `{}` is not a finite number", number.scalar_text().unwrap_or_default());
                    out.push(Diagnostic::error(Code::InvalidValue, number.span, message).help(help));
                    params.lost.push(key.clone());
                } else {
                    params.values.insert(key.clone(), value.to_json());
                    params.spelled.set(key, &Spelled::of(&value));
                }
            }
            None => params.lost.push(key.clone()),
        }
    }
    params
}

fn render_quietly(node: &Node, statics: &Scope, aloud: bool, out: &mut Diagnostics) -> Option<Node> {
    let mut told = Diagnostics::default();
    render_static(node, statics, if aloud { out } else { &mut told }).map(std::borrow::Cow::into_owned)
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
