//! What a gate reports of its entries that have no items. Measures nothing.

use std::time::Duration;

use crate::core::model::event::AssertionResult;
use crate::core::model::outcome::Verdict;
use crate::core::plan::{Gate, NoItems};

/// The results of the entries whose `for_each` has no items, behind those of the assertions.
pub(super) fn without_items(gate: &Gate) -> impl Iterator<Item = AssertionResult> {
    let first = u32::try_from(gate.assertions.len()).unwrap_or(u32::MAX);
    (first..).zip(&gate.without).map(|(index, entry)| result(index, entry))
}

fn result(index: u32, entry: &NoItems) -> AssertionResult {
    AssertionResult {
        index,
        name: entry.name.clone(),
        kind: entry.kind.clone(),
        warning: false,
        verdict: Ok(Verdict::Skipped { reason: entry.reason() }),
        findings: Vec::new(),
        elapsed: Duration::ZERO,
        looks: 0,
        ended: None,
        baselines: Vec::new(),
        evidence: Vec::new(),
    }
}
