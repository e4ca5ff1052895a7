//! JSON in, values, JSON out. Whole numbers keep all their digits. Only what an expression refers to is converted, so
//! that the size of a scope costs nothing.

use serde_json::Value as Json;

use super::library::time_text;
use super::value::{Key, Map, Time, Value};

/// The parts of `value` that `paths` lead to.
pub(super) fn only(value: &Json, paths: &[&[String]]) -> Value {
    let Json::Object(fields) = value else { return from_json(value) };
    if paths.iter().any(|path| path.is_empty()) {
        return from_json(value);
    }
    let mut map = Map::new();
    for path in paths {
        let name = &path[0];
        let key = Key::Text(name.as_str().into());
        if let Some(field) = fields.get(name).filter(|_| !map.contains_key(&key)) {
            let below: Vec<&[String]> =
                paths.iter().filter(|other| other[0] == *name).map(|other| &other[1..]).collect();
            map.insert(key, only(field, &below));
        }
    }
    Value::map(map)
}

pub(super) fn from_json(value: &Json) -> Value {
    match value {
        Json::Null => Value::Null,
        Json::Bool(truth) => Value::Bool(*truth),
        Json::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(whole), _) => Value::Int(whole),
            (None, Some(whole)) => Value::Uint(whole),
            (None, None) => Value::Double(number.as_f64().unwrap_or(f64::NAN)),
        },
        Json::String(text) => Value::text(text),
        Json::Array(items) => Value::list(items.iter().map(from_json).collect()),
        Json::Object(fields) => {
            let map = fields.iter().map(|(key, value)| (Key::Text(key.as_str().into()), from_json(value)));
            Value::map(map.collect())
        }
    }
}

/// A result as JSON: durations and times become text, bytes base64 text, an optional what it holds.
///
/// # Errors
/// What JSON has no value for.
pub(super) fn to_json(value: &Value) -> Result<Json, String> {
    Ok(match value {
        Value::Null => Json::Null,
        Value::Bool(truth) => (*truth).into(),
        Value::Int(whole) => (*whole).into(),
        Value::Uint(whole) => (*whole).into(),
        Value::Double(number) => match serde_json::Number::from_f64(*number) {
            Some(number) => Json::Number(number),
            None => return Err("the result is not a finite number".to_owned()),
        },
        Value::Text(text) => (&**text).into(),
        Value::Bytes(bytes) => {
            use base64::Engine;
            base64::engine::general_purpose::STANDARD.encode(bytes).into()
        }
        Value::Duration(nanoseconds) => duration(*nanoseconds).into(),
        Value::Time(time) => time_text(Time { offset: 0, ..*time }).into(),
        Value::List(items) => Json::Array(items.iter().map(to_json).collect::<Result<_, _>>()?),
        Value::Map(map) => {
            let mut fields = serde_json::Map::with_capacity(map.len());
            for (key, value) in map.iter() {
                if fields.insert(key_text(key), to_json(value)?).is_some() {
                    return Err("two keys of the map are the same as text".to_owned());
                }
            }
            Json::Object(fields)
        }
        Value::Type(name) => (*name).into(),
        Value::Optional(Some(value)) => to_json(value)?,
        Value::Optional(None) => {
            return Err("the result is an optional without a value, write `.orValue(…)` behind it".to_owned());
        }
        Value::Quantity(quantity) => quantity.to_text().into(),
        Value::Semver(version) => version.text.as_str().into(),
        Value::Ip(address) => address.to_string().into(),
        Value::Cidr(cidr) => cidr.to_string().into(),
        Value::Url(url) => url.text.as_str().into(),
        Value::Format(format) => format.name.into(),
    })
}

fn key_text(key: &Key) -> String {
    match key {
        Key::Int(number) => number.to_string(),
        Key::Uint(number) => number.to_string(),
        Key::Bool(truth) => truth.to_string(),
        Key::Text(text) => text.to_string(),
    }
}

/// In the units that durations have in the files, exactly: `1m30s`, `1.5s`, `250ms`.
fn duration(nanoseconds: i64) -> String {
    let sign = if nanoseconds < 0 { "-" } else { "" };
    let total = nanoseconds.unsigned_abs();
    if total == 0 {
        return "0s".to_owned();
    }
    if total < 1_000_000_000 && total.is_multiple_of(1_000_000) {
        return format!("{sign}{}ms", total / 1_000_000);
    }
    let (seconds, fraction) = (total / 1_000_000_000, total % 1_000_000_000);
    let mut text = sign.to_owned();
    for (count, unit) in [(seconds / 3600, 'h'), (seconds / 60 % 60, 'm')] {
        if count > 0 {
            text.push_str(&format!("{count}{unit}"));
        }
    }
    if seconds % 60 > 0 || fraction > 0 {
        let fraction = if fraction == 0 { String::new() } else { format!(".{fraction:09}") };
        text.push_str(&format!("{}{}s", seconds % 60, fraction.trim_end_matches('0')));
    }
    text
}
