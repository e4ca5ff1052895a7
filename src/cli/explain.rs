//! `pipeline explain`: what a diagnostic code means, what a kind does and takes.

use super::args::Explain;
use super::{REGISTRY, out};
use crate::core::model::diagnostic::{CODES, did_you_mean};
use crate::core::model::exit_code::Exit;
use crate::core::model::outcome::Fault;
use crate::core::report::reference;

/// Explains.
pub(super) fn run(explain: &Explain) -> Result<Exit, Fault> {
    let Some(what) = &explain.what else {
        out::data(&reference::index(REGISTRY));
        return Ok(Exit::Passed);
    };
    if what == "causes" {
        out::data(&reference::causes());
        return Ok(Exit::Passed);
    }
    if what == "expressions" {
        out::data(&crate::core::expr::page());
        return Ok(Exit::Passed);
    }
    if let Some(page) = reference::language(what) {
        out::data(&page);
        return Ok(Exit::Passed);
    }
    let pages = reference::pages(REGISTRY, what);
    if !pages.is_empty() {
        out::data(&pages.join("\n"));
        return Ok(Exit::Passed);
    }
    let kinds = REGISTRY.steps.iter().map(|kind| kind.name).chain(REGISTRY.assertions.iter().map(|kind| kind.name));
    let help = did_you_mean(
        what,
        CODES.iter().map(|row| row.name).chain(kinds).chain(["expectations", "expressions", "pipeline.yaml"]),
    )
    .filter(|help| help.starts_with("did"));
    Err(Fault::invalid(format!("there is no code or kind `{what}`"))
        .help(help.unwrap_or_else(|| "`pipeline explain` lists them all".to_owned())))
}
