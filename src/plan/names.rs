//! The names that expressions and `needs` may use: vars, secrets, stages, their steps and outputs.

use indexmap::IndexMap;

use crate::diagnostic::{Code, Diagnostic, did_you_mean};
use crate::event::Role;
use crate::expr::Scope;
use crate::source::Span;

/// Every name of a pipeline.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// Vars with their values.
    pub vars: IndexMap<String, serde_json::Value>,
    /// Names of secrets.
    pub secrets: Vec<String>,
    /// Stages by name.
    pub stages: IndexMap<String, StepNames>,
    /// Names that stages which could not be read may have: nothing is said of them.
    pub lost: Vec<String>,
}

/// A stage's steps by id.
pub(super) type StepNames = IndexMap<String, StepName>;

/// What is known of a step before it is built.
#[derive(Debug, Clone)]
pub(super) struct StepName {
    /// Where its key stands.
    pub span: Span,
    /// What it publishes; `None` where that is not known, because its kind is not.
    pub outputs: Option<Vec<String>>,
}

/// Where an expression stands, which decides what it may name.
#[derive(Debug, Clone, Copy)]
pub(super) struct Site<'a> {
    /// The stage by index; `None` in pipeline.yaml's own parts.
    pub stage: Option<usize>,
    /// The role of the node; `None` for the stage's own keys.
    pub role: Option<Role>,
    /// Whether `item` has a value.
    pub item: bool,
    /// Parameters of the gate file.
    pub params: Option<&'a IndexMap<String, serde_json::Value>>,
}

/// What a reference leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    /// A value that is known before the run.
    Static,
    /// A value that only the run knows.
    Dynamic,
    /// A secret's value.
    Secret,
    /// Something of a step of the same stage.
    Step(String),
    /// Something of another stage.
    Stage(usize),
}

const RUN_FIELDS: [&str; 4] = ["id", "pipeline", "profile", "project"];
const STEP_FIELDS: [&str; 2] = ["outputs", "state"];

impl Names {
    /// What `path` leads to at `site`, or what is wrong with it, reported at `span`.
    pub fn resolve(&self, path: &[String], site: Site<'_>, cel: bool, span: Span) -> Result<Target, Diagnostic> {
        let field = |at: usize| path.get(at).map(String::as_str);
        match path[0].as_str() {
            "vars" => Names::known(field(1), Code::UnknownVar, "var", self.vars.keys(), span).map(|()| Target::Static),
            "secrets" => {
                Names::known(field(1), Code::UnknownSecret, "secret", &self.secrets, span).map(|()| Target::Secret)
            }
            "env" => Ok(Target::Dynamic),
            "run" => {
                let fields = RUN_FIELDS.map(str::to_owned);
                Names::known(field(1), Code::UnknownName, "field of `run`", &fields, span).map(|()| Target::Dynamic)
            }
            "item" if site.item => Ok(Target::Static),
            "item" => {
                Err(Diagnostic::error(Code::UnknownName, span, "`item` has a value only in a step with `for_each`")
                    .help("add `for_each: [a, b]` to the step"))
            }
            "params" => match site.params {
                Some(params) => {
                    Names::known(field(1), Code::UnknownName, "parameter", params.keys(), span).map(|()| Target::Static)
                }
                None => Err(Diagnostic::error(Code::UnknownName, span, "`params` has values only in a gate file")
                    .help("use `vars.NAME` here")),
            },
            "self" if cel => Ok(Target::Dynamic),
            "steps" => self.step(site.stage, site.role, &path[1..], span),
            "stages" => self.stage(site.stage, &path[1..], span),
            other => {
                let roots = ["vars", "secrets", "env", "run", "stages", "steps", "item"];
                Err(Diagnostic::error(Code::UnknownName, span, format!("expressions know no `{other}`"))
                    .maybe_help(did_you_mean(other, roots)))
            }
        }
    }

