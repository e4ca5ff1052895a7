//! Values on their way from files and the command line into steps: what was written arrives. And the names that they give.

use crate::kit::Project;

const SHOW: &str = "stage: a\nsteps:\n  \
    deploy: { when: 'vars.deploy == \"yes\"', shell: { run: 'touch deployed' } }\n  \
    show: { env: { TAG: '${{ vars.tag }}', N: 'n${{ vars.n }}', L: '${{ vars.l }}' }, shell: { run: 'printf \"<%s> %s %s\" \"$TAG\" \"$N\" \"$L\" > said' } }\n";

fn typed() -> Project {
    Project::headed(
        "vars: { deploy: 'no', tag: '1.0', n: 1, b: false, l: [x], m: { a: 1 }, none: null }\n",
        &[("a.yaml", SHOW)],
    )
}

#[test]
fn text_on_the_command_line_arrives_as_it_was_typed() {
    let project = typed();
    project.run(&["run", "--var", "deploy=yes"]).ends(0, &["✔ a.deploy"]);
    for text in
        ["1.10", "0755", "1e5", "NO", "y", "fix: it", "issue # 12", "&a b", "1_000", " x ", "null", "", "${{ x }}"]
    {
        project.run(&["run", "--var", &format!("tag={text}")]).ends(0, &[]);
        assert_eq!(project.read("said"), format!("<{text}> n1 [\"x\"]"));
    }
}

#[test]
fn other_vars_take_values_of_their_own_type_only() {
    let project = typed();
    project.run(&["run", "--var", "n=1.10", "--var", "l=[yes, 0644, 3.10]"]).ends(0, &[]);
    assert_eq!(project.read("said"), "<1.0> n1.10 [\"yes\",\"0644\",3.1]");
    for (given, words) in [
        ("n=abc", "`--var n` gives `abc`, but the var `n` is a number"),
        ("n=0644", "`--var n` gives `0644`, but the var `n` is a number"),
        ("n=.inf", "`--var n` gives `.inf`, but the var `n` is a number"),
        ("n=", "`--var n` gives nothing, but the var `n` is a number"),
        ("b=yes", "`--var b` gives `yes`, but the var `b` is true or false"),
        ("l=a", "`--var l` gives text, but the var `l` is a list"),
        ("l=", "`--var l` gives nothing, but the var `l` is a list"),
        ("m=[a]", "`--var m` gives a list, but the var `m` is a mapping"),
    ] {
        project.run(&["check", "--var", given]).ends(2, &[words, "declared here", "1 error in 1 file"]);
    }
    project.run(&["check", "--var", "none=a: b"]).ends(0, &[]);
}

#[test]
fn parameters_of_a_gate_file_have_types_too() {
    let project = typed();
    project.write("out-1.10", "x");
    project.write(
        "gates/g.yaml",
        "params: { version: '1.0', lines: 1, name: null }\nassertions:\n  \
         - file: { path: 'out-${{ params.version }}' }\n  \
         - shell: { command: [echo, 'v${{ params.name }}'], stdout: { equals: 'v0x1F', lines: '${{ params.lines }}' } }\n",
    );
    let gate = |params: &[&str]| {
        let params: Vec<&str> = params.iter().flat_map(|param| ["--param", param]).collect();
        project.run(&[&["gate", "gates/g.yaml"], params.as_slice()].concat())
    };
    gate(&["version=1.10", "name=0x1F"]).ends(0, &[]);
    gate(&["version=1.10", "name=0x1F", "lines=2"]).ends(1, &[]);
    gate(&["version=1.10", "name=0x1F", "lines=many"])
        .ends(2, &["`--param` gives `many` for the parameter `lines`, which is a number in `gates/g.yaml`"]);
    let with = |with: &str| {
        project.write("b.yaml", &format!("stage: a\ngate: [{{ use: gates/g.yaml, with: {with} }}]\n"));
        project.run(&["-f", "b.pipeline.yaml", "run"])
    };
    project.write("b.pipeline.yaml", "version: 1\npipeline: b\nstages: [b.yaml]\n");
    with("{ version: 1.10, name: 0x1F }").ends(0, &[]);
    with("{ version: 1.10, name: 0x1F, lines: many }")
        .ends(2, &["`with` gives text `many` for the parameter `lines`, which is a number", "declared here"]);
    with("{ version: [1], name: a }").ends(2, &["`with` gives a list for the parameter `version`, which is text"]);
    with("{ version: a, name: .inf }").ends(2, &["`.inf` is not a finite number"]);
}

