//! The names that expressions and `needs` may use: vars, secrets, stages, their steps and outputs.

pub(super) mod site;
mod values;

use indexmap::IndexMap;

use super::foreign;
pub(super) use super::given::{Carries, Target};
pub(super) use super::names::site::{Item, Site};
use super::recovery::{LostStages, may_miss};
use crate::core::expr::FACTS;
use crate::core::model::diagnostic::{Code, Diagnostic, Diagnostics, did_you_mean};
use crate::core::model::event::Role;
use crate::core::model::source::Span;
use crate::core::yaml::{Node, Spelled};

/// Every name of a pipeline.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// Vars with their values.
    pub vars: IndexMap<String, serde_json::Value>,
    /// How numbers in them are written: paths start with the name of the var.
    pub spelled: Spelled,
    /// Vars whose value is wrong, which was reported: their uses are not.
    pub unsettled: Vec<String>,
    /// Names of secrets.
    pub secrets: Vec<String>,
    /// Stages by name; one without a name of its own under [`nameless`].
    pub stages: IndexMap<String, StepNames>,
    /// What may exist beyond these, in what could not be read: nothing is said of it.
    pub lost: UnresolvedNames,
}

/// Names that may stand in what could not be read.
#[derive(Debug, Default)]
pub(super) struct UnresolvedNames {
    pub vars: bool,
    pub secrets: bool,
    pub pools: bool,
    pub runners: bool,
    /// Steps of the pipeline's own `finally`.
    pub finally: bool,
    pub stages: LostStages,
}

impl UnresolvedNames {
    /// What may be lost of the pipeline file `node`, and of its `stages`.
    pub fn of(node: &Node, stages: LostStages, out: &Diagnostics) -> Self {
        UnresolvedNames {
            vars: may_miss(node, "vars", out),
            secrets: may_miss(node, "secrets", out),
            pools: may_miss(node, "pools", out),
            runners: may_miss(node, "runners", out),
            finally: may_miss(node, "finally", out),
            stages,
        }
    }
}

/// A stage's steps.
#[derive(Debug, Default)]
pub(super) struct StepNames {
    /// By id.
    pub steps: IndexMap<String, StepName>,
    /// Whether others may stand in what could not be read.
    pub partial: bool,
    /// Whether any of them makes files.
    pub makes: bool,
}

/// What is known of a step before it is built.
#[derive(Debug, Clone)]
pub(super) struct StepName {
    /// The place of its key.
    pub span: Span,
    /// Its kind, where it has exactly one.
    pub kind: Option<&'static str>,
    /// The first key under its kind: its verb, where the kind has verbs.
    pub verb: Option<String>,
    /// What it publishes; `None` where that is not known, because its kind is not.
    pub outputs: Option<Vec<String>>,
    /// Those of its outputs that are text, whatever it says.
    pub texts: Vec<String>,
    /// Outputs of a part that carry a secret.
    pub secret: Vec<String>,
    /// Files that it makes, as patterns.
    pub makes: Vec<String>,
}

/// What a stage goes by that has no name of its own: no user can write it.
pub(super) fn nameless(reference: &str) -> String {
    format!("({reference})")
}

const RUN_FIELDS: [&str; 5] = ["id", "namespace", "pipeline", "profile", "project"];
/// What is known of a run once something of it has ended.
const END_FIELDS: [&str; 2] = ["result", "failed_step"];
/// What is known of an attempt that did not pass.
const OUTCOME_FIELDS: [&str; 4] = ["state", "message", "timed_out", "attempt"];
const STEP_FIELDS: [&str; 2] = ["outputs", "state"];

