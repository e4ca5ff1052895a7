//! Values of parameters in a run: those that were known, and those that are rendered now. Knows no node.

use serde_json::{Map, Value};

use crate::core::expr::{Scope, Spelled, render};
use crate::core::model::outcome::Fault;
use crate::core::plan::Args;

/// The values of all parameters.
pub(crate) struct Values {
    /// With those that carry a secret.
    all: Map<String, Value>,
    /// Without them.
    shown: Map<String, Value>,
    spelled: Spelled,
}

impl Values {
    /// Renders what waited for the run, with what the caller sees.
    ///
    /// # Errors
    /// A fault of kind invalid that names the parameter.
    pub fn of(args: &Args, caller: &Scope) -> Result<Self, Fault> {
        let mut outer = None;
        if let Some(args) = &args.outer {
            outer = Some(Values::of(args, caller)?.seen_all(caller));
        }
        if let Some(item) = &args.item {
            let mut with_item = outer.take().unwrap_or_else(|| caller.clone());
            with_item.see_item(item);
            outer = Some(with_item);
        }
        let caller = outer.as_ref().unwrap_or(caller);
        let all = args.known.value.as_object().cloned().unwrap_or_default();
        let mut values = Values { shown: all.clone(), all, spelled: args.known.spelled.clone() };
        for arg in &args.open {
            let rendered = render(&arg.value, caller)
                .map_err(|error| Fault::invalid(format!("the parameter `{}`: {error}", arg.name)))?;
            let value = arg.fit(rendered)?;
            values.all.insert(arg.name.clone(), value.to_json());
            values.spelled.set(&arg.name, &Spelled::of(&value));
            if !arg.secret {
                values.shown.insert(arg.name.clone(), value.to_json());
            }
        }
        Ok(values)
    }

    /// `scope` with all of them as `params`.
    pub fn seen_all(&self, scope: &Scope) -> Scope {
        self.seen(scope, &self.all)
    }

    /// `scope` with those as `params` that carry no secret.
    pub fn seen_shown(&self, scope: &Scope) -> Scope {
        self.seen(scope, &self.shown)
    }

    fn seen(&self, scope: &Scope, values: &Map<String, Value>) -> Scope {
        let mut scope = scope.clone();
        scope.roots.insert("params".to_owned(), Value::Object(values.clone()));
        scope.spell("params", &self.spelled);
        scope
    }
}
