//! Kubernetes' quantities: `500m`, `1.5Gi`, `1e3`. What they can be compared with and turned into follows its `resource`
//! package: what fits into 64 bits with a decimal scale is exact, anything else is kept to a billionth.

use std::cmp::Ordering;

use crate::core::expr::number::int_to_double;

/// `value * 10^scale`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::core::expr) struct Quantity {
    value: i128,
    scale: i32,
    /// Whether Kubernetes holds it as a 64-bit number; only such a one can be an integer.
    small: bool,
    /// As it was written; empty for a result.
    text: String,
}

/// The smallest scale that is kept.
const NANO: i32 = -9;

impl Quantity {
    /// Reads one; nothing where the text is none.
    pub fn parse(text: &str) -> Option<Quantity> {
        let (negative, unsigned) = match text.as_bytes().first()? {
            b'-' => (true, &text[1..]),
            b'+' => (false, &text[1..]),
            _ => (false, text),
        };
        let end = unsigned.find(|c: char| !c.is_ascii_digit()).unwrap_or(unsigned.len());
        let (whole, rest) = unsigned.split_at(end);
        let (fraction, suffix) = match rest.strip_prefix('.') {
            Some(rest) => rest.split_at(rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len())),
            None => ("", rest),
        };
        let whole = whole.trim_start_matches('0');
        let (base, exponent) = unit(suffix)?;
        let digits = format!("{whole}{fraction}");
        let value: i128 = if digits.is_empty() { 0 } else { digits.parse().ok()? };
        let (value, decimal) = match base {
            2 => (value.checked_shl(exponent.unsigned_abs()).filter(|shifted| shifted >> exponent == value)?, 0),
            _ => (value, exponent),
        };
        let places = i32::try_from(fraction.len()).ok()?;
        let scale = decimal.checked_sub(places)?;
        let written = i32::try_from(whole.len().max(1)).ok()? + places;
        let small = scale >= NANO
            && i64::try_from(value).is_ok()
            && if base == 2 { fraction.is_empty() && 14 - written - exponent * 3 / 10 >= 0 } else { written <= 18 };
        let (mut value, scale) = if small { (value, scale) } else { rounded(value, scale) };
        if base == 2 && !small {
            value = value.min(i128::from(i64::MAX).checked_mul(10i128.checked_pow(scale.unsigned_abs())?)?);
        }
        Some(Quantity { value: if negative { -value } else { value }, scale, small, text: text.to_owned() })
    }

    /// A whole number.
    pub fn of(number: i64) -> Quantity {
        Quantity { value: number.into(), scale: 0, small: true, text: String::new() }
    }

    /// How they compare, by value.
    pub fn compare(&self, other: &Quantity) -> Ordering {
        match aligned(self, other) {
            Some((a, b, _)) => a.cmp(&b),
            None => self.approximately().total_cmp(&other.approximately()),
        }
    }

    /// The double next to it.
    pub fn approximately(&self) -> f64 {
        let value =
            i64::try_from(self.value).map_or_else(|_| self.value.to_string().parse().unwrap_or(0.0), int_to_double);
        let factor = if self.scale > 400 { f64::INFINITY } else { format!("1e{}", self.scale).parse().unwrap_or(1.0) };
        if self.scale == 0 { value } else { value * factor }
    }

    /// The integer that it is, where Kubernetes gives one.
    pub fn integer(&self) -> Option<i64> {
        if !self.small || self.scale < 0 {
            return None;
        }
        let value = self.value.checked_mul(10i128.checked_pow(self.scale.unsigned_abs())?)?;
        i64::try_from(value).ok()
    }

    /// The sum; nothing where it is too large.
    pub fn plus(&self, other: &Quantity) -> Option<Quantity> {
        if self.value == 0 {
            return Some(Quantity { text: String::new(), ..other.clone() });
        }
        if other.value == 0 {
            return Some(Quantity { text: String::new(), ..self.clone() });
        }
        let (a, b, scale) = aligned(self, other)?;
        let value = a.checked_add(b)?;
        let small = self.small && other.small && [a, b, value].iter().all(|value| i64::try_from(*value).is_ok());
        Some(Quantity { value, scale, small, text: String::new() })
    }

    /// The difference; nothing where it is too large.
    pub fn minus(&self, other: &Quantity) -> Option<Quantity> {
        self.plus(&Quantity { value: -other.value, ..other.clone() })
    }

    /// -1, 0 or 1.
    pub fn sign(&self) -> i64 {
        self.value.cmp(&0) as i64
    }

    /// As it was written; a result as a decimal number.
    pub fn to_text(&self) -> String {
        if !self.text.is_empty() {
            return self.text.clone();
        }
        let (mut value, mut scale) = (self.value, self.scale);
        while scale < 0 && value % 10 == 0 {
            (value, scale) = (value / 10, scale + 1);
        }
        if scale == 0 { value.to_string() } else { format!("{value}e{scale}") }
    }
}

/// The base and exponent of a suffix.
fn unit(suffix: &str) -> Option<(i32, i32)> {
    Some(match suffix {
        "" => (10, 0),
        "n" => (10, -9),
        "u" => (10, -6),
        "m" => (10, -3),
        "k" => (10, 3),
        "M" => (10, 6),
        "G" => (10, 9),
        "T" => (10, 12),
        "P" => (10, 15),
        "E" => (10, 18),
        "Ki" => (2, 10),
        "Mi" => (2, 20),
        "Gi" => (2, 30),
        "Ti" => (2, 40),
        "Pi" => (2, 50),
        "Ei" => (2, 60),
        other => (10, other.strip_prefix(['e', 'E'])?.parse().ok()?),
    })
}

/// The same in billionths, where it fits: a smaller part counts as a whole one.
fn rounded(value: i128, scale: i32) -> (i128, i32) {
    let factor = 10i128.checked_pow((NANO - scale).unsigned_abs());
    if scale >= NANO {
        let scaled = factor.and_then(|factor| value.checked_mul(factor));
        return scaled.map_or((value, scale), |value| (value, NANO));
    }
    let value = match factor {
        Some(divisor) => value / divisor + i128::from(value % divisor != 0),
        None => i128::from(value != 0),
    };
    (value, NANO)
}

/// Two values at the smaller scale.
fn aligned(a: &Quantity, b: &Quantity) -> Option<(i128, i128, i32)> {
    let scale = a.scale.min(b.scale);
    let at = |quantity: &Quantity| {
        if quantity.value == 0 {
            return Some(0);
        }
        quantity.value.checked_mul(10i128.checked_pow((quantity.scale - scale).unsigned_abs())?)
    };
    Some((at(a)?, at(b)?, scale))
}
