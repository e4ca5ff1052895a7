//! `pipeline gate`: one gate file, measured against the environment as it is. Runs no step and keeps no run.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::args::{Args, GateFormat, GateOf};
use super::ephemeral_run::{self, EphemeralRun};
use super::run::{interrupts, resume};
use super::run_context::{environment, masker, resolve};
use super::{REGISTRY, find, out, record};
use crate::core::engine::{self, Mode, Selection};
use crate::core::kind::settings::{FreshOrigin, Settings};
use crate::core::model::exit_code::Exit;
use crate::core::model::outcome::Fault;
use crate::core::plan::{GateFile, Loaded, Options, Plan, load};
use crate::core::report::run_state::RunState;
use crate::core::report::{diagnostics, json, junit, text};
use crate::services::services_of;

/// Between SIGTERM and SIGKILL.
const GRACE: Duration = Duration::from_secs(10);

/// Measures the gate and tells it.
pub(super) fn run(args: &Args, wanted: &GateOf) -> Result<Exit, Fault> {
    let file = find::pipeline_file(args)?;
    let gate = Some(GateFile { path: below(args, &file, &wanted.gate)?, params: wanted.params.clone() });
    let options = Options { gate, ..find::options(args, file, &wanted.overrides) };
    let Loaded { plan, secrets, sources, diagnostics } = load(&options, REGISTRY)?;
    if !diagnostics.is_empty() {
        out::say(diagnostics::render(diagnostics, &sources, out::style()).trim_end());
    }
    let Some(plan) = plan else { return Ok(Exit::Invalid) };
    let plan = Arc::new(plan);
    let services = Arc::new(services_of(in_newest_namespace(args, &plan)?));
    let runtime = super::runtime()?;
    let result = runtime.block_on(async {
        let env = environment();
        let secrets = resolve(&secrets, &plan, &env).await?;
        let masker = masker(&secrets);
        // the sender is for those who have more to say than signals
        let (_interrupter, interrupts, _listening) = interrupts(None)?;
        let options = engine::Options {
            run: "gate".to_owned(),
            started: jiff::Timestamp::now().to_string(),
            jobs: 1,
            threads: 0,
            mode: Mode::Normal,
            keep_failed: false,
            pause: None,
            selection: Selection::all(&plan),
            grace: GRACE,
            env,
            origin: engine::Origin::default(),
        };
        let of = EphemeralRun { plan: Arc::clone(&plan), services, secrets, masker, interrupts };
        let mut story = RunState::default();
        let result = ephemeral_run::run(options, of, |record| story.apply(&record)).await;
        result.map(|result| (result, story))
    });
    runtime.shutdown_timeout(Duration::from_millis(200));
    let (result, story) = result?;
    if result.exit_code == Exit::Interrupted.code() {
        out::say("interrupted: what was not decided by then is not reported");
    }
    match wanted.format {
        GateFormat::Text => out::styled(&text::gates(&story)),
        GateFormat::Json => out::data(&json::json(&story)),
        GateFormat::Junit => out::data(&junit::junit(&story)),
    }
    Ok(Exit::of(result.exit_code))
}

/// The settings of a plan. Where each run has a namespace of its own, the gate is measured in that of the newest run.
fn in_newest_namespace(args: &Args, plan: &Plan) -> Result<Settings, Fault> {
    let settings = plan.settings().clone();
    if settings.cluster.fresh.is_none() || !engine::touches_cluster(plan, &Selection::all(plan)) {
        return Ok(settings);
    }
    let mut newest = None;
    for folder in record::runs(args)?.own()? {
        newest = resume::of(&folder)?.namespace;
        if newest.is_some() {
            break;
        }
    }
    let Some(namespace) = newest else {
        return Err(Fault::environment("each run has a namespace of its own, and no run has left one").help(
            "`pipeline run` first: `cluster: { namespace: { fresh: …, keep: failed } }` leaves that of a failed run",
        ));
    };
    out::say(&format!("measured in namespace {namespace}, that of the newest run"));
    let cluster = settings.cluster.in_namespace_of(&namespace, FreshOrigin::Left).unwrap_or_default();
    Ok(Settings { cluster, ..settings })
}

/// The gate file relative to the project's folder, as stage files name it.
fn below(args: &Args, pipeline: &Path, gate: &Path) -> Result<String, Fault> {
    let path = find::working_folder(args)?.join(gate);
    let there = path.canonicalize().map_err(|error| {
        Fault::invalid(format!("cannot read {}: {error}", gate.display()))
            .help("name a gate file, such as gates/NAME.yaml")
    })?;
    let root = pipeline.parent().unwrap_or(Path::new("."));
    let root = root.canonicalize().unwrap_or_else(|_| root.to_owned());
    let inner = there.strip_prefix(&root).map_err(|_| {
        Fault::invalid(format!("{} is outside the project's folder {}", gate.display(), root.display()))
            .help("gate files lie below the folder of pipeline.yaml")
    })?;
    Ok(inner.to_string_lossy().into_owned())
}
