//! `pipeline check`: everything that is wrong in all files; runs nothing.

use super::args::{Args, Check};
use super::{find, out};
use crate::exit_code::Exit;
use crate::outcome::Fault;

/// Checks the pipeline.
pub(super) fn run(args: &Args, check: &Check) -> Result<Exit, Fault> {
    let loaded = match find::loaded(args, &check.overrides)? {
        Ok(loaded) => loaded,
        Err(exit) => return Ok(exit),
    };
    if let Some(plan) = &loaded.plan {
        let files = loaded.sources.files().count();
        out::say(&format!(
            "{}: {} nodes in {} stages, {files} files, nothing wrong",
            plan.pipeline(),
            plan.nodes().len(),
            plan.stages().len()
        ));
    }
    Ok(Exit::Passed)
}
