//! What a failure leaves for its user to see: `finally` that is not run, and a run that waits.

use std::time::Duration;

use super::kit::{Setup, assert_reported, setup};
use crate::core::expr::{Ask, Fact};

const PLAN: &str = "stage one
       server: pass up=1s during=bad,gate
       bad: fail 1s
       gate: holds
       on_failure.tell: pass 1s
       finally.tidy: pass 1s
     stage other
       free: pass 1s
       finally.away: pass 1s
     stage finally always
       finally.end: pass 1s";

fn keeping(plan: &str) -> Setup {
    let mut setup = setup(plan);
    setup.keep = true;
    setup
}

#[tokio::test(start_paused = true)]
async fn keep_leaves_the_failed_stage_and_the_pipelines_own_finally_and_no_other() {
    let ran = keeping(PLAN).run().await;
    assert_reported(
        &ran,
        "
         0s one.server starts
         0s other.free starts
         1s one.server is up
         1s one.bad starts
         1s other.free passed
         1s other.away starts
         2s one.bad failed: exit code 1
         2s one.gate skipped, one.bad failed
         2s other.away passed
         2s [other] passed
         2s one.server passed
         2s one.tell starts
         3s one.tell passed
         3s one.tidy skipped, pending
         3s [one] failed
         3s finally.end skipped, pending
         3s [finally] skipped
         3s run failed, exit 1
        ",
    );
    let past = ran.past();
    assert_eq!((past.is_open(), past.owes()), (false, vec!["one.tidy", "finally.end"]));
}

#[tokio::test(start_paused = true)]
async fn what_was_left_is_done_later_and_by_a_run_that_goes_on_with_it() {
    let past = keeping(PLAN).run().await.past();
    assert_reported(
        &setup(PLAN).settles(&past).run().await,
        "
         0s other.free skipped, not selected
         0s other.away skipped, not selected
         0s one.server skipped, not selected
         0s one.bad skipped, not selected
         0s one.gate skipped, not selected
         0s one.tell skipped, not selected
         0s [other] skipped
         0s one.tidy starts
         1s one.tidy passed
         1s [one] passed
         1s finally.end starts
         2s finally.end passed
         2s [finally] passed
         2s run passed, exit 0
        ",
    );
    let mended = PLAN.replace("bad: fail 1s", "bad: pass 1s");
    let resumed = setup(&mended).resumes(&past).run().await.reported();
    for words in ["one.tidy passed", "finally.end passed", "run passed, exit 0"] {
        assert!(resumed.contains(words), "no `{words}` in:\n{resumed}");
    }
}

#[tokio::test(start_paused = true)]
async fn keep_changes_nothing_where_nothing_failed() {
    let passing = PLAN.replace("bad: fail 1s", "bad: pass 1s");
    assert_eq!(keeping(&passing).run().await.reported(), setup(&passing).run().await.reported());
}

#[tokio::test(start_paused = true)]
async fn a_pause_holds_the_failed_stage_with_what_runs_beside_it_until_the_user_goes_on() {
    let mut paused = setup(PLAN);
    paused.pause = Some(Duration::from_secs(60));
    assert_reported(
        &paused.run().await,
        "
         0s one.server starts
         0s other.free starts
         1s one.server is up
         1s one.bad starts
         1s other.free passed
         1s other.away starts
         2s one.bad failed: exit code 1
         2s one.gate skipped, one.bad failed
         2s paused at one.bad
         2s other.away passed
         2s [other] passed
         1m one.server passed
         1m one.tell starts
         1m1s one.tell passed
         1m1s one.tidy starts
         1m2s one.tidy passed
         1m2s [one] failed
         1m2s finally.end starts
         1m3s finally.end passed
         1m3s [finally] passed
         1m3s run failed, exit 1
        ",
    );
}

#[tokio::test(start_paused = true)]
async fn an_interrupt_ends_a_pause() {
    let mut paused = setup(PLAN).interrupts(&[5]);
    paused.pause = Some(Duration::from_secs(600));
    let shown = paused.run().await.reported();
    for words in ["paused at one.bad", "one.tidy passed", "finally.end passed", "exit 130"] {
        assert!(shown.contains(words), "no `{words}` in:\n{shown}");
    }
    assert!(!shown.contains("600s"), "{shown}");
}

#[tokio::test(start_paused = true)]
async fn a_run_without_a_failure_does_not_pause() {
    let passing = PLAN.replace("bad: fail 1s", "bad: pass 1s");
    let mut paused = setup(&passing);
    paused.pause = Some(Duration::from_secs(600));
    let shown = paused.run().await.reported();
    assert!(!shown.contains("paused") && shown.contains("run passed"), "{shown}");
}

#[tokio::test(start_paused = true)]
async fn what_is_left_of_a_stage_whose_env_asks_something_is_done_later() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("VERSION"), "1.2.3").expect("written");
    let plan = PLAN.replace("stage one", "stage one env=X:${{file.text(\"VERSION\")}}");
    let asking = || {
        let mut setup = keeping(&plan);
        setup.plan.settings.project = folder.path().into();
        setup.plan.stages[0].facts = vec![Fact { ask: Ask::FileText, of: "VERSION".to_owned() }];
        setup
    };
    let past = asking().run().await.past();
    assert_eq!(past.owes(), ["one.tidy", "finally.end"]);
    let mut later = asking();
    later.keep = false;
    let later = later.settles(&past).run().await.reported();
    for words in ["one.tidy passed", "finally.end passed", "run passed, exit 0"] {
        assert!(later.contains(words), "no `{words}` in:\n{later}");
    }
}
