//! `pipeline check`: everything that is wrong in all files; runs nothing.

use super::args::{Args, Check};
use super::{find, out};
use crate::core::model::exit_code::Exit;
use crate::core::model::outcome::Fault;
use crate::core::model::units::counted;

/// Checks the pipeline.
pub(super) fn run(args: &Args, check: &Check) -> Result<Exit, Fault> {
    let loaded = match find::loaded(args, &check.overrides)? {
        Ok(loaded) => loaded,
        Err(exit) => return Ok(exit),
    };
    if let Some(plan) = &loaded.plan {
        out::say(&format!(
            "{}: {} in {}, {}, nothing wrong",
            plan.pipeline(),
            counted(plan.nodes().len(), "node"),
            counted(plan.stages().len(), "stage"),
            counted(loaded.sources.files().count(), "file")
        ));
    }
    Ok(Exit::Passed)
}
