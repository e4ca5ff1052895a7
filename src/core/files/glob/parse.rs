//! From the text of a pattern to its forms. Knows no path.

use regex::{Regex, RegexBuilder};

use super::Part;

/// Forms of one pattern before it is refused.
const MOST: usize = 1024;
/// What has a meaning of its own, unless a backslash precedes it.
const SPECIAL: [char; 7] = ['*', '?', '[', ']', '{', '}', ','];

/// Every form that the pattern matches: braces written out, and the text with its braces as they are.
pub(super) fn forms(text: &str) -> Result<Vec<Vec<Part>>, String> {
    let mut texts = Vec::new();
    expand(text, &mut texts)?;
    let mut forms = Vec::new();
    for text in &texts {
        spanned(&split(text), &mut forms)?;
    }
    if texts.len() > 1 || texts.first().is_some_and(|only| only != text) {
        spanned(&split(text), &mut forms)?;
    }
    Ok(forms)
}

/// The text as a path in which nothing is special.
pub(super) fn literal(text: &str) -> Vec<Part> {
    split(text).into_iter().map(|name| Part::Text(name.to_owned())).collect()
}

/// The names of a path; `..` takes the one before it away.
fn split(text: &str) -> Vec<&str> {
    let mut names = Vec::new();
    for name in text.split('/') {
        match name {
            "" | "." => {}
            ".." => _ = names.pop(),
            name => names.push(name),
        }
    }
    names
}

/// `a{b,c}` as `ab` and `ac`.
fn expand(text: &str, into: &mut Vec<String>) -> Result<(), String> {
    let Some(open) = next(text, 0, |c| c == '{') else {
        into.push(text.to_owned());
        return if into.len() > MOST { Err(format!("it means more than {MOST} paths")) } else { Ok(()) };
    };
    let (mut depth, mut cuts, mut at) = (0_usize, vec![open], open + 1);
    let close = loop {
        let Some(found) = next(text, at, |c| matches!(c, '{' | '}' | ',')) else {
            return Err("its `{` is not closed".to_owned());
        };
        match text.as_bytes()[found] {
            b'{' => depth += 1,
            b'}' if depth == 0 => break found,
            b'}' => depth -= 1,
            _ if depth == 0 => cuts.push(found),
            _ => {}
        }
        at = found + 1;
    };
    cuts.push(close);
    for pair in cuts.windows(2) {
        let alternative = &text[pair[0] + 1..pair[1]];
        expand(&format!("{}{alternative}{}", &text[..open], &text[close + 1..]), into)?;
    }
    Ok(())
}

/// The next character that is wanted, from `from`, outside of classes and not escaped.
fn next(text: &str, from: usize, wanted: impl Fn(char) -> bool) -> Option<usize> {
    let mut at = from;
    while let Some(c) = text[at..].chars().next() {
        if c == '\\' && text[at + 1..].starts_with(SPECIAL) {
            at += 1 + text[at + 1..].chars().next().map_or(0, char::len_utf8);
            continue;
        }
        if wanted(c) {
            return Some(at);
        }
        let length = if c == '[' { class(&text[at..]).map_or(1, |class| class.length) } else { c.len_utf8() };
        at += length;
    }
    None
}

/// A form for each way in which a `**` within a name can be read: as part of one name, or across folders.
fn spanned(names: &[&str], into: &mut Vec<Vec<Part>>) -> Result<(), String> {
    let mut forms: Vec<Vec<Part>> = vec![Vec::new()];
    for name in names {
        let pieces: Vec<&str> = name.split("**").collect();
        if *name == "**" || pieces.len() == 1 {
            let part = if *name == "**" { Part::Any } else { self::part(name)? };
            for form in &mut forms {
                form.push(part.clone());
            }
            continue;
        }
        let within = part(&pieces.join("*"))?;
        let mut across = Vec::new();
        for (at, piece) in pieces.iter().enumerate() {
            let (before, after) = (if at > 0 { "*" } else { "" }, if at + 1 < pieces.len() { "*" } else { "" });
            if at > 0 {
                across.push(Part::Any);
            }
            across.push(part(&format!("{before}{piece}{after}"))?);
        }
        let wide = forms.iter().map(|form| form.iter().cloned().chain(across.iter().cloned()).collect());
        let wide: Vec<Vec<Part>> = wide.collect();
        for form in &mut forms {
            form.push(within.clone());
        }
        forms.extend(wide);
        if forms.len() + into.len() > MOST {
            return Err(format!("it means more than {MOST} paths"));
        }
    }
    into.extend(forms);
    Ok(())
}

/// One name.
fn part(name: &str) -> Result<Part, String> {
    let (mut regex, mut plain, mut is_plain) = (String::from("^"), String::new(), true);
    let mut at = 0;
    while let Some(c) = name[at..].chars().next() {
        let mut taken = c;
        match c {
            '*' | '?' => {
                is_plain = false;
                regex.push_str(if c == '*' { ".*" } else { "." });
                at += 1;
                continue;
            }
            '[' => {
                is_plain = false;
                let class = class(&name[at..])?;
                regex.push_str(&class.regex);
                at += class.length;
                continue;
            }
            '\\' if name[at + 1..].starts_with(SPECIAL) => {
                at += 1;
                taken = name[at..].chars().next().unwrap_or(c);
            }
            _ => {}
        }
        at += taken.len_utf8();
        plain.push(taken);
        regex.push_str(&regex::escape(taken.encode_utf8(&mut [0; 4])));
    }
    if is_plain {
        return Ok(Part::Text(plain));
    }
    regex.push('$');
    built(&regex).map(Part::Like)
}

fn built(regex: &str) -> Result<Regex, String> {
    RegexBuilder::new(regex)
        .dot_matches_new_line(true)
        .build()
        .map_err(|_| "a range in `[…]` must go from the lower character to the higher one".to_owned())
}

/// A class as a regular expression.
struct Class {
    regex: String,
    /// Bytes of it in the pattern.
    length: usize,
}

/// The class that a text begins with: `[a-z]`, `[!é]`, `[]]`. Its own text matches as well.
fn class(text: &str) -> Result<Class, String> {
    let open = || "its `[` is not closed".to_owned();
    let inner = &text[1..];
    let (negated, inner) = match inner.strip_prefix(['!', '^']) {
        Some(rest) => (true, rest),
        None => (false, inner),
    };
    // a `]` that comes first is one of the characters
    let first = usize::from(inner.starts_with(']'));
    let length = inner[first..].find(']').map(|at| at + first).ok_or_else(open)?;
    let members = &inner[..length];
    let whole = text.len() - inner.len() + length + 1;
    let mut set = String::from(if negated { "[^" } else { "[" });
    let mut chars = members.chars().peekable();
    while let Some(c) = chars.next() {
        push_member(&mut set, c);
        let mut ahead = chars.clone();
        if ahead.next() == Some('-')
            && let Some(last) = ahead.next()
        {
            set.push('-');
            push_member(&mut set, last);
            chars = ahead;
        }
    }
    set.push(']');
    let regex = format!("(?:{set}|{})", regex::escape(&text[..whole]));
    Ok(Class { regex, length: whole })
}

fn push_member(set: &mut String, c: char) {
    if c.is_ascii_punctuation() {
        set.push('\\');
    }
    set.push(c);
}
