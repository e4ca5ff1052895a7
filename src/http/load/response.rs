//! Reading one HTTP/1 answer from bytes as they come: where it ends, what its status is, whether the connection lives on.
//! Pure; knows no socket.

use std::mem::MaybeUninit;

use crate::http::{MAX_HEAD, MAX_HEADERS};

/// Bytes of a body that are kept for the judge.
const KEPT: usize = 1 << 20;
/// Header lines that an answer may have.
const HEADERS: usize = MAX_HEADERS;
/// Header lines of most answers: an array for them costs nothing.
const FEW: usize = 64;

/// A whole answer, as the judge sees it.
#[derive(Debug)]
pub struct ResponseView<'a> {
    /// The status code.
    pub status: u16,
    /// The head as it came, without the status line.
    pub head: &'a [u8],
    /// The body, its first MiB.
    pub body: &'a [u8],
    /// Whether the body was longer.
    pub cut: bool,
}

impl ResponseView<'_> {
    /// The headers by name in lower case and value, in their order.
    pub fn headers(&self) -> Vec<(String, String)> {
        let mut slots = vec![httparse::EMPTY_HEADER; HEADERS];
        match httparse::parse_headers(self.head, &mut slots) {
            Ok(httparse::Status::Complete((_, headers))) => headers
                .iter()
                .map(|header| {
                    (header.name.to_ascii_lowercase(), String::from_utf8_lossy(header.value).trim().to_owned())
                })
                .collect(),
            _ => Vec::new(),
        }
    }
}

/// How far an answer has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// More bytes are needed.
    More,
    /// It is whole; this many of the bytes given last belong to it.
    Whole(usize),
    /// It is no HTTP answer.
    Malformed(&'static str),
}

/// How the end of a body is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Body {
    /// The head is not whole yet.
    Unknown,
    Length(u64),
    Chunked(Chunk),
    UntilClosed,
}

/// Where in a chunked body we are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Chunk {
    /// In the line that says how long the chunk is: so far, and whether its digits are over.
    Size(u64, bool),
    Content(u64),
    /// At the line end after the content.
    End,
    /// In the lines after the last chunk; whether this one has anything in it.
    Trailer(bool),
}

/// Reads one answer.
#[derive(Debug)]
pub(super) struct Answer {
    /// The status, once the head is whole.
    pub status: u16,
    /// Whether the connection may be used again.
    pub keep: bool,
    /// The head without its first line and the body, where they are wanted.
    pub head: Vec<u8>,
    pub body: Vec<u8>,
    /// Whether the body was longer than what is kept of it.
    pub cut: bool,
    wanted: bool,
    to_head: bool,
    framing: Body,
}

impl Answer {
    /// `wanted`: whether head and body are kept.
    pub fn new(wanted: bool) -> Self {
        Answer {
            status: 0,
            keep: false,
            head: Vec::new(),
            body: Vec::new(),
            cut: false,
            wanted,
            to_head: false,
            framing: Body::Unknown,
        }
    }

    /// Starts over with the answer to the next request; `to_head` says that it was a HEAD request.
    pub fn begin(&mut self, to_head: bool) {
        self.status = 0;
        self.head.clear();
        self.body.clear();
        self.cut = false;
        self.to_head = to_head;
        self.framing = Body::Unknown;
    }

    /// Takes in the bytes that have come and were not used yet. Returns how far it is, and how many were used.
    pub fn take(&mut self, bytes: &[u8]) -> (Progress, usize) {
        let mut used = 0;
        while self.framing == Body::Unknown {
            match self.read_head(&bytes[used..]) {
                Ok(Some(length)) => used += length,
                Ok(None) => return (Progress::More, used),
                Err(why) => return (Progress::Malformed(why), used),
            }
        }
        let (progress, more) = self.read_body(&bytes[used..]);
        used += more;
        (if let Progress::Whole(_) = progress { Progress::Whole(used) } else { progress }, used)
    }

    /// The connection was closed: whether the answer is whole by that.
    pub fn closed(&self) -> bool {
        self.framing == Body::UntilClosed
    }

