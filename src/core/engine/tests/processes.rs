//! Real processes under a real clock: nothing of a run is left behind.

use std::path::Path;
use std::time::Duration;

use super::kit::{self, Setup, assert_reported, setup};
use crate::core::model::event::Event;

/// A shell step in place of a fake one.
fn shell(setup: &mut Setup, node: usize, script: &str) {
    setup.plan.nodes[node].work = kit::shell(script);
}

/// A script with a grandchild that ignores SIGTERM and says its id in `file`.
fn stubborn(file: &Path) -> String {
    format!(
        "trap '' TERM\nsh -c 'trap \"\" TERM; echo $$ > {0}.new; mv {0}.new {0}; while :; do sleep 1; done' &\nwait",
        file.display()
    )
}

fn lives(file: &Path) -> bool {
    let pid = std::fs::read_to_string(file).expect("the grandchild was started");
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    !stat.is_empty() && !stat.contains(") Z ")
}

async fn gone(file: &Path) -> bool {
    for _ in 0..100 {
        if !lives(file) {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    false
}

fn project(plan: &str) -> (tempfile::TempDir, Setup) {
    let folder = tempfile::tempdir().expect("the temporary folder can be written");
    let mut setup = setup(plan);
    setup.plan.settings.project = folder.path().to_owned();
    (folder, setup)
}

fn without_times(reported: &str) -> String {
    reported.lines().filter_map(|line| line.split_once(' ')).map(|(_, rest)| rest).collect::<Vec<_>>().join("\n")
}

const PLAN: &str = "stage one
       a: pass
       finally.b: pass";

/// Light steps on the thread of the run, and on threads of their own.
const THREADS: [usize; 2] = [0, 2];

#[tokio::test]
async fn a_grandchild_that_ignores_sigterm_is_gone_after_an_interrupt() {
    for threads in THREADS {
        let (folder, mut run) = project(PLAN);
        let file = folder.path().join("pid");
        shell(&mut run, 0, &stubborn(&file));
        run.threads = threads;
        run.grace = Duration::from_millis(200);
        run.interrupts = vec![Duration::from_millis(500)];
        let ran = run.run().await;
        assert!(gone(&file).await, "the grandchild is gone");
        assert_eq!(
            without_times(&ran.reported()),
            "one.a starts\nsignal 2\none.a cancelled, interrupted\none.b starts\none.b passed\n[one] cancelled\nrun cancelled, exit 130"
        );
    }
}

#[tokio::test]
async fn a_second_interrupt_ends_finally_and_all_its_processes_at_once() {
    for threads in THREADS {
        let (folder, mut run) = project(PLAN);
        let file = folder.path().join("pid");
        shell(&mut run, 0, "sleep 60");
        shell(&mut run, 1, &stubborn(&file));
        run.threads = threads;
        run.grace = Duration::from_secs(30);
        run.interrupts = vec![Duration::from_millis(100), Duration::from_millis(600)];
        let begun = std::time::Instant::now();
        let ran = run.run().await;
        assert!(gone(&file).await, "the grandchild is gone");
        assert!(begun.elapsed() < Duration::from_secs(5), "nothing was waited for");
        assert_eq!(
            without_times(&ran.reported()),
            "one.a starts\nsignal 2\none.a cancelled, interrupted\none.b starts\nsignal 2\none.b cancelled, interrupted\n[one] cancelled\nrun cancelled, exit 130"
        );
    }
}

#[tokio::test]
async fn steps_that_start_each_other_from_two_threads_keep_to_their_order_and_their_places() {
    let mut plan = String::from("stage one\n");
    for (layer, at) in (0..20).flat_map(|layer| (0..6).map(move |at| (layer, at))) {
        let needs =
            if layer == 0 { String::new() } else { format!(" needs=s{}-{at},s{0}-{1}", layer - 1, (at + 1) % 6) };
        plan += &format!(" s{layer}-{at}: pass{needs}\n");
    }
    let (_folder, mut run) = project(&plan);
    for node in 0..run.plan.nodes().len() {
        shell(&mut run, node, "true");
    }
    (run.threads, run.jobs) = (2, 3);
    let needs: Vec<_> = run.plan.nodes().iter().map(|node| node.needs.clone()).collect();
    let ran = run.run().await;
    assert_eq!(ran.result.exit_code, 0);
    let (mut running, mut over) = (Vec::new(), Vec::new());
    for (_, event) in &ran.events {
        match event {
            Event::NodeStarted { node, .. } => {
                assert!(needs[node.0 as usize].iter().all(|need| over.contains(need)), "{node:?} waits for its needs");
                running.push(*node);
                assert!(running.len() <= 3, "three places: {running:?}");
            }
            Event::NodeFinished { node, .. } => {
                running.retain(|other| other != node);
                over.push(*node);
            }
            _ => {}
        }
    }
    assert_eq!(over.len(), 120);
}

#[tokio::test]
async fn a_time_that_is_over_ends_the_processes() {
    let (folder, mut run) = project("stage one\n a: pass timeout=0.4s");
    let file = folder.path().join("pid");
    shell(&mut run, 0, &stubborn(&file));
    run.grace = Duration::from_millis(100);
    let ran = run.run().await;
    assert!(gone(&file).await, "the grandchild is gone");
    assert_eq!(ran.result.exit_code, 1);
}

#[tokio::test]
async fn a_script_hands_on_values_and_a_missing_one_is_a_failure() {
    let (_folder, mut run) = project("stage one\n a: pass\n b: pass needs=a\n c: pass needs=b");
    shell(
        &mut run,
        0,
        "echo tag=v1 >> \"$PIPELINE_OUTPUT\"\nprintf 'notes<<E\\none\\ntwo\\nE\\n' >> \"$PIPELINE_OUTPUT\"",
    );
    shell(&mut run, 1, "test \"$PIPELINE_STEP\" = b");
    shell(&mut run, 2, "exit 7");
    let ran = run.run().await;
    assert_eq!(ran.result.exit_code, 1);
    let reported = without_times(&ran.reported());
    assert!(reported.contains(r#"one.a passed {"exit_code":0,"notes":"one\ntwo","tag":"v1"}"#), "{reported}");
    assert!(reported.contains("one.c failed"), "{reported}");
}

#[tokio::test(start_paused = true)]
async fn nothing_of_a_finished_step_is_left_in_scratch() {
    // The kit removes the folder; that the run can be replayed shows that nothing else holds on to it.
    for _ in 0..2 {
        assert_reported(
            &setup("stage one\n a: pass writes=k=v").run().await,
            "0s one.a starts\n0s one.a passed {\"k\":\"v\"}\n0s [one] passed\n0s run passed, exit 0",
        );
    }
}
