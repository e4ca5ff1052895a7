//! Values of other tools' keys: conditions, needs, retries, timeouts.

use std::borrow::Cow;

use crate::core::model::event::Role;
use crate::core::model::source::Span;
use crate::core::yaml::{Node, Value};

use super::Draft;
use crate::core::plan::foreign::condition::{Condition, asked, condition};
use crate::core::plan::foreign::tree::{one, slug, text, text_at, texts};

pub(crate) fn conditioned(node: &Node, draft: &mut Draft) {
    let written = texts(node).join(" && ");
    match condition(&written) {
        Condition::Always => draft.note("a step runs when its `needs` have passed"),
        Condition::AfterFailure => draft.role = Role::OnFailure,
        Condition::AtTheEnd => draft.role = Role::Finally,
        Condition::When(expression) => draft.put("when", text(expression, node.span)),
        Condition::Unknown => {
            draft.note(format!("`{written}` is written as an expression: `pipeline explain expressions`"));
            draft.put("when", text("env.?ENABLED.orValue('') == 'yes'", node.span));
        }
    }
}

/// `rules: [{ if: … }]`, `only: [main]`, `except: [main]`.
pub(crate) fn ruled(key: &str, node: &Node, draft: &mut Draft) {
    let manual = |rule: &&Node| text_at(rule, "when").as_deref() == Some("manual");
    if let Some(rule) = node.items().iter().find(manual).filter(|_| key == "rules") {
        by_hand(draft, node.span);
        if let Some(condition) = text_at(rule, "if").as_deref().and_then(asked) {
            draft.put("when", text(format!("({condition}) && {BY_HAND}"), node.span));
        }
        return;
    }
    let rules: Vec<String> = if key == "rules" {
        node.items().iter().filter_map(|rule| text_at(rule, "if")).collect()
    } else {
        let branches = node.get("refs").or_else(|| node.get("branches")).unwrap_or(node);
        texts(branches).into_iter().map(|name| branch(&name)).collect()
    };
    let parts: Vec<String> = rules.iter().filter_map(|rule| asked(rule)).collect();
    let when = match (parts.as_slice(), key) {
        ([], _) => return draft.note(format!("`{key}` can be left out: a step runs when its `needs` have passed")),
        ([only], "except") => format!("!({only})"),
        ([only], _) => only.clone(),
        (many, "except") => format!("!({})", many.join(" || ")),
        (many, _) => many.join(" || "),
    };
    draft.put("when", text(when, node.span));
}

/// Whether a run was started with the variable of what is started by hand.
const BY_HAND: &str = "env.?MANUAL.orValue('') == 'yes'";

/// A step that is started by hand.
pub(crate) fn by_hand(draft: &mut Draft, at: Span) {
    draft.put("when", text(BY_HAND, at));
    draft.note("a run asks no one: what is started by hand has a variable, `MANUAL=yes pipeline run`");
}

/// What `only: [main]` asks about.
fn branch(name: &str) -> String {
    match name {
        "merge_requests" => "$CI_PIPELINE_SOURCE == 'merge_request_event'".to_owned(),
        "tags" => "$CI_COMMIT_TAG != ''".to_owned(),
        "branches" => "$CI_COMMIT_BRANCH != ''".to_owned(),
        _ => match name.strip_prefix('/').and_then(|rest| rest.strip_suffix('/')) {
            Some(pattern) => format!("$CI_COMMIT_BRANCH =~ /{pattern}/"),
            None => format!("$CI_COMMIT_BRANCH == '{name}'"),
        },
    }
}

/// The steps or stages that something waits for, in any form: a text, a list, a mapping with them as keys.
pub(crate) fn needs(node: &Node) -> Vec<String> {
    let named = |item: &Node| {
        item.scalar_text().map(Cow::into_owned).or_else(|| {
            ["job", "task", "name"]
                .iter()
                .find_map(|key| text_at(item, key))
                .or_else(|| Some(item.entries().first()?.key.clone()))
        })
    };
    let written: Vec<String> = match &node.value {
        Value::List(items) => items.iter().filter_map(named).collect(),
        Value::Map(entries) => entries.iter().map(|own| own.key.clone()).collect(),
        _ => texts(node).iter().flat_map(|text| text.split("&&")).map(|name| name.trim().to_owned()).collect(),
    };
    // Argo writes `A.Succeeded`.
    let name = |text: &String| slug(text.trim_end_matches(".Succeeded"));
    written.iter().map(name).filter(|name| !name.is_empty()).collect()
}

pub(crate) fn truth(node: &Node) -> Node {
    match &node.value {
        Value::Bool(_) => node.clone(),
        _ => Node::new(node.span, Value::Bool(node.as_text() != Some("false"))),
    }
}

pub(crate) fn put_timeout(node: &Node, unit: &str, draft: &mut Draft) {
    let number = node.scalar_text().unwrap_or_default().into_owned();
    draft.put("timeout", text(format!("{number}{unit}"), node.span));
}

/// The duration of `sleep: 5s` or `sleep: { duration: 5s }`.
pub(crate) fn duration(node: &Node) -> String {
    text_at(node, "duration").or_else(|| node.scalar_text().map(Cow::into_owned)).unwrap_or_default()
}

/// `{ attempts: N }`, where N is what is written and `more`.
pub(crate) fn attempts(node: &Node, more: u64) -> Node {
    let written = node.scalar_text().and_then(|text| text.parse::<u64>().ok()).unwrap_or(1);
    one("attempts", Node::new(node.span, Value::Number((written + more).clamp(1, 100).into())))
}
