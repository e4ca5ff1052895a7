//! Steps that have pushed an image, as `pin:` names them.

use super::given::Target;
use super::names::site::Site;
use super::names::{Names, StepName};
use crate::core::model::diagnostic::{Code, Diagnostic};
use crate::core::model::source::Span;

impl Names {
    /// The step that has pushed an image: `push` of this stage, or `build.push` of the stage `build`.
    pub fn pushed(&self, text: &str, site: Site<'_>, span: Span) -> Result<Target, Box<Diagnostic>> {
        let path: Vec<String> = match text.split_once('.') {
            None => {
                return self.of(text, Some("image"), site, span).and_then(|target| {
                    let step = self.steps_at(site).and_then(|names| names.steps.get(text));
                    pushes(text, step, span).map(|()| target)
                });
            }
            Some((stage, step)) => ["stages", stage, "steps", step].map(str::to_owned).to_vec(),
        };
        let target = self.resolve(&path, site, false, span)?;
        let step = self.stages.get(&path[1]).and_then(|names| names.steps.get(&path[3]));
        pushes(text, step, span).map(|()| target)
    }
}

/// Refuses a step that is known to push no image.
fn pushes(written: &str, step: Option<&StepName>, span: Span) -> Result<(), Box<Diagnostic>> {
    let Some(StepName { span: at, kind: Some(kind), verb, .. }) = step else { return Ok(()) };
    let shown = match verb {
        Some(verb) if *kind == "image" && verb == "push" => return Ok(()),
        Some(verb) if *kind == "image" => format!("image: {{ {verb}: … }}"),
        _ => format!("{kind}: …"),
    };
    let message = format!("the step `{written}` pushes no image: it is `{shown}`");
    let help = "name a step with `image: { push: … }`: only a registry gives a digest that the cluster can pull";
    Err(Box::new(Diagnostic::error(Code::InvalidValue, span, message).also(*at, "this step").help(help)))
}
