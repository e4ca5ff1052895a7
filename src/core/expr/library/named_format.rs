//! The functions of named formats: `format.dns1123Label().validate(name)` gives the reasons why a text is not one.

use super::super::meter::Meter;
use super::super::opaque::NamedFormat;
use super::super::overload::{Overload, global, method};
use super::super::signature::T;
use super::super::value::{Out, Value};
use super::unexpected;

macro_rules! formats {
    ($($name:literal: $example:literal;)*) => {
        pub(super) const FUNCTIONS: &[Overload] = &[
            $(global(concat!("format.", $name), &[], T::Format, |_, _| named($name), $example),)*
            global("format.named", &[T::Text], T::Optional, by_name, "format.named('uuid').hasValue()"),
            method("validate", &[T::Format, T::Text], T::Optional, validate, "format.uuid().validate('x').hasValue()"),
        ];
    };
}

formats! {
    "byte": "format.byte().validate('aGk=') == optional.none()";
    "date": "!format.date().validate('2026-01-31').hasValue()";
    "datetime": "!format.datetime().validate('2026-01-31T12:00:00Z').hasValue()";
    "dns1035Label": "format.dns1035Label().validate('1a').hasValue()";
    "dns1035LabelPrefix": "!format.dns1035LabelPrefix().validate('a-').hasValue()";
    "dns1123Label": "!format.dns1123Label().validate('a-1').hasValue()";
    "dns1123LabelPrefix": "!format.dns1123LabelPrefix().validate('a-').hasValue()";
    "dns1123Subdomain": "!format.dns1123Subdomain().validate('a.b').hasValue()";
    "dns1123SubdomainPrefix": "!format.dns1123SubdomainPrefix().validate('a.b-').hasValue()";
    "labelValue": "!format.labelValue().validate('').hasValue()";
    "qualifiedName": "!format.qualifiedName().validate('a.b/c').hasValue()";
    "uri": "!format.uri().validate('https://a.b').hasValue()";
    "uuid": "!format.uuid().validate('123e4567-e89b-12d3-a456-426614174000').hasValue()";
}

fn named(name: &str) -> Out {
    NamedFormat::named(name).map(Value::Format).ok_or_else(|| unexpected("format", &[]))
}

fn by_name(_: &mut Meter, args: &[Value]) -> Out {
    let [Value::Text(name)] = args else { return Err(unexpected("format.named", args)) };
    Ok(NamedFormat::named(name).map_or(Value::Optional(None), |format| Value::some(Value::Format(format))))
}

/// The reasons, or none where the text has the format.
fn validate(meter: &mut Meter, args: &[Value]) -> Out {
    let [Value::Format(format), Value::Text(text)] = args else { return Err(unexpected("validate", args)) };
    meter.make(text.len())?;
    let problems: Vec<Value> = (format.problems)(text).iter().map(|problem| Value::text(problem)).collect();
    Ok(if problems.is_empty() { Value::Optional(None) } else { Value::some(Value::list(problems)) })
}
