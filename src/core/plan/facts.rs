//! What expressions ask of the environment: which nodes and stages wait for it.

use std::collections::BTreeSet;

use super::Plan;
use super::args::Args;
use super::node::{Body, PlanNode, PlanPart, PlanStage, Work};
use crate::core::expr::{Expr, Fact, Part, Template};
use crate::core::model::source::SourceMap;
use crate::core::yaml::{Node, Value};

/// Whether any file may ask for something: else no node is searched.
pub(super) fn may_ask(sources: &SourceMap) -> bool {
    let marks = ["cluster", "file"];
    sources.files().any(|(_, file)| marks.iter().any(|mark| file.text.contains(mark)))
}

/// Notes in nodes and stages what has to be found out before they start.
pub(super) fn note(plan: &mut Plan) {
    let of_parts: Vec<BTreeSet<Fact>> = plan.parts.iter().map(of_part).collect();
    let around: Vec<BTreeSet<Fact>> = plan
        .nodes
        .iter()
        .map(|node| plan.parts_around(node).flat_map(|part| of_parts[part.index()].clone()).collect())
        .collect();
    for (node, around) in plan.nodes.iter_mut().zip(around) {
        let mut facts = around;
        of_node(node, &mut facts);
        node.facts = facts.into_iter().collect();
    }
    for stage in &mut plan.stages {
        stage.facts = of_stage(stage).into_iter().collect();
    }
}

fn of_stage(stage: &PlanStage) -> BTreeSet<Fact> {
    let mut facts = BTreeSet::new();
    stage.when.iter().for_each(|when| of_expr(when, &mut facts));
    stage.env.iter().map(|(_, value)| value).chain(&stage.namespace).for_each(|value| of_template(value, &mut facts));
    facts
}

fn of_part(part: &PlanPart) -> BTreeSet<Fact> {
    let mut facts = BTreeSet::new();
    part.when.iter().for_each(|when| of_expr(when, &mut facts));
    part.env.iter().map(|(_, value)| value).chain(&part.namespace).for_each(|value| of_template(value, &mut facts));
    of_args(&part.args, &mut facts);
    facts
}

fn of_node(node: &PlanNode, facts: &mut BTreeSet<Fact>) {
    node.when.iter().chain(&node.retry_when).for_each(|when| of_expr(when, facts));
    node.env.iter().for_each(|(_, value)| of_template(value, facts));
    node.each.iter().for_each(|each| of_tree(&each.list, facts));
    match &node.work {
        Work::Step(step) => of_body(&step.body, facts),
        Work::Gate(gate) => {
            for assertion in &gate.assertions {
                assertion.when.iter().for_each(|when| of_expr(when, facts));
                assertion.params.iter().for_each(|args| of_args(args, facts));
                of_body(&assertion.body, facts);
            }
        }
    }
}

fn of_body<T: ?Sized>(body: &Body<T>, facts: &mut BTreeSet<Fact>) {
    if let Body::Template(tree) = body {
        of_tree(tree, facts);
    }
}

fn of_args(args: &Args, facts: &mut BTreeSet<Fact>) {
    args.open.iter().for_each(|open| of_tree(&open.value, facts));
    args.outer.iter().for_each(|outer| of_args(outer, facts));
}

fn of_tree(tree: &Node, facts: &mut BTreeSet<Fact>) {
    match &tree.value {
        Value::Text(text) if Template::is_in(text) => {
            if let Ok(template) = Template::parse(text) {
                of_template(&template, facts);
            }
        }
        Value::List(items) => items.iter().for_each(|item| of_tree(item, facts)),
        Value::Map(entries) => entries.iter().for_each(|entry| of_tree(&entry.node, facts)),
        _ => {}
    }
}

fn of_template(template: &Template, facts: &mut BTreeSet<Fact>) {
    for part in &template.parts {
        if let Part::Expr { expr, .. } = part {
            of_expr(expr, facts);
        }
    }
}

fn of_expr(expr: &Expr, facts: &mut BTreeSet<Fact>) {
    facts.extend(expr.references().iter().filter_map(|found| Fact::of(&found.path)));
}
