//! What the nodes of a step with `for_each` are called: `test[3.10]`. Every name of a step is different.

use std::collections::HashSet;

use crate::document::Written;

/// The longest item that is a label, in bytes.
const LONGEST: usize = 40;

/// The labels of all items: each item's own text where it can be a part of a file name, else its index. Where two items
/// would have the same label (on a file system that ignores case as well), all have their index.
pub(super) fn labels(items: &[Written]) -> Vec<String> {
    let labels: Vec<String> = items.iter().enumerate().map(|(at, item)| label(item, at)).collect();
    let mut seen = HashSet::with_capacity(labels.len());
    if labels.iter().all(|label| seen.insert(label.to_ascii_lowercase())) {
        labels
    } else {
        (0..items.len()).map(|at| at.to_string()).collect()
    }
}

fn label(item: &Written, at: usize) -> String {
    let spelling = item.spelled.get(&[]).map(str::to_owned);
    let text = match &item.value {
        serde_json::Value::String(text) => Some(text.clone()),
        serde_json::Value::Number(number) => Some(spelling.unwrap_or_else(|| number.to_string())),
        serde_json::Value::Bool(value) => Some(spelling.unwrap_or_else(|| value.to_string())),
        serde_json::Value::Object(fields) => fields.get("name").and_then(|name| name.as_str()).map(str::to_owned),
        serde_json::Value::Null | serde_json::Value::Array(_) => None,
    };
    let fits = |text: &String| {
        let fits = |c: char| c.is_ascii_alphanumeric() || "-_.:@".contains(c);
        !text.is_empty() && text.len() <= LONGEST && text.chars().all(fits)
    };
    text.filter(fits).unwrap_or_else(|| at.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn of(items: &Value) -> Vec<String> {
        let items = items.as_array().map(Vec::as_slice).unwrap_or_default().iter();
        labels(&items.map(|value| Written { value: value.clone(), ..Written::default() }).collect::<Vec<_>>())
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
