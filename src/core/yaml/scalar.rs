//! What a scalar is: the YAML 1.2 core schema, as `serde_yaml` resolves it. Knows no places and no trees.

use super::manifests;
use super::node::Value;

/// What a plain scalar is. `yes`, `on`, `0644` and numbers no machine word holds are text.
pub(crate) fn resolve(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        _ => {}
    }
    // Nearly every scalar of a pipeline is a word: its first byte says that it is no number.
    if !text.starts_with(|first: char| first.is_ascii_digit() || matches!(first, '+' | '-' | '.')) {
        return Value::Text(text.to_owned());
    }
    number(text).map_or_else(|| Value::Text(text.to_owned()), Value::Number)
}

/// The spelling of a plain scalar, where it is needed beside its value: of every number and truth value, and of a text that
/// manifests read as another type.
pub(super) fn spelling(text: &str, value: &Value) -> Option<Box<str>> {
    let kept = match value {
        Value::Number(_) | Value::Bool(_) => true,
        Value::Text(_) => !matches!(manifests::scalar::resolve(text), manifests::scalar::Resolved::Text),
        _ => false,
    };
    kept.then(|| text.into())
}

/// The number that a plain scalar is, if it is one.
pub(super) fn number(text: &str) -> Option<serde_yaml::Number> {
    let (negative, digits) = match text.as_bytes() {
        [b'-', ..] => (true, &text[1..]),
        [b'+', ..] => (false, &text[1..]),
        _ => (false, text),
    };
    if digits.starts_with(['+', '-']) {
        return None;
    }
    match digits {
        ".inf" | ".Inf" | ".INF" if negative => return Some(f64::NEG_INFINITY.into()),
        ".inf" | ".Inf" | ".INF" => return Some(f64::INFINITY.into()),
        ".nan" | ".NaN" | ".NAN" if digits.len() == text.len() => return Some(f64::NAN.into()),
        _ => {}
    }
    for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] {
        if let Some(rest) = digits.strip_prefix(prefix) {
            return if rest.starts_with(['+', '-']) { None } else { whole(rest, radix, negative) };
        }
    }
    if digits.len() > 1 && digits.starts_with('0') && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    if digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return whole(digits, 10, negative);
    }
    fraction(digits, negative)
}

fn whole(digits: &str, radix: u32, negative: bool) -> Option<serde_yaml::Number> {
    if negative {
        i64::from_str_radix(&format!("-{digits}"), radix).ok().map(Into::into)
    } else {
        u64::from_str_radix(digits, radix).ok().map(Into::into)
    }
}

fn fraction(digits: &str, negative: bool) -> Option<serde_yaml::Number> {
    // Rust also reads `inf`, `nan` and `infinity`, which are words in YAML.
    if !digits.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'+' | b'-')) {
        return None;
    }
    let value: f64 = digits.parse().ok()?;
    value.is_finite().then(|| if negative { -value } else { value }.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resolves_plain_scalars_as_serde_yaml_does() {
        let words = [
            "",
            "~",
            "null",
            "Null",
            "NULL",
            "nULL",
            "true",
            "True",
            "tRUE",
            "yes",
            "no",
            "on",
            "off",
            "y",
            "n",
            "0",
            "-0",
            "+1",
            "12",
            "-12",
            "0644",
            "00",
            "0x1F",
            "0o17",
            "0b11",
            "-0x10",
            "0x",
            "1.5",
            "1.",
            ".5",
            "1e3",
            "1E+3",
            "1.10",
            "-1.5",
            ".inf",
            "-.inf",
            "+.inf",
            ".nan",
            "inf",
            "nan",
            "infinity",
            "1_000",
            "12e4567",
            "1e",
            "--1",
            "+-1",
            "18446744073709551615",
            "-9223372036854775808",
            "1.2.3",
            "10:30",
            "2026-01-01",
            "0.0",
            "+",
            ".",
            "..",
            "08",
            "09.5",
            "007",
            "1e-3",
            "0x-1",
            "=",
            "<<",
        ];
        for word in words {
            let theirs: serde_yaml::Value = serde_yaml::from_str(word).expect("a plain scalar is a document");
            let ours = match resolve(word) {
                Value::Null => serde_yaml::Value::Null,
                Value::Bool(value) => value.into(),
                Value::Number(value) => serde_yaml::Value::Number(value),
                Value::Text(text) => text.into(),
                Value::List(_) | Value::Map(_) => unreachable!("a scalar is no collection"),
            };
            assert_eq!(ours, theirs, "{word:?}");
        }
    }

    #[test]
    fn a_number_that_no_machine_word_holds_stays_text() {
        assert_eq!(resolve("123456789012345678901234567890"), Value::Text("123456789012345678901234567890".to_owned()));
    }
}
