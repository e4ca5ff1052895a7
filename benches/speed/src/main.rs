//! How fast `pipeline` is beside others, measured in one run and told as one Markdown table. `make bench` calls it.
//!
//! `pipeline-speed all [--quick] PIPELINE FOLDER`: the whole of it, working in FOLDER.
//! `pipeline-speed traffic PIPELINE FOLDER`: the load alone.
//! `pipeline-speed pods PIPELINE FOLDER`: steps in Pods alone.
//! `pipeline-speed loop COUNT JOBS`: the baseline. `pipeline-speed cost PROGRAM ARGUMENT…`: what a command costs.

mod cost;
mod dag;
mod dag_others;
mod files;
mod objects;
mod pods;
mod stall;
mod table;
mod traffic;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use table::Table;

/// How much is measured.
#[derive(Debug, Clone, Copy)]
struct Size {
    /// Layers of 100 steps.
    layers: usize,
    /// How often everything is measured, in turns.
    rounds: usize,
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["loop", count, jobs] => dag_others::bare_loop(number(count), number(jobs)),
        ["cost", command @ ..] if !command.is_empty() => cost::tell(command),
        ["traffic", pipeline, folder] => load_alone(Path::new(pipeline), Path::new(folder), 3),
        ["pods", pipeline, folder] => pods_alone(Path::new(pipeline), Path::new(folder)),
        ["all", pipeline, folder] => all(pipeline, folder, Size { layers: 100, rounds: 3 }),
        ["all", "--quick", pipeline, folder] => all(pipeline, folder, Size { layers: 10, rounds: 3 }),
        _ => Err("usage: pipeline-speed all [--quick] PIPELINE FOLDER".to_owned()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(words) => {
            eprintln!("error: {words}");
            ExitCode::FAILURE
        }
    }
}

fn number(text: &str) -> usize {
    text.parse().unwrap_or(0)
}

fn all(pipeline: &str, folder: &str, size: Size) -> Result<(), String> {
    let (pipeline, folder) = (PathBuf::from(pipeline), PathBuf::from(folder));
    let mut table = Table::default();
    println!("{}\n", machine());
    dag::measure(&pipeline, &folder.join("dag"), size, &mut table)?;
    files::measure(&pipeline, &folder.join("check"), size, &mut table)?;
    objects::measure(&pipeline, &folder.join("objects"), size, &mut table)?;
    pods::measure(&pipeline, &folder.join("pods"), &mut table)?;
    print!("{table}");
    load_alone(&pipeline, &folder.join("traffic"), size.rounds)?;
    println!("\nload average at the end: {}", load());
    Ok(())
}

fn pods_alone(pipeline: &Path, folder: &Path) -> Result<(), String> {
    let mut table = Table::default();
    pods::measure(pipeline, folder, &mut table)?;
    print!("{table}");
    Ok(())
}

fn load_alone(pipeline: &Path, folder: &Path, rounds: usize) -> Result<(), String> {
    traffic::measure(pipeline, folder, rounds)?;
    stall::measure(pipeline, folder)
}

/// What the figures were measured on.
fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{cores} cores, kernel {}, load average at the start: {}", kernel.trim(), load())
}

/// The load average of the last minute: what else the machine was doing.
fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or("unknown").to_owned()
}
