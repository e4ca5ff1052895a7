//! 200 ConfigMaps to a cluster: `kube: {apply}` against `kubectl apply --server-side`, each in a namespace of its own.
//!
//! Only in the cluster that `PIPELINE_SPEED_CONTEXT` names; `tools/bench` sets it for one that may be touched.

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use super::Size;
use super::cost::{self, Cost, median};
use super::dag::keep;
use super::table::{Row, Table};

const COUNT: usize = 200;
const OURS: &str = "pipeline-speed-own";
const THEIRS: &str = "pipeline-speed-kubectl";

/// Measures both in turns. Every round writes other values, so that every object changes.
pub fn measure(pipeline: &Path, folder: &Path, size: Size, table: &mut Table) -> Result<(), String> {
    let what = |who: &str| format!("apply {COUNT} ConfigMaps: {who}");
    let Some(context) = std::env::var("PIPELINE_SPEED_CONTEXT").ok().filter(|name| !name.is_empty()) else {
        table.push(Row { what: what("pipeline"), note: "no cluster answers".to_owned(), ..Row::default() });
        return Ok(());
    };
    for namespace in [OURS, THEIRS] {
        kubectl(&context, &["create", "namespace", namespace]);
    }
    keep(
        &folder.join("pipeline.yaml"),
        &format!(
            "version: 1\npipeline: objects\ncluster: {{ contexts: [{context}], namespace: {OURS} }}\nstages: [apply.yaml]\n"
        ),
    )?;
    let stage = "stage: apply\nsteps:\n  apply:\n    kube: { apply: { files: objects.yaml } }\n";
    keep(&folder.join("apply.yaml"), stage)?;
    let own = pipeline.display().to_string();
    let ours = [own.as_str(), "run", "--output", "quiet"];
    let theirs = ["kubectl", "--context", &context, "apply", "--server-side", "-n", THEIRS, "-f", "objects.yaml"];
    let result: Result<Vec<(Cost, Cost)>, String> = (0..=size.rounds)
        .map(|round| {
            eprintln!("  round {round} of {}: {COUNT} ConfigMaps", size.rounds);
            keep(&folder.join("objects.yaml"), &objects(round))?;
            Ok((cost::of(folder, &ours)?, cost::of(folder, &theirs)?))
        })
        .collect();
    kubectl(&context, &["delete", "namespace", OURS, THEIRS, "--wait=false"]);
    // the first round made them: what counts is the change of what is there
    let costs = result?.split_off(1);
    let middle = |pick: fn(&(Cost, Cost)) -> f64| median(costs.iter().map(pick).collect());
    let ratio = middle(|(ours, theirs)| ours.wall.as_secs_f64() / theirs.wall.as_secs_f64());
    table.push(Row {
        what: what("pipeline"),
        seconds: Some(middle(|(ours, _)| ours.wall.as_secs_f64())),
        ratio: Some(ratio),
        peak: costs.iter().map(|(ours, _)| ours.peak).max(),
        target: "< kubectl".to_owned(),
        held: Some(ratio < 1.0),
        ..Row::default()
    });
    table.push(Row {
        what: what("kubectl apply --server-side"),
        seconds: Some(middle(|(_, theirs)| theirs.wall.as_secs_f64())),
        ratio: Some(1.0),
        peak: costs.iter().map(|(_, theirs)| theirs.peak).max(),
        ..Row::default()
    });
    Ok(())
}

fn objects(round: usize) -> String {
    (0..COUNT).fold(String::new(), |mut text, at| {
        let _ = write!(text, "---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: speed-{at}\ndata:\n");
        let _ = writeln!(text, "  round: \"{round}\"\n  number: \"{at}\"");
        text
    })
}

/// What it says does not matter: a namespace may be there already.
fn kubectl(context: &str, args: &[&str]) {
    let mut command = Command::new("kubectl");
    command.args(["--context", context]).args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let _ = command.status();
}