#[test]
fn a_number_that_becomes_text_is_as_it_is_written() {
    let stage = "stage: a\nsteps:\n  s:\n    for_each: [3.9, 3.10]\n    \
        env: { PY: 3.10, SHA: 1e10, HEX: 0x1F, PLUS: +5, YES: True, ITEM: '${{ item }}', V: 'v${{ vars.v }}', D: '${{ vars.deep.list[1] }}' }\n    \
        shell: { run: 'echo \"$PY $SHA $HEX $PLUS $YES $ITEM $V $D\" >> said' }\n  \
        each: { for_each: '${{ vars.deep.list }}', env: { ITEM: '${{ item }}' }, shell: { run: 'echo \"$ITEM\" >> each' } }\n";
    let project =
        Project::headed("vars: { v: 1.20, deep: { list: [1.0, 2.50] } }\nenv: { ALL: 1.30 }\n", &[("a.yaml", stage)]);
    let said = project.run(&["run", "-j1"]).ends(0, &["✔ a.s[3.9]", "✔ a.s[3.10]", "✔ a.each[2.50]"]);
    assert_eq!(
        project.read("said"),
        "3.10 1e10 0x1F +5 True 3.9 v1.20 2.50\n3.10 1e10 0x1F +5 True 3.10 v1.20 2.50\n",
        "{}",
        said.err
    );
    assert_eq!(project.read("each"), "1.0\n2.50\n");
}

#[test]
fn a_number_that_is_not_finite_is_refused_where_json_is_needed() {
    for (head, stage) in [
        ("vars: { x: .inf }\n", "stage: a\n"),
        ("vars: { x: { y: [.nan] } }\n", "stage: a\n"),
        ("", "stage: a\nsteps: { s: { for_each: [-.inf], shell: { run: 'true' } } }\n"),
        ("", "stage: a\nsteps: { s: { http: { url: 'http://localhost', json: { a: .nan } } } }\n"),
    ] {
        let project = Project::headed(head, &[("a.yaml", stage)]);
        project.run(&["check"]).ends(2, &["is not a finite number"]);
    }
    let text = "stage: a\nsteps: { s: { env: { X: .inf }, shell: { run: 'echo $X > said' } } }\n";
    let project = Project::of(&[("a.yaml", text)]);
    project.run(&["run"]).ends(0, &[]);
    assert_eq!(project.read("said"), ".inf\n");
}

#[test]
fn every_item_has_a_name_a_log_and_a_cache_record_of_its_own() {
    for (items, names) in [
        ("['2', x, 'a b']", ["a.s[0]", "a.s[1]", "a.s[2]"]),
        ("[a, a, b]", ["a.s[0]", "a.s[1]", "a.s[2]"]),
        ("[1, '1', 2]", ["a.s[0]", "a.s[1]", "a.s[2]"]),
        ("[1.10, 1.1, x]", ["a.s[1.10]", "a.s[1.1]", "a.s[x]"]),
        ("['1', x, 'a b']", ["a.s[1]", "a.s[x]", "a.s[2]"]),
    ] {
        let stage = format!(
            "stage: a\nsteps:\n  s:\n    for_each: {items}\n    inputs: [a.yaml]\n    cache: ['out-*']\n    \
             env: {{ I: '${{{{ item }}}}' }}\n    shell: {{ run: 'echo \"I am $I\"; [ -e ok ]; touch \"out-$PPID\" || true; rm -f out-*; touch out-1' }}\n"
        );
        let project = Project::of(&[("a.yaml", &stage)]);
        project.run(&["run", "--keep-going"]).ends(1, &[]);
        for name in names {
            assert!(project.newest().join(format!("logs/{name}.log")).exists(), "{items}: {name}");
        }
        let junit = std::fs::read_to_string(project.newest().join("junit.xml")).expect("a report");
        for name in names {
            assert_eq!(junit.matches(&format!("name=\"{name}\"")).count(), 1, "{items}: {name}");
        }
        project.write("ok", "");
        project.run(&["run", "-j1"]).ends(0, &[]);
        let again = project.run(&["run", "-j1"]).ends(0, &[]);
        assert_eq!(again.err.matches("unchanged since run").count(), 3, "{items}: {}", again.err);
    }
}

