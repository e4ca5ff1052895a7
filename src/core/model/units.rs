//! Quantities with units: bytes, durations, rates, percentages, counts, text. Parses and prints them; compares nothing.

mod arithmetic;
mod number;

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

pub use arithmetic::Arithmetic;
pub use number::Number;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};

/// Something that can be measured and compared: how it is read from text and what its units are.
pub trait Quantity: Arithmetic + Clone + PartialOrd + PartialEq + fmt::Display + Send + Sync + 'static {
    /// The `format` of its scalars in the schema: `bytes`, `duration`, …
    const FORMAT: &'static str;
    /// What to type, for help lines: `a size such as 500MB or 2GiB`.
    const EXAMPLE: &'static str;
    /// Reads one value: `500MB`, `2m`, `200/s`, `95%`, `3`.
    fn parse(text: &str) -> Result<Self, UnitError>;
}

/// Why a text is not a quantity of the wanted kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnitError {
    /// There is no number where one belongs.
    #[error("`{0}` does not start with a number")]
    NoNumber(String),
    /// The unit is missing where a bare number would be ambiguous.
    #[error("`{text}` has no unit; expected {example}")]
    NoUnit {
        /// The text as written.
        text: String,
        /// What to type.
        example: &'static str,
    },
    /// The unit belongs to another measure.
    #[error("`{unit}` is not a unit of {format}; expected {example}")]
    WrongUnit {
        /// The unit as written.
        unit: String,
        /// The measure.
        format: &'static str,
        /// What to type.
        example: &'static str,
    },
    /// The number is negative, too large, or has a fraction where none can be.
    #[error("`{0}` is out of range")]
    OutOfRange(String),
}

/// Splits `1.5GiB` into its number and its unit.
fn split(text: &str) -> Result<(f64, &str), UnitError> {
    let text = text.trim();
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == '_')).unwrap_or(text.len());
    let number: f64 = text[..end].replace('_', "").parse().map_err(|_| UnitError::NoNumber(text.to_owned()))?;
    Ok((number, text[end..].trim()))
}

fn wrong<T: Quantity>(unit: &str) -> UnitError {
    UnitError::WrongUnit { unit: unit.to_owned(), format: T::FORMAT, example: T::EXAMPLE }
}

/// A size in bytes. `kB`, `MB`, `GB`, `TB` are decimal; `KiB`, `MiB`, `GiB`, `TiB` are binary (IEC 80000-13).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ByteSize(pub u64);

impl Quantity for ByteSize {
    const FORMAT: &'static str = "bytes";
    const EXAMPLE: &'static str = "a size such as 500MB or 2GiB";

    fn parse(text: &str) -> Result<Self, UnitError> {
        let (number, unit) = split(text)?;
        let scale: u64 = match unit {
            "B" => 1,
            "kB" | "KB" => 1_000,
            "MB" => 1_000_000,
            "GB" => 1_000_000_000,
            "TB" => 1_000_000_000_000,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            "TiB" => 1 << 40,
            "" if number == 0.0 => 1,
            "" => return Err(UnitError::NoUnit { text: text.trim().to_owned(), example: Self::EXAMPLE }),
            other => return Err(wrong::<Self>(other)),
        };
        #[expect(clippy::cast_precision_loss, reason = "scales are powers far below 2^53")]
        let bytes = number * scale as f64;
        if !bytes.is_finite() || bytes > 9.0e18 {
            return Err(UnitError::OutOfRange(text.to_owned()));
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked above")]
        Ok(ByteSize(bytes.round() as u64))
    }
}

impl fmt::Display for ByteSize {
    /// Decimal units, three figures: `612 MB`, `1.25 GB`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        #[expect(clippy::cast_precision_loss, reason = "shown with three figures")]
        let bytes = self.0 as f64;
        let (value, unit) = match self.0 {
            0..1_000 => return write!(f, "{} B", self.0),
            1_000..1_000_000 => (bytes / 1e3, "kB"),
            1_000_000..1_000_000_000 => (bytes / 1e6, "MB"),
            1_000_000_000..1_000_000_000_000 => (bytes / 1e9, "GB"),
            _ => (bytes / 1e12, "TB"),
        };
        write!(f, "{} {unit}", three_figures(value))
    }
}

