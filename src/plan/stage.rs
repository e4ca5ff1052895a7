//! One stage: its keys, its steps, their edges, its gate.

use std::collections::HashMap;
use std::sync::Arc;

use super::body::{Place, only};
use super::build::{Built, Outer, Workshop, site};
use super::cycles::{self, Wait};
use super::node::StageId;
use super::step::StepParts;
use crate::diagnostic::{Code, Diagnostic, did_you_mean};
use crate::document::{Entry, Node};
use crate::event::{NodeId, Role};
use crate::expr::Expr;
use crate::source::Span;
use crate::spec::{PipelineSpec, When};

/// Builds the nodes of one stage.
pub(super) struct StageBuilder<'w, 'a> {
    shop: &'w mut Workshop<'a>,
    stage: Option<usize>,
    node: &'w Node,
    built: Built,
    /// Step id to its nodes, by index into `built.nodes`.
    ids: HashMap<String, Vec<usize>>,
    waits: Vec<Wait>,
}

impl<'w, 'a> StageBuilder<'w, 'a> {
    /// For the stage file `node`, the `index`th of the pipeline.
    pub fn new(shop: &'w mut Workshop<'a>, index: usize, node: &'w Node) -> Self {
        StageBuilder { shop, stage: Some(index), node, built: Built::default(), ids: HashMap::new(), waits: Vec::new() }
    }

    /// Builds everything; what is wrong was told.
    pub fn build(mut self) -> Built {
        self.keys();
        let mut parts: Vec<StepParts> = Vec::new();
        let mut seen: HashMap<&str, Span> = HashMap::new();
        for (key, role) in [("steps", Role::Step), ("on_failure", Role::OnFailure), ("finally", Role::Finally)] {
            for entry in self.node.get(key).map(Node::entries).unwrap_or_default() {
                if let Some(first) = seen.insert(&entry.key, entry.key_span) {
                    self.shop.out.push(
                        Diagnostic::error(
                            Code::DuplicateName,
                            entry.key_span,
                            format!("two steps of this stage are called `{}`", entry.key),
                        )
                        .label("the second one")
                        .also(first, "the first one")
                        .help("steps, on_failure and finally share one set of names"),
                    );
                }
                parts.extend(self.shop.step(self.stage, role, entry));
            }
        }
        self.place(parts);
        if let Some(gate) = self.node.get("gate").filter(|gate| !gate.items().is_empty()) {
            let (gate, refers) = self.shop.gate(self.stage, gate);
            self.built.refers.extend(refers);
            self.built.nodes.push(gate);
        }
        self.cover();
        self.knots();
        self.built
    }

    /// `when` and `env` of the stage itself.
    fn keys(&mut self) {
        let keys = only(self.node, |entry| matches!(entry.key.as_str(), "when" | "env"));
        let shape = Arc::clone(&self.shop.shapes.step_keys);
        let statics = Arc::clone(&self.shop.statics);
        let Some(found) = self.shop.inspect(&keys, &shape, Place { site: site(self.stage, None), statics: &statics })
        else {
            return;
        };
        self.built.refers.extend(found.stages);
        self.built.env = self.shop.env(keys.get("env"));
        self.built.when = keys.get("when").and_then(condition);
    }

    /// Gives every step its nodes and turns names into edges.
    fn place(&mut self, parts: Vec<StepParts>) {
        let mut edges = Vec::new();
        for part in parts {
            let index = self.built.nodes.len();
            self.ids.entry(part.id.clone()).or_default().push(index);
            self.built.refers.extend(part.refers.iter().copied());
            edges.push((index, part.id.clone(), part.role, part.needs, part.uses, part.during));
            self.built.nodes.push(part.node);
        }
        for (index, id, role, needs, uses, during) in edges {
            for (name, span) in needs {
                self.edge(index, &id, role, &name, span, "needs");
            }
            for (name, span) in uses {
                // A step that is over before this group begins needs no edge.
                if self.role_of(&name) == Some(role) {
                    self.edge(index, &id, role, &name, span, "uses an output of");
                }
            }
            for (name, span) in during {
                self.covers(index, &id, role, &name, span);
            }
        }
    }

    fn role_of(&self, id: &str) -> Option<Role> {
        self.ids.get(id).and_then(|nodes| nodes.first()).map(|index| self.built.nodes[*index].role)
    }

    fn edge(&mut self, index: usize, id: &str, role: Role, name: &str, span: Span, how: &'static str) {
        if self.role_of(name) != Some(role) {
            self.unknown(id, role, name, span, "needs");
            return;
        }
        for target in self.ids[name].clone() {
            self.waits.push(Wait { from: index, to: target, span, how });
            let target = node_id(target);
            let needs = &mut self.built.nodes[index].needs;
            if !needs.contains(&target) {
                needs.push(target);
            }
        }
    }