#[test]
fn every_item_has_inputs_and_files_of_its_own() {
    let stage = "stage: a
steps:
  pack:
    for_each: [web, api]
    name: 'pack ${{ item }}'
    inputs: ['src/${{ item }}']
    cache: ['out/${{ item }}']
    env: { PART: '${{ item }}' }
    shell: 'mkdir -p out; cp src/$PART out/$PART; echo $PART >> packed'
";
    let project = Project::of(&[("a.yaml", stage)]);
    project.write("src/web", "1");
    project.write("src/api", "1");
    let first = project.run(&["run", "-j1"]).ends(0, &[]);
    assert!(first.err.contains("pack web"), "{}", first.err);
    project.write("src/api", "2");
    project.run(&["run", "-j1"]).ends(0, &["a.pack[web]", "unchanged since run"]);
    assert_eq!(project.read("packed"), "web\napi\napi\n");
}

#[test]
fn inputs_that_name_nothing_make_no_step_unchanged() {
    let stage = "stage: a
steps: { s: { inputs: [srcc], cache: [out], shell: 'touch out; echo ran >> log' } }
";
    let project = Project::of(&[("a.yaml", stage)]);
    project.run(&["run"]).ends(0, &["`srcc` of `inputs:` names nothing"]);
    project.run(&["run"]).ends(0, &[]);
    assert_eq!(project.read("log"), "ran\nran\n");
}

#[test]
fn the_newest_run_is_the_newest_of_this_pipeline() {
    let stage = "stage: a\nsteps: { s: { shell: { run: 'echo A; [ -e ok ]' } } }\n";
    let project = Project::of(&[("a.yaml", stage)]);
    project.write("b.yaml", "version: 1\npipeline: other\nstages: [a.yaml]\n");
    project.run(&["-f", "b.yaml", "logs"]).ends(2, &["no run has been recorded"]);
    project.run(&["run"]).ends(1, &[]);
    let first = project.newest().file_name().expect("an id").to_string_lossy().into_owned();
    project.run(&["-f", "b.yaml", "report"]).ends(2, &["no run of pipeline `other` has been recorded"]);
    project.run(&["-f", "b.yaml", "run", "--resume"]).ends(2, &["there is no run to go on with"]);
    project.run(&["-f", "b.yaml", "run"]).ends(1, &[]);
    for command in [&["report"][..], &["runs", "show"], &["plan", "--diff"]] {
        let said = project.run(command);
        assert!(format!("{}{}", said.out, said.err).contains(&first), "{command:?}: {said:?}");
    }
    let list = project.run(&["runs", "list"]).ends(0, &["not shown: 1 runs of other pipelines"]);
    assert_eq!(list.out.lines().count(), 1, "{}", list.out);
    assert_eq!(project.run(&["runs", "list", "--all"]).ends(0, &[]).out.lines().count(), 2);
    project.run(&["runs", "diff"]).ends(2, &["there are no two runs to compare"]);
    project.write("ok", "");
    let resumed = project.run(&["run", "--resume"]).ends(0, &[]);
    assert!(resumed.err.contains(&first), "{}", resumed.err);
    project.run(&["clean", "--runs", "0s"]).ends(0, &[]);
    assert_eq!(
        project.run(&["runs", "list", "--all"]).ends(0, &[]).out.lines().count(),
        1,
        "the other pipeline's stays"
    );
}

