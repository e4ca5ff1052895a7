//! Parts: steps with parameters that stages use, as nodes of the same graph.

use crate::kit::{Project, said};

const PART: &str = "part: greet\nparams:\n  name: { type: text }\n  times: { type: integer, default: 1 }\n\
    outputs: { said: '${{ steps.say.outputs.line }}', name: '${{ params.name }}' }\n\
    steps:\n  say:\n    env: { NAME: '${{ params.name }}', TIMES: '${{ params.times }}' }\n    \
    shell: { run: 'echo \"line=hello $NAME x$TIMES $MOOD\" >> \"$PIPELINE_OUTPUT\"' }\n    outputs: [line]\n  \
    write: { env: { LINE: '${{ steps.say.outputs.line }}' }, shell: { run: 'echo \"$LINE\" >> said' } }\n\
    gate:\n  - file: { path: said, contains: 'hello ${{ params.name }}' }\n";

fn project(steps: &str) -> Project {
    let project = Project::of(&[("a.yaml", &format!("stage: a\nsteps:\n{steps}"))]);
    project.write("parts/greet.yaml", PART);
    project
}

#[test]
fn a_part_runs_with_values_of_the_run_and_hands_its_outputs_on() {
    let project = project(
        "  who: { shell: { run: 'echo \"name=Ada\" >> \"$PIPELINE_OUTPUT\"' }, outputs: [name] }\n  \
         greet:\n    use: parts/greet.yaml\n    with: { name: '${{ steps.who.outputs.name }}' }\n    env: { MOOD: fine }\n  \
         last: { env: { SAID: '${{ steps.greet.outputs.said }}' }, shell: { run: 'printf \"$SAID\" > last' } }\n",
    );
    project.run(&["run"]).ends(0, &["a.greet.say", "a.greet.write", "a.greet.gate", "a.last"]);
    assert_eq!(project.read("last"), "hello Ada x1 fine");
    let plan = project.run(&["plan"]);
    plan.ends(0, &["├─ greet", "│  ├─ say", "│  └─ gate", "parts/greet.yaml"]);
}

#[test]
fn a_part_runs_for_each_item_and_its_outputs_are_lists() {
    let project = project(
        "  greet:\n    use: parts/greet.yaml\n    for_each: [Ada, Bob]\n    env: { MOOD: '' }\n    with: { name: '${{ item }}', times: 2 }\n  \
         last: { env: { ALL: '${{ steps.greet.outputs.said }}' }, shell: { run: 'printf \"$ALL\" > last' } }\n",
    );
    project.run(&["run"]).ends(0, &["a.greet[Ada].say", "a.greet[Bob].gate"]);
    assert_eq!(project.read("last"), "[\"hello Ada x2 \",\"hello Bob x2 \"]");
}

#[test]
fn a_part_is_skipped_as_a_whole_and_one_in_another_too() {
    let project = project(
        "  outer: { use: parts/outer.yaml, with: { on: false, name: Ada } }\n  \
         after: { needs: [outer], shell: { run: 'touch after' } }\n",
    );
    project.write(
        "parts/outer.yaml",
        "params: { on: { type: boolean }, name: null }\nsteps:\n  \
         first: { shell: { run: 'touch first' } }\n  \
         greet: { needs: [first], when: params.on, use: parts/greet.yaml, env: { MOOD: '' }, with: { name: 'dear ${{ params.name }}' } }\n",
    );
    project.run(&["run"]).ends(0, &["a.outer.greet.say", "`when: params.on` is false"]);
    assert!(project.path().join("first").exists() && project.path().join("after").exists());
    assert!(!project.path().join("said").exists());
    project.write("a.yaml", "stage: a\nsteps:\n  outer: { use: parts/outer.yaml, with: { on: true, name: Ada } }\n");
    project.run(&["run"]).ends(0, &[]);
    assert_eq!(project.read("said"), "hello dear Ada x1 \n");
}

