//! Going on with a run that was killed: what is kept, what runs again and why, and what it owed.

use super::kit::{assert_reported, setup};
use crate::core::engine::NodeStatus;

const PLAN: &str = "stage one
       a: pass 1s
       b: pass 1s needs=a
       finally.f: pass 1s
       gate: holds
     stage two needs=one
       c: pass 1s
       d: pass 1s needs=c
       finally.g: pass 1s
     stage finally always
       finally.h: pass 1s";

#[tokio::test(start_paused = true)]
async fn keeps_what_passed_and_runs_what_was_in_doubt() {
    let first = setup(PLAN).run().await;
    let past = first.killed_after(first.until("two.d starts"));
    assert_eq!(past.node("two.d").expect("known").stand, NodeStatus::InDoubt);
    let again = setup(PLAN).resumes(&past);
    assert_eq!(again.again(), ["two.d: InDoubt"]);
    assert_reported(
        &again.run().await,
        "
         0s one.a passed, kept from r1
         0s one.b passed, kept from r1
         0s one.gate starts
         0s one.gate #0 warning, holds after 1 looks
         0s one.gate passed
         0s one.f passed, kept from r1
         0s [one] passed
         0s two.c passed, kept from r1
         0s two.d starts
         1s two.d passed
         1s two.g starts
         2s two.g passed
         2s [two] passed
         2s finally.h starts
         3s finally.h passed
         3s [finally] passed
         3s run passed, exit 0
        ",
    );
}

