//! Doubles: from and to whole numbers, from and to texts.

const TWO_63: f64 = 9_223_372_036_854_775_808.0;
const TWO_64: f64 = 18_446_744_073_709_551_616.0;

/// The int that a double is after truncation.
#[allow(clippy::cast_possible_truncation)]
pub(super) fn to_int(number: f64) -> Option<i64> {
    (number > -TWO_63 && number < TWO_63).then_some(number as i64)
}

/// The uint that a double is after truncation.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
pub(super) fn to_uint(number: f64) -> Option<u64> {
    (0.0..TWO_64).contains(&number).then_some(number as u64)
}

#[allow(clippy::cast_precision_loss)]
pub(super) fn int_to_double(number: i64) -> f64 {
    number as f64
}

#[allow(clippy::cast_precision_loss)]
pub(super) fn uint_to_double(number: u64) -> f64 {
    number as f64
}

/// The double that a text is, as Go reads it: `1.5e3`, `1_000`, `0x1.8p3`, `inf`, `NaN`.
pub(super) fn parse_double(text: &str) -> Option<f64> {
    let (negative, rest) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let hex = rest.strip_prefix("0x").or_else(|| rest.strip_prefix("0X"));
    // An underscore is between two digits, or behind the prefix.
    let bytes = rest.as_bytes();
    let digit = |at: Option<usize>| {
        at.and_then(|at| bytes.get(at)).is_some_and(|byte| match hex {
            Some(_) => byte.is_ascii_hexdigit() || matches!(byte, b'x' | b'X'),
            None => byte.is_ascii_digit(),
        })
    };
    let misplaced = |at: usize| !(digit(at.checked_sub(1)) && digit(at.checked_add(1)));
    if bytes.iter().enumerate().any(|(at, byte)| *byte == b'_' && misplaced(at)) {
        return None;
    }
    if let Some(hex) = hex {
        return parse_hex(&hex.replace('_', "")).map(|number| if negative { -number } else { number });
    }
    let digits = rest.bytes().any(|byte| byte.is_ascii_digit());
    text.replace('_', "").parse().ok().filter(|number: &f64| number.is_finite() || !digits)
}

/// `1.8p3`: hexadecimal digits, and a power of two.
fn parse_hex(text: &str) -> Option<f64> {
    let (mantissa, exponent) = text.split_once(['p', 'P'])?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    // Sixteen digits fill 64 bits; longer ones would be rounded twice.
    let digits = digits.trim_start_matches('0');
    if whole.is_empty() && fraction.is_empty() || digits.len() > 13 {
        return None;
    }
    let mantissa = if digits.is_empty() { 0 } else { u64::from_str_radix(digits, 16).ok()? };
    let exponent: i32 = exponent.parse().ok()?;
    let shift = i32::try_from(fraction.len()).ok()?.checked_mul(4)?;
    let number = uint_to_double(mantissa) * 2f64.powi(exponent.checked_sub(shift)?);
    number.is_finite().then_some(number)
}

/// A double as Go writes it with `%g`: the shortest digits, with an exponent from 1e6 on and below 1e-4.
pub(super) fn double_text(number: f64) -> String {
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let scientific = format!("{number:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..6).contains(&exponent) {
        return format!("{number}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}
