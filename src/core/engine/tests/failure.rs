//! What a failure means for the rest of a run.

use super::kit::{assert_reported, setup};
use crate::core::engine::Mode;

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
    assert_reported(
        &setup(PLAN).run().await,
        "
         0s one.bad starts
         0s one.slow starts
         0s other.free starts
         1s one.bad failed: exit code 1
         1s one.next skipped, one.bad failed
         1s one.gate skipped, one.bad failed
         1s one.later skipped, one.bad failed
         1s two.never skipped, one.bad failed
         1s other.free2 skipped, one.bad failed
         1s two.no skipped, one.bad failed
         1s [two] skipped
         2s other.free passed
         2s [other] cancelled
         3s one.slow passed
         3s one.tell starts
         4s one.tell passed
         4s one.tidy starts
         5s one.tidy passed
         5s [one] failed
         5s finally.end starts
         6s finally.end passed
         6s [finally] passed
         6s run failed, exit 1
        ",
    );
}

#[tokio::test(start_paused = true)]
async fn keep_going_goes_on_with_what_does_not_depend_on_it() {
    assert_reported(
        &setup(PLAN).mode(Mode::KeepGoing).run().await,
        "
         0s one.bad starts
         0s one.slow starts
         0s other.free starts
         1s one.bad failed: exit code 1
         1s one.next skipped, one.bad failed
         1s one.gate skipped, one.bad failed
         2s other.free passed
         2s other.free2 starts
         2s other.free2 passed
         2s [other] passed
         3s one.slow passed
         3s one.later starts
         3s one.later passed
         3s one.tell starts
         4s one.tell passed
         4s one.tidy starts
         5s one.tidy passed
         5s [one] failed
         5s two.never skipped, one.bad failed
         5s two.no skipped, one.bad failed
         5s [two] skipped
         5s finally.end starts
         6s finally.end passed
         6s [finally] passed
         6s run failed, exit 1
        ",
    );
}

#[tokio::test(start_paused = true)]
async fn fail_fast_cancels_what_runs() {
    assert_reported(
        &setup(PLAN).mode(Mode::FailFast).run().await,
        "
         0s one.bad starts
         0s one.slow starts
         0s other.free starts
         1s one.bad failed: exit code 1
         1s one.next skipped, one.bad failed
         1s one.gate skipped, one.bad failed
         1s one.later skipped, one.bad failed
         1s two.never skipped, one.bad failed
         1s other.free2 skipped, one.bad failed
         1s two.no skipped, one.bad failed
         1s [two] skipped
         1s one.slow cancelled, one.bad failed
         1s one.tell starts
         1s other.free cancelled, one.bad failed
         1s [other] cancelled
         2s one.tell passed
         2s one.tidy starts
         3s one.tidy passed
         3s [one] failed
         3s finally.end starts
         4s finally.end passed
         4s [finally] passed
         4s run failed, exit 1
        ",
    );
}

#[tokio::test(start_paused = true)]
async fn a_tolerated_failure_counts_for_nothing() {
    let plan = "stage one
           a: fail tolerated
           b: pass needs=a
           gate: holds
           on_failure.no: pass";
    assert_reported(
        &setup(plan).run().await,
        "
         0s one.a starts
         0s one.a failed (tolerated): exit code 1
         0s one.b starts
         0s one.b passed
         0s one.gate starts
         0s one.gate #0 holds after 1 looks
         0s one.gate passed
         0s one.no skipped, not needed
         0s [one] passed
         0s run passed, exit 0
        ",
    );
}

#[tokio::test(start_paused = true)]
async fn a_gate_that_does_not_hold_stops_what_comes_behind() {
    let plan = "stage one
           a: pass
           gate: holds; unmet name=size; unmet warning name=hint
           on_failure.tell: pass
         stage two needs=one
           b: pass
           gate: holds";
    assert_reported(
        &setup(plan).run().await,
        "
         0s one.a starts
         0s one.a passed
         0s one.gate starts
         0s one.gate #0 holds after 1 looks
         0s one.gate #1 unmet: state is bad, expected good (CrashLoopBackOff) after 1 looks
         0s one.gate #2 warning, unmet: state is bad, expected good (CrashLoopBackOff) after 1 looks
         0s one.gate failed: 1 of 3 assertions do not hold: size
         0s two.b skipped, one.gate failed
         0s two.gate skipped, one.gate failed
         0s [two] skipped
         0s one.tell starts
         0s one.tell passed
         0s [one] failed
         0s run failed, exit 1
        ",
    );
}

