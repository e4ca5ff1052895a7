//! 10,000 steps in layers, by `pipeline` and by others, in turns. Knows how it is measured; not how others write it.

use std::fmt::Write as _;
use std::path::Path;

use super::Size;
use super::cost::{self, Cost, median};
use super::dag_others::{self, Rival};
use super::table::{Row, Table};

/// Steps of a layer.
pub const WIDTH: usize = 100;
/// Processes at the same time.
pub const JOBS: &str = "2";
/// What `pipeline` may take, as a part of the bare loop.
const RATIO: f64 = 1.10;
/// What `pipeline` may have of memory, in bytes.
const PEAK: u64 = 60 * 1024 * 1024;

/// The numbers of the two that step `at` of a layer needs, in the layer before.
pub fn needs(at: usize) -> [usize; 2] {
    [at, (at + 1) % WIDTH]
}

/// Measures everybody in turns, so that what else the machine does hits all alike.
pub fn measure(pipeline: &Path, folder: &Path, size: Size, table: &mut Table) -> Result<(), String> {
    write(&folder.join("pipeline"), size.layers)?;
    let count = size.layers * WIDTH;
    let run = |output| {
        let path = pipeline.display().to_string();
        ["run", "--jobs", JOBS, "--output", output].iter().fold(vec![path], |mut all, word| {
            all.push((*word).to_owned());
            all
        })
    };
    let mut rivals = vec![dag_others::the_loop(folder, count)?];
    rivals.push(Rival::new("pipeline", &folder.join("pipeline"), run("quiet")));
    rivals.push(Rival::new("pipeline, every event told", &folder.join("pipeline"), run("plain")));
    rivals.extend(dag_others::all(folder, size.layers)?);

    let mut costs: Vec<Vec<Cost>> = vec![Vec::new(); rivals.len()];
    for round in 1..=size.rounds {
        for (rival, costs) in rivals.iter().zip(&mut costs) {
            let Some(command) = &rival.command else { continue };
            eprintln!("  round {round} of {}: {count} steps by {}", size.rounds, rival.name);
            let words: Vec<&str> = command.iter().map(String::as_str).collect();
            costs.push(cost::of(&rival.folder, &words)?);
        }
    }
    let bare = costs[0].clone();
    for (rival, costs) in rivals.iter().zip(&costs) {
        table.push(row(rival, costs, &bare, count));
    }
    Ok(())
}

fn row(rival: &Rival, costs: &[Cost], bare: &[Cost], count: usize) -> Row {
    let what = format!("{count} steps: {}", rival.name);
    if costs.is_empty() {
        return Row { what, note: "not installed".to_owned(), ..Row::default() };
    }
    let wall = median(costs.iter().map(|cost| cost.wall.as_secs_f64()).collect());
    let ratios = costs.iter().zip(bare).map(|(cost, bare)| cost.wall.as_secs_f64() / bare.wall.as_secs_f64());
    let ratio = median(ratios.collect());
    let own = median(costs.iter().map(|cost| cost.own.as_secs_f64()).collect()) / as_f64(count) * 1e6;
    let peak = costs.iter().map(|cost| cost.peak).max().unwrap_or_default();
    let ours = rival.name.starts_with("pipeline");
    let held = ours.then_some(ratio <= RATIO && peak <= PEAK);
    let target = if ours { format!("≤ {RATIO:.2} of the loop, ≤ 60 MiB") } else { String::new() };
    Row {
        what,
        seconds: Some(wall),
        ratio: Some(ratio),
        own: Some(own),
        peak: Some(peak),
        target,
        held,
        ..Row::default()
    }
}

/// A pipeline of one stage.
pub fn write(folder: &Path, layers: usize) -> Result<(), String> {
    let mut stage = String::from("stage: dag\nsteps:\n");
    for layer in 0..layers {
        for at in 0..WIDTH {
            let _ = writeln!(stage, "  s{layer}-{at}:");
            if let Some(before) = layer.checked_sub(1) {
                let [one, two] = needs(at);
                let _ = writeln!(stage, "    needs: [s{before}-{one}, s{before}-{two}]");
            }
            stage.push_str("    shell: { run: \"true\" }\n");
        }
    }
    keep(&folder.join("dag.yaml"), &stage)?;
    keep(&folder.join("pipeline.yaml"), "version: 1\npipeline: speed\nstages: [dag.yaml]\n")
}

/// Writes a file and the folders above it.
pub fn keep(path: &Path, text: &str) -> Result<(), String> {
    let folder = path.parent().unwrap_or(path);
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(path, text))
        .map_err(|error| format!("cannot write {}: {error}", path.display()))
}

#[allow(clippy::cast_precision_loss, reason = "counts of steps are small")]
fn as_f64(count: usize) -> f64 {
    count as f64
}
