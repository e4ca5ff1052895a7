//! Traces of a run's secret values in streams of bytes: in every form that masking knows, also where line breaks or escape
//! sequences cut them. Reads in windows, so memory stays bounded; hands on names and forms, never a value.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::io::{self, Read};

use serde_json::Value;

use crate::core::mask::{Form, Masker, SecretText, visible};

/// Values shorter than this, in bytes, are not looked for: they would be found everywhere.
pub const SHORTEST_VALUE: usize = 8;
/// Bytes looked at together.
pub const WINDOW: usize = 256 * 1024;
/// Bytes kept from one window to the next, at least.
const OVERLAP: usize = 8 * 1024;
/// The first bytes of a window, which tell text from anything else.
const HEAD: usize = 1024;
/// Text has less than one NUL among this many bytes.
const FEW: usize = 16;

/// The secret values to look for, by name.
pub struct Traces {
    values: Masker,
    /// Names in the order that the masker knows the values by.
    names: Vec<String>,
    overlap: usize,
    too_short: Vec<String>,
    /// A value holds a blank, for which a line break may stand.
    folds: bool,
}

/// A secret found: which one, and in which form.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Trace {
    /// The secret's name.
    pub secret: String,
    /// Its form.
    pub form: Form,
    /// Whether line breaks cut it.
    pub broken: bool,
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "secret {}", self.secret)?;
        match (self.form, self.broken) {
            (Form::Plain, false) => Ok(()),
            (Form::Plain, true) => f.write_str(" (across line breaks)"),
            (form, false) => write!(f, " ({form})"),
            (form, true) => write!(f, " ({form}, across line breaks)"),
        }
    }
}

impl Traces {
    /// Searches for these values. Those shorter than [`SHORTEST_VALUE`] are left out and reported by [`Traces::too_short`].
    pub fn new<'a>(values: impl IntoIterator<Item = (&'a str, &'a SecretText)>) -> Self {
        let (long, short): (Vec<_>, Vec<_>) =
            values.into_iter().partition(|(_, value)| value.expose().trim().len() >= SHORTEST_VALUE);
        // no form of a value is longer than six times the value (\u00e4), and line breaks with blanks may stand in it
        let longest = long.iter().map(|(_, value)| value.expose().len() * 8).max().unwrap_or(0);
        Traces {
            values: Masker::new(long.iter().map(|(_, value)| *value)),
            names: long.iter().map(|(name, _)| (*name).to_owned()).collect(),
            overlap: OVERLAP.max(longest),
            folds: long.iter().any(|(_, value)| value.expose().contains(' ')),
            too_short: short.into_iter().map(|(name, _)| name.to_owned()).collect(),
        }
    }

    /// Whether there is nothing to look for.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Names of the values that were too short to look for.
    pub fn too_short(&self) -> &[String] {
        &self.too_short
    }

    /// Bytes that must be kept from one window to the next, so that nothing is missed between them.
    pub fn overlap(&self) -> usize {
        self.overlap
    }

    /// What is in a stream, read to its end.
    ///
    /// # Errors
    /// The stream's.
    pub fn in_stream(&self, content: &mut dyn Read) -> io::Result<BTreeSet<Trace>> {
        let (mut found, mut window) = (BTreeSet::new(), Vec::new());
        loop {
            let kept = window.len();
            content.take(WINDOW as u64).read_to_end(&mut window)?;
            if window.len() == kept {
                return Ok(found);
            }
            self.look(&window, &mut found);
            window.drain(..window.len() - self.overlap.min(window.len()));
        }
    }

    /// What is in these bytes.
    pub fn within(&self, bytes: &[u8]) -> BTreeSet<Trace> {
        let mut found = BTreeSet::new();
        self.look(bytes, &mut found);
        found
    }

    /// What is in the texts, numbers and keys of a JSON value, each with the path that leads there: `data.url`,
    /// `spec.containers[0].env[2].value`.
    pub fn in_json(&self, value: &Value) -> Vec<(String, Trace)> {
        let mut found = Vec::new();
        self.walk(value, &mut String::new(), &mut found);
        found
    }

    fn walk(&self, value: &Value, path: &mut String, found: &mut Vec<(String, Trace)>) {
        let length = path.len();
        match value {
            Value::String(text) => found.extend(self.within(text.as_bytes()).into_iter().map(|it| (path.clone(), it))),
            Value::Number(number) => {
                let seen = self.within(number.to_string().as_bytes());
                found.extend(seen.into_iter().map(|it| (path.clone(), it)));
            }
            Value::Array(items) => {
                for (at, item) in items.iter().enumerate() {
                    path.push_str(&format!("[{at}]"));
                    self.walk(item, path, found);
                    path.truncate(length);
                }
            }
            Value::Object(fields) => {
                for (key, value) in fields {
                    found.extend(self.within(key.as_bytes()).into_iter().map(|it| (format!("a key below {path}"), it)));
                    path.push_str(if length == 0 { "" } else { "." });
                    path.push_str(key);
                    self.walk(value, path, found);
                    path.truncate(length);
                }
            }
            Value::Null | Value::Bool(_) => {}
        }
    }

    /// Adds what is in these bytes.
    pub fn look(&self, bytes: &[u8], found: &mut BTreeSet<Trace>) {
        self.find(bytes, false, found);
        let head = &bytes[..bytes.len().min(HEAD)];
        let nothing = memchr::memchr_iter(0, head).count();
        if nothing * FEW > head.len() {
            // Text of two bytes a character, or a program with such texts in it.
            match utf16(bytes, head) {
                Some(text) => {
                    self.find(text.as_bytes(), false, found);
                    self.search_text(text.as_bytes(), found);
                }
                None => self.find(&without_nuls(bytes), false, found),
            }
            return;
        }
        self.search_text(bytes, found);
    }

    /// Adds what is in a text, whatever separates its characters.
    fn search_text(&self, bytes: &[u8], found: &mut BTreeSet<Trace>) {
        let seen = visible(bytes);
        if let Cow::Owned(seen) = &seen {
            self.find(seen, false, found);
        }
        if seen.contains(&b'\n') {
            self.find(&unbroken(&seen, b""), true, found);
            if self.folds {
                self.find(&unbroken(&seen, b" "), true, found);
            }
        }
    }

    fn find(&self, bytes: &[u8], broken: bool, found: &mut BTreeSet<Trace>) {
        if self.values.find_any(bytes).is_none() {
            return;
        }
        for hit in self.values.find(bytes) {
            let trace = Trace { secret: self.names[hit.secret].clone(), form: hit.form, broken };
            // what is there whole need not be reported as broken too
            if !(broken && found.iter().any(|other| other.secret == trace.secret)) {
                found.insert(trace);
            }
        }
    }
}

