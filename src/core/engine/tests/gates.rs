//! Gates against a fake clock: what is looked at when, and what comes of it.

use super::kit::{assert_reported, setup};
use crate::core::model::event::Live;
use crate::core::model::outcome::Verdict;

#[tokio::test(start_paused = true)]
async fn looks_once_without_within() {
    let plan = "stage one
           gate: unmet,holds@1s; holds; skipped; transient; environment";
    assert_reported(
        &setup(plan).run().await,
        "
         0s one.gate starts
         0s one.gate #0 unmet: state is bad, expected good (CrashLoopBackOff) after 1 looks
         0s one.gate #1 holds after 1 looks
         0s one.gate #2 skipped: not here after 1 looks
         0s one.gate #3 unknown: connection refused after 1 looks
         0s one.gate #4 unknown: no cluster after 1 looks
         0s one.gate failed: 3 of 5 assertions do not hold: claim; claim; claim
         0s [one] failed
         0s run failed, exit 1
        ",
    );
}

#[tokio::test(start_paused = true)]
async fn waits_for_a_change_within_its_time() {
    let plan = "stage one
           gate: unmet,holds@3s within=5s; transient,holds@2s within=5s; unmet within=4s; environment within=9s";
    assert_reported(
        &setup(plan).run().await,
        "
         0s one.gate starts
         0s one.gate #3 unknown: no cluster after 1 looks
         2s one.gate #1 holds after 2 looks
         3s one.gate #0 holds after 2 looks
         4s one.gate #2 unmet: state is bad, expected good (CrashLoopBackOff) after 2 looks
         4s one.gate failed: 2 of 4 assertions do not hold: claim; claim
         4s [one] failed
         4s run failed, exit 1
        ",
    );
}

#[tokio::test(start_paused = true)]
async fn a_wait_ends_when_a_cause_that_cannot_recover_was_seen_twice() {
    let plan = "stage one
           gate: hopeless within=60s; hopeless,holds@1s within=60s; hopeless within=4s tolerate=all; unmet,refuted@2s within=9s; hopeless,unmet@1s,hopeless@2s,unmet@2.5s,holds@3s within=9s";
    assert_reported(
        &setup(plan).run().await,
        "
         0s one.gate starts
         1s one.gate #1 holds after 2 looks
         1.3s one.gate #0 unmet: state is hopeless, expected good (ErrImagePull, CrashLoopBackOff), ended after 1.3s of 60s: ErrImagePull cannot recover, after 2 looks
         2s one.gate #3 unmet: state is refuted, expected good (Never, CrashLoopBackOff), ended after 2.0s of 9s: the condition under `never` is true, after 2 looks
         3s one.gate #4 holds after 5 looks
         4s one.gate #2 unmet: state is hopeless, expected good (CrashLoopBackOff) after 2 looks
         4s one.gate failed: 3 of 5 assertions do not hold: claim; claim; claim
         4s [one] failed
         4s run failed, exit 1
        ",
    );
}

#[tokio::test(start_paused = true)]
async fn must_hold_throughout_with_for() {
    let plan = "stage one
           gate: holds for=3s; holds,unmet@1s,holds@2s for=3s; unmet,holds@1s for=3s";
    assert_reported(
        &setup(plan).run().await,
        "
         0s one.gate starts
         0s one.gate #2 unmet: state is bad, expected good (CrashLoopBackOff) after 1 looks
         1s one.gate #1 unmet: state is bad, expected good (CrashLoopBackOff) after 2 looks
         3s one.gate #0 holds after 2 looks
         3s one.gate failed: 2 of 3 assertions do not hold: claim; claim
         3s [one] failed
         3s run failed, exit 1
        ",
    );
}

#[tokio::test(start_paused = true)]
async fn starts_over_when_it_does_not_stay_as_long_as_within_lasts() {
    let plan = "stage one
           gate: unmet,holds@1s,unmet@2s,holds@4s within=5s for=3s; unmet,holds@1s,unmet@6s,holds@7s within=5s for=6s";
    assert_reported(
        &setup(plan).run().await,
        "
         0s one.gate starts
         6s one.gate #1 unmet: state is bad, expected good (CrashLoopBackOff) after 3 looks
         7s one.gate #0 holds after 5 looks
         7s one.gate failed: 1 of 2 assertions do not hold: claim
         7s [one] failed
         7s run failed, exit 1
        ",
    );
}

#[tokio::test(start_paused = true)]
async fn polls_what_cannot_be_watched() {
    let plan = "stage one
           gate: unmet,holds@0.9s within=5s polled";
    assert_reported(
        &setup(plan).run().await,
        "
         0s one.gate starts
         1s one.gate #0 holds after 5 looks
         1s one.gate passed
         1s [one] passed
         1s run passed, exit 0
        ",
    );
}

#[tokio::test(start_paused = true)]
async fn its_own_timeout_ends_every_wait() {
    let plan = "stage one
           gate: unmet within=60s; holds for=60s; holds timeout=3s";
    assert_reported(
        &setup(plan).run().await,
        "
         0s one.gate starts
         0s one.gate #2 holds after 1 looks
         3s one.gate #0 unmet: state is bad, expected good (CrashLoopBackOff) after 2 looks
         3s one.gate #1 unknown: it held for 3s of 1m when the gate's time was over after 2 looks
         3s one.gate failed, limit 3s: 2 of 3 assertions do not hold: claim; claim
         3s [one] failed
         3s run failed, exit 1
        ",
    );
}

#[tokio::test(start_paused = true)]
async fn a_look_that_hangs_is_cut_when_within_is_over() {
    assert_reported(
        &setup("stage one\n gate: hang within=20s; hang@1s,unmet within=2s").run().await,
        "
         0s one.gate starts
         2s one.gate #1 unmet: state is bad, expected good (CrashLoopBackOff) after 3 looks
         20s one.gate #0 unknown: no answer in 20s after 1 looks
         20s one.gate failed: 2 of 2 assertions do not hold: claim; claim
         20s [one] failed
         20s run failed, exit 1
        ",
    );
}

#[tokio::test(start_paused = true)]
async fn what_was_seen_counts_where_the_last_look_does_not_come_to_its_end() {
    assert_reported(
        &setup("stage one\n gate: unmet,hang@1s within=20s; holds,hang@1s for=5s within=20s").run().await,
        "
         0s one.gate starts
         20s one.gate #0 unmet: state is bad, expected good (CrashLoopBackOff) after 2 looks
         20s one.gate #1 unknown: no answer in 19s after 2 looks
         20s one.gate failed: 2 of 2 assertions do not hold: claim; claim
         20s [one] failed
         20s run failed, exit 1
        ",
    );
}

#[tokio::test(start_paused = true)]
async fn shows_what_is_measured_as_it_changes() {
    let ran = setup("stage one\n gate: 1of3,2of3@1s,2of3@2s,good@3s within=5s").run().await;
    let shown: Vec<String> = ran
        .live
        .iter()
        .filter_map(|live| match live {
            Live::Measured { verdict: Ok(verdict), .. } => {
                Some((verdict.measures()[0].actual.clone(), verdict.holds()))
            }
            _ => None,
        })
        .map(|(actual, holds)| format!("{actual} {holds}"))
        .collect();
    assert_eq!(shown, ["1of3 false", "2of3 false", "good true"]);
    assert!(matches!(ran.live.last(), Some(Live::Measured { verdict: Ok(Verdict::Holds { .. }), .. })));
}
