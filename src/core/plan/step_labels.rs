//! What the nodes of a step with `for_each` are called: `test[3.10]`. Every name of a step is different.

use std::collections::HashSet;

use crate::core::yaml::Written;

/// The longest item that is a label, in bytes.
const LONGEST: usize = 40;

/// The labels of the items of a list.
pub(crate) fn item_labels(items: &[Written]) -> Vec<String> {
    labels(items, Items::List)
}

/// What the items are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Items {
    /// Values of a list.
    List,
    /// Combinations of a matrix.
    Matrix,
}

/// The labels of all items: each item's own text where it can be a part of a file name, else its index. Where two items
/// would have the same label (on a file system that ignores case as well), all have their index.
pub(super) fn labels(items: &[Written], of: Items) -> Vec<String> {
    let labels: Vec<String> = items.iter().enumerate().map(|(at, item)| label(item, at, of)).collect();
    let mut seen = HashSet::with_capacity(labels.len());
    if labels.iter().all(|label| seen.insert(label.to_ascii_lowercase())) {
        labels
    } else {
        (0..items.len()).map(|at| at.to_string()).collect()
    }
}

fn label(item: &Written, at: usize, of: Items) -> String {
    let spelling = item.spelled.get(&[]).map(str::to_owned);
    let text = match &item.value {
        serde_json::Value::String(text) => Some(text.clone()),
        serde_json::Value::Number(number) => Some(spelling.unwrap_or_else(|| number.to_string())),
        serde_json::Value::Bool(value) => Some(spelling.unwrap_or_else(|| value.to_string())),
        serde_json::Value::Object(fields) if of == Items::Matrix => combination(fields, item),
        serde_json::Value::Object(fields) => fields.get("name").and_then(|name| name.as_str()).map(str::to_owned),
        serde_json::Value::Null | serde_json::Value::Array(_) => None,
    };
    let fits = |text: &String| {
        let fits = |c: char| c.is_ascii_alphanumeric() || "-_.:@".contains(c);
        !text.is_empty() && text.len() <= LONGEST && text.chars().all(fits)
    };
    text.filter(fits).unwrap_or_else(|| at.to_string())
}

/// The scalars of a combination of a matrix: `debian-16`.
fn combination(fields: &serde_json::Map<String, serde_json::Value>, item: &Written) -> Option<String> {
    let text = |(name, value): (&String, &serde_json::Value)| match value {
        serde_json::Value::String(text) => Some(text.clone()),
        serde_json::Value::Number(_) | serde_json::Value::Bool(_) => {
            let spelling = item.spelled.get(std::slice::from_ref(name)).map(str::to_owned);
            Some(spelling.unwrap_or_else(|| value.to_string()))
        }
        _ => None,
    };
    let texts: Option<Vec<String>> = fields.iter().map(text).collect();
    texts.filter(|texts| !texts.is_empty()).map(|texts| texts.join("-"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn of(items: &Value) -> Vec<String> {
        let items = items.as_array().map(Vec::as_slice).unwrap_or_default().iter();
        let items: Vec<Written> = items.map(|value| Written { value: value.clone(), ..Written::default() }).collect();
        labels(&items, Items::List)
    }

    #[test]
    fn combinations_are_called_by_all_their_values() {
        let one = Written { value: json!({"db": 16, "os": "debian"}), ..Written::default() };
        assert_eq!(labels(&[one], Items::Matrix), ["16-debian"]);
    }

    #[test]
    fn items_are_called_by_their_text() {
        assert_eq!(of(&json!(["a", 2, true, {"name": "x"}])), ["a", "2", "true", "x"]);
        assert_eq!(of(&json!(["a", "b c", ["d"], null, ""])), ["a", "1", "2", "3", "4"]);
        assert_eq!(of(&json!(["a", "é", "x".repeat(41)])), ["a", "1", "2"]);
    }

    #[test]
    fn items_that_would_be_called_the_same_are_called_by_their_index() {
        assert_eq!(of(&json!(["2", "x", "a b"])), ["0", "1", "2"]);
        assert_eq!(of(&json!(["a", "a"])), ["0", "1"]);
        assert_eq!(of(&json!([1, "1"])), ["0", "1"]);
        assert_eq!(of(&json!(["README", "readme"])), ["0", "1"]);
        assert_eq!(of(&json!([{"name": "a", "n": 1}, {"name": "a", "n": 2}])), ["0", "1"]);
    }

    proptest::proptest! {
        #[test]
        fn no_two_items_share_a_label(items in proptest::collection::vec("[a-cA-C0-3 ]{0,2}", 0..8)) {
            let labels = of(&json!(items));
            let distinct: HashSet<&String> = labels.iter().collect();
            proptest::prop_assert_eq!(distinct.len(), labels.len());
        }
    }
}
