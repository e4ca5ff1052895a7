//! Label selectors in kubectl's notation: `app=todo,tier in (web, api),!canary`. Knows no object but its labels.

use std::collections::BTreeMap;
use std::fmt;

/// The longest value of a label, in bytes.
const LONGEST: usize = 63;

/// A name as the value of a label. One that is too long, or does not end in a letter or a digit, is cut and ends in a
/// digest of the whole.
pub fn label_value(name: &str) -> String {
    let ends = |c: Option<char>| c.is_none_or(|c| c.is_ascii_alphanumeric());
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if name.len() <= LONGEST && ends(name.chars().next()) && ends(name.chars().next_back()) && name.chars().all(fits) {
        return name.to_owned();
    }
    let digest = blake3::hash(name.as_bytes()).to_hex();
    let kept: String = name.chars().filter(|c| fits(*c)).take(LONGEST - 11).collect();
    format!("{}-{}", kept.trim_start_matches(|c: char| !c.is_ascii_alphanumeric()), &digest[..10])
}

/// What labels an object must have.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LabelSelector {
    tests: Vec<LabelTest>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum LabelTest {
    Is(String, String),
    IsNot(String, String),
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
    Has(String),
    HasNot(String),
}

/// Why a text is no selector.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no label selector; write app=todo, tier!=db, tier in (web, api), canary or !canary")]
pub struct SelectorError(pub String);

impl LabelSelector {
    /// Reads kubectl's notation. An empty text selects nothing we would want: it is refused.
    pub fn parse(text: &str) -> Result<Self, SelectorError> {
        let tests = requirements(text).into_iter().map(LabelTest::parse).collect::<Result<Vec<_>, _>>()?;
        if tests.is_empty() { Err(SelectorError(text.to_owned())) } else { Ok(LabelSelector { tests }) }
    }

    /// Every pair must be there.
    pub fn all_of(labels: impl IntoIterator<Item = (String, String)>) -> Self {
        LabelSelector { tests: labels.into_iter().map(|(key, value)| LabelTest::Is(key, value)).collect() }
    }

    /// What `matchLabels` and `matchExpressions` of an object (or a Service's plain map) ask for.
    pub fn of_json(selector: &serde_json::Value) -> Self {
        let mut tests = Vec::new();
        let structured = selector.get("matchLabels").is_some() || selector.get("matchExpressions").is_some();
        let pairs = if structured { selector.get("matchLabels") } else { Some(selector) };
        for (key, value) in pairs.and_then(|pairs| pairs.as_object()).into_iter().flatten() {
            tests.push(LabelTest::Is(key.clone(), value.as_str().unwrap_or_default().to_owned()));
        }
        for test in selector.get("matchExpressions").and_then(|list| list.as_array()).into_iter().flatten() {
            let key = test["key"].as_str().unwrap_or_default().to_owned();
            let values = test["values"].as_array().into_iter().flatten();
            let values = values.filter_map(|value| value.as_str().map(str::to_owned)).collect();
            tests.push(match test["operator"].as_str() {
                Some("NotIn") => LabelTest::NotIn(key, values),
                Some("Exists") => LabelTest::Has(key),
                Some("DoesNotExist") => LabelTest::HasNot(key),
                _ => LabelTest::In(key, values),
            });
        }
        LabelSelector { tests }
    }

    /// Whether it asks for nothing.
    pub fn is_empty(&self) -> bool {
        self.tests.is_empty()
    }

    /// Whether an object with these labels is meant.
    pub fn matches(&self, labels: Option<&BTreeMap<String, String>>) -> bool {
        self.tests.iter().all(|test| test.holds(|key| labels?.get(key).map(String::as_str)))
    }

    /// The same for labels in JSON.
    pub fn matches_json(&self, labels: &serde_json::Value) -> bool {
        self.tests.iter().all(|test| test.holds(|key| labels.get(key)?.as_str()))
    }

    /// Whether labels in JSON meet one of its demands at least.
    pub fn matches_any_json(&self, labels: &serde_json::Value) -> bool {
        self.tests.iter().any(|test| test.holds(|key| labels.get(key)?.as_str()))
    }
}

