//! Steps that run beside others.

use super::kit::{assert_reported, setup};
use crate::core::engine::Mode;

#[tokio::test(start_paused = true)]
async fn is_up_before_the_first_and_ends_after_the_last_it_covers() {
    let plan = "stage one
           load: pass 1s up=2s during=x,y
           x: pass 1s
           y: pass 3s needs=x
           free: pass 1s
           gate: holds";
    assert_reported(
        &setup(plan).jobs(1).run().await,
        "
         0s one.load starts
         0s one.free starts
         1s one.free passed
         2s one.load is up
         2s one.x starts
         3s one.x passed
         3s one.y starts
         6s one.y passed
         7s one.load passed
         7s one.gate starts
         7s one.gate #0 holds after 1 looks
         7s one.gate passed
         7s [one] passed
         7s run passed, exit 0
        ",
    );
}

#[tokio::test(start_paused = true)]
async fn covers_a_gate() {
    let plan = "stage one
           forward: pass up=1s during=gate
           x: pass 2s
           gate: holds";
    assert_reported(
        &setup(plan).run().await,
        "
         0s one.forward starts
         0s one.x starts
         1s one.forward is up
         2s one.x passed
         2s one.gate starts
         2s one.gate #0 holds after 1 looks
         2s one.gate passed
         2s one.forward passed
         2s [one] passed
         2s run passed, exit 0
        ",
    );
}

#[tokio::test(start_paused = true)]
async fn what_it_covers_is_skipped_when_it_does_not_come_up() {
    let plan = "stage one
           load: fail-before-up up=1s during=x
           x: pass
           free: pass 2s
           free2: pass needs=free
           gate: holds";
    assert_reported(
        &setup(plan).mode(Mode::KeepGoing).run().await,
        "
         0s one.load starts
         0s one.free starts
         1s one.load failed: exit code 1
         1s one.gate skipped, one.load failed
         1s one.x skipped, one.load failed
         2s one.free passed
         2s one.free2 starts
         2s one.free2 passed
         2s [one] failed
         2s run failed, exit 1
        ",
    );
}

#[tokio::test(start_paused = true)]
async fn its_bad_end_counts() {
    let plan = "stage one
           load: fail up=1s during=x
           x: pass 2s
           gate: holds
         stage two needs=one
           y: pass";
    assert_reported(
        &setup(plan).run().await,
        "
         0s one.load starts
         1s one.load is up
         1s one.x starts
         3s one.x passed
         3s one.load failed: exit code 1
         3s one.gate skipped, one.load failed
         3s two.y skipped, one.load failed
         3s [one] failed
         3s [two] skipped
         3s run failed, exit 1
        ",
    );
}

#[tokio::test(start_paused = true)]
async fn is_stopped_when_a_covered_step_fails_and_the_others_are_skipped() {
    let plan = "stage one
           load: pass 1s up=1s during=x,y
           x: fail 1s
           y: pass needs=x";
    assert_reported(
        &setup(plan).run().await,
        "
         0s one.load starts
         1s one.load is up
         1s one.x starts
         2s one.x failed: exit code 1
         2s one.y skipped, one.x failed
         3s one.load passed
         3s [one] failed
         3s run failed, exit 1
        ",
    );
}

#[tokio::test(start_paused = true)]
async fn does_not_begin_when_nothing_is_left_to_cover() {
    let plan = "stage one
           bad: fail 1s
           late: pass 2s
           load: pass up=1s during=x needs=late
           x: pass needs=bad";
    assert_reported(
        &setup(plan).mode(Mode::KeepGoing).run().await,
        "
         0s one.bad starts
         0s one.late starts
         1s one.bad failed: exit code 1
         1s one.x skipped, one.bad failed
         1s one.load skipped, one.bad failed
         2s one.late passed
         2s [one] failed
         2s run failed, exit 1
        ",
    );
}

#[tokio::test(start_paused = true)]
async fn its_timeout_is_the_time_to_come_up() {
    let plan = "stage one
           quick: pass up=1s during=x timeout=2s
           x: pass 5s
         stage two
           slow: pass up=9s during=y timeout=2s
           y: pass";
    assert_reported(
        &setup(plan).mode(Mode::KeepGoing).run().await,
        "
         0s one.quick starts
         0s two.slow starts
         1s one.quick is up
         1s one.x starts
         2s two.slow failed, limit 2s: timed out after 2s
         2s two.y skipped, two.slow failed
         2s [two] failed
         6s one.x passed
         6s one.quick passed
         6s [one] passed
         6s run failed, exit 1
        ",
    );
}

#[tokio::test(start_paused = true)]
async fn one_that_does_not_end_is_ended() {
    let plan = "stage one
           load: pass 999s up=1s during=x
           x: pass 1s";
    assert_reported(
        &setup(plan).run().await,
        "
         0s one.load starts
         1s one.load is up
         1s one.x starts
         2s one.x passed
         1m2s one.load failed: did not end in 1m after the steps it covers
         1m2s [one] failed
         1m2s run failed, exit 1
        ",
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_not_started_is_skipped_when_it_dies_and_what_runs_may_finish() {
    let plan = "stage one
           load: fail-when-up 1s up=1s during=x,y
           x: pass 3s
           y: pass needs=z
           z: pass 4s";
    assert_reported(
        &setup(plan).mode(Mode::KeepGoing).run().await,
        "
         0s one.load starts
         0s one.z starts
         1s one.load is up
         1s one.x starts
         2s one.load failed: exit code 1
         2s one.y skipped, one.load failed
         4s one.z passed
         4s one.x passed
         4s [one] failed
         4s run failed, exit 1
        ",
    );
}
