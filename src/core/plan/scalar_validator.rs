//! Judges scalars with a meaning: templates, expressions, units, paths, names. Gathers what they refer to.

use std::path::Path;

use super::names::{Carries, Names, Site, Target};
use super::paths;
use crate::core::expr::{Expr, ExprError, Fact, Part, Reference, Scope, Template};
use crate::core::model::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::core::model::expect::{self, Expect};
use crate::core::model::source::{SourceMap, Span};
use crate::core::model::units::{ByteSize, Count, Number, Percent, Quantity, Rate, Text, TimeSpan};
use crate::core::spec::{MAX_NAME, When, name_problem};
use crate::core::yaml::template::has_mark;
use crate::core::yaml::{Format, Formats, Node, Value};

/// The format of a duration in which something must end.
const TIME_LIMIT: &str = "time-limit";

/// What the scalars of a tree refer to.
#[derive(Debug, Default, Clone)]
pub(super) struct Found {
    /// Whether there is any template.
    pub templates: bool,
    /// Whether a template needs a value that only the run knows.
    pub dynamic: bool,
    /// Steps of the same stage that are referred to, with the place.
    pub steps: Vec<(String, Span)>,
    /// Other stages that are referred to, with the place.
    pub stages: Vec<(usize, Span)>,
    /// Where values stand that only the run knows.
    pub waits: Vec<Span>,
    /// Whether a value carries a secret.
    pub secret: bool,
    /// Whether a value is hidden by another fault, which was reported. Then `dynamic` too: there is no value yet.
    pub lost: bool,
    /// Whether an expectation refers to a baseline.
    pub baseline: bool,
    /// Whether it names a file that another step makes: it is read when that is there.
    pub made: bool,
}

impl Found {
    /// Takes in what another tree refers to.
    pub fn add(&mut self, other: Found) {
        self.templates |= other.templates;
        self.dynamic |= other.dynamic;
        self.secret |= other.secret;
        self.lost |= other.lost;
        self.made |= other.made;
        self.steps.extend(other.steps);
        self.stages.extend(other.stages);
        self.waits.extend(other.waits);
    }
}

/// A judge for one tree.
pub(super) struct ScalarValidator<'a> {
    /// Every name there is.
    pub names: &'a Names,
    /// The text of the files.
    pub sources: &'a SourceMap,
    /// The project's folder.
    pub root: &'a Path,
    /// The place of the tree.
    pub site: Site<'a>,
    /// Values known before the run.
    pub statics: &'a Scope,
    /// The kind of step that a step id must name.
    pub of: Option<&'static str>,
    /// The step that the tree is of, by its id.
    pub own: Option<&'a str>,
    /// Whether expectations may refer to a baseline: those of assertions.
    pub baselines: bool,
    /// What was found so far.
    pub found: Found,
}

impl Formats for ScalarValidator<'_> {
    fn judge(&mut self, format: Format<'_>, out: &mut Diagnostics) {
        let text = match &format.node.value {
            Value::Number(number) if format.name != "expect-text" => number.to_string(),
            _ => match format.node.scalar_text() {
                Some(text) => text.into_owned(),
                None => return,
            },
        };
        let name = match (format.name, format.key) {
            ("duration", "timeout" | "within") => TIME_LIMIT,
            (name, _) => name,
        };
        match name {
            "script" => self.script(&text, format.node, out),
            "cel" => self.expression(&text, 0, format.node, true, out),
            "when" => {
                let (offset, bare) = When::bare(&text);
                self.expression(bare, offset, format.node, false, out);
            }
            "step-id" if !has_mark(&text) => self.step(&text, format.node.span, out),
            "pushed-image" if !has_mark(&text) => self.pushed(&text, format.node.span, out),
            "since" if !has_mark(&text) => self.since(&text, format.node.span, out),
            _ if has_mark(&text) => self.template(name, &text, format.node, out),
            name => self.value(name, &text, format.node.span, out),
        }
    }
}

