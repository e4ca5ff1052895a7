//! Steps on runners while the node's kubelet is silent and while the API server restarts. For a cluster of tools/ alone,
//! and for one test at a time: whatever else runs on the node suffers too.

use std::sync::PoisonError;
use std::time::Duration;

use super::node::{Kubelet, ONE_AT_A_TIME};
use super::runners::Farm;

/// Two steps that print and return a file, one of which waits for its end in the middle of the fault.
const STEPS: &str = "
  counts:
    artifacts: [out]
    outputs: [last]
    shell: 'for at in $(seq 1 40); do echo \"line $at\"; sleep 0.5; done; echo kept > out; echo last=40 >> \"$PIPELINE_OUTPUT\"'
  plain: { shell: 'echo begins; sleep 12; echo ends; exit 0' }
";

fn every_line_once(said: &str) {
    for at in 1..=40 {
        let line = format!("line {at}");
        let count = said.lines().filter(|said| said.trim_end().ends_with(&line)).count();
        assert_eq!(count, 1, "`{line}` in {said}");
    }
}

#[test]
#[ignore = "needs a cluster of tools/, and a minute"]
fn steps_go_on_while_the_kubelet_is_silent_for_30_seconds() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let farm = Farm::new("silent", STEPS);
    let ran = std::thread::scope(|scope| {
        let run = scope.spawn(|| farm.run(&["--output", "plain"]));
        farm.running("test.counts");
        farm.running("test.plain");
        let kubelet = Kubelet::stopped();
        std::thread::sleep(Duration::from_secs(30));
        kubelet.goes_on();
        run.join().expect("no panic")
    });
    ran.ends(0, &["begins", "ends"]);
    assert_eq!(ran.outputs("test.counts")["last"], "40");
    assert_eq!((ran.attempts("test.counts"), ran.attempts("test.plain")), (1, 1));
    every_line_once(&ran.err);
    farm.nothing_is_left();
}

#[test]
#[ignore = "needs a cluster of tools/, and half a minute"]
fn steps_go_on_while_the_api_server_restarts() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let farm = Farm::new("restart", STEPS);
    let ran = std::thread::scope(|scope| {
        let run = scope.spawn(|| farm.run(&["--output", "plain"]));
        farm.running("test.counts");
        farm.running("test.plain");
        Kubelet::tool("apiserver", &["restart", "4"]);
        run.join().expect("no panic")
    });
    ran.ends(0, &["begins", "ends"]);
    assert_eq!(ran.outputs("test.counts")["last"], "40");
    assert_eq!((ran.attempts("test.counts"), ran.attempts("test.plain")), (1, 1));
    every_line_once(&ran.err);
    farm.nothing_is_left();
}
