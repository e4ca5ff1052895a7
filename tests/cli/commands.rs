//! `gate`, `doctor`, `runs diff`, `plan --diff`, `report --format html`.

use std::fs;

use crate::kit::Project;

const GATES: &[(&str, &str)] = &[
    ("stages/a.yaml", "stage: a\nsteps: { one: { shell: { run: 'touch never' } } }\n"),
    (
        "gates/small.yaml",
        "params: { path: null, limit: 1kB }\nassertions:\n  - name: \"${{ params.path }} is small\"\n    \
         file: { path: \"${{ params.path }}\", size: \"< ${{ params.limit }}\" }\n",
    ),
    ("data.txt", "0123456789"),
];

fn project() -> Project {
    let project = Project::new(GATES);
    project.write("pipeline.yaml", "version: 1\npipeline: test\nstages: [stages/a.yaml]\n");
    project
}

#[test]
fn a_gate_file_is_measured_by_itself_and_no_step_runs() {
    let project = project();
    let gate = ["gate", "gates/small.yaml", "--param", "path=data.txt"];
    let held = project.run(&gate).ends(0, &[]);
    assert_eq!(held.out, "✔ data.txt is small  path a file, size 10 B\n1 of 1 hold\n");
    let unmet = project.run(&[&gate[..], &["--param", "limit=5B"]].concat()).ends(1, &[]);
    assert_eq!(unmet.out, "✘ data.txt is small: size is 10 B, expected < 5B\n0 of 1 hold\n");
    let json = project.run(&[&gate[..], &["--format", "json"]].concat()).ends(0, &[]).out;
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(json["state"], "passed");
    assert!(!project.has("never") && !project.has(".pipeline/runs"), "no step ran, no run is kept");
}

#[test]
fn a_gate_file_that_is_wrong_is_reported_as_files_are() {
    let project = project();
    project.run(&["gate", "gates/small.yaml"]).ends(2, &["needs the parameter `path`", "add `--param path=…`"]);
    let known = ["gate", "gates/small.yaml", "--param", "path=data.txt", "--param", "limmit=1"];
    project.run(&known).ends(2, &["has no parameter `limmit`", "did you mean \"limit\"?"]);
    project.run(&["gate", "gates/gone.yaml"]).ends(2, &["cannot read gates/gone.yaml", "name a gate file"]);
    project.write("gates/steps.yaml", "- answers: { of: ask }\n");
    project.run(&["gate", "gates/steps.yaml"]).ends(2, &["there is no step `ask` in this stage"]);
}

#[test]
fn a_gate_that_needs_a_cluster_asks_the_guard_first() {
    let project = project();
    project.write("gates/pods.yaml", "- pods: { selector: app=x, ready: all }\n");
    project.run(&["gate", "gates/pods.yaml"]).ends(3, &["names none"]);
}

#[test]
fn doctor_tells_what_is_missing_for_this_pipeline_and_what_to_do() {
    let project = project();
    let well = project.run(&["doctor"]).ends(0, &["everything that this pipeline needs is there"]);
    assert!(well.out.contains("✔ pipeline.yaml  test: 1 node in 1 stage"), "{}", well.out);
    project.write("stages/a.yaml", "stage: a\nsteps:\n  lint: { helm: { lint: { chart: chart } } }\n");
    project.write("chart/Chart.yaml", "name: chart\nversion: 1.0.0\n");
    let text = "version: 1\npipeline: test\nsecrets: { token: { env: NO_SUCH_TOKEN } }\nstages: [stages/a.yaml]\n";
    project.write("pipeline.yaml", text);
    let mut command = project.command(&["doctor"]);
    command.env("PATH", project.path());
    let said = crate::kit::said(&mut command).ends(3, &["something that this pipeline needs is missing"]);
    assert!(
        said.out.contains("✘ helm           not installed (needed by helm)\n    help: install Helm 3 or 4"),
        "{}",
        said.out
    );
    assert!(
        said.out.contains("✘ secret         token has no value: the variable NO_SUCH_TOKEN is not set"),
        "{}",
        said.out
    );
    assert!(said.out.contains("○ image engine"), "nobody needs one: {}", said.out);
}

#[test]
fn doctor_speaks_without_a_pipeline_and_of_a_broken_one() {
    let empty = Project::new(&[]);
    empty.run(&["doctor"]).ends(0, &["this is what is here"]);
    let broken = project();
    broken.write("stages/a.yaml", "stage: a\nsteps: { one: { shel: {} } }\n");
    let said = broken.run(&["doctor"]).ends(0, &[]);
    assert!(said.out.contains("⚠ pipeline.yaml  one thing is wrong in it"), "{}", said.out);
}

#[test]
fn two_runs_are_compared_and_a_plan_with_the_newest_run() {
    let stage = |size: &str, more: &str| {
        format!(
            "stage: a\nsteps:\n  one: {{ shell: {{ run: 'printf {size} > out' }} }}\n{more}gate:\n  - name: there\n    file: {{ path: out, size: \"> 0B\" }}\n"
        )
    };
    let project = Project::of(&[("a.yaml", &stage("x", ""))]);
    project.run(&["runs", "diff"]).ends(2, &["there are no two runs to compare"]);
    project.run(&["run"]).ends(0, &[]);
    let same = project.run(&["plan", "--diff"]).ends(0, &["the plan is that of run"]).out;
    assert_eq!(same, "no difference\n");
    let json = |project: &Project| -> serde_json::Value {
        let said = project.run(&["plan", "--diff", "--format", "json"]).ends(0, &[]).out;
        serde_json::from_str(&said).expect("JSON")
    };
    assert_eq!(json(&project)["same"], true);
    project.run(&["plan", "--diff", "--format", "dot"]).ends(2, &["write `--format json`"]);
    project.write("a.yaml", &stage("xxxx", "  two: { shell: { run: 'exit 3' } }\n"));
    let said = project.run(&["plan", "--diff"]).ends(0, &["what differs from the plan of run"]).out;
    assert_eq!(said, "~ a.one  shell: printf x > out → shell: printf xxxx > out\n+ a.two  shell: exit 3\n");
    assert_eq!(
        json(&project)["changes"],
        serde_json::json!([
            {
                "what": "node",
                "name": "a.one",
                "before": "shell: printf x > out",
                "after": "shell: printf xxxx > out"
            },
            { "what": "node", "name": "a.two", "before": null, "after": "shell: exit 3" }
        ])
    );
    project.run(&["run", "--keep-going"]).ends(1, &[]);
    let said = project.run(&["runs", "diff"]).ends(0, &[]).out;
    for line in ["  + a.two  shell: exit 3\n", "  the run: passed → failed\n", "  a.gate: passed → skipped\n"] {
        assert!(said.contains(line), "no {line} in:\n{said}");
    }
}

#[test]
fn the_html_report_is_written_by_the_run_and_made_again_the_same() {
    let project = Project::of(&[(
        "a.yaml",
        "stage: a\nsteps:\n  one: { shell: { run: 'echo \"<script>\"; echo hello' } }\ngate:\n  - name: '<img src=x>'\n    file: { path: gone }\n",
    )]);
    project.run(&["run"]).ends(1, &[]);
    let written = fs::read_to_string(project.newest().join("report.html")).expect("written");
    assert_eq!(project.run(&["report", "--format", "html"]).ends(0, &[]).out, written);
    assert!(written.contains("&lt;img src=x&gt;") && !written.contains("<img") && !written.contains("<script"));
    assert!(written.contains("<a href=\"logs/a.one.log\">log</a>"), "{written}");
}
