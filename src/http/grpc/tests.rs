//! Calls against a server of this process that speaks HTTP/2.

use super::*;

/// What a server answers to a path: a status in the head, or a message and a status at its end.
#[derive(Clone, Copy)]
enum Says {
    Message(&'static [u8], u32),
    Head(u32, &'static str),
    Web,
    NoEnd,
}

async fn server(says: fn(&str) -> Says) -> Server {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("loopback");
    let address = listener.local_addr().expect("bound").to_string();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let Ok(mut connection) = h2::server::handshake(stream).await else { return };
                while let Some(Ok((request, respond))) = connection.accept().await {
                    answer(says(request.uri().path()), respond);
                }
            });
        }
    });
    Server { address, name: None, trust: None, timeout: Duration::from_secs(5) }
}

fn answer(says: Says, mut respond: h2::server::SendResponse<Bytes>) {
    let head = |kind: &str| http::Response::builder().header("content-type", kind);
    let trailers = |code: u32| {
        let mut map = HeaderMap::new();
        map.insert("grpc-status", code.into());
        map
    };
    match says {
        Says::Message(message, code) => {
            let response = head("application/grpc").body(()).expect("well formed");
            let mut stream = respond.send_response(response, false).expect("open");
            stream.send_data(framed(message), false).expect("open");
            stream.send_trailers(trailers(code)).expect("open");
        }
        Says::Head(code, message) => {
            let response = head("application/grpc").header("grpc-status", code).header("grpc-message", message);
            respond.send_response(response.body(()).expect("well formed"), true).expect("open");
        }
        Says::Web => {
            respond.send_response(head("text/html").body(()).expect("well formed"), true).expect("open");
        }
        Says::NoEnd => {
            let response = head("application/grpc").body(()).expect("well formed");
            let mut stream = respond.send_response(response, false).expect("open");
            stream.send_data(framed(b"\x08\x01"), true).expect("open");
        }
    }
}

async fn health(says: fn(&str) -> Says) -> Result<Health, GrpcError> {
    check(&server(says).await, "").await.map(|(_, health, _)| health)
}

#[tokio::test]
async fn reads_what_the_server_says() {
    assert_eq!(health(|_| Says::Message(b"\x08\x01", 0)).await, Ok(Health::Serving));
    assert_eq!(health(|_| Says::Message(b"\x08\x02", 0)).await, Ok(Health::NotServing));
    let missing = health(|_| Says::Head(5, "unknown%20service")).await.expect_err("not found");
    assert_eq!((missing.to_string().as_str(), missing.is_answer()), ("NOT_FOUND: unknown service", true));
}

#[tokio::test]
async fn an_answer_without_a_status_at_its_end_is_not_whole() {
    let error = health(|_| Says::NoEnd).await.expect_err("cut");
    assert_eq!(error.to_string(), "the answer has no status at its end");
    assert!(health(|_| Says::Message(b"\x08\x01", 14)).await.is_err(), "its status counts, not its message");
}

#[tokio::test]
async fn what_is_not_grpc_is_not_an_answer() {
    let error = health(|_| Says::Web).await.expect_err("a web server");
    assert!(!error.is_answer());
    assert_eq!(error.to_string(), "what answers does not speak gRPC: status 200");
}

#[tokio::test]
async fn reflection_falls_back_to_its_first_version() {
    let says = |path: &str| match path {
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo" => Says::Head(12, "no"),
        _ => Says::Message(b"\x32\x05\x0a\x03\x0a\x01a", 0),
    };
    let connection = Connection::open(&server(says).await).await.expect("a connection");
    assert_eq!(connection.services().await, Ok(vec!["a".to_owned()]));
}

#[tokio::test]
async fn a_port_that_nothing_listens_on_is_an_answer() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback");
    let address = listener.local_addr().expect("bound").to_string();
    drop(listener);
    let server = Server { address, name: None, trust: None, timeout: Duration::from_secs(5) };
    let error = Connection::open(&server).await.err().expect("refused");
    assert_eq!((error.to_string().as_str(), error.is_answer()), ("connection refused", true));
}
