//! Expressions in a run: the results of CEL, conditions that are known before the run, evaluations that take long, and
//! integers that a double cannot hold.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::kit::Project;

/// Costs more than an evaluation may cost; not known before the run.
const ENDLESS: &str = "lists.range(50000).all(a, lists.range(50000).all(b, a * b >= self.zero))";

/// For projects in which only a gate file matters.
const STAGE: &str = "stage: a\nsteps: { x: { shell: { run: 'true' } } }\n";

#[test]
fn values_compare_and_convert_as_cel_says() {
    let expressions = [
        "self.ratio == 1",
        "!(self.errors != 0)",
        "1 in [self.ratio]",
        "self.items.exists(i, i.a == 3)",
        "!self.items.all(i, i.a < 2)",
        "size(self.name) == 1",
        "timestamp(self.ts).getHours() == 1",
        "timestamp(self.ts).getHours('+05:30') == 6",
        "string(duration('90m')) == '5400s'",
        "'%s'.format([duration('90m')]) == '5400s'",
        "optional.of(1) == optional.of(1)",
        "'ab'.split('') == ['a', 'b']",
        "url('/path').getHost() == ''",
        "semver('1.2.3').compareTo(semver('1.2.3+b')) == 0",
        "format.named('dns1123Label').hasValue()",
    ];
    let project = Project::of(&[("a.yaml", STAGE)]);
    project.write(
        "d.json",
        r#"{"items":[{"a":1},{"b":2},{"a":3}],"errors":0.0,"ratio":1.0,"name":"π","ts":"2025-01-02T03:04:05+02:00"}"#,
    );
    let gate = |expression: &str| {
        format!("  - {{ file: {{ path: d.json, json: {} }} }}\n", serde_json::to_string(expression).expect("text"))
    };
    let assertions: String = expressions.iter().map(|expression| gate(expression)).collect();
    project.write("g.yaml", &format!("assertions:\n{assertions}"));
    project.run(&["gate", "g.yaml"]).ends(0, &[]);
    for expression in ["self.ratio != 1", "self.items.all(i, i.a < 5)", "self.ratio == '1'"] {
        project.write("g.yaml", &format!("assertions:\n{}", gate(expression)));
        project.run(&["gate", "g.yaml"]).ends(1, &[]);
    }
}

#[test]
fn a_condition_on_known_values_is_checked_before_anything_runs() {
    let stage = "stage: a\nsteps:\n  first: { shell: { run: 'touch ran' } }\n  \
                 s: { needs: [first], when: 'vars.flag', shell: { run: 'echo s' } }\n";
    let project = Project::headed("vars: { flag: 1, n: 3 }\n", &[("a.yaml", stage)]);
    for args in [["check"], ["run"]] {
        project.run(&args).ends(2, &["expected true or false, found an int"]);
    }
    project.write("a.yaml", &stage.replace("vars.flag", "vars.n == \"3\""));
    project.run(&["run"]).ends(2, &["this comparison is never true"]);
    assert!(!project.has("ran"));
}

#[test]
fn a_constant_that_costs_too_much_is_found_by_check() {
    let when = "lists.range(3000).map(a, lists.range(3000).map(b, a * b).size()).size() > 0";
    let stage = format!("stage: a\nsteps: {{ s: {{ when: '{when}', shell: {{ run: a }} }} }}\n");
    Project::of(&[("a.yaml", &stage)]).run(&["check"]).ends(2, &["the evaluation costs more than"]);
}

