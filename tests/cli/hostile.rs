//! Projects, values and kubeconfigs that mean harm: refused with these words, or made harmless.

use std::fs::File;
use std::os::unix::fs::symlink;
use std::process::Command;

use serde_json::json;

use crate::api::{Api, Asked, Reply};
use crate::kit::{Project, said};

#[test]
fn no_file_reference_leads_out_of_the_project() {
    let stage = "stage: a\nsteps:\n\
        \x20 dir: { shell: { run: 'true', dir: ../x } }\n\
        \x20 linked: { shell: { run: 'true', dir: out } }\n\
        \x20 build: { image: { build: { context: ../x, tag: 'a:1' } } }\n\
        \x20 apply: { kube: { apply: /etc } }\n\
        \x20 folder: { kube: { apply: manifests } }\n\
        \x20 chart: { helm: { lint: { chart: ../chart } } }\n\
        \x20 inside: { helm: { lint: { chart: chart } } }\n\
        \x20 values: { helm: { lint: { chart: chart, values_files: [out/passwd] } } }\n\
        gate:\n\
        \x20 - file: { path: ../x }\n\
        \x20 - image: { archive: ../x.tar }\n\
        \x20 - secrets: { files: [/etc] }\n";
    let head = "cluster: { contexts: [fake] }\ngate: [{ use: ../gate.yaml }]\n";
    let project = Project::headed(head, &[("a.yaml", stage)]);
    symlink("/etc", project.path().join("out")).expect("a link");
    project.write("chart/Chart.yaml", "apiVersion: v2\nname: c\nversion: 1.0.0\n");
    project.write("chart/templates/a.yaml", "a: b\n");
    symlink("/etc/hostname", project.path().join("chart/templates/b.yaml")).expect("a link");
    project.write("manifests/a.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: a }\n");
    symlink("/etc", project.path().join("manifests/more")).expect("a link");
    project.run(&["check"]).ends(
        2,
        &[
            "`../gate.yaml` leaves the project's folder",
            "`../x` leaves the project's folder",
            "`out` leaves the project's folder through a symbolic link",
            "`/etc` is an absolute path",
            "manifests/more: it leads out of the project by a symbolic link",
            "`../chart` leads out of the project's folder",
            "`chart/templates/b.yaml` leads out of the project by a symbolic link",
            "`out/passwd` leaves the project's folder through a symbolic link",
            "`../x` leads out of the project's folder",
            "`../x.tar` leads out of the project's folder",
            "`/etc` leads out of the project's folder",
        ],
    );
}

#[test]
fn a_value_of_the_run_leads_no_path_out_of_the_project_and_makes_no_name_an_option() {
    let stage = "stage: a\nsteps:\n\
        \x20 say:\n    shell: { run: 'echo out=../.. >> $PIPELINE_OUTPUT; echo name=--all >> $PIPELINE_OUTPUT' }\n    outputs: [out, name]\n\
        \x20 go: { shell: { run: touch went, dir: '${{ steps.say.outputs.out }}' } }\n\
        \x20 load: { image: { pull: { image: '${{ steps.say.outputs.name }}' } } }\n";
    let project = Project::headed("cluster: { contexts: [fake] }\n", &[("a.yaml", stage)]);
    let run = said(project.command(&["run", "--keep-going"]).env("KUBECONFIG", project.path().join("none")));
    run.ends(1, &["shell: `../..` leaves the project's folder", "image: `--all` is no image name"]);
}

#[test]
fn names_that_are_options_paths_or_queries_are_refused() {
    let stage = "stage: a\nsteps:\n\
        \x20 chart: { helm: { install: { release: x, chart: '--post-renderer=/bin/sh', repository: 'https://x.test' } } }\n\
        \x20 release: { helm: { uninstall: { release: 'x,owner!=helm' } } }\n\
        \x20 image: { image: { pull: { image: '--help' } } }\n\
        \x20 space: { kube: { restart: deployment/web, namespace: 'kube-system/' } }\n\
        \x20 target: { kube: { restart: 'deployment/web?dryRun=All' } }\n\
        \x20 selector: { kube: { logs: { selector: 'app=x)(' } } }\n";
    let project = Project::headed("cluster: { contexts: [fake] }\n", &[("a.yaml", stage)]);
    project.run(&["check"]).ends(
        2,
        &[
            "`--post-renderer=/bin/sh` is no chart: it begins like an option",
            "`x,owner!=helm` is no name of a release",
            "`--help` is no image name",
            "\"kube-system/\" is not a name of a namespace",
            "`deployment/web?dryRun=All` names no object",
        ],
    );
}

