//! `metric` against a server that answers as Prometheus does.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::mpsc;

use serde_json::{Value, json};

use super::spec::Metric;
use super::*;
use crate::core::kind::test_context::{TestContext, body, complaints};

/// A server of one answer; hands on the request line.
fn server(answer: &'static str) -> (String, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let address = format!("http://{}", listener.local_addr().expect("bound"));
    let (sender, asked) = mpsc::channel();
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            let mut head = [0; 4096];
            let count = stream.read(&mut head).unwrap_or_default();
            let text = String::from_utf8_lossy(&head[..count]).into_owned();
            let _ = sender.send(text.lines().next().unwrap_or_default().to_owned());
            let length = answer.len();
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
            let _ = stream.write_all(format!("{head}{answer}").as_bytes());
        }
    });
    (address, asked)
}

async fn measured(answer: &'static str, rest: Value) -> (Result<Verdict, Fault>, String) {
    let (url, asked) = server(answer);
    let mut asked_of = json!({ "prometheus": { "url": url }, "query": "sum(up)" });
    asked_of.as_object_mut().expect("a mapping").extend(rest.as_object().expect("a mapping").clone());
    let verdict = body::<Metric>(&asked_of).measure(&TestContext::new().cx).await;
    (verdict, asked.recv().expect("a request"))
}

#[tokio::test]
async fn a_value_is_measured_now() {
    let answer = r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"0.25"]}]}}"#;
    let (verdict, asked) = measured(answer, json!({ "value": "< 0.5" })).await;
    assert_eq!(asked, "GET /api/v1/query?query=sum%28up%29 HTTP/1.1");
    assert_eq!(verdict, Ok(Verdict::Holds { measures: vec![Measure::new("value", "0.25", "< 0.5", true)] }));
}

const SERIES: &str = r#"{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},
    "values":[[1,"1"],[2,"4"],[3,"1"]]}]}}"#;

#[tokio::test]
async fn a_series_is_measured_over_a_time_and_kept_for_the_report() {
    let (verdict, asked) = measured(SERIES, json!({ "over": "2s", "min": 1, "max": "< 4", "avg": 2, "last": 1 })).await;
    assert!(asked.starts_with("GET /api/v1/query_range?query=sum%28up%29&start="), "{asked}");
    let verdict = verdict.expect("an answer");
    let shown: Vec<String> =
        verdict.measures().iter().map(|it| format!("{} {} {}", it.name, it.actual, it.holds)).collect();
    assert_eq!(shown, ["min 1 true", "max 4 false", "avg 2 true", "last 1 true"]);
    let series = verdict.measures()[0].series.as_ref().expect("a series");
    assert_eq!(series.points, [(1.0, 1.0), (2.0, 4.0), (3.0, 1.0)]);
}

#[tokio::test]
async fn a_time_with_little_data_is_not_measured() {
    let (verdict, _) = measured(SERIES, json!({ "over": "1m", "max": "< 10" })).await;
    let words = "not measured: 3 of 61 points have data (4.92%, expected >= 90%)";
    assert_eq!(verdict.expect_err("too little").message, words);
    let (verdict, _) = measured(SERIES, json!({ "over": "1m", "max": "< 10", "coverage": "> 1%" })).await;
    assert!(verdict.expect("an answer").holds());
}

#[tokio::test]
async fn a_server_that_is_not_there_is_not_a_pass() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    drop(listener);
    let asked = json!({ "prometheus": { "url": url }, "query": "up", "value": 1 });
    let fault = body::<Metric>(&asked).measure(&TestContext::new().cx).await.expect_err("nothing listens");
    assert!(fault.transient && fault.message.starts_with("not measured: the Prometheus server does not answer"));
}

#[test]
fn a_long_series_keeps_its_extremes() {
    let points: Vec<(f64, f64)> = (0..5000).map(|at| (f64::from(at), if at == 2500 { 9.0 } else { 1.0 })).collect();
    let thin = thinned(Series { points });
    assert!(thin.points.len() <= DRAWN && thin.points.contains(&(2500.0, 9.0)), "{}", thin.points.len());
}

#[test]
fn refuses_bodies_that_make_no_sense() {
    let server = json!({ "url": "http://127.0.0.1:9090" });
    for (json, message) in [
        (json!({ "prometheus": {}, "query": "up", "value": 1 }), "the server is missing: `url` or `service`"),
        (
            json!({ "prometheus": { "url": "http://a", "port": "web" }, "query": "up", "value": 1 }),
            "`port` is of a `service`, and the server is named by its `url`",
        ),
        (json!({ "prometheus": server, "query": " ", "value": 1 }), "the query is empty"),
        (json!({ "prometheus": server, "query": "up" }), "nothing is expected of the metric"),
        (json!({ "prometheus": server, "query": "up", "max": 1 }), "`max` is of a time, and `over` is missing"),
        (
            json!({ "prometheus": server, "query": "up", "over": "5m", "value": 1 }),
            "`value` is the value now, without `over`",
        ),
        (json!({ "prometheus": server, "query": "up", "over": [], "max": 1 }), "`over` is no time"),
        (
            json!({ "prometheus": server, "query": "up", "value": 1, "step": "5s" }),
            "`step` has no meaning without `over`",
        ),
    ] {
        let found = complaints(&json, false, |cx| body::<Metric>(&json).check(cx));
        assert_eq!(found.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>(), [message], "{json}");
    }
}
