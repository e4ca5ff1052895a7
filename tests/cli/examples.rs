//! The three examples end as their README says.

use std::net::TcpListener;

use crate::kit::Project;

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port").port()
}

#[test]
fn side_by_side_serves_and_passes() {
    let project = Project::copy_of("examples/side-by-side");
    let port = format!("port={}", free_port());
    project
        .run(&["run", "--var", &port])
        .ends(0, &["✔ the page is served", "side-by-side passed in", "5 of 5 assertions hold"]);
    assert!(!project.has("site"), "`finally` tidied up");
}

#[test]
fn outputs_go_from_step_to_step_and_from_stage_to_stage() {
    let project = Project::copy_of("examples/outputs");
    project
        .run(&["run"])
        .ends(0, &[r#"│ counts: ["4","4","5"]"#, "content the longest name has 5 letters", "outputs passed in"]);
    assert_eq!(project.summary()["stages"][0]["nodes"][3]["outputs"]["letters"], "5");
}

#[test]
fn a_gate_that_does_not_hold_shows_both_sides_and_stops_what_depends_on_it() {
    let project = Project::copy_of("examples/failing-gate");
    let words = [
        "✘ the bundle is small: size is 2 MB, expected < 1MB",
        "✔ the bundle is there",
        "1 of 2 hold\n",
        "○ deploy.deploy          skipped: build.gate failed",
        "bundle.bin",
        "failing-gate failed in",
        "logs and evidence: .pipeline/runs/",
        "report: .pipeline/runs/",
    ];
    let said = project.run(&["run"]).ends(1, &words);
    assert!(!said.err.contains("this never runs\n"), "{}", said.err);
    assert_eq!(
        project.course(),
        "build.bundle passed, build.gate failed, build.list passed, build.tidy passed, deploy.deploy skipped"
    );
    assert!(!project.has("out"), "`finally` tidied up");
}
