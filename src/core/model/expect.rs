//! The one expectation language: a bare value means equals; `"< 500MB"`, `">= 2"`, `"!= 0"`, `"200..299"`.

mod baseline;

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer};

use crate::core::model::outcome::{Measure, Relative};
use baseline::{Bound, Split};
pub use baseline::{bind, mentions};

use crate::core::model::units::{Quantity, ScalarText, Text, UnitError, as_written};

/// What is expected of a measured quantity.
#[derive(Debug, Clone, PartialEq)]
pub struct Expect<Q> {
    test: Test<Q>,
    written: String,
    /// What it refers to, where it refers to the past.
    baseline: Option<Bound<Q>>,
}

#[derive(Debug, Clone, PartialEq)]
enum Test<Q> {
    Equal(Q),
    NotEqual(Q),
    Less(Q),
    LessOrEqual(Q),
    Greater(Q),
    GreaterOrEqual(Q),
    /// Both ends belong to it.
    Range(Q, Q),
    /// It refers to a baseline that is not known: nothing is as expected.
    Unknown,
}

impl<Q: Quantity> Expect<Q> {
    /// Reads an expectation as a user writes it, or with the baseline that [`bind`] put behind it.
    pub fn parse(text: &str) -> Result<Self, ExpectError> {
        let Split { written, bound } = Split::of(text.trim());
        if !mentions::<Q>(written) {
            return Ok(Expect { test: Test::parse(written, None)?, written: written.to_owned(), baseline: None });
        }
        let bound: Bound<Q> = bound?;
        let test = match &bound.value {
            Some(value) => Test::parse(written, Some(value))?,
            // any value shows whether the rest can be read
            None => Test::parse(written, Q::of_number(1.0).as_ref()).map(|_| Test::Unknown)?,
        };
        Ok(Expect { test, written: written.to_owned(), baseline: Some(bound) })
    }

    /// What to type for a text that is no expectation: the same with the operator that was meant, or how one is written.
    pub fn remedy(written: &str) -> String {
        const SLIPS: [(&str, &str); 6] =
            [("<>", "!= "), ("=>", ">= "), ("=<", "<= "), ("!", "!= "), ("~", ""), ("=", "")];
        let written = written.trim();
        if mentions::<Q>(written) {
            return baseline::remedy();
        }
        for (slip, meant) in SLIPS {
            let Some(rest) =
                written.strip_prefix(slip).filter(|_| !written.starts_with("!=") && !written.starts_with("=="))
            else {
                continue;
            };
            let fixed = format!("{meant}{}", rest.trim());
            if Self::parse(&fixed).is_ok() {
                return format!("write \"{fixed}\"");
            }
        }
        let value = Q::EXAMPLE.split(" such as ").nth(1).unwrap_or("x").split([',', ' ']).next().unwrap_or("x");
        match Q::FORMAT {
            "text" => "write the text itself, or `\"!= …\"` for any other".to_owned(),
            _ => format!(
                "write {}, a comparison such as \"< {value}\" or \">= {value}\", or a range with `..` between its ends",
                Q::EXAMPLE
            ),
        }
    }

    /// Whether `actual` is as expected.
    pub fn holds(&self, actual: &Q) -> bool {
        match &self.test {
            Test::Equal(wanted) => actual == wanted,
            Test::NotEqual(wanted) => actual != wanted,
            Test::Less(bound) => actual < bound,
            Test::LessOrEqual(bound) => actual <= bound,
            Test::Greater(bound) => actual > bound,
            Test::GreaterOrEqual(bound) => actual >= bound,
            Test::Range(low, high) => low <= actual && actual <= high,
            Test::Unknown => false,
        }
    }

    /// The measure named `name`: `actual` beside this expectation.
    pub fn measure(&self, name: &str, actual: &Q) -> Measure {
        let measure = Measure::new(name, actual, self.shown(), self.holds(actual));
        let relative = self.baseline.as_ref().map(|bound| Relative {
            key: bound.key.clone(),
            value: actual.exact(),
            is_missing: bound.value.is_none(),
        });
        let timing = matches!(Q::FORMAT, "duration" | "rate");
        Measure { timing, relative, ..measure }
    }

    /// As it was written, with the value of the baseline that it refers to.
    fn shown(&self) -> Cow<'_, str> {
        match &self.baseline {
            None => Cow::Borrowed(&self.written),
            Some(Bound { value: Some(value), .. }) => Cow::Owned(format!("{} (baseline is {value})", self.written)),
            Some(Bound { value: None, .. }) => Cow::Owned(format!("{} (no baseline)", self.written)),
        }
    }
}

