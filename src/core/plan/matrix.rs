//! The combinations of a matrix: the items of a step's `for_each`. Knows no step.

use std::collections::HashSet;

use crate::core::model::diagnostic::{Code, Diagnostic, Diagnostics, did_you_mean};
use crate::core::model::source::Span;
use crate::core::yaml::{Entry, Node, Value, Written};

/// The most items that one `for_each` may have.
pub(crate) const MOST_ITEMS: usize = 10_000;

/// One combination: the values of the axes, and what `include` adds.
#[derive(Debug, Clone)]
struct Combination {
    values: Vec<Entry>,
}

/// The items of `for_each: { matrix: … }`, whose shape was checked; what is wrong goes to `out`.
pub(super) fn items(each: &Node, out: &mut Diagnostics) -> Option<Vec<Written>> {
    let before = out.len();
    let axes = each.get("matrix").map(Node::entries).unwrap_or_default();
    let span = each.get("matrix").map_or(each.span, |matrix| matrix.span);
    for axis in axes.iter().filter(|axis| axis.node.items().is_empty()) {
        let message = format!("the list `{}` of this matrix is empty, so there is no combination", axis.key);
        let help = "add a value, or leave the list out";
        out.push(Diagnostic::error(Code::InvalidValue, axis.node.span, message).help(help));
    }
    if axes.is_empty() {
        let help = "name its lists: `{ matrix: { os: [a, b], db: [x, y] } }`";
        out.push(Diagnostic::error(Code::InvalidValue, span, "this matrix has no list").help(help));
    }
    let count = axes.iter().try_fold(1_usize, |count, axis| count.checked_mul(axis.node.items().len()));
    if count.is_none_or(|count| count > MOST_ITEMS) {
        let message = format!("this matrix has more than {MOST_ITEMS} combinations");
        out.push(Diagnostic::error(Code::InvalidValue, span, message).help("use shorter lists, or several steps"));
    }
    let excluded = each.get("exclude").map(Node::items).unwrap_or_default();
    for entry in excluded.iter().flat_map(Node::entries) {
        let known = axes.iter().map(|axis| axis.key.as_str());
        if !known.clone().any(|axis| axis == entry.key) {
            let message = format!("this matrix has no list `{}`", entry.key);
            let help = did_you_mean(&entry.key, known);
            out.push(Diagnostic::error(Code::UnknownName, entry.key_span, message).maybe_help(help));
        }
    }
    if out.len() > before {
        return None;
    }
    let mut found = product(axes);
    found.retain(|one| !excluded.iter().any(|entry| one.has_all(entry)));
    for entry in each.get("include").map(Node::items).unwrap_or_default() {
        include(&mut found, entry, axes);
    }
    if found.is_empty() {
        let help = "exclude less, or leave the step out with `when: false`";
        let problem = Diagnostic::error(Code::InvalidValue, span, "every combination of this matrix is excluded");
        out.push(problem.help(help));
        return None;
    }
    twice(&found, span, out);
    (out.len() == before).then(|| found.iter().map(|one| one.written(each.span)).collect())
}

/// All combinations, the last list varying fastest.
fn product(axes: &[Entry]) -> Vec<Combination> {
    let mut found = vec![Combination { values: Vec::new() }];
    for axis in axes {
        let longer = |one: &Combination, value: &Node| {
            let mut one = one.clone();
            one.values.push(Entry { node: value.clone(), ..axis.clone() });
            one
        };
        found = found.iter().flat_map(|one| axis.node.items().iter().map(move |value| longer(one, value))).collect();
    }
    found
}

/// Adds values to the combinations that have all its values of axes, or a combination where there is none.
fn include(found: &mut Vec<Combination>, entry: &Node, axes: &[Entry]) {
    let of_axis = |own: &&Entry| axes.iter().any(|axis| axis.key == own.key);
    let wanted: Vec<&Entry> = entry.entries().iter().filter(of_axis).collect();
    let mut matched = false;
    for one in found.iter_mut().filter(|one| wanted.iter().all(|own| one.has(own))) {
        matched = true;
        for own in entry.entries().iter().filter(|own| !of_axis(own)) {
            one.values.retain(|value| value.key != own.key);
            one.values.push(own.clone());
        }
    }
    if !matched {
        found.push(Combination { values: entry.entries().to_vec() });
    }
}

