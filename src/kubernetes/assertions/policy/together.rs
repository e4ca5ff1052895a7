//! A rule over all of its objects at once: `self` is their list, and what is wrong are objects of it, or texts.

use serde_json::Value;

use super::meant::matches;
use super::spec::{Policy, Rule};
use super::{Judged, Object, Violation};
use crate::core::expr::{Expr, Scope};
use crate::core::model::outcome::Fault;

impl Policy {
    pub(super) fn apply_together(&self, rule: &Rule, objects: &[Object], scope: &Scope) -> Result<Judged, Fault> {
        let invalid = |error: &dyn std::fmt::Display| Fault::invalid(format!("rule {}: {error}", rule.name));
        let expression = Expr::parse(&rule.assert.0).map_err(|error| invalid(&error))?;
        let meant: Vec<&Object> = objects.iter().filter(|object| rule.meant().has(&object.manifest)).collect();
        let mut scope = scope.clone();
        scope.roots.insert("self".to_owned(), meant.iter().map(|object| object.manifest.object.clone()).collect());
        let said = rule.message.as_deref().unwrap_or(&rule.assert.0);
        let excepted = self.except.get(&rule.name).map(Vec::as_slice).unwrap_or_default();
        let mut judged = Judged {
            rule: rule.name.clone(),
            unused: excepted.to_vec(),
            unmatched: Vec::new(),
            expected: said.to_owned(),
            looked_at: meant.len(),
            violations: Vec::new(),
        };
        let whole = |message: String| Violation { place: "all".to_owned(), object: "objects".to_owned(), message };
        match expression.eval(&scope) {
            Ok(Value::Bool(true)) => {}
            Ok(Value::Bool(false)) => judged.violations.push(whole(format!("not true: {}", rule.assert.0))),
            Ok(Value::Array(wrong)) => {
                for item in wrong {
                    judged.violations.extend(wrong_item(&item, &meant, rule, excepted, &mut judged.unused));
                }
            }
            Ok(other) => {
                let message = format!("`{}` is {other}, expected true or a list of what is wrong", rule.assert.0);
                return Err(invalid(&message));
            }
            Err(error) if error.stopped => {
                return Err(Fault::unknown(format!("not measured: rule {}: {error}", rule.name)));
            }
            // mostly a field that is not there: the objects are not as the rule says, and this is why
            Err(error) => judged.violations.push(whole(format!("{said}: {error}"))),
        }
        Ok(judged)
    }
}

/// An item of the list of what is wrong; `None` where it is an exception.
fn wrong_item(
    item: &Value,
    meant: &[&Object],
    rule: &Rule,
    excepted: &[String],
    unused: &mut Vec<String>,
) -> Option<Violation> {
    let message = |what: &str| rule.message.clone().unwrap_or_else(|| what.to_owned());
    let Some(object) = meant.iter().find(|object| object.manifest.object == *item) else {
        let text = item.as_str().map_or_else(|| item.to_string(), str::to_owned);
        let message = rule.message.as_ref().map_or_else(|| text.clone(), |message| format!("{message}: {text}"));
        return Some(Violation { place: "all".to_owned(), object: "objects".to_owned(), message });
    };
    let shown = object.manifest.to_string();
    if excepted.iter().any(|exception| matches(exception, &shown)) {
        unused.retain(|exception| !matches(exception, &shown));
        return None;
    }
    Some(Violation {
        place: object.place.clone(),
        object: shown,
        message: message(&format!("wrong by {}", rule.assert.0)),
    })
}
