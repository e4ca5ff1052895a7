//! Expectations that refer to the past: `"<= baseline + 5%"`. Knows the word and its arithmetic, and no file.
//!
//! Where a baseline belongs is known before an expectation is decoded, and lost then. So [`bind`] puts the key and the
//! stored value behind the text, after a character that no YAML text holds.

use super::ExpectError;
use crate::core::model::units::{Percent, Quantity, UnitError};

/// The word for the stored value.
const WORD: &str = "baseline";
/// Separates the written text, the key and the value.
const SEPARATOR: char = '\u{1f}';

/// Where an expectation is, and the stored value.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Bound<Q> {
    /// Its place in the assertion: `size`; empty where nothing was bound.
    pub key: String,
    /// The stored value; `None` where there is none.
    pub value: Option<Q>,
}

/// An expectation's text and what was bound to it.
pub(super) struct Split<'t, Q> {
    pub written: &'t str,
    pub bound: Result<Bound<Q>, ExpectError>,
}

impl<'t, Q: Quantity> Split<'t, Q> {
    pub fn of(text: &'t str) -> Self {
        let mut parts = text.split(SEPARATOR);
        let written = parts.next().unwrap_or_default().trim();
        let key = parts.next().unwrap_or_default().to_owned();
        let bound = match parts.next() {
            None => Ok(Bound { key, value: None }),
            Some(value) => match Q::parse(value) {
                Ok(value) => Ok(Bound { key, value: Some(value) }),
                Err(error) => Err(ExpectError::Stored { value: value.to_owned(), key, error }),
            },
        };
        Split { written, bound }
    }
}

/// The text of an expectation that refers to a baseline, with its place in the assertion and the stored value.
pub fn bind(written: &str, key: &str, value: Option<&str>) -> String {
    let value = value.map(|value| format!("{SEPARATOR}{value}")).unwrap_or_default();
    format!("{written}{SEPARATOR}{key}{value}")
}

/// Whether an expectation of this quantity refers to a baseline. A text may be the word itself.
pub fn mentions<Q: Quantity>(written: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    Q::FORMAT != "text"
        && written
            .match_indices(WORD)
            .any(|(at, _)| !written[..at].ends_with(is_word) && !written[at + WORD.len()..].starts_with(is_word))
}

/// The value of `baseline`, `baseline + 5%` or `baseline - 10MB`. A percentage is a share of the baseline;
/// of a quantity that is a percentage itself it is points.
pub(super) fn resolved<Q: Quantity>(text: &str, baseline: &Q) -> Result<Q, ExpectError> {
    let refused = || ExpectError::Change(text.to_owned());
    let rest = text.strip_prefix(WORD).ok_or_else(refused)?.trim_start();
    let number = baseline.number().ok_or_else(refused)?;
    let (sign, amount) = match (rest.strip_prefix('+'), rest.strip_prefix('-')) {
        _ if rest.is_empty() => return Ok(baseline.clone()),
        (Some(amount), _) => (1.0, amount.trim()),
        (_, Some(amount)) => (-1.0, amount.trim()),
        (None, None) => return Err(refused()),
    };
    if amount.is_empty() {
        return Err(ExpectError::NoValue(text.to_owned()));
    }
    let change = match (Q::parse(amount), Percent::parse(amount)) {
        (Ok(change), _) => change.number().ok_or_else(refused)?,
        (Err(_), Ok(share)) => number * share.0 / 100.0,
        (Err(error), Err(_)) => return Err(error.into()),
    };
    let out_of_range = || UnitError::OutOfRange(text.to_owned());
    Ok(Q::of_number(number + sign * change).ok_or_else(out_of_range)?)
}

/// What to type for a reference to a baseline that cannot be read.
pub(super) fn remedy() -> String {
    "write \"<= baseline\", or with a share of it or a value: \"<= baseline + 5%\"".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::model::expect::Expect;
    use crate::core::model::units::{ByteSize, Count, Text, TimeSpan};

    fn with<Q: Quantity>(written: &str, baseline: &str) -> Expect<Q> {
        Expect::parse(&bind(written, "size", Some(baseline))).expect("well formed")
    }

    #[test]
    fn a_share_or_a_value_is_added_to_the_baseline() {
        let expect = with::<ByteSize>("<= baseline + 5%", "100MB");
        assert!(expect.holds(&ByteSize(105_000_000)) && !expect.holds(&ByteSize(105_000_001)));
        let expect = with::<ByteSize>("< baseline - 10MB", "100MB");
        assert!(expect.holds(&ByteSize(89_999_999)) && !expect.holds(&ByteSize(90_000_000)));
        let expect = with::<Percent>(">= baseline - 1%", "80%");
        assert!(expect.holds(&Percent(79.0)) && !expect.holds(&Percent(78.9)), "points of a percentage");
        let expect = with::<Count>("baseline - 20% .. baseline + 20%", "10");
        assert!(expect.holds(&Count(8)) && expect.holds(&Count(12)) && !expect.holds(&Count(13)));
        assert!(with::<Count>("baseline", "3").holds(&Count(3)));
        assert!(with::<TimeSpan>("< baseline + 20%", "1s").holds(&TimeSpan::parse("1.1s").expect("a time")));
    }

    #[test]
    fn a_measure_shows_the_baseline_and_keeps_the_exact_value() {
        let measure = with::<ByteSize>("<= baseline + 5%", "100MB").measure("size", &ByteSize(104_123_456));
        assert_eq!((measure.actual.as_str(), measure.holds), ("104 MB", true));
        assert_eq!(measure.expected, "<= baseline + 5% (baseline is 100 MB)");
        let relative = measure.relative.expect("it refers to the past");
        assert_eq!(
            (relative.key.as_str(), relative.value.as_str(), relative.is_missing),
            ("size", "104123456B", false)
        );
    }

    #[test]
    fn without_a_baseline_nothing_holds() {
        let expect: Expect<Count> = Expect::parse(&bind("<= baseline", "count", None)).expect("well formed");
        assert!(!expect.holds(&Count(0)));
        let measure = expect.measure("count", &Count(0));
        assert_eq!(measure.expected, "<= baseline (no baseline)");
        assert!(measure.relative.expect("it refers to the past").is_missing);
    }

    #[test]
    fn says_what_is_wrong() {
        for (written, message) in [
            ("<= baseline + 5", "`5` has no unit; expected a size such as 500MB or 2GiB"),
            ("<= baseline +", "`baseline +` has no value to compare with"),
            ("<= baseline * 2", "`baseline * 2` is not a change of a baseline"),
            ("<= 2 baseline", "`2 baseline` is not a change of a baseline"),
        ] {
            assert_eq!(Expect::<ByteSize>::parse(written).expect_err(written).to_string(), message);
        }
        let error = Expect::<TimeSpan>::parse(&bind("< baseline", "time", Some("5MB"))).expect_err("a size");
        let words = "the baseline `5MB` of `time` in baselines.yaml cannot be used: `MB` is not a unit of duration; \
             expected a duration such as 500ms, 30s or 2m";
        assert_eq!(error.to_string(), words);
    }

    #[test]
    fn a_text_may_be_the_word_itself() {
        let expect: Expect<Text> = Expect::parse("baseline").expect("a text");
        assert!(expect.holds(&Text("baseline".to_owned())));
    }
}
