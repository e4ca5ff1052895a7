//! The two streams: data to stdout, all else to stderr. A reader that has gone away is no error.

use std::io::{IsTerminal, Write};

use anstream::AutoStream;

use super::args::Color;

/// Writes data to stdout.
pub(super) fn data(text: &str) {
    let mut stdout = std::io::stdout().lock();
    // A closed pipe (`pipeline plan | head`) is the reader's right.
    let _ = stdout
        .write_all(text.as_bytes())
        .and_then(|()| if text.ends_with('\n') { Ok(()) } else { stdout.write_all(b"\n") });
    let _ = stdout.flush();
}

/// Says something on stderr.
pub(super) fn say(text: &str) {
    let mut stderr = AutoStream::auto(std::io::stderr());
    let _ = writeln!(stderr, "{text}");
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

/// Whether stderr draws more than ASCII: a locale that says UTF-8, as terminals and CI systems do.
pub(super) fn unicode() -> bool {
    ["LC_ALL", "LC_CTYPE", "LANG"]
        .iter()
        .filter_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
        .next()
        .is_none_or(|locale| {
            let locale = locale.to_ascii_lowercase();
            locale.contains("utf-8") || locale.contains("utf8")
        })
}

/// Columns of the terminal behind stderr; 100 where there is none.
pub(super) fn width() -> usize {
    let columns = || std::env::var("COLUMNS").ok()?.parse().ok();
    rustix::termios::tcgetwinsize(std::io::stderr())
        .ok()
        .map(|size| usize::from(size.ws_col))
        .filter(|width| *width > 0)
        .or_else(columns)
        .unwrap_or(100)
}

/// Whether stderr takes colours.
pub(super) fn colored() -> bool {
    match anstream::ColorChoice::global() {
        anstream::ColorChoice::Always | anstream::ColorChoice::AlwaysAnsi => true,
        anstream::ColorChoice::Never => false,
        anstream::ColorChoice::Auto => {
            std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
        }
    }
}
