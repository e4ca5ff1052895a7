//! What expressions ask of the environment, files that steps make, assertions with items: in whole runs.

use serde_json::json;

use crate::api::{Api, Asked, Reply};
use crate::kit::{Project, said};

#[test]
fn files_are_asked_for_when_a_step_becomes_ready() {
    let stage = "stage: a
steps:
  make: { makes: [out], shell: 'mkdir -p out && echo 1.2.3 > out/version' }
  use: { when: 'file.text(\"out/version\") == \"1.2.3\" && !file.exists(\"none\")', shell: 'echo used >> log' }
  digest: { env: { D: '${{ files.digest(\"out/**\") }}' }, needs: [make], shell: 'printf \"%s\" \"$D\" | wc -c >> size' }
  dir: { shell: { run: 'cat version >> ../log', dir: out } }
gate:
  - for_each: [out/version, log]
    name: there
    file: '${{ item }}'
  - for_each: { matrix: { of: [used, 1.2.3], in: [log] } }
    file: { path: '${{ item.in }}', contains: '${{ item.of }}' }
";
    let project = Project::of(&[("a.yaml", stage)]);
    project.run(&["run"]).ends(0, &["✔ a.use", "there [log]", "4 of 4 hold"]);
    let mut lines: Vec<String> = project.read("log").lines().map(str::to_owned).collect();
    lines.sort();
    assert_eq!(lines, ["1.2.3", "used"], "`dir` is below what `make` makes, so it waits for it");
    assert_eq!(project.read("size").trim(), "64");
}

#[test]
fn a_file_that_is_not_there_is_an_error_and_so_is_one_that_was_not_made() {
    let stage = "stage: a
steps:
  none: { when: 'file.text(\"none\") == \"\"', shell: 'touch ran' }
  broken: { makes: [dist], shell: 'true' }
";
    let project = Project::of(&[("a.yaml", stage)]);
    let words =
        ["file.text(\"none\") is not known: it is not there", "`dist` is not there, which the step makes (`makes:`)"];
    project.run(&["run", "--keep-going"]).ends(1, &words);
    assert!(!project.has("ran"));
}

#[test]
fn what_files_answered_is_compared_when_a_run_goes_on() {
    let stage = "stage: a
env: { S: '${{ file.text(\"sources/of\") }}' }
steps:
  made: { env: { D: '${{ files.digest(\"sources/**\") }}' }, shell: 'echo made >> log' }
  asks: { when: 'file.exists(\"sources\") && !file.exists(\"pass\")', shell: 'echo asks >> log' }
  ends: { needs: [made, asks], shell: '[ -e pass ]' }
";
    let project = Project::of(&[("a.yaml", stage)]);
    project.write("sources/of", "one");
    project.run(&["run"]).ends(1, &["✘ a.ends"]);
    project.run(&["run", "--resume"]).ends(1, &["2 of 3 steps are done"]);
    project.write("sources/more", "two");
    project.run(&["run", "--resume"]).ends(1, &["a.made  what it depends on has changed", "1 of 3 steps are done"]);
    std::fs::remove_file(project.path().join("sources/of")).expect("removed");
    let words = ["a.made  file.text(\"sources/of\") is not known: it is not there"];
    let run = project.run(&["run", "--resume"]).ends(2, &words);
    assert!(!run.err.contains("#facts"), "{}", run.err);
}

#[test]
fn a_step_with_items_that_the_run_found_is_kept_while_they_are_the_same() {
    let stage = "stage: a
steps:
  find: { outputs: [list], inputs: [list], shell: 'echo list=$(cat list) >> $PIPELINE_OUTPUT' }
  each:
    for_each: '${{ steps.find.outputs.list.split(\",\") }}'
    env: { ITEM: '${{ item }}' }
    shell: 'echo $ITEM >> log'
  ends: { needs: [each], shell: '[ -e pass ]' }
";
    let project = Project::of(&[("a.yaml", stage)]);
    project.write("list", "x,y");
    project.run(&["run"]).ends(1, &["✘ a.ends"]);
    project.run(&["run", "--resume"]).ends(1, &["2 of 3 steps are done"]);
    assert_eq!(project.read("log").lines().count(), 2);
    project.write("list", "x,z");
    let words = ["a.find  what it depends on has changed", "a.each  a.find runs again"];
    project.run(&["run", "--resume"]).ends(1, &words);
    assert_eq!(project.read("log").lines().count(), 4);
}

