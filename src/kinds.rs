//! The tables of kinds, assembled from the technologies. A technology adds one line for its steps and one for its
//! assertions.

use crate::core::kind::settings::{RunnerSettings, TemplateProblem};
use crate::core::kind::{AssertionKind, Kind, StepKind};
use crate::{ask, containers, http, kubernetes, process, results, secrets};

/// The steps of each technology.
const STEP_TABLES: &[&[&StepKind]] =
    &[ask::steps::STEPS, containers::steps::STEPS, http::steps::STEPS, kubernetes::steps::STEPS, process::steps::STEPS];

/// The assertions of each technology.
const ASSERTION_TABLES: &[&[&AssertionKind]] = &[
    ask::assertions::ASSERTIONS,
    containers::assertions::ASSERTIONS,
    http::assertions::ASSERTIONS,
    kubernetes::assertions::ASSERTIONS,
    process::assertions::ASSERTIONS,
    results::assertions::ASSERTIONS,
    secrets::assertions::ASSERTIONS,
];

/// Every step kind, sorted by name.
pub const STEPS: &[&StepKind] = &merged::<_, { count(STEP_TABLES) }>(STEP_TABLES);

/// Every assertion kind, sorted by name.
pub const ASSERTIONS: &[&AssertionKind] = &merged::<_, { count(ASSERTION_TABLES) }>(ASSERTION_TABLES);

/// The number of rows in all tables.
const fn count<T: ?Sized>(tables: &[&[&'static Kind<T>]]) -> usize {
    let (mut rows, mut table) = (0, 0);
    while table < tables.len() {
        rows += tables[table].len();
        table += 1;
    }
    rows
}

/// The rows of all tables, sorted by name. Evaluated by the compiler.
const fn merged<T: ?Sized, const N: usize>(tables: &[&[&'static Kind<T>]]) -> [&'static Kind<T>; N] {
    let mut all = [tables[0][0]; N];
    let (mut len, mut table) = (0, 0);
    while table < tables.len() {
        let mut row = 0;
        while row < tables[table].len() {
            let mut at = len;
            while at > 0 && precedes(tables[table][row].name, all[at - 1].name) {
                all[at] = all[at - 1];
                at -= 1;
            }
            all[at] = tables[table][row];
            len += 1;
            row += 1;
        }
        table += 1;
    }
    all
}

/// `a < b` for names of kinds.
const fn precedes(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut at = 0;
    while at < a.len() && at < b.len() {
        if a[at] != b[at] {
            return a[at] < b[at];
        }
        at += 1;
    }
    a.len() < b.len()
}

/// What is wrong with the Pod template of a runner.
pub const CHECK_TEMPLATE: fn(&RunnerSettings) -> Vec<TemplateProblem> = crate::kubernetes::runner::template_problems;

#[cfg(test)]
mod tests {
    use super::{ASSERTIONS, STEPS};

    #[test]
    fn kinds_are_sorted_and_each_name_is_used_once() {
        let steps: Vec<&str> = STEPS.iter().map(|kind| kind.name).collect();
        let assertions: Vec<&str> = ASSERTIONS.iter().map(|kind| kind.name).collect();
        for names in [steps, assertions] {
            assert!(names.windows(2).all(|pair| pair[0] < pair[1]), "{names:?}");
        }
    }
}
