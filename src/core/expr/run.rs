//! The value of a parsed expression in a scope, and its errors in plain words. No value appears in an error, only types.

use serde_json::Value as Json;

use super::error::ExprError;
use super::evaluate::Evaluator;
use super::failure::{Cause, Error, Failure, ONE_TYPE, Stop};
use super::json::{only, to_json};
use super::lookup::look_up;
use super::scope::{Reference, Scope};
use super::tree::Node;
use super::value::Value;

/// Evaluates; `text` is only for the length of what an error covers.
pub(super) fn run(tree: &Node, references: &[Reference], text: &str, scope: &Scope) -> Result<Json, ExprError> {
    let mut roots: Vec<(&str, Value)> = Vec::new();
    for (name, value) in &scope.roots {
        let paths: Vec<&[String]> =
            references.iter().filter(|found| found.path[0] == *name).map(|found| &found.path[1..]).collect();
        if !paths.is_empty() {
            roots.push((name, only(value, &paths)));
        }
    }
    let whole = |message: String| ExprError::at(0, text.len(), message);
    let stopped = |message: String| ExprError { stopped: true, ..whole(message) };
    match Evaluator::new(&roots, &scope.limits).value(tree) {
        Ok(value) => to_json(&value).map_err(whole),
        Err(Error::Failed(failure)) => Err(explain(&failure, references, text, scope)),
        Err(Error::Stopped(Stop::Cancelled)) => Err(stopped("the evaluation did not end in time".to_owned())),
        Err(Error::Stopped(Stop::Cost(cost))) => {
            let message = format!("the evaluation costs more than {cost} steps");
            Err(stopped(message).help("use smaller lists, or no loop inside of a loop"))
        }
    }
}

/// The error at the reference that caused it, where one did.
fn explain(failure: &Failure, references: &[Reference], text: &str, scope: &Scope) -> ExprError {
    let (start, end) = failure.span.unwrap_or((0, text.len()));
    if matches!(failure.cause, Cause::Key | Cause::Item | Cause::Field | Cause::Name) {
        let mut here = references.iter().filter(|found| found.offset == start && !found.tested);
        if let Some(error) = here.find_map(|found| look_up(scope, found).err()) {
            return error;
        }
    }
    let error = ExprError::at(start, end, &failure.message);
    match failure.cause {
        Cause::Key => error.help("ask first: `has(vars.NAME) ? vars.NAME : \"\"`"),
        Cause::Item => error.help("ask first: `size(vars.LIST) > 1 ? vars.LIST[1] : \"\"`"),
        Cause::Types => error.help(ONE_TYPE),
        Cause::Field | Cause::Name | Cause::Other => error,
    }
}
