//! Holds a tree against rules and says everything that is wrong. Knows no formats: `Formats` judges them.

use serde_json::Value as Json;

use super::compile::{Others, Rule, RuleId, Rules, Types};
use super::words;
use super::{Format, Formats, Found};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, did_you_mean};
use crate::document::node::{Entry, Node, Value};
use crate::source::Span;

/// Holds `node`, which stands under `name` at `key`, against the rule.
pub(super) fn check(
    rules: &Rules,
    rule: RuleId,
    name: &str,
    key: Option<Span>,
    node: &Node,
    formats: &mut dyn Formats,
    out: &mut Diagnostics,
) -> Found {
    let mut check = Check { rules, formats, out, path: Vec::new(), wrong: false };
    if !name.is_empty() {
        check.path.push(Step::Key(name.to_owned()));
    }
    check.node(rule, node, key);
    if check.wrong { Found::Wrong } else { Found::Fits }
}

struct Check<'a> {
    rules: &'a Rules,
    formats: &'a mut dyn Formats,
    out: &'a mut Diagnostics,
    path: Vec<Step>,
    wrong: bool,
}

enum Step {
    Key(String),
    Index(usize),
}

impl Check<'_> {
    fn report(&mut self, diagnostic: Diagnostic) {
        self.wrong = true;
        self.out.push(diagnostic);
    }

    /// The path in words: `` `retry.attempts` ``, `` `steps[2].name` ``.
    fn place(&self) -> String {
        let mut shown = String::new();
        for step in &self.path {
            match step {
                Step::Key(key) if shown.is_empty() => shown.push_str(key),
                Step::Key(key) => {
                    shown.push('.');
                    shown.push_str(key);
                }
                Step::Index(index) => shown.push_str(&format!("[{index}]")),
            }
        }
        if shown.is_empty() { "this".to_owned() } else { format!("`{shown}`") }
    }

    /// `key` is where the node's key stands, if it has one.
    fn node(&mut self, id: RuleId, node: &Node, key: Option<Span>) {
        if self.is_broken(node) {
            self.wrong = true;
            return;
        }
        if is_one_template(node) {
            self.judge(&self.rules.get(id).format, node);
            return;
        }
        let types = self.rules.types(id);
        if !types.allow(types_of(node)) && !(is_template(node) && types.name(SCALARS)) {
            self.wrong_type(id, node);
            self.anything(node);
            return;
        }
        self.rule(id, node, key);
    }

    /// A null that stands for a value whose syntax error is already reported.
    fn is_broken(&self, node: &Node) -> bool {
        node.value == Value::Null
            && node.span.start != node.span.end
            && !self.out.is_empty()
            && self.out.covers(node.span)
    }

    fn rule(&mut self, id: RuleId, node: &Node, key: Option<Span>) {
        let rule = self.rules.get(id);
        for inner in &rule.all {
            self.node(*inner, node, key);
        }
        if !rule.any.is_empty() {
            self.alternatives(id, node, key);
        }
        match &node.value {
            Value::List(items) => self.list(rule, node, items),
            Value::Map(entries) => self.map(rule, node, entries, key),
            _ => self.scalar(rule, node),
        }
    }

    fn wrong_type(&mut self, id: RuleId, node: &Node) {
        let wanted = words::wanted(self.rules, id);
        let message = match &node.value {
            Value::Null => format!("{} is empty, expected {wanted}", self.place()),
            Value::Text(text) if text.len() <= 40 && !text.contains('\n') => {
                format!("{} is the text `{text}`, expected {wanted}", self.place())
            }
            Value::Number(number) => format!("{} is the number {number}, expected {wanted}", self.place()),
            Value::Bool(value) => format!("{} is {value}, expected {wanted}", self.place()),
            _ => format!("{} is {}, expected {wanted}", self.place(), node.type_name()),
        };
        let help = self.how_to_write(id, node);
        self.report(Diagnostic::error(Code::WrongType, short(node), message).maybe_help(help));
    }

    fn how_to_write(&self, id: RuleId, node: &Node) -> Option<String> {
        let types = self.rules.types(id);
        let scalar = match &node.value {
            Value::Number(number) => Some(number.to_string()),
            Value::Bool(value) => Some(value.to_string()),
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
            (_, Some(scalar)) if types.name(Types::LIST) => Some(format!("make it a list: [{scalar}]")),
            _ if types.name(Types::MAP) => {
                let inner = self.rules.mapping(id)?;
                let keys: Vec<&str> = self.rules.get(inner).properties.keys().map(String::as_str).take(12).collect();
                (!keys.is_empty()).then(|| format!("its keys: {}", keys.join(", ")))
            }
            _ => None,
        }
    }

    fn scalar(&mut self, rule: &Rule, node: &Node) {
        if !rule.choices.is_empty() && !is_template(node) {
            self.choice(&rule.choices, node);
        }
        if let Value::Number(number) = &node.value {
            self.number(rule, number, node);
        }
        // A rule that only passes on to others leaves the judging to them.
        if rule.all.is_empty() && rule.any.is_empty() {
            self.judge(&rule.format, node);
        }
    }

    fn judge(&mut self, format: &str, node: &Node) {
        let format = if is_width(format) { "" } else { format };
        let holds_template = node.as_text().is_some_and(|text| text.contains("${{"));
        let scalar = !matches!(node.value, Value::Null | Value::List(_) | Value::Map(_));
        if (scalar && !format.is_empty()) || holds_template {
            let before = self.out.len();
            self.formats.judge(Format { name: format, node }, self.out);
            self.wrong |= self.out.iter().skip(before).any(|new| new.severity == crate::diagnostic::Severity::Error);
        }
    }

    fn choice(&mut self, choices: &[Json], node: &Node) {
        let written = node.to_json();
        if choices.contains(&written) {
            return;
        }
        let shown = written.as_str().map_or_else(|| written.to_string(), str::to_owned);
        let message = format!("{} is `{shown}`, expected {}", self.place(), words::choices(choices));
        let close =
            did_you_mean(&shown, choices.iter().filter_map(Json::as_str)).filter(|help| help.starts_with("did"));
        self.report(Diagnostic::error(Code::InvalidValue, node.span, message).maybe_help(close));
    }

    fn number(&mut self, rule: &Rule, number: &serde_yaml::Number, node: &Node) {
        let Some(value) = number.as_f64() else { return };
        let only_whole = rule.types.name(Types::INTEGER) && !rule.types.name(Types::NUMBER);
        let (least, most) = rule.range;
        let expected = match (least, most) {
            _ if only_whole && number.is_f64() => "a whole number".to_owned(),
            (Some(least), _) if value < least => format!("at least {least}"),
            (_, Some(most)) if value > most => format!("at most {most}"),
            _ => return,
        };
        let message = format!("{} is {number}, expected {expected}", self.place());
        self.report(Diagnostic::error(Code::InvalidValue, node.span, message));
    }

    fn length(&mut self, rule: &Rule, count: usize, what: (&str, &str), node: &Node) {
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
        self.report(Diagnostic::error(Code::InvalidValue, short(node), message));
    }

    fn list(&mut self, rule: &Rule, node: &Node, items: &[Node]) {
        self.length(rule, items.len(), ("item", "items"), node);
        for (at, item) in items.iter().enumerate() {
            self.path.push(Step::Index(at));
            match rule.tuple.get(at).copied().or(rule.items) {
                Some(inner) => self.node(inner, item, None),
                None if rule.all.is_empty() && rule.any.is_empty() => self.anything(item),
                None => {}
            }
            self.path.pop();
        }
    }

    fn map(&mut self, rule: &Rule, node: &Node, entries: &[Entry], key: Option<Span>) {
        if !rule.all.is_empty() || !rule.any.is_empty() {
            return;
        }
        self.length(rule, entries.len(), ("entry", "entries"), node);
        for entry in entries {
            self.entry(rule, entry);
        }
        for name in &rule.required {
            if !entries.iter().any(|entry| entry.key == *name) {
                self.missing(rule, name, node, key);
            }
        }
    }

    fn entry(&mut self, rule: &Rule, entry: &Entry) {
        if holds_template(&entry.key) {
            self.template_key(entry);
        }
        let known = rule.properties.get(&entry.key).copied();
        let inner = match (known, rule.others) {
            (Some(inner), _) => Some(inner),
            (None, Others::Each(inner)) => Some(inner),
            (None, Others::Anything) => None,
            (None, Others::Nothing) => return self.unknown_key(rule, entry),
        };
        self.path.push(Step::Key(entry.key.clone()));
        match inner {
            None => self.anything(&entry.node),
            // A key with nothing behind it is as good as a key that is not there, where it may be left out.
            Some(_) if is_empty(entry) && known.is_some() && !rule.required.contains(&entry.key) => {
                self.wrong |= self.is_broken(&entry.node);
            }
            Some(inner) => self.node(inner, &entry.node, Some(entry.key_span)),
        }
        self.path.pop();
    }

    fn unknown_key(&mut self, rule: &Rule, entry: &Entry) {
        if !holds_template(&entry.key) {
            let message = match self.path.is_empty() {
                true => format!("unknown key `{}`", entry.key),
                false => format!("unknown key `{}` in {}", entry.key, self.place()),
            };
            let help = did_you_mean(&entry.key, rule.properties.keys().map(String::as_str));
            self.report(Diagnostic::error(Code::UnknownKey, entry.key_span, message).maybe_help(help));
        }
        self.path.push(Step::Key(entry.key.clone()));
        self.anything(&entry.node);
        self.path.pop();
    }

    fn template_key(&mut self, entry: &Entry) {
        let message = format!("the key `{}` holds `${{{{ }}}}`, but only values are put in", entry.key);
        let error = Diagnostic::error(Code::InvalidTemplate, entry.key_span, message);
        self.report(error.help("write the key out, or make a list of `name:` and `value:`"));
    }

    fn missing(&mut self, rule: &Rule, name: &str, node: &Node, key: Option<Span>) {
        let message = match self.path.is_empty() {
            true => format!("the key `{name}` is missing"),
            false => format!("{} lacks the key `{name}`", self.place()),
        };
        let words = rule.properties.get(name).map_or_else(|| "…".to_owned(), |id| words::wanted(self.rules, *id));
        let span = key.unwrap_or_else(|| short(node));
        self.report(Diagnostic::error(Code::MissingKey, span, message).help(format!("add `{name}:` with {words}")));
    }

    /// One of several: the one whose type or whose key was written.
    fn alternatives(&mut self, id: RuleId, node: &Node, key: Option<Span>) {
        let rule = self.rules.get(id);
        if node.value == Value::Null && self.rules.takes_null(id) {
            return;
        }
        let fitting: Vec<RuleId> = self
            .rules
            .not_null(rule)
            .into_iter()
            .filter(|inner| self.rules.types(*inner).allow(types_of(node)) || is_template(node))
            .collect();
        match (fitting.as_slice(), &node.value) {
            ([only], _) => self.node(*only, node, key),
            (several, Value::Map(entries)) if several.iter().all(|id| words::verb(self.rules.get(*id)).is_some()) => {
                self.verbs(several, node, entries, key);
            }
            (several, Value::Text(_)) if several.iter().all(|id| !self.rules.get(*id).choices.is_empty()) => {
                let choices: Vec<Json> = several.iter().flat_map(|id| self.rules.get(*id).choices.clone()).collect();
                if is_template(node) {
                    self.judge("", node);
                } else {
                    self.choice(&choices, node);
                }
            }
            (several, _) => {
                if let Some(best) = self.best(several, node) {
                    self.node(best, node, key);
                }
            }
        }
    }

    /// `{apply: …}`: exactly one of the verbs.
    fn verbs(&mut self, several: &[RuleId], node: &Node, entries: &[Entry], key: Option<Span>) {
        let verb = |id: &RuleId| words::verb(self.rules.get(*id)).unwrap_or_default();
        let known: Vec<&str> = several.iter().map(verb).collect();
        let written: Vec<&Entry> = entries.iter().filter(|entry| known.contains(&entry.key.as_str())).collect();
        if let ([one], [_]) = (written.as_slice(), entries) {
            if let Some(id) = several.iter().find(|id| verb(id) == one.key) {
                return self.node(*id, node, key);
            }
        }
        let expected = known.join(", ");
        let (span, message) = match (written.as_slice(), entries) {
            ([first, second, ..], _) => {
                let message = format!(
                    "{} has both `{}` and `{}`, expected one of {expected}",
                    self.place(),
                    first.key,
                    second.key
                );
                (second.key_span, message)
            }
            (_, [entry, ..]) => {
                let odd = entries.iter().find(|entry| !known.contains(&entry.key.as_str())).unwrap_or(entry);
                let message = format!("unknown key `{}` in {}, expected one of {expected}", odd.key, self.place());
                let help = did_you_mean(&odd.key, known.iter().copied()).filter(|help| help.starts_with("did"));
                self.report(Diagnostic::error(Code::UnknownKey, odd.key_span, message).maybe_help(help));
                return self.anything(node);
            }
            (_, []) => (key.unwrap_or(node.span), format!("{} is empty, expected one of {expected}", self.place())),
        };
        self.report(Diagnostic::error(Code::NotOneKind, span, message).help("keep one of them"));
        self.anything(node);
    }

    /// The alternative with the fewest complaints.
    fn best(&self, several: &[RuleId], node: &Node) -> Option<RuleId> {
        let complaints = |id: &RuleId| {
            let mut out = Diagnostics::default();
            check(self.rules, *id, "", None, node, &mut NoFormats, &mut out);
            out.len()
        };
        several.iter().copied().min_by_key(complaints)
    }

    /// Where any value may stand, templates are still looked at.
    fn anything(&mut self, node: &Node) {
        match &node.value {
            Value::List(items) => items.iter().for_each(|item| self.anything(item)),
            Value::Map(entries) => {
                for entry in entries {
                    if holds_template(&entry.key) {
                        self.template_key(entry);
                    }
                    self.anything(&entry.node);
                }
            }
            Value::Null => self.wrong |= self.is_broken(node),
            _ => self.judge("", node),
        }
    }
}

