//! How long `pipeline check` takes, for a project of the usual size and for a large one.

use std::fmt::Write as _;
use std::path::Path;

use super::Size;
use super::cost::{self, median};
use super::dag::{self, keep};
use super::table::{Row, Table};

/// Measures both.
pub fn measure(pipeline: &Path, folder: &Path, size: Size, table: &mut Table) -> Result<(), String> {
    let (usual, large) = (folder.join("usual"), folder.join("large"));
    five_stages(&usual)?;
    dag::write(&large, 5000 / dag::WIDTH)?;
    for (what, folder, rounds, limit) in
        [("check: 5 stages", usual, 7 * size.rounds, 0.010), ("check: 5000 steps", large, 3 * size.rounds, 0.150)]
    {
        let command = [&pipeline.display().to_string(), "check"];
        let costs: Result<Vec<_>, _> = (0..rounds).map(|_| cost::of(&folder, &command)).collect();
        let costs = costs?;
        let seconds = median(costs.iter().map(|cost| cost.wall.as_secs_f64()).collect());
        table.push(Row {
            what: what.to_owned(),
            seconds: Some(seconds),
            peak: costs.iter().map(|cost| cost.peak).max(),
            target: format!("< {:.0} ms", limit * 1e3),
            held: Some(seconds < limit),
            ..Row::default()
        });
    }
    Ok(())
}

/// Five stages, each with four steps and a gate of two assertions.
fn five_stages(folder: &Path) -> Result<(), String> {
    let mut pipeline = String::from("version: 1\npipeline: usual\nvars:\n  image: app\n  limit: 300MB\nstages:\n");
    for stage in 1..=5 {
        let _ = writeln!(pipeline, "  - stages/{stage}.yaml");
        let mut text = format!("stage: s{stage}\nsteps:\n");
        if let Some(before) = Some(stage - 1).filter(|before| *before > 0) {
            text = format!("stage: s{stage}\nneeds: [s{before}]\nsteps:\n");
        }
        for step in 1..=4 {
            let _ = writeln!(text, "  t{step}:\n    timeout: 2m\n    retry: {{ attempts: 2 }}");
            if step > 1 {
                let _ = writeln!(text, "    needs: [t{}]", step - 1);
            }
            text.push_str("    env: { IMAGE: \"${{ vars.image }}\" }\n    shell: { run: 'echo \"$IMAGE\"' }\n");
        }
        text.push_str(
            "gate:\n  - name: the page answers\n    http: { url: \"http://127.0.0.1:8080/\", status: 200 }\n",
        );
        text.push_str("    within: 30s\n  - file: { path: out.txt, contains: \"${{ vars.image }}\" }\n");
        keep(&folder.join(format!("stages/{stage}.yaml")), &text)?;
    }
    keep(&folder.join("pipeline.yaml"), &pipeline)
}
