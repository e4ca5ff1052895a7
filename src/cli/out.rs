//! The two streams: data to stdout, all else to stderr. A reader that has gone away is no error.

use std::io::{BufRead, IsTerminal, Write};

use anstream::AutoStream;

use super::args::Color;
use crate::report::diagnostics::Style;

/// Writes data to stdout.
pub(super) fn data(text: &str) {
    let mut stdout = std::io::stdout().lock();
    // A closed pipe (`pipeline plan | head`) is the reader's right.
    let _ = stdout
        .write_all(text.as_bytes())
        .and_then(|()| if text.ends_with('\n') { Ok(()) } else { stdout.write_all(b"\n") });
    let _ = stdout.flush();
}

/// Writes data with styles to stdout; they are stripped where stdout takes none.
pub(super) fn styled(text: &str) {
    let mut stdout = AutoStream::auto(std::io::stdout());
    let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
}

/// Copies a log to stdout; to a terminal line by line, without escape sequences.
pub(super) fn copy(from: &mut impl std::io::Read) -> std::io::Result<()> {
    let mut stdout = std::io::stdout().lock();
    let copied = if std::io::stdout().is_terminal() {
        std::io::BufReader::new(from).split(b'\n').try_for_each(|line| {
            let line = line?;
            writeln!(stdout, "{}", crate::report::tame(&String::from_utf8_lossy(&line)))
        })
    } else {
        std::io::copy(from, &mut stdout).map(|_| ())
    };
    match copied {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// Says something on stderr.
pub(super) fn say(text: &str) {
    let mut stderr = AutoStream::auto(std::io::stderr());
    let _ = writeln!(stderr, "{text}");
}

/// Says something on a terminal in the place of what was said so before.
pub(super) fn say_again(text: &str) {
    let mut stderr = std::io::stderr();
    let _ = write!(stderr, "\r\u{1b}[2K{}", crate::report::tame(text)).and_then(|()| stderr.flush());
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
