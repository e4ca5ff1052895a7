//! Quantities as numbers: what a change by a percentage needs, and a text that keeps the exact value.

use std::time::Duration;

use super::{ByteSize, Count, Percent, Rate, Text, TimeSpan};

/// A quantity that can be changed by a share of itself, and stored.
pub trait Arithmetic: Sized {
    /// The value in its base unit (bytes, seconds, per second, percent, things); `None` for text.
    fn number(&self) -> Option<f64>;
    /// The quantity of this value in its base unit; `None` for text and for what is out of its range.
    fn of_number(number: f64) -> Option<Self>;
    /// The exact value with its unit, as the quantity is read from text.
    fn exact(&self) -> String;
}

#[expect(clippy::cast_precision_loss, reason = "a baseline with a change is compared to 15 figures")]
impl Arithmetic for ByteSize {
    fn number(&self) -> Option<f64> {
        Some(self.0 as f64)
    }
    fn of_number(number: f64) -> Option<Self> {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked beside it")]
        (number.is_finite() && number < 9.0e18).then(|| ByteSize(number.max(0.0).round() as u64))
    }
    fn exact(&self) -> String {
        format!("{}B", self.0)
    }
}

impl Arithmetic for TimeSpan {
    fn number(&self) -> Option<f64> {
        Some(self.0.as_secs_f64())
    }
    fn of_number(number: f64) -> Option<Self> {
        Duration::try_from_secs_f64(number.max(0.0)).ok().map(TimeSpan)
    }
    fn exact(&self) -> String {
        format!("{}s", self.0.as_secs_f64())
    }
}

impl Arithmetic for Rate {
    fn number(&self) -> Option<f64> {
        Some(self.0)
    }
    fn of_number(number: f64) -> Option<Self> {
        number.is_finite().then_some(Rate(number))
    }
    fn exact(&self) -> String {
        format!("{}/s", self.0)
    }
}

impl Arithmetic for Percent {
    fn number(&self) -> Option<f64> {
        Some(self.0)
    }
    fn of_number(number: f64) -> Option<Self> {
        number.is_finite().then_some(Percent(number))
    }
    fn exact(&self) -> String {
        format!("{}%", self.0)
    }
}

/// A changed count is rounded down: "no more than 5 % above 10" is 10, not 11.
#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "counts stay below 2^53")]
impl Arithmetic for Count {
    fn number(&self) -> Option<f64> {
        Some(self.0 as f64)
    }
    fn of_number(number: f64) -> Option<Self> {
        (number.abs() < 9.0e15).then(|| Count(number.floor() as i64))
    }
    fn exact(&self) -> String {
        self.0.to_string()
    }
}

impl Arithmetic for Text {
    fn number(&self) -> Option<f64> {
        None
    }
    fn of_number(_: f64) -> Option<Self> {
        None
    }
    fn exact(&self) -> String {
        self.0.clone()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::core::model::units::Quantity;

    fn survives<Q: Quantity + std::fmt::Debug>(value: &Q) {
        assert_eq!(Q::parse(&value.exact()).as_ref(), Ok(value));
    }

    proptest! {
        #[test]
        fn an_exact_text_is_read_as_the_same_value(
            bytes in 0u64..1 << 53, millis in 0u64..3_000_000_000, rate in 0.0f64..1e9, count in -1_000_000i64..1 << 50,
        ) {
            survives(&ByteSize(bytes));
            survives(&TimeSpan(Duration::from_millis(millis)));
            survives(&Rate(rate));
            survives(&Percent(rate));
            survives(&Count(count));
        }
    }
}