    /// The head as HTTP/2 tells it.
    pub fn head_came(&mut self, status: u16, headers: &http::HeaderMap) {
        self.status = status;
        self.keep = true;
        if self.wanted {
            for (name, value) in headers {
                for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
                    self.head.extend_from_slice(part);
                }
            }
            self.head.extend_from_slice(b"\r\n");
        }
    }

    /// A part of the body, as HTTP/2 tells it.
    pub fn body_came(&mut self, bytes: &[u8]) {
        self.keep_body(bytes);
    }

    fn read_head(&mut self, bytes: &[u8]) -> Result<Option<usize>, &'static str> {
        if bytes.is_empty() {
            return Ok(None);
        }
        let mut few = [const { MaybeUninit::uninit() }; FEW];
        let mut many;
        let mut response = httparse::Response::new(&mut []);
        let config = httparse::ParserConfig::default();
        let mut parsed = config.parse_response_with_uninit_headers(&mut response, bytes, &mut few);
        if parsed == Err(httparse::Error::TooManyHeaders) {
            many = vec![MaybeUninit::uninit(); HEADERS];
            response = httparse::Response::new(&mut []);
            parsed = config.parse_response_with_uninit_headers(&mut response, bytes, &mut many);
        }
        let length = match parsed {
            Ok(httparse::Status::Complete(length)) => length,
            Ok(httparse::Status::Partial) if bytes.len() >= MAX_HEAD => return Err("its head is larger than 512 KiB"),
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(httparse::Error::TooManyHeaders) => return Err("it has more than 1024 header lines"),
            Err(_) => return Err("it is not an HTTP/1 answer"),
        };
        let status = response.code.unwrap_or(0);
        if (100..200).contains(&status) && status != 101 {
            // Not the answer yet.
            return Ok(Some(length));
        }
        self.status = status;
        self.keep = response.version == Some(1);
        self.framing = Body::UntilClosed;
        for header in response.headers.iter() {
            let name = header.name.as_bytes();
            if name.eq_ignore_ascii_case(b"content-length") {
                if !matches!(self.framing, Body::Chunked(_)) {
                    self.framing = Body::Length(number(header.value).ok_or("its content-length is no number")?);
                }
            } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
                if ends_with_word(header.value, b"chunked") {
                    self.framing = Body::Chunked(Chunk::Size(0, false));
                }
            } else if name.eq_ignore_ascii_case(b"connection") {
                if holds_word(header.value, b"close") {
                    self.keep = false;
                } else if holds_word(header.value, b"keep-alive") {
                    self.keep = true;
                }
            }
        }
        if self.to_head || status == 204 || status == 304 {
            self.framing = Body::Length(0);
        }
        if self.framing == Body::UntilClosed {
            self.keep = false;
        }
        if self.wanted {
            let first = bytes.iter().position(|byte| *byte == b'\n').map_or(0, |at| at + 1);
            self.head.extend_from_slice(&bytes[first..length]);
        }
        Ok(Some(length))
    }

    fn keep_body(&mut self, bytes: &[u8]) {
        if self.wanted {
            let room = KEPT.saturating_sub(self.body.len()).min(bytes.len());
            self.body.extend_from_slice(&bytes[..room]);
            self.cut |= room < bytes.len();
        }
    }

    fn read_body(&mut self, bytes: &[u8]) -> (Progress, usize) {
        match self.framing {
            Body::Unknown => (Progress::More, 0),
            Body::UntilClosed => {
                self.keep_body(bytes);
                (Progress::More, bytes.len())
            }
            Body::Length(left) => {
                let here = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
                self.keep_body(&bytes[..here]);
                let left = left - here as u64;
                self.framing = Body::Length(left);
                (if left == 0 { Progress::Whole(0) } else { Progress::More }, here)
            }
            Body::Chunked(chunk) => self.read_chunks(chunk, bytes),
        }
    }

    fn read_chunks(&mut self, mut chunk: Chunk, bytes: &[u8]) -> (Progress, usize) {
        let mut at = 0;
        while at < bytes.len() {
            let byte = bytes[at];
            chunk = match chunk {
                Chunk::Content(left) => {
                    let here = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len() - at);
                    self.keep_body(&bytes[at..at + here]);
                    at += here;
                    let left = left - here as u64;
                    if left == 0 { Chunk::End } else { Chunk::Content(left) }
                }
                Chunk::End => {
                    at += 1;
                    match byte {
                        b'\r' => Chunk::End,
                        b'\n' => Chunk::Size(0, false),
                        _ => return (Progress::Malformed("a chunk does not end where it should"), at),
                    }
                }
                Chunk::Size(size, over) => {
                    at += 1;
                    match (byte, (byte as char).to_digit(16)) {
                        (b'\n', _) if size == 0 => Chunk::Trailer(false),
                        (b'\n', _) => Chunk::Content(size),
                        (_, Some(digit)) if !over && size < 1 << 58 => Chunk::Size(size * 16 + u64::from(digit), false),
                        (b';' | b'\r' | b' ', _) => Chunk::Size(size, true),
                        _ if over => Chunk::Size(size, true),
                        _ => return (Progress::Malformed("a chunk has no length"), at),
                    }
                }
                Chunk::Trailer(something) => {
                    at += 1;
                    match byte {
                        b'\n' if !something => return (Progress::Whole(0), at),
                        b'\n' => Chunk::Trailer(false),
                        b'\r' => Chunk::Trailer(something),
                        _ => Chunk::Trailer(true),
                    }
                }
            };
        }
        self.framing = Body::Chunked(chunk);
        (Progress::More, at)
    }
}

fn number(bytes: &[u8]) -> Option<u64> {
    std::str::from_utf8(bytes).ok()?.trim().parse().ok()
}

fn words(value: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii)
}

fn holds_word(value: &[u8], word: &[u8]) -> bool {
    words(value).any(|one| one.eq_ignore_ascii_case(word))
}

fn ends_with_word(value: &[u8], word: &[u8]) -> bool {
    words(value).next_back().is_some_and(|one| one.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests;
