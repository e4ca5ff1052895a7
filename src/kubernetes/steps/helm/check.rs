//! What can be said of a `helm` step before anything runs: one verb, a chart that is there, names that can be.

use std::path::Path;

use super::spec::{Helm, UsesChart, Verb};
use crate::core::files::open::kind_name;
use crate::core::kind::CheckContext;
use crate::core::model::diagnostic::Code;
use crate::core::yaml::Segment;
use crate::kubernetes::helm::release::name_problem;
use crate::kubernetes::helm::values::names;
use crate::process::tree;

/// Bytes of a chart's files together: far more than a release Secret can hold.
const CHART_LIMIT: u64 = 50_000_000;

pub fn check(step: &Helm, cx: &mut CheckContext<'_>) {
    let verbs = step.verbs();
    if verbs.len() != 1 {
        let have: Vec<&str> = verbs.iter().map(|(name, _)| *name).collect();
        let have = if have.is_empty() { "none".to_owned() } else { have.join(" and ") };
        let message = format!(
            "a helm step has exactly one of lint, template, install, upgrade, rollback, test and uninstall; this one has {have}"
        );
        let help = Some("write one step for each: `helm: { lint: … }` and `helm: { install: … }`".to_owned());
        cx.error(&[], Code::NotOneKind, message, help);
    }
    for (verb, spec) in verbs {
        match spec {
            Verb::Lint(spec) => chart(verb, spec, cx),
            Verb::Template(spec) => {
                chart(verb, spec, cx);
                let leaves = |path: &std::path::Path| {
                    path.is_absolute() || path.components().any(|part| part.as_os_str() == "..")
                };
                if let Some(path) = spec.output.as_deref().filter(|path| leaves(path)) {
                    let message = format!("`{}` is outside the project's folder", path.display());
                    cx.error(&[verb.into(), "output".into()], Code::InvalidReference, message, None);
                }
                if let Some(name) = &spec.release {
                    release(verb, name, cx);
                }
            }
            Verb::Install(spec) => {
                chart(verb, spec, cx);
                release(verb, &spec.release, cx);
            }
            Verb::Upgrade(spec) => {
                chart(verb, spec, cx);
                release(verb, &spec.release, cx);
            }
            Verb::Rollback(spec) => release(verb, &spec.release, cx),
            Verb::Test(spec) => release(verb, &spec.release, cx),
            Verb::Uninstall(spec) => release(verb, &spec.release, cx),
        }
    }
}

fn chart(verb: &str, spec: &impl UsesChart, cx: &mut CheckContext<'_>) {
    let fields = spec.chart();
    let at = |key: &str| -> [Segment; 2] { [verb.into(), key.into()] };
    let options = [("chart", Some(fields.chart)), ("version", fields.version), ("repository", fields.repository)];
    for (key, text) in options {
        // helm would read it as one of its options, such as one that runs a program
        if text.is_some_and(|text| text.starts_with('-') || text.chars().any(char::is_control)) {
            let message =
                format!("`{}` is no {key}: it begins like an option", text.unwrap_or_default().escape_debug());
            cx.error(&at(key), Code::InvalidValue, message, None);
            return;
        }
    }
    if fields.is_local() {
        match tree::leaves(cx.project, Path::new(fields.chart), CHART_LIMIT) {
            Ok(()) => {}
            Err(fault) => return cx.error(&at("chart"), Code::InvalidReference, fault.message, fault.help),
        }
        let path = cx.project.join(fields.chart);
        let is_chart = if path.is_dir() { path.join("Chart.yaml").is_file() } else { path.is_file() };
        if !is_chart {
            let message = if path.is_dir() {
                format!("`{}` is no chart: it has no Chart.yaml", fields.chart)
            } else {
                format!("the chart `{}` does not exist", fields.chart)
            };
            let help = "a chart from elsewhere is written `oci://…`, or as a name beside `repository: https://…`";
            cx.error(&at("chart"), Code::MissingFile, message, Some(help.to_owned()));
        }
    }
    for (index, file) in fields.values_files.iter().enumerate() {
        // helm would wait for the end of a pipe
        if let Some(facts) = file.below(cx.project).metadata().ok().filter(|facts| !facts.is_file()) {
            let message = format!("`{}` is {}, expected a file", file.0.display(), kind_name(facts.file_type()));
            cx.error(&[verb.into(), "values_files".into(), index.into()], Code::InvalidValue, message, None);
        }
    }
    let paths = fields.set.keys().map(|path| ("set", path));
    for (key, path) in paths.chain(fields.secret_values.keys().map(|path| ("secret_values", path))) {
        if let Err(message) = names(path) {
            cx.error(&[verb.into(), key.into(), path.as_str().into()], Code::InvalidValue, message, None);
        }
    }
}

fn release(verb: &str, name: &str, cx: &mut CheckContext<'_>) {
    if let Some(message) = name_problem(name) {
        let help = "write lower-case letters, digits and `-`, at most 53 characters".to_owned();
        cx.error(&[verb.into(), "release".into()], Code::InvalidValue, message, Some(help));
    }
}
