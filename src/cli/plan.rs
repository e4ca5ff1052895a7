//! `pipeline plan`: what would run, and in which order.

mod live;

use std::sync::Arc;

use super::args::{Args, Plan, PlanFormat};
use super::{find, out, record};
use crate::core::model::exit_code::Exit;
use crate::core::model::outcome::Fault;
use crate::core::plan::Plan as Planned;
use crate::core::report::diff::{self, Definition};
use crate::core::report::plan as views;

/// Shows the plan.
pub(super) fn run(args: &Args, wanted: &Plan) -> Result<Exit, Fault> {
    if wanted.diff && !matches!(wanted.format, PlanFormat::Tree | PlanFormat::Json) {
        return Err(Fault::invalid("differences are shown as text or as JSON, not drawn")
            .help("leave --format out, or write `--format json`"));
    }
    let loaded = match find::loaded(args, &wanted.overrides)? {
        Ok(loaded) => loaded,
        Err(exit) => return Ok(exit),
    };
    if wanted.live {
        let Some(plan) = loaded.plan else { return Ok(Exit::Invalid) };
        return live::run(&Arc::new(plan), wanted.format);
    }
    if let Some(plan) = loaded.plan.as_ref().filter(|_| wanted.diff) {
        let run = record::runs(args)?.find(None)?;
        let old = Definition::of(&record::story(&run)?);
        let changes = diff::definitions(&old, &definition(plan));
        if wanted.format == PlanFormat::Json {
            out::data(&format!("{:#}", diff::json(run.id(), &changes)));
        } else if changes.is_empty() {
            out::say(&format!("the plan is that of run {}", run.id()));
            out::data("no difference");
        } else {
            out::say(&format!("what differs from the plan of run {}", run.id()));
            out::styled(&diff::lines(&changes));
        }
    } else if let Some(plan) = &loaded.plan {
        out::data(&match wanted.format {
            PlanFormat::Tree => views::tree(plan),
            PlanFormat::Json => format!("{:#}", views::json(plan)),
            PlanFormat::Dot => views::dot(plan),
            PlanFormat::Mermaid => views::mermaid(plan),
            PlanFormat::Svg => views::svg(plan),
        });
    }
    Ok(Exit::Passed)
}

/// What a plan defines, as runs keep it.
fn definition(plan: &Planned) -> Definition {
    Definition {
        stages: plan.stage_outlines(),
        nodes: plan.nodes().iter().map(|node| node.outline.clone()).collect(),
        profile: plan.profile().map(str::to_owned),
    }
}