/// `1.25`, `12.5`, `125`: at most three figures, no trailing zeros.
fn three_figures(value: f64) -> String {
    let digits = if value < 9.995 { 2 } else { usize::from(value < 99.95) };
    let text = format!("{value:.digits$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// A number of things in words: `1 node`, `2 nodes`. For words whose plural ends in `s`.
pub fn counted<N: fmt::Display + PartialEq + From<u8>>(count: N, noun: &str) -> String {
    let ending = if count == N::from(1) { "" } else { "s" };
    format!("{count} {noun}{ending}")
}

/// A length of time. Units: `ms`, `s`, `m`, `h`, also combined (`1m30s`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct TimeSpan(pub Duration);

impl Quantity for TimeSpan {
    const FORMAT: &'static str = "duration";
    const EXAMPLE: &'static str = "a duration such as 500ms, 30s or 2m";

    fn parse(text: &str) -> Result<Self, UnitError> {
        let mut rest = text.trim();
        if rest == "0" {
            return Ok(TimeSpan(Duration::ZERO));
        }
        let mut total = 0.0f64;
        loop {
            let (number, tail) = split(rest)?;
            let end = tail.find(|c: char| !c.is_alphabetic()).unwrap_or(tail.len());
            let scale = match &tail[..end] {
                "us" | "µs" => 1e-6,
                "ms" => 1e-3,
                "s" => 1.0,
                "m" | "min" => 60.0,
                "h" => 3600.0,
                "" => {
                    return Err(UnitError::NoUnit { text: text.trim().to_owned(), example: Self::EXAMPLE });
                }
                other => return Err(wrong::<Self>(other)),
            };
            total += number * scale;
            rest = tail[end..].trim_start();
            if rest.is_empty() {
                break;
            }
        }
        if total > 3.2e9 {
            return Err(UnitError::OutOfRange(text.to_owned()));
        }
        Duration::try_from_secs_f64(total).map(TimeSpan).map_err(|_| UnitError::OutOfRange(text.to_owned()))
    }
}

impl fmt::Display for TimeSpan {
    /// `340µs`, `12ms`, `4.2s`, `1m30s`, `2h5m`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs_f64();
        if self.0.is_zero() {
            f.write_str("0s")
        } else if seconds < 1e-3 {
            write!(f, "{}µs", self.0.as_micros())
        } else if seconds < 0.9995 {
            write!(f, "{}ms", three_figures(seconds * 1e3))
        } else if seconds < 59.95 {
            write!(f, "{}s", three_figures(seconds))
        } else {
            let whole = self.0.as_secs();
            let (hours, minutes, rest) = (whole / 3600, whole / 60 % 60, whole % 60);
            match (hours, minutes, rest) {
                (0, minutes, 0) => write!(f, "{minutes}m"),
                (0, minutes, rest) => write!(f, "{minutes}m{rest}s"),
                (hours, 0, _) => write!(f, "{hours}h"),
                (hours, minutes, _) => write!(f, "{hours}h{minutes}m"),
            }
        }
    }
}

/// Events per second: `200/s`, `12/m`.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default)]
pub struct Rate(pub f64);

impl Quantity for Rate {
    const FORMAT: &'static str = "rate";
    const EXAMPLE: &'static str = "a rate such as 200/s";

    fn parse(text: &str) -> Result<Self, UnitError> {
        let (number, unit) = split(text)?;
        match unit {
            "/s" => Ok(Rate(number)),
            "/m" | "/min" => Ok(Rate(number / 60.0)),
            "" => Err(UnitError::NoUnit { text: text.trim().to_owned(), example: Self::EXAMPLE }),
            other => Err(wrong::<Self>(other)),
        }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/s", three_figures(self.0))
    }
}

/// A share: `95%`.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default)]
pub struct Percent(pub f64);

impl Quantity for Percent {
    const FORMAT: &'static str = "percent";
    const EXAMPLE: &'static str = "a percentage such as 95%";

    fn parse(text: &str) -> Result<Self, UnitError> {
        let (number, unit) = split(text)?;
        match unit {
            "%" => Ok(Percent(number)),
            "" => Err(UnitError::NoUnit { text: text.trim().to_owned(), example: Self::EXAMPLE }),
            other => Err(wrong::<Self>(other)),
        }
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", three_figures(self.0))
    }
}

/// A number of things; it has no unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Count(pub i64);

impl Quantity for Count {
    const FORMAT: &'static str = "count";
    const EXAMPLE: &'static str = "a whole number such as 3";

    fn parse(text: &str) -> Result<Self, UnitError> {
        let text = text.trim();
        let (sign, digits) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
        let (number, unit) = split(digits)?;
        if !unit.is_empty() {
            return Err(wrong::<Self>(unit));
        }
        if number.fract() != 0.0 || number > 9.0e15 {
            return Err(UnitError::OutOfRange(text.to_owned()));
        }
        #[expect(clippy::cast_possible_truncation, reason = "checked above")]
        Ok(Count(sign * number as i64))
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A piece of text, compared as it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Text(pub String);

impl Quantity for Text {
    const FORMAT: &'static str = "text";
    const EXAMPLE: &'static str = "a text";

    fn parse(text: &str) -> Result<Self, UnitError> {
        Ok(Text(text.to_owned()))
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A scalar visitor that hands text, whole numbers and fractions on as text. See [`as_written`].
pub(crate) struct ScalarText;

impl<'de> Visitor<'de> for ScalarText {
    type Value = Cow<'static, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a scalar")
    }
    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Cow::Owned(number.to_string()))
    }
    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Cow::Owned(number.to_string()))
    }
    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Self::Value, E> {
        Ok(Cow::Owned(number.to_string()))
    }
    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(if value { "true" } else { "false" }))
    }
    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

