//! What a node depends on, as one keyed digest: its definition, the values in it, its environment, its inputs. Two runs
//! in which it is the same do the same. The key keeps anybody from guessing a secret's value from the digest.

use std::path::Path;

use crate::core::expr::Template;
use crate::core::files::inputs;
use crate::core::model::outcome::Fault;
use crate::core::model::source::{FileId, Span};
use crate::core::plan::{Definer, Plan, PlanNode, Work};
use crate::core::yaml::{Node, Written};

use super::env::Env;

/// Digits of a fingerprint.
const DIGITS: usize = 32;

/// What goes into a fingerprint beside the definition.
pub(crate) struct Made<'a> {
    pub plan: &'a Plan,
    pub node: &'a PlanNode,
    /// Its whole environment.
    pub env: &'a Env,
    /// Its body with the run's values, where it waited for them.
    pub rendered: Option<&'a Node>,
    /// Files that its kind reads by itself.
    pub reads: &'a [String],
}

/// The fingerprint. Reads the files that the node depends on.
///
/// # Errors
/// A fault of kind unknown when one of them cannot be read.
pub(crate) fn of(key: &[u8; 32], made: &Made<'_>) -> Result<String, Fault> {
    let mut hasher = blake3::Hasher::new_keyed(key);
    hasher.update(&made.node.definition);
    let stage = &made.plan.stages()[made.node.stage.index()];
    let mut layers: Vec<&[(String, Template)]> = vec![made.plan.env(), &stage.env];
    let parts = made.plan.parts_around(made.node);
    let mut within: Vec<&[(String, Template)]> = parts.map(|part| made.plan.part(part).env.as_slice()).collect();
    within.reverse();
    layers.append(&mut within);
    layers.push(&made.node.env);
    if layers.iter().any(|layer| !layer.is_empty()) {
        hasher.update(&variables(made, &layers));
    }
    if let Some(rendered) = made.rendered {
        hasher.update(&Definer::default().tree(rendered).finish());
    }
    if let Work::Gate(_) = made.node.work {
        // Its assertions are rendered one by one, later: any var may decide them.
        for (name, value) in made.plan.vars() {
            let spelled = made.plan.spelled().below("vars").below(name);
            let value = Written { value: value.clone(), spelled };
            hasher.update(&Definer::default().word(name).tree(&value.node(Span::new(FileId(0), 0, 0))).finish());
        }
    }
    if !made.node.inputs.is_empty() || !made.reads.is_empty() {
        let patterns = made.node.inputs.iter().chain(made.reads).map(String::as_str);
        let digest = inputs::digest(project(made.plan), patterns)
            .map_err(|error| Fault::unknown(format!("its inputs cannot be compared: {error}")))?;
        hasher.update(&digest);
    }
    Ok(hasher.finalize().to_hex()[..DIGITS].to_owned())
}

fn variables(made: &Made<'_>, layers: &[&[(String, Template)]]) -> [u8; 16] {
    let mut definer = Definer::default();
    for (name, _) in layers.iter().copied().flatten() {
        definer.word(name).word(made.env.get(name).map_or("", String::as_str));
    }
    definer.finish()
}

fn project(plan: &Plan) -> &Path {
    &plan.settings().project
}
