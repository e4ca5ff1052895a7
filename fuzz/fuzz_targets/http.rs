//! HTTP answers: a server that answers every request with these bytes and hangs up. Nothing may panic, hang, or be read
//! beyond its limit.
#![no_main]

use std::sync::OnceLock;
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use pipeline::http::{Http, Request, Trust};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

const LIMIT: usize = 4096;

fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime"))
}

fuzz_target!(|data: &[u8]| {
    runtime().block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let answer = data.to_vec();
        let server = tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let mut head = [0; 1024];
                let _ = socket.read(&mut head).await;
                let _ = socket.write_all(&answer).await;
            }
        });
        let mut request = Request::get(format!("http://127.0.0.1:{port}/"));
        request.timeout = Duration::from_secs(5);
        request.limit = LIMIT;
        // to itself only: a redirect elsewhere is not for a fuzzer to follow
        request.redirects = 0;
        if let Ok(answer) = Http::new().send(&request, &Trust::default()).await {
            assert!(answer.body.len() <= LIMIT, "{} bytes were read", answer.body.len());
        }
        server.abort();
    });
});
