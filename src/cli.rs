//! The command line: one file a command. Data and the result of a run go to stdout, all else to stderr.

mod args;
mod baseline;
mod check;
mod clean;
mod completions;
mod compose_records;
mod doctor;
mod ephemeral_run;
mod explain;
mod find;
mod gate;
mod init;
pub mod lock;
mod logs;
mod namespaces;
pub mod orphans;
mod out;
mod plan;
mod record;
mod recovery;
mod remaining_output;
mod removal;
mod report;
mod run;
mod run_context;
mod runs;
mod schema;
mod scratch;
mod stderr_sink;
mod submit;
mod submitted;
pub mod survey;
mod traffic;
mod unexpected_path;

use std::process::ExitCode;

use clap::Parser;

use crate::core::kind::Registry;
use crate::core::model::exit_code::Exit;
use crate::core::model::outcome::Fault;
use crate::process::signals;
use args::{Args, Command};

/// The kinds that pipelines may use.
pub const REGISTRY: Registry = Registry {
    steps: crate::kinds::STEPS,
    assertions: crate::kinds::ASSERTIONS,
    check_template: crate::kinds::CHECK_TEMPLATE,
};

/// Runs the program with the process's own arguments.
pub fn main() -> ExitCode {
    let args = Args::try_parse().unwrap_or_else(|error| unexpected_path::explained(error).exit());
    out::choose_color(args.color);
    let result = if starts_processes(&args.command) { signals::start() } else { Ok(()) };
    let result = result.and_then(|()| match &args.command {
        Command::Run(run) => run::run(&args, run),
        Command::Submit(submit) => submit::run(&args, submit),
        Command::Check(check) => check::run(&args, check),
        Command::Clean(clean) => clean::run(&args, clean),
        Command::Plan(plan) => plan::run(&args, plan),
        Command::Gate(gate) => gate::run(&args, gate),
        Command::Doctor(doctor) => doctor::run(&args, doctor),
        Command::Report(report) => report::run(&args, report),
        Command::Runs(runs) => runs::run(&args, runs),
        Command::Baseline(wanted) => baseline::run(&args, wanted),
        Command::Logs(logs) => logs::run(&args, logs),
        Command::Traffic(wanted) => traffic::run(wanted),
        Command::Schema(schema) => schema::run(schema),
        Command::Explain(explain) => explain::run(explain),
        Command::Init(init) => init::run(&args, init),
        Command::Completions(completions) => completions::run(completions),
        Command::KeepOutput(wanted) => remaining_output::run(wanted),
    });
    ExitCode::from(out::settled(result.unwrap_or_else(|fault| reported(&fault))).code())
}

/// Whether a command starts processes, which must end with it.
fn starts_processes(command: &Command) -> bool {
    matches!(command, Command::Run(_) | Command::Clean(_) | Command::Gate(_) | Command::Doctor(_) | Command::Init(_))
}

/// What commands wait with: one thread, timers and sockets.
fn runtime() -> Result<tokio::runtime::Runtime, Fault> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Fault::unknown(format!("cannot start: {error}")))
}

/// Tells a fault on stderr and says which exit code it is.
fn reported(fault: &Fault) -> Exit {
    out::error(&fault.message, fault.help.as_deref());
    fault.kind.into()
}
