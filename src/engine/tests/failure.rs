//! What a failure means for the rest of a run.

use super::kit::{assert_told, setup};
use crate::engine::Mode;

const PLAN: &str = "stage one
       bad: fail 1s
       slow: pass 3s
       next: pass needs=bad
       later: pass needs=slow
       gate: holds
       on_failure.tell: pass 1s
       finally.tidy: pass 1s
     stage two needs=one
       never: pass
       finally.no: pass
     stage other
       free: pass 2s
       free2: pass needs=free
     stage finally always
       finally.end: pass 1s";

#[tokio::test(start_paused = true)]
async fn lets_running_steps_finish_and_starts_nothing_new() {
    assert_told(&setup(PLAN).run().await, "");
}

#[tokio::test(start_paused = true)]
async fn keep_going_goes_on_with_what_does_not_depend_on_it() {
    assert_told(&setup(PLAN).mode(Mode::KeepGoing).run().await, "");
}

#[tokio::test(start_paused = true)]
async fn fail_fast_cancels_what_runs() {
    assert_told(&setup(PLAN).mode(Mode::FailFast).run().await, "");
}
