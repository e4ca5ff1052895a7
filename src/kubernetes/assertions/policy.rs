//! The `policy` assertion: rules over manifests and rendered charts, before anything reaches a cluster. Knows no cluster.

mod builtin;
mod exceptions;
mod meant;
mod spec;
mod together;

use std::path::Path;

use async_trait::async_trait;

use crate::core::expr::{Expr, Scope};
use crate::core::kind::{Assertion, AssertionKind, CheckContext, Context, Poll, Watch};
use crate::core::model::diagnostic::{Code, did_you_mean};
use crate::core::model::outcome::{Fault, Finding, Measure, Verdict};
use crate::core::yaml::Segment;
use crate::core::yaml::manifests::{self, Manifest};
use crate::kubernetes::rendered::check_kustomization;
use crate::process::command_context::CommandError;
use spec::{BuiltinRule, Policy, Rule};

/// The row of this kind.
pub const KIND: AssertionKind = AssertionKind::assertion::<Policy>(
    "policy",
    "What is true of manifests and rendered charts before they reach a cluster: built-in rules and CEL.",
    "manifests: [manifests]\nbuiltin: [non-root, probes, resource-limits, no-latest-tag]\nrules:\n  - name: two of each\n    \
     kinds: [Deployment]\n    assert: self.spec.replicas >= 2\n",
);

/// Violations named in a measure; the findings name the rest.
const NAMED: usize = 3;
/// Findings at most.
const EXPLAINED: usize = 40;

/// An object that a rule does not hold for.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Violation {
    /// `manifests/backend.yaml:12`.
    place: String,
    /// `deployment/backend`.
    object: String,
    message: String,
}

/// What a rule said of all objects that it is for.
struct Judged {
    rule: String,
    /// Exceptions that match no object that the rule is for.
    unused: Vec<String>,
    /// What is written of the objects that the rule is for and means none, by its key.
    unmatched: Vec<(&'static str, String)>,
    expected: String,
    looked_at: usize,
    violations: Vec<Violation>,
}

/// An object and where people find it.
struct Object {
    place: String,
    manifest: Manifest,
}

#[async_trait]
impl Assertion for Policy {
    fn check(&self, cx: &mut CheckContext<'_>) {
        if self.manifests.is_empty() && self.chart.is_none() && self.kustomize.is_none() {
            let help = Some("write `manifests: [manifests]` or `chart: { path: charts/todo }`".to_owned());
            cx.error(&[], Code::MissingKey, "a policy needs `manifests`, a `chart` or `kustomize`", help);
        }
        if let Some(folder) = &self.kustomize {
            check_kustomization(folder, cx, &["kustomize".into()]);
        }
        if self.builtin.is_empty() && self.rules.is_empty() {
            let help = Some("write `builtin: [non-root, probes]`, or CEL under `rules:`".to_owned());
            cx.error(&[], Code::MissingKey, "a policy needs rules: `builtin` or `rules`", help);
        }
        let builtin = self.builtin.iter().map(BuiltinRule::meant).enumerate().map(|(at, meant)| ("builtin", at, meant));
        let own = self.rules.iter().map(Rule::meant).enumerate().map(|(at, meant)| ("rules", at, meant));
        for (list, at, meant) in builtin.chain(own) {
            for (key, index, message) in meant.problems() {
                let path = [list.into(), at.into(), key.into()].into_iter().chain(index.map(Segment::from));
                let help = "write labels as `app=web,tier!=db`, and names as `web-*`".to_owned();
                cx.error(&path.collect::<Vec<Segment>>(), Code::InvalidValue, message, Some(help));
            }
        }
        let read = self.check_manifests(cx);
        if let Some(manifests) = read.filter(|_| self.chart.is_none() && self.kustomize.is_none()) {
            self.check_exceptions(&manifests, cx);
        }
        let names = self.names();
        for rule in self.except.keys().filter(|rule| !names.contains(rule)) {
            let help = did_you_mean(rule, names.iter().map(String::as_str));
            cx.error(
                &["except".into(), rule.as_str().into()],
                Code::InvalidValue,
                format!("`{rule}` is no rule of this policy"),
                help,
            );
        }
    }

    fn title(&self) -> String {
        let mut over: Vec<String> = self.manifests.iter().map(|path| path.0.display().to_string()).collect();
        over.extend(self.kustomize.as_ref().map(|folder| folder.0.display().to_string()));
        over.extend(self.chart.as_ref().map(|chart| chart.path.0.display().to_string()));
        format!("policy over {}", over.join(", "))
    }