impl Names {
    /// What `path` leads to at `site`, or what is wrong with it, reported at `span`.
    pub fn resolve(&self, path: &[String], site: Site<'_>, cel: bool, span: Span) -> Result<Target, Box<Diagnostic>> {
        let field = |at: usize| path.get(at).map(String::as_str);
        let own = |list: &[String]| field(1).is_some_and(|name| list.iter().any(|own| own == name));
        match path[0].as_str() {
            "vars" if own(&self.unsettled) => Ok(Target::Lost),
            "vars" if self.lost.vars && field(1).is_some_and(|name| !self.vars.contains_key(name)) => Ok(Target::Lost),
            "vars" => Names::known(field(1), Code::UnknownVar, "var", self.vars.keys(), span).map(|()| Target::Static),
            "secrets" if self.lost.secrets && !own(&self.secrets) => Ok(Target::Lost),
            "secrets" => {
                Names::known(field(1), Code::UnknownSecret, "secret", &self.secrets, span).map(|()| Target::Secret)
            }
            "env" => Ok(Target::Dynamic),
            "run" => {
                let at_the_end = matches!(site.role, Some(Role::OnFailure | Role::Finally));
                if let Some(name) = field(1).filter(|name| END_FIELDS.contains(name) && !at_the_end) {
                    let message = format!("`run.{name}` is known only after the steps and the gate");
                    return Err(Box::new(
                        Diagnostic::error(Code::UnknownName, span, message)
                            .help("use it in a step under `on_failure` or `finally`"),
                    ));
                }
                let ends: &[&str] = if at_the_end { &END_FIELDS } else { &[] };
                let fields: Vec<String> = RUN_FIELDS.iter().chain(ends).map(|name| (*name).to_owned()).collect();
                Names::known(field(1), Code::UnknownName, "field of `run`", &fields, span).map(|()| Target::Dynamic)
            }
            "item" => match site.item {
                Item::Known => Ok(Target::Static),
                Item::Open => Ok(Target::Dynamic),
                Item::Lost => Ok(Target::Lost),
                Item::Nothing => {
                    let message = "`item` has a value only in a step with `for_each`";
                    Err(Box::new(
                        Diagnostic::error(Code::UnknownName, span, message).help("add `for_each: [a, b]` to the step"),
                    ))
                }
            },
            "params" => match site.params {
                Some(params) if own(&params.lost) => Ok(Target::Lost),
                Some(params) if params.partial && field(1).is_some_and(|name| !params.places.contains_key(name)) => {
                    Ok(Target::Lost)
                }
                Some(params) => {
                    let known = params.places.keys();
                    Names::known(field(1), Code::UnknownName, "parameter", known, span)
                        .map(|()| params.target(field(1)))
                }
                None => Err(Box::new(
                    Diagnostic::error(Code::UnknownName, span, "`params` has values only in a part or a gate file")
                        .help("use `vars.NAME` here"),
                )),
            },
            "outcome" if site.outcome => {
                let fields = OUTCOME_FIELDS.map(str::to_owned);
                Names::known(field(1), Code::UnknownName, "field of `outcome`", &fields, span).map(|()| Target::Dynamic)
            }
            FACTS => Self::asked(path, site, cel, span),
            "self" if cel => Ok(Target::Dynamic),
            "steps" => self.step(site, &path[1..], span),
            "stages" if site.part.is_some() => Err(Box::new(
                Diagnostic::error(Code::UnknownName, span, "a part knows no stages: it may be used in any of them")
                    .help("make it a parameter, and give the value by `with:`"),
            )),
            "stages" => self.stage(site.stage, &path[1..], span),
            other => Err(Box::new(
                Diagnostic::error(Code::UnknownName, span, format!("expressions know no `{other}`"))
                    .maybe_help(foreign::of_other_tools(path).or_else(|| did_you_mean(other, roots(site, cel)))),
            )),
        }
    }

    /// The step that an `of:` names; `kind` is the one it must be of.
    pub fn of(&self, id: &str, kind: Option<&str>, site: Site<'_>, span: Span) -> Result<Target, Box<Diagnostic>> {
        let Some(names) = self.steps_at(site) else {
            return self.step(site, &[id.to_owned()], span);
        };
        let fitting = || {
            let fits = |step: &StepName| kind.is_none() || step.kind.is_none() || step.kind == kind;
            names.steps.iter().filter(move |(_, step)| fits(step)).map(|(id, _)| id.as_str())
        };
        let help = || {
            let kind = kind.unwrap_or("…");
            let add = format!("add a step with `{kind}:` to `steps:` and name it here");
            did_you_mean(id, fitting()).unwrap_or(add)
        };
        match (names.steps.get(id), kind) {
            (None, _) if names.partial => Ok(Target::Lost),
            (None, _) => {
                let here = if site.part.is_some() { "part" } else { "stage" };
                Err(Box::new(
                    Diagnostic::error(Code::UnknownStep, span, format!("there is no step `{id}` in this {here}"))
                        .help(help()),
                ))
            }
            (Some(StepName { kind: Some(own), span: at, .. }), Some(kind)) if *own != kind => {
                let message = format!("the step `{id}` is of kind `{own}`, expected `{kind}`");
                Err(Box::new(Diagnostic::error(Code::InvalidValue, span, message).also(*at, "this step").help(help())))
            }
            _ => self.step(site, &[id.to_owned()], span),
        }
    }