impl LabelTest {
    fn parse(text: &str) -> Result<Self, SelectorError> {
        let wrong = || SelectorError(text.to_owned());
        let pair = |key: &str, value: &str| Some((name(key)?, word(value)?));
        if let Some((key, value)) = text.split_once("!=") {
            return pair(key, value).map(|(key, value)| LabelTest::IsNot(key, value)).ok_or_else(wrong);
        }
        if let Some((key, value)) = text.split_once('=') {
            let value = value.strip_prefix('=').unwrap_or(value);
            return pair(key, value).map(|(key, value)| LabelTest::Is(key, value)).ok_or_else(wrong);
        }
        if let Some((head, values)) = text.split_once('(') {
            let values = values.trim_end().strip_suffix(')').ok_or_else(wrong)?;
            let values = values.split(',').map(word).collect::<Option<Vec<_>>>().ok_or_else(wrong)?;
            let words: Vec<&str> = head.split_whitespace().collect();
            return match words[..] {
                [key, "in"] => name(key).map(|key| LabelTest::In(key, values)).ok_or_else(wrong),
                [key, "notin"] => name(key).map(|key| LabelTest::NotIn(key, values)).ok_or_else(wrong),
                _ => Err(wrong()),
            };
        }
        match text.trim().strip_prefix('!') {
            Some(key) => name(key).map(LabelTest::HasNot).ok_or_else(wrong),
            None => name(text).map(LabelTest::Has).ok_or_else(wrong),
        }
    }

    fn holds<'a>(&self, value: impl Fn(&str) -> Option<&'a str>) -> bool {
        match self {
            LabelTest::Is(key, wanted) => value(key) == Some(wanted),
            LabelTest::IsNot(key, refused) => value(key) != Some(refused),
            LabelTest::In(key, any) => value(key).is_some_and(|value| any.iter().any(|one| one == value)),
            LabelTest::NotIn(key, none) => value(key).is_none_or(|value| none.iter().all(|one| one != value)),
            LabelTest::Has(key) => value(key).is_some(),
            LabelTest::HasNot(key) => value(key).is_none(),
        }
    }
}

/// The parts between commas that stand in no parenthesis.
fn requirements(text: &str) -> Vec<&str> {
    let mut depth = 0;
    text.split(|c| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        c == ',' && depth == 0
    })
    .map(str::trim)
    .filter(|part| !part.is_empty())
    .collect()
}

/// A label's value: may be empty.
fn word(text: &str) -> Option<String> {
    let text = text.trim();
    text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)).then(|| text.to_owned())
}

/// A label's name, with a prefix or without.
fn name(text: &str) -> Option<String> {
    let text = text.trim();
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    (!text.is_empty() && text.chars().all(fits)).then(|| text.to_owned())
}

impl fmt::Display for LabelSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, test) in self.tests.iter().enumerate() {
            if place > 0 {
                f.write_str(",")?;
            }
            match test {
                LabelTest::Is(key, value) => write!(f, "{key}={value}")?,
                LabelTest::IsNot(key, value) => write!(f, "{key}!={value}")?,
                LabelTest::In(key, values) => write!(f, "{key} in ({})", values.join(","))?,
                LabelTest::NotIn(key, values) => write!(f, "{key} notin ({})", values.join(","))?,
                LabelTest::Has(key) => f.write_str(key)?,
                LabelTest::HasNot(key) => write!(f, "!{key}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_too_long_for_a_label_is_cut_and_stays_apart_from_others() {
        assert_eq!(label_value("todo"), "todo");
        assert_eq!(label_value(&"a".repeat(63)), "a".repeat(63));
        let (one, other) = (label_value(&"a".repeat(64)), label_value(&"a".repeat(65)));
        assert_eq!((one.len(), other.len()), (63, 63));
        assert_ne!(one, other);
        assert_ne!(label_value("todo_"), "todo_");
        assert!(label_value("todo_").ends_with(|c: char| c.is_ascii_alphanumeric()));
    }
    use serde_json::json;

    #[test]
    fn reads_every_notation_and_prints_it() {
        let text = " app = todo,tier!=db , env in (dev, test),zone notin (a),canary,!old ";
        let selector = LabelSelector::parse(text).expect("well formed");
        assert_eq!(selector.to_string(), "app=todo,tier!=db,env in (dev,test),zone notin (a),canary,!old");
    }

    #[test]
    fn refuses_what_is_no_selector() {
        assert_eq!(
            LabelSelector::parse("app:todo").expect_err("a colon").to_string(),
            "`app:todo` is no label selector; write app=todo, tier!=db, tier in (web, api), canary or !canary"
        );
        for text in ["", "a in b", "=x", "a in (b"] {
            assert!(LabelSelector::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn matches_by_labels() {
        let labels = json!({"app": "todo", "env": "dev"});
        for (text, matches) in [
            ("app=todo", true),
            ("app==todo,env in (dev,test)", true),
            ("app!=todo", false),
            ("tier!=db", true),
            ("env notin (dev)", false),
            ("tier", false),
            ("!tier", true),
        ] {
            assert_eq!(LabelSelector::parse(text).expect("well formed").matches_json(&labels), matches, "{text}");
        }
    }

    #[test]
    fn reads_selectors_of_objects() {
        let selector = LabelSelector::of_json(&json!({
            "matchLabels": {"app": "todo"},
            "matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["db"]}]
        }));
        assert_eq!(selector.to_string(), "app=todo,tier notin (db)");
        assert_eq!(LabelSelector::of_json(&json!({"app": "todo"})).to_string(), "app=todo");
    }
}
