//! Regular expressions in the syntax of RE2, which CEL prescribes, written for the crate `regex`: `\d`, `\w`, `\s` and
//! `\b` mean ASCII, a class knows no operators and no classes within it, and `\Q…\E` quotes.

use std::iter::Peekable;
use std::str::Chars;

use regex::Regex;

const DIGIT: &str = "0-9";
const WORD: &str = "0-9A-Za-z_";
const BLANK: &str = r"\t\n\x0C\r ";

/// A pattern, compiled.
///
/// # Errors
/// What is wrong with it, in one line.
pub(super) fn compile(pattern: &str) -> Result<Regex, String> {
    Regex::new(&translated(pattern)).map_err(|error| {
        let text = error.to_string();
        let reason = text.lines().last().unwrap_or("").trim_start_matches("error: ").to_owned();
        format!("this is not a regular expression: {reason}")
    })
}

fn translated(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len());
    let mut rest = pattern.chars().peekable();
    while let Some(next) = rest.next() {
        match next {
            '\\' => escape(&mut rest, &mut out),
            '[' => class(&mut rest, &mut out),
            other => out.push(other),
        }
    }
    out
}

/// What follows a backslash outside of a class.
fn escape(rest: &mut Peekable<Chars<'_>>, out: &mut String) {
    match rest.next() {
        Some('Q') => {
            let text: String = rest.by_ref().collect();
            let (quoted, after) = text.split_once("\\E").unwrap_or((&text, ""));
            out.push_str(&regex::escape(quoted));
            out.push_str(&translated(after));
        }
        Some('b') => out.push_str(r"(?-u:\b)"),
        Some(kind) if set(kind).is_some() => {
            out.push_str(if kind.is_ascii_uppercase() { "[^" } else { "[" });
            out.push_str(set(kind).unwrap_or_default());
            out.push(']');
        }
        Some(other) => out.extend(['\\', other]),
        None => out.push('\\'),
    }
}

/// The characters of `\d`, `\w`, `\s` and of what they exclude.
fn set(kind: char) -> Option<&'static str> {
    match kind {
        'd' | 'D' => Some(DIGIT),
        'w' | 'W' => Some(WORD),
        's' | 'S' => Some(BLANK),
        _ => None,
    }
}

/// A class, from behind its bracket to its end.
fn class(rest: &mut Peekable<Chars<'_>>, out: &mut String) {
    out.push('[');
    if rest.next_if_eq(&'^').is_some() {
        out.push('^');
    }
    if rest.next_if_eq(&']').is_some() {
        out.push_str(r"\]");
    }
    while let Some(next) = rest.next() {
        match next {
            ']' => {
                out.push(']');
                return;
            }
            '[' if rest.peek() == Some(&':') => {
                out.push('[');
                for next in rest.by_ref() {
                    out.push(next);
                    if next == ']' {
                        break;
                    }
                }
            }
            '[' | '&' | '~' => out.extend(['\\', next]),
            '\\' => match rest.next() {
                Some(kind) if set(kind).is_some() => {
                    let (open, close) = if kind.is_ascii_uppercase() { ("[^", "]") } else { ("", "") };
                    out.extend([open, set(kind).unwrap_or_default(), close]);
                }
                Some(other) => out.extend(['\\', other]),
                None => out.push('\\'),
            },
            other => out.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_means_what_it_means_in_re2() {
        for (pattern, text, matches) in [
            (r"^\w$", "é", false),
            (r"^[\w-]+$", "a-b", true),
            (r"^\d$", "\u{663}", false),
            (r"\s", "\u{a0}", false),
            (r"^[^\s]$", "\u{a0}", true),
            (r"^[\D]$", "\u{663}", true),
            (r"\bb\b", "éb", true),
            (r"^[a&&b]+$", "a&b", true),
            (r"^[[a]$", "[", true),
            (r"^[]a]$", "]", true),
            (r"^[[:alpha:]]$", "x", true),
            (r"^\Qa.c\E$", "abc", false),
            (r"^\Qa.c\E$", "a.c", true),
            (r"^\pL$", "é", true),
            (r"(?i)^É$", "é", true),
        ] {
            let regex = compile(pattern).expect(pattern);
            assert_eq!(regex.is_match(text), matches, "{pattern} {text}");
        }
        assert!(compile("(").is_err() && compile("[a").is_err() && compile(r"a\").is_err());
    }
}
