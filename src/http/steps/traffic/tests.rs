//! What the traffic step refuses, and what it hands on.

use serde_json::{Value, json};

use super::*;
use crate::core::kind::test_context::{TestContext, body, complaints};

fn refused(json: &Value, during: bool) -> Vec<String> {
    complaints(json, during, |cx| body::<Traffic>(json).check(cx)).into_iter().map(|(_, message)| message).collect()
}

#[test]
fn refuses_what_cannot_be_measured() {
    let url = "http://127.0.0.1:1/";
    for (json, message) in [
        (json!({ "rate": "1/s", "for": "1s" }), "`traffic` has no address to ask"),
        (
            json!({ "url": url, "service": "a", "rate": "1/s", "for": "1s" }),
            "`url` and `service` cannot stand together",
        ),
        (json!({ "url": url, "for": "1s" }), "`traffic` has no `rate`"),
        (json!({ "url": url, "rate": "1/s" }), "nothing says how long `traffic` lasts"),
        (json!({ "url": url, "rate": "0/s", "for": "1s" }), "a rate of 0/s is not between 1/m and 200000/s"),
        (json!({ "url": url, "rate": "1/s", "for": "1s", "via": "endpoints" }), "`via` says how to reach a `service`"),
        (
            json!({ "service": "a", "rate": "1/s", "for": "1s", "via": "port_forward" }),
            "a port-forward pins one pod and breaks when that pod goes: it would measure itself",
        ),
        (
            json!({ "url": url, "rate": "1/s", "for": "1s", "headers": { "Authorization": "Bearer x" } }),
            "the header `Authorization` carries a secret in the clear",
        ),
        (
            json!({ "url": url, "rate": "1/s", "for": "1s", "expect": { "time": "< 1s" } }),
            "the time of an answer is no reason to count it as failed",
        ),
    ] {
        assert_eq!(refused(&json, false), [message]);
    }
    let json = json!({ "url": url, "rate": "1/s", "for": "1s" });
    assert_eq!(refused(&json, true), ["`for` cannot stand beside `during`"]);
    assert_eq!(refused(&json!({ "url": url, "rate": "1/s" }), true), [""; 0]);
}

#[tokio::test]
async fn hands_on_what_it_counted() {
    let url = crate::http::tests::serve(|text| {
        let known = text.contains("authorization: Bearer t0ken\r\n") && text.contains("cookie: a=b; c=d\r\n");
        crate::http::tests::page(if known { "200 OK" } else { "401 No" }, "", "hello")
    })
    .await;
    let step: Traffic = body(&json!({
        "url": url, "rate": "200/s", "connections": 2, "requests": 20, "warmup": "0s", "keep_alive": false,
        "bearer": "t0ken", "cookies": { "a": "b", "c": "d" }, "expect": { "contains": "ell" },
    }));
    let trial = TestContext::new();
    let outcome = step.run(&trial.cx).await;
    let Ok(Outcome::Passed(outputs)) = outcome else { panic!("{outcome:?}") };
    let of = |name: &str| outputs[name].as_u64().expect("a number");
    assert_eq!((of("requests"), of("ok"), of("failed")), (20, 20, 0), "{outputs:?}");
    assert!(KIND.outputs.iter().filter(|row| row.name != "namespace").all(|row| outputs.contains_key(row.name)));
}

#[tokio::test]
async fn is_not_up_while_requests_fail_and_ends_at_once_when_cancelled() {
    let step: Traffic = body(&json!({ "url": "http://127.0.0.1:1/", "rate": "100/s" }));
    let mut trial = TestContext::new();
    trial.cx.signals.during = true;
    let cancel = trial.cx.signals.cancel.clone();
    let (outcome, ()) = tokio::join!(step.run(&trial.cx), async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        cancel.cancel();
    });
    assert_eq!(outcome, Ok(Outcome::failed("stopped before the warm-up came clean")));
    assert!(!trial.cx.signals.up.is_cancelled(), "it never came up");
}

#[tokio::test]
async fn needs_to_be_given_how_long_it_lasts() {
    let step: Traffic = body(&json!({ "url": "http://127.0.0.1:1/", "rate": "100/s" }));
    let fault = step.run(&TestContext::new().cx).await.expect_err("it would never end");
    assert_eq!(fault.message, "nothing says how long `traffic` lasts");
}