#[test]
fn pipelines_of_one_folder_have_cache_records_of_their_own() {
    let stage = "stage: a\nsteps: { s: { inputs: [a.yaml], cache: [out], env: { N: '${{ run.pipeline }}' }, shell: { run: 'touch out' } } }\n";
    let project = Project::of(&[("a.yaml", stage)]);
    project.write("b.yaml", "version: 1\npipeline: other\nstages: [a.yaml]\n");
    project.run(&["run"]).ends(0, &[]);
    project.run(&["-f", "b.yaml", "run"]).ends(0, &[]);
    project.run(&["run"]).ends(0, &["unchanged since run"]);
    project.run(&["-f", "b.yaml", "run"]).ends(0, &["unchanged since run"]);
}

#[test]
fn long_names_are_names_in_every_report() {
    let name = format!("individuals_{}", "x".repeat(180));
    let stage = format!(
        "stage: {name}\nsteps:\n  {name}: {{ for_each: [a, b], shell: {{ run: 'echo said' }} }}\n  {name}2: {{ shell: {{ run: 'echo other' }} }}\n"
    );
    let project = Project::of(&[("a.yaml", &stage)]);
    let node = format!("{name}.{name}[b]");
    project.run(&["run"]).ends(0, &[&node]);
    assert_eq!(project.run(&["logs", &node]).ends(0, &[]).out, "said\n");
    assert_eq!(project.run(&["logs", &format!("{name}.{name}2")]).ends(0, &[]).out, "other\n");
    assert!(std::fs::read_to_string(project.newest().join("junit.xml")).expect("a report").contains(&node));
    let long = "y".repeat(256);
    let project =
        Project::of(&[("a.yaml", &format!("stage: a\nsteps: {{ {long}: {{ shell: {{ run: 'true' }} }} }}\n"))]);
    project.run(&["check"]).ends(2, &["is longer than 255"]);
}

#[test]
fn a_declared_var_takes_values_of_its_type_from_all_sources() {
    let vars = "vars:\n  deploy: 'no'\n  tag: { type: text, default: '1.0', matches: '^[0-9.]+$' }\n  \
        n: { type: integer, default: 1, max: 9 }\n  l: { type: list }\n";
    let project = Project::headed(vars, &[("a.yaml", SHOW)]);
    project.run(&["check"]).ends(2, &["the var `l` has no value", "--var l=…", "1 error in 1 file"]);
    project.write("ci.yaml", "l: [a, 0644]\nn: '7'\ntag: 1.10\n");
    project.run(&["run", "--var-file", "ci.yaml"]).ends(0, &[]);
    assert_eq!(project.read("said"), "<1.10> n7 [\"a\",\"0644\"]");
    project.run(&["run", "--var-file", "ci.yaml", "--var", "n=8"]).ends(0, &[]);
    assert_eq!(project.read("said"), "<1.10> n8 [\"a\",\"0644\"]");
    for (given, words) in [
        ("n=10", "`--var`: the var `n` is `10`, expected at most `9`"),
        ("n=few", "`--var`: the var `n` is `few`, expected a whole number"),
        ("tag=v1", "`--var`: the var `tag` is `v1`, which does not match `^[0-9.]+$`"),
    ] {
        project.run(&["check", "--var-file", "ci.yaml", "--var", given]).ends(2, &[words, "declared here"]);
    }
    project.write("bad.yaml", "l: a\nm: 1\ndeploy: [x]\n");
    project.run(&["check", "--var-file", "bad.yaml"]).ends(
        2,
        &[
            "`--var-file`: the var `l` is `a`, expected a list",
            "bad.yaml:1:4",
            "there is no var `m`",
            "`--var-file` gives a list, but the var `deploy` is text",
        ],
    );
    project.run(&["check", "--var-file", "none.yaml"]).ends(2, &["--var-file none.yaml: "]);
}
