//! What can be said of a policy's manifests and exceptions before the run: they hold objects, and each exception matches
//! one of them. Judges nothing.

use super::Policy;
use super::meant::matches;
use crate::core::kind::CheckContext;
use crate::core::model::diagnostic::{Code, did_you_mean};
use crate::core::yaml::manifests::{self, Manifest};

impl Policy {
    /// The manifests; complains of files and folders that hold none. `None` where not all can be read.
    pub(super) fn check_manifests(&self, cx: &mut CheckContext<'_>) -> Option<Vec<Manifest>> {
        let (mut all, mut whole) = (Vec::new(), true);
        for (index, path) in self.manifests.iter().enumerate() {
            let file = path.below(cx.project);
            // A missing file is reported by its format already.
            if !file.exists() {
                return None;
            }
            let found = manifests::read(&file, cx.project);
            let why = match found {
                Ok(found) if found.is_empty() => "there is no object in these manifests".to_owned(),
                Ok(found) => {
                    all.extend(found);
                    continue;
                }
                Err(mut error) => {
                    error.source = error.source.strip_prefix(cx.project).unwrap_or(&error.source).to_owned();
                    error.to_string()
                }
            };
            whole = false;
            cx.error(&["manifests".into(), index.into()], Code::InvalidValue, why, None);
        }
        whole.then_some(all)
    }

    /// Complains of exceptions that match no object, or none that their rule is for.
    pub(super) fn check_exceptions(&self, manifests: &[Manifest], cx: &mut CheckContext<'_>) {
        let known: Vec<String> = manifests.iter().map(Manifest::to_string).collect();
        for (rule, exceptions) in &self.except {
            let own = self.rules.iter().find(|own| own.name == *rule);
            for (index, exception) in exceptions.iter().enumerate() {
                let matched = manifests.iter().zip(&known).find(|(_, shown)| matches(exception, shown));
                let path = ["except".into(), rule.as_str().into(), index.into()];
                match matched {
                    None => {
                        let help = did_you_mean(&exception.to_lowercase(), known.iter().map(String::as_str));
                        let help = help.or_else(|| {
                            Some("write the kind in small letters and the name: `deployment/web`".to_owned())
                        });
                        cx.error(&path, Code::InvalidValue, format!("`{exception}` matches no object"), help);
                    }
                    Some((manifest, _)) if own.is_some_and(|own| !own.meant().has(manifest)) => {
                        let message = format!("`{exception}` is an object that rule `{rule}` is not for");
                        let help =
                            "remove the exception, or widen the rule's `kinds`, `selector` or `names`".to_owned();
                        cx.error(&path, Code::InvalidValue, message, Some(help));
                    }
                    Some(_) => {}
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::core::kind::Assertion;
    use crate::core::kind::test_context::{TestContext, body};
    use crate::core::model::diagnostic::Diagnostics;
    use crate::core::model::source::{FileId, Span};
    use crate::core::yaml::Node;

    fn complaints(trial: &TestContext, json: &Value) -> Vec<(String, Option<String>)> {
        let node = Node::from_json(json, Span::new(FileId(0), 0, 0));
        let mut out = Diagnostics::default();
        let mut cx =
            CheckContext { body: &node, project: trial.project(), during: false, on_runner: false, out: &mut out };
        body::<Policy>(json).check(&mut cx);
        out.sorted().into_iter().map(|found| (found.message.clone(), found.help.clone())).collect()
    }

    #[test]
    fn an_exception_must_match_an_object_that_its_rule_is_for() {
        let text = "apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: web }\n";
        let trial = TestContext::new().file("m/a.yaml", text);
        let found = complaints(
            &trial,
            &json!({
                "manifests": ["m"], "builtin": ["probes"],
                "rules": [{ "name": "services", "kinds": ["Service"], "assert": "true" }],
                "except": { "probes": ["deployment/web", "Deployment/web"], "services": ["deployment/web"] },
            }),
        );
        let messages: Vec<&str> = found.iter().map(|(message, _)| message.as_str()).collect();
        assert_eq!(
            messages,
            ["`Deployment/web` matches no object", "`deployment/web` is an object that rule `services` is not for"]
        );
    }

    #[test]
    fn a_folder_without_objects_is_an_error() {
        let trial = TestContext::new().file("m/readme.txt", "").file("n/empty.yaml", "---\n");
        let found = complaints(&trial, &json!({ "manifests": ["m", "n"], "builtin": ["probes"] }));
        let messages: Vec<&str> = found.iter().map(|(message, _)| message.as_str()).collect();
        assert_eq!(
            messages,
            ["m: the folder holds no *.yaml, *.yml or *.json file", "there is no object in these manifests"]
        );
    }
}
