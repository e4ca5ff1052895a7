//! What comes of a measurement whose expectations refer to the past. Knows no file.

use std::collections::BTreeMap;

use crate::core::model::outcome::{BaselineValue, Fault, Measure, Relative, Verdict};

/// The verdict, and the values that can become baselines. A missing baseline is no answer, unless another measure is known
/// not to hold: then that is, and it may change yet.
pub(super) fn compared(found: Result<Verdict, Fault>, assertion: &str) -> (Result<Verdict, Fault>, Vec<BaselineValue>) {
    let measures = match found {
        Ok(Verdict::Holds { measures } | Verdict::Unmet { measures }) => measures,
        other => return (other, Vec::new()),
    };
    if measures.is_empty() {
        let help = "say what is expected of it";
        return (Err(Fault::unknown("nothing was measured").help(help)), Vec::new());
    }
    if measures.iter().all(|measure| measure.relative.is_none()) {
        return (Ok(Verdict::of(measures)), Vec::new());
    }
    let (relatives, measures): (Vec<Option<Relative>>, Vec<Measure>) =
        measures.into_iter().map(|measure| (measure.relative.clone(), Measure { relative: None, ..measure })).unzip();
    let values = match values(&relatives, assertion) {
        Ok(values) => values,
        Err(fault) => return (Err(fault), Vec::new()),
    };
    let is_missing = |relative: &Option<Relative>| relative.as_ref().is_some_and(|relative| relative.is_missing);
    let known_unmet =
        relatives.iter().zip(&measures).any(|(relative, measure)| !measure.holds && !is_missing(relative));
    let missing: Vec<&str> = relatives
        .iter()
        .flatten()
        .filter(|relative| relative.is_missing)
        .map(|relative| relative.key.as_str())
        .collect();
    if missing.is_empty() || known_unmet {
        return (Ok(Verdict::of(measures)), values);
    }
    let keys = missing.join("`, `");
    let shown: Vec<String> = relatives.iter().flatten().map(|one| format!("{} is {}", one.key, one.value)).collect();
    let message = format!("not measured: no baseline for `{keys}` of `{assertion}` ({})", shown.join(", "));
    let help = "type: pipeline baseline accept";
    (Err(Fault::unknown(message).help(help)), values)
}

/// The values by key; one baseline cannot stand for several.
fn values(relatives: &[Option<Relative>], assertion: &str) -> Result<Vec<BaselineValue>, Fault> {
    let mut by_key: BTreeMap<&str, &str> = BTreeMap::new();
    for relative in relatives.iter().flatten() {
        let other = by_key.insert(&relative.key, &relative.value);
        if let Some(other) = other.filter(|other| *other != relative.value) {
            let message = format!(
                "not measured: `{}` of `{assertion}` was measured as {other} and as {}, and has one baseline",
                relative.key, relative.value
            );
            return Err(Fault::invalid(message).help("write an assertion for each, with a `name:`"));
        }
    }
    let value = |(key, value): (&str, &str)| BaselineValue {
        assertion: assertion.to_owned(),
        key: key.to_owned(),
        value: value.to_owned(),
    };
    Ok(by_key.into_iter().map(value).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measure(name: &str, value: &str, holds: bool, is_missing: bool) -> Measure {
        let relative = Some(Relative { key: name.to_owned(), value: value.to_owned(), is_missing });
        Measure { relative, ..Measure::new(name, value, "<= baseline", holds) }
    }

    fn outcome(measures: Vec<Measure>) -> (Result<Verdict, Fault>, usize) {
        let (found, values) = compared(Ok(Verdict::of(measures)), "a.gate: image");
        (found, values.len())
    }

    #[test]
    fn a_missing_baseline_does_not_pass_and_its_value_is_kept() {
        let measures = vec![Measure::new("user", "app", "app", true), measure("size", "5B", false, true)];
        let (found, values) = outcome(measures);
        let fault = found.expect_err("there is no baseline");
        assert_eq!(fault.message, "not measured: no baseline for `size` of `a.gate: image` (size is 5B)");
        assert_eq!(values, 1);
    }

    #[test]
    fn what_measured_nothing_is_no_answer() {
        let fault = outcome(Vec::new()).0.expect_err("nothing holds");
        assert_eq!(fault.message, "nothing was measured");
    }

    #[test]
    fn what_is_known_not_to_hold_is_an_answer() {
        let measures = vec![Measure::new("user", "root", "app", false), measure("size", "5B", false, true)];
        let (found, values) = outcome(measures);
        assert!(matches!(found, Ok(Verdict::Unmet { .. })));
        assert_eq!(values, 1);
    }

    #[test]
    fn a_known_baseline_is_compared_and_nothing_else_is_recorded_of_it() {
        let (found, values) = outcome(vec![measure("size", "5B", true, false)]);
        assert_eq!(found, Ok(Verdict::Holds { measures: vec![Measure::new("size", "5B", "<= baseline", true)] }));
        assert_eq!(values, 1);
    }

    #[test]
    fn one_baseline_does_not_stand_for_several_values() {
        let (found, _) = outcome(vec![measure("restarts", "1", true, false), measure("restarts", "2", true, false)]);
        assert!(found.expect_err("two values").message.contains("measured as 1 and as 2"));
    }
}