    fn covers(&mut self, index: usize, id: &str, role: Role, name: &str, span: Span) {
        if name == "gate" && role == Role::Step {
            return;
        }
        if self.role_of(name) != Some(role) {
            self.unknown(id, role, name, span, "runs during");
            return;
        }
        for target in self.ids[name].clone() {
            self.waits.push(Wait { from: target, to: index, span, how: "starts only when up:" });
            self.built.nodes[index].covers.push(node_id(target));
        }
    }

    fn unknown(&mut self, id: &str, role: Role, name: &str, span: Span, verb: &str) {
        let same: Vec<&str> = self
            .ids
            .iter()
            .filter(|(other, nodes)| {
                other.as_str() != id && nodes.first().is_some_and(|index| self.built.nodes[*index].role == role)
            })
            .map(|(other, _)| other.as_str())
            .collect();
        let mut same = same;
        same.sort_unstable();
        let help = if self.role_of(name).is_some() {
            Some("steps, on_failure and finally run one after the other: no edge between them is needed".to_owned())
        } else if self.shop.names.stages.contains_key(name) {
            Some(format!("`{name}` is a stage: write `needs: [{name}]` beside `stage:`"))
        } else {
            did_you_mean(name, same)
        };
        self.shop.out.push(
            Diagnostic::error(
                Code::UnknownNeed,
                span,
                format!("step \"{id}\" {verb} \"{name}\", which does not exist"),
            )
            .maybe_help(help),
        );
    }

    /// Steps that run during the gate, now that the gate has its place.
    fn cover(&mut self) {
        let gate = self.built.nodes.iter().position(|node| node.role == Role::Gate);
        let entries: Vec<&Entry> = self.node.get("steps").map(Node::entries).unwrap_or_default().iter().collect();
        for entry in entries {
            for item in entry.node.get("during").map(Node::items).unwrap_or_default() {
                if item.as_text() != Some("gate") {
                    continue;
                }
                match gate {
                    Some(gate) => {
                        for index in self.ids.get(&entry.key).cloned().unwrap_or_default() {
                            self.built.nodes[index].covers.push(node_id(gate));
                        }
                    }
                    None => self.shop.out.push(
                        Diagnostic::error(
                            Code::UnknownNeed,
                            item.span,
                            format!("step \"{}\" runs during \"gate\", but this stage has no gate", entry.key),
                        )
                        .help("add `gate:` with at least one assertion"),
                    ),
                }
            }
        }
    }

    fn knots(&mut self) {
        let names: Vec<String> = self.built.nodes.iter().map(|node| node.outline.name.clone()).collect();
        for problem in cycles::find(&names, &self.waits, "step") {
            self.shop.out.push(problem);
        }
    }

    /// The pipeline's own parts: `env`, the gate around everything, `finally`.
    pub fn outer(shop: &'w mut Workshop<'a>, node: &'w Node, _spec: &PipelineSpec) -> Outer {
        let mut builder =
            StageBuilder { shop, stage: None, node, built: Built::default(), ids: HashMap::new(), waits: Vec::new() };
        builder.outer_keys();
        let env = std::mem::take(&mut builder.built.env);
        let mut parts = Vec::new();
        for entry in node.get("finally").map(Node::entries).unwrap_or_default() {
            parts.extend(builder.shop.step(None, Role::Finally, entry));
        }
        builder.place(parts);
        builder.knots();
        let finally = std::mem::take(&mut builder.built.nodes);
        let mut gates = Vec::new();
        if let Some(gate) = node.get("gate").filter(|gate| !gate.items().is_empty()) {
            // Built twice, because a gate's decoded assertions belong to one node; complaints are told once.
            gates.push(builder.shop.gate(None, gate).0);
            gates.push(builder.shop.gate(None, gate).0);
        }
        let after = gates.pop().into_iter().collect();
        Outer { env, before: gates, after, finally }
    }

    /// `env` of the pipeline.
    fn outer_keys(&mut self) {
        let keys = only(self.node, |entry| entry.key == "env");
        let shape = Arc::clone(&self.shop.shapes.step_keys);
        let statics = Arc::clone(&self.shop.statics);
        if self.shop.inspect(&keys, &shape, Place { site: site(None, None), statics: &statics }).is_some() {
            self.built.env = self.shop.env(keys.get("env"));
        }
    }
}

/// A `when:` scalar as an expression; whether it parses was checked.
pub(super) fn condition(node: &Node) -> Option<Expr> {
    let text = match &node.value {
        crate::document::Value::Bool(value) => value.to_string(),
        _ => node.as_text()?.to_owned(),
    };
    Expr::parse(When::bare(&text).1).ok()
}

fn node_id(index: usize) -> NodeId {
    NodeId(u32::try_from(index).unwrap_or(u32::MAX))
}

/// A stage id that the stage's place in the plan takes later.
pub(super) const UNPLACED: StageId = StageId(0);