#[tokio::test(start_paused = true)]
async fn a_failing_finally_step_fails_the_run_and_spares_the_others() {
    let plan = "stage one
           a: pass
           finally.x: fail
           finally.y: pass 1s
           finally.z: pass needs=x
         stage two needs=one
           b: pass
         stage finally always
           finally.p: fail
           finally.q: pass 1s";
    assert_reported(
        &setup(plan).jobs(1).run().await,
        "
         0s one.a starts
         0s one.a passed
         0s one.x starts
         0s one.x failed: exit code 1
         0s one.z skipped, one.x failed
         0s two.b skipped, one.x failed
         0s [two] skipped
         0s one.y starts
         1s one.y passed
         1s [one] failed
         1s finally.p starts
         1s finally.p failed: exit code 1
         1s finally.q starts
         2s finally.q passed
         2s [finally] failed
         2s run failed, exit 1
        ",
    );
}

#[tokio::test(start_paused = true)]
async fn a_kind_that_panics_is_a_fault_and_the_run_goes_on() {
    let plan = "stage one
           a: panic
           finally.b: pass
         stage two
           gate: panic; holds";
    assert_reported(
        &setup(plan).mode(Mode::KeepGoing).run().await,
        "
         0s two.gate starts
         0s one.a starts
         0s two.gate #0 unknown: the kind `claim` broke: attempt to divide by zero after 0 looks
         0s two.gate #1 holds after 1 looks
         0s two.gate errored: claim: the kind `claim` broke: attempt to divide by zero
         0s [two] errored
         0s one.a errored: the kind `fake` broke: index out of bounds
         0s one.b starts
         0s one.b passed
         0s [one] errored
         0s run errored, exit 1
        ",
    );
}

#[tokio::test(start_paused = true)]
async fn the_first_bad_node_decides_the_exit_code() {
    for (ends, exit_code) in [("fail", 1), ("fault", 1), ("environment", 3), ("invalid", 1), ("skip", 0)] {
        let ran = setup(&format!("stage one\n a: {ends}\n b: fail 1s tolerated")).run().await;
        assert_eq!(ran.result.exit_code, exit_code, "{ends}");
    }
    assert_eq!(setup("stage one\n a: invalid").run().await.result.exit_code, 2, "nothing has run");
    assert_eq!(setup("stage one\n gate: environment").run().await.result.exit_code, 3);
}

#[tokio::test(start_paused = true)]
async fn a_plan_with_a_circle_in_it_ends_all_the_same() {
    let plan = "stage one
           a: pass needs=b
           b: pass needs=a
           finally.c: pass";
    assert_reported(
        &setup(plan).run().await,
        "
         0s one.a errored: waits for something that never comes
         0s one.b skipped, one.a failed
         0s one.c skipped, one.a failed
         0s [one] errored
         0s run errored, exit 1
        ",
    );
}

#[tokio::test(start_paused = true)]
async fn a_journal_that_breaks_stops_the_run() {
    let mut broken = setup(
        "stage one
           a: pass 1s
           b: pass 9s
           c: pass needs=a says=HOME
           finally.d: pass 1s",
    );
    broken.journal_limit = 4;
    let ran = broken.run().await;
    assert_eq!(ran.live, [], "a step whose start is not in the record does not run");
    assert_eq!(ran.result.exit_code, 4);
    assert_eq!(ran.result.journal_error.as_deref(), Some("no space left on device"));
    assert_reported(
        &ran,
        "
         0s one.a starts
         0s one.b starts
         1s warning: the journal cannot be written: no space left on device; the run is stopped
         1s one.c cancelled, the run was stopped: its journal cannot be written
         1s one.b cancelled, the run was stopped: its journal cannot be written
         1s one.d starts
         2s one.d passed
         2s [one] cancelled
         2s run errored, exit 4
        ",
    );
}
