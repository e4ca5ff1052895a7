//! Kubernetes' named formats: `format.dns1123Label().validate(name)` gives the reasons why a text is not one.

use std::sync::LazyLock;

use regex::Regex;

use super::super::failure::Out;
use super::super::meter::Meter;
use super::super::overload::{Overload, T, global, method};
use super::super::value::Value;
use super::{unexpected, url_parse};

/// A format and what is wrong with a text.
#[derive(Debug)]
pub(in crate::core::expr) struct NamedFormat {
    pub name: &'static str,
    problems: fn(&str) -> Vec<String>,
}

macro_rules! formats {
    ($($name:literal: $problems:expr, $example:literal;)*) => {
        const FORMATS: &[NamedFormat] = &[$(NamedFormat { name: $name, problems: $problems }),*];
        pub(super) const FUNCTIONS: &[Overload] = &[
            $(global(concat!("format.", $name), &[], T::Format, |_, _| named($name), $example),)*
            global("format.named", &[T::Text], T::Optional, by_name, "format.named('uuid').hasValue()"),
            method("validate", &[T::Format, T::Text], T::Optional, validate, "format.uuid().validate('x').hasValue()"),
        ];
    };
}

formats! {
    "byte": base64, "format.byte().validate('aGk=') == optional.none()";
    "date": date, "!format.date().validate('2026-01-31').hasValue()";
    "datetime": date_time, "!format.datetime().validate('2026-01-31T12:00:00Z').hasValue()";
    "dns1035Label": |text| label_1035(text), "format.dns1035Label().validate('1a').hasValue()";
    "dns1035LabelPrefix": |text| label_1035(&masked(text)), "!format.dns1035LabelPrefix().validate('a-').hasValue()";
    "dns1123Label": |text| label(text), "!format.dns1123Label().validate('a-1').hasValue()";
    "dns1123LabelPrefix": |text| label(&masked(text)), "!format.dns1123LabelPrefix().validate('a-').hasValue()";
    "dns1123Subdomain": |text| subdomain(text), "!format.dns1123Subdomain().validate('a.b').hasValue()";
    "dns1123SubdomainPrefix": |text| subdomain(&masked(text)), "!format.dns1123SubdomainPrefix().validate('a.b-').hasValue()";
    "labelValue": label_value, "!format.labelValue().validate('').hasValue()";
    "qualifiedName": qualified_name, "!format.qualifiedName().validate('a.b/c').hasValue()";
    "uri": uri, "!format.uri().validate('https://a.b').hasValue()";
    "uuid": uuid, "!format.uuid().validate('123e4567-e89b-12d3-a456-426614174000').hasValue()";
}

fn format_of(name: &str) -> Option<&'static NamedFormat> {
    FORMATS.iter().find(|format| format.name == name)
}

fn named(name: &str) -> Out {
    format_of(name).map(Value::Format).ok_or_else(|| unexpected("format", &[]))
}

fn by_name(_: &mut Meter, args: &[Value]) -> Out {
    let [Value::Text(name)] = args else { return Err(unexpected("format.named", args)) };
    Ok(format_of(name).map_or(Value::Optional(None), |format| Value::some(Value::Format(format))))
}

/// The reasons, or none where the text has the format.
fn validate(meter: &mut Meter, args: &[Value]) -> Out {
    let [Value::Format(format), Value::Text(text)] = args else { return Err(unexpected("validate", args)) };
    meter.make(text.len())?;
    let problems: Vec<Value> = (format.problems)(text).iter().map(|problem| Value::text(problem)).collect();
    Ok(if problems.is_empty() { Value::Optional(None) } else { Value::some(Value::list(problems)) })
}

const LABEL: &str = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
const SUBDOMAIN: &str = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*";
const LABEL_1035: &str = "[a-z]([-a-z0-9]*[a-z0-9])?";
const NAME: &str = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";
const VALUE: &str = "(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?";
const UUID: &str = "(?i)[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}";
const BASE64: &str = "(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{4})";
const CLOCK: &str = "([0-9]{2}):([0-9]{2}):([0-9]{2})(.[0-9]+)?(z|([+-][0-9]{2}:[0-9]{2}))";

/// The patterns, each for a whole text.
static PATTERNS: LazyLock<Vec<(&'static str, Option<Regex>)>> = LazyLock::new(|| {
    [LABEL, SUBDOMAIN, LABEL_1035, NAME, VALUE, UUID, BASE64, CLOCK]
        .map(|pattern| (pattern, Regex::new(&format!("^(?:{pattern})$")).ok()))
        .to_vec()
});

