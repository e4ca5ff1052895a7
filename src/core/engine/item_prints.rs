//! What a step depends on whose items the run found out: the items, and for each its variables and its body. Knows no
//! attempt.

use std::sync::Arc;

use super::env::{self, Env};
use crate::core::expr::{self, Scope, render};
use crate::core::model::outcome::Fault;
use crate::core::plan::{Body, Each, MOST_ITEMS, Plan, PlanNode, StepPlan, decode_rendered};
use crate::core::yaml::{Node, Value, Written};

/// The items: a list, of a length that can be run.
///
/// # Errors
/// A fault of kind invalid where the list has no value, or is none.
pub(super) fn items(each: &Each, full: &Scope) -> Result<Vec<Written>, Fault> {
    let rendered = render(&each.list, full).map_err(|error| Fault::invalid(format!("for_each: {error}")))?;
    if !matches!(rendered.value, Value::List(_)) {
        let shown = rendered.scalar_text().map_or_else(|| rendered.type_name().to_owned(), |text| format!("`{text}`"));
        let help = "publish a list, such as the output of `kube: { get: … }`, or parse it with `json.decode(…)`";
        return Err(Fault::invalid(format!("for_each: this is {shown}, expected a list")).help(help));
    }
    let items = rendered.items();
    if items.len() > MOST_ITEMS {
        return Err(Fault::invalid(format!(
            "for_each: the list has {} items, expected at most {MOST_ITEMS}",
            items.len()
        )));
    }
    Ok(items.iter().map(Written::of).collect())
}

/// All that the items put into the step, as one tree, and the files that their bodies read.
///
/// # Errors
/// A fault of kind invalid where a value cannot be had.
pub(super) fn of(
    plan: &Plan,
    node: &PlanNode,
    (step, each): (&StepPlan, &Each),
    items: &[Written],
    base: &Arc<Env>,
    full: &Scope,
) -> Result<(Node, Vec<String>), Fault> {
    let span = each.list.span;
    let list = |items: Vec<Node>| Node { span, value: Value::List(items), spelling: None };
    let (mut trees, mut reads) = (Vec::new(), Vec::new());
    for item in items {
        let mut scope = full.clone();
        scope.see_item(item);
        let env = env::over(base, &node.env, &scope)?;
        let scope = env::seen(&Arc::new(scope), &env);
        let text = |name: &String| env.get(name).cloned().unwrap_or_default();
        let own = node.env.iter().map(|(name, _)| Node { span, value: Value::Text(text(name)), spelling: None });
        let mut tree = vec![item.node(span), list(own.collect())];
        match &step.body {
            Body::Ready(body) => reads.extend(body.reads()),
            Body::Template(written) => {
                let rendered = expr::render(written, &scope).map_err(|error| Fault::invalid(error.to_string()))?;
                let project = &plan.settings().project;
                reads.extend(decode_rendered(step.kind, &rendered, project, node.usage())?.reads());
                tree.push(rendered);
            }
        }
        trees.push(list(tree));
    }
    reads.sort_unstable();
    reads.dedup();
    Ok((list(trees), reads))
}
