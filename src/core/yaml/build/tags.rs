//! Tags: `!!str` and its like say what a value is; all others mean nothing here.

use granit_parser::Tag;

use super::Builder;
use crate::core::model::diagnostic::{Code, Diagnostic};
use crate::core::model::source::Span;
use crate::core::yaml::node::{Node, Value};
use crate::core::yaml::scalar;

impl Builder<'_> {
    /// `count: != 5` is a number with a tag; that is never intended.
    pub(super) fn meant_as_unequal(&mut self, tag: Span, value: Span) -> Option<Node> {
        let start = tag.start as usize;
        let end = (tag.end as usize).max(if value.start >= tag.start { value.end as usize } else { start });
        let written = self.text.get(start..end)?.trim_end();
        if !written.starts_with("!=") {
            return None;
        }
        let line = self.text[..start].rfind('\n').map_or(0, |line| line + 1);
        let before = &self.text[line..start];
        let lead = before.rfind(['{', '[', ',']).map_or(before, |sign| &before[sign + 1..]).trim_start();
        let span = self.span(start, start + written.len());
        self.out.push(
            Diagnostic::error(Code::Syntax, span, format!("`!` starts a tag here, which `{written}` is not"))
                .help(format!("quote it: {lead}\"{}\"", written.replace('"', ""))),
        );
        Some(Node::new(span, Value::Null))
    }

    pub(super) fn tagged(&mut self, text: &str, tag: &Tag, span: Span) -> Value {
        let value = scalar::resolve(text);
        let (fits, wanted) = match tag.core_suffix() {
            None if tag.parts() == ("", "!") || tag.parts() == ("!", "") => return Value::Text(text.to_owned()),
            None => {
                self.custom_tag(tag, span);
                return Value::Text(text.to_owned());
            }
            Some("str") => return Value::Text(text.to_owned()),
            Some("null") => (matches!(value, Value::Null), "null"),
            Some("bool") => (matches!(value, Value::Bool(_)), "true or false"),
            Some("int") => (matches!(&value, Value::Number(number) if !number.is_f64()), "a whole number"),
            Some("float") => (matches!(value, Value::Number(_)), "a number"),
            Some(_) => (false, "a list or a mapping"),
        };
        if !fits {
            let message = format!("`{text}` is tagged `{}`, but is not {wanted}", tag.original());
            self.out.push(Diagnostic::error(Code::Syntax, span, message).help("remove the tag, or write such a value"));
        }
        match (tag.core_suffix(), &value) {
            (Some("float"), Value::Number(number)) => {
                Value::Number(number.as_f64().map_or_else(|| number.clone(), Into::into))
            }
            _ => value,
        }
    }

    pub(super) fn collection_tag(&mut self, tag: Option<&Tag>, wanted: &str, span: Span) {
        match tag {
            Some(tag) if tag.core_suffix() == Some(wanted) => {}
            Some(tag) => self.custom_tag(tag, span),
            None => {}
        }
    }

    pub(super) fn custom_tag(&mut self, tag: &Tag, span: Span) {
        let message = format!("the tag `{}` means nothing here", tag.original());
        self.out.push(
            Diagnostic::error(Code::Syntax, span, message).help("remove it; a text that starts with `!` is quoted"),
        );
    }
}
