//! What an assertion's newest measurement found, kept for its explanation: a measurement that costs seconds is not repeated
//! for it.

use std::sync::{Arc, Mutex, PoisonError};

use crate::core::model::outcome::Finding;

/// The newest findings. Not part of what is written: all are equal.
#[derive(Debug, Clone, Default)]
pub struct Found(Arc<Mutex<Vec<Finding>>>);

impl PartialEq for Found {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Found {}

impl Found {
    /// Keeps what a measurement found in place of what the one before found.
    pub fn keep(&self, findings: Vec<Finding>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = findings;
    }

    /// What the newest measurement found.
    pub fn all(&self) -> Vec<Finding> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