    fn known<'n>(
        name: Option<&str>,
        code: Code,
        what: &str,
        known: impl IntoIterator<Item = &'n String>,
        span: Span,
    ) -> Result<(), Diagnostic> {
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
            _ => None,
        };
        Err(Diagnostic::error(code, span, format!("there is no {what} `{name}`"))
            .maybe_help(did_you_mean(name, known).or_else(nothing)))
    }

    fn step(
        &self,
        stage: Option<usize>,
        role: Option<Role>,
        path: &[String],
        span: Span,
    ) -> Result<Target, Diagnostic> {
        let Some((_, steps)) = stage.and_then(|stage| self.stages.get_index(stage)) else {
            return Err(Diagnostic::error(Code::UnknownName, span, "`steps` has values only in a stage file")
                .help("name the stage too: `stages.STAGE.steps.STEP.outputs.NAME`"));
        };
        if role.is_none() {
            return Err(Diagnostic::error(Code::UnknownName, span, "a stage's own keys come before its steps")
                .help("move this to a step, or refer to another stage: `stages.STAGE.steps.STEP.outputs.NAME`"));
        }
        let Some(id) = path.first() else { return Ok(Target::Dynamic) };
        self.check_step(steps, path, None, span)?;
        Ok(Target::Step(id.clone()))
    }

    fn stage(&self, here: Option<usize>, path: &[String], span: Span) -> Result<Target, Diagnostic> {
        let Some(name) = path.first() else { return Ok(Target::Dynamic) };
        let Some((index, _, steps)) = self.stages.get_full(name) else {
            if self.lost.contains(name) {
                return Ok(Target::Dynamic);
            }
            return Err(Diagnostic::error(Code::UnknownName, span, format!("there is no stage `{name}`"))
                .maybe_help(did_you_mean(name, self.stages.keys().map(String::as_str))));
        };
        if here == Some(index) {
            return Err(Diagnostic::error(Code::UnknownName, span, format!("`stages.{name}` is this stage itself"))
                .help("inside a stage write `steps.STEP.outputs.NAME`"));
        }
        match path.get(1).map(String::as_str) {
            Some("steps") if path.len() > 2 => self.check_step(steps, &path[2..], Some(name), span)?,
            Some("steps" | "state") | None => {}
            Some(other) => {
                return Err(Diagnostic::error(Code::UnknownName, span, format!("a stage has no `{other}`"))
                    .maybe_help(did_you_mean(other, ["steps", "state"])));
            }
        }
        Ok(Target::Stage(index))
    }

    /// `path` is `STEP.outputs.NAME`, or a beginning of it.
    fn check_step(
        &self,
        steps: &StepNames,
        path: &[String],
        stage: Option<&str>,
        span: Span,
    ) -> Result<(), Diagnostic> {
        let id = &path[0];
        let Some(step) = steps.get(id) else {
            let place = stage.map_or_else(|| "this stage".to_owned(), |stage| format!("stage `{stage}`"));
            let elsewhere = self.stages.iter().find(|(_, steps)| steps.contains_key(id)).map(|(name, _)| name);
            let help = did_you_mean(id, steps.keys().map(String::as_str));
            let help = match elsewhere {
                Some(other) if stage.is_none() => Some(format!("stage `{other}` has one: `stages.{other}.steps.{id}`")),
                _ => help,
            };
            return Err(Diagnostic::error(Code::UnknownStep, span, format!("there is no step `{id}` in {place}"))
                .maybe_help(help));
        };
        match (path.get(1).map(String::as_str), path.get(2)) {
            (None | Some("state"), _) | (Some("outputs"), None) => Ok(()),
            (Some("outputs"), Some(output)) => match &step.outputs {
                Some(outputs) if !outputs.contains(output) => {
                    let message = format!("step `{id}` publishes no output `{output}`");
                    let declare =
                        format!("declare it: `outputs: [{output}]`, and write `{output}=…` to \"$PIPELINE_OUTPUT\"");
                    Err(Diagnostic::error(Code::UnknownOutput, span, message)
                        .also(step.span, "this step")
                        .maybe_help(did_you_mean(output, outputs.iter().map(String::as_str)).or(Some(declare))))
                }
                _ => Ok(()),
            },
            (Some(other), _) => Err(Diagnostic::error(Code::UnknownName, span, format!("a step has no `{other}`"))
                .maybe_help(
                    did_you_mean(other, STEP_FIELDS).or_else(|| Some(format!("write `steps.{id}.outputs.{other}`"))),
                )),
        }
    }
}

/// The values that are known before the run, for expressions that need no other.
pub(super) fn static_scope(
    vars: &IndexMap<String, serde_json::Value>,
    item: Option<&serde_json::Value>,
    params: Option<&IndexMap<String, serde_json::Value>>,
) -> Scope {
    let object = |map: &IndexMap<String, serde_json::Value>| {
        serde_json::Value::Object(map.iter().map(|(name, value)| (name.clone(), value.clone())).collect())
    };
    let mut scope = Scope::default();
    scope.roots.insert("vars".to_owned(), object(vars));
    if let Some(item) = item {
        scope.roots.insert("item".to_owned(), item.clone());
    }
    if let Some(params) = params {
        scope.roots.insert("params".to_owned(), object(params));
    }
    scope
}
