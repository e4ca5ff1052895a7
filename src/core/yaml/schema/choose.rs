//! Rules that leave a choice: which of the alternatives a node is meant to be.

use serde_json::Value as Json;

use super::check::{Check, check, is_template, types_of};
use super::compile::RuleId;
use super::words;
use super::{Format, Formats};
use crate::core::model::diagnostic::{Code, Diagnostic, Diagnostics, did_you_mean};
use crate::core::model::source::Span;
use crate::core::yaml::node::{Entry, Node, Value};

impl<'a> Check<'a> {
    /// One of several: the one whose type or whose key was written.
    pub(super) fn alternatives(&mut self, id: RuleId, node: &'a Node, key: Option<Span>) {
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
    pub(super) fn verbs(&mut self, several: &[RuleId], node: &'a Node, entries: &'a [Entry], key: Option<Span>) {
        let verb = |id: &RuleId| words::verb(self.rules.get(*id)).unwrap_or_default();
        let known: Vec<&str> = several.iter().map(verb).collect();
        let written: Vec<&Entry> = entries.iter().filter(|entry| known.contains(&entry.key.as_str())).collect();
        if let ([one], [_]) = (written.as_slice(), entries)
            && let Some(id) = several.iter().find(|id| verb(id) == one.key)
        {
            return self.node(*id, node, key);
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
    pub(super) fn best(&self, several: &[RuleId], node: &'a Node) -> Option<RuleId> {
        let complaints = |id: &RuleId| {
            let mut out = Diagnostics::default();
            check(self.rules, *id, "", node, &mut NoFormats, &mut out);
            out.len()
        };
        several.iter().copied().min_by_key(complaints)
    }
}

pub(super) struct NoFormats;

impl Formats for NoFormats {
    fn judge(&mut self, _: Format<'_>, _: &mut Diagnostics) {}
}