#[test]
fn many_items_are_filtered_in_one_pass() {
    let project = Project::of(&[("a.yaml", STAGE)]);
    let gate = "assertions: [{ file: { path: big.json, json: 'self.items.filter(i, i.a >= 0).size() == 10000' } }]\n";
    project.write("g.yaml", gate);
    let items: Vec<String> = (0..10_000).map(|number| format!(r#"{{"a":{number}}}"#)).collect();
    project.write("big.json", &format!(r#"{{"items":[{}]}}"#, items.join(",")));
    let begun = Instant::now();
    project.run(&["gate", "g.yaml"]).ends(0, &[]);
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}

fn endless(before: &str) -> Project {
    let stage = format!(
        "stage: a\nsteps: {{ x: {{ shell: {{ run: 'true' }} }} }}\n\
         gate:\n  - {{ {before}file: {{ path: d.json, json: '{ENDLESS}' }} }}\n"
    );
    let project = Project::of(&[("a.yaml", &stage)]);
    project.write("d.json", r#"{"zero": 0}"#);
    project
}

#[test]
fn an_evaluation_that_outlasts_its_gate_is_not_a_pass() {
    // the last measurement has its own limit in time; the cost limit may be reached before it
    endless("within: 200ms, ").run(&["run"]).ends(1, &["not measured", "the evaluation"]);
}

#[test]
fn an_evaluation_that_costs_too_much_is_no_answer() {
    endless("").run(&["run"]).ends(1, &["not measured", "the evaluation costs more than"]);
}

#[test]
fn an_evaluation_ends_when_the_run_is_interrupted() {
    let project = endless("");
    let live = project.start(&["run"]);
    // it evaluates
    while live.used() < 40 {
        std::thread::sleep(Duration::from_millis(2));
    }
    live.signal(Signal::INT);
    let (code, said) = live.end();
    assert_eq!(code, Some(130), "{said}");
    assert!(!said.contains("costs more than"), "{said}");
    assert_eq!(project.states().get("a.gate").map(String::as_str), Some("cancelled"), "{said}");
}

/// Above 2^53: as doubles, this one and the one before it are the same.
const BIG: &str = "9007199254740993";

#[test]
fn integers_beyond_a_double_arrive_whole() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let _ = stream.read(&mut [0; 4096]);
            let body = format!(r#"{{"n":{BIG},"u":18446744073709551615}}"#);
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            let _ = stream.write_all(format!("{head}{body}").as_bytes());
        }
    });
    let stage = format!(
        "stage: a\nsteps:\n  \
           get: {{ http: {{ url: 'http://127.0.0.1:{port}/', expect: {{ json: 'self.n == {BIG} && self.n != 9007199254740992' }} }} }}\n  \
           out: {{ shell: {{ run: 'echo n={BIG} >> $PIPELINE_OUTPUT' }}, outputs: [n] }}\n  \
           use:\n    needs: [get, out]\n    when: 'steps.get.outputs.json.n == vars.big && steps.get.outputs.json.u == 18446744073709551615u'\n    \
             env: {{ ALL: '${{{{ vars.big }}}} ${{{{ vars.big + 1 }}}} ${{{{ steps.get.outputs.json.n }}}} ${{{{ steps.get.outputs.json.u }}}} ${{{{ steps.out.outputs.n }}}}' }}\n    \
             shell: {{ run: 'echo $ALL > said' }}\n\
         gate:\n  - {{ shell: {{ command: [echo, '{{\"n\": {BIG}}}'], stdout: {{ json: 'self.n - 9007199254740992 == 1' }} }} }}\n"
    );
    let project = Project::headed(&format!("vars: {{ big: {BIG} }}\n"), &[("a.yaml", &stage)]);
    project.run(&["run"]).ends(0, &["✔ a.use"]);
    let rest = format!("{BIG} 9007199254740994 {BIG} 18446744073709551615 {BIG}");
    assert_eq!(project.read("said").trim(), rest);
    let journal = project.read_journal();
    assert!(journal.contains(&format!("\"n\":{BIG}")) && journal.contains("\"u\":18446744073709551615"), "{journal}");
    assert!(!journal.contains("9007199254740992.0") && !journal.contains("9.007"), "{journal}");
    let summary = project.summary().to_string();
    assert!(!summary.contains("9.007") && !summary.contains("1844674407370955e"), "{summary}");
}
