//! Holds a tree against rules and says everything that is wrong. Knows no formats: `Formats` judges them.

mod complain;

use std::fmt::Write as _;

use super::check::complain::is_slip_of;
use super::compile::{Others, Rule, RuleId, Rules, Types};
use super::{Format, Formats, Found};
use crate::core::model::diagnostic::{Code, Diagnostic, Diagnostics, Severity};
use crate::core::model::source::Span;
use crate::core::yaml::node::{Entry, Node, Value};
use crate::core::yaml::template::{has_mark, takes_value};

/// Holds `node`, which messages call `whole` (nothing: it has no name), against the rule.
pub(super) fn check<'a>(
    rules: &'a Rules,
    rule: RuleId,
    whole: &'a str,
    node: &'a Node,
    formats: &'a mut dyn Formats,
    out: &'a mut Diagnostics,
) -> Found {
    let mut check = Check { rules, formats, out, whole, path: Vec::new(), wrong: false };
    check.node(rule, node, None);
    if check.wrong { Found::Wrong } else { Found::Fits }
}

pub(super) struct Check<'a> {
    pub(super) rules: &'a Rules,
    formats: &'a mut dyn Formats,
    out: &'a mut Diagnostics,
    /// What the tree is, in words; may be empty.
    pub(super) whole: &'a str,
    pub(super) path: Vec<Step<'a>>,
    wrong: bool,
}

pub(super) enum Step<'a> {
    Key(&'a str),
    Index(usize),
}

impl<'a> Check<'a> {
    pub(super) fn report(&mut self, diagnostic: Diagnostic) {
        self.wrong = true;
        self.out.push(diagnostic);
    }

    /// The path in words: `` `retry.attempts` ``, `` `steps[2].name` ``; what the whole is called, at its top.
    pub(super) fn place(&self) -> String {
        let mut shown = String::new();
        for step in &self.path {
            match step {
                Step::Key(key) if shown.is_empty() => shown.push_str(key),
                Step::Key(key) => {
                    shown.push('.');
                    shown.push_str(key);
                }
                Step::Index(index) => {
                    let _ = write!(shown, "[{index}]");
                }
            }
        }
        match (shown.as_str(), self.whole) {
            ("", "") => "this".to_owned(),
            ("", whole) => whole.to_owned(),
            _ => format!("`{shown}`"),
        }
    }

    /// `key` is the place of the node's key, if it has one.
    pub(super) fn node(&mut self, id: RuleId, node: &'a Node, key: Option<Span>) {
        if self.is_broken(node) {
            self.wrong = true;
            return;
        }
        if is_one_template(node) {
            self.judge(&self.rules.get(id).format, node);
            return;
        }
        let types = self.rules.types(id);
        let fits = types.allow(types_of(node)) || (types.name(SCALARS) && is_template(node));
        if !fits {
            self.wrong_type(id, node);
            self.anything(node);
            return;
        }
        self.rule(id, node, key);
    }

    /// A null in place of a value whose syntax error is already reported.
    fn is_broken(&self, node: &'a Node) -> bool {
        node.value == Value::Null
            && node.span.start != node.span.end
            && !self.out.is_empty()
            && self.out.covers(node.span)
    }

    /// Whether the syntax is wrong at a key, so that what it is called is no fault of its own.
    pub(super) fn is_told(&self, key: Span) -> bool {
        self.syntax_faults().any(|fault| fault.file == key.file && fault.start <= key.end && key.start <= fault.end)
    }

    /// Whether the syntax is wrong where a value starts, so that what it is may be no fault of its own.
    pub(super) fn is_told_from(&self, value: Span) -> bool {
        self.syntax_faults().any(|fault| fault.file == value.file && fault.start == value.start)
    }

    fn syntax_faults(&self) -> impl Iterator<Item = Span> {
        let faults = self.out.iter().filter(|reported| reported.code == Code::Syntax);
        faults.filter_map(|reported| reported.labels.first().map(|label| label.span))
    }

    /// Reports nothing: what is wrong was reported already.
    pub(super) fn spoil(&mut self) {
        self.wrong = true;
    }

    fn rule(&mut self, id: RuleId, node: &'a Node, key: Option<Span>) {
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

    fn scalar(&mut self, rule: &Rule, node: &'a Node) {
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

    pub(super) fn judge(&mut self, format: &str, node: &'a Node) {
        let format = if is_width(format) { "" } else { format };
        let marked = node.as_text().is_some_and(has_mark);
        let scalar = !matches!(node.value, Value::Null | Value::List(_) | Value::Map(_));
        if (scalar && !format.is_empty()) || marked {
            let before = self.out.len();
            let key = if let Some(Step::Key(key)) = self.path.last() { key } else { "" };
            self.formats.judge(Format { name: format, key, node }, self.out);
            self.wrong |= self.out.iter().skip(before).any(|new| new.severity == Severity::Error);
        }
    }

    fn list(&mut self, rule: &Rule, node: &'a Node, items: &'a [Node]) {
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

    fn map(&mut self, rule: &Rule, node: &'a Node, entries: &'a [Entry], key: Option<Span>) {
        if !rule.all.is_empty() || !rule.any.is_empty() {
            return;
        }
        self.length(rule, entries.len(), ("entry", "entries"), node);
        for entry in entries {
            self.entry(rule, entry);
        }
        for name in &rule.required {
            // A key that is written with a slip is one fault, not two.
            let written = |entry: &Entry| {
                entry.key == *name || (rule.others == Others::Nothing && is_slip_of(&entry.key, name, rule))
            };
            if !entries.iter().any(written) {
                self.missing(rule, name, node, key);
            }
        }
    }

    fn entry(&mut self, rule: &Rule, entry: &'a Entry) {
        if takes_value(&entry.key) {
            self.template_key(entry);
        }
        let known = rule.properties.get(&entry.key).copied();
        let inner = match (known, rule.others) {
            (Some(inner), _) | (None, Others::Each(inner)) => Some(inner),
            (None, Others::Anything) => None,
            (None, Others::Nothing) => return self.unknown_key(rule, entry),
        };
        self.path.push(Step::Key(&entry.key));
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

    /// Where any value may stand, templates are still looked at.
    pub(super) fn anything(&mut self, node: &'a Node) {
        match &node.value {
            Value::List(items) => items.iter().for_each(|item| self.anything(item)),
            Value::Map(entries) => {
                for entry in entries {
                    if takes_value(&entry.key) {
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

const SCALARS: Types = Types(Types::BOOL.0 | Types::INTEGER.0 | Types::NUMBER.0 | Types::TEXT.0);

pub(super) fn types_of(node: &Node) -> Types {
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

pub(super) fn is_template(node: &Node) -> bool {
    node.as_text().is_some_and(takes_value)
}

/// A text that is one `${{ }}` and nothing else: it becomes whatever the expression is.
pub(super) fn is_one_template(node: &Node) -> bool {
    node.as_text().is_some_and(|text| {
        let text = text.trim();
        text.starts_with("${{") && text.ends_with("}}") && !text[3..].contains("${{")
    })
}

/// `uint32`, `double`: how wide a number is, which is not the business of a validator of formats.
fn is_width(format: &str) -> bool {
    ["int", "uint", "float", "double"].iter().any(|width| format.starts_with(width))
}