#[test]
fn a_secret_stays_one_on_its_way_through_a_part() {
    let project = Project::headed(
        "secrets: { db: { env: DB_PASSWORD } }\n",
        &[(
            "a.yaml",
            "stage: a\nsteps:\n  db: { use: parts/db.yaml, with: { password: '${{ secrets.db }}' } }\n  \
             use: { env: { URL: '${{ steps.db.outputs.url }}' }, shell: { run: 'printf \"$URL\" > url; echo \"$URL\"' } }\n",
        )],
    );
    project.write(
        "parts/db.yaml",
        "params: { password: { type: secret } }\noutputs: { url: 'postgres://u:${{ params.password }}@db' }\n\
         steps:\n  one: { env: { P: '${{ params.password }}' }, shell: { run: 'printf \"$P\" > p; echo \"$P\"' } }\n",
    );
    let said = said(project.command(&["run"]).env("DB_PASSWORD", "hunter2-hunter2"));
    let all = format!("{}{}", said.out, said.err);
    said.ends(0, &[]);
    assert_eq!(project.read("p"), "hunter2-hunter2");
    assert_eq!(project.read("url"), "postgres://u:hunter2-hunter2@db");
    assert!(!all.contains("hunter2"), "{all}");
    assert!(!project.read_journal().contains("hunter2"));
}

#[test]
fn a_value_of_the_run_that_does_not_fit_its_parameter_is_an_error_of_the_steps() {
    let project = project(
        "  who: { shell: { run: 'echo \"n=many\" >> \"$PIPELINE_OUTPUT\"' }, outputs: [n] }\n  \
         greet: { use: parts/greet.yaml, with: { name: x, times: '${{ steps.who.outputs.n }}' } }\n",
    );
    project.run(&["run"]).ends(1, &["the parameter `times` is `many`, expected a whole number"]);
}

#[test]
fn a_gate_file_takes_values_of_the_run() {
    let project = Project::of(&[(
        "a.yaml",
        "stage: a\nsteps:\n  make: { shell: { run: 'echo x > made; echo \"path=made\" >> \"$PIPELINE_OUTPUT\"' }, outputs: [path] }\n\
         gate:\n  - use: gates/outer.yaml\n    with: { file: '${{ steps.make.outputs.path }}' }\n",
    )]);
    project.write(
        "gates/outer.yaml",
        "params: { file: { type: path } }\nassertions:\n  - use: gates/g.yaml\n    with: { path: './${{ params.file }}' }\n",
    );
    project.write(
        "gates/g.yaml",
        "params: { path: null }\nassertions:\n  - file: { path: '${{ params.path }}', contains: x }\n",
    );
    project.run(&["run"]).ends(0, &["a.gate"]);
}

#[test]
fn a_matrix_runs_every_combination_and_no_more_at_once_than_is_asked_for() {
    let project = project(
        "  test:\n    for_each: { matrix: { os: [deb, alp], db: [15, 16] }, exclude: [{ os: alp, db: 16 }] }\n    max_parallel: 1\n    \
         env: { OS: '${{ item.os }}', DB: '${{ item.db }}' }\n    \
         shell: { run: 'test ! -e busy && touch busy && echo \"$OS-$DB\" >> all && rm busy' }\n",
    );
    project.run(&["run", "--jobs", "4"]).ends(0, &["a.test[deb-15]", "a.test[deb-16]", "a.test[alp-15]"]);
    assert_eq!(project.read("all").lines().count(), 3);
}

#[test]
fn a_stage_a_part_and_the_run_have_limits_of_their_own() {
    let slow = "parts:\n  slow: { steps: { nap: { shell: { run: 'sleep 60' } } } }\n";
    let stage = |keys: &str, step: &str| {
        format!("stage: a\n{keys}steps:\n  first: {{ shell: {{ run: 'true' }} }}\n  nap: {step}\n")
    };
    for (head, keys, step, words) in [
        ("", "timeout: 1s\n", "{ shell: { run: 'sleep 60' } }", "timed out: the stage `a` took longer than 1s"),
        ("timeout: 1s\n", "", "{ shell: { run: 'sleep 60' } }", "timed out: the run took longer than 1s"),
        ("", "", "{ use: slow, timeout: 1s }", "timed out: the part `nap` took longer than 1s"),
    ] {
        let project = Project::headed(&format!("{slow}{head}"), &[("a.yaml", &stage(keys, step))]);
        project.run(&["run"]).ends(1, &[words]);
    }
}