/// Reports the first combination that is there twice: its node would have the name of another.
fn twice(found: &[Combination], span: Span, out: &mut Diagnostics) {
    let mut seen: HashSet<String> = HashSet::with_capacity(found.len());
    for one in found {
        let shown = one.written(span).value.to_string();
        if !seen.insert(shown.clone()) {
            let message = format!("this matrix has the combination {shown} twice");
            let help = "remove the value that is in its list twice, or the entry of `include`";
            out.push(Diagnostic::error(Code::DuplicateName, span, message).help(help));
            return;
        }
    }
}

impl Combination {
    fn has(&self, wanted: &Entry) -> bool {
        self.values.iter().any(|own| own.key == wanted.key && own.node.to_json() == wanted.node.to_json())
    }

    fn has_all(&self, wanted: &Node) -> bool {
        !wanted.entries().is_empty() && wanted.entries().iter().all(|wanted| self.has(wanted))
    }

    fn written(&self, span: Span) -> Written {
        Written::of(&Node::new(span, Value::Map(self.values.clone())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::model::source::FileId;
    use serde_json::{Value as Json, json};

    fn of(each: &Json) -> Result<Vec<Json>, Vec<String>> {
        let mut out = Diagnostics::default();
        let found = items(&Node::from_json(each, Span::new(FileId(0), 0, 0)), &mut out);
        let reported = out.iter().map(|one| one.message.clone()).collect();
        found.map(|found| found.into_iter().map(|one| one.value).collect()).ok_or(reported)
    }

    #[test]
    fn every_value_meets_every_other_and_the_last_list_varies_fastest() {
        let found = of(&json!({"matrix": {"os": ["a", "b"], "db": [1, 2]}})).expect("a matrix");
        let expected = [("a", 1), ("a", 2), ("b", 1), ("b", 2)].map(|(os, db)| json!({"os": os, "db": db}));
        assert_eq!(found, expected);
    }

    #[test]
    fn exclude_takes_combinations_out_and_include_adds_values_or_combinations() {
        let found = of(&json!({
            "matrix": {"os": ["a", "b"], "db": [1, 2]},
            "exclude": [{"os": "b", "db": 1}],
            "include": [{"os": "a", "slow": true}, {"os": "c", "db": 3}],
        }));
        let expected = json!([
            {"os": "a", "db": 1, "slow": true}, {"os": "a", "db": 2, "slow": true},
            {"os": "b", "db": 2}, {"os": "c", "db": 3},
        ]);
        assert_eq!(json!(found.expect("a matrix")), expected);
    }

    #[test]
    fn a_matrix_without_combinations_or_with_one_twice_is_reported() {
        let reported = |each: Json| of(&each).expect_err("wrong").join("; ");
        assert_eq!(reported(json!({"matrix": {}})), "this matrix has no list");
        let empty = reported(json!({"matrix": {"os": [], "db": [1]}}));
        assert_eq!(empty, "the list `os` of this matrix is empty, so there is no combination");
        let all = reported(json!({"matrix": {"os": ["a"]}, "exclude": [{"os": "a"}]}));
        assert_eq!(all, "every combination of this matrix is excluded");
        let unknown = reported(json!({"matrix": {"os": ["a"]}, "exclude": [{"so": "a"}]}));
        assert_eq!(unknown, "this matrix has no list `so`");
        let twice = reported(json!({"matrix": {"os": ["a", "a"]}}));
        assert_eq!(twice, "this matrix has the combination {\"os\":\"a\"} twice");
        let many: Vec<u32> = (0..200).collect();
        assert_eq!(reported(json!({"matrix": {"x": many, "y": many}})), "this matrix has more than 10000 combinations");
    }

    proptest::proptest! {
        #[test]
        fn a_matrix_has_as_many_items_as_its_lists_multiply_to(sizes in proptest::collection::vec(1_usize..5, 1..4)) {
            let axes: serde_json::Map<String, Json> =
                sizes.iter().enumerate().map(|(at, size)| (format!("a{at}"), json!((0..*size).collect::<Vec<_>>()))).collect();
            let found = of(&json!({"matrix": axes})).expect("a matrix");
            proptest::prop_assert_eq!(found.len(), sizes.iter().product::<usize>());
        }
    }
}
