//! A secret planted in each place that this machine has is found; images and the cluster are in `tests/cluster`.

use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::Secrets;
use crate::core::kind::test_context::{TestContext, body, complaints};
use crate::core::kind::{Assertion, Context};
use crate::core::model::outcome::{Measure, Verdict};
use crate::services::Clients;

const VALUE: &str = "correct-horse battery \"staple\"";

fn trial() -> TestContext {
    TestContext::new().secrets(&[("db", VALUE), ("pin", "1234")])
}

async fn shown(written: Value, cx: &Context) -> Vec<String> {
    let secrets: Secrets = body(&written);
    let verdict = secrets.measure(cx).await.expect("everything can be looked at");
    let line = |measure: &Measure| {
        format!("{} {}: {}", if measure.holds { "holds" } else { "unmet" }, measure.name, measure.actual)
    };
    verdict.measures().iter().map(line).collect()
}

fn only(place: &str, what: Value) -> Value {
    let mut written = json!({"images": [], "files": [], "namespaces": [], "run": false, "argv": false});
    written[place] = what;
    written
}

#[tokio::test]
async fn a_secret_in_a_file_of_the_project_is_found_in_every_form() {
    let packed = |text: &str| {
        use std::io::Write;
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(text.as_bytes()).expect("in memory");
        gzip.finish().expect("in memory")
    };
    let base64 = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, format!("a:{VALUE}"));
    let trial = trial()
        .file("k8s/plain.yaml", format!("url: {VALUE}\n"))
        .file("k8s/secret.yaml", format!("data: {{ url: {base64} }}\n"))
        .file("k8s/folded.yaml", "url: >-\n  correct-horse ba\n  ttery \"staple\"\n")
        .file("chart.tgz", packed(&format!("templates/x {VALUE}")))
        .file("fine.yaml", "url: ${DATABASE_URL}\n")
        .file("tests/.env.test", VALUE);
    let found = shown(only("files", json!(["k8s", "chart.tgz", "fine.yaml"])), &trial.cx).await;
    assert_eq!(
        found[1],
        "unmet files: 4: secret db in chart.tgz; secret db in k8s/plain.yaml; secret db (across line breaks) in \
         k8s/folded.yaml; secret db (in base64) in k8s/secret.yaml"
    );
    let mut written = only("files", json!(["tests"]));
    written["allow"] = json!(["**/.env.test"]);
    assert_eq!(
        shown(written, &trial.cx).await[1],
        "holds files: not looked at: no file is left beside those that are allowed, and the sources of secrets"
    );
}

#[tokio::test]
async fn a_file_or_folder_that_was_not_searched_is_a_fault_and_what_was_found_an_answer() {
    let trial = trial()
        .file("dist/x.xz", b"\xfd7zXZ\x00\x00\x04")
        .file("dist/a.whl", crate::secrets::packed::tests::zipped("a.txt", &VALUE.repeat(40).into_bytes()))
        .file("only/x.xz", b"\xfd7zXZ\x00\x00\x04");
    std::fs::create_dir(trial.project().join("empty")).expect("a folder");
    let fault = async |files: Value| {
        let secrets: Secrets = body(&only("files", files));
        secrets.measure(&trial.cx).await.expect_err("not searched").message
    };
    assert_eq!(fault(json!(["only"])).await, "not measured: only/x.xz is xz-compressed");
    assert_eq!(fault(json!(["empty"])).await, "not measured: there is no file in `empty`");
    assert_eq!(shown(only("files", json!(["dist"])), &trial.cx).await[1], "unmet files: 1: secret db in dist/a.whl");
}

#[tokio::test]
async fn the_whole_project_is_searched_but_for_the_sources_of_secrets() {
    let trial = trial().file("a/b.txt", VALUE).file("token", VALUE).file(".pipeline/secrets/db", VALUE);
    let services = crate::services::services_of(crate::core::kind::settings::Settings {
        project: trial.project().to_owned(),
        secret_files: vec!["token".into()],
        ..crate::core::kind::settings::Settings::default()
    });
    let cx = Context { services: std::sync::Arc::new(services), ..trial.cx.clone() };
    let mut written = only("run", json!(false));
    written.as_object_mut().expect("a map").remove("files");
    assert_eq!(shown(written, &cx).await[1], "unmet files: 1: secret db in a/b.txt");
}

#[tokio::test]
async fn a_secret_in_the_runs_record_is_found() {
    let trial = trial()
        .file(".pipeline/runs/run/logs/a.b.log", format!("url={}\n", VALUE.replace(' ', "%20").replace('"', "%22")))
        .file(".pipeline/runs/run/journal.ndjson", "{}\n")
        .file(".pipeline/runs/other/logs/a.b.log", VALUE);
    let found = shown(only("run", json!(true)), &trial.cx).await;
    assert_eq!(found[3], "unmet run: 1: secret db (URL-encoded) in logs/a.b.log");
}

