//! What a tree lacks of its rule, in words, with what to type.

use std::borrow::Cow;

use serde_json::Value as Json;

use super::{Check, Step, is_template, types_of};
use crate::core::model::diagnostic::{Code, Diagnostic, did_you_mean};
use crate::core::model::source::Span;
use crate::core::yaml::node::{Entry, Node, Value};
use crate::core::yaml::schema::compile::{Rule, RuleId, Types};
use crate::core::yaml::schema::words;
use crate::core::yaml::template::{has_mark, takes_value};

impl<'a> Check<'a> {
    pub(crate) fn wrong_type(&mut self, id: RuleId, node: &'a Node) {
        // `kind: [a` was perhaps to be a text.
        if self.is_told_from(node.span) {
            return self.spoil();
        }
        let wanted = words::wanted(self.rules, id);
        let message = match &node.value {
            Value::Null => format!("{} is empty, expected {wanted}", self.place()),
            Value::Text(text) if text.len() <= 40 && !text.contains('\n') => {
                format!("{} is the text `{text}`, expected {wanted}", self.place())
            }
            Value::Number(_) => {
                let written = node.scalar_text().unwrap_or_default();
                format!("{} is the number {written}, expected {wanted}", self.place())
            }
            Value::Bool(value) => format!("{} is {value}, expected {wanted}", self.place()),
            _ => format!("{} is {}, expected {wanted}", self.place(), node.type_name()),
        };
        let help = self.how_to_write(id, node).unwrap_or_else(|| self.example(id));
        self.report(Diagnostic::error(Code::WrongType, short(node), message).help(help));
    }

    pub(crate) fn how_to_write(&self, id: RuleId, node: &'a Node) -> Option<String> {
        let types = self.rules.types(id);
        let scalar = match &node.value {
            Value::Number(_) | Value::Bool(_) => node.scalar_text().map(Cow::into_owned),
            Value::Text(text) if text.len() <= 60 && !text.contains('\n') => Some(text.clone()),
            _ => None,
        };
        match (&node.value, scalar) {
            (Value::Number(_) | Value::Bool(_), Some(scalar)) if types.name(Types::TEXT) => {
                Some(format!("quote it: \"{scalar}\""))
            }
            (Value::Text(_), Some(scalar)) if types.name(Types(Types::INTEGER.0 | Types::NUMBER.0)) => {
                scalar.parse::<f64>().is_ok().then(|| format!("remove the quotes: {scalar}"))
            }
            (Value::Text(_), Some(scalar)) if types.name(Types::BOOL) => match scalar.to_ascii_lowercase().as_str() {
                "yes" | "on" | "y" | "true" => Some("write true".to_owned()),
                "no" | "off" | "n" | "false" => Some("write false".to_owned()),
                _ => None,
            },
            (Value::Text(_), Some(scalar)) if types.name(Types::MAP) && is_key_without_blank(&scalar) => {
                Some(format!("put a blank behind the `:`: {}", scalar.replacen(':', ": ", 1)))
            }
            (_, Some(scalar)) if types.name(Types::LIST) => Some(format!("make it a list: [{}]", listed(&scalar))),
            (Value::Map(_), None) if types.name(Types::LIST) => {
                Some("make it a list: put `- ` before its first key, or brackets around it".to_owned())
            }
            (Value::Map(entries), None) if types.name(Types::TEXT) => {
                let [only] = entries.as_slice() else { return None };
                only.node.as_text().map(|text| format!("quote it: \"{}: {text}\"", only.key))
            }
            (_, scalar) if types.name(Types::MAP) => {
                let inner = self.rules.mapping(id)?;
                let rule = self.rules.get(inner);
                if let (Some(scalar), [only], Some(Step::Key(key))) =
                    (scalar, rule.required.as_slice(), self.path.last())
                    && rule.properties.get(only).is_some_and(|only| self.rules.types(*only).name(types_of(node)))
                    && !is_template(node)
                {
                    return Some(format!("write `{key}: {{ {only}: {scalar} }}`"));
                }
                let keys: Vec<&str> = self.rules.get(inner).properties.keys().map(String::as_str).take(12).collect();
                (!keys.is_empty()).then(|| format!("its keys: {}", keys.join(", ")))
            }
            _ => None,
        }
    }

