//! Claims about what is checked, and about a whole step with a Compose of a few lines of shell in its place.

use serde_json::{Value, json};

use super::*;
use crate::core::kind::test_context::{TestContext, body};
use crate::core::model::diagnostic::{Code, Diagnostics};
use crate::core::model::source::{FileId, Span};
use crate::core::yaml::Node;

const FILE: &str = "name: shop\nservices:\n  web: { image: a }\n  db: { image: b }\n";

fn complaints(trial: &TestContext, json: &Value, during: bool) -> Vec<(Code, String, Option<String>)> {
    let node = Node::from_json(json, Span::new(FileId(0), 0, 0));
    let mut out = Diagnostics::default();
    let mut cx = CheckContext { body: &node, project: trial.project(), during, on_runner: false, out: &mut out };
    body::<Compose>(json).check(&mut cx);
    out.sorted().into_iter().map(|found| (found.code, found.message.clone(), found.help.clone())).collect()
}

#[test]
fn names_a_service_that_the_file_does_not_have() {
    let trial = TestContext::new().file("app/compose.yml", FILE);
    let found = complaints(&trial, &json!({ "file": "app/compose.yml", "up": { "services": ["weeb"] } }), false);
    let help = Some("did you mean \"web\"?".to_owned());
    assert_eq!(found, [(Code::UnknownName, "the project has no service `weeb`".to_owned(), help)]);
}

#[test]
fn refuses_files_without_services_and_steps_without_a_verb() {
    let trial = TestContext::new().file("a.yml", "version: 3\n").file("b.yml", "services: [");
    for (json, during, expected) in [
        (json!({ "file": "a.yml", "ps": {} }), false, "`a.yml` is no Compose file: it has no `services`"),
        (json!({ "up": {} }), false, "there is no compose.yaml beside pipeline.yaml"),
        (json!({ "file": "a.yml", "project": "Shop", "down": {} }), true, "only `up` can run during others"),
    ] {
        let found = complaints(&trial, &json, during);
        assert!(found.iter().any(|(_, message, _)| message == expected), "{found:?}");
    }
    assert!(
        complaints(&trial, &json!({ "file": "b.yml", "up": {} }), false)[0]
            .1
            .starts_with("`b.yml` is no Compose file: ")
    );
    let both = complaints(&trial, &json!({ "file": "a.yml", "up": {}, "down": {} }), false);
    let expected =
        "a compose step has exactly one of up, down, ps, build, restart, logs and config; this one has up and down";
    assert!(both.iter().any(|(code, message, _)| *code == Code::NotOneKind && message == expected), "{both:?}");
}

#[test]
fn the_project_is_named_by_the_step_the_file_or_its_folder() {
    let trial = TestContext::new().file("My App/c.yml", "services: { a: {} }\n").file("c.yml", FILE);
    let name = |json: Value| body::<Compose>(&json).project(trial.project()).expect("it has a file").name;
    assert_eq!(name(json!({ "file": "c.yml", "project": "mine", "up": {} })).as_deref(), Some("mine"));
    assert_eq!(name(json!({ "file": "c.yml", "up": {} })).as_deref(), Some("shop"));
    assert_eq!(name(json!({ "file": "My App/c.yml", "up": {} })).as_deref(), Some("myapp"));
}

/// A `docker` whose `compose` records its arguments, with containers as `state` says.
fn docker(state: &str) -> TestContext {
    let script = format!(
        "#!/bin/sh\necho \"$*\" >> \"$0.told\"\ncase \"$*\" in\n  *'config --services') echo web; echo db ;;\n  \
         *' ls --all '*) echo '[]' ;;\n  *'ps --all'*) cat <<'END'\n{state}\nEND\n  ;;\n  *logs*) echo starting; echo 'boom: s3cr3t-value' >&2 ;;\nesac\n"
    );
    let trial =
        TestContext::new().secrets(&[("token", "s3cr3t-value")]).file("compose.yml", FILE).file("bin/README", "");
    crate::process::scripts::executable(&trial.project().join("bin/docker"), &script);
    let path = format!("{}:{}", trial.project().join("bin").display(), std::env::var("PATH").unwrap_or_default());
    trial.env("PATH", &path)
}

fn reported(trial: &TestContext) -> String {
    std::fs::read_to_string(trial.project().join("bin/docker.told")).expect("it was called")
}

const WELL: &str = r#"{"Name":"shop-web-1","Service":"web","State":"running","Health":"healthy","Publishers":[{"TargetPort":80,"PublishedPort":8080}]}
{"Name":"shop-db-1","Service":"db","State":"running","Health":""}"#;

