//! What can be typed, as clap reads it.

mod baseline;
mod keep_output;
mod runs;
mod submit;
mod traffic;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args as Group, Parser, Subcommand, ValueEnum};

use crate::core::model::units::{Quantity, TimeSpan};

pub(super) use baseline::{Baseline, BaselineCommand};
pub(super) use keep_output::KeepOutput;
pub(super) use runs::{Runs, RunsCommand};
pub(super) use submit::Submit;
pub(super) use traffic::Traffic;

/// Builds, deploys and proves it: runs stages whose gates must hold.
#[derive(Debug, Parser)]
#[command(name = "pipeline", version, about, max_term_width = 100, arg_required_else_help = true)]
pub(super) struct Args {
    /// Work as if started in this folder
    #[arg(short = 'C', long = "directory", value_name = "DIR", global = true, help_heading = "Everywhere")]
    pub directory: Option<PathBuf>,
    /// The pipeline file [default: pipeline.yaml here or in a folder above]
    #[arg(short, long, value_name = "FILE", global = true, help_heading = "Everywhere")]
    pub file: Option<PathBuf>,
    /// When to use colour
    #[arg(long, value_name = "WHEN", default_value = "auto", global = true, help_heading = "Everywhere")]
    pub color: Color,
    #[command(subcommand)]
    pub command: Command,
}

impl Args {
    /// How this program is called for the same project again: `pipeline -C shop`.
    pub fn called(&self) -> String {
        let option = |letter: &str, path: &Option<PathBuf>| {
            path.as_ref().map(|path| format!(" {letter} {}", quoted(&path.to_string_lossy()))).unwrap_or_default()
        };
        format!("pipeline{}{}", option("-C", &self.directory), option("-f", &self.file))
    }
}

/// As a shell takes it for one word.
fn quoted(text: &str) -> String {
    let tame = |c: char| c.is_alphanumeric() || "-_./@:+,~".contains(c);
    if !text.is_empty() && text.chars().all(tame) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// When to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Color {
    /// On a terminal, unless `NO_COLOR` is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run the pipeline, or some of its stages
    Run(Run),
    /// Start a run in a Pod of a runner's cluster and follow it; it goes on without this machine
    Submit(Submit),
    /// Check all files and say everything that is wrong; runs nothing
    Check(Check),
    /// Show what would run, and in which order
    Plan(Plan),
    /// Measure one gate file against the environment as it is; runs no step
    Gate(GateOf),
    /// Tell what this machine has, what the pipeline needs of it, and what to do
    Doctor(Doctor),
    /// Make a run's report again from its record
    Report(Report),
    /// List, show, compare or remove runs
    Runs(Runs),
    /// Remove what runs have made: helm releases, objects, clusters; do the `finally` that killed ones owe
    Clean(Clean),
    /// Show or accept the stored values that expectations refer to as `baseline`
    Baseline(Baseline),
    /// Show what a step said
    Logs(Logs),
    /// Send requests to a URL at a steady rate and say how each of them ended
    Traffic(Traffic),
    /// Print the JSON Schema of a kind of file, for editors
    Schema(Schema),
    /// Explain a diagnostic code, a step kind or an assertion kind
    Explain(Explain),
    /// Write a small pipeline that passes and runs
    Init(Init),
    /// Print completions for a shell
    Completions(Completions),
    /// Keep what processes print that a step left running; started by `run`
    #[command(hide = true)]
    KeepOutput(KeepOutput),
}

/// How the command line changes a pipeline.
#[derive(Debug, Clone, Default, Group)]
pub(super) struct Overrides {
    /// Use a profile of pipeline.yaml
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,
    /// Give a var another value; may stand several times
    #[arg(long = "var", value_name = "NAME=VALUE", value_parser = assignment)]
    pub vars: Vec<(String, String)>,
    /// Take values of vars from a YAML or JSON file; may be given several times, and --var wins over it
    #[arg(long = "var-file", value_name = "FILE")]
    pub var_files: Vec<PathBuf>,
    /// The kubeconfig context to use; must be among cluster.contexts
    #[arg(long, value_name = "NAME")]
    pub context: Option<String>,
    /// Run what runs on this runner on another one, or on this machine: `farm=local`; may be given several times
    #[arg(long = "runner", value_name = "NAME=OTHER", value_parser = assignment)]
    pub runners: Vec<(String, String)>,
}

