//! A captured text that may be incomplete, and what can be concluded from the part that is there.

use std::borrow::Cow;

use regex::Regex;

use crate::core::model::outcome::Fault;
use crate::core::model::units::ByteSize;

/// A captured text. Where it was cut, only conclusions that no continuation could change are drawn from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample<'a> {
    text: Cow<'a, str>,
    /// The number of bytes at which the capture ended, where there was more.
    cut: Option<u64>,
}

impl<'a> From<&'a str> for Sample<'a> {
    fn from(text: &'a str) -> Self {
        Sample { text: Cow::Borrowed(text), cut: None }
    }
}

impl<'a> Sample<'a> {
    /// The captured bytes; `cut` says that there were more of them.
    pub fn new(bytes: &'a [u8], cut: bool) -> Self {
        // a character that the limit split says nothing
        let whole = if cut { std::str::from_utf8(bytes).err().map(|error| (error.valid_up_to(), error)) } else { None };
        let bytes = match whole {
            Some((end, error)) if error.error_len().is_none() => &bytes[..end],
            _ => bytes,
        };
        Sample { text: String::from_utf8_lossy(bytes), cut: cut.then_some(bytes.len() as u64) }
    }

    /// The part that is there, without the line end that closes a complete text.
    pub fn text(&self) -> &str {
        if self.cut.is_some() { &self.text } else { without_line_end(&self.text) }
    }

    /// The whole text, where it was not cut.
    pub fn whole(&self) -> Option<&str> {
        self.cut.is_none().then(|| self.text())
    }

    /// Whether it equals `wanted`; one line end at the end of either does not count. `None`: the cut hides it.
    pub fn equals(&self, wanted: &str) -> Option<bool> {
        let wanted = without_line_end(wanted);
        if self.cut.is_none() {
            return Some(self.text() == wanted);
        }
        // a line end may follow, and would not count
        let half_line_end = self.text.strip_suffix('\r');
        let may_be =
            wanted.starts_with(&*self.text) || without_line_end(&self.text) == wanted || half_line_end == Some(wanted);
        (!may_be).then_some(false)
    }

    /// Whether `part` occurs in it. `None`: the cut hides it.
    pub fn contains(&self, part: &str) -> Option<bool> {
        if self.cut.is_none() {
            return Some(self.text().contains(part));
        }
        // half of the line end that closes the text does not count
        let sure = self.text.strip_suffix('\r').unwrap_or(&self.text);
        sure.contains(part).then_some(true)
    }

    /// Whether `pattern` matches somewhere in it. `None`: the cut hides it.
    pub fn matches(&self, pattern: &Regex) -> Option<bool> {
        let text = self.text();
        if self.cut.is_none() {
            return Some(pattern.is_match(text));
        }
        // a match that reaches the cut may depend on what follows (`$`, `\b`)
        pattern.find_iter(text).any(|found| found.end() < text.len()).then_some(true)
    }

    /// The number of its lines; an empty line is a line. `None`: the cut hides it.
    pub fn lines(&self) -> Option<usize> {
        self.cut.is_none().then(|| self.text.lines().count())
    }

    /// Why there is no verdict: `name` was cut.
    pub fn fault(&self, name: &str) -> Fault {
        let limit = ByteSize(self.cut.unwrap_or_default());
        Fault::unknown(format!("not measured: {name} is larger than {limit}, and only its beginning was kept"))
            .help(format!("print less, or write {name} to a file and assert on the file"))
    }
}

/// Without the one line end that closes a text.
fn without_line_end(text: &str) -> &str {
    text.strip_suffix('\n').map_or(text, |text| text.strip_suffix('\r').unwrap_or(text))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_line_end_does_not_count_and_an_empty_line_is_a_line() {
        for (text, equals_hi, lines) in [
            ("hi", true, 1),
            ("hi\n", true, 1),
            ("hi\r\n", true, 1),
            ("hi\n\n", false, 2),
            ("hi\r\n\n\n", false, 3),
            ("\nhi", false, 2),
            ("hi ", false, 1),
            ("\n", false, 1),
            ("", false, 0),
        ] {
            let sample = Sample::from(text);
            assert_eq!((sample.equals("hi"), sample.lines()), (Some(equals_hi), Some(lines)), "{text:?}");
        }
        assert_eq!(Sample::from("hi\n").equals("hi\n"), Some(true));
        assert_eq!(Sample::from("").equals(""), Some(true));
    }

    #[test]
    fn a_cut_text_gives_no_verdict_that_its_rest_could_change() {
        let cut = Sample::new(b"xxxx", true);
        assert_eq!(cut.contains("y"), None);
        assert_eq!(cut.contains("xx"), Some(true));
        assert_eq!(Sample::new(b"a\r", true).contains("a\r"), None, "the end of the text may follow");
        assert_eq!(cut.equals("xxxx"), None);
        assert_eq!(cut.equals("xxxxx"), None);
        assert_eq!(cut.equals("xy"), Some(false));
        assert_eq!(Sample::new(b"x\r", true).equals("x"), None, "a line feed may follow");
        assert_eq!(cut.matches(&Regex::new("^x+$").expect("valid")), None);
        assert_eq!(cut.matches(&Regex::new("^xx").expect("valid")), Some(true));
        assert_eq!(cut.lines(), None);
        assert_eq!(cut.whole(), None);
    }

    #[test]
    fn a_character_that_the_limit_split_is_left_out() {
        assert_eq!(Sample::new(&"aé".as_bytes()[..2], true).text(), "a");
    }

    proptest! {
        #[test]
        fn what_a_part_says_the_whole_says(text in "[ab\r\n]{0,12}", at in 0usize..12, wanted in "[ab\r\n]{0,4}") {
            let at = at.min(text.len());
            let (part, whole) = (Sample::new(&text.as_bytes()[..at], at < text.len()), Sample::from(text.as_str()));
            for pattern in ["^a+$", "(?m)^b$", r"\ba\b", "ab?", r"a\z", "a*?b"] {
                let pattern = Regex::new(pattern).expect("valid");
                if let Some(said) = part.matches(&pattern) {
                    prop_assert_eq!(Some(said), whole.matches(&pattern));
                }
            }
            for (said, known) in [
                (part.equals(&wanted), whole.equals(&wanted)),
                (part.contains(&wanted), whole.contains(&wanted)),
                (part.lines().map(|lines| lines == 1), whole.lines().map(|lines| lines == 1)),
            ] {
                prop_assert!(said.is_none() || said == known, "{:?} {:?}", said, known);
            }
        }
    }
}
