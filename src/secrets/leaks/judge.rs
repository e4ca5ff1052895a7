//! Whether what has the shape of a secret is one: entropy, boundaries, placeholders, places. Pure.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};

use super::Place;
use super::rules::Table;

/// Endings of files in which people give values to names.
const CONFIGURATION: [&str; 16] = [
    "env",
    "ini",
    "cfg",
    "conf",
    "cnf",
    "config",
    "toml",
    "yaml",
    "yml",
    "json",
    "properties",
    "xml",
    "tfvars",
    "tfstate",
    "sh",
    "credentials",
];
/// Files full of checksums, and those that are built from others.
const CHECKSUMS: [&str; 12] = [
    ".lock",
    "-lock.json",
    "-lock.yaml",
    "go.sum",
    ".md5sums",
    ".min.js",
    ".min.css",
    ".map",
    "/RECORD",
    ".svg",
    ".ipynb",
    "npm-shrinkwrap.json",
];

/// Parts of paths below which packages keep manuals and tests.
const MANUALS: [&str; 10] = [
    "node_modules/",
    "usr/lib/python",
    "usr/share/doc/",
    "usr/share/man/",
    "usr/share/info/",
    "usr/share/perl",
    "dist-info/",
    "egg-info/",
    "/man/man",
    "/share/doc/",
];

/// What the path says of a file.
pub(super) fn place(path: &str) -> Place {
    let name = path.rsplit('/').next().unwrap_or(path);
    let ending = name.rsplit('.').next().unwrap_or(name).to_ascii_lowercase();
    // what a package brings along is its maker's
    let is_packaged = is_of_the_system(path) || path.contains("node_modules/") || path.contains("site-packages/");
    Place {
        shapes: true,
        text: true,
        configuration: !is_packaged && (CONFIGURATION.contains(&ending.as_str()) || name.starts_with(".env")),
        checksums: CHECKSUMS.iter().any(|end| path.ends_with(end)),
        manual: is_manual(path),
    }
}

/// Whether it is a manual or a test that a package brings along. A package of npm is never the project itself; in
/// site-packages, the project's own code may be installed.
fn is_manual(path: &str) -> bool {
    let is_below = |part: &str| path.starts_with(part.trim_start_matches('/')) || path.contains(part);
    let is_packaged = ["site-packages/", "dist-packages/"].iter().any(|part| path.contains(part));
    let lower = path.to_ascii_lowercase();
    let shows = ["readme", "changelog", "history", "/test", "/docs/", "/example", ".md"];
    MANUALS.iter().any(|part| is_below(part)) || is_packaged && shows.iter().any(|part| lower.contains(part))
}

/// Whether a path belongs to the distribution. Its programs and libraries bring keys along to test themselves with
/// (libgnutls does); programs elsewhere are the project's own.
pub(super) fn is_of_the_system(path: &str) -> bool {
    let folders = ["usr/lib", "usr/bin", "usr/sbin", "usr/share", "lib", "bin", "sbin", "var/lib/dpkg"];
    folders
        .iter()
        .any(|folder| path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/') || rest.starts_with("64/")))
}

/// Shannon entropy, in bits a byte.
#[expect(clippy::cast_precision_loss, reason = "secrets are short")]
pub(super) fn entropy(bytes: &[u8]) -> f64 {
    let mut counts = [0_usize; 256];
    for byte in bytes {
        counts[usize::from(*byte)] += 1;
    }
    let all = bytes.len() as f64;
    counts.iter().filter(|count| **count > 0).map(|count| *count as f64 / all).map(|part| -part * part.log2()).sum()
}

/// `sha256:` and the first 16 digits of the digest.
pub(super) fn digest(secret: &[u8]) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, secret);
    digest.as_ref().iter().take(8).fold(String::from("sha256:"), |text, byte| format!("{text}{byte:02x}"))
}

