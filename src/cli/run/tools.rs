//! Whether the programs that the chosen steps start are installed: known before anything runs.

use std::collections::BTreeMap;
use std::ffi::OsStr;

use crate::cli::doctor::needs::{Needs, Tool};
use crate::core::engine::Selection;
use crate::core::model::outcome::Fault;
use crate::core::plan::{Plan, PlanNode};
use crate::process::find_program;

/// What needs a program, the programs of which one is enough, and how to get one.
const PROGRAMS: &[(Tool, &[&str], &str)] = &[
    (Tool::Helm, &["helm"], "install Helm 3: https://helm.sh/docs/intro/install/"),
    (Tool::Images, &["docker", "podman", "buildah"], "install Docker, Podman or Buildah"),
    (Tool::Compose, &["docker", "docker-compose", "podman"], "install Docker with its compose plugin, or Podman"),
];

/// # Errors
/// [`Fault`] of kind environment that names the first program that is missing, and the kinds that start it.
pub(super) fn present(plan: &Plan, selection: &Selection, env: &BTreeMap<String, String>) -> Result<(), Fault> {
    // a step with a PATH of its own may find what we do not
    let own_path = |node: &&PlanNode| {
        let stage = &plan.stages()[node.stage.index()];
        plan.env().iter().chain(&stage.env).chain(&node.env).any(|(name, _)| name == "PATH")
    };
    let chosen = plan.nodes().iter().filter(|node| selection.has(node.stage) && !own_path(node));
    let needs = Needs::of_nodes(chosen);
    let (path, dir) = (env.get("PATH").map(OsStr::new), &plan.settings().project);
    for (tool, programs, help) in PROGRAMS {
        let kinds = needs.who(*tool);
        let installed = |name: &&str| find_program(OsStr::new(name), path, dir).is_ok();
        if !kinds.is_empty() && !programs.iter().any(installed) {
            let kinds: Vec<String> = kinds.iter().map(|kind| format!("`{kind}`")).collect();
            let message = format!("{} is not in PATH, and {} needs it", programs.join(" or "), kinds.join(", "));
            return Err(Fault::environment(message).help(format!("{help}; `pipeline doctor` shows all that is needed")));
        }
    }
    Ok(())
}