#[tokio::test(start_paused = true)]
async fn wherever_a_run_is_killed_the_next_one_ends_alike_and_repeats_nothing_that_passed() {
    let first = setup(PLAN).run().await;
    for count in 1..first.events.len() {
        let past = first.killed_after(count);
        let second = setup(PLAN).resumes(&past).run().await;
        let reported = second.reported();
        assert!(reported.ends_with("run passed, exit 0\n"), "killed after {count}:\n{reported}");
        for name in ["one.a", "one.b", "two.c", "two.d"] {
            let done =
                past.node(name).expect("known").stand == NodeStatus::Over(crate::core::model::event::State::Passed);
            let repeated = reported.contains(&format!("{name} starts"));
            assert_eq!(done, !repeated, "killed after {count}, {name}:\n{reported}");
        }
        // And once more: a run that goes on with one that went on with the first.
        let third = setup(PLAN).resumes(&second.killed_after(1)).run().await;
        assert!(
            third.reported().ends_with("run passed, exit 0\n"),
            "killed after {count} and at once:\n{}",
            third.reported()
        );
        for name in ["one.a", "one.b", "two.c"] {
            let done =
                past.node(name).expect("known").stand == NodeStatus::Over(crate::core::model::event::State::Passed);
            assert_eq!(done, !third.reported().contains(&format!("{name} starts")), "{name}:\n{}", third.reported());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_builds_on_a_changed_step_runs_again_with_it() {
    let past = setup(PLAN).run().await.past();
    let changed = PLAN.replace("a: pass 1s", "a: pass 2s");
    let again = setup(&changed).resumes(&past).again();
    let follows = |name: &str, root: &str| format!("{name}: Follows({root:?})");
    assert_eq!(
        again,
        ["one.a: Changed".to_owned(), follows("one.b", "one.a"), follows("two.c", "one.a"), follows("two.d", "one.a")]
    );
}

#[tokio::test(start_paused = true)]
async fn a_reference_to_another_value_is_another_step() {
    let plan = "stage one
       a: pass 1s gives=tag:v1
       b: pass 1s needs=a env=TAG:${{steps.a.outputs.tag}}";
    let past = setup(plan).run().await.past();
    assert_eq!(setup(plan).resumes(&past).again(), Vec::<String>::new());
    let mut other = past.clone();
    let at = std::time::Duration::ZERO;
    let finished = crate::core::model::event::Event::NodeFinished {
        node: crate::core::model::event::NodeId(0),
        state: crate::core::model::event::State::Passed,
        because: None,
        failure: None,
        fault: None,
        tolerated: false,
        outputs: [("tag".to_owned(), "v2".into())].into(),
        elapsed: std::time::Duration::ZERO,
        log: None,
        fingerprint: past.node("one.a").expect("known").fingerprint.clone(),
        made: None,
    };
    other.apply(at, &finished);
    assert_eq!(setup(plan).resumes(&other).again(), ["one.b: Changed"]);
}

#[tokio::test(start_paused = true)]
async fn a_step_whose_outputs_were_hidden_runs_again() {
    let plan = "stage one
       a: pass 1s gives=tag:***";
    let past = setup(plan).run().await.past();
    assert_eq!(setup(plan).resumes(&past).again(), ["one.a: OutputsHidden"]);
}

#[tokio::test(start_paused = true)]
async fn a_step_that_runs_during_others_is_kept_with_all_of_them_or_not_at_all() {
    let plan = "stage one
       load: pass up=1s during=a
       a: pass 1s
       b: pass 1s";
    let first = setup(plan).run().await;
    let past = first.killed_after(first.until("one.a passed"));
    let again = setup(plan).resumes(&past).again();
    assert_eq!(again, ["one.load: InDoubt", "one.a: Follows(\"one.load\")"]);
}

#[tokio::test(start_paused = true)]
async fn after_its_finally_a_stage_that_failed_begins_again() {
    let plan = "stage one
       a: pass 1s
       b: fail 1s needs=a
       finally.f: pass 1s";
    let past = setup(plan).run().await.past();
    assert_eq!(setup(plan).resumes(&past).again(), ["one.a: FinallyRan", "one.b: Ended(Failed)"]);
}

#[tokio::test(start_paused = true)]
async fn a_gate_that_others_were_built_on_only_warns() {
    let plan = "stage one
       a: pass 1s
       gate: holds
     stage two needs=one
       b: pass 9s";
    let first = setup(plan).run().await;
    let past = first.killed_after(first.until("two.b starts"));
    let now = plan.replace("gate: holds", "gate: unmet");
    let reported = setup(&now).resumes(&past).run().await.reported();
    assert!(reported.contains("one.gate failed"), "another gate counts in full:\n{reported}");
    let reported = setup(plan).resumes(&past).run().await.reported();
    assert!(
        reported.contains("one.gate #0 warning, holds") && reported.ends_with("run passed, exit 0\n"),
        "{reported}"
    );
}

#[tokio::test(start_paused = true)]
async fn the_finally_that_a_dead_run_owed_is_done_alone_and_once() {
    let first = setup(PLAN).run().await;
    let past = first.killed_after(first.until("two.d starts"));
    assert_eq!(past.owes(), ["two.g", "finally.h"]);
    let second = setup(PLAN).settles(&past).run().await;
    assert_reported(
        &second,
        "
         0s one.a skipped, not selected
         0s one.b skipped, not selected
         0s one.gate skipped, not selected
         0s one.f skipped, not selected
         0s two.c skipped, not selected
         0s two.d skipped, not selected
         0s [one] skipped
         0s two.g starts
         1s two.g passed
         1s [two] passed
         1s finally.h starts
         2s finally.h passed
         2s [finally] passed
         2s run passed, exit 0
        ",
    );
    let killed = second.killed_after(second.until("two.g passed"));
    assert_eq!(killed.owes(), ["finally.h"], "who dies over a debt leaves the rest of it");
    assert_eq!(second.past().owes(), Vec::<&str>::new());
}

#[tokio::test(start_paused = true)]
async fn what_must_not_run_twice_is_asked_about_only_where_it_may_have_run() {
    let plan = "stage one
       a: pass 1s once
       b: fail 1s once needs=a";
    let first = setup(plan).run().await;
    let doubts = |past: &crate::core::engine::PreviousRun| {
        let setup = setup(plan).resumes(past);
        let course = setup.origin.course.clone().expect("decided");
        course.in_doubt(&setup.plan).map(|(name, _)| name.to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(doubts(&first.killed_after(first.until("one.a starts"))), ["one.a"]);
    assert_eq!(doubts(&first.killed_after(first.until("one.b starts"))), ["one.b"]);
    assert_eq!(doubts(&first.past()), Vec::<String>::new(), "it is known to have failed");
    assert_eq!(doubts(&first.killed_after(1)), Vec::<String>::new(), "it had not started");
}

#[tokio::test(start_paused = true)]
async fn what_a_gate_speaks_for_runs_again_where_it_no_longer_holds_and_what_builds_on_it_too() {
    let plan = "stage one
       a: pass 1s
       gate: holds
     stage two
       b: pass 1s
       gate: holds
     stage three needs=one,two
       c: fail 1s";
    let first = setup(plan).run().await;
    let past = first.killed_after(first.until("two.gate passed"));
    let mut again = setup(plan).resumes(&past);
    let course = again.origin.course.clone().expect("decided");
    assert_eq!(course.verifies, again.gates(), "nothing was built on either");
    let gone = crate::core::model::event::RerunReason::GateGone { assertion: "claim".to_owned(), measures: Vec::new() };
    again.gone = vec![crate::core::model::event::Rerun { node: again.gates()[0], why: gone }];
    let again = again.resumes(&past);
    assert_eq!(again.again(), ["one.a: GateGone { assertion: \"claim\", measures: [] }", "three.c: NotStarted"]);
    let reported = again.run().await.reported();
    assert!(reported.contains("one.a starts") && reported.contains("two.b passed, kept from r1"), "{reported}");
}

#[tokio::test(start_paused = true)]
async fn a_gate_is_looked_at_before_a_run_once_and_nothing_else_happens() {
    let plan = "stage one
       a: pass 1s
       gate: unmet within=9s
       finally.f: pass 1s
     stage two needs=one
       b: pass 1s";
    let past = setup(plan).run().await.past();
    let mut look = setup(plan);
    let gates = look.gates();
    look.origin.course = Some(crate::core::engine::ResumePlan::look(&look.plan, &past, &gates));
    look.nothing = true;
    let reported = look.run().await.reported();
    assert!(reported.contains("one.gate #0 warning, unmet: ") && reported.contains("after 1 looks"), "{reported}");
    assert!(!["one.a", "one.f", "two.b"].iter().any(|name| reported.contains(&format!("{name} starts"))), "{reported}");
}

#[tokio::test(start_paused = true)]
async fn a_stage_that_was_skipped_has_not_built_on_the_gate_before_it() {
    let plan = "stage one
       a: pass 3s
       gate: holds
     stage other
       x: fail 1s
     stage two needs=one
       b: pass 1s";
    let past = setup(plan).mode(crate::core::engine::Mode::KeepGoing).run().await.past();
    assert!(past.entered("two"));
    let plan = plan.replace("needs=one", "needs=one,other");
    let past = setup(&plan).mode(crate::core::engine::Mode::KeepGoing).run().await.past();
    assert!(!past.entered("two"));
    let again = setup(&plan).resumes(&past);
    assert_eq!(again.origin.course.as_ref().expect("decided").verifies, again.gates());
}

const SINGLE: &str = "stage images
       build: pass 1s
       gate: holds
     stage cluster
       up: pass 1s
       load: pass 1s needs=up after=images
       other: pass 9s";

#[tokio::test(start_paused = true)]
async fn a_step_that_needs_a_stage_runs_again_with_it() {
    let first = setup(SINGLE).run().await;
    assert!(matches!(&first.events[0].1, crate::core::model::event::Event::RunStarted { stages, .. }
        if stages[1].needs.is_empty() && stages[1].steps_need == ["images"]));
    let past = first.past();
    let changed = SINGLE.replace("build: pass 1s", "build: pass 2s");
    let again = setup(&changed).resumes(&past).again();
    assert_eq!(again, ["images.build: Changed", "cluster.load: Follows(\"images.build\")"]);
}

#[tokio::test(start_paused = true)]
async fn a_gate_that_a_single_step_was_built_on_only_warns() {
    let first = setup(SINGLE).run().await;
    let verified = |words: &str| {
        let again = setup(SINGLE).resumes(&first.killed_after(first.until(words)));
        again.origin.course.expect("decided").verifies.len()
    };
    assert_eq!((verified("images.gate passed"), verified("cluster.load starts")), (1, 0));
}

const BESIDE: &str = "stage one
       a: pass 9s
     stage two
       pay: pass 1s once
       post: pass 1s needs=pay
       finally.f: pass 1s
     stage three needs=one,two
       z: pass 1s";

/// A run that was killed when all of its second stage was done, and the first not.
async fn beside() -> crate::core::engine::PreviousRun {
    let first = setup(BESIDE).run().await;
    first.killed_after(first.until("[two] passed"))
}

#[tokio::test(start_paused = true)]
async fn what_is_kept_stays_done_when_the_resumed_run_fails_before_its_turn() {
    let failing = BESIDE.replace("a: pass 9s", "a: fail 1s");
    let second = setup(&failing).jobs(1).resumes(&beside().await).run().await;
    assert_reported(
        &second,
        "
         0s one.a starts
         1s one.a failed: exit code 1
         1s two.pay passed, kept from r1
         1s two.post passed, kept from r1
         1s three.z skipped, one.a failed
         1s [one] failed
         1s two.f passed, kept from r1
         1s [three] skipped
         1s [two] skipped
         1s run failed, exit 1
        ",
    );
    let third = setup(BESIDE).resumes(&second.past());
    assert_eq!(third.again(), ["one.a: Ended(Failed)"]);
    let reported = third.run().await.reported();
    assert!(reported.ends_with("run passed, exit 0\n") && !reported.contains("two.pay starts"), "{reported}");
}

#[tokio::test(start_paused = true)]
async fn what_is_kept_stays_done_when_the_resumed_run_is_interrupted_before_its_turn() {
    let second = setup(BESIDE).jobs(1).interrupts(&[1]).resumes(&beside().await).run().await;
    assert!(second.reported().contains("1s two.pay passed, kept from r1"), "{}", second.reported());
    let reported = setup(BESIDE).resumes(&second.past()).run().await.reported();
    let repeated = ["two.pay starts", "two.post starts", "two.f starts"].iter().any(|words| reported.contains(words));
    assert!(reported.ends_with("run passed, exit 0\n") && !repeated, "{reported}");
}

#[tokio::test(start_paused = true)]
async fn what_is_kept_stays_done_when_the_resumed_run_leaves_it_out() {
    let mut second = setup(BESIDE);
    second.stages = vec!["one".to_owned()];
    let past = beside().await;
    let second = second.resumes(&past).run().await;
    assert!(second.reported().contains("two.pay skipped, not selected"), "{}", second.reported());
    let mut known = second.past();
    known.recall(&past);
    let reported = setup(BESIDE).resumes(&known).run().await.reported();
    assert!(reported.ends_with("run passed, exit 0\n") && !reported.contains("two.pay starts"), "{reported}");
}

#[tokio::test(start_paused = true)]
async fn what_is_in_doubt_stays_so_when_the_resumed_run_leaves_it_out() {
    let first = setup(BESIDE).run().await;
    let past = first.killed_after(first.until("two.pay starts"));
    let mut second = setup(BESIDE);
    second.stages = vec!["one".to_owned()];
    let mut known = second.resumes(&past).run().await.past();
    known.recall(&past);
    assert_eq!(
        setup(BESIDE).resumes(&known).again(),
        ["two.pay: InDoubt", "two.post: NotStarted", "three.z: NotStarted"]
    );
}