impl<Q: Quantity> Test<Q> {
    /// `baseline` is the value of the word.
    fn parse(text: &str, baseline: Option<&Q>) -> Result<Self, ExpectError> {
        let value = |rest: &str| -> Result<Q, ExpectError> {
            match (rest.trim(), baseline) {
                ("", _) => Err(ExpectError::NoValue(text.to_owned())),
                (rest, Some(baseline)) if mentions::<Q>(rest) => baseline::resolved(rest, baseline),
                (rest, _) => Ok(Q::parse(rest)?),
            }
        };
        if let Some(rest) = text.strip_prefix("<=") {
            Ok(Test::LessOrEqual(value(rest)?))
        } else if let Some(rest) = text.strip_prefix(">=") {
            Ok(Test::GreaterOrEqual(value(rest)?))
        } else if let Some(rest) = text.strip_prefix("!=") {
            Ok(Test::NotEqual(value(rest)?))
        } else if let Some(rest) = text.strip_prefix("==") {
            Ok(Test::Equal(value(rest)?))
        } else if let Some(rest) = text.strip_prefix('<') {
            Ok(Test::Less(value(rest)?))
        } else if let Some(rest) = text.strip_prefix('>') {
            Ok(Test::Greater(value(rest)?))
        } else if let Some((low, high)) = text.split_once("..").filter(|_| Q::FORMAT != "text") {
            let (low, high) = (value(low)?, value(high.strip_prefix('=').unwrap_or(high))?);
            if low > high { Err(ExpectError::Backwards(text.to_owned())) } else { Ok(Test::Range(low, high)) }
        } else {
            Ok(Test::Equal(value(text)?))
        }
    }
}

impl<Q: Quantity> fmt::Display for Expect<Q> {
    /// As it was written; a bare value stays bare.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

/// Why a text is not an expectation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExpectError {
    /// The value after the operator is missing.
    #[error("`{0}` has no value to compare with")]
    NoValue(String),
    /// The range's low end is above its high end.
    #[error("`{0}` is a range whose low end is above its high end")]
    Backwards(String),
    /// What follows `baseline` is not a change of it.
    #[error("`{0}` is not a change of a baseline")]
    Change(String),
    /// The stored value is not of this measure.
    #[error("the baseline `{value}` of `{key}` in baselines.yaml cannot be used: {error}")]
    Stored {
        /// The value.
        value: String,
        /// The measure.
        key: String,
        /// Why.
        error: UnitError,
    },
    /// The value is not of this measure.
    #[error(transparent)]
    Unit(#[from] UnitError),
}

impl<'de, Q: Quantity> Deserialize<'de> for Expect<Q> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // An expected text is as it is written; a number is compared as a number.
        let text = if Q::FORMAT == Text::FORMAT {
            as_written(deserializer)?
        } else {
            deserializer.deserialize_any(ScalarText)?
        };
        Expect::parse(&text).map_err(de::Error::custom)
    }
}

impl<Q: Quantity> JsonSchema for Expect<Q> {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        format!("Expect_{}", Q::FORMAT).into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["string", "number", "boolean"],
            "format": format!("expect-{}", Q::FORMAT),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::model::units::{ByteSize, Count, TimeSpan};

    #[test]
    fn compares_with_units() {
        let expect: Expect<ByteSize> = Expect::parse("< 500MB").expect("well formed");
        assert!(expect.holds(&ByteSize(499_999_999)));
        assert!(!expect.holds(&ByteSize(500_000_000)));
        assert_eq!(expect.to_string(), "< 500MB");
    }

    #[test]
    fn a_range_holds_both_its_ends() {
        let expect: Expect<Count> = Expect::parse("200..299").expect("well formed");
        assert!(expect.holds(&Count(200)) && expect.holds(&Count(299)) && !expect.holds(&Count(300)));
    }

    #[test]
    fn names_the_operator_that_was_meant() {
        assert_eq!(Expect::<Count>::remedy("<> 5"), "write \"!= 5\"");
        assert_eq!(Expect::<Count>::remedy("=>5"), "write \">= 5\"");
        assert_eq!(
            Expect::<ByteSize>::remedy("big"),
            "write a size such as 500MB or 2GiB, a comparison such as \"< 500MB\" or \">= 500MB\", or a range with `..` \
             between its ends"
        );
    }

    #[test]
    fn refuses_a_unit_of_another_measure() {
        let error = Expect::<TimeSpan>::parse("< 5MB").expect_err("a size is not a duration");
        assert_eq!(error.to_string(), "`MB` is not a unit of duration; expected a duration such as 500ms, 30s or 2m");
    }
}
