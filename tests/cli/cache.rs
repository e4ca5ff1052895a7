//! Steps with `cache:`: what lets a run leave them out, and what does not.

use crate::kit::Project;

/// Made from `src`, and from a var by way of its environment; says which time it is.
const STAGE: &str = r#"stage: a
steps:
  build:
    inputs: [src]
    cache: [dist]
    env: { MODE: "${{ vars.mode }}" }
    shell: { run: 'mkdir -p dist; cat src/* > dist/all; echo x >> times; echo "size=$(wc -c < dist/all)" >> "$PIPELINE_OUTPUT"' }
    outputs: [size]
  use:
    env: { SIZE: "${{ steps.build.outputs.size }}" }
    shell: { run: 'echo "$SIZE" > used' }
"#;

fn project() -> Project {
    let project = Project::of(&[("a.yaml", STAGE)]);
    project.write("pipeline.yaml", "version: 1\npipeline: test\nvars: { mode: fast }\nstages: [a.yaml]\n");
    project.write("src/one", "one");
    project.run(&["run"]).ends(0, &["✔ a.build"]);
    project
}

/// How often it was done, after another run.
fn times(project: &Project, args: &[&str]) -> usize {
    project.run(args).ends(0, &["✔ a.build"]);
    project.read("times").lines().count()
}

#[test]
fn what_is_there_and_unchanged_is_not_made_again_and_hands_on_what_it_did_then() {
    let project = project();
    std::fs::remove_file(project.path().join("used")).expect("there");
    let first = project.run(&["runs", "list"]).out.lines().find(|line| line.contains("passed")).map(str::to_owned);
    let run = first.expect("a run").split_whitespace().next().expect("its id").to_owned();
    project.run(&["run"]).ends(0, &[&format!("unchanged since run {run}")]);
    assert_eq!((project.read("times").as_str(), project.read("used").as_str()), ("x\n", "3\n"));
    // Said of the run that did it, however often it is left out.
    project.run(&["run"]).ends(0, &[&format!("unchanged since run {run}")]);
}

#[test]
fn whatever_it_is_made_from_makes_it_run_again() {
    let project = project();
    project.write("src/two", "two");
    assert_eq!(times(&project, &["run"]), 2);
    assert_eq!(times(&project, &["run", "--var", "mode=slow"]), 3);
    project.write("a.yaml", &STAGE.replace("mkdir -p dist;", "mkdir -p dist; true;"));
    assert_eq!(times(&project, &["run", "--var", "mode=slow"]), 4);
    assert_eq!(times(&project, &["run", "--var", "mode=slow"]), 4);
}

#[test]
fn whatever_becomes_of_what_it_made_makes_it_run_again() {
    let project = project();
    project.write("dist/all", "somebody else's");
    assert_eq!(times(&project, &["run"]), 2);
    std::fs::remove_dir_all(project.path().join("dist")).expect("there");
    assert_eq!(times(&project, &["run"]), 3);
    assert_eq!(times(&project, &["run", "--fresh"]), 4);
    assert_eq!(times(&project, &["run"]), 4);
}

#[test]
fn a_step_that_failed_or_made_nothing_is_no_cache() {
    let project = Project::of(&[(
        "a.yaml",
        "stage: a\nsteps:\n  build: { inputs: [src], cache: [dist], shell: { run: \"echo x >> times; test -e good\" } }\n",
    )]);
    project.run(&["run"]).ends(1, &[]);
    project.write("good", "");
    project.run(&["run"]).ends(0, &["`dist` of `cache:` is not there, so it runs again the next time"]);
    project.run(&["run"]).ends(0, &[]);
    assert_eq!(project.read("times"), "x\nx\nx\n");
}

#[test]
fn a_run_that_goes_on_knows_what_was_left_out() {
    let project = project();
    project.write("a.yaml", &STAGE.replace("echo \"$SIZE\" > used", "echo \"$SIZE\" > used; test -e good"));
    project.run(&["run"]).ends(1, &["unchanged since run"]);
    project.write("good", "");
    project.run(&["run", "--resume"]).ends(0, &[]);
    assert_eq!(project.read("times"), "x\n");
}

#[test]
fn what_is_asked_for_again_runs_however_unchanged_it_is() {
    let project = project();
    project.write("a.yaml", &STAGE.replace("echo \"$SIZE\" > used", "echo \"$SIZE\" > used; test -e good"));
    project.run(&["run"]).ends(1, &["unchanged since run"]);
    project.write("good", "");
    project.run(&["run", "--resume", "--again", "a.build"]).ends(0, &[]);
    assert_eq!(project.read("times"), "x\nx\n");
}

