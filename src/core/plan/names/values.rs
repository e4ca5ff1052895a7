//! What is known of values before the run: that they will be text, that they carry a secret.

use super::{Carries, Names, Site, StepNames};

impl Names {
    /// Whether the value at `path` is text, whatever it will be: variables, and what steps write as `name=value`.
    pub(in crate::core::plan) fn is_text(&self, path: &[String], site: Site<'_>) -> bool {
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        let steps = match path.as_slice() {
            ["env" | "secrets" | "run", _] => return true,
            ["steps", ..] => self.steps_at(site),
            ["stages", stage, "steps", ..] => self.stages.get(*stage),
            _ => return false,
        };
        let [.., id, "outputs", output] = path.as_slice() else { return false };
        steps.and_then(|steps| steps.steps.get(*id)).is_some_and(|step| step.texts.iter().any(|text| text == output))
    }
}

impl StepNames {
    /// Whether `path`, a beginning of `STEP.outputs.NAME`, leads to a secret.
    pub(super) fn carries(&self, path: &[String]) -> Carries {
        let secret = path.first().and_then(|id| self.steps.get(id)).is_some_and(|step| match path.get(1) {
            Some(field) if field == "outputs" => {
                path.get(2).map_or(!step.secret.is_empty(), |name| step.secret.contains(name))
            }
            Some(_) => false,
            None => !step.secret.is_empty(),
        });
        if secret { Carries::Secret } else { Carries::Plain }
    }
}
