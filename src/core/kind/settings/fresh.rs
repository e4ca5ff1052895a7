//! The namespace that each run has for itself, where pipeline.yaml asks for one.

use std::time::Duration;

use super::ClusterSettings;

/// The name of a namespace that has none yet: no request can use it.
pub const UNNAMED: &str = "(fresh)";

/// That each run has a namespace of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FreshSettings {
    /// What their names begin with.
    pub prefix: String,
    /// The pipeline.
    pub pipeline: String,
    /// A run that did not pass leaves it.
    pub keep_failed: bool,
    /// After what time one that was left may be removed by any run.
    pub expires: Duration,
    /// Where that of this run comes from; nothing without a run.
    pub origin: Option<FreshOrigin>,
}

/// Where a run's namespace comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FreshOrigin {
    /// It is created, unless it is there already as its run's.
    Created,
    /// An earlier run has left it.
    Left,
}

impl FreshSettings {
    /// `expires` where nothing is written.
    pub const EXPIRES: Duration = Duration::from_secs(24 * 60 * 60);

    /// The namespace of a run.
    pub fn name(&self, run: &str) -> String {
        format!("{}-{run}", self.prefix)
    }
}

impl ClusterSettings {
    /// These with the namespace of a new run; nothing where runs have none of their own, or it is known.
    pub fn for_run(&self, run: &str) -> Option<Self> {
        let fresh = self.fresh.as_ref().filter(|fresh| fresh.origin.is_none())?;
        Some(self.in_fresh(fresh.name(run), FreshOrigin::Created))
    }

    /// These with a namespace of an earlier run; nothing where runs have none of their own.
    pub fn in_namespace_of(&self, namespace: &str, origin: FreshOrigin) -> Option<Self> {
        self.fresh.as_ref().map(|_| self.in_fresh(namespace.to_owned(), origin))
    }

    fn in_fresh(&self, namespace: String, origin: FreshOrigin) -> Self {
        let fresh = self.fresh.clone().map(|fresh| FreshSettings { origin: Some(origin), ..fresh });
        ClusterSettings { namespace: Some(namespace), fresh, ..self.clone() }
    }

    /// The run's own namespace, where it has one.
    pub fn fresh_namespace(&self) -> Option<&str> {
        self.fresh.as_ref().and(self.namespace.as_deref())
    }
}
