//! The two streams: data to stdout, all else to stderr. A reader that has gone away is no error; a full disk is.

use std::io::{self, BufRead, IsTerminal, Read, Write};
use std::sync::OnceLock;

use anstream::AutoStream;

use super::args::Color;
use crate::core::model::exit_code::Exit;
use crate::core::report::diagnostics::Style;

/// Why data did not reach stdout, the first time that it did not.
static LOST: OnceLock<io::Error> = OnceLock::new();

/// What a command ends with, now that all is written: data that was lost is reported, and is not a success.
pub(super) fn settled(exit: Exit) -> Exit {
    let Some(lost) = LOST.get() else { return exit };
    error(&format!("the answer cannot be written: {lost}"), Some("make room where stdout goes, and ask again"));
    if exit == Exit::Passed { Exit::Report } else { exit }
}

/// Notes what became of a write. A closed pipe (`pipeline plan | head`) is the reader's right.
fn note(written: io::Result<()>) {
    if let Err(error) = written
        && error.kind() != io::ErrorKind::BrokenPipe
    {
        let _the_first_counts = LOST.set(error);
    }
}

/// Writes data to stdout; nothing where there is none.
pub(super) fn data(text: &str) {
    let end = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
    let mut stdout = io::stdout().lock();
    note(write!(stdout, "{text}{end}").and_then(|()| stdout.flush()));
}

/// Writes data with styles to stdout; they are stripped where stdout takes none.
pub(super) fn styled(text: &str) {
    let mut stdout = AutoStream::auto(io::stdout());
    note(stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()));
}

/// Copies a log to stdout; to a terminal line by line, without escape sequences.
///
/// # Errors
/// When the log cannot be read.
pub(super) fn copy(from: impl Read) -> io::Result<()> {
    let mut from = io::BufReader::new(from);
    let mut stdout = io::stdout().lock();
    let terminal = io::stdout().is_terminal();
    let mut line = Vec::new();
    loop {
        line.clear();
        from.read_until(b'\n', &mut line)?;
        let written = match (line.is_empty(), terminal) {
            (true, _) => stdout.flush(),
            (false, false) => stdout.write_all(&line),
            (false, true) => {
                let text = String::from_utf8_lossy(line.strip_suffix(b"\n").unwrap_or(&line));
                writeln!(stdout, "{}", crate::core::report::tame(&text))
            }
        };
        let goes_on = written.is_ok() && !line.is_empty();
        note(written);
        if !goes_on {
            return Ok(());
        }
    }
}

/// Says something on stderr.
pub(super) fn say(text: &str) {
    let mut stderr = AutoStream::auto(std::io::stderr());
    let _ = writeln!(stderr, "{text}");
}

/// Prints a line on a terminal in the place of the line before.
pub(super) fn say_again(text: &str) {
    let mut stderr = std::io::stderr();
    let _ = write!(stderr, "\r\u{1b}[2K{}", crate::core::report::tame(text)).and_then(|()| stderr.flush());
}

/// Says on stderr what went wrong and what to do.
pub(super) fn error(message: &str, help: Option<&str>) {
    say(&format!("\u{1b}[1;31merror\u{1b}[0m: {message}"));
    if let Some(help) = help {
        say(&format!(" \u{1b}[36mhelp\u{1b}[0m: {help}"));
    }
}

/// Takes over what the command line says of colour, for everything written later.
pub(super) fn choose_color(color: Color) {
    match color {
        Color::Auto => {}
        Color::Always => anstream::ColorChoice::Always.write_global(),
        Color::Never => anstream::ColorChoice::Never.write_global(),
    }
}

/// How diagnostics are drawn on stderr.
pub(super) fn style() -> Style {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
    let ascii = locale.is_some_and(|locale| matches!(locale.as_str(), "C" | "POSIX"));
    let columns = rustix::termios::tcgetwinsize(std::io::stderr()).map_or(0, |size| usize::from(size.ws_col));
    Style { colour: colored(), unicode: !ascii, width: if columns == 0 { 100 } else { columns } }
}

/// Whether stderr takes colours.
fn colored() -> bool {
    match anstream::ColorChoice::global() {
        anstream::ColorChoice::Always | anstream::ColorChoice::AlwaysAnsi => true,
        anstream::ColorChoice::Never => false,
        anstream::ColorChoice::Auto => {
            std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
        }
    }
}
