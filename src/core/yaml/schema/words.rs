//! What a rule wants, in the words of messages and reference pages.

use serde_json::Value as Json;

use super::compile::{Others, Rule, RuleId, Rules, Types};
use crate::core::model::units::{ByteSize, Count, Number, Percent, Quantity, Rate, TimeSpan};

/// `a list of texts`, `a duration such as 500ms, 30s or 2m`, `one of always, never`.
pub(super) fn wanted(rules: &Rules, id: RuleId) -> String {
    wanted_to(rules, id, 0)
}

fn wanted_to(rules: &Rules, id: RuleId, depth: usize) -> String {
    let rule = rules.get(id);
    if let Some(words) = format(&rule.format) {
        return words;
    }
    if !rule.choices.is_empty() {
        return choices(&rule.choices);
    }
    if let Some(only) = rule.all.first().filter(|_| depth < 8) {
        return wanted_to(rules, *only, depth + 1);
    }
    if !rule.any.is_empty() && depth < 8 {
        return alternatives(rules, rule, depth + 1);
    }
    types(rules, rule, depth)
}

fn alternatives(rules: &Rules, rule: &Rule, depth: usize) -> String {
    let inner = rules.not_null(rule);
    let texts: Vec<Json> = inner.iter().flat_map(|id| rules.get(*id).choices.clone()).collect();
    let rest: Vec<String> = inner
        .iter()
        .filter(|id| rules.get(**id).choices.is_empty())
        .map(|id| match verb(rules.get(*id)) {
            Some(verb) => format!("`{verb}:`"),
            None => wanted_to(rules, *id, depth),
        })
        .collect();
    let mut words = Vec::new();
    if !texts.is_empty() {
        words.push(choices(&texts));
    }
    for word in rest {
        if !words.contains(&word) {
            words.push(word);
        }
    }
    words.join(" or ")
}

/// The key of an externally tagged enum's alternative: `{apply: …}`.
pub(super) fn verb(rule: &Rule) -> Option<&str> {
    match (rule.required.as_slice(), rule.properties.len(), rule.others) {
        ([only], 1, Others::Nothing) => Some(only),
        _ => None,
    }
}

fn types(rules: &Rules, rule: &Rule, depth: usize) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut word = |types: Types, name: &str| {
        if rule.types.name(types) {
            words.push(name.to_owned());
        }
    };
    word(Types::TEXT, "text");
    word(Types::INTEGER, "a whole number");
    word(Types::NUMBER, "a number");
    word(Types::BOOL, "true or false");
    if rule.types.name(Types::LIST) {
        words.push(match rule.items {
            Some(items) if depth < 3 => format!("a list of {}", plural(&wanted_to(rules, items, depth + 1))),
            _ => "a list".to_owned(),
        });
    }
    if rule.types.name(Types::MAP) {
        words.push(match rule.others {
            Others::Each(each) if depth < 3 && rule.properties.is_empty() => {
                format!("a mapping of names to {}", plural(&wanted_to(rules, each, depth + 1)))
            }
            _ => "a mapping".to_owned(),
        });
    }
    match words.len() {
        0 if rule.types == Types::NULL => "nothing".to_owned(),
        0 => "any value".to_owned(),
        _ => words.join(" or "),
    }
}

fn plural(words: &str) -> String {
    match words {
        "text" => "texts".to_owned(),
        "a mapping" => "mappings".to_owned(),
        "a list" => "lists".to_owned(),
        "a whole number" => "whole numbers".to_owned(),
        "a number" => "numbers".to_owned(),
        "any value" => "values".to_owned(),
        "text or a number or true or false" => "scalars".to_owned(),
        other => format!("items, each {other}"),
    }
}

/// `one of always, never`.
pub(super) fn choices(choices: &[Json]) -> String {
    let shown: Vec<String> =
        choices.iter().map(|choice| choice.as_str().map_or(choice.to_string(), str::to_owned)).collect();
    match shown.as_slice() {
        [only] => format!("`{only}`"),
        _ => format!("one of {}", shown.join(", ")),
    }
}