/// A newtype of this name asks for a scalar as text, as it is written: `3.10` and not 3.1.
pub(crate) const TEXT: &str = "$text";

/// A scalar as text, as it is written.
///
/// # Errors
/// A list or a mapping.
pub(crate) fn as_written<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Cow<'static, str>, D::Error> {
    deserializer.deserialize_newtype_struct(TEXT, ScalarText)
}

macro_rules! scalar_quantity {
    ($($name:ident),*) => {$(
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = deserializer.deserialize_any(ScalarText)?;
                <$name as Quantity>::parse(&text).map_err(de::Error::custom)
            }
        }
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl JsonSchema for $name {
            fn inline_schema() -> bool { true }
            fn schema_name() -> Cow<'static, str> { stringify!($name).into() }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": ["string", "number"], "format": <$name as Quantity>::FORMAT })
            }
        }
    )*};
}
scalar_quantity!(ByteSize, TimeSpan, Rate, Percent);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_decimal_and_binary_sizes() {
        assert_eq!(ByteSize::parse("500MB"), Ok(ByteSize(500_000_000)));
        assert_eq!(ByteSize::parse("1.5 GiB"), Ok(ByteSize(1_610_612_736)));
        assert_eq!(
            ByteSize::parse("500").unwrap_err().to_string(),
            "`500` has no unit; expected a size such as 500MB or 2GiB"
        );
        assert_eq!(
            ByteSize::parse("500ms").unwrap_err().to_string(),
            "`ms` is not a unit of bytes; expected a size such as 500MB or 2GiB"
        );
    }

    #[test]
    fn reads_and_prints_durations() {
        for (text, shown) in
            [("500ms", "500ms"), ("90s", "1m30s"), ("1m30s", "1m30s"), ("4.20s", "4.2s"), ("2h5m", "2h5m")]
        {
            assert_eq!(TimeSpan::parse(text).map(|span| span.to_string()), Ok(shown.to_owned()), "{text}");
        }
        assert!(TimeSpan::parse("30").is_err());
    }

    #[test]
    fn prints_three_figures() {
        assert_eq!(ByteSize(612_340_000).to_string(), "612 MB");
        assert_eq!(ByteSize(1_250_000_000).to_string(), "1.25 GB");
        assert_eq!(ByteSize(999).to_string(), "999 B");
    }
}
