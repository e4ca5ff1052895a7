//! `pipeline plan`: what would run, and in which order.

use super::args::{Args, Plan, PlanFormat};
use super::{find, out};
use crate::exit_code::Exit;
use crate::outcome::Fault;
use crate::report::plan as views;

/// Shows the plan.
pub(super) fn run(args: &Args, wanted: &Plan) -> Result<Exit, Fault> {
    let loaded = match find::loaded(args, &wanted.overrides)? {
        Ok(loaded) => loaded,
        Err(exit) => return Ok(exit),
    };
    if let Some(plan) = &loaded.plan {
        out::data(&match wanted.format {
            PlanFormat::Tree => views::tree(plan),
            PlanFormat::Json => format!("{:#}", views::json(plan)),
            PlanFormat::Dot => views::dot(plan),
            PlanFormat::Mermaid => views::mermaid(plan),
        });
    }
    Ok(Exit::Passed)
}
