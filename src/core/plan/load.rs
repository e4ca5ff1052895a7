//! From pipeline.yaml to a plan: reads the files, gathers everything that is wrong, builds only when nothing is.

use crate::core::plan::decode::decode_or_tell;
use std::borrow::Cow;
use std::path::{Path, PathBuf};

use indexmap::IndexMap;

use super::Plan;
use super::build::{self, Input};
use super::files::Files;
use super::own_keys::{self, OPEN_IN_PIPELINE};
use super::recovery::{self, LostStages};
use super::single::{self, GateFile};
use super::stage_files;
use super::var_files;
use crate::core::kind::Registry;
use crate::core::model::diagnostic::{Code, Diagnostic, Diagnostics, did_you_mean};
use crate::core::model::outcome::Fault;
use crate::core::model::source::{SourceMap, Span};
use crate::core::spec::{LOCAL, PipelineSpec, SecretSource};
use crate::core::yaml::{CompiledSchema, Node, Value, bytes_of, decode};

/// What to load, and how the command line changes it.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The pipeline file.
    pub file: PathBuf,
    /// `--profile`.
    pub profile: Option<String>,
    /// `--var NAME=VALUE`, in order; a value takes the type of the var.
    pub vars: Vec<(String, String)>,
    /// `--var-file FILE`, in order; a later one wins over an earlier one, and `--var` over all.
    pub var_files: Vec<PathBuf>,
    /// `--context`.
    pub context: Option<String>,
    /// `--runner NAME=OTHER`: what runs on `NAME` runs on `OTHER`, a runner or `local`.
    pub runners: Vec<(String, String)>,
    /// One gate file instead of all stages.
    pub gate: Option<GateFile>,
}

/// What came of loading.
#[derive(Debug)]
pub struct Loaded {
    /// The text of every file that was read.
    pub sources: SourceMap,
    /// Everything that is wrong or worth a warning, sorted.
    pub diagnostics: Vec<Diagnostic>,
    /// The plan, when nothing is wrong.
    pub plan: Option<Plan>,
    /// Where the secrets come from.
    pub secrets: IndexMap<String, SecretSource>,
}

/// Loads a pipeline and all its files.
///
/// # Errors
/// [`Fault`] of kind invalid when the pipeline file or a var file cannot be read, or the profile or a var does not exist.
pub fn load(options: &Options, registry: Registry) -> Result<Loaded, Fault> {
    let root = options.file.parent().map_or_else(|| PathBuf::from("."), Path::to_path_buf);
    let bytes = bytes_of(&options.file)
        .map_err(|error| Fault::invalid(format!("cannot read {}: {error}", options.file.display())))?;
    let mut files = Files::new(root, &options.file, registry);
    let mut out = Diagnostics::default();
    let name =
        options.file.file_name().map_or_else(|| "pipeline.yaml".into(), |name| name.to_string_lossy().into_owned());
    let Some(node) = files.take(&name, &options.file, bytes, &mut out) else {
        return Ok(Loaded { sources: files.sources, diagnostics: out.sorted(), plan: None, secrets: IndexMap::new() });
    };
    // What is wrong in pipeline.yaml must not hide what is wrong in the stages.
    let own = without_stages(&node);
    let mut spec = read_pipeline(&own, &files, &mut out).unwrap_or_else(|| recovery::pipeline(&node));
    apply(&mut spec, options)?;
    let from_files = var_files::read(&options.var_files, &spec, &mut files, &mut out)?;
    check_secrets(&spec, &node, &mut out);
    let secrets = spec.secrets.clone();
    let (stages, lost) = match &options.gate {
        Some(gate) => (gate.stage(&mut files, &mut out).into_iter().collect(), LostStages::default()),
        None => stage_files::read(&node, &mut files, &mut out),
    };
    let node = if options.gate.is_some() { single::bare(node) } else { node };
    let node = match &options.profile {
        Some(profile) => with_profile_env(node, profile),
        None => node,
    };
    let input = Input {
        spec,
        node,
        stages,
        lost,
        context: options.context.clone(),
        placed: options.runners.clone(),
        profile: options.profile.clone(),
        set: options.vars.clone(),
        from_files,
        lone_gate: options.gate.is_some(),
        registry,
    };
    let plan = build::build(input, &mut files, &mut out).filter(|_| !out.has_errors());
    Ok(Loaded { sources: files.sources, diagnostics: out.sorted(), plan, secrets })
}

/// The file without the stages that are written in it: they are read by themselves.
fn without_stages(node: &Node) -> Cow<'_, Node> {
    let inline = |node: &Node| matches!(node.value, Value::Map(_));
    let Some(stages) = node.get("stages") else { return Cow::Borrowed(node) };
    if !inline(stages) && !stages.items().iter().any(inline) {
        return Cow::Borrowed(node);
    }
    let items = stages.items().iter().filter(|item| !inline(item)).cloned().collect();
    let mut node = node.clone();
    if let Value::Map(entries) = &mut node.value
        && let Some(entry) = entries.iter_mut().find(|entry| entry.key == "stages")
    {
        entry.node.value = Value::List(items);
    }
    Cow::Owned(node)
}