#[tokio::test]
async fn up_publishes_services_and_ports() {
    let trial = docker(WELL);
    let step: Compose = body(&json!({ "up": { "build": true } }));
    let Ok(Outcome::Passed(outputs)) = step.run(&trial.cx).await else { panic!("all are up") };
    assert_eq!(outputs["project"], json!("shop"));
    assert_eq!(outputs["healthy"], json!(2));
    assert_eq!(outputs["ports"], json!({ "web": { "80": 8080 } }));
    assert_eq!(outputs["services"][0]["name"], json!("db"));
    assert!(reported(&trial).contains("compose.yml up --detach --remove-orphans --build\n"), "{}", reported(&trial));
}

#[tokio::test]
async fn nothing_is_brought_up_or_recorded_while_compose_does_not_say_what_is_there() {
    let trial = docker(WELL);
    let silent = "#!/bin/sh\necho \"$*\" >> \"$0.told\"\ncase \"$*\" in *' ls --all '*) exit 1 ;; esac\n";
    crate::process::scripts::executable(&trial.project().join("bin/docker"), silent);
    let outcome = body::<Compose>(&json!({ "up": {} })).run(&trial.cx).await;
    assert!(!matches!(outcome, Ok(Outcome::Passed(_))), "{outcome:?}");
    assert_eq!(ComposeRecord::all(trial.project()).expect("readable"), []);
    assert!(!reported(&trial).contains(" up "), "{}", reported(&trial));
}

#[tokio::test]
async fn a_failure_names_the_service_its_exit_code_and_its_last_lines() {
    let state = WELL.replace("\"State\":\"running\",\"Health\":\"\"", "\"State\":\"exited\",\"ExitCode\":7");
    let trial = docker(&state);
    let outcome = body::<Compose>(&json!({ "up": {} })).run(&trial.cx).await;
    let lines = vec!["starting".to_owned(), "boom: ***".to_owned()];
    let finding = Finding { lines, ..Finding::new("service/db", "exited", "ended with exit code 7") };
    let failure = Failure::new("service db ended with exit code 7").because(vec![finding]);
    assert_eq!(outcome, Ok(Outcome::Failed(failure)));
}

#[tokio::test]
async fn during_others_it_is_up_until_they_are_over_and_then_down() {
    let mut trial = docker(WELL);
    trial.cx.signals.during = true;
    let step: Compose = body(&json!({ "up": { "volumes": true } }));
    let (cx, signals) = (trial.cx.clone(), trial.cx.signals.clone());
    let running = tokio::spawn(async move { step.run(&cx).await });
    signals.up.cancelled().await;
    assert!(!reported(&trial).contains(" down "));
    let raised: Vec<String> =
        ComposeRecord::all(trial.project()).expect("readable").into_iter().map(|raised| raised.name).collect();
    assert_eq!(raised, ["shop"], "who comes after a run that was killed finds it");
    signals.stop.cancel();
    let outcome = running.await.expect("it does not panic");
    assert!(matches!(outcome, Ok(Outcome::Passed(_))), "{outcome:?}");
    assert_eq!(ComposeRecord::all(trial.project()).expect("readable"), []);
    assert!(
        reported(&trial).ends_with("compose.yml down --volumes --remove-orphans --timeout 5\n"),
        "{}",
        reported(&trial)
    );
}

#[tokio::test]
async fn builds_restarts_and_reads_logs_and_configuration() {
    let trial = docker(WELL);
    for (json, args) in [
        (json!({ "build": { "services": ["web"], "pull": true } }), "compose.yml build --pull web\n"),
        (json!({ "restart": { "services": ["web"] } }), "compose.yml restart web\n"),
        (json!({ "logs": { "tail": 5, "since": "90s" } }), "compose.yml logs --no-color --tail 5 --since 90s\n"),
    ] {
        let outcome = body::<Compose>(&json).run(&trial.cx).await;
        let Ok(Outcome::Passed(outputs)) = outcome else { panic!("{json}: {outcome:?}") };
        assert!(reported(&trial).contains(args), "no `{args}` in:\n{}", reported(&trial));
        if json.get("logs").is_some() {
            assert_eq!(outputs["lines"], json!(2));
        }
        if json.get("restart").is_some() {
            assert_eq!(outputs["healthy"], json!(1), "only what is named is waited for");
        }
    }
    let Ok(Outcome::Failed(failure)) = body::<Compose>(&json!({ "config": {} })).run(&failing().cx).await else {
        panic!("compose refuses the files")
    };
    assert_eq!(failure.summary, "compose says: required variable WORD is missing a value");
}

/// A `docker` whose `compose config` fails for a variable that is not set.
fn failing() -> TestContext {
    let trial = docker(WELL);
    let script =
        "#!/bin/sh\ncase \"$*\" in *config*) echo 'required variable WORD is missing a value' >&2; exit 1 ;; esac\n";
    crate::process::scripts::executable(&trial.project().join("bin/docker"), script);
    trial
}