    /// What could stand here, with its key.
    fn example(&self, id: RuleId) -> String {
        let example = words::example(self.rules, id);
        match self.path.last() {
            Some(Step::Key(key)) => format!("for example `{key}: {example}`"),
            _ => format!("for example `{example}`"),
        }
    }

    pub(crate) fn choice(&mut self, choices: &[Json], node: &'a Node) {
        let written = node.to_json();
        if choices.contains(&written) {
            return;
        }
        let shown = written.as_str().map_or_else(|| written.to_string(), str::to_owned);
        let message = format!("{} is `{shown}`, expected {}", self.place(), words::choices(choices));
        let close =
            did_you_mean(&shown, choices.iter().filter_map(Json::as_str)).filter(|help| help.starts_with("did"));
        let first = || choices.first().map(|first| first.as_str().map_or_else(|| first.to_string(), str::to_owned));
        let help = close.or_else(|| first().map(|first| format!("for example `{first}`")));
        self.report(Diagnostic::error(Code::InvalidValue, node.span, message).maybe_help(help));
    }

    pub(crate) fn number(&mut self, rule: &Rule, number: &serde_yaml::Number, node: &'a Node) {
        let Some(value) = number.as_f64() else { return };
        let only_whole = rule.types.name(Types::INTEGER) && !rule.types.name(Types::NUMBER);
        let (least, most) = rule.range;
        let (expected, meant) = match (least, most) {
            _ if only_whole && number.is_f64() => {
                ("a whole number".to_owned(), value.round().clamp(least.unwrap_or(f64::MIN), most.unwrap_or(f64::MAX)))
            }
            (Some(least), _) if value < least => (format!("at least {least}"), least),
            (_, Some(most)) if value > most => (format!("at most {most}"), most),
            _ => return,
        };
        let message = format!("{} is {number}, expected {expected}", self.place());
        let help = match self.path.last() {
            Some(Step::Key(key)) => format!("write `{key}: {meant}`"),
            _ => format!("write `{meant}`"),
        };
        self.report(Diagnostic::error(Code::InvalidValue, node.span, message).help(help));
    }

    pub(crate) fn length(&mut self, rule: &Rule, count: usize, what: (&str, &str), node: &'a Node) {
        let (least, most) = rule.length;
        let expected = if count < least {
            format!("at least {least}")
        } else if count > most {
            format!("at most {most}")
        } else {
            return;
        };
        let name = if count == 1 { what.0 } else { what.1 };
        let message = format!("{} has {count} {name}, expected {expected}", self.place());
        let help = match (count.abs_diff(if count < least { least } else { most }), count < least) {
            (1, true) => format!("add one {}", what.0),
            (many, true) => format!("add {many} {}", what.1),
            (1, false) => format!("remove one {}", what.0),
            (many, false) => format!("remove {many} {}", what.1),
        };
        self.report(Diagnostic::error(Code::InvalidValue, short(node), message).help(help));
    }

    pub(crate) fn unknown_key(&mut self, rule: &Rule, entry: &'a Entry) {
        if self.is_told(entry.key_span) {
            self.spoil();
        } else if !takes_value(&entry.key) {
            let message = match (self.path.is_empty(), self.whole) {
                (true, "") => format!("unknown key `{}`", entry.key),
                (true, _) | (false, "") => format!("unknown key `{}` in {}", entry.key, self.place()),
                (false, whole) => format!("unknown key `{}` in {} of {whole}", entry.key, self.place()),
            };
            let blank = key_without_blank(&entry.key, rule).map(|(key, value)| {
                let more = if entry.node.value == Value::Null { "" } else { "…" };
                format!("put a blank behind the `:`: {key}: {value}{more}")
            });
            let help = blank.or_else(|| did_you_mean(&entry.key, rule.properties.keys().map(String::as_str)));
            self.report(Diagnostic::error(Code::UnknownKey, entry.key_span, message).maybe_help(help));
        }
        self.path.push(Step::Key(&entry.key));
        self.anything(&entry.node);
        self.path.pop();
    }

