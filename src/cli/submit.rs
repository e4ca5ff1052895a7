//! `pipeline submit`: starts a run in a Pod and follows it; this machine is not needed while it goes on.

use std::path::Path;

use clap::Parser;

use super::args::{Args, Command, Run, Submit};
use super::submitted::{self, State};
use super::{find, out};
use crate::core::kind::executor::Runner;
use crate::core::mask::SecretText;
use crate::core::model::exit_code::Exit;
use crate::core::model::outcome::Fault;
use crate::core::plan::Plan;
use crate::core::report::tame;
use crate::core::spec::SecretSource;
use crate::kubernetes::runner::{Seen, Submission, submission_id};
use crate::process::LineSink;
use crate::secrets::secret_store;
use crate::services::{Clients, services_of};

/// Starts, follows or stops a submitted run.
pub(super) fn run(args: &Args, wanted: &Submit) -> Result<Exit, Fault> {
    let file = find::pipeline_file(args)?;
    let project = file.parent().unwrap_or(&file).to_owned();
    if let Some(job) = &wanted.stop {
        let state = submitted::find(&project, job)?;
        super::runtime()?.block_on(state.place.stop())?;
        out::say(&format!("{} was asked to stop; its `finally` steps run for five minutes at most", state.place.job));
        return Ok(Exit::Passed);
    }
    let state = match &wanted.attach {
        Some(job) => submitted::find(&project, job)?,
        None => match start(args, wanted, &file)? {
            Ok(state) => state,
            Err(exit) => return Ok(exit),
        },
    };
    let job = state.place.job.clone();
    if wanted.detach {
        out::data(&job);
        return Ok(Exit::Passed);
    }
    out::say(&format!(
        "{job} goes on without this machine; Ctrl-C leaves it. `{} submit --attach {job}` follows it again, `runs`, \
         `logs` and `report` read its record",
        args.called()
    ));
    let folder = submitted::folder(&project, &job);
    let seen = super::runtime()?.block_on(state.place.follow(&folder, &Printed))?;
    submitted::settle(&project, &job, &seen)?;
    match seen {
        Seen::Over(code) => Ok(Exit::of(code)),
        Seen::GoesOn => Ok(Exit::Passed),
        Seen::Gone(why) => Err(Fault::environment(format!("the end of {job} is not known: {why}"))),
    }
}

fn start(args: &Args, wanted: &Submit, file: &Path) -> Result<Result<State, Exit>, Fault> {
    let run = of_run(args, wanted)?;
    let loaded = match find::loaded(args, &run.overrides)? {
        Ok(loaded) => loaded,
        Err(exit) => return Ok(Err(exit)),
    };
    let Some(plan) = loaded.plan else { return Ok(Err(Exit::Invalid)) };
    let services = services_of(plan.settings().clone());
    let name = runner_name(&plan, wanted)?;
    let runner =
        services.pod_runners().0.get(&name).ok_or_else(|| Fault::invalid(format!("there is no runner `{name}`")))?;
    runner.guard()?;
    let image = wanted.image.clone().or_else(|| runner.submit_settings().map(|submit| submit.image.clone()));
    let image = image.ok_or_else(|| {
        Fault::invalid(format!("no image with `pipeline` is named for runner `{name}`"))
            .help("write `submit: { image: IMAGE }` at the runner, or `--image IMAGE`; see docs/runners.md")
    })?;
    let account = wanted.service_account.clone();
    let account = account.or_else(|| runner.submit_settings().and_then(|submit| submit.service_account.clone()));
    let account = account.unwrap_or_else(|| "pipeline".to_owned());
    let random = secret_store::generate(8)?;
    let id = submission_id(random.expose());
    let files = if wanted.files.is_empty() { vec![".".to_owned()] } else { wanted.files.clone() };
    let project = file.parent().unwrap_or(file);
    let name_of_file = file.file_name().unwrap_or_default().to_string_lossy();
    let mut of_pipeline = ["--file", &*name_of_file, "run", "--output", "plain"].map(str::to_owned).to_vec();
    of_pipeline.extend(wanted.args.iter().cloned());
    let submission = Submission {
        id: &id,
        image: &image,
        service_account: &account,
        project,
        files: &files,
        args: &of_pipeline,
        env: variables(wanted, loaded.secrets.values())?,
        keep: wanted.keep,
    };
    out::say(&format!("packing {} for runner {name}", project.display()));
    let place = super::runtime()?.block_on(runner.submit(submission, &Printed))?;
    let state = State { pipeline: plan.pipeline().to_owned(), place };
    submitted::keep(project, &state)?;
    Ok(Ok(state))
}

/// What follows `--`, as `run` reads it: what is wrong with it is reported before anything is packed.
fn of_run(args: &Args, wanted: &Submit) -> Result<Run, Fault> {
    let words = ["pipeline", "run"].into_iter().chain(wanted.args.iter().map(String::as_str));
    let parsed = Args::try_parse_from(words).map_err(|error| {
        let said = error.to_string();
        let first = said.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned();
        Fault::invalid(format!("after `--`: {first}")).help("what follows `--` are options of `pipeline run`")
    })?;
    match parsed.command {
        Command::Run(run) if run.resume.is_none() && !run.dry_run => Ok(run),
        _ => Err(Fault::invalid("a submitted run begins at its beginning")
            .help(format!("leave `--resume` and `--dry-run` out: `{} submit -- --stage NAME`", args.called()))),
    }
}

/// The runner that was named, or the only one.
fn runner_name(plan: &Plan, wanted: &Submit) -> Result<String, Fault> {
    let all: Vec<&String> = plan.settings().runners.keys().collect();
    match (&wanted.on, all.as_slice()) {
        (Some(name), _) if all.contains(&name) => Ok(name.clone()),
        (Some(name), _) => Err(Fault::invalid(format!("there is no runner `{name}`"))),
        (None, [only]) => Ok((*only).clone()),
        (None, []) => Err(Fault::invalid("the pipeline has no runner")
            .help("add one: `runners: { farm: { pod: { image: python:3.11-slim } } }`")),
        (None, _) => {
            let names = all.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", ");
            Err(Fault::invalid(format!("the pipeline has several runners: {names}")).help("name one: `--on NAME`"))
        }
    }
}

/// The variables that secrets come from, as far as they are set, and those of `--env`.
fn variables<'s>(
    wanted: &Submit,
    sources: impl Iterator<Item = &'s SecretSource>,
) -> Result<Vec<(String, SecretText)>, Fault> {
    let mut names: Vec<&str> = sources.flat_map(SecretSource::variables).collect();
    names.retain(|name| std::env::var_os(name).is_some());
    names.extend(wanted.env.iter().map(String::as_str));
    names.sort_unstable();
    names.dedup();
    let value = |name: &str| match std::env::var(name) {
        Ok(value) => Ok((name.to_owned(), SecretText::new(value))),
        Err(_) => Err(Fault::environment(format!("the variable `{name}` is not set, or is not text"))),
    };
    names.into_iter().map(value).collect()
}

/// Prints lines as they come. They were masked where they come from.
struct Printed;

impl LineSink for Printed {
    fn line(&self, line: &[u8]) {
        out::data(&format!("{}\n", tame(&String::from_utf8_lossy(line))));
    }
}