/// A time that may also be in days: `7d`.
fn age(text: &str) -> Result<Duration, String> {
    let days = text.strip_suffix('d').and_then(|days| days.parse::<u32>().ok());
    match days {
        Some(days) => Ok(Duration::from_secs(24 * 60 * 60) * days),
        None => time(text).map_err(|_| "expected a time such as 12h or 7d".to_owned()),
    }
}

fn time(text: &str) -> Result<Duration, String> {
    TimeSpan::parse(text).map(|time| time.0).map_err(|_| "expected a time such as 30s or 10m".to_owned())
}

fn assignment(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("expected NAME=VALUE".to_owned()),
    }
}

#[derive(Debug, Group)]
#[expect(clippy::struct_field_names, reason = "the fields are named after the options")]
pub(super) struct Run {
    /// Only this stage, by name or number; may stand several times. What it needs is taken as done
    #[arg(long = "stage", value_name = "STAGE")]
    pub stages: Vec<String>,
    /// Everything up to this stage, by name or number
    #[arg(long, value_name = "STAGE", conflicts_with = "stages")]
    pub until: Option<String>,
    /// Only this step, as `stage.step`, with all that it needs; may be given several times
    #[arg(long = "step", value_name = "STEP", conflicts_with_all = ["stages", "until"])]
    pub steps: Vec<String>,
    /// With --stage, --until or --step: run the pipeline's own `finally` steps, too
    #[arg(long)]
    pub finally: bool,
    /// Steps that run at once [default: number of cores]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub jobs: Option<u32>,
    /// After a failure, go on with what does not depend on it
    #[arg(long, conflicts_with = "fail_fast")]
    pub keep_going: bool,
    /// After a failure, cancel what runs
    #[arg(long)]
    pub fail_fast: bool,
    /// After a failure, leave what the failed stage has made: its `finally` and the pipeline's do not run. `clean` runs them
    #[arg(long, value_name = "WHAT")]
    pub keep: Option<Keep>,
    /// At the first failure, wait for Enter before `on_failure` and `finally`; services of the stage go on. Needs a terminal
    #[arg(long)]
    pub pause_on_failure: bool,
    /// Go on with an earlier run [default: the newest]: keep what it did, run again what is in doubt or has changed
    #[arg(long, value_name = "RUN", num_args = 0..=1, default_missing_value = "latest")]
    pub resume: Option<String>,
    /// With --resume: this step is done, whatever the record says, as `stage.step`; may stand several times
    #[arg(long, value_name = "STEP", requires = "resume")]
    pub done: Vec<String>,
    /// With --resume: run this step again, whatever the record says; may stand several times
    #[arg(long, value_name = "STEP", requires = "resume")]
    pub again: Vec<String>,
    /// First remove what earlier runs have made, as `clean` does; steps with `cache:` run again
    #[arg(long, conflicts_with = "resume")]
    pub fresh: bool,
    /// Wait for another run of this project, or on this namespace, for so long [default: 1h]
    #[arg(long, value_name = "TIME", num_args = 0..=1, default_missing_value = "1h", value_parser = time)]
    pub wait: Option<Duration>,
    /// Check and show what would run; run nothing
    #[arg(long)]
    pub dry_run: bool,
    /// What to show while it runs
    #[arg(long, value_name = "HOW", default_value = "auto")]
    pub output: Output,
    #[command(flatten)]
    pub overrides: Overrides,
}

/// What a run leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Keep {
    /// What stages that failed have made
    Failed,
}