impl ScalarValidator<'_> {
    fn script(&self, text: &str, node: &Node, out: &mut Diagnostics) {
        if let Ok(template) = Template::parse(text)
            && template.parts.iter().all(|part| matches!(part, Part::Literal(_)))
        {
            return;
        }
        let at = text.find("${{").unwrap_or(0);
        let len = text[at..].find("}}").map_or(3, |end| end + 2);
        let inner = text[at..at + len].trim_start_matches("${{").trim_end_matches("}}").trim();
        out.push(
            Diagnostic::error(
                Code::TemplateInScript,
                self.place(node, at, len),
                "`${{ }}` cannot stand inside a script",
            )
            .label("would be pasted into the script as code")
            .help(format!("write `env: {{ VALUE: \"${{{{ {inner} }}}}\" }}` and use \"$VALUE\" in the script")),
        );
    }

    /// A whole scalar that is an expression; `offset` is where it starts in the scalar's text.
    fn expression(&mut self, text: &str, offset: usize, node: &Node, cel: bool, out: &mut Diagnostics) {
        let before = (std::mem::take(&mut self.found.dynamic), out.len());
        let result = Expr::parse(text).and_then(|expr| {
            for reference in expr.references() {
                self.reference(reference, offset, node, cel, None, out);
            }
            if out.len() > before.1 {
                return Ok(());
            }
            expr.check_types(self.statics, |path| self.names.is_text(path, self.site))?;
            // A condition whose values are all known is as good as its value.
            if cel || self.found.dynamic { Ok(()) } else { expr.truthy(self.statics).map(|_| ()) }
        });
        self.found.dynamic |= before.0;
        if let Err(error) = result {
            let place = self.place(node, offset + error.offset, error.len);
            out.push(broken(&error, Code::InvalidExpression, place));
        }
    }

    fn template(&mut self, format: &str, text: &str, node: &Node, out: &mut Diagnostics) {
        let template = match Template::parse(text) {
            Ok(template) => template,
            Err(error) => {
                let place = self.place(node, error.offset, error.len);
                return out.push(broken(&error, Code::InvalidTemplate, place));
            }
        };
        self.found.templates = true;
        let before = (self.found.dynamic, out.len());
        self.found.dynamic = false;
        for part in &template.parts {
            if let Part::Expr { expr, offset } = part {
                for reference in expr.references() {
                    self.reference(reference, *offset, node, false, Some(format), out);
                }
            }
        }
        let fixed = !self.found.dynamic && out.len() == before.1;
        self.found.dynamic |= before.0;
        if !fixed {
            return;
        }
        match template.eval(self.statics) {
            Ok(serde_json::Value::String(text)) if format == "step-id" => self.step(&text, node.span, out),
            Ok(serde_json::Value::String(text)) if format == "pushed-image" => self.pushed(&text, node.span, out),
            Ok(serde_json::Value::String(text)) if format == "since" => self.since(&text, node.span, out),
            Ok(serde_json::Value::String(text)) => self.value(format, &text, node.span, out),
            Ok(value @ (serde_json::Value::Number(_) | serde_json::Value::Bool(_))) => {
                self.value(format, &value.to_string(), node.span, out);
            }
            Ok(_) => {}
            Err(error) => {
                let place = self.place(node, error.offset, error.len);
                out.push(broken(&error, Code::InvalidExpression, place));
            }
        }
    }

    fn reference(
        &mut self,
        reference: &Reference,
        offset: usize,
        node: &Node,
        cel: bool,
        format: Option<&str>,
        out: &mut Diagnostics,
    ) {
        let span = self.place(node, offset + reference.offset, reference.len);
        let before = std::mem::take(&mut self.found.dynamic);
        match self.names.resolve(&reference.path, self.site, cel, span) {
            Ok(Target::Static) => {}
            Ok(Target::Dynamic) => {
                self.found.dynamic = true;
                if let Some(fact) = Fact::of(&reference.path).filter(|fact| !fact.is_of_cluster()) {
                    self.comes_after(self.names.makers(&fact.of, self.site, self.own), span);
                }
            }
            Ok(Target::Secret) => self.secret(format, span, out),
            Ok(Target::Step(id, carries)) => {
                self.found.dynamic = true;
                self.found.steps.push((id, span));
                if carries == Carries::Secret {
                    self.secret(format, span, out);
                }
            }
            Ok(Target::Stage(stage, carries)) => {
                self.found.dynamic = true;
                self.found.stages.push((stage, span));
                if carries == Carries::Secret {
                    self.secret(format, span, out);
                }
            }
            Ok(Target::Lost) => (self.found.dynamic, self.found.lost) = (true, true),
            Err(problem) => out.push(*problem),
        }
        if self.found.dynamic && !self.found.lost {
            self.found.waits.push(span);
        }
        self.found.dynamic |= before;
    }

    /// A secret's value, which belongs only where it is not seen.
    fn secret(&mut self, format: Option<&str>, span: Span, out: &mut Diagnostics) {
        self.found.dynamic = true;
        self.found.secret = true;
        if format != Some("secret-text") {
            out.push(
                Diagnostic::error(Code::SecretMisplaced, span, "a secret cannot stand here: its value would be seen")
                    .help("secrets go through `env:`, the data of a kube secret, or helm's secret_values"),
            );
        }
    }

    /// A step by its id alone: it must be there, be of the right kind, and comes first.
    fn step(&mut self, id: &str, span: Span, out: &mut Diagnostics) {
        match self.names.of(id, self.of, self.site, span) {
            Ok(Target::Lost) => self.found.lost = true,
            Ok(_) => self.found.steps.push((id.to_owned(), span)),
            Err(problem) => out.push(*problem),
        }
    }

    /// A step that has pushed an image, of this stage (`push`) or of another (`build.push`): its outputs are needed.
    fn pushed(&mut self, text: &str, span: Span, out: &mut Diagnostics) {
        match self.names.pushed(text, self.site, span) {
            Ok(Target::Step(id, _)) => self.found.steps.push((id, span)),
            Ok(Target::Stage(stage, _)) => self.found.stages.push((stage, span)),
            Ok(_) => self.found.lost = true,
            Err(problem) => out.push(*problem),
        }
    }

    /// A moment: the start of a step of the same stage, or a time ago.
    fn since(&mut self, text: &str, span: Span, out: &mut Diagnostics) {
        if let Some(id) = text.trim().strip_prefix("steps.") {
            return self.step(id, span, out);
        }
        if let Err(error) = TimeSpan::parse(text) {
            let help = "write `steps.STEP` for a step of this stage, or a duration such as 10m";
            out.push(Diagnostic::error(Code::InvalidUnit, span, error.to_string()).help(help));
        }
    }

    /// Judges a value that is known.
    fn value(&mut self, format: &str, text: &str, span: Span, out: &mut Diagnostics) {
        if format.starts_with("expect-") && format != "expect-text" && expect::mentions::<Count>(text) {
            self.found.baseline = true;
            if !self.baselines {
                let message = "`baseline` has a value in assertions only";
                out.push(Diagnostic::error(Code::InvalidValue, span, message).help("write the value itself here"));
                return;
            }
        }
        let unit = |result: Result<(), (String, String)>, out: &mut Diagnostics| {
            if let Err((message, help)) = result {
                out.push(Diagnostic::error(Code::InvalidUnit, span, message).help(help));
            }
        };
        match format {
            "existing-path" => self.path(text, span, out),
            "name" => {
                if let Some(problem) = name_problem(text) {
                    out.push(
                        Diagnostic::error(Code::InvalidName, span, format!("the name `{text}` {problem}"))
                            .help(name_help(text)),
                    );
                }
            }
            "bytes" => unit(quantity::<ByteSize>(text), out),
            "duration" => unit(quantity::<TimeSpan>(text), out),
            TIME_LIMIT => unit(time_limit(text), out),
            "rate" => unit(quantity::<Rate>(text), out),
            "percent" => unit(quantity::<Percent>(text), out),
            "expect-bytes" => unit(expectation::<ByteSize>(text), out),
            "expect-duration" => unit(expectation::<TimeSpan>(text), out),
            "expect-rate" => unit(expectation::<Rate>(text), out),
            "expect-percent" => unit(expectation::<Percent>(text), out),
            "expect-count" => unit(expectation::<Count>(text), out),
            "expect-number" => unit(expectation::<Number>(text), out),
            "expect-text" => unit(expectation::<Text>(text), out),
            _ => {}
        }
    }

    /// A file that must be there: before the run, or once the steps that make it are over.
    fn path(&mut self, text: &str, span: Span, out: &mut Diagnostics) {
        let makers = self.names.makers(text, self.site, self.own);
        let result = if makers.is_empty() {
            paths::resolve(self.root, text, span).map(|_| ())
        } else {
            paths::inside(text, span)
        };
        if let Err(problem) = result {
            return out.push(*problem);
        }
        self.found.made |= !makers.is_empty();
        self.comes_after(makers, span);
    }

    /// Waits for all that make a file.
    fn comes_after(&mut self, makers: Vec<Target>, span: Span) {
        for maker in makers {
            match maker {
                Target::Step(id, _) => self.found.steps.push((id, span)),
                Target::Stage(stage, _) => self.found.stages.push((stage, span)),
                _ => {}
            }
        }
    }

    /// The place of `len` bytes at `offset` of a scalar's value; the whole scalar where it is written with escapes.
    fn place(&self, node: &Node, offset: usize, len: usize) -> Span {
        node.place_of(self.sources, offset, len)
    }
}

