//! Kubernetes' named formats, such as `dns1123Label`.

use std::sync::LazyLock;

use regex::Regex;

use super::url::Url;

/// A format and what is wrong with a text.
#[derive(Debug)]
pub(in crate::core::expr) struct NamedFormat {
    pub name: &'static str,
    /// The reasons why a text has not this format; empty where it has.
    pub problems: fn(&str) -> Vec<String>,
}

/// Every format that has a name.
const FORMATS: &[NamedFormat] = &[
    NamedFormat { name: "byte", problems: base64 },
    NamedFormat { name: "date", problems: date },
    NamedFormat { name: "datetime", problems: date_time },
    NamedFormat { name: "dns1035Label", problems: |text| label_1035(text) },
    NamedFormat { name: "dns1035LabelPrefix", problems: |text| label_1035(&masked(text)) },
    NamedFormat { name: "dns1123Label", problems: |text| label(text) },
    NamedFormat { name: "dns1123LabelPrefix", problems: |text| label(&masked(text)) },
    NamedFormat { name: "dns1123Subdomain", problems: |text| subdomain(text) },
    NamedFormat { name: "dns1123SubdomainPrefix", problems: |text| subdomain(&masked(text)) },
    NamedFormat { name: "labelValue", problems: label_value },
    NamedFormat { name: "qualifiedName", problems: qualified_name },
    NamedFormat { name: "uri", problems: uri },
    NamedFormat { name: "uuid", problems: uuid },
];

impl NamedFormat {
    /// The format of that name.
    pub fn named(name: &str) -> Option<&'static NamedFormat> {
        FORMATS.iter().find(|format| format.name == name)
    }
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
    Url::check(text).err().map(str::to_owned).into_iter().collect()
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
