//! Patterns over paths: `/app/.env`, `**/*.pem`, `data-?.{csv,json}`, `[a-c]`. Used for files of images, `inputs:`, `cache:`
//! and `allow`. Knows no file system.
//!
//! `*` and `?` stay within one name, `**` spans folders. A character is a Unicode character; a byte that is not part of
//! valid UTF-8 is a character of its own. A class also matches its own text, since `[id]` is a common name of a file;
//! braces do so too.

mod parse;

use std::borrow::Cow;

use regex::Regex;

/// A pattern over paths relative to some root.
#[derive(Debug, Clone)]
pub struct Glob {
    written: String,
    /// The forms that braces stand for, each as the names of its path.
    forms: Vec<Vec<Part>>,
}

/// One name of a pattern.
#[derive(Debug, Clone)]
enum Part {
    /// `**`: any number of names; the last one matches one name or more.
    Any,
    /// A name without anything special.
    Text(String),
    /// A name with `*`, `?` or a class.
    Like(Regex),
}

/// How far a path matches: reached places of each form, sorted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Progress(Vec<(usize, usize)>);

impl Glob {
    /// Reads a pattern; a leading `/` makes no difference.
    ///
    /// # Errors
    /// What is wrong with it: an open `[` or `{`, a range from high to low, too many alternatives.
    pub fn parse(text: &str) -> Result<Self, String> {
        Ok(Glob { written: text.to_owned(), forms: parse::forms(text)? })
    }

    /// Reads a pattern; a text that is not a valid one matches itself.
    pub fn new(text: &str) -> Self {
        Glob::parse(text).unwrap_or_else(|_| Glob { written: text.to_owned(), forms: vec![parse::literal(text)] })
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.written
    }

    /// Whether the pattern matches this path or for a folder above it. The path is relative and normalized, in
    /// [`characters`].
    pub fn covers(&self, path: &str) -> bool {
        let mut progress = self.start();
        path.split('/').any(|name| {
            progress = self.step(&progress, name);
            self.is_match(&progress)
        })
    }

    /// Before the first name of a path.
    pub fn start(&self) -> Progress {
        Progress((0..self.forms.len()).map(|form| (form, 0)).collect())
    }

    /// After one more name, in [`characters`].
    pub fn step(&self, progress: &Progress, name: &str) -> Progress {
        let mut next = Vec::new();
        for &(form, from) in &progress.0 {
            let parts = &self.forms[form];
            // `**` before the last name may also stand for nothing
            for (at, part) in parts.iter().enumerate().skip(from) {
                let is_last = at + 1 == parts.len();
                let matches = match part {
                    Part::Any => {
                        next.push((form, at));
                        is_last
                    }
                    Part::Text(text) => text == name,
                    Part::Like(regex) => regex.is_match(name),
                };
                if matches {
                    next.push((form, at + 1));
                }
                if is_last || !matches!(part, Part::Any) {
                    break;
                }
            }
        }
        next.sort_unstable();
        next.dedup();
        Progress(next)
    }

    /// Whether the names so far are a path that the pattern matches.
    pub fn is_match(&self, progress: &Progress) -> bool {
        progress.0.iter().any(|(form, at)| *at == self.forms[*form].len() && *at > 0)
    }
}

impl Progress {
    /// Whether no path below can match any more.
    pub fn is_dead(&self) -> bool {
        self.0.is_empty()
    }
}

/// Where bytes that are not UTF-8 are put: a private use plane that no pattern names by accident.
const FOREIGN: u32 = 0xf_0000;

/// A name or path as characters: what is not UTF-8 becomes one character of a private use plane a byte.
pub fn characters(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Cow::Borrowed(text);
    }
    let mut text = String::with_capacity(bytes.len() * 2);
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().filter_map(|byte| char::from_u32(FOREIGN + u32::from(*byte))));
    }
    Cow::Owned(text)
}

