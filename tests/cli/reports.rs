//! The `tests` assertion in whole runs: what a step writes counts, what an earlier run left does not.

use crate::kit::Project;

const JUNIT: &str = r#"<testsuite name="s"><testcase classname="c" name="a"/></testsuite>"#;

fn stage(run: &str, gate: &str) -> String {
    format!("stage: a\nsteps:\n  test: {{ shell: {{ run: {run} }} }}\ngate:\n  - tests: {gate}\n")
}

#[test]
fn a_report_that_the_step_did_not_write_is_stale() {
    let stage = stage("'[ -e r.xml ] || cp in.xml r.xml'", "{ junit: r.xml, failed: 0 }");
    let project = Project::of(&[("a.yaml", &stage)]);
    project.write("in.xml", JUNIT);
    project.run(&["run"]).ends(0, &[]);
    let old = std::fs::File::open(project.path().join("r.xml")).expect("written");
    old.set_modified(std::time::UNIX_EPOCH).expect("own file");
    project.run(&["run"]).ends(1, &["`r.xml` is stale: it was written at 1970-01-01T00:00:00Z, and the run began at"]);
}

#[test]
fn a_report_of_a_step_with_a_cache_is_as_old_as_the_run_that_made_it() {
    let stage = "stage: a\nsteps:\n  test: { shell: { run: cp in.xml r.xml }, inputs: [in.xml], cache: [r.xml] }\n\
         gate:\n  - tests: { junit: r.xml, failed: 0, since: steps.test }\n";
    let project = Project::of(&[("a.yaml", stage)]);
    project.write("in.xml", JUNIT);
    project.run(&["run"]).ends(0, &[]);
    project.run(&["run"]).ends(0, &["unchanged"]);
}

#[test]
fn a_hostile_report_is_refused_in_a_run() {
    let bomb = "<!DOCTYPE a [<!ENTITY b \"c\">]><testsuites>&b;</testsuites>";
    let project = Project::of(&[("a.yaml", &stage("cp in.xml r.xml", "{ junit: r.xml, failed: 0 }"))]);
    project.write("in.xml", bomb);
    project.run(&["run"]).ends(1, &["it declares a document type of its own (DTD); such files are not read"]);
}
