//! The lines of one log: any bytes, to the end; and what the node says in its place.

use std::io;

use futures::io::{AsyncBufRead, AsyncBufReadExt};

use crate::core::model::outcome::Fault;
use crate::kubernetes::client::ClusterError;

/// Hands every line to `each`, without its end. What is no UTF-8 is shown as U+FFFD.
///
/// # Errors
/// When the log breaks off.
pub(super) async fn lines(mut log: impl AsyncBufRead + Unpin, mut each: impl FnMut(&str)) -> io::Result<()> {
    let mut line = Vec::new();
    while log.read_until(b'\n', &mut line).await? > 0 {
        let text = line.strip_suffix(b"\n").unwrap_or(&line);
        each(&String::from_utf8_lossy(text.strip_suffix(b"\r").unwrap_or(text)));
        line.clear();
    }
    Ok(())
}

/// That a log broke off.
pub(super) fn broken(doing: &str, error: &io::Error) -> ClusterError {
    let why = match error.kind() {
        io::ErrorKind::Other => "the connection was closed".to_owned(),
        kind => kind.to_string(),
    };
    ClusterError::Fault(Fault::environment(format!("could not {doing}: it breaks off: {why}")).transient())
}

/// Whether a line is the node's, which says so in the log's place when it has none.
pub(crate) fn not_of_the_application(line: &str) -> bool {
    let runtimes = ["containerd://", "docker://", "cri-o://"];
    let of = |prefix: &str| line.strip_prefix(prefix);
    of("unable to retrieve container logs for ").is_some_and(|rest| runtimes.iter().any(|it| rest.starts_with(it)))
        || of("failed to try resolving symlinks in path \"/var/log/pods/").is_some()
        || of("failed to watch file \"/var/log/pods/").is_some()
        || of("failed to create fsnotify watcher: ").is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_line_is_read_whatever_its_bytes() {
        let mut read = Vec::new();
        let log: &[u8] = b"one\r\n\xfftwo\n\nlast";
        lines(log, |line| read.push(line.to_owned())).await.expect("read");
        assert_eq!(read, ["one", "\u{fffd}two", "", "last"]);
    }

    #[test]
    fn what_the_node_says_is_not_of_the_application() {
        assert!(not_of_the_application("unable to retrieve container logs for containerd://0a1b"));
        assert!(not_of_the_application(
            "failed to try resolving symlinks in path \"/var/log/pods/x/y/0.log\": lstat: no such file"
        ));
        assert!(!not_of_the_application("unable to retrieve container logs for my dashboard"));
    }
}
