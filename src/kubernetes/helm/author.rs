//! Whose acts of helm are.

use crate::kubernetes::ownership::owned::Owner;

/// The label that names the run whose helm wrote a revision.
pub const RUN_LABEL: &str = "pipeline-run";

/// The label that names that run's pipeline.
pub const PIPELINE_LABEL: &str = "pipeline-name";

/// Whose act it is: put down on the revisions that helm writes, and found again on those it left.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Author {
    /// The pipeline's name.
    pub pipeline: String,
    /// The run's id.
    pub run: String,
}

impl Author {
    /// As the owner of objects, for a pipeline of this namespace.
    pub(super) fn owner(&self, home: &str) -> Option<Owner> {
        self.labels()?;
        Some(Owner { pipeline: self.pipeline.clone(), home: home.to_owned(), run: self.run.clone() })
    }

    /// As labels, where the names can be such.
    pub(super) fn labels(&self) -> Option<String> {
        let fits = |text: &str| {
            let ends = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
            text.len() <= 63
                && ends(text.chars().next())
                && ends(text.chars().next_back())
                && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
        };
        let (pipeline, run) = (&self.pipeline, &self.run);
        (fits(pipeline) && fits(run)).then(|| format!("{PIPELINE_LABEL}={pipeline},{RUN_LABEL}={run}"))
    }
}
