//! HTTP requests, one at a time, for the `http` step and assertion. HTTP/1.1, TLS by rustls.

/// An HTTP client with kept-alive connections.
#[derive(Debug, Default)]
pub struct Http {}

impl Http {
    /// Opens nothing yet.
    pub fn new() -> Self {
        Http {}
    }
}