#[test]
fn a_step_runs_alone_with_what_it_needs() {
    let project = project(
        "  one: { shell: { run: 'touch one' } }\n  two: { needs: [one], shell: { run: 'touch two' } }\n  \
         three: { needs: [two], shell: { run: 'touch three' } }\n  other: { shell: { run: 'touch other' } }\n\
         gate:\n  - file: { path: three }\nfinally:\n  end: { shell: { run: 'touch end' } }\n",
    );
    project.run(&["run", "--step", "a.two"]).ends(0, &["a.one", "a.two"]);
    let made = |name: &str| project.path().join(name).exists();
    assert_eq!([made("one"), made("two"), made("three"), made("other"), made("end")], [true, true, false, false, true]);
    project.run(&["run", "--step", "a.tow"]).ends(2, &["there is no step \"a.tow\" in this pipeline", "a.two"]);
}

#[test]
fn a_step_runs_for_each_item_that_an_earlier_step_found() {
    let project = project(
        "  find: { shell: { run: 'echo \"list=$(cat list)\" >> \"$PIPELINE_OUTPUT\"' }, outputs: [list] }\n  \
         each:\n    for_each: '${{ steps.find.outputs.list == \"\" ? dyn(7) : steps.find.outputs.list.split(\",\") }}'\n    \
         max_parallel: 2\n    env: { NAME: '${{ item }}' }\n    \
         shell: { run: 'echo \"hello $NAME\"; echo \"who=$NAME\" >> \"$PIPELINE_OUTPUT\"; test \"$NAME\" != Eve' }\n    outputs: [who]\n  \
         all: { env: { ALL: '${{ steps.each.outputs.who }}' }, shell: { run: 'printf \"$ALL\" > all' } }\n",
    );
    project.write("list", "Ada,Bob");
    project.run(&["run"]).ends(0, &["a.each"]);
    assert_eq!(project.read("all"), "[\"Ada\",\"Bob\"]");
    project.write("list", "Ada,Eve");
    project.run(&["run"]).ends(1, &["1 of 2 items failed: Eve: "]);
    project.write("list", "");
    project.run(&["run"]).ends(1, &["for_each: this is `7`, expected a list"]);
}

#[test]
fn steps_at_the_end_know_how_the_run_went() {
    let end = "on_failure:\n  tell: { env: { F: '${{ run.failed_step }}' }, shell: { run: 'printf \"$F\" > told' } }\nfinally:\n  \
        end: { env: { R: '${{ run.result }} ${{ run.failed_step }}' }, shell: { run: 'printf \"$R\" > end' } }\n";
    let project = project(&format!("  one: {{ shell: {{ run: 'false' }} }}\n{end}"));
    project.run(&["run"]).ends(1, &[]);
    assert_eq!((project.read("told"), project.read("end")), ("a.one".to_owned(), "failed a.one".to_owned()));
    project.write("a.yaml", &format!("stage: a\nsteps:\n  one: {{ shell: {{ run: 'true' }} }}\n{end}"));
    project.run(&["run"]).ends(0, &[]);
    assert_eq!(project.read("end"), "passed ");
    project.write("a.yaml", "stage: a\nsteps:\n  one: { when: 'run.result == \"passed\"', shell: { run: 'true' } }\n");
    project.run(&["check"]).ends(2, &["`run.result` is known only after the steps and the gate"]);
}

#[test]
fn a_step_is_tried_again_only_for_an_outcome_that_is_worth_it() {
    let project = project(
        "  one:\n    retry: { attempts: 3, backoff: 10ms, when: 'outcome.attempt < 2 && !outcome.timed_out && outcome.state == \"failed\"' }\n    \
         shell: { run: 'echo x >> tried; false' }\n",
    );
    project.run(&["run"]).ends(1, &[]);
    assert_eq!(project.read("tried").lines().count(), 2);
    project.write("a.yaml", "stage: a\nsteps:\n  one: { retry: { attempts: 3, when: outcome.code == 1 }, shell: { run: 'false' } }\n  two: { when: outcome.attempt == 1, shell: { run: 'true' } }\n");
    project.run(&["check"]).ends(2, &["there is no field of `outcome` `code`", "expressions know no `outcome`"]);
}
