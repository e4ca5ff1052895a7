//! What one assertion keeps as evidence: the files of its gate, with the names that are its own remembered for the report.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::core::kind::Evidence;

/// Which assertion of a gate has taken which name.
#[derive(Debug, Clone, Default)]
pub(super) struct Names(Arc<Mutex<BTreeMap<String, u32>>>);

/// The evidence of one assertion.
pub(super) struct OfAssertion {
    inner: Arc<dyn Evidence>,
    names: Names,
    index: u32,
    kept: Mutex<Vec<String>>,
}

impl OfAssertion {
    pub fn new(inner: &Arc<dyn Evidence>, names: &Names, index: u32) -> Arc<Self> {
        let (inner, names) = (Arc::clone(inner), names.clone());
        Arc::new(OfAssertion { inner, names, index, kept: Mutex::default() })
    }

    /// The names of what was kept, in the order of their first use.
    pub fn kept(&self) -> Vec<String> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The name itself, unless another assertion of the gate keeps something else under it.
    fn own(&self, name: &str) -> String {
        let mut names = self.names.0.lock().unwrap_or_else(PoisonError::into_inner);
        let owner = *names.entry(name.to_owned()).or_insert(self.index);
        if owner == self.index { name.to_owned() } else { format!("assertion-{}/{name}", self.index + 1) }
    }
}

impl Evidence for OfAssertion {
    fn keep(&self, name: &str, text: &str) {
        let name = self.own(name);
        self.inner.keep(&name, text);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if !kept.contains(&name) {
            kept.push(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Files(Mutex<Vec<String>>);

    impl Evidence for Files {
        fn keep(&self, name: &str, _: &str) {
            self.0.lock().expect("no test panics here").push(name.to_owned());
        }
    }

    #[test]
    fn two_assertions_of_a_gate_do_not_overwrite_each_other() {
        let files: Arc<dyn Evidence> = Arc::new(Files::default());
        let names = Names::default();
        let (first, second) = (OfAssertion::new(&files, &names, 0), OfAssertion::new(&files, &names, 1));
        first.keep("answer-body.txt", "a");
        second.keep("answer-body.txt", "b");
        first.keep("answer-body.txt", "c");
        assert_eq!(first.kept(), ["answer-body.txt"]);
        assert_eq!(second.kept(), ["assertion-2/answer-body.txt"]);
    }
}
