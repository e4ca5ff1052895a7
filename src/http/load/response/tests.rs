//! Claims about reading answers, whole and in the smallest pieces.

use super::*;

/// Status, body, whether the connection lives on, and how many bytes were left; `None` while more are needed.
fn read(text: &str, to_head: bool) -> Option<(u16, String, bool, usize)> {
    let mut answer = Answer::new(true);
    answer.begin(to_head);
    match answer.take(text.as_bytes()) {
        (Progress::Whole(used), _) => {
            Some((answer.status, String::from_utf8_lossy(&answer.body).into_owned(), answer.keep, text.len() - used))
        }
        (Progress::More, _) => None,
        (Progress::Malformed(why), _) => panic!("{why}"),
    }
}

/// The same, one byte at a time.
fn read_slowly(text: &str) -> Option<(u16, String, bool)> {
    let mut answer = Answer::new(true);
    answer.begin(false);
    let mut pending = Vec::new();
    for byte in text.bytes() {
        pending.push(byte);
        match answer.take(&pending) {
            (Progress::Whole(_), _) => {
                return Some((answer.status, String::from_utf8_lossy(&answer.body).into_owned(), answer.keep));
            }
            (_, used) => drop(pending.drain(..used)),
        }
    }
    None
}

#[test]
fn an_answer_ends_where_its_length_says() {
    let text = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
    assert_eq!(read(text, false), Some((200, "hello".to_owned(), true, 0)));
    assert_eq!(read(&format!("{text}more"), false), Some((200, "hello".to_owned(), true, 4)));
    assert_eq!(read("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello", false), None);
}

#[test]
fn an_answer_ends_with_its_last_chunk() {
    let text =
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n5;x=y\r\nhello\r\n1\r\n!\r\n0\r\nX: y\r\n\r\n";
    assert_eq!(read(text, false), Some((200, "hello!".to_owned(), true, 0)));
    assert_eq!(read_slowly(text), Some((200, "hello!".to_owned(), true)));
}

#[test]
fn some_answers_have_no_body() {
    assert_eq!(read("HTTP/1.1 204 No Content\r\n\r\n", false), Some((204, String::new(), true, 0)));
    assert_eq!(read("HTTP/1.1 304 Not Modified\r\n\r\n", false), Some((304, String::new(), true, 0)));
    assert_eq!(read("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", true), Some((200, String::new(), true, 0)));
}

#[test]
fn an_interim_answer_is_not_the_answer() {
    let text = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(read(text, false), Some((201, String::new(), true, 0)));
    assert_eq!(read_slowly(text), Some((201, String::new(), true)));
}

#[test]
fn a_connection_lives_on_as_both_versions_say() {
    for (head, keep) in [
        ("HTTP/1.1 200 OK\r\nconnection: close\r\n", false),
        ("HTTP/1.1 200 OK\r\nConnection: Upgrade, Close\r\n", false),
        ("HTTP/1.0 200 OK\r\n", false),
        ("HTTP/1.0 200 OK\r\nconnection: Keep-Alive\r\n", true),
    ] {
        let text = format!("{head}content-length: 0\r\n\r\n");
        assert_eq!(read(&text, false).map(|read| read.2), Some(keep), "{head}");
    }
}

#[test]
fn without_a_length_it_ends_with_the_connection() {
    let mut answer = Answer::new(true);
    answer.begin(false);
    assert_eq!(answer.take(b"HTTP/1.1 200 OK\r\n\r\nhe"), (Progress::More, 21));
    assert_eq!(answer.take(b"llo"), (Progress::More, 3));
    assert!(answer.closed() && !answer.keep);
    assert_eq!(answer.body, b"hello");
}

#[test]
fn what_is_not_an_answer_is_reported() {
    for (text, why) in [
        ("SSH-2.0-OpenSSH\r\n", "it is not an HTTP/1 answer"),
        ("HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n", "its content-length is no number"),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nhello", "a chunk has no length"),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nhello", "a chunk does not end where it should"),
    ] {
        let mut answer = Answer::new(false);
        answer.begin(false);
        assert_eq!(answer.take(text.as_bytes()).0, Progress::Malformed(why));
    }
}

#[test]
fn the_judge_sees_headers_in_lower_case() {
    let mut answer = Answer::new(true);
    answer.begin(false);
    answer.take(b"HTTP/1.1 200 OK\r\nX-A:  1 \r\ncontent-length: 0\r\n\r\n");
    let response = ResponseView { status: 200, head: &answer.head, body: &answer.body, cut: answer.cut };
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(response.headers(), [pair("x-a", "1"), pair("content-length", "0")]);
}

#[test]
fn reads_a_head_of_many_lines_and_refuses_one_of_too_many() {
    let head = |lines: usize| {
        let lines = "x: 1\r\n".repeat(lines);
        format!("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n{lines}\r\n")
    };
    let text = head(300);
    let mut answer = Answer::new(true);
    answer.begin(false);
    assert_eq!(answer.take(text.as_bytes()), (Progress::Whole(text.len()), text.len()));
    let response = ResponseView { status: 200, head: &answer.head, body: &answer.body, cut: answer.cut };
    assert_eq!(response.headers().len(), 301);
    answer.begin(false);
    let malformed = Progress::Malformed("it has more than 1024 header lines");
    assert_eq!(answer.take(head(2000).as_bytes()).0, malformed);
}

#[test]
fn a_body_that_is_larger_than_what_is_kept_is_marked_as_cut() {
    let mut answer = Answer::new(true);
    answer.begin(false);
    answer.take(b"HTTP/1.1 200 OK\r\ncontent-length: 2000000\r\n\r\n");
    answer.take(&vec![b'x'; KEPT]);
    assert!(!answer.cut);
    answer.take(b"x");
    assert!(answer.cut);
    answer.begin(false);
    assert!(!answer.cut, "the next answer starts over");
}