    async fn watch(&self, _: &Context) -> Result<Box<dyn Watch>, Fault> {
        Ok(Box::new(Poll(std::time::Duration::from_secs(2))))
    }

    async fn measure(&self, cx: &Context) -> Result<Verdict, Fault> {
        let objects = self.objects(cx).await?;
        if objects.is_empty() {
            return Ok(Verdict::of(vec![Measure::new("objects", "none", "at least one to check", false)]));
        }
        let judged = self.judge(&objects, &cx.scope)?;
        Ok(Verdict::of(judged.iter().flat_map(Judged::measures).collect()))
    }

    async fn explain(&self, cx: &Context) -> Vec<Finding> {
        let Ok(objects) = self.objects(cx).await else { return Vec::new() };
        let judged = self.judge(&objects, &cx.scope).unwrap_or_default();
        let findings = judged.into_iter().flat_map(|judged| {
            let rule = judged.rule;
            judged.violations.into_iter().map(move |violation| {
                Finding::new(format!("{} {}", violation.place, violation.object), rule.clone(), violation.message)
            })
        });
        findings.take(EXPLAINED).collect()
    }
}

impl Policy {
    fn names(&self) -> Vec<String> {
        let own = self.rules.iter().map(|rule| rule.name.clone());
        self.builtin.iter().map(|rule| rule.rule().name().to_owned()).chain(own).collect()
    }

    async fn objects(&self, cx: &Context) -> Result<Vec<Object>, Fault> {
        let mut objects = Vec::new();
        for path in &self.manifests {
            let read = manifests::read(&path.below(&cx.project), &cx.project)
                .map_err(|error| Fault::invalid(error.to_string()))?;
            if read.is_empty() {
                return Err(Fault::invalid(format!("{} holds no object", path.0.display())));
            }
            objects.extend(read.into_iter().map(|manifest| Object { place: place(&manifest, &cx.project), manifest }));
        }
        if let Some(folder) = &self.kustomize {
            let rendered = cx.render_kustomization(folder).await.map_err(CommandError::into_fault)?;
            objects
                .extend(rendered.into_iter().map(|manifest| Object { place: place(&manifest, &cx.project), manifest }));
        }
        if let Some(chart) = &self.chart {
            let rendered = cx.render_chart(chart, cx.namespace()).await;
            let text = rendered.map_err(CommandError::into_fault)?;
            cx.evidence.keep("rendered.yaml", &text);
            objects.extend(of_chart(&text, &chart.path.0)?);
        }
        Ok(objects)
    }

    fn judge(&self, objects: &[Object], scope: &Scope) -> Result<Vec<Judged>, Fault> {
        let manifests: Vec<&Manifest> = objects.iter().map(|object| &object.manifest).collect();
        let mut judged = Vec::new();
        for builtin in &self.builtin {
            let (rule, meant) = (builtin.rule(), builtin.meant());
            let reported = |object: &Object| {
                meant.has(&object.manifest).then(|| rule.violations(&object.manifest.object)).flatten()
            };
            let unmatched = meant.unmatched(&manifests);
            judged.push(Judged { unmatched, ..self.apply(rule.name(), rule.expected(), objects, reported) });
        }
        for rule in &self.rules {
            let applied = if rule.together {
                self.apply_together(rule, objects, scope)?
            } else {
                self.apply_rule(rule, objects, scope)?
            };
            judged.push(Judged { unmatched: rule.meant().unmatched(&manifests), ..applied });
        }
        Ok(judged)
    }

    fn apply_rule(&self, rule: &Rule, objects: &[Object], scope: &Scope) -> Result<Judged, Fault> {
        let invalid = |error: &dyn std::fmt::Display| Fault::invalid(format!("rule {}: {error}", rule.name));
        let expression = Expr::parse(&rule.assert.0).map_err(|error| invalid(&error))?;
        let mut scope = scope.clone();
        let mut stopped = None;
        let mut reported = |object: &Object| -> Option<Vec<String>> {
            if !rule.meant().has(&object.manifest) {
                return None;
            }
            scope.roots.insert("self".to_owned(), object.manifest.object.clone());
            Some(match expression.truthy(&scope) {
                Ok(true) => Vec::new(),
                Ok(false) => vec![rule.message.clone().unwrap_or_else(|| format!("not true: {}", rule.assert.0))],
                Err(error) if error.stopped => {
                    stopped = Some(Fault::unknown(format!("not measured: rule {}: {error}", rule.name)));
                    Vec::new()
                }
                // mostly a field that is not there: the object is not as the rule says, and this is why
                Err(error) => vec![format!("{}: {error}", rule.message.as_deref().unwrap_or(&rule.assert.0))],
            })
        };
        let judged = self.apply(&rule.name, rule.message.as_deref().unwrap_or(&rule.assert.0), objects, &mut reported);
        stopped.map_or(Ok(judged), Err)
    }

