//! What changed from one definition to another: the profile, stages, nodes. Definitions in; facts, lines and JSON out.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use serde::Serialize;
use serde_json::{Value, json};

use super::super::words::style::{DIM, GREEN, OFF, RED, YELLOW};
use super::super::words::{self, tame};
use super::Definition;
use crate::core::model::event::NodeOutline;

/// One change: what there is only before was removed, what there is only after was added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// `profile`, `stage` or `node`.
    pub what: &'static str,
    /// Its name; nothing for the profile.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// What it was.
    pub before: Option<String>,
    /// What it is.
    pub after: Option<String>,
}

/// What changed in the definitions from `old` to `new`; empty where nothing did.
pub fn definitions(old: &Definition, new: &Definition) -> Vec<Change> {
    let profile = |definition: &Definition| {
        let name = definition.profile.clone().unwrap_or_else(|| "none".to_owned());
        BTreeMap::from([(String::new(), name)])
    };
    let needs = |definition: &Definition| -> BTreeMap<String, String> {
        let shown =
            |needs: String| if needs.is_empty() { "needs nothing".to_owned() } else { format!("needs {needs}") };
        let stages = definition.stages.iter();
        stages.map(|stage| (stage.name.clone(), shown(words::needs(&stage.needs, &stage.steps_need)))).collect()
    };
    let nodes = |definition: &Definition| -> BTreeMap<String, String> {
        definition.nodes.iter().map(|node| (node.name.clone(), said(node))).collect()
    };
    let parts =
        [("profile", profile(old), profile(new)), ("stage", needs(old), needs(new)), ("node", nodes(old), nodes(new))];
    let mut changes: Vec<Change> = parts.iter().flat_map(|(what, old, new)| both(what, old, new)).collect();
    changes.extend(rewritten(old, new));
    changes
}

fn said(node: &NodeOutline) -> String {
    match node.assertions {
        0 => format!("{}: {}", node.kind, node.title),
        // a gate's title counts its assertions already
        _ => format!("{}: {}", node.kind, crate::core::model::units::counted(node.assertions, "assertion")),
    }
}

/// The nodes that are called alike and are written differently, as far as both records have digests.
fn rewritten(old: &Definition, new: &Definition) -> Vec<Change> {
    let before: BTreeMap<&str, &NodeOutline> = old.nodes.iter().map(|node| (node.name.as_str(), node)).collect();
    let pairs = new.nodes.iter().filter_map(|node| before.get(node.name.as_str()).map(|old| (*old, node)));
    let differ = pairs.filter(|(old, new)| {
        let known = !old.definition.is_empty() && !new.definition.is_empty();
        known && old.definition != new.definition && said(old) == said(new)
    });
    differ
        .map(|(old, new)| Change {
            what: "node",
            name: new.name.clone(),
            before: Some(said(old)),
            after: Some(format!("{}, written differently", said(new))),
        })
        .collect()
}

fn both(what: &'static str, old: &BTreeMap<String, String>, new: &BTreeMap<String, String>) -> Vec<Change> {
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let change = |name: &String| Change {
        what,
        name: name.clone(),
        before: old.get(name).cloned(),
        after: new.get(name).cloned(),
    };
    names.into_iter().map(change).filter(|change| change.before != change.after).collect()
}

/// The changes for people, a line each.
pub fn lines(changes: &[Change]) -> String {
    let mut text = String::new();
    for Change { what, name, before, after } in changes {
        let name = match *what {
            "profile" => "profile:".to_owned(),
            "stage" => format!("stage {} ", tame(name)),
            _ => format!("{} ", tame(name)),
        };
        // writing to a String cannot fail
        let _ = match (before, after) {
            (None, Some(after)) => writeln!(text, "{GREEN}+{OFF} {name} {DIM}{}{OFF}", tame(after)),
            (Some(before), None) => writeln!(text, "{RED}-{OFF} {name} {DIM}{}{OFF}", tame(before)),
            (Some(before), Some(after)) => {
                writeln!(text, "{YELLOW}~{OFF} {name} {} → {}", tame(before), tame(after))
            }
            (None, None) => Ok(()),
        };
    }
    text
}

/// The changes of a plan since `run`, for programs.
pub fn json(run: &str, changes: &[Change]) -> Value {
    json!({ "format": 1, "since": run, "same": changes.is_empty(), "changes": changes })
}
