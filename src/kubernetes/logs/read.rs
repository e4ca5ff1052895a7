//! The lines of one log: any bytes, to the end.

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
}