struct NoFormats;

impl Formats for NoFormats {
    fn judge(&mut self, _: Format<'_>, _: &mut Diagnostics) {}
}

const SCALARS: Types = Types(Types::BOOL.0 | Types::INTEGER.0 | Types::NUMBER.0 | Types::TEXT.0);

fn types_of(node: &Node) -> Types {
    match &node.value {
        Value::Null => Types::NULL,
        Value::Bool(_) => Types::BOOL,
        // That a fraction is no whole number is said better where the number is looked at.
        Value::Number(_) => Types(Types::NUMBER.0 | Types::INTEGER.0),
        Value::Text(_) => Types::TEXT,
        Value::List(_) => Types::LIST,
        Value::Map(_) => Types::MAP,
    }
}

fn is_empty(entry: &Entry) -> bool {
    entry.node.value == Value::Null
}

/// Whether a value is put into the text: `${{` that is not escaped as `$${{`.
fn holds_template(text: &str) -> bool {
    text.contains("${{") && text.replace("$${{", "").contains("${{")
}

fn is_template(node: &Node) -> bool {
    node.as_text().is_some_and(holds_template)
}

/// A text that is one `${{ }}` and nothing else: it becomes whatever the expression is.
fn is_one_template(node: &Node) -> bool {
    node.as_text().is_some_and(|text| {
        let text = text.trim();
        text.starts_with("${{") && text.ends_with("}}") && !text[3..].contains("${{")
    })
}

/// `uint32`, `double`: how wide a number is, which is no business of whoever judges formats.
fn is_width(format: &str) -> bool {
    ["int", "uint", "float", "double"].iter().any(|width| format.starts_with(width))
}

/// A place that is good to look at: of a long collection only its start.
fn short(node: &Node) -> Span {
    match &node.value {
        Value::Map(entries) => entries.first().map_or(node.span, |first| first.key_span),
        Value::List(items) => items.first().map_or(node.span, short),
        _ => node.span,
    }
}
