//! Ctrl-C.

use super::kit::{assert_reported, setup};

const PLAN: &str = "stage one
       a: pass 9s
       b: pass needs=a
       gate: holds
       on_failure.no: pass
       finally.tidy: pass 5s
     stage two needs=one
       c: pass
     stage finally always
       finally.end: pass 5s";

#[tokio::test(start_paused = true)]
async fn the_first_cancels_what_runs_and_leaves_finally() {
    assert_reported(
        &setup(PLAN).interrupts(&[2]).run().await,
        "
         0s one.a starts
         2s signal 2
         2s one.b skipped, interrupted
         2s one.gate skipped, interrupted
         2s one.no skipped, interrupted
         2s two.c skipped, interrupted
         2s [two] skipped
         2s one.a cancelled, interrupted
         2s one.tidy starts
         7s one.tidy passed
         7s [one] cancelled
         7s finally.end starts
         12s finally.end passed
         12s [finally] passed
         12s run cancelled, exit 130
        ",
    );
}

#[tokio::test(start_paused = true)]
async fn the_second_ends_the_run_at_once() {
    assert_reported(
        &setup(PLAN).interrupts(&[2, 4]).run().await,
        "
         0s one.a starts
         2s signal 2
         2s one.b skipped, interrupted
         2s one.gate skipped, interrupted
         2s one.no skipped, interrupted
         2s two.c skipped, interrupted
         2s [two] skipped
         2s one.a cancelled, interrupted
         2s one.tidy starts
         4s signal 2
         4s finally.end skipped, interrupted
         4s one.tidy cancelled, interrupted
         4s [one] cancelled
         4s [finally] skipped
         4s run cancelled, exit 130
        ",
    );
}

#[tokio::test(start_paused = true)]
async fn a_step_that_does_not_hear_is_dropped_after_its_grace() {
    let plan = "stage one
           deaf: pass 999s deaf
           late: pass 999s late=8s";
    assert_reported(
        &setup(plan).interrupts(&[1]).run().await,
        "
         0s one.deaf starts
         0s one.late starts
         1s signal 2
         9s one.late cancelled, interrupted
         16s one.deaf cancelled, interrupted
         16s [one] cancelled
         16s run cancelled, exit 130
        ",
    );
}

#[tokio::test(start_paused = true)]
async fn cancels_gates_backoffs_and_what_runs_beside() {
    let plan = "stage one
           load: pass up=1s during=x
           x: pass 9s
         stage two
           flaky: pass flaky=9 retry=9x60s
         stage three
           gate: unmet within=60s";
    assert_reported(
        &setup(plan).interrupts(&[2]).run().await,
        "
         0s one.load starts
         0s three.gate starts
         0s two.flaky starts
         0s two.flaky failed: try 1 went wrong; again in 1m
         1s one.load is up
         1s one.x starts
         2s signal 2
         2s one.load cancelled, interrupted
         2s one.x cancelled, interrupted
         2s [one] cancelled
         2s two.flaky cancelled, interrupted
         2s [two] cancelled
         2s three.gate cancelled, interrupted
         2s [three] cancelled
         2s run cancelled, exit 130
        ",
    );
}
