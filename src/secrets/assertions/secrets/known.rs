//! What is known of the run when nothing is written: images and namespaces that steps before this gate have published.
//! Pure.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::core::expr::Scope;

/// The images that steps have made: outputs `image` of steps that also say which `engine` made them.
pub fn images(scope: &Scope) -> BTreeSet<String> {
    each_output(scope)
        .filter(|outputs| outputs.get("engine").is_some())
        .flat_map(|outputs| texts(&outputs["image"]))
        .collect()
}

/// The namespaces that steps have used: outputs `namespace`.
pub fn namespaces(scope: &Scope) -> BTreeSet<String> {
    each_output(scope).flat_map(|outputs| texts(&outputs["namespace"])).collect()
}

/// The outputs of every step that the scope knows, of this stage and of those before it.
fn each_output(scope: &Scope) -> impl Iterator<Item = &Value> {
    fn members(value: Option<&Value>) -> impl Iterator<Item = &Value> {
        value.and_then(Value::as_object).into_iter().flat_map(|map| map.values())
    }
    let here = members(scope.roots.get("steps"));
    let stages = members(scope.roots.get("stages"));
    let before = stages.flat_map(|stage| members(stage.get("steps")));
    here.chain(before).filter_map(|step| step.get("outputs"))
}

/// A text, or those of a list: with `for_each` an output is a list.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) if !text.is_empty() => vec![text.clone()],
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn finds_what_image_and_helm_steps_have_published() {
        let built = |image: Value| json!({"state": "passed", "outputs": {"image": image, "engine": "docker"}});
        let scope = Scope {
            roots: [
                ("steps".to_owned(), json!({"a": built(json!("todo-a:dev")), "b": {"outputs": {"image": "nginx"}}})),
                (
                    "stages".to_owned(),
                    json!({"build": {"steps": {"c": built(json!(["x:1", null, "y:1"]))}},
                           "ship": {"steps": {"h": {"outputs": {"namespace": "todo"}}}}}),
                ),
            ]
            .into(),
            ..Scope::default()
        };
        assert_eq!(images(&scope).into_iter().collect::<Vec<_>>(), ["todo-a:dev", "x:1", "y:1"]);
        assert_eq!(namespaces(&scope).into_iter().collect::<Vec<_>>(), ["todo"]);
        assert!(images(&Scope::default()).is_empty());
    }
}
