//! What the kinds of a plan need of a machine. Knows the kinds by name: it is the command line that chose them.

use std::collections::BTreeMap;

use crate::core::plan::{Plan, PlanNode, Work};

/// What a machine may have to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tool {
    /// Docker, Podman or Buildah.
    Images,
    /// Docker Compose.
    Compose,
    /// The helm program.
    Helm,
    /// A cluster that may be touched.
    Cluster,
}

/// What is needed, and by whom.
#[derive(Debug, Default, PartialEq)]
pub struct Needs {
    by: BTreeMap<Tool, Vec<String>>,
    /// Whether a step of the plan brings a cluster up.
    pub brings_cluster: bool,
    /// Steps that ask an AI tool; each has a fallback.
    pub asked: Vec<String>,
}

impl Needs {
    /// What a plan needs.
    pub fn of(plan: &Plan) -> Self {
        Needs::of_nodes(plan.nodes())
    }

    /// What these nodes of a plan need.
    pub fn of_nodes<'p>(nodes: impl IntoIterator<Item = &'p PlanNode>) -> Self {
        let mut needs = Needs::default();
        for node in nodes {
            match &node.work {
                Work::Step(step) => {
                    let kind = step.kind.name;
                    let touches = step.touches_cluster();
                    match kind {
                        "image" => needs.add(Tool::Images, kind),
                        "compose" => needs.add(Tool::Compose, kind),
                        "helm" => needs.add(Tool::Helm, kind),
                        "ask" => needs.asked.push(node.outline.name.clone()),
                        "cluster" => needs.brings_cluster = true,
                        _ => {}
                    }
                    if touches && kind != "cluster" {
                        needs.add(Tool::Cluster, kind);
                    }
                }
                Work::Gate(gate) => {
                    for assertion in &gate.assertions {
                        let kind = assertion.kind;
                        if kind.name == "image" {
                            needs.add(Tool::Images, kind.name);
                        }
                        if assertion.touches_cluster() {
                            needs.add(Tool::Cluster, kind.name);
                        }
                    }
                }
            }
        }
        needs
    }

    /// The kinds that need it; empty if none does.
    pub fn who(&self, tool: Tool) -> &[String] {
        self.by.get(&tool).map(Vec::as_slice).unwrap_or_default()
    }

    fn add(&mut self, tool: Tool, kind: &str) {
        let list = self.by.entry(tool).or_default();
        if !list.iter().any(|known| known == kind) {
            list.push(kind.to_owned());
        }
    }
}