    /// The names of stages that a user can write.
    pub fn stage_names(&self) -> impl Iterator<Item = &str> {
        self.stages.keys().map(String::as_str).filter(|name| !name.starts_with('('))
    }

    fn known<'n>(
        name: Option<&str>,
        code: Code,
        what: &str,
        known: impl IntoIterator<Item = &'n String>,
        span: Span,
    ) -> Result<(), Box<Diagnostic>> {
        let Some(name) = name else { return Ok(()) };
        let known: Vec<&str> = known.into_iter().map(String::as_str).collect();
        if known.contains(&name) {
            return Ok(());
        }
        let nothing = || match code {
            Code::UnknownVar => Some(format!("add `vars: {{ {name}: … }}` to pipeline.yaml")),
            Code::UnknownSecret => {
                Some(format!("add `secrets: {{ {name}: {{ env: {} }} }}` to pipeline.yaml", name.to_uppercase()))
            }
            _ if what == "parameter" => Some(format!("add `params: {{ {name}: … }}` to the gate file")),
            _ => None,
        };
        Err(Box::new(
            Diagnostic::error(code, span, format!("there is no {what} `{name}`"))
                .maybe_help(did_you_mean(name, known).or_else(nothing)),
        ))
    }

    /// The steps that `steps` means at `site`.
    pub(super) fn steps_at<'s>(&'s self, site: Site<'s>) -> Option<&'s StepNames> {
        site.part.or_else(|| self.stages.get_index(site.stage?).map(|(_, names)| names))
    }

    fn step(&self, site: Site<'_>, path: &[String], span: Span) -> Result<Target, Box<Diagnostic>> {
        let Some(steps) = self.steps_at(site) else {
            return Err(Box::new(
                Diagnostic::error(Code::UnknownName, span, "`steps` has values only in a stage file")
                    .help("name the stage too: `stages.STAGE.steps.STEP.outputs.NAME`"),
            ));
        };
        if site.role.is_none() {
            return Err(Box::new(
                Diagnostic::error(Code::UnknownName, span, "a stage's own keys come before its steps")
                    .help("move this to a step, or refer to another stage: `stages.STAGE.steps.STEP.outputs.NAME`"),
            ));
        }
        let Some(id) = path.first() else {
            let any = steps.steps.values().any(|step| !step.secret.is_empty());
            return Ok(if any { Target::Secret } else { Target::Dynamic });
        };
        let here = if site.part.is_some() { Here::Part } else { Here::Stage };
        let known = self.check_step(steps, path, here, span)?;
        Ok(if known { Target::Step(id.clone(), steps.carries(path)) } else { Target::Lost })
    }

    fn stage(&self, here: Option<usize>, path: &[String], span: Span) -> Result<Target, Box<Diagnostic>> {
        let Some(name) = path.first() else { return Ok(Target::Dynamic) };
        let Some((index, _, steps)) = self.stages.get_full(name) else {
            if self.lost.stages.may_be(name) {
                return Ok(Target::Lost);
            }
            let add = format!("add a stage file with `stage: {name}` to `stages:` in pipeline.yaml");
            return Err(Box::new(
                Diagnostic::error(Code::UnknownName, span, format!("there is no stage `{name}`"))
                    .help(did_you_mean(name, self.stage_names()).unwrap_or(add)),
            ));
        };
        if here == Some(index) {
            return Err(Box::new(
                Diagnostic::error(Code::UnknownName, span, format!("`stages.{name}` is this stage itself"))
                    .help("inside a stage write `steps.STEP.outputs.NAME`"),
            ));
        }
        match path.get(1).map(String::as_str) {
            Some("steps") if path.len() > 2 => {
                if !self.check_step(steps, &path[2..], Here::Other(name), span)? {
                    return Ok(Target::Lost);
                }
                return Ok(Target::Stage(index, steps.carries(&path[2..])));
            }
            Some("steps" | "state") | None => {}
            Some(other) => {
                return Err(Box::new(
                    Diagnostic::error(Code::UnknownName, span, format!("a stage has no `{other}`"))
                        .maybe_help(did_you_mean(other, ["steps", "state"])),
                ));
            }
        }
        let any = path.get(1).is_none_or(|field| field == "steps");
        let secret = any && steps.steps.values().any(|step| !step.secret.is_empty());
        Ok(Target::Stage(index, if secret { Carries::Secret } else { Carries::Plain }))
    }

    /// A stage that has a step of this id.
    pub fn stage_of(&self, id: &str) -> Option<&str> {
        let has = |name: &&str| self.stages.get(*name).is_some_and(|names| names.steps.contains_key(id));
        self.stage_names().find(has)
    }

    /// `path` is `STEP.outputs.NAME`, or a beginning of it. `false` where another fault may hide the step.
    fn check_step(
        &self,
        steps: &StepNames,
        path: &[String],
        here: Here<'_>,
        span: Span,
    ) -> Result<bool, Box<Diagnostic>> {
        let id = &path[0];
        let Some(step) = steps.steps.get(id) else {
            if steps.partial {
                return Ok(false);
            }
            let place = match here {
                Here::Stage => "this stage".to_owned(),
                Here::Part => "this part".to_owned(),
                Here::Other(stage) => format!("stage `{stage}`"),
            };
            let hyphened = steps.steps.keys().find(|name| {
                path.len() == 1 && name.strip_prefix(id.as_str()).is_some_and(|rest| rest.starts_with('-'))
            });
            let help = match self.stage_of(id) {
                _ if hyphened.is_some() => format!(
                    "write `{}steps[\"{}\"]`: `-` in a name reads as minus",
                    if let Here::Other(stage) = here { format!("stages.{stage}.") } else { String::new() },
                    hyphened.map(String::as_str).unwrap_or_default()
                ),
                Some(other) if matches!(here, Here::Stage) => {
                    format!("stage `{other}` has one: `stages.{other}.steps.{id}`")
                }
                _ => did_you_mean(id, steps.steps.keys().map(String::as_str))
                    .unwrap_or_else(|| format!("add the step `{id}` to `steps:` of {place}")),
            };
            return Err(Box::new(
                Diagnostic::error(Code::UnknownStep, span, format!("there is no step `{id}` in {place}")).help(help),
            ));
        };
        match (path.get(1).map(String::as_str), path.get(2)) {
            (None | Some("state"), _) | (Some("outputs"), None) => Ok(true),
            (Some("outputs"), Some(output)) => match &step.outputs {
                Some(outputs) if !outputs.contains(output) => {
                    let message = format!("step `{id}` publishes no output `{output}`");
                    let declare =
                        format!("declare it: `outputs: [{output}]`, and write `{output}=…` to \"$PIPELINE_OUTPUT\"");
                    Err(Box::new(
                        Diagnostic::error(Code::UnknownOutput, span, message)
                            .also(step.span, "this step")
                            .maybe_help(did_you_mean(output, outputs.iter().map(String::as_str)).or(Some(declare))),
                    ))
                }
                _ => Ok(true),
            },
            (Some(other), _) => Err(Box::new(
                Diagnostic::error(Code::UnknownName, span, format!("a step has no `{other}`")).maybe_help(
                    did_you_mean(other, STEP_FIELDS).or_else(|| Some(format!("write `steps.{id}.outputs.{other}`"))),
                ),
            )),
        }
    }
}

/// Whose steps a reference means.
#[derive(Debug, Clone, Copy)]
enum Here<'a> {
    Stage,
    Part,
    Other(&'a str),
}

/// The names that an expression may begin with at `site`.
fn roots(site: Site<'_>, cel: bool) -> Vec<&'static str> {
    let mut roots = vec!["vars", "secrets", "env", "run"];
    let mut add = |name, stands: bool| roots.extend(stands.then_some(name));
    add("stages", site.part.is_none());
    add("steps", (site.stage.is_some() || site.part.is_some()) && site.role.is_some());
    add("item", site.item != Item::Nothing);
    add("params", site.params.is_some());
    add("self", cel);
    add("outcome", site.outcome);
    roots
}
