//! Order, places, pools, selection.

use super::kit::{assert_reported, setup};

#[tokio::test(start_paused = true)]
async fn runs_side_by_side_what_nothing_orders() {
    let plan = "stage one
           a: pass 2s
           b: pass 1s
           c: pass 1s needs=a,b
           gate: holds
         stage two needs=one
           d: pass 1s";
    assert_reported(
        &setup(plan).run().await,
        "
         0s one.a starts
         0s one.b starts
         1s one.b passed
         2s one.a passed
         2s one.c starts
         3s one.c passed
         3s one.gate starts
         3s one.gate #0 holds after 1 looks
         3s one.gate passed
         3s [one] passed
         3s two.d starts
         4s two.d passed
         4s [two] passed
         4s run passed, exit 0
        ",
    );
}

#[tokio::test(start_paused = true)]
async fn starts_no_more_than_there_are_places_and_pools_allow() {
    let plan = "pool port=1
         stage one
           a: pass 1s
           b: pass 1s pool=port
           c: pass 1s pool=port
           d: pass 1s
           e: pass 1s";
    assert_reported(
        &setup(plan).jobs(3).run().await,
        "
         0s one.a starts
         0s one.b starts
         0s one.d starts
         1s one.a passed
         1s one.e starts
         1s one.b passed
         1s one.c starts
         1s one.d passed
         2s one.e passed
         2s one.c passed
         2s [one] passed
         2s run passed, exit 0
        ",
    );
}

const CHAIN: &str = "stage before
       gate: holds
     stage a needs=before
       x: pass 1s
     stage b needs=a
       y: pass 1s
     stage c needs=b
       z: pass 1s
     stage after needs=c
       gate: holds
     stage finally always
       finally.end: pass";

#[tokio::test(start_paused = true)]
async fn until_takes_in_what_a_stage_needs() {
    let mut until = setup(CHAIN);
    until.until = Some("b".to_owned());
    assert_reported(
        &until.run().await,
        "
         0s c.z skipped, not selected
          0s finally.end skipped, not selected
          0s [finally] skipped
         0s before.gate starts
         0s before.gate #0 holds after 1 looks
         0s before.gate passed
         0s [before] passed
         0s a.x starts
         1s a.x passed
         1s [a] passed
         1s b.y starts
         2s b.y passed
         2s [b] passed
         2s [c] skipped
         2s after.gate starts
         2s after.gate #0 holds after 1 looks
         2s after.gate passed
         2s [after] passed
         2s run passed, exit 0
        ",
    );
}

#[tokio::test(start_paused = true)]
async fn a_stage_left_out_counts_as_passed_and_keeps_the_order() {
    let mut some = setup(CHAIN);
    some.stages = vec!["a".to_owned(), "c".to_owned()];
    assert_reported(
        &some.run().await,
        "
         0s b.y skipped, not selected
          0s finally.end skipped, not selected
          0s [finally] skipped
         0s before.gate starts
         0s before.gate #0 holds after 1 looks
         0s before.gate passed
         0s [before] passed
         0s a.x starts
         1s a.x passed
         1s [a] passed
         1s [b] skipped
         1s c.z starts
         2s c.z passed
         2s [c] passed
         2s after.gate starts
         2s after.gate #0 holds after 1 looks
         2s after.gate passed
         2s [after] passed
         2s run passed, exit 0
        ",
    );
}

#[test]
fn names_a_stage_that_is_not_there() {
    let plan = super::kit::plan(CHAIN);
    let error = crate::core::engine::Selection::of(
        &plan,
        &crate::core::engine::Wanted { stages: &["aftr".to_owned()], ..Default::default() },
    )
    .expect_err("it is not there");
    assert_eq!(error.to_string(), "there is no stage \"aftr\" in this pipeline");
    assert_eq!(error.help.as_deref(), Some("did you mean \"after\"?"));
}

#[tokio::test(start_paused = true)]
async fn a_run_of_nothing_passes() {
    assert_reported(
        &setup("stage one\n stage two needs=one").run().await,
        "
         0s [one] passed
         0s [two] passed
         0s run passed, exit 0
        ",
    );
}

#[tokio::test(start_paused = true)]
async fn a_single_step_waits_for_another_stage_while_the_rest_of_its_own_goes_ahead() {
    let plan = "stage images
           build: pass 3s
           gate: holds
         stage cluster
           up: pass 1s
           load: pass 1s needs=up after=images
           gate: holds";
    assert_reported(
        &setup(plan).run().await,
        "
         0s images.build starts
         0s cluster.up starts
         1s cluster.up passed
         3s images.build passed
         3s images.gate starts
         3s images.gate #0 holds after 1 looks
         3s images.gate passed
         3s [images] passed
         3s cluster.load starts
         4s cluster.load passed
         4s cluster.gate starts
         4s cluster.gate #0 holds after 1 looks
         4s cluster.gate passed
         4s [cluster] passed
         4s run passed, exit 0
        ",
    );
}

#[tokio::test(start_paused = true)]
async fn a_step_is_skipped_where_the_gate_of_the_stage_it_waits_for_does_not_hold() {
    let plan = "stage images
           build: pass 1s
           gate: unmet
         stage cluster
           up: pass 2s
           load: pass needs=up after=images
           gate: holds";
    assert_reported(
        &setup(plan).mode(crate::core::engine::Mode::KeepGoing).run().await,
        "
         0s images.build starts
         0s cluster.up starts
         1s images.build passed
         1s images.gate starts
         1s images.gate #0 unmet: state is bad, expected good (CrashLoopBackOff) after 1 looks
         1s images.gate failed: the assertion does not hold: claim
         1s [images] failed
         1s cluster.load skipped, images.gate failed
         1s cluster.gate skipped, images.gate failed
         2s cluster.up passed
         2s [cluster] cancelled
         2s run failed, exit 1
        ",
    );
}