    /// `told` says what is wrong with an object; `None` where the rule is not for it.
    fn apply(
        &self,
        name: &str,
        expected: &str,
        objects: &[Object],
        mut reported: impl FnMut(&Object) -> Option<Vec<String>>,
    ) -> Judged {
        let excepted = self.except.get(name).map(Vec::as_slice).unwrap_or_default();
        let mut judged = Judged {
            rule: name.to_owned(),
            unused: excepted.to_vec(),
            unmatched: Vec::new(),
            expected: expected.to_owned(),
            looked_at: 0,
            violations: Vec::new(),
        };
        for object in objects {
            let shown = object.manifest.to_string();
            if let Some(messages) = reported(object) {
                if excepted.iter().any(|exception| meant::matches(exception, &shown)) {
                    judged.unused.retain(|exception| !meant::matches(exception, &shown));
                    continue;
                }
                judged.looked_at += 1;
                judged.violations.extend(messages.into_iter().map(|message| Violation {
                    place: object.place.clone(),
                    object: shown.clone(),
                    message,
                }));
            }
        }
        judged
    }
}

impl Judged {
    /// What the rule says; each exception that leaves nothing alone, and what was written of its objects that means none:
    /// it may be misspelt, and hides nothing then.
    fn measures(&self) -> Vec<Measure> {
        let unused = self.unused.iter().map(|exception| {
            let expected = "an object that the rule is for";
            Measure::new(format!("except.{}", self.rule), format!("{exception} matches nothing"), expected, false)
        });
        let unmatched = self.unmatched.iter().map(|(key, words)| {
            Measure::new(format!("{}.{key}", self.rule), words.as_str(), "an object that the rule is for", false)
        });
        std::iter::once(self.measure()).chain(unused).chain(unmatched).collect()
    }

    fn measure(&self) -> Measure {
        let actual = match (self.violations.len(), self.looked_at) {
            (0, 0) => "no object that it is for".to_owned(),
            (0, 1) => "holds for the one object that it is for".to_owned(),
            (0, count) => format!("holds for all {count} objects"),
            (count, _) => {
                let shown =
                    |violation: &Violation| format!("{} {}: {}", violation.place, violation.object, violation.message);
                let named: Vec<String> = self.violations.iter().take(NAMED).map(shown).collect();
                let more = if count > NAMED { format!("; and {} more", count - NAMED) } else { String::new() };
                format!("{}{more}", named.join("; "))
            }
        };
        Measure::new(&self.rule, actual, &self.expected, self.violations.is_empty())
    }
}

fn place(manifest: &Manifest, project: &Path) -> String {
    let path = manifest.source.strip_prefix(project).unwrap_or(&manifest.source);
    format!("{}:{}", path.display(), manifest.line)
}

/// The objects of a rendered chart, each with the template it comes from.
fn of_chart(text: &str, chart: &Path) -> Result<Vec<Object>, Fault> {
    let objects =
        manifests::parse(text, Path::new("rendered.yaml")).map_err(|error| Fault::invalid(error.to_string()))?;
    let mut sources: Vec<(usize, &str)> = Vec::new();
    for (at, line) in text.lines().enumerate() {
        if let Some(source) = line.strip_prefix("# Source: ") {
            sources.push((at + 1, source));
        }
    }
    let with_place = |manifest: Manifest| {
        // helm names the template in a comment on the object's first line or right above it
        let source = sources.iter().rev().find(|(line, _)| *line <= manifest.line + 1).map(|(_, source)| *source);
        let template = source.and_then(|source| source.split_once('/')).map_or("", |(_, template)| template);
        let template = chart.join(template);
        Object { place: format!("{} (rendered.yaml:{})", template.display(), manifest.line), manifest }
    };
    Ok(objects.into_iter().map(with_place).collect())
}

#[cfg(test)]
mod tests;
