//! `grpc`: what cannot be measured, and bodies that make no sense. Its client has tests of its own.

use serde_json::json;

use super::*;
use crate::core::kind::test_context::{TestContext, body, complaints};

#[tokio::test]
async fn no_connection_does_not_hold() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback");
    let address = listener.local_addr().expect("bound").to_string();
    drop(listener);
    let verdict = body::<Grpc>(&json!({ "address": address })).measure(&TestContext::new().cx).await;
    let measures = vec![Measure::new("status", "no answer (connection refused)", "SERVING", false)];
    assert_eq!(verdict, Ok(Verdict::Unmet { measures }));
}

#[tokio::test]
async fn a_server_that_speaks_something_else_is_not_measured() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("loopback");
    let address = listener.local_addr().expect("bound").to_string();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
    });
    let fault = body::<Grpc>(&json!({ "address": address, "timeout": "2s" })).measure(&TestContext::new().cx).await;
    assert!(!matches!(fault, Ok(Verdict::Holds { .. })), "{fault:?}");
}

#[test]
fn refuses_bodies_that_make_no_sense() {
    for (json, message) in [
        (json!({}), "the server is missing: `address` or `service`"),
        (json!({ "address": "a:1", "service": "b" }), "`address` and `service` cannot stand together"),
        (
            json!({ "address": "a:1", "port": "grpc" }),
            "`port` is of a `service`, and the server is named by its `address`",
        ),
        (json!({ "address": "a:1", "server_name": "b" }), "`server_name` has no meaning without TLS"),
    ] {
        let found = complaints(&json, false, |cx| body::<Grpc>(&json).check(cx));
        assert_eq!(found.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>(), [message], "{json}");
    }
}