/// A value that fits, as it is typed: `30s`, `[text]`, `{ NAME: text }`.
pub(super) fn example(rules: &Rules, id: RuleId) -> String {
    example_to(rules, id, 0)
}

fn example_to(rules: &Rules, id: RuleId, depth: usize) -> String {
    let rule = rules.get(id);
    if let Some(words) = format(&rule.format) {
        return match (words.split_once(" such as "), rule.format.as_str()) {
            (Some((_, quoted)), _) if quoted.starts_with('"') => quoted.to_owned(),
            (Some((_, examples)), _) => examples.split([',', ' ']).next().unwrap_or(examples).to_owned(),
            (None, "script") => "make".to_owned(),
            (None, "existing-path") => "FILE".to_owned(),
            (None, "cel") => "1 < 2".to_owned(),
            (None, _) => "text".to_owned(),
        };
    }
    if let Some(choice) = rule.choices.first() {
        return choice.as_str().map_or_else(|| choice.to_string(), str::to_owned);
    }
    let inner = rule.all.first().copied().or_else(|| rules.not_null(rule).first().copied());
    if let Some(inner) = inner.filter(|_| depth < 4) {
        return example_to(rules, inner, depth + 1);
    }
    let below = |id: RuleId| if depth < 4 { example_to(rules, id, depth + 1) } else { "…".to_owned() };
    let types = rule.types;
    match rule.others {
        _ if rules.types(id) == Types::default() => "…".to_owned(),
        _ if types.name(Types::TEXT) => "text".to_owned(),
        _ if types.name(Types(Types::INTEGER.0 | Types::NUMBER.0)) => {
            rule.range.0.filter(|least| *least > 1.0).map_or_else(|| "1".to_owned(), |least| least.to_string())
        }
        _ if types.name(Types::BOOL) => "true".to_owned(),
        _ if types.name(Types::LIST) => format!("[{}]", rule.items.map_or_else(|| "text".to_owned(), below)),
        Others::Each(each) if rule.properties.is_empty() => format!("{{ NAME: {} }}", below(each)),
        _ => {
            let wanted: Vec<&String> = rule.required.iter().filter(|key| rule.properties.contains_key(*key)).collect();
            let first = rule.properties.keys().next().into_iter().collect();
            let shown = if wanted.is_empty() { first } else { wanted };
            let pairs: Vec<String> = shown
                .into_iter()
                .map(|key| format!("{key}: {}", rule.properties.get(key).map_or_else(String::new, |id| below(*id))))
                .collect();
            if pairs.is_empty() { "{ NAME: text }".to_owned() } else { format!("{{ {} }}", pairs.join(", ")) }
        }
    }
}

fn format(name: &str) -> Option<String> {
    let quantity = name.strip_prefix("expect-").unwrap_or(name);
    let example = match quantity {
        ByteSize::FORMAT => ByteSize::EXAMPLE,
        TimeSpan::FORMAT => TimeSpan::EXAMPLE,
        Rate::FORMAT => Rate::EXAMPLE,
        Percent::FORMAT => Percent::EXAMPLE,
        Count::FORMAT => Count::EXAMPLE,
        Number::FORMAT => Number::EXAMPLE,
        "script" => "a script",
        "existing-path" => "a path",
        "cel" => "a CEL expression",
        "secret-text" => "a text, which may be secret",
        "text" => "a text",
        _ => return None,
    };
    let what = example.split(" such as ").next().unwrap_or(example);
    let expectation = name.starts_with("expect-");
    Some(match quantity {
        ByteSize::FORMAT if expectation => format!("{what} such as \"< 500MB\""),
        TimeSpan::FORMAT if expectation => format!("{what} such as \"< 500ms\""),
        Rate::FORMAT if expectation => format!("{what} such as \">= 100/s\""),
        Percent::FORMAT if expectation => format!("{what} such as \">= 95%\""),
        Count::FORMAT if expectation => "a number, or a comparison such as \">= 2\"".to_owned(),
        Number::FORMAT if expectation => format!("{what} such as \"< 0.5\""),
        _ => example.to_owned(),
    })
}
