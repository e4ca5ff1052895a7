//! What a plain scalar of a Kubernetes manifest is: the rules of `kubectl`, which are those of go-yaml 2 (YAML 1.1 with
//! exceptions). Knows no trees.

/// What a plain scalar is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Resolved {
    /// `null`, `~` or nothing.
    Null,
    /// `true`, `yes`, `on` and `y`, and their opposites, in three spellings each.
    Bool(bool),
    /// A whole number that 64 bits with a sign hold: `0644` and `0o644` are octal, `1_000` is 1000.
    Whole(i64),
    /// Any other number; one that no machine number holds is text.
    Fraction(f64),
    /// Text, a date included.
    Text,
}

/// What a plain scalar is.
pub(crate) fn resolve(text: &str) -> Resolved {
    let Some(first) = text.bytes().next() else { return Resolved::Null };
    match first {
        b'+' | b'-' | b'0'..=b'9' => match text {
            "+.inf" | "+.Inf" | "+.INF" => Resolved::Fraction(f64::INFINITY),
            "-.inf" | "-.Inf" | "-.INF" => Resolved::Fraction(f64::NEG_INFINITY),
            _ => number(text),
        },
        b'.' => match text {
            ".inf" | ".Inf" | ".INF" => Resolved::Fraction(f64::INFINITY),
            ".nan" | ".NaN" | ".NAN" => Resolved::Fraction(f64::NAN),
            _ => point(text),
        },
        b'y' | b'Y' | b'n' | b'N' | b't' | b'T' | b'f' | b'F' | b'o' | b'O' | b'~' => word(text),
        _ => Resolved::Text,
    }
}

fn word(text: &str) -> Resolved {
    match text {
        "~" | "null" | "Null" | "NULL" => Resolved::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => Resolved::Bool(true),
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => Resolved::Bool(false),
        _ => Resolved::Text,
    }
}

/// What starts with a point: `_` can only be between digits there.
fn point(text: &str) -> Resolved {
    let bytes = text.as_bytes();
    let digit = |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_digit);
    let apart = |at: usize| digit(at.checked_sub(1)) && digit(at.checked_add(1));
    if text.match_indices('_').any(|(at, _)| !apart(at)) {
        return Resolved::Text;
    }
    let plain = text.replace('_', "");
    if is_fraction(&plain) { fraction(&plain) } else { Resolved::Text }
}

fn number(text: &str) -> Resolved {
    let plain = text.replace('_', "");
    let (sign, digits) = match plain.strip_prefix(['+', '-']) {
        Some(digits) => (&plain[..1], digits),
        None => ("", plain.as_str()),
    };
    if let Some(value) = signed(&plain) {
        return Resolved::Whole(value);
    }
    if let Some((digits, radix)) = whole(digits) {
        // Without a sign, 64 bits hold more; such a number is a fraction to Kubernetes.
        if sign.is_empty()
            && let Ok(value) = u64::from_str_radix(digits, radix)
        {
            #[expect(clippy::cast_precision_loss, reason = "as Kubernetes reads it")]
            return Resolved::Fraction(value as f64);
        }
    }
    if is_fraction(&plain) { fraction(&plain) } else { Resolved::Text }
}

/// A whole number that 64 bits with a sign hold.
fn signed(plain: &str) -> Option<i64> {
    let (digits, radix) = whole(plain.strip_prefix(['+', '-']).unwrap_or(plain))?;
    let negative = if plain.starts_with('-') { "-" } else { "" };
    i64::from_str_radix(&format!("{negative}{digits}"), radix).ok()
}

/// The digits of a whole number without a sign, and their radix.
fn whole(digits: &str) -> Option<(&str, u32)> {
    let (rest, radix) = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => (&digits[2..], 16),
        [b'0', b'o' | b'O', ..] => (&digits[2..], 8),
        [b'0', b'b' | b'B', ..] => (&digits[2..], 2),
        [b'0', _, ..] => (&digits[1..], 8),
        _ => (digits, 10),
    };
    (!rest.is_empty() && rest.chars().all(|c| c.is_digit(radix))).then_some((rest, radix))
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`
fn is_fraction(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let text = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['+', '-']).unwrap_or(exponent))),
        None => (text, None),
    };
    let mantissa = match mantissa.split_once('.') {
        Some(("", behind)) => digits(behind),
        Some((before, "")) => digits(before),
        Some((before, behind)) => digits(before) && digits(behind),
        None => digits(mantissa),
    };
    mantissa && exponent.is_none_or(digits)
}

/// A fraction that has no digits behind the point is a whole number once it is JSON; one that no machine number holds is
/// text.
fn fraction(text: &str) -> Resolved {
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() => settled(value),
        _ => Resolved::Text,
    }
}

/// As JSON has it: `1.0` is 1.
pub(super) fn settled(value: f64) -> Resolved {
    // The bounds of i64, which f64 holds exactly.
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    if value.fract() == 0.0 && (-LIMIT..LIMIT).contains(&value) {
        #[expect(clippy::cast_possible_truncation, reason = "it is whole and within bounds")]
        return Resolved::Whole(value as i64);
    }
    Resolved::Fraction(value)
}

/// What a plain scalar is as a key of a mapping: keys are text in the end. Where it says `None`, `kubectl` refuses it.
pub(crate) fn key(text: &str) -> Option<String> {
    match resolve(text) {
        Resolved::Text => Some(text.to_owned()),
        Resolved::Null => None,
        Resolved::Bool(value) => Some(value.to_string()),
        Resolved::Whole(value) if signed(&text.replace('_', "")).is_some() => Some(value.to_string()),
        // A whole number beyond 64 bits with a sign is refused as a key.
        Resolved::Fraction(_) if is_whole(text) && !text.starts_with(['+', '-']) && fits_u64(text) => None,
        Resolved::Fraction(value) if !value.is_finite() => Some(
            match value {
                _ if value.is_nan() => ".nan",
                _ if value > 0.0 => ".inf",
                _ => "-.inf",
            }
            .to_owned(),
        ),
        Resolved::Whole(_) | Resolved::Fraction(_) => text.replace('_', "").parse::<f64>().ok().map(short),
    }
}

/// Whether a scalar is written as a whole number.
pub(super) fn is_whole(text: &str) -> bool {
    let plain = text.replace('_', "");
    whole(plain.strip_prefix(['+', '-']).unwrap_or(&plain)).is_some()
}

/// Whether a scalar is written as a date.
pub(super) fn is_date(text: &str) -> bool {
    let mut parts = text.split(['T', 't', ' ']).next().unwrap_or_default().split('-');
    let mut part = |longest: usize| {
        parts
            .next()
            .is_some_and(|part| (1..=longest).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit()))
    };
    part(4) && part(2) && part(2)
}

fn fits_u64(text: &str) -> bool {
    let plain = text.replace('_', "");
    whole(&plain).is_some_and(|(digits, radix)| u64::from_str_radix(digits, radix).is_ok())
}

/// A fraction in a key, as Go's `%g` with 32 bits prints it.
fn short(value: f64) -> String {
    #[expect(clippy::cast_possible_truncation, reason = "keys are printed with 32 bits")]
    let printed = format!("{:e}", value as f32);
    let Some((mantissa, exponent)) = printed.split_once('e') else { return printed };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..6).contains(&exponent) {
        #[expect(clippy::cast_possible_truncation, reason = "keys are printed with 32 bits")]
        return (value as f32).to_string();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.abs())
}
