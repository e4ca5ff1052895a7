//! Outputs, environment and logs.

use super::kit::{assert_told, setup};
use crate::event::Live;
use crate::mask::SecretText;

fn lines(live: &[Live]) -> Vec<&str> {
    let text = |live| match live {
        &Live::Line { ref text, .. } => Some(text.as_str()),
        Live::Measured { .. } => None,
    };
    live.iter().filter_map(text).collect()
}

#[tokio::test(start_paused = true)]
async fn hands_on_what_a_kind_gives_and_a_step_writes() {
    let plan = "stage one
           a: pass gives=size:5;tag:x writes=tag=y;digest=z
           b: pass outputs=tag
           c: pass writes=what
           finally.d: pass writes=tag=1 outputs=tag";
    assert_told(
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
async fn refuses_to_hand_on_a_secret() {
    let mut secret = setup("stage one\n a: pass writes=url=http://hunter2@x\n b: pass gives=url:hunter2");
    secret.secrets.insert("password".to_owned(), SecretText::new("hunter2"));
    assert_told(
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
