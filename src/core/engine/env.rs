//! The environment of a step, layer upon layer: the process's, the pipeline's, the stage's, the step's, `PIPELINE_*`.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use crate::core::expr::{Part, Scope, Template};
use crate::core::model::outcome::Fault;

/// A whole environment.
pub(crate) type Env = BTreeMap<String, String>;

/// `base` with the values of `layer` over it; `base` itself where the layer is empty.
///
/// # Errors
/// A fault of kind invalid that names the variable.
pub(crate) fn over(base: &Arc<Env>, layer: &[(String, Template)], scope: &Scope) -> Result<Arc<Env>, Fault> {
    if layer.is_empty() {
        return Ok(Arc::clone(base));
    }
    let mut env = Env::clone(base);
    for (name, template) in layer {
        let value = template.text(scope).map_err(|error| error.into_fault(format_args!("env {name}")))?;
        if value.contains('\0') {
            return Err(Fault::invalid(format!("env {name}: it holds a NUL")));
        }
        env.insert(name.clone(), value);
    }
    Ok(Arc::new(env))
}

/// Whether any of the values waits for the run.
pub(crate) fn is_templated(layer: &[(String, Template)]) -> bool {
    layer.iter().any(|(_, template)| template.parts.iter().any(|part| matches!(part, Part::Expr { .. })))
}

/// A scope in which `env` is this.
pub(crate) fn seen(scope: &Arc<Scope>, env: &Env) -> Arc<Scope> {
    let mut scope = Scope::clone(scope);
    scope.roots.insert("env".to_owned(), as_value(env));
    Arc::new(scope)
}

/// An environment as an expression sees it.
pub(crate) fn as_value(env: &Env) -> Value {
    Value::Object(env.iter().map(|(name, value)| (name.clone(), Value::String(value.clone()))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_layers_win_and_an_empty_one_costs_nothing() {
        let base = Arc::new(Env::from([("A".to_owned(), "1".to_owned()), ("B".to_owned(), "2".to_owned())]));
        let scope = Scope::default();
        let same = over(&base, &[], &scope).expect("nothing to render");
        assert!(Arc::ptr_eq(&base, &same));
        let layer = [("B".to_owned(), Template { parts: vec![Part::Literal("3".to_owned())] })];
        let env = over(&base, &layer, &scope).expect("a literal");
        assert_eq!(format!("{env:?}"), r#"{"A": "1", "B": "3"}"#);
    }
}