#[tokio::test]
async fn a_secret_in_any_part_of_the_record_is_found() {
    for place in ["journal.ndjson", "evidence/a.b/compose/web.log", "junit.xml", "summary.json", "report.html"] {
        let trial = trial().file(&format!(".pipeline/runs/run/{place}"), format!("<p>{VALUE}</p>\n"));
        let found = shown(only("run", json!(true)), &trial.cx).await;
        assert_eq!(found[3], format!("unmet run: 1: secret db in {place}"));
    }
}

#[tokio::test]
async fn a_secret_in_the_arguments_of_a_process_is_found_also_after_its_end() {
    // of this process alone: the whole machine is looked at
    let value = format!("{VALUE} {}", std::process::id());
    let trial = TestContext::new().secrets(&[("db", &value), ("pin", "1234")]);
    let secrets: Secrets = body(&only("argv", json!(true)));
    assert_eq!(
        shown(only("argv", json!(true)), &trial.cx).await[4],
        "holds argv: none in the arguments of all processes (too short to look for: pin)"
    );
    secrets.attend(&trial.cx.services, &trial.cx.secrets);
    let mut child =
        Command::new("sh").args(["-c", "read line", &value]).stdin(Stdio::piped()).spawn().expect("there is a shell");
    let seen = || trial.cx.argv().seen(&trial.cx.secrets).expect("there is /proc");
    while seen().is_empty() {
        std::thread::yield_now();
    }
    drop(child.stdin.take());
    child.wait().expect("it ends");
    let expected = format!("secret db in sh (process {}), argument 3", child.id());
    let found = shown(only("argv", json!(true)), &trial.cx).await;
    assert!(found[4].starts_with("unmet argv: ") && found[4].contains(&expected), "{found:?}");
}

#[tokio::test]
async fn what_cannot_be_looked_at_is_reported() {
    let written = json!({"argv": false, "run": false, "files": []});
    assert_eq!(
        shown(written, &trial().cx).await,
        [
            "holds images: not looked at: no step before this gate has made one",
            "holds files: not looked at: left out",
            "holds objects: not looked at: pipeline.yaml names no cluster",
            "holds run: not looked at: left out",
            "holds argv: not looked at: left out (too short to look for: pin)",
        ]
    );
    let missing: Secrets = body(&only("files", json!(["nowhere"])));
    let fault = missing.measure(&trial().cx).await.expect_err("not there");
    assert_eq!(fault.message, "there is no `nowhere`: it cannot be looked at");
    let skipped = Secrets::default().measure(&TestContext::new().cx).await.expect("an answer");
    assert_eq!(skipped, Verdict::Skipped { reason: "the pipeline has no secrets".to_owned() });
}

#[test]
fn a_file_out_of_the_project_is_refused() {
    let written = json!({"files": ["../other"]});
    let found = complaints(&written, false, |cx| body::<Secrets>(&written).check(cx));
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].1, "`../other` leads out of the project's folder");
}

#[tokio::test]
async fn a_secret_that_equals_a_word_of_the_journals_structure_is_no_leak() {
    let started = |title: &str| {
        let record = json!({
            "seq": 0, "at": { "secs": 0, "nanos": 0 }, "event": "run-started", "format": 1, "run": "r", "pipeline": "p",
            "time": "t", "stages": [{ "name": "build", "needs": [] }],
            "nodes": [{ "name": "build.assertions", "stage": 0, "role": "step", "kind": "shell", "title": title }],
        });
        format!("0000 0000 {record}\n")
    };
    let found = async |secret: &str, title: &str| {
        let trial = TestContext::new()
            .secrets(&[("word", secret)])
            .file(".pipeline/runs/run/journal.ndjson", started(title))
            .file(".pipeline/runs/run/logs/build.assertions.log", "fine\n")
            .file(".pipeline/runs/run/evidence/build.assertions/pods/assertions.txt", "fine\n");
        shown(only("run", json!(true)), &trial.cx).await.remove(3)
    };
    assert_eq!(found("run-started", "make").await, "holds run: none in 3 files of the run's record");
    assert_eq!(found("pipeline", "make").await, "holds run: none in 3 files of the run's record");
    assert_eq!(found("pipeline", "the pipeline").await, "unmet run: 1: secret word in journal.ndjson");
    assert_eq!(found("assertions", "make").await, "unmet run: 1: secret word in a file's name");
}