fn is(pattern: &'static str, text: &str) -> bool {
    let found = PATTERNS.iter().find(|(known, _)| *known == pattern).and_then(|(_, regex)| regex.as_ref());
    found.is_some_and(|regex| regex.is_match(text))
}

fn refused(what: &str, examples: &[&str], pattern: &str) -> String {
    let examples: Vec<String> = examples.iter().map(|example| format!("'{example}', ")).collect();
    format!("{what} (e.g. {}regex used for validation is '{pattern}')", examples.join(" or "))
}

/// Kubernetes counts bytes everywhere, and says so in some places.
fn too_long(text: &str, most: usize, unit: &str) -> Option<String> {
    (text.len() > most).then(|| format!("must be no more than {most} {unit}"))
}

/// A prefix may end with a dash.
fn masked(text: &str) -> String {
    match text.strip_suffix('-') {
        Some(front) if !front.is_empty() => {
            let end = front.char_indices().next_back().map_or(0, |(at, _)| at);
            format!("{}a", &front[..end])
        }
        _ => text.to_owned(),
    }
}

fn label(text: &str) -> Vec<String> {
    let mut problems: Vec<String> = too_long(text, 63, "characters").into_iter().collect();
    if !is(LABEL, text) {
        problems.push(if is(SUBDOMAIN, text) {
            "must not contain dots".to_owned()
        } else {
            refused("a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character", &["my-name", "123-abc"], LABEL)
        });
    }
    problems
}

fn subdomain(text: &str) -> Vec<String> {
    let mut problems: Vec<String> = too_long(text, 253, "characters").into_iter().collect();
    if !is(SUBDOMAIN, text) {
        problems.push(refused("a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character", &["example.com"], SUBDOMAIN));
    }
    problems
}

fn label_1035(text: &str) -> Vec<String> {
    let mut problems: Vec<String> = too_long(text, 63, "characters").into_iter().collect();
    if !is(LABEL_1035, text) {
        problems.push(refused("a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character", &["my-name", "abc-123"], LABEL_1035));
    }
    problems
}

fn label_value(text: &str) -> Vec<String> {
    let mut problems: Vec<String> = too_long(text, 63, "bytes").into_iter().collect();
    if !is(VALUE, text) {
        problems.push(refused("a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character", &["MyValue", "my_value", "12345"], VALUE));
    }
    problems
}

fn qualified_name(text: &str) -> Vec<String> {
    const WHAT: &str = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";
    let parts: Vec<&str> = text.split('/').collect();
    let mut problems = Vec::new();
    let name = match parts.as_slice() {
        [name] => *name,
        [prefix, name] => {
            if prefix.is_empty() {
                problems.push("prefix part must be non-empty".to_owned());
            } else {
                problems.extend(subdomain(prefix).into_iter().map(|problem| format!("prefix part {problem}")));
            }
            *name
        }
        _ => {
            let what = refused(&format!("a valid label key {WHAT}"), &["MyName", "my.name", "123-abc"], NAME);
            return vec![format!("{what} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')")];
        }
    };
    if name.is_empty() {
        problems.push("name part must be non-empty".to_owned());
    } else if let Some(problem) = too_long(name, 63, "bytes") {
        problems.push(format!("name part {problem}"));
    }
    if !is(NAME, name) {
        problems.push(format!("name part {}", refused(WHAT, &["MyName", "my.name", "123-abc"], NAME)));
    }
    problems
}

fn uri(text: &str) -> Vec<String> {
    url_parse::Url::check(text).err().map(str::to_owned).into_iter().collect()
}

fn unless(fits: bool, problem: &str) -> Vec<String> {
    if fits { Vec::new() } else { vec![problem.to_owned()] }
}

fn uuid(text: &str) -> Vec<String> {
    unless(is(UUID, text), "does not match the UUID format")
}

fn base64(text: &str) -> Vec<String> {
    unless(is(BASE64, text), "invalid base64")
}

fn is_date(text: &str) -> bool {
    text.len() == 10 && text.parse::<jiff::civil::Date>().is_ok()
}

fn date(text: &str) -> Vec<String> {
    unless(is_date(text), "invalid date")
}

/// A date, `t`, and a time with a zone, as Kubernetes reads it.
fn date_time(text: &str) -> Vec<String> {
    let lower = text.to_ascii_lowercase();
    let fits = match lower.split_once('t') {
        Some((date, clock)) if lower.len() >= 4 && is_date(date) && is(CLOCK, clock) => {
            let part = |at: usize| clock[at..at + 2].parse::<u8>().unwrap_or(u8::MAX);
            part(0) <= 23 && part(3) <= 59 && part(6) <= 59
        }
        _ => false,
    };
    unless(fits, "invalid datetime")
}
