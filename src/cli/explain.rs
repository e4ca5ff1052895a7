//! `pipeline explain`: what a diagnostic code means, what a kind does, what a key takes.

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
    if let Some(page) = reference::key(REGISTRY, what) {
        out::data(&page);
        return Ok(Exit::Passed);
    }
    let kinds = REGISTRY.steps.iter().map(|kind| kind.name).chain(REGISTRY.assertions.iter().map(|kind| kind.name));
    let keys = reference::key_names(REGISTRY);
    let known = CODES.iter().map(|row| row.name).chain(kinds).chain(["expectations", "expressions", "pipeline.yaml"]);
    let help = did_you_mean(what, known.chain(keys.iter().map(String::as_str))).filter(|help| help.starts_with("did"));
    Err(Fault::invalid(format!("there is no code, kind or key `{what}`"))
        .help(help.unwrap_or_else(|| "`pipeline explain` lists codes and kinds".to_owned())))
}