/// Whether a value may be given to the name whose word ends here: a cheap look before an expression is tried. The rest of
/// the name is short, and the value has a digit.
pub(super) fn may_be_given(rest: &[u8]) -> bool {
    let rest = &rest[..rest.len().min(160)];
    let name =
        rest.iter().take(24).take_while(|byte| is_word(**byte) || matches!(byte, b'.' | b'-' | b' ' | b'\t')).count();
    let sign = rest.get(name).is_some_and(|byte| b"=:>,?|'\"\r\n".contains(byte));
    sign && rest[name..].iter().filter(|byte| byte.is_ascii_digit()).nth(1).is_some()
}

/// Whether a token may begin here: what precedes is not part of its word. An escape (`\n`, `%3D`) is not.
pub(super) fn may_begin(window: &[u8], at: usize) -> bool {
    let Some(before) = at.checked_sub(1).map(|at| window[at]) else { return true };
    if !is_word(before) || window.get(at).is_none_or(|first| !is_word(*first)) {
        return true;
    }
    let earlier = |back: usize| at.checked_sub(back).map(|at| window[at]);
    earlier(2) == Some(b'\\') || (earlier(3) == Some(b'%') && before.is_ascii_hexdigit())
}

/// Whether a token may end here.
pub(super) fn may_end(window: &[u8], at: usize) -> bool {
    let last = at.checked_sub(1).is_some_and(|at| is_word(window[at]));
    !(last && window.get(at).is_some_and(|next| is_word(*next)))
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Whether it has digits, small and capital letters.
pub(super) fn is_mixed(bytes: &[u8]) -> bool {
    let any = |wanted: fn(&u8) -> bool| bytes.iter().any(wanted);
    any(u8::is_ascii_digit) && any(u8::is_ascii_lowercase) && any(u8::is_ascii_uppercase)
}

/// Whether it is a value and not a variable, a format or a description in its place.
pub(super) fn is_written_out(bytes: &[u8]) -> bool {
    !is_variable(bytes) && bytes.iter().any(u8::is_ascii_digit)
}

fn is_variable(bytes: &[u8]) -> bool {
    let first = bytes.first().copied().unwrap_or_default();
    matches!(first, b'$' | b'<' | b'{' | b'%' | b'*' | b'[' | b'(')
        || bytes.windows(2).any(|pair| matches!(pair, b"${" | b"{{" | b"$(" | b"<%"))
}

/// Whether the password of a URL is one that a person would use.
pub(super) fn is_password(table: &Table, bytes: &[u8]) -> bool {
    let is_port = bytes.iter().all(u8::is_ascii_digit);
    let is_strong = bytes.iter().any(u8::is_ascii_digit) || (bytes.len() >= 10 && entropy(bytes) >= 3.0);
    !is_port && is_strong && !is_variable(bytes) && !table.words.is_match(bytes)
}

/// Whether the characters are those of a random text: digits and letters change often, and nothing can be read.
pub(super) fn is_random(bytes: &[u8]) -> bool {
    let class = |byte: &u8| match byte {
        b'0'..=b'9' => 0,
        b'a'..=b'z' => 1,
        b'A'..=b'Z' => 2,
        _ => 3,
    };
    let changes = bytes.windows(2).filter(|pair| class(&pair[0]) != class(&pair[1])).count();
    let separators = bytes.iter().filter(|byte| class(byte) == 3).count();
    is_mixed(bytes) && changes * 4 >= bytes.len() && separators * 8 <= bytes.len()
}

/// What base64 decodes to.
pub(super) fn decodes(bytes: &[u8]) -> Option<Vec<u8>> {
    STANDARD.decode(bytes).or_else(|_| STANDARD_NO_PAD.decode(bytes)).ok()
}

/// Whether a word is close to a place, in any case.
pub(super) fn is_near(window: &[u8], at: usize, word: &str) -> bool {
    let around = &window[at.saturating_sub(200)..window.len().min(at + 200)];
    around.windows(word.len()).any(|part| part.eq_ignore_ascii_case(word.as_bytes()))
}