/// What to show while a pipeline runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Output {
    /// Progress on a terminal, plain lines elsewhere and in CI
    Auto,
    /// A live line for each running step
    Progress,
    /// A line for each event and each line of output
    Plain,
    /// The summary only
    Quiet,
}

#[derive(Debug, Group)]
pub(super) struct Check {
    #[command(flatten)]
    pub overrides: Overrides,
}

#[derive(Debug, Group)]
pub(super) struct Clean {
    /// Remove the records of runs older than this, too: 12h, 7d
    #[arg(long, value_name = "AGE", value_parser = age)]
    pub runs: Option<Duration>,
    /// How long to wait for objects to go [default: 2m]
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub timeout: Option<Duration>,
    /// Say what would be removed; remove nothing
    #[arg(long)]
    pub dry_run: bool,
    #[command(flatten)]
    pub overrides: Overrides,
}

#[derive(Debug, Group)]
pub(super) struct Plan {
    /// How to show it
    #[arg(long, value_name = "FORMAT", default_value = "tree")]
    pub format: PlanFormat,
    /// Show only what differs from the plan of the newest run
    #[arg(long)]
    pub diff: bool,
    /// With --diff: show what the steps would change on the cluster, by a server-side dry run; changes nothing
    #[arg(long, requires = "diff")]
    pub live: bool,
    #[command(flatten)]
    pub overrides: Overrides,
}

/// How to show a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum PlanFormat {
    /// For a terminal
    Tree,
    /// For programs
    Json,
    /// For Graphviz
    Dot,
    /// For Markdown
    Mermaid,
    /// For a browser: a picture
    Svg,
}

#[derive(Debug, Group)]
pub(super) struct GateOf {
    /// The gate file: gates/NAME.yaml
    #[arg(value_name = "FILE")]
    pub gate: PathBuf,
    /// A value for a parameter of the file; may stand several times
    #[arg(long = "param", value_name = "NAME=VALUE", value_parser = assignment)]
    pub params: Vec<(String, String)>,
    /// How to tell it
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: GateFormat,
    #[command(flatten)]
    pub overrides: Overrides,
}

/// How a gate is reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum GateFormat {
    /// For people
    Text,
    /// For CI
    Junit,
    /// For programs
    Json,
}

#[derive(Debug, Group)]
pub(super) struct Doctor {
    #[command(flatten)]
    pub overrides: Overrides,
}

#[derive(Debug, Group)]
pub(super) struct Report {
    /// The run's id, or a part of it [default: the newest]
    pub run: Option<String>,
    /// What to make
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: ReportFormat,
}

/// What a report is made as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum ReportFormat {
    /// For people
    Text,
    /// For a browser: one file
    Html,
    /// For CI
    Junit,
    /// For programs
    Json,
}

#[derive(Debug, Group)]
pub(super) struct Logs {
    /// The run's id, or a part of it [default: the newest]
    pub run: Option<String>,
    /// The step, as `stage.step`; the steps that have a log where absent
    pub step: Option<String>,
}

#[derive(Debug, Group)]
pub(super) struct Schema {
    /// Which file's schema
    #[arg(value_name = "FILE", default_value = "pipeline")]
    pub of: SchemaOf,
}

/// Which file a schema is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum SchemaOf {
    /// pipeline.yaml
    Pipeline,
    /// stages/*.yaml
    Stage,
    /// parts/*.yaml
    Part,
    /// gates/*.yaml
    Gate,
}

#[derive(Debug, Group)]
pub(super) struct Explain {
    /// A diagnostic code, a kind, a key or `KIND.KEY`; everything there is where absent
    #[arg(value_name = "NAME")]
    pub what: Option<String>,
}

#[derive(Debug, Group)]
pub(super) struct Init {
    /// Write everything into one file
    #[arg(long)]
    pub single: bool,
    /// The folder to write to [default: this one]
    #[arg(value_name = "DIR")]
    pub folder: Option<PathBuf>,
}

#[derive(Debug, Group)]
pub(super) struct Completions {
    /// The shell
    pub shell: clap_complete::Shell,
}