#[test]
fn a_step_whose_files_are_gone_or_changed_runs_again_in_a_run_that_goes_on() {
    let stage = "stage: a
steps:
  made: { makes: [out], shell: 'mkdir -p out && echo one > out/file && echo made >> log' }
  each: { for_each: [x], needs: [made], makes: [all], shell: 'echo one > all; echo each >> log' }
  cached: { needs: [made], inputs: [pipeline.yaml], cache: [kept], shell: 'echo one > kept; echo cached >> log' }
  ends: { needs: [each, cached], shell: '[ -e pass ]' }
";
    let project = Project::of(&[("a.yaml", stage)]);
    let resume = |words: &[&str], lines: &[&str]| {
        project.write("log", "");
        project.run(&["run", "--resume"]).ends(1, words);
        let log = project.read("log");
        let mut ran: Vec<&str> = log.lines().collect();
        ran.sort_unstable();
        assert_eq!(ran, lines, "{words:?}");
    };
    project.run(&["run"]).ends(1, &["✘ a.ends"]);
    resume(&["3 of 4 steps are done"], &[]);
    std::fs::remove_file(project.path().join("all")).expect("removed");
    resume(&["a.each[x]  `all`, which it made, is not there any more"], &["each"]);
    project.write("kept", "two");
    resume(&["a.cached  files that it made were changed since"], &["cached"]);
    // the run before only took it over
    project.write("out/file", "two");
    resume(&["a.made  files that it made were changed since"], &["cached", "each", "made"]);
    std::fs::remove_dir_all(project.path().join("out")).expect("removed");
    project.write("pass", "");
    project.run(&["run", "--resume"]).ends(0, &["a.made  `out`, which it made, is not there any more"]);
}

const STAGE: &str = "stage: a
steps:
  there: { when: 'cluster.serves(\"configmaps\")', shell: 'touch there' }
  else: { when: '!cluster.has(\"widgets.example.com\")', shell: 'touch else' }
";

fn run(answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> (Project, crate::kit::Said) {
    let api = Api::new(answer);
    let project = Project::headed("cluster: { contexts: [fake], namespace: todo }\n", &[("a.yaml", STAGE)]);
    project.write("kubeconfig", &api.kubeconfig(&json!({})));
    let run = said(project.command(&["run", "--keep-going"]).env("KUBECONFIG", project.path().join("kubeconfig")));
    (project, run)
}

#[test]
fn a_kind_that_the_cluster_does_not_serve_is_false() {
    let (project, run) = run(|_| Reply::Well);
    run.ends(0, &["✔ a.there", "✔ a.else"]);
    assert!(project.has("there") && project.has("else"));
}

#[test]
fn a_kind_that_an_api_service_which_is_down_may_serve_is_an_error_and_never_false() {
    let (project, run) = run(|asked| match asked.path.as_str() {
        "/apis" => Reply::Say(
            200,
            json!({"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {},
                "items": [{"metadata": {"name": "example.com"}, "versions": [
                    {"version": "v1", "freshness": "Stale", "resources": []}]}]})
            .to_string(),
        ),
        _ => Reply::Well,
    });
    let words =
        ["cluster.has(\"widgets.example.com\") is not known", "the API server of example.com/v1 does not answer"];
    let run = run.ends(3, &words);
    assert!(project.has("there") && !project.has("else"), "{}", run.out);
}

#[test]
fn a_file_that_a_step_makes_may_be_named_by_a_list_in_vars() {
    let stage = "stage: a
steps:
  make: { makes: [out], shell: 'mkdir -p out && touch out/all.yaml' }
  apply: { kube: { apply: { files: '${{ vars.files }}' } } }
";
    let project =
        Project::headed("cluster: { contexts: [local] }\nvars: { files: [out/all.yaml] }\n", &[("a.yaml", stage)]);
    project.run(&["plan", "--format", "dot"]).ends(0, &["n0 -> n1;"]);
}