    pub(crate) fn template_key(&mut self, entry: &'a Entry) {
        let message = format!("the key `{}` holds `${{{{ }}}}`, but only values are put in", entry.key);
        let error = Diagnostic::error(Code::InvalidTemplate, entry.key_span, message);
        self.report(error.help("write the key out, or make a list of `name:` and `value:`"));
    }

    pub(crate) fn missing(&mut self, rule: &Rule, name: &str, node: &'a Node, key: Option<Span>) {
        let message = if self.path.is_empty() && self.whole.is_empty() {
            format!("the key `{name}` is missing")
        } else {
            format!("{} lacks the key `{name}`", self.place())
        };
        let words = rule.properties.get(name).map_or_else(|| "…".to_owned(), |id| words::wanted(self.rules, *id));
        let span = key.unwrap_or_else(|| short(node));
        self.report(Diagnostic::error(Code::MissingKey, span, message).help(format!("add `{name}:` with {words}")));
    }
}

/// Whether `written` is no key here, and `name` is what its help line says was meant.
pub(crate) fn is_slip_of(written: &str, name: &str, rule: &Rule) -> bool {
    if key_without_blank(written, rule).is_some_and(|(key, _)| key == name) {
        return true;
    }
    !rule.properties.contains_key(written)
        && did_you_mean(written, rule.properties.keys().map(String::as_str))
            .is_some_and(|help| help == format!("did you mean \"{name}\"?"))
}

/// `run:a`, which between braces is a key of that name.
fn key_without_blank<'w>(written: &'w str, rule: &Rule) -> Option<(&'w str, &'w str)> {
    written.split_once(':').filter(|(key, value)| rule.properties.contains_key(*key) && !value.is_empty())
}

/// A place that is good to show: of a long collection only its start.
fn short(node: &Node) -> Span {
    let first = match &node.value {
        Value::Map(entries) => entries.first().map(|first| first.key_span),
        Value::List(items) => items.first().map(short),
        _ => None,
    };
    // What an alias repeats is elsewhere: then the alias is the place.
    let end = first.map(|first| first.end).filter(|end| (node.span.start..node.span.end).contains(end));
    Span { end: end.unwrap_or(node.span.end), ..node.span }
}

/// A text as the items of a list: its words, where it has several.
fn listed(text: &str) -> String {
    if has_mark(text) {
        return format!("\"{text}\"");
    }
    let mut words: Vec<String> = vec![String::new()];
    let mut quote = None;
    for c in text.chars() {
        match (quote, c) {
            (None, ' ' | ',') => words.push(String::new()),
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if c == open => quote = None,
            (_, c) => words.last_mut().into_iter().for_each(|word| word.push(c)),
        }
    }
    let plain = |word: &str| {
        word.chars().all(|c| c.is_alphanumeric() || "-_./=+:".contains(c))
            && !word.starts_with('-')
            && !word.ends_with(':')
    };
    let dashed = |word: &str| word.len() > 1 && word.starts_with('-') && plain(word.trim_start_matches('-'));
    let shown = words
        .into_iter()
        .filter(|word| !word.is_empty())
        .map(|word| if plain(&word) || dashed(&word) { word } else { format!("'{}'", word.replace('\'', "''")) });
    shown.collect::<Vec<_>>().join(", ")
}

/// `key:value`, which YAML reads as one text.
fn is_key_without_blank(text: &str) -> bool {
    text.split_once(':').is_some_and(|(key, value)| {
        !key.is_empty() && !value.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
    })
}
