//! Timeouts and retries.

use super::kit::{assert_reported, setup};
use crate::core::engine::Mode;

#[tokio::test(start_paused = true)]
async fn tries_again_with_growing_pauses() {
    let plan = "stage one
           a: pass 1s flaky=2 retry=3x2s
           b: pass flaky=9 retry=2x1s
           c: invalid retry=3x1s tolerated
           d: fault retry=2x1s tolerated";
    assert_reported(
        &setup(plan).mode(Mode::KeepGoing).run().await,
        "
         0s one.a starts
         0s one.b starts
         0s one.c starts
         0s one.d starts
         0s one.b failed: try 1 went wrong; again in 1s
         0s one.c errored (tolerated): not a number
         0s one.d failed: no answer; again in 1s
         1s one.a failed: try 1 went wrong; again in 2s
         1s one.b starts again, attempt 2
         1s one.b failed: try 2 went wrong
         1s one.d starts again, attempt 2
         1s one.d errored (tolerated): no answer
         3s one.a starts again, attempt 2
         4s one.a failed: try 2 went wrong; again in 4s
         8s one.a starts again, attempt 3
         9s one.a passed
         9s [one] failed
         9s run failed, exit 1
        ",
    );
}

#[tokio::test(start_paused = true)]
async fn a_run_that_has_failed_begins_no_further_attempt_but_in_finally() {
    let plan = "stage one
           a: pass flaky=9 retry=9x10s
           b: fail 2s
           c: pass 5s flaky=9 retry=9x10s
           finally.d: pass flaky=1 retry=2x1s";
    assert_reported(
        &setup(plan).run().await,
        "
         0s one.a starts
         0s one.b starts
         0s one.c starts
         0s one.a failed: try 1 went wrong; again in 10s
         2s one.b failed: exit code 1
         2s one.a failed: try 1 went wrong (not tried again: the run has failed)
         5s one.c failed: try 1 went wrong (not tried again: the run has failed)
         5s one.d starts
         5s one.d failed: try 1 went wrong; again in 1s
         6s one.d starts again, attempt 2
         6s one.d passed
         6s [one] failed
         6s run failed, exit 1
        ",
    );
}

#[tokio::test(start_paused = true)]
async fn a_time_that_is_over_fails_the_attempt() {
    let plan = "stage one
           a: pass 9s timeout=3s retry=2x1s
           finally.b: pass 99s deaf timeout=1s";
    let ran = setup(plan).run().await;
    assert_reported(
        &ran,
        "
         0s one.a starts
         3s one.a failed: timed out after 3s; again in 1s
         4s one.a starts again, attempt 2
         7s one.a failed, limit 3s: timed out after 3s
         7s one.b starts
         23s one.b failed, limit 1s: timed out after 1s
         23s [one] failed
         23s run failed, exit 1
        ",
    );
    let found = ran.events.iter().find_map(|(_, event)| match event {
        crate::core::model::event::Event::NodeFinished { failure: Some(failure), .. } => Some(failure.findings.clone()),
        _ => None,
    });
    assert_eq!(found.expect("it failed")[0].cause, "SIGTERM", "what the kind found out is kept");
}
