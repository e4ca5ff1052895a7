//! A bare number, such as the value of a query: it has no unit that is known here.

use std::fmt;

use super::{Arithmetic, Quantity, UnitError};

/// A finite number.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default)]
pub struct Number(pub f64);

impl Quantity for Number {
    const FORMAT: &'static str = "number";
    const EXAMPLE: &'static str = "a number such as 0.5";

    fn parse(text: &str) -> Result<Self, UnitError> {
        let text = text.trim();
        let is_number = |c: char| c.is_ascii_digit() || matches!(c, '.' | '_' | '-' | '+' | 'e' | 'E');
        if !text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '.' | '-' | '+')) {
            return Err(UnitError::NoNumber(text.to_owned()));
        }
        if let Some(at) = text.find(|c| !is_number(c)) {
            let unit = text[at..].trim().to_owned();
            return Err(UnitError::WrongUnit { unit, format: Self::FORMAT, example: Self::EXAMPLE });
        }
        match text.replace('_', "").parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Number(number)),
            Ok(_) => Err(UnitError::OutOfRange(text.to_owned())),
            Err(_) => Err(UnitError::NoNumber(text.to_owned())),
        }
    }
}

impl fmt::Display for Number {
    /// Four figures: `0.001234`, `12.34`, `123456`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0.0 {
            return f.write_str("0");
        }
        let magnitude = self.0.abs().log10().floor();
        if !(-12.0..15.0).contains(&magnitude) {
            return write!(f, "{:e}", self.0);
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 15")]
        let digits = (3.0 - magnitude).clamp(0.0, 15.0) as usize;
        let text = format!("{:.digits$}", self.0);
        f.write_str(if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text })
    }
}

impl Arithmetic for Number {
    fn number(&self) -> Option<f64> {
        Some(self.0)
    }
    fn of_number(number: f64) -> Option<Self> {
        number.is_finite().then_some(Number(number))
    }
    fn exact(&self) -> String {
        self.0.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_prints_numbers() {
        for (text, shown) in [
            ("0.5", "0.5"),
            ("-3", "-3"),
            ("1e3", "1000"),
            ("0.00123456", "0.001235"),
            ("123456.7", "123457"),
            ("0", "0"),
        ] {
            assert_eq!(Number::parse(text).map(|number| number.to_string()), Ok(shown.to_owned()), "{text}");
        }
        assert_eq!(
            Number::parse("5ms").expect_err("a unit").to_string(),
            "`ms` is not a unit of number; expected a number such as 0.5"
        );
        assert!(Number::parse("NaN").is_err() && Number::parse("1e999").is_err());
    }
}
