//! Claims about HTTP/2 and TLS, against a server that speaks both.

use std::sync::atomic::AtomicU64;

use h2::Reason;
use hyper::body::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::Barrier;
use tokio_rustls::TlsAcceptor;

use super::*;

/// What is done with a request, by its number.
#[derive(Clone, Copy)]
enum Does {
    Answer,
    Status(u16),
    /// Says that it was not looked at.
    Refuse,
    Reset,
    /// Answers, and closes the connection in the way of HTTP/2.
    GoAway,
    /// Closes the connection without a word.
    Close,
}

struct Seen {
    requests: AtomicU64,
    answers: AtomicU64,
    connections: AtomicU64,
}

struct Server2 {
    url: String,
    seen: Arc<Seen>,
}

impl Server2 {
    async fn start(does: fn(u64) -> Does, together: usize, tls: Option<Arc<rustls::ServerConfig>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let scheme = if tls.is_some() { "https" } else { "http" };
        let url = format!("{scheme}://{}/a", listener.local_addr().expect("bound"));
        let seen =
            Arc::new(Seen { requests: AtomicU64::new(0), answers: AtomicU64::new(0), connections: AtomicU64::new(0) });
        let (here, together) = (Arc::clone(&seen), Arc::new(Barrier::new(together)));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (seen, together, tls) = (Arc::clone(&here), Arc::clone(&together), tls.clone());
                tokio::spawn(async move {
                    let Some(config) = tls else { return serve(stream, does, seen, together).await };
                    let Ok(stream) = TlsAcceptor::from(config).accept(stream).await else { return };
                    match stream.get_ref().1.alpn_protocol() {
                        Some(b"h2") => serve(stream, does, seen, together).await,
                        _ => answer_http1(stream, &seen).await,
                    }
                });
            }
        });
        Server2 { url, seen }
    }

    fn count(&self, of: fn(&Seen) -> &AtomicU64) -> u64 {
        of(&self.seen).load(Ordering::SeqCst)
    }
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    does: fn(u64) -> Does,
    seen: Arc<Seen>,
    together: Arc<Barrier>,
) {
    seen.connections.fetch_add(1, Ordering::SeqCst);
    let Ok(mut connection) = h2::server::handshake(stream).await else { return };
    while let Some(Ok((request, mut respond))) = connection.accept().await {
        assert_eq!((request.uri().path(), request.version()), ("/a", http::Version::HTTP_2));
        let does = does(seen.requests.fetch_add(1, Ordering::SeqCst));
        let status = match does {
            Does::Close => return,
            Does::Refuse => {
                respond.send_reset(Reason::REFUSED_STREAM);
                continue;
            }
            Does::Reset => {
                respond.send_reset(Reason::INTERNAL_ERROR);
                continue;
            }
            Does::GoAway => {
                connection.graceful_shutdown();
                200
            }
            Does::Answer => 200,
            Does::Status(status) => status,
        };
        let (seen, together) = (Arc::clone(&seen), Arc::clone(&together));
        tokio::spawn(async move {
            together.wait().await;
            let head = http::Response::builder().status(status).header("x-a", "b").body(()).expect("well formed");
            let Ok(mut body) = respond.send_response(head, false) else { return };
            let _ = body.send_data(Bytes::from_static(b"ok"), true);
            seen.answers.fetch_add(1, Ordering::SeqCst);
        });
    }
}

/// One answer, and the end.
async fn answer_http1<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, seen: &Seen) {
    let mut bytes = [0; 1024];
    let _ = stream.read(&mut bytes).await;
    seen.requests.fetch_add(1, Ordering::SeqCst);
    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok").await;
    let _ = stream.shutdown().await;
}