#[test]
fn the_plan_says_which_steps_a_run_may_leave_out() {
    let project = Project::of(&[("a.yaml", STAGE)]);
    project.write("pipeline.yaml", "version: 1\npipeline: test\nvars: { mode: fast }\nstages: [a.yaml]\n");
    let tree = project.run(&["plan"]).ends(0, &[]).out;
    let marked: Vec<&str> = tree.lines().filter(|line| line.contains("cache")).map(str::trim).collect();
    assert!(matches!(marked[..], [line] if line.contains("build") && line.ends_with("(cache dist)")), "{tree}");
    let json = project.run(&["plan", "--format", "json"]).ends(0, &[]).out;
    let plan: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    let nodes = plan["stages"][0]["nodes"].as_array().expect("its nodes");
    let cache: Vec<_> = nodes.iter().map(|node| &node["cache"]).collect();
    assert_eq!(cache, [&serde_json::json!(["dist"]), &serde_json::Value::Null], "{json}");
}

/// A stage with one cached step; it appends to `times`.
fn cached(inputs: &str, cache: &str, run: &str) -> String {
    format!(
        "stage: a\nsteps:\n  gen: {{ inputs: [{inputs}], cache: [{cache}], shell: {{ run: '{run}; echo x >> times' }} }}\n"
    )
}

#[test]
fn content_behind_links_to_folders_of_the_project_counts() {
    let project = Project::of(&[("a.yaml", &cached("src", "dist", "cat src/lib/* > dist/out"))]);
    project.write("lib/a", "1");
    project.write("build/keep", "");
    std::fs::create_dir(project.path().join("src")).expect("made");
    std::os::unix::fs::symlink("../lib", project.path().join("src/lib")).expect("a link");
    std::os::unix::fs::symlink("build", project.path().join("dist")).expect("a link");
    let times = |args: &[&str]| {
        project.run(args).ends(0, &[]);
        project.read("times").lines().count()
    };
    assert_eq!((times(&["run"]), times(&["run"])), (1, 1));
    project.write("lib/a", "2");
    assert_eq!((times(&["run"]), times(&["run"])), (2, 2), "an input behind a link");
    std::fs::remove_file(project.path().join("build/out")).expect("there");
    assert_eq!((times(&["run"]), times(&["run"])), (3, 3), "an output behind a link");
    project.write("lib/a", "3");
    project.run(&["run", "--resume"]).ends(0, &["what it depends on has changed"]);
    assert_eq!(project.read("times").lines().count(), 4);
}

#[test]
fn a_step_whose_inputs_lead_out_of_the_project_says_so_and_runs() {
    let outside = tempfile::tempdir().expect("a folder");
    std::fs::write(outside.path().join("x"), "1").expect("written");
    for (inputs, cache, said) in [
        (
            "src",
            "out",
            "its inputs cannot be compared: `src/conf` leads out of the project, where changes are not noticed, so it runs",
        ),
        (
            "a.yaml",
            "made",
            "`cache:`: `made` leads out of the project, where changes are not noticed, so it runs again the next time",
        ),
    ] {
        let project = Project::of(&[("a.yaml", &cached(inputs, cache, "echo made > out"))]);
        project.write("src/a", "");
        std::os::unix::fs::symlink(outside.path(), project.path().join("src/conf")).expect("a link");
        std::os::unix::fs::symlink(outside.path(), project.path().join("made")).expect("a link");
        project.run(&["run"]).ends(0, &[said]);
        project.run(&["run"]).ends(0, &[said]);
        assert_eq!(project.read("times").lines().count(), 2, "{inputs}");
        if inputs == "src" {
            let reason = "↻ a.gen  its inputs cannot be compared: `src/conf` leads out of the project";
            project.run(&["run", "--resume"]).ends(0, &[reason]);
        }
    }
}

#[test]
fn the_execute_bit_of_what_it_made_and_of_its_inputs_counts() {
    use std::os::unix::fs::PermissionsExt;
    let project =
        Project::of(&[("a.yaml", &cached("tool.sh", "bin", "mkdir -p bin; cp tool.sh bin/tool; chmod 755 bin/tool"))]);
    project.write("tool.sh", "#!/bin/sh\n");
    let mode = |path: &str, mode| {
        let path = project.path().join(path);
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("own file");
    };
    let times = || {
        project.run(&["run"]).ends(0, &[]);
        project.read("times").lines().count()
    };
    assert_eq!((times(), times()), (1, 1));
    mode("bin/tool", 0o644);
    assert_eq!((times(), times()), (2, 2));
    mode("tool.sh", 0o755);
    assert_eq!((times(), times()), (3, 3));
}

#[test]
fn patterns_match_characters() {
    for pattern in ["data-?.csv", "data-[é].csv", "data-[à-ü].csv", "data-[!a].csv"] {
        let project = Project::of(&[("a.yaml", &cached(&format!("\"{pattern}\""), "out", "cat data-*.csv > out"))]);
        let times = || {
            project.run(&["run"]).ends(0, &[]);
            project.read("times").lines().count()
        };
        project.write("data-é.csv", "1");
        assert_eq!((times(), times()), (1, 1), "{pattern}");
        project.write("data-é.csv", "2");
        assert_eq!((times(), times()), (2, 2), "{pattern}");
    }
}
