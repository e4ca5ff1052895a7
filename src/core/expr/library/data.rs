//! `json.decode`, `json.encode` and `yaml.decode`: texts that steps hand on, as values.

use super::super::failure::Error;
use super::super::json::{from_json, to_json};
use super::super::meter::Meter;
use super::super::overload::{Overload, global};
use super::super::signature::T;
use super::super::value::{Out, Value};
use super::unexpected;

pub(super) const FUNCTIONS: &[Overload] = &[
    global("json.decode", &[T::Text], T::Any, decode_json, "json.decode('{\"a\": [1, 2]}').a[1] == 2"),
    global("json.encode", &[T::Any], T::Text, encode_json, "json.encode({'a': [1, true]}) == '{\"a\":[1,true]}'"),
    global("yaml.decode", &[T::Text], T::Any, decode_yaml, "yaml.decode('a: [1, two]').a[1] == 'two'"),
];

/// What a decoded text costs for each of its bytes: a value may be made of two.
const COST: usize = 8;

fn decode_json(meter: &mut Meter, args: &[Value]) -> Out {
    let [Value::Text(text)] = args else { return Err(unexpected("json.decode", args)) };
    meter.make(text.len().saturating_mul(COST))?;
    let value: serde_json::Value =
        serde_json::from_str(text).map_err(|error| Error::of(format!("`json.decode`: {error}")))?;
    Ok(from_json(&value))
}

fn encode_json(meter: &mut Meter, args: &[Value]) -> Out {
    let [value] = args else { return Err(unexpected("json.encode", args)) };
    let text = to_json(value).map_err(|error| Error::of(format!("`json.encode`: {error}")))?.to_string();
    meter.make(text.len())?;
    Ok(Value::text(&text))
}

/// One document. Aliases are refused: they expand to more than the text shows.
fn decode_yaml(meter: &mut Meter, args: &[Value]) -> Out {
    let [Value::Text(text)] = args else { return Err(unexpected("yaml.decode", args)) };
    meter.make(text.len().saturating_mul(COST))?;
    let failed = |error: &dyn std::fmt::Display| Error::of(format!("`yaml.decode`: {error}"));
    let alias = |word: &str| word.len() > 1 && word.starts_with('*');
    if text.split_whitespace().any(alias) {
        return Err(failed(&"the text has an alias (`*name`)"));
    }
    let value: serde_json::Value = serde_yaml::from_str(text).map_err(|error| failed(&error))?;
    Ok(from_json(&value))
}
