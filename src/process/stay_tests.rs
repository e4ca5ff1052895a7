//! Claims about what outlives a child, or should not: its pipe, its helpers.

use std::sync::Mutex;
use std::time::Duration;

use super::tests::{never, sh};
use super::{Leftovers, LineSink, Running, capture_within};

#[tokio::test]
async fn a_helper_program_that_takes_too_long_is_ended_with_its_group() {
    let limit = Duration::from_millis(50);
    let fault = capture_within(&sh("sleep 1000 & wait"), 5, &never(), limit).await.expect_err("it takes too long");
    assert_eq!(fault.message, "`sh` did not end within 50ms");
    let said = capture_within(&sh("echo hi"), 5, &never(), Duration::from_secs(60)).await.expect("it ends");
    assert_eq!(&said.stdout[..], b"hi\n");
}

/// Keeps the pipe that it is given.
#[derive(Default)]
struct Adopts(Mutex<Option<std::os::fd::OwnedFd>>);

impl LineSink for Adopts {
    fn line(&self, _: &[u8]) {}

    fn adopt(&self, pipe: std::os::fd::OwnedFd) {
        *self.0.lock().expect("no panic while held") = Some(pipe);
    }
}

#[tokio::test]
async fn the_pipe_of_a_process_that_stays_is_handed_over() {
    use std::io::Read;
    for (script, leftovers, stays) in [
        ("(read x </dev/null; sleep 3; echo later) & echo now", Leftovers::Keep, true),
        ("sleep 1000 & echo now", Leftovers::End, false),
        ("echo now", Leftovers::Keep, false),
    ] {
        let sink = Adopts::default();
        Running::start(&sh(script)).expect("started").finish(&sink, &never(), leftovers).await.expect("it ends");
        let pipe = sink.0.into_inner().expect("no panic while held");
        assert_eq!(pipe.is_some(), stays, "{script}");
        let mut text = String::new();
        if let Some(pipe) = pipe {
            std::fs::File::from(pipe).read_to_string(&mut text).expect("it is read to its end");
        }
        assert_eq!(text, if stays { "later\n" } else { "" });
    }
}