/// `requests` of them, on `connections` with `streams` each, as fast as they are answered.
fn load2(url: &str, trust: &Trust, requests: u64, connections: usize, streams: usize) -> Load {
    let protocol = Protocol::Http2 { streams };
    let target = Target::new(&Request::get(url), trust, protocol, true).expect("well formed");
    let judge = Arc::new(Expects(Some("ok")));
    Load { targets: vec![target], protocol, connections, judge, ..load(url, Pace::Closed, Until::Requests(requests)) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_connection_carries_several_requests_at_once() {
    // It answers eight together or none.
    let server = Server2::start(|_| Does::Answer, 8, None).await;
    let report = measured(load2(&server.url, &Trust::default(), 80, 1, 8)).await;
    assert_eq!((report.counts.requests, report.counts.ok()), (80, 80), "{:?}", report.failures);
    assert_eq!((server.count(|seen| &seen.answers), server.count(|seen| &seen.connections)), (80, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_goes_away_in_order_loses_nothing() {
    let does = |number| if number % 50 == 49 { Does::GoAway } else { Does::Answer };
    let server = Server2::start(does, 1, None).await;
    let report = measured(load2(&server.url, &Trust::default(), 2000, 2, 4)).await;
    let counts = &report.counts;
    assert_eq!((counts.requests, counts.failed()), (2000, 0), "{:?}", report.failures);
    assert_eq!(counts.ok(), server.count(|seen| &seen.answers), "no request is sent twice");
    assert!(server.count(|seen| &seen.connections) > 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_http2_says_of_a_lost_request_is_believed() {
    let does = |number| match number % 10 {
        2 => Does::Status(503),
        4 => Does::Refuse,
        6 => Does::Reset,
        9 => Does::Close,
        _ => Does::Answer,
    };
    let server = Server2::start(does, 1, None).await;
    let report = measured(load2(&server.url, &Trust::default(), 200, 1, 1)).await;
    let of = |cause| report.counts.of(cause);
    assert_eq!((of(Cause::WrongStatus), of(Cause::StaleConnection), of(Cause::Reset)), (20, 20, 20));
    assert_eq!((of(Cause::Closed), report.counts.ok()), (20, 120), "{:?}", report.failures);
    assert_eq!(server.count(|seen| &seen.requests), 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn http2_latency_runs_out_of_time_without_breaking_the_connection() {
    // Two are never answered together: only one is ever under way.
    let server = Server2::start(|_| Does::Answer, 2, None).await;
    let mut load = load2(&server.url, &Trust::default(), 3, 1, 1);
    load.timeout = Duration::from_millis(200);
    let report = measured(load).await;
    // The first one's answer is made ready by the second, which is answered with it: in turns.
    assert_eq!(report.counts.requests, 3);
    assert!(report.counts.of(Cause::TimedOut) >= 1, "{:?}", report.counts);
    assert_eq!(server.count(|seen| &seen.connections), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn trusts_the_given_certificate_alone_and_agrees_on_http2() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("ca.pem");
    let tls = certificate::server(&file, &[b"h2", b"http/1.1"]);
    let server = Server2::start(|_| Does::Answer, 1, Some(tls)).await;
    let ours = Trust { ca: Some(file), insecure: false };
    let report = measured(load2(&server.url, &ours, 50, 2, 2)).await;
    assert_eq!((report.counts.ok(), server.count(|seen| &seen.connections)), (50, 2), "{:?}", report.failures);
    let insecure = Trust { ca: None, insecure: true };
    assert_eq!(measured(load2(&server.url, &insecure, 5, 1, 1)).await.counts.ok(), 5);
    let other = folder.path().join("other.pem");
    certificate::server(&other, &[]);
    let other = Trust { ca: Some(other), insecure: false };
    let report = measured(load2(&server.url, &other, 5, 1, 1)).await;
    assert_eq!(report.counts.of(Cause::Tls), 5, "{:?}", report.failures);
    // The same server, the same certificate, HTTP/1.1.
    let target = Target::new(&Request::get(&server.url), &ours, Protocol::Http1, true).expect("well formed");
    let one = Load { targets: vec![target], ..load(&server.url, Pace::Closed, Until::Requests(5)) };
    assert_eq!(measured(one).await.counts.ok(), 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_without_http2_is_reported_as_such() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("ca.pem");
    let tls = certificate::server(&file, &[]);
    let server = Server2::start(|_| Does::Answer, 1, Some(tls)).await;
    let report = measured(load2(&server.url, &Trust { ca: Some(file), insecure: false }, 3, 1, 1)).await;
    assert_eq!(report.counts.of(Cause::Tls), 3);
    assert_eq!(report.failures[0].detail, "the server does not speak HTTP/2");
}
