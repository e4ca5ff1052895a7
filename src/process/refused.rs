//! Why a command could not be started, in words that help. Starts nothing.

use std::io;
use std::path::Path;

use super::{Command, program};
use crate::core::model::outcome::Fault;

/// Why nothing can be started at all, whatever the command.
pub fn out_of(command: &Command, error: &io::Error) -> Fault {
    let fault = Fault::unknown(format!("`{}` cannot be started: {error}", command.program.to_string_lossy()));
    match error.raw_os_error().map(rustix::io::Errno::from_raw_os_error) {
        Some(rustix::io::Errno::MFILE | rustix::io::Errno::NFILE) => {
            fault.help("too many files are open; raise the limit with `ulimit -n 4096`, or lower --jobs").transient()
        }
        _ => fault,
    }
}

/// Why a start failed, as far as the file system tells.
pub fn not_started(command: &Command, file: &Path, error: &io::Error) -> Fault {
    use rustix::io::Errno;
    let name = command.program.to_string_lossy();
    let shown = file.display();
    if !command.dir.is_dir() {
        return Fault::invalid(format!("the folder `{}` to run `{name}` in does not exist", command.dir.display()))
            .help("create it in an earlier step, or correct `dir:`");
    }
    match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::NOENT) if !file.exists() => {
            program::forget(&command.program);
            Fault::environment(format!("program `{name}` does not exist ({shown})"))
                .help(format!("create `{name}`, or write a name that is in PATH"))
        }
        Some(Errno::NOENT) => interpreter(&name, file),
        Some(Errno::ACCESS) => Fault::environment(format!("program `{name}` is not executable ({shown})"))
            .help(format!("type: chmod +x {name}")),
        Some(Errno::NOEXEC) => Fault::environment(format!("program `{name}` is no program for this machine ({shown})"))
            .help("a script starts with a line such as #!/bin/sh; a binary must be built for this architecture"),
        Some(Errno::TOOBIG) => Fault::invalid(format!("the arguments and environment of `{name}` are too long"))
            .help("hand large values over by `stdin:` or a file"),
        Some(Errno::AGAIN | Errno::NOMEM) => out_of(command, error).transient(),
        _ => out_of(command, error),
    }
}

/// The file is there, but what its first line names is not.
fn interpreter(name: &str, file: &Path) -> Fault {
    use std::io::Read;
    let mut first = [0; 256];
    let count = std::fs::File::open(file).and_then(|mut open| open.read(&mut first)).unwrap_or_default();
    let line = first[..count].split(|byte| *byte == b'\n').next().unwrap_or_default();
    let Some(named) = line.strip_prefix(b"#!") else {
        return Fault::environment(format!("program `{name}` needs a loader that is not there ({})", file.display()))
            .help("it was built for another system (glibc and musl, for example)");
    };
    let shown = String::from_utf8_lossy(named).trim().to_owned();
    if named.ends_with(b"\r") {
        return Fault::environment(format!(
            "`{name}` has CRLF line endings, so its interpreter `{shown}\\r` does not exist"
        ))
        .help(format!("type: sed -i 's/\\r$//' {name}   (and `*.sh text eol=lf` into .gitattributes)"));
    }
    Fault::environment(format!("`{name}` names the interpreter `{shown}`, which does not exist"))
        .help("install it, or correct the script's first line")
}
