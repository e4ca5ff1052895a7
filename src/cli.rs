//! The command line: one file a command. Data and the result of a run go to stdout, all else to stderr.

mod aftermath;
mod args;
mod baseline;
mod check;
mod clean;
mod completions;
mod doctor;
mod explain;
mod find;
mod gate;
mod init;
mod leftover;
mod logs;
mod out;
mod plan;
mod raised;
mod record;
mod report;
mod run;
mod runs;
mod schema;
mod scratch;
mod traffic;
mod unkept;

use std::process::ExitCode;

use clap::Parser;

use crate::drivers::signals;
use crate::exit_code::Exit;
use crate::kind::Registry;
use crate::outcome::Fault;
use args::{Args, Command};

/// The kinds that pipelines may use.
pub const REGISTRY: Registry = Registry { steps: crate::steps::STEPS, assertions: crate::assertions::ASSERTIONS };

/// Runs the program with the process's own arguments.
pub fn main() -> ExitCode {
    let args = Args::parse();
    out::choose_color(args.color);
    let result = if starts_processes(&args.command) { signals::start() } else { Ok(()) };
    let result = result.and_then(|()| match &args.command {
        Command::Run(run) => run::run(&args, run),
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
        Command::KeepOutput(wanted) => leftover::run(wanted),
    });
    ExitCode::from(out::settled(result.unwrap_or_else(|fault| told(&fault))).code())
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
fn told(fault: &Fault) -> Exit {
    out::error(&fault.message, fault.help.as_deref());
    fault.kind.into()
}
