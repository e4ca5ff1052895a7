//! Programs of a few lines, for tests.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// Makes an executable file. Another process writes it: whatever another test starts meanwhile holds what *we* have open
/// for a moment, and a file that a process holds open for writing cannot be started ("text file busy").
pub(crate) fn executable(path: &Path, text: &str) {
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", "cat > \"$1\" && chmod 755 \"$1\"", "sh"]).arg(path).stdin(Stdio::piped());
    let mut child = shell.spawn().expect("there is a shell");
    child.stdin.take().expect("a pipe").write_all(text.as_bytes()).expect("it reads");
    assert!(child.wait().expect("it ends").success());
}