/// The diagnostic for an expression or a template that cannot be used.
pub(super) fn broken(error: &ExprError, code: Code, span: Span) -> Diagnostic {
    let help =
        error.help.as_deref().unwrap_or("an expression is CEL, such as `vars.replicas > 1 && env.CI == \"true\"`");
    Diagnostic::error(code, span, error.message.as_str()).help(help)
}

/// What to type for a name that is none: the same with what does not belong in it replaced.
pub(super) fn name_help(written: &str) -> String {
    let tame = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' };
    let fixed: String = written.trim().chars().map(tame).take(MAX_NAME).collect();
    let fixed = fixed.trim_start_matches(|c: char| !c.is_ascii_alphabetic()).trim_end_matches('-');
    match fixed {
        "" => "names start with a letter, such as `build-1`".to_owned(),
        fixed => format!("write `{fixed}`, or another name of letters, digits, `-` and `_`"),
    }
}

/// A time in which something must end: 0 would be over before anything begins.
fn time_limit(text: &str) -> Result<(), (String, String)> {
    match TimeSpan::parse(text) {
        Ok(TimeSpan(time)) if time.is_zero() => {
            let help = "write how long it may take, such as 30s; without it there is no limit of its own";
            Err((format!("`{text}` leaves no time, expected more than 0s"), help.to_owned()))
        }
        _ => quantity::<TimeSpan>(text),
    }
}

fn quantity<Q: Quantity>(text: &str) -> Result<(), (String, String)> {
    Q::parse(text).map(|_| ()).map_err(|error| (error.to_string(), format!("write {}", Q::EXAMPLE)))
}

fn expectation<Q: Quantity>(text: &str) -> Result<(), (String, String)> {
    Expect::<Q>::parse(text).map(|_| ()).map_err(|error| (error.to_string(), Expect::<Q>::remedy(text)))
}
