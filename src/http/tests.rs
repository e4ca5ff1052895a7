//! Claims about requests, against servers of a few lines on a free local port.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

/// Answers one request a connection, by its first line; `None` closes the connection without a word.
pub(crate) async fn serve(answer: fn(&str) -> Option<String>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut text, mut chunk) = (String::new(), [0; 4096]);
                while !text.contains("\r\n\r\n") {
                    match stream.read(&mut chunk).await {
                        Ok(count @ 1..) => text.push_str(&String::from_utf8_lossy(&chunk[..count])),
                        _ => return,
                    }
                }
                if let Some(answer) = answer(&text) {
                    let _ = stream.write_all(answer.as_bytes()).await;
                }
            });
        }
    });
    format!("http://{address}")
}

/// An answer that closes the connection after it, as `serve` takes one.
#[expect(clippy::unnecessary_wraps, reason = "`serve` takes no answer too")]
pub(crate) fn page(status: &str, headers: &str, body: &str) -> Option<String> {
    let length = body.len();
    Some(format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}"))
}

async fn get(url: String) -> Result<Answer, HttpError> {
    Http::new().send(&Request::get(url), &Trust::default()).await
}

#[tokio::test]
async fn reads_status_headers_and_body() {
    let url = serve(|_| page("201 Created", "X-A: 1\r\nX-A: 2\r\n", "hello")).await;
    let answer = get(url).await.expect("it answers");
    assert_eq!((answer.status, &answer.body[..], answer.cut), (201, &b"hello"[..], false));
    assert_eq!(answer.headers["x-a"], "1, 2");
}

#[tokio::test]
async fn sends_method_headers_and_body() {
    let url = serve(|text| {
        let there = text.starts_with("PUT /x?y=1 ") && text.contains("x-token: t\r\n");
        page(if there { "200 OK" } else { "400 Bad Request" }, "", text.rsplit("\r\n\r\n").next().unwrap_or_default())
    })
    .await;
    let request = Request {
        method: "PUT".to_owned(),
        headers: BTreeMap::from([("X-Token".to_owned(), "t".to_owned())]),
        body: b"data".to_vec(),
        ..Request::get(format!("{url}/x?y=1"))
    };
    let answer = Http::new().send(&request, &Trust::default()).await.expect("it answers");
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn follows_redirects_only_where_asked() {
    fn answer(text: &str) -> Option<String> {
        if text.starts_with("GET /there ") {
            page("200 OK", "", "here")
        } else {
            page("302 Found", "location: /there\r\n", "")
        }
    }
    let url = serve(answer).await;
    assert_eq!(get(url.clone()).await.map(|answer| answer.status), Ok(302));
    let request = Request { redirects: 3, ..Request::get(url) };
    let answer = Http::new().send(&request, &Trust::default()).await.expect("it answers");
    assert_eq!((answer.status, answer.body), (200, b"here".to_vec()));
}

#[tokio::test]
async fn cuts_the_body_at_the_limit() {
    let url = serve(|_| page("200 OK", "", "0123456789")).await;
    let request = Request { limit: 4, ..Request::get(url) };
    let answer = Http::new().send(&request, &Trust::default()).await.expect("it answers");
    assert_eq!((answer.body, answer.cut), (b"0123".to_vec(), true));
}

#[tokio::test]
async fn reads_a_large_head_and_names_the_limit_of_a_larger_one() {
    fn many(lines: usize) -> Option<String> {
        page("200 OK", &"x: 1\r\n".repeat(lines), "")
    }
    let answer = get(serve(|_| many(300)).await).await.expect("it answers");
    assert_eq!(answer.headers["x"], ["1"; 300].join(", "));
    let answer = get(serve(|_| page("200 OK", &format!("x: {}\r\n", "1".repeat(100_000)), "")).await).await;
    assert_eq!(answer.expect("it answers").headers["x"].len(), 100_000);
    let error = get(serve(|_| many(2000)).await).await.expect_err("too many");
    assert_eq!(error.to_string(), "the answer has more than 1024 header lines, or a head of more than 524 kB");
}

#[tokio::test]
async fn tells_refused_from_reset_from_silence_from_no_such_host() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let silent = format!("http://{}", listener.local_addr().expect("bound"));
    let request = Request { timeout: Duration::from_millis(50), ..Request::get(silent.clone()) };
    let silence = Http::new().send(&request, &Trust::default()).await;
    assert_eq!(silence, Err(HttpError::TimedOut(Duration::from_millis(50))));
    // Bound, so that no other process can take the port, but not listening.
    let closed = tokio::net::TcpSocket::new_v4().expect("a socket");
    closed.bind(([127, 0, 0, 1], 0).into()).expect("a free port");
    let refused = format!("http://{}", closed.local_addr().expect("bound"));
    assert_eq!(get(refused).await, Err(HttpError::Refused));
    assert_eq!(get(serve(|_| None).await).await, Err(HttpError::Reset));
    let short = serve(|_| Some("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nshort".to_owned())).await;
    assert_eq!(get(short).await, Err(HttpError::Reset));
    assert!(matches!(get("http://no-such-host.invalid/".to_owned()).await, Err(HttpError::Dns(_))));
}