/// A text in UTF-16, as its NULs show: they are at every other place.
fn utf16(bytes: &[u8], head: &[u8]) -> Option<String> {
    let nuls = |first: usize| head.iter().skip(first).step_by(2).filter(|byte| **byte == 0).count();
    let (even, odd) = (nuls(0), nuls(1));
    let is_text = |high: usize, low: usize| high * 4 >= head.len() && low * 8 <= high;
    let unit = match (is_text(odd, even), is_text(even, odd)) {
        (true, _) => u16::from_le_bytes,
        (_, true) => u16::from_be_bytes,
        _ => return None,
    };
    let units = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
    Some(char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect())
}

/// The bytes without NULs: texts of two or four bytes a character become plain.
fn without_nuls(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().copied().filter(|byte| *byte != 0).collect()
}

/// The bytes with `instead` in the place of each line break, the blanks after it, and a backslash before it: what a value
/// looks like that was wrapped by an encoder, folded by YAML or continued by a shell.
fn unbroken(bytes: &[u8], instead: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut lines = bytes.split(|byte| *byte == b'\n').peekable();
    let mut first = true;
    while let Some(line) = lines.next() {
        let line = if first { line } else { line.trim_ascii_start() };
        out.extend_from_slice(if first { b"" } else { instead });
        let line = if lines.peek().is_some() { line.strip_suffix(b"\r").unwrap_or(line) } else { line };
        let line = if lines.peek().is_some() { line.strip_suffix(b"\\").unwrap_or(line) } else { line };
        out.extend_from_slice(line);
        first = false;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    const VALUE: &str = "correct \"horse\" bättery&staple";

    fn traces() -> Traces {
        Traces::new([("db", &SecretText::new(VALUE)), ("pin", &SecretText::new("1234"))])
    }

    fn found(content: &[u8]) -> Vec<String> {
        let whole = traces().within(content);
        let streamed = traces().in_stream(&mut &content[..]).expect("in memory");
        assert_eq!(whole, streamed);
        whole.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_value_is_found_in_every_form() {
        assert_eq!(found(format!("x{VALUE}y").as_bytes()), ["secret db"]);
        assert_eq!(found(br#"{"a":"correct \"horse\" b\u00e4ttery&staple"}"#), ["secret db (escaped for JSON)"]);
        assert_eq!(found(b"?q=correct+%22horse%22+b%C3%A4ttery%26staple"), ["secret db (URL-encoded)"]);
        for before in ["", "a", "ab", "abc"] {
            let hidden = STANDARD.encode(format!("{before}{VALUE} and more"));
            assert_eq!(found(hidden.as_bytes()), ["secret db (in base64)"], "{before}");
        }
        assert_eq!(found(b"nothing of the kind"), Vec::<String>::new());
    }

    #[test]
    fn a_value_is_found_in_text_of_two_or_four_bytes_a_character() {
        let wide = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
        let text = format!("\u{feff}url: {VALUE}\n").repeat(9);
        assert_eq!(found(&wide(&text)), ["secret db"]);
        assert_eq!(found(&text.encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<u8>>()), ["secret db"]);
        let broken = wide(&format!("a: {}\n", VALUE.replace("horse", "hor\r\n  se")));
        assert_eq!(found(&broken), ["secret db (across line breaks)"]);
        // in a program, among much else
        let plain = "correct-horse-battery";
        let traces = Traces::new([("db", &SecretText::new(plain))]);
        let program = [&[0; 900][..], &[7; 90], &wide(plain), &[0; 90]].concat();
        let four: Vec<u8> = plain.bytes().flat_map(|byte| [byte, 0, 0, 0]).collect();
        assert_eq!((traces.within(&program).len(), traces.within(&four).len()), (1, 1));
    }

    #[test]
    fn a_value_is_found_across_line_breaks() {
        assert_eq!(
            found("correct \"hor\n    se\" bätt\r\n\tery&staple".as_bytes()),
            ["secret db (across line breaks)"]
        );
        assert_eq!(found("correct \"horse\" \\\nbättery&staple".as_bytes()), ["secret db (across line breaks)"]);
        for folded in ["correct\n\"horse\"\n    bättery&staple", "correct \"horse\"\\\r\n bättery&staple"] {
            assert_eq!(found(folded.as_bytes()), ["secret db (across line breaks)"], "{folded:?}");
        }
        let wrapped: Vec<String> = STANDARD
            .encode(format!("ab{VALUE}"))
            .as_bytes()
            .chunks(20)
            .map(|line| String::from_utf8_lossy(line).into())
            .collect();
        assert_eq!(found(wrapped.join("\n").as_bytes()), ["secret db (in base64, across line breaks)"]);
    }

    #[test]
    fn a_value_is_found_between_escape_sequences() {
        let coloured = "x \u{1b}[01;31m\u{1b}[Kcorrect \"h\u{1b}[m\u{1b}[Korse\"\0 bättery&staple";
        assert_eq!(found(coloured.as_bytes()), ["secret db"]);
        assert_eq!(
            found(b"correct \x1b[1m&quot;horse&quot;\x1b[m b\xc3\xa4ttery&amp;staple"),
            ["secret db (escaped for HTML)"]
        );
    }

    #[test]
    fn a_value_in_json_is_reported_with_its_path() {
        let object = serde_json::json!({"data": {"url": format!("pg://{VALUE}@db")}, "list": [1, {VALUE: true}]});
        let found: Vec<String> =
            traces().in_json(&object).into_iter().map(|(path, trace)| format!("{path}: {trace}")).collect();
        assert_eq!(found, ["data.url: secret db", "a key below list[1]: secret db"]);
    }

    #[test]
    fn a_value_is_found_where_two_windows_meet() {
        for shift in [1, 10, VALUE.len() - 1] {
            let mut content = vec![b'x'; WINDOW - shift];
            content.extend_from_slice(VALUE.as_bytes());
            content.extend_from_slice(&[b'y'; 100]);
            let found = traces().in_stream(&mut &content[..]).expect("in memory");
            assert_eq!(found.len(), 1, "{shift}");
        }
    }

    #[test]
    fn short_values_are_not_looked_for_and_reported() {
        assert_eq!(found(b"1234"), Vec::<String>::new());
        assert_eq!(traces().too_short(), ["pin"]);
    }
}