/// pipeline.yaml's own keys. What is in `gate` and `finally` is checked later.
fn read_pipeline(node: &Node, files: &Files, out: &mut Diagnostics) -> Option<PipelineSpec> {
    let shape = CompiledSchema::of::<PipelineSpec>();
    let fits = own_keys::fits(&shape, node, OPEN_IN_PIPELINE, files, out);
    own_keys::pipeline_names(node, out);
    if fits {
        return decode_or_tell(node, out);
    }
    // The stages are checked all the same, with what is right in here: all that is wrong is reported at once.
    let rest = shape.salvage(node)?;
    let lost = |key: &str| node.get(key).is_some() && rest.get(key).is_none();
    // Without vars and secrets every reference to one would look wrong.
    if lost("vars") || lost("secrets") { None } else { decode(&with_name(rest)).ok() }
}

/// A pipeline without a name or a version is an error, and is checked under another.
fn with_name(mut node: Node) -> Node {
    let span = node.span;
    if let Value::Map(entries) = &mut node.value {
        for (key, value) in [("pipeline", serde_json::json!("pipeline")), ("version", serde_json::json!(1))] {
            if !entries.iter().any(|entry| entry.key == key) {
                let node = Node::from_json(&value, span);
                entries.push(crate::core::yaml::Entry { key: key.to_owned(), key_span: span, plain: true, node });
            }
        }
    }
    node
}

/// Puts the profile's values in place; the vars of the command line must exist.
fn apply(spec: &mut PipelineSpec, options: &Options) -> Result<(), Fault> {
    if let Some(name) = &options.profile {
        let Some(profile) = spec.profiles.get(name).cloned() else {
            let help = did_you_mean(name, spec.profiles.keys().map(String::as_str))
                .unwrap_or_else(|| "pipeline.yaml has no `profiles:`".to_owned());
            return Err(Fault::invalid(format!("there is no profile `{name}`")).help(help));
        };
        spec.vars.extend(profile.vars);
        spec.env.extend(profile.env);
    }
    for (name, _) in &options.vars {
        if !spec.vars.contains_key(name) {
            let help = did_you_mean(name, spec.vars.keys().map(String::as_str)).unwrap_or_else(|| {
                format!("pipeline.yaml declares no vars: write `vars: {{ {name}: DEFAULT }}` into it")
            });
            return Err(Fault::invalid(format!("--var {name}: there is no var `{name}`")).help(help));
        }
    }
    for (name, other) in &options.runners {
        for wanted in [name, other].into_iter().filter(|wanted| *wanted != LOCAL) {
            if !spec.runners.contains_key(wanted) {
                let help = did_you_mean(wanted, spec.runners.keys().map(String::as_str))
                    .unwrap_or_else(|| "pipeline.yaml declares no `runners:`".to_owned());
                let message = format!("--runner {name}={other}: there is no runner `{wanted}`");
                return Err(Fault::invalid(message).help(help));
            }
        }
    }
    Ok(())
}

/// The pipeline file with a profile's `env` laid over its own: `env` is planned from the tree, with its places.
fn with_profile_env(mut node: Node, profile: &str) -> Node {
    let profile = node.get("profiles").and_then(|profiles| profiles.get(profile));
    let Some(over) = profile.and_then(|profile| profile.entry("env")).cloned() else { return node };
    if let Value::Map(entries) = &mut node.value {
        match entries.iter_mut().find(|entry| entry.key == "env").map(|entry| &mut entry.node.value) {
            Some(Value::Map(own)) => {
                own.retain(|entry| over.node.get(&entry.key).is_none());
                own.extend(over.node.entries().iter().cloned());
            }
            Some(_) => {}
            None => entries.push(over),
        }
    }
    node
}

/// `secrets:` entries name exactly one source.
fn check_secrets(spec: &PipelineSpec, node: &Node, out: &mut Diagnostics) {
    let span = |name: &str| -> Span {
        node.get("secrets").and_then(|secrets| secrets.entry(name)).map_or(node.span, |entry| entry.key_span)
    };
    let entry = |name: &str| node.get("secrets").and_then(|secrets| secrets.get(name));
    for (name, source) in &spec.secrets {
        // its source may be where a syntax error was reported
        let broken = entry(name).is_some_and(|entry| entry.entries().iter().any(|own| out.covers(own.node.span)));
        if let Some(problem) = source.problem().filter(|_| !broken) {
            out.push(Diagnostic::error(Code::InvalidValue, span(name), format!("secret `{name}` {problem}")).help(
                format!("for example `{name}: {{ env: {} }}` or `{name}: {{ generate: 32 }}`", name.to_uppercase()),
            ));
        }
    }
}
