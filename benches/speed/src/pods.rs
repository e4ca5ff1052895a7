//! A step in a Pod against `kubectl run --rm` and a bare Job with `kubectl wait`; 100 MB of input against `kubectl cp`.
//!
//! Only in the cluster that `PIPELINE_SPEED_CONTEXT` names; `tools/bench` sets it for one that may be touched.

use std::io::{Read, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use super::cost::{self, median};
use super::dag::keep;
use super::table::{Row, Table};

const NAMESPACE: &str = "pipeline-speed-pods";
/// An image with a shell and tar that the cluster has.
const IMAGE: &str = "python:3.11-slim";
/// How often each is measured, in turns.
const ROUNDS: usize = 20;
/// How often the large input is sent.
const TRANSFERS: usize = 5;
const INPUT: u64 = 100_000_000;

const RUN: &str = "kubectl run bare-run --image=IMAGE --restart=Never --rm -i --quiet --command -- true";
const JOB: &str = "kubectl create job bare-job --image=IMAGE -- true && \
    kubectl wait job/bare-job --for=condition=complete --timeout=60s && kubectl delete job bare-job";

/// Measures all in turns.
pub fn measure(pipeline: &Path, folder: &Path, table: &mut Table) -> Result<(), String> {
    let Some(context) = std::env::var("PIPELINE_SPEED_CONTEXT").ok().filter(|name| !name.is_empty()) else {
        table.push(Row {
            what: "a step in a Pod: pipeline".to_owned(),
            note: "no cluster answers".to_owned(),
            ..Row::default()
        });
        return Ok(());
    };
    kubectl(&context, &["create", "namespace", NAMESPACE]);
    let measured = in_namespace(pipeline, folder, &context, table);
    kubectl(&context, &["delete", "namespace", NAMESPACE, "--wait=false"]);
    measured
}

fn in_namespace(pipeline: &Path, folder: &Path, context: &str, table: &mut Table) -> Result<(), String> {
    keep(
        &folder.join("pipeline.yaml"),
        &format!(
            "version: 1\npipeline: pods\ncluster: {{ contexts: [{context}], namespace: {NAMESPACE} }}\n\
             runners: {{ farm: {{ pod: {{ image: '{IMAGE}' }} }} }}\nstages: [plain.yaml, input.yaml]\n"
        ),
    )?;
    keep(&folder.join("plain.yaml"), "stage: plain\nsteps:\n  one: { runs_on: farm, shell: { run: 'true' } }\n")?;
    let input = "stage: input\nsteps:\n  one: { runs_on: farm, inputs: [data], shell: { run: 'true' } }\n";
    keep(&folder.join("input.yaml"), input)?;
    let own = pipeline.display().to_string();
    let stage = |name| [own.as_str(), "run", "--output", "quiet", "--stage", name];
    let of = |command: &[&str]| cost::of(folder, command).map(|cost| cost.wall.as_secs_f64());
    let sh = |script: &str| {
        let script = script.replace("IMAGE", IMAGE);
        let script = script.replace("kubectl ", &format!("kubectl --context {context} -n {NAMESPACE} "));
        of(&["sh", "-c", &script])
    };
    let (mut ours, mut run, mut job) = (Vec::new(), Vec::new(), Vec::new());
    for round in 1..=ROUNDS {
        eprintln!("  round {round} of {ROUNDS}: a step in a Pod");
        ours.push(of(&stage("plain"))?);
        run.push(sh(RUN)?);
        job.push(sh(JOB)?);
    }
    let (ours, run, job) = (median(ours), median(run), median(job));
    let ratio = ours / run.min(job);
    let row = |who: &str, seconds, ratio| Row {
        what: format!("`true` in a Pod: {who}"),
        seconds: Some(seconds),
        ratio: Some(ratio),
        ..Row::default()
    };
    table.push(Row { target: "at most both".to_owned(), held: Some(ratio <= 1.0), ..row("pipeline", ours, ratio) });
    table.push(row("kubectl run --rm", run, run / run.min(job)));
    table.push(row("a bare Job, kubectl wait", job, job / run.min(job)));
    large_input(folder)?;
    let started = sh("kubectl run target --image=IMAGE --restart=Never --command -- sleep 3600 && \
        kubectl wait pod/target --for=condition=Ready --timeout=60s");
    started?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 1..=TRANSFERS {
        eprintln!("  round {round} of {TRANSFERS}: 100 MB of input");
        let plain = of(&stage("plain"))?;
        ours.push(of(&stage("input"))? - plain);
        theirs.push(sh("kubectl cp data target:/tmp/data")?);
    }
    let (ours, theirs) = (median(ours), median(theirs));
    table.push(Row {
        what: "100 MB of input to a Pod: pipeline, beyond a step without".to_owned(),
        seconds: Some(ours),
        ratio: Some(ours / theirs),
        target: "< 1.2 x kubectl cp".to_owned(),
        held: Some(ours / theirs <= 1.2),
        ..Row::default()
    });
    table.push(Row {
        what: "100 MB of input to a Pod: kubectl cp".to_owned(),
        seconds: Some(theirs),
        ratio: Some(1.0),
        ..Row::default()
    });
    Ok(())
}

/// Bytes that no compression makes smaller.
fn large_input(folder: &Path) -> Result<(), String> {
    let path = folder.join("data");
    let written = std::fs::File::create(&path).and_then(|mut file| {
        let mut random = std::fs::File::open("/dev/urandom")?.take(INPUT);
        std::io::copy(&mut random, &mut file)?;
        file.flush()
    });
    written.map_err(|error| format!("cannot write {}: {error}", path.display()))
}

/// What it says does not matter: a namespace may be there already.
fn kubectl(context: &str, args: &[&str]) {
    let mut command = Command::new("kubectl");
    command.args(["--context", context]).args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let _ = command.status();
}
