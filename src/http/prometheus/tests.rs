//! Answers of a Prometheus server, word for word as its API documents them.

use super::*;

fn read_text(text: &str) -> Result<Answered, Fault> {
    read(200, text.as_bytes())
}

fn fault(text: &str) -> Fault {
    read_text(text).expect_err("no answer")
}

fn result(kind: &str, result: &str) -> String {
    format!(r#"{{"status":"success","data":{{"resultType":"{kind}","result":{result}}}}}"#)
}

#[test]
fn reads_one_series_of_each_kind() {
    let points = |text: &str| read_text(text).expect("an answer").series.points;
    assert_eq!(points(&result("vector", r#"[{"metric":{"job":"a"},"value":[10.5,"1.5"]}]"#)), [(10.5, 1.5)]);
    assert_eq!(points(&result("scalar", r#"[10,"3"]"#)), [(10.0, 3.0)]);
    let matrix = r#"[{"metric":{},"values":[[10,"1"],[20,"-2e3"]]}]"#;
    assert_eq!(points(&result("matrix", matrix)), [(10.0, 1.0), (20.0, -2000.0)]);
}

#[test]
fn no_data_and_several_series_are_no_answers() {
    let empty = fault(&result("matrix", "[]"));
    assert_eq!((empty.message.as_str(), empty.transient), ("not measured: the query gives no data", true));
    let two = r#"[{"metric":{"pod":"a"},"value":[1,"1"]},{"metric":{"pod":"b"},"value":[1,"1"]}]"#;
    let words = "not measured: the query gives 2 series, expected one: {pod=\"a\"}, {pod=\"b\"}";
    assert_eq!(fault(&result("vector", two)).message, words);
    let words = "not measured: the query gives a string, expected numbers";
    assert_eq!(fault(&result("string", r#"[1,"x"]"#)).message, words);
}

#[test]
fn what_cannot_be_compared_is_not_measured() {
    for value in ["NaN", "+Inf", "-Inf", "x"] {
        let text = result("matrix", &format!(r#"[{{"metric":{{}},"values":[[1,"1"],[2,"{value}"]]}}]"#));
        let words = format!("not measured: the query gives {value}, which cannot be compared");
        assert_eq!(fault(&text).message, words);
    }
    let histogram = r#"[{"metric":{},"histogram":[1,{"count":"1"}]}]"#;
    assert!(fault(&result("vector", histogram)).message.contains("native histogram"));
}

#[test]
fn warnings_make_an_answer_partial_and_remarks_do_not() {
    let with = |field: &str| {
        let data = r#""data":{"resultType":"scalar","result":[1,"1"]}"#;
        format!(r#"{{"status":"success",{data},"{field}":["remote read failed"]}}"#)
    };
    assert_eq!(fault(&with("warnings")).message, "not measured: the answer may be partial: remote read failed");
    assert_eq!(read_text(&with("infos")).expect("an answer").remarks, ["remote read failed"]);
}

#[test]
fn a_query_that_failed_says_why() {
    let bad = r#"{"status":"error","errorType":"bad_data","error":"parse error: unclosed"}"#;
    let fault = read(400, bad.as_bytes()).expect_err("refused");
    assert_eq!(fault.message, "not measured: the query failed: bad_data: parse error: unclosed");
    assert_eq!(fault.kind, crate::core::model::outcome::FaultKind::Invalid);
    let fault = read(502, b"<html>Bad Gateway</html>").expect_err("a proxy");
    assert!(fault.transient && fault.message.contains("(status 502) is not a Prometheus server"));
}

#[test]
fn writes_queries_into_urls() {
    let over = When::over(Duration::from_secs(100), Duration::from_millis(160_500), None);
    assert_eq!(
        url("http://p:9090/", "sum(rate(a{b=\"c\"}[1m]))", over),
        "http://p:9090/api/v1/query_range?query=sum%28rate%28a%7Bb%3D%22c%22%7D%5B1m%5D%29%29&start=100.000&end=160.500\
         &step=1.000"
    );
    assert_eq!(over.points(), 61);
    assert_eq!(url("http://p", "up", When::Now), "http://p/api/v1/query?query=up");
    let year = When::over(Duration::ZERO, Duration::from_secs(31_536_000), Some(Duration::from_secs(1)));
    assert!(year.points() <= 11_001, "{}", year.points());
}
