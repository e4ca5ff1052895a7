//! `base64.encode` and `base64.decode`.

use ::base64::Engine;
use ::base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};

use super::super::failure::Error;
use super::super::meter::Meter;
use super::super::overload::{Overload, global};
use super::super::signature::T;
use super::super::value::{Out, Value};
use super::unexpected;

pub(super) const FUNCTIONS: &[Overload] = &[
    global("base64.decode", &[T::Text], T::Bytes, decode, "base64.decode('aGk=') == b'hi'"),
    global("base64.encode", &[T::Bytes], T::Text, encode, "base64.encode(b'hi') == 'aGk='"),
];

fn encode(meter: &mut Meter, args: &[Value]) -> Out {
    let [Value::Bytes(bytes)] = args else { return Err(unexpected("base64.encode", args)) };
    meter.make(bytes.len())?;
    Ok(Value::text(&STANDARD.encode(bytes)))
}

/// With or without padding.
fn decode(meter: &mut Meter, args: &[Value]) -> Out {
    let [Value::Text(text)] = args else { return Err(unexpected("base64.decode", args)) };
    meter.make(text.len())?;
    let bytes = STANDARD.decode(text.as_bytes()).or_else(|_| STANDARD_NO_PAD.decode(text.as_bytes()));
    match bytes {
        Ok(bytes) => Ok(Value::Bytes(bytes.into())),
        Err(_) => Err(Error::of("`base64.decode`: the string is not base64")),
    }
}
