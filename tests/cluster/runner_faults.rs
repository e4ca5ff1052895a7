//! Steps on runners where the cluster has no space for their Pods, and where the run ends at once.

use std::process::{Command, Stdio};

use super::runners::{Farm, kubectl};

#[test]
#[ignore = "needs the cluster"]
fn a_step_waits_for_a_quota_that_other_pods_use_up_and_not_for_one_that_is_too_small() {
    // the Job controller asks again after 1, 2, 4 and 8 s: the quota has space long before it does
    let farm = Farm::new("quota", "  first: { shell: sleep 9 }\n  second: { shell: 'true' }\n");
    kubectl(&["create", "quota", "small", "-n", &farm.namespace, "--hard=pods=1"]);
    let ran = farm.run(&[]);
    ran.ends(0, &[]);
    assert_eq!((ran.attempts("test.first"), ran.attempts("test.second")), (1, 1));
    kubectl(&["patch", "quota", "small", "-n", &farm.namespace, "-p", r#"{ "spec": { "hard": { "pods": "0" } } }"#]);
    farm.run(&[]).ends(3, &["QuotaExceeded", "limited: pods=0"]);
    farm.nothing_is_left();
}

#[test]
#[ignore = "needs the cluster"]
fn an_end_that_does_not_wait_leaves_no_job() {
    let farm = Farm::new("at-once", "  stubborn: { shell: 'trap \"\" TERM; sleep 100' }\n");
    let mut run = Command::new(env!("CARGO_BIN_EXE_pipeline"));
    run.arg("run").current_dir(farm.folder.path()).env("FARM_TOKEN", "hunter2-and-more").stdin(Stdio::null());
    let mut run = run.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("started");
    farm.running("test.stubborn");
    let pid = run.id().to_string();
    for _ in 0..2 {
        assert!(Command::new("kill").args(["-INT", &pid]).status().expect("started").success());
    }
    assert_eq!(run.wait().expect("ended").code(), Some(130));
    farm.nothing_is_left();
}

#[test]
#[ignore = "needs the cluster"]
fn artifacts_that_are_refused_in_the_middle_end_the_step_at_once() {
    // what follows the link is more than all buffers on the way hold
    let steps = "
  leaves:
    artifacts: [a, b]
    timeout: 60s
    shell: 'ln -s /etc/passwd a; dd if=/dev/zero of=b bs=1M count=16'
";
    let farm = Farm::new("refused", steps);
    let ran = farm.run(&[]);
    ran.ends(1, &["`a` is a link to `/etc/passwd`, out of the project"]);
    assert!(!farm.path("a").exists() && !farm.path("b").exists());
    farm.nothing_is_left();
}
