//! The scope of expressions that are evaluated before the run: vars, the item, parameters. Knows no value of a run.

use indexmap::IndexMap;

use super::given::Params;
use crate::core::expr::{CHECK_COST, Limits, Scope};
use crate::core::yaml::{Spelled, Written};

/// The values that are known before the run, for expressions that need no other.
pub(super) fn static_scope(
    vars: &IndexMap<String, serde_json::Value>,
    spelled: &Spelled,
    item: Option<&Written>,
    params: Option<&Params>,
) -> Scope {
    let object = |map: &IndexMap<String, serde_json::Value>| {
        serde_json::Value::Object(map.iter().map(|(name, value)| (name.clone(), value.clone())).collect())
    };
    let limits = Limits { cost: CHECK_COST, ended: None };
    let mut scope = Scope { limits, ..Scope::default() };
    scope.roots.insert("vars".to_owned(), object(vars));
    scope.spell("vars", spelled);
    if let Some(item) = item {
        scope.roots.insert("item".to_owned(), item.value.clone());
        scope.spell("item", &item.spelled);
    }
    if let Some(params) = params {
        scope.roots.insert("params".to_owned(), object(&params.values));
        scope.spell("params", &params.spelled);
    }
    scope
}