#[tokio::test]
async fn says_that_a_port_does_not_speak_tls() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let plain = format!("https://{}", listener.local_addr().expect("bound"));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
    });
    let insecure = Trust { insecure: true, ca: None };
    let said = Http::new().send(&Request::get(plain), &insecure).await;
    assert_eq!(said, Err(HttpError::Tls("the server does not speak TLS on this port".to_owned())));
}

#[tokio::test]
async fn a_request_that_cannot_be_sent_is_no_answer() {
    let error = get("localhost".to_owned()).await.expect_err("no URL");
    assert!(!error.is_answer());
    let request = Request {
        headers: BTreeMap::from([("X".to_owned(), "a\nb".to_owned())]),
        ..Request::get("http://127.0.0.1:1")
    };
    let error = Http::new().send(&request, &Trust::default()).await.expect_err("no header");
    assert_eq!(error, HttpError::Header("X".to_owned()));
}

fn by_proxy(proxy: &str, url: &str) -> Request {
    let env = ["HTTP_PROXY", "HTTPS_PROXY"].map(|name| (name.to_owned(), proxy.replace("//", "//me:pass@"))).into();
    Request { proxies: Proxies::of(&env), ..Request::get(url) }
}

#[tokio::test]
async fn a_proxy_gets_the_whole_url_and_who_we_are() {
    let proxy = serve(|text| {
        let whole = text.starts_with("GET http://shop.invalid:81/a?b HTTP/1.1\r\n");
        let known =
            text.contains("proxy-authorization: Basic bWU6cGFzcw==\r\n") && text.contains("host: shop.invalid:81\r\n");
        page(if whole && known { "200 OK" } else { "400 Bad Request" }, "", text)
    })
    .await;
    let request = by_proxy(&proxy, "http://shop.invalid:81/a?b");
    let answer = Http::new().send(&request, &Trust::default()).await.expect("the proxy answers");
    assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
}

#[tokio::test]
async fn a_proxy_that_does_not_let_us_through_is_named() {
    let proxy = serve(|text| {
        let wanted = text.starts_with("CONNECT shop.invalid:443 HTTP/1.1\r\n") || text.starts_with("GET http://");
        page(if wanted { "407 Proxy Authentication Required" } else { "400 Bad Request" }, "", "")
    })
    .await;
    let named = proxy.trim_start_matches("http://");
    for (url, why) in [
        ("https://shop.invalid/", "proxy authorization required"),
        ("http://shop.invalid/", "it wants to know who asks (407)"),
    ] {
        let said = Http::new().send(&by_proxy(&proxy, url), &Trust::default()).await;
        assert_eq!(said, Err(HttpError::Proxy { proxy: named.to_owned(), why: why.to_owned() }));
    }
    for url in ["https://shop.invalid/", "http://shop.invalid/"] {
        let said = Http::new().send(&by_proxy("http://127.0.0.1:1", url), &Trust::default()).await;
        let why = "connection refused".to_owned();
        assert_eq!(said, Err(HttpError::Proxy { proxy: "127.0.0.1:1".to_owned(), why }));
    }
}

#[tokio::test]
async fn https_runs_through_the_tunnel_of_a_proxy() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let proxy = format!("http://{}", listener.local_addr().expect("bound"));
    let heard = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("somebody asks");
        let (mut text, mut chunk) = (Vec::new(), [0; 4096]);
        while !text.ends_with(b"\r\n\r\n") {
            let count = stream.read(&mut chunk).await.expect("the question");
            text.extend_from_slice(&chunk[..count]);
        }
        stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.expect("it listens");
        let mut hello = [0];
        stream.read_exact(&mut hello).await.expect("TLS begins");
        (String::from_utf8_lossy(&text).into_owned(), hello[0])
    });
    let insecure = Trust { insecure: true, ca: None };
    let said = Http::new().send(&by_proxy(&proxy, "https://shop.invalid/"), &insecure).await;
    assert!(said.is_err(), "the other end says nothing in TLS");
    let (asked, first) = heard.await.expect("it heard");
    assert!(asked.starts_with("CONNECT shop.invalid:443 HTTP/1.1\r\n"), "{asked}");
    // 22 opens a TLS handshake
    assert_eq!(first, 22);
}