#[test]
fn what_is_too_large_or_never_ends_is_reported_and_not_read() {
    let stage = "stage: a\nsteps:\n\
        \x20 large: { kube: { apply: large.yaml } }\n\
        \x20 many: { kube: { apply: many.yaml } }\n\
        \x20 bomb: { kube: { apply: bomb.yaml } }\n\
        \x20 pipe: { kube: { apply: pipe.yaml } }\n\
        \x20 chart: { helm: { lint: { chart: chart } } }\n";
    let head = "cluster: { contexts: [fake] }\n";
    let project = Project::headed(head, &[("a.yaml", stage)]);
    let sparse = |path: &str, size: u64| {
        project.write(path, "");
        File::options()
            .write(true)
            .open(project.path().join(path))
            .and_then(|file| file.set_len(size))
            .expect("sparse");
    };
    sparse("large.yaml", 10_000_000_000);
    sparse("chart/large.bin", 60_000_000);
    project.write("chart/Chart.yaml", "apiVersion: v2\nname: c\nversion: 1.0.0\n");
    project.write("many.yaml", &"---\napiVersion: v1\nkind: A\n".repeat(10_001));
    let mut bomb = "apiVersion: v1\nkind: A\na0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
    for level in 1..9 {
        bomb += &format!("a{level}: &a{level} [{}]\n", vec![format!("*a{}", level - 1); 10].join(","));
    }
    project.write("bomb.yaml", &bomb);
    assert!(Command::new("mkfifo").arg(project.path().join("pipe.yaml")).status().expect("mkfifo runs").success());
    project.run(&["check"]).ends(
        2,
        &[
            "large.yaml: more than 50 MB of manifests",
            "many.yaml:30002: more than 10000 documents",
            "bomb.yaml:7: its aliases stand for more than 100000 values",
            "pipe.yaml: it is no plain file",
            "are more than 50 MB",
        ],
    );
    let project = Project::headed("", &[("a.yaml", stage), ("b.yaml", "")]);
    std::fs::remove_file(project.path().join("b.yaml")).expect("ours");
    assert!(Command::new("mkfifo").arg(project.path().join("b.yaml")).status().expect("mkfifo runs").success());
    File::options()
        .write(true)
        .open(project.path().join("a.yaml"))
        .and_then(|file| file.set_len(10_000_000_000))
        .expect("sparse");
    project.run(&["check"]).ends(
        2,
        &[
            "the file has 10000000000 bytes, more than the 8388608 that are read",
            "cannot read `b.yaml`: it is no plain file",
        ],
    );
}

#[test]
fn a_sign_in_program_of_kubeconfig_is_started_by_run_alone_and_said_before() {
    let api = Api::new(|_: &Asked| Reply::Well);
    let stage = "stage: a\nsteps: { apply: { kube: { wait: { target: configmap/a, for: exists }, } } }\n";
    let project = Project::headed("cluster: { contexts: [fake], namespace: todo }\n", &[("a.yaml", stage)]);
    let marker = project.path().join("started");
    let exec = json!({"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "sh",
        "args": ["-c", format!("touch {}; exit 1", marker.display())], "interactiveMode": "Never"}});
    project.write("kubeconfig", &api.kubeconfig(&exec));
    let kubeconfig = project.path().join("kubeconfig");
    for args in [
        &["check"][..],
        &["plan"],
        &["plan", "--format", "json"],
        &["schema", "pipeline"],
        &["explain", "kube"],
        &["run", "--dry-run"],
        &["runs"],
        &["completions", "bash"],
    ] {
        said(project.command(args).env("KUBECONFIG", &kubeconfig));
        assert!(!marker.exists(), "{args:?} started the program");
    }
    let run = said(project.command(&["run"]).env("KUBECONFIG", &kubeconfig));
    run.ends(
        3,
        &[
            "the cluster's user signs in with the program `sh`, which kubeconfig names",
            "the credential plugin `sh` of context",
        ],
    );
    assert!(marker.exists());
}

/// Everything that terminals obey: colours, titles, links, cursor moves, 8-bit codes, bells, bidirectional marks.
const EVIL: &str =
    "\u{1b}[31mred\u{1b}]0;title\u{7}\u{1b}]8;;http://x\u{1b}\\link\u{9b}2J\u{8}\u{202e}<img src=x onerror=a()>&";

#[test]
fn what_a_step_says_moves_no_terminal_and_becomes_no_markup() {
    let stage = "stage: a\nsteps:\n  say:\n    shell: { run: 'cat evil; cat evil >&2; printf x= >> $PIPELINE_OUTPUT; cat evil >> $PIPELINE_OUTPUT; exit 1' }\n";
    let project = Project::of(&[("a.yaml", stage)]);
    project.write("evil", &format!("{EVIL}\n"));
    let run = project.run(&["run"]).ends(1, &["<img src=x"]);
    let shown = [run.err, run.out, project.run(&["report"]).out, project.run(&["report", "--format", "json"]).out];
    for text in &shown {
        assert!(!text.chars().any(|c| c.is_control() && c != '\n' || c == '\u{202e}'), "{text:?}");
    }
    let junit = std::fs::read_to_string(project.newest().join("junit.xml")).expect("written");
    assert!(junit.contains("&lt;img src=x") && !junit.contains("<img"), "{junit}");
    assert!(!junit.chars().any(|c| c.is_control() && c != '\n'), "{junit:?}");
    // what is kept is what was said
    assert!(project.run(&["logs", "a.say"]).out.contains(EVIL));
}

#[test]
fn names_in_files_move_no_terminal() {
    let stage = "stage: a\nsteps:\n  \"x\\e[31m\": { shell: { run: 'true' } }\n  each: { for_each: [\"\\e]0;t\\a<b>\"], shell: { run: 'echo \u{1b}[1m' } }\n";
    let project = Project::headed("vars: { \"\\e[2J\": 1 }\n", &[("a.yaml", stage)]);
    for args in [&["check"][..], &["plan"], &["plan", "--format", "json"], &["run"]] {
        let said = project.run(args);
        for text in [&said.out, &said.err] {
            assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{args:?}: {text:?}");
        }
    }
}

#[test]
fn temporary_files_are_private_and_gone_after_a_failure() {
    let tmp = tempfile::tempdir().expect("tmp");
    let stage = "stage: a\nsteps: { go: { env: { T: '${{ secrets.t }}' }, shell: { run: 'stat -c %a \"$(dirname \"$PIPELINE_OUTPUT\")\"; exit 1' } } }\n";
    let project = Project::headed("secrets: { t: { generate: 32 } }\n", &[("a.yaml", stage)]);
    let run = said(project.command(&["run"]).env("TMPDIR", tmp.path()));
    run.ends(1, &["700"]);
    assert_eq!(std::fs::read_dir(tmp.path()).expect("there").count(), 0);
}