/// The same for people: such a byte is written as `\xE9`.
pub fn shown(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match u32::from(c).checked_sub(FOREIGN).and_then(|byte| u8::try_from(byte).ok()) {
            Some(byte) if byte >= 0x80 => shown.push_str(&format!("\\x{byte:02X}")),
            _ => shown.push(c),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, path: &[u8]) -> bool {
        let glob = Glob::parse(pattern).expect("a pattern");
        let path = characters(path);
        let end = path.split('/').fold(glob.start(), |progress, name| glob.step(&progress, name));
        glob.is_match(&end)
    }

    #[test]
    fn names_files_folders_and_anything_below_them() {
        for (pattern, path, expected) in [
            ("/app/.env", "app/.env", true),
            ("/app", "app/x/y", true),
            ("/app", "apple", false),
            (".git", "app/.git", false),
            ("**/.git", "app/.git/config", true),
            ("**/.git", ".git", true),
            ("**/*.pem", "etc/ssl/a.pem", true),
            ("/etc/**", "etc", false),
            ("/etc/**", "etc/a", true),
            ("/a/**/b", "a/b", true),
            ("/a/**/b", "a/x/y/b", true),
            ("/a/**/**/b", "a/b", true),
            ("*.pyc", "a/b.pyc", false),
            ("/", "a", false),
            ("**", "a/b", true),
            ("/app/[id]/page.js", "app/[id]/page.js", true),
            ("/app/[id]/page.js", "app/i/page.js", true),
            ("/app/[id]/page.js", "app/x/page.js", false),
            ("/{{name}}/x", "{{name}}/x", true),
            ("/{a,b/c}/x", "b/c/x", true),
            ("open[", "open[", true),
        ] {
            assert_eq!(Glob::new(pattern).covers(path), expected, "{pattern} {path}");
        }
    }

    #[test]
    fn a_character_is_a_character_and_a_foreign_byte_is_one() {
        for (pattern, path, expected) in [
            ("data-?.csv", "data-é.csv".as_bytes(), true),
            ("data-??.csv", "data-é.csv".as_bytes(), false),
            ("data-[é].csv", "data-é.csv".as_bytes(), true),
            ("data-[!é].csv", "data-é.csv".as_bytes(), false),
            ("data-[^a].csv", "data-é.csv".as_bytes(), true),
            ("[à-ü]", "é".as_bytes(), true),
            ("[a-z]", "é".as_bytes(), false),
            ("?", "日".as_bytes(), true),
            ("?", "👍".as_bytes(), true),
            ("e?", "e\u{301}".as_bytes(), true),
            ("?", b"\xe9", true),
            ("?", b"\xe2\x82", false),
            ("??", b"\xe2\x82", true),
            ("a*b", b"a\xff\xfeb", true),
            ("[!a]", b"\xff", true),
            ("*", b"\xff/x", false),
        ] {
            assert_eq!(matches(pattern, path), expected, "{pattern} {}", shown(&characters(path)));
        }
    }

    #[test]
    fn special_characters_lose_their_meaning_where_they_should() {
        for (pattern, path, expected) in [
            (r"a\*b", "a*b", true),
            (r"a\*b", "axb", false),
            (r"a\b", r"a\b", true),
            ("[]]", "]", true),
            ("[!]]", "]", false),
            ("[a-]", "-", true),
            ("[*?]", "*", true),
            ("[*?]", "x", false),
            ("[[]", "[", true),
            ("[&&~-]", "&", true),
            (".*", ".x", true),
            ("a.c", "abc", false),
            ("(a|b)+", "(a|b)+", true),
            ("a,b", "a,b", true),
            ("a}", "a}", true),
            ("src/**.rs", "src/x/y.rs", true),
            ("src/**.rs", "src/y.rs", true),
        ] {
            assert_eq!(matches(pattern, path.as_bytes()), expected, "{pattern} {path}");
        }
        for wrong in ["a[", "[b-a]", "{a", "a/{b,{c}", &"{a,b}".repeat(12)] {
            assert!(Glob::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn many_spans_stay_cheap() {
        let glob = Glob::new(&format!("{}x", "**/".repeat(200)));
        assert!(!glob.covers(&format!("{}b", "a/".repeat(400))));
    }
}
