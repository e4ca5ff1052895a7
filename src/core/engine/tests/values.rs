//! Outputs, environment and logs.

use super::kit::{assert_reported, setup};
use crate::core::mask::SecretText;
use crate::core::model::event::Live;

fn lines(live: &[Live]) -> Vec<&str> {
    let mut lines = Vec::new();
    for live in live {
        if let Live::Lines { text, .. } = live {
            lines.extend(text.lines());
        }
    }
    lines
}

#[tokio::test(start_paused = true)]
async fn hands_on_what_a_kind_gives_and_a_step_writes() {
    let plan = "stage one
           a: pass gives=size:5;tag:x writes=tag=y;digest=z
           b: pass outputs=tag
           c: pass writes=what
           finally.d: pass writes=tag=1 outputs=tag";
    assert_reported(
        &setup(plan).run().await,
        "
         0s one.a starts
         0s one.b starts
         0s one.c starts
         0s one.a passed {\"digest\":\"z\",\"size\":\"5\",\"tag\":\"y\"}
         0s one.b failed: did not write the outputs it declares: tag
         0s one.c failed: its outputs cannot be read: line 1: `what`
         0s one.d starts
         0s one.d passed {\"tag\":\"1\"}
         0s [one] failed
         0s run failed, exit 1
        ",
    );
}

#[tokio::test(start_paused = true)]
async fn what_a_during_step_gives_is_known_to_what_it_covers_as_soon_as_it_is_up() {
    let plan = "stage one
           forward: pass up=1s during=x gives=port:7001
           x: pass needs=forward env=PORT:${{_steps.forward.outputs.port_}} says=PORT";
    let reported = setup(plan).run().await;
    assert_eq!(lines(&reported.live), ["PORT=7001"]);
}

#[tokio::test(start_paused = true)]
async fn refuses_to_hand_on_a_secret() {
    let mut secret = setup("stage one\n a: pass writes=url=http://hunter2@x\n b: pass gives=url:hunter2");
    secret.secrets.insert("password".to_owned(), SecretText::new("hunter2"));
    assert_reported(
        &secret.run().await,
        "
         0s one.a starts
         0s one.b starts
         0s one.a failed: the output `url` holds the value of the secret `password`
         0s one.b failed: the output `url` holds the value of the secret `password`
         0s [one] failed
         0s run failed, exit 1
        ",
    );
}

#[tokio::test(start_paused = true)]
async fn a_step_sees_all_layers_of_its_environment() {
    let plan = "env A:pipeline
         stage one env=B:stage
           s: pass env=C:step says=HOME,A,B,C,PIPELINE_RUN,PIPELINE_STAGE,PIPELINE_STEP,PIPELINE_PROJECT
         stage two env=A:stage
           s: pass env=HOME:mine says=HOME,A,B needs=one";
    let ran = setup(plan).jobs(1).run().await;
    assert_eq!(
        lines(&ran.live),
        [
            "HOME=/home/me",
            "A=pipeline",
            "B=stage",
            "C=step",
            "PIPELINE_RUN=r1",
            "PIPELINE_STAGE=one",
            "PIPELINE_STEP=s",
            "PIPELINE_PROJECT=/project",
            "HOME=mine",
            "A=stage",
            "B=",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn values_travel_from_step_to_step_and_from_stage_to_stage() {
    let plan = "stage one
           a: pass gives=size:5;how:fail
           b: pass needs=a env=SIZE:${{steps.a.outputs.size}} says=SIZE
           c: pass needs=a template=${{steps.a.outputs.how}} tolerated
           finally.d: pass env=HOW:${{steps.c.state}} says=HOW
         stage two needs=one
           e: pass env=SIZE:${{stages.one.steps.a.outputs.size}}${{vars.replicas}} says=SIZE";
    let ran = setup(plan).run().await;
    assert_eq!(lines(&ran.live), ["SIZE=5", "HOW=failed", "SIZE=52"]);
    assert!(ran.reported().contains("one.c failed (tolerated): exit code 1"), "{}", ran.reported());
}

#[tokio::test(start_paused = true)]
async fn the_outputs_of_for_each_are_a_list_in_the_order_of_its_items() {
    let plan = "stage one
           a[x]: pass 2s gives=v:1
           a[y]: pass 1s gives=v:2;only:y
           b: pass needs=a env=ALL:${{steps.a.outputs.v}}${{steps.a.outputs.only}} says=ALL";
    assert_eq!(lines(&setup(plan).run().await.live), [r#"ALL=["1","2"][null,"y"]"#]);
}

#[tokio::test(start_paused = true)]
async fn what_its_own_condition_skips_holds_nothing_up() {
    let plan = "stage one
           a: pass when=vars.replicas_==_3
           b: pass needs=a when=steps.a.state_==_'skipped'
           gate: unmet when=false; holds
         stage two needs=one when=!vars.yes
           c: pass
           finally.d: pass
         stage three needs=two
           e: pass";
    assert_reported(
        &setup(plan).run().await,
        "
         0s one.a skipped, when vars.replicas == 3
         0s one.b starts
         0s one.b passed
         0s one.gate starts
         0s one.gate #0 skipped: `false` is false after 0 looks
         0s one.gate #1 holds after 1 looks
         0s one.gate passed
         0s [one] passed
         0s two.c skipped, when !vars.yes
         0s two.d skipped, not needed
         0s [two] skipped
         0s three.e starts
         0s three.e passed
         0s [three] passed
         0s run passed, exit 0
        ",
    );
}

#[tokio::test(start_paused = true)]
async fn a_condition_that_is_neither_true_nor_false_is_a_fault() {
    let plan = "stage one
           a: pass when=vars.replicas
           b: pass needs=a
         stage two when=vars.replicas
           c: pass";
    assert_reported(
        &setup(plan).mode(crate::core::engine::Mode::KeepGoing).run().await,
        "
         0s one.a errored: when: `vars.replicas` is 2, expected true or false
         0s two.c errored: when: `vars.replicas` is 2, expected true or false
         0s one.b skipped, one.a failed
         0s [one] errored
         0s [two] errored
         0s run errored, exit 2
        ",
    );
}

#[tokio::test(start_paused = true)]
async fn a_value_that_cannot_be_rendered_is_a_fault_of_the_step() {
    let plan = "stage one
           a: pass env=X:${{steps.none.outputs.x}}
         stage two env=X:${{stages.none.state}}
           b: pass
         stage three
           c: pass template=${{vars.none}}";
    assert_reported(
        &setup(plan).mode(crate::core::engine::Mode::KeepGoing).run().await,
        "
         0s one.a starts
         0s two.b starts
         0s two.b errored: env X: stages.none: no such key
         0s [two] errored
         0s three.c starts
         0s one.a errored: env X: steps.none: no such key
         0s [one] errored
         0s three.c errored: fake: vars.none: no such key
         0s [three] errored
         0s run errored, exit 2
        ",
    );
}

#[tokio::test(start_paused = true)]
async fn a_secret_reaches_the_environment_and_no_event() {
    let mut secret = setup("stage one\n a: pass env=PW:${{secrets.password}} says=PW\n b: skip");
    secret.secrets.insert("password".to_owned(), SecretText::new("nothing here"));
    let ran = secret.run().await;
    assert_eq!(lines(&ran.live), ["PW=nothing here"], "its log masks the line");
    assert!(ran.reported().contains("one.b skipped, ***"), "{}", ran.reported());
}

#[tokio::test(start_paused = true)]
async fn a_value_that_cannot_be_shown_when_something_has_run_is_a_failure_not_invalid_files() {
    let exit = async |plan: &str| setup(plan).mode(crate::core::engine::Mode::KeepGoing).run().await.result.exit_code;
    let rendered = "b: pass env=X:${{steps.none.outputs.x}}";
    assert_eq!(exit(&format!("stage one\n{rendered}")).await, 2);
    assert_eq!(exit(&format!("stage one\na: pass\n{rendered} needs=a")).await, 1);
    assert_eq!(exit("stage one\na: pass\nb: pass needs=a when=vars.replicas").await, 1);
    assert_eq!(exit("stage one\ngate: holds\nstage two needs=one when=vars.replicas\nb: pass").await, 1);
    assert_eq!(exit(&format!("stage one\na: skip\n{rendered} needs=a")).await, 2);
}
