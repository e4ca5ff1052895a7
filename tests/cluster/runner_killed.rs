//! The program killed at random moments while steps run in Pods, and resumed.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::runners::{Farm, kubectl};

#[test]
#[ignore = "needs the cluster"]
fn a_run_that_is_killed_is_continued_with_the_pods_that_still_run() {
    let steps = "
  files: { inputs: [src], artifacts: [out], outputs: [x], shell: 'sleep 6; cp src/a out; echo x=1 >> \"$PIPELINE_OUTPUT\"' }
  plain: { outputs: [y], shell: 'echo begins; sleep 6; echo ends; echo y=2 >> \"$PIPELINE_OUTPUT\"' }
";
    // four moments of the run, other ones each time
    let seed = u64::from(std::process::id());
    for (round, delay) in (1..=4).map(|round| (round, 500 + seed.wrapping_mul(round * 7919) % 4500)) {
        let farm = Farm::new(&format!("killed-{round}"), steps);
        farm.write("src/a", "content\n");
        let mut run = Command::new(env!("CARGO_BIN_EXE_pipeline"));
        run.arg("run").current_dir(farm.folder.path()).env("FARM_TOKEN", "hunter2-and-more").stdin(Stdio::null());
        let mut run = run.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("started");
        std::thread::sleep(Duration::from_millis(delay));
        run.kill().expect("killed");
        run.wait().expect("ended");
        let ran = farm.run(&["--resume"]);
        ran.ends(0, &["begins", "ends"]);
        assert_eq!(ran.outputs("test.files")["x"], "1", "killed after {delay} ms");
        assert_eq!(ran.outputs("test.plain")["y"], "2", "killed after {delay} ms");
        assert_eq!(farm.read("out"), "content\n");
        let created = "--field-selector=reason=SuccessfulCreate,involvedObject.kind=Job";
        let names = "jsonpath={range .items[*]}{.involvedObject.name}{\"\\n\"}{end}";
        let pods = kubectl(&["get", "events", "-n", &farm.namespace, created, "-o", names]);
        for step in ["test-files-", "test-plain-"] {
            let count = pods.lines().filter(|job| job.starts_with(step)).count();
            assert_eq!(count, 1, "killed after {delay} ms: {step} ran in {pods}");
        }
        farm.nothing_is_left();
    }
}

#[test]
#[ignore = "needs the cluster"]
fn a_run_that_is_killed_when_the_files_have_come_gives_the_same_results() {
    let steps = "
  files: { artifacts: [out], outputs: [x], shell: 'echo content > out; echo x=1 >> \"$PIPELINE_OUTPUT\"' }
";
    let farm = Farm::new("taken", steps);
    let mut run = Command::new(env!("CARGO_BIN_EXE_pipeline"));
    run.arg("run").current_dir(farm.folder.path()).env("FARM_TOKEN", "hunter2-and-more").stdin(Stdio::null());
    let mut run = run.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("started");
    let limit = Instant::now() + Duration::from_secs(60);
    while !farm.path("out").exists() {
        assert!(Instant::now() < limit, "no files come");
        std::thread::sleep(Duration::from_millis(1));
    }
    run.kill().expect("killed");
    run.wait().expect("ended");
    let ran = farm.run(&["--resume"]);
    ran.ends(0, &[]);
    assert_eq!(ran.outputs("test.files")["x"], "1");
    assert_eq!(farm.read("out"), "content\n");
    farm.nothing_is_left();
}

#[test]
#[ignore = "needs the cluster"]
fn ten_steps_in_pods_survive_the_runner_at_any_moment() {
    // FAULTS says how often; a whole run takes some 15 s
    let times: u64 =
        std::env::var("FAULTS").ok().and_then(|times| times.parse().ok()).map_or(3, |times: u64| times.min(50));
    let steps = "
  a: { for_each: [1, 2, 3, 4, 5], env: { AT: '${{ item }}' }, artifacts: ['out/*'], shell: 'sleep 1; mkdir -p out; echo $AT > out/$AT' }
  b:
    needs: [a]
    for_each: [1, 2, 3, 4, 5]
    env: { AT: '${{ item }}' }
    inputs: [out]
    outputs: [got]
    shell: 'sleep 1; echo got=$(cat out/$AT) >> \"$PIPELINE_OUTPUT\"'
";
    let seed = u64::from(std::process::id());
    for round in 1..=times {
        let delay = 200 + seed.wrapping_mul(round * 7919).wrapping_add(round * 104_729) % 11_000;
        let farm = Farm::new(&format!("ten-{round}"), steps);
        let pipeline = farm.read("pipeline.yaml").replace("max: 3", "max: 5");
        farm.write("pipeline.yaml", &pipeline);
        farm.write("out/keep", "");
        let mut run = Command::new(env!("CARGO_BIN_EXE_pipeline"));
        run.arg("run").current_dir(farm.folder.path()).env("FARM_TOKEN", "hunter2-and-more").stdin(Stdio::null());
        let mut run = run.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("started");
        std::thread::sleep(Duration::from_millis(delay));
        run.kill().expect("killed");
        run.wait().expect("ended");
        let ran = farm.run(&["--resume"]);
        ran.ends(0, &[]);
        for at in 1..=5 {
            assert_eq!(farm.read(&format!("out/{at}")), format!("{at}\n"), "killed after {delay} ms");
            let got = ran.outputs(&format!("test.b[{at}]"));
            assert_eq!(got["got"], at.to_string(), "killed after {delay} ms: {got} {}", ran.err);
        }
        let created = "--field-selector=reason=SuccessfulCreate,involvedObject.kind=Job";
        let jobs = kubectl(&["get", "events", "-n", &farm.namespace, created, "-o", "name"]);
        // One more for each of the five at once whose Job was gone, and whose end was not in the record yet.
        let count = jobs.lines().count();
        assert!((10..=15).contains(&count), "killed after {delay} ms: {count} Pods");
        farm.nothing_is_left();
    }
}
