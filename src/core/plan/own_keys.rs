//! What pipeline and stage files say outside of their steps, gates and values: names, and keys that are read as they are
//! written. Knows no kind and no value.

use super::files::Files;
use super::names::{Item, Names, Site};
use super::scalar_validator::{Found, ScalarValidator, name_help};
use crate::core::expr::Scope;
use crate::core::model::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::core::model::units::{Quantity, TimeSpan};
use crate::core::spec::name_problem;
pub(super) use crate::core::spec::schema::{OPEN_IN_PIPELINE, OPEN_IN_STAGE};
use crate::core::yaml::template::{has_mark, takes_value};
use crate::core::yaml::{CompiledSchema, Entry, Format, Formats, Found as Fit, Node, Value};

/// Checks a file against its schema. What is in its steps, gates and values is checked later.
pub(super) fn fits(shape: &CompiledSchema, node: &Node, open: &[&str], files: &Files, out: &mut Diagnostics) -> bool {
    let before = out.len();
    let plain = |entry: &&Entry| shape.has_key(&entry.key) && !open.contains(&entry.key.as_str());
    for entry in node.entries().iter().filter(plain) {
        refuse_templates(&entry.node, &entry.key, out);
    }
    // `when` is an expression; of all others only the parts can be values.
    let whole = |entry: &&Entry| {
        open.contains(&entry.key.as_str())
            && !matches!(entry.key.as_str(), "when" | "namespace")
            && holds_template(&entry.node)
    };
    for entry in node.entries().iter().filter(whole) {
        out.push(whole_template(&entry.key, &entry.node));
    }
    env_names(node.get("env"), out);
    let sound = out.len() == before;
    let (names, statics) = (Names::default(), Scope::default());
    let mut judge = KeysOnly(ScalarValidator {
        names: &names,
        sources: &files.sources,
        root: &files.root,
        site: Site { stage: None, role: None, item: Item::Nothing, params: None, part: None, outcome: false },
        statics: &statics,
        of: None,
        baselines: false,
        own: None,
        found: Found::default(),
    });
    shape.check(node, &mut judge, out) == Fit::Fits && sound
}

/// A judge for names alone.
struct KeysOnly<'a>(ScalarValidator<'a>);

impl Formats for KeysOnly<'_> {
    fn judge(&mut self, format: Format<'_>, out: &mut Diagnostics) {
        if format.name == "name" && !holds_template(format.node) {
            self.0.judge(format, out);
        }
    }
}

fn holds_template(node: &Node) -> bool {
    node.as_text().is_some_and(takes_value)
}

/// Whether a value is put in anywhere below `node`.
pub(super) fn template_in(node: &Node) -> Option<&Node> {
    match &node.value {
        Value::List(items) => items.iter().find_map(template_in),
        Value::Map(entries) => entries.iter().find_map(|entry| template_in(&entry.node)),
        _ => Some(node).filter(|node| holds_template(node)),
    }
}

/// A key whose parts can hold values, but that cannot be one itself.
pub(super) fn whole_template(key: &str, node: &Node) -> Diagnostic {
    let message = format!("`{key}` cannot be a `${{{{ }}}}` as a whole: its keys must be known");
    let help = format!("write it out; its values can hold `${{{{ }}}}`: `{key}: {{ NAME: \"${{{{ vars.name }}}}\" }}`");
    Diagnostic::error(Code::InvalidTemplate, node.span, message).help(help)
}

fn refuse_templates(node: &Node, path: &str, out: &mut Diagnostics) {
    match &node.value {
        Value::List(items) => items.iter().for_each(|item| refuse_templates(item, path, out)),
        Value::Map(entries) => {
            for entry in entries {
                refuse_templates(&entry.node, &format!("{path}.{}", entry.key), out);
            }
        }
        _ if holds_template(node) => {
            let message = format!("`{path}` cannot hold `${{{{ }}}}`: it is read as it is written");
            let help = match path {
                "stage" | "pipeline" => "write the name out: other files and commands find it by that",
                "needs" => "write the names of the stages out",
                _ => "write the value itself; what differs from place to place can stand in `vars` and `env`",
            };
            out.push(Diagnostic::error(Code::InvalidTemplate, node.span, message).help(help));
        }
        _ => {}
    }
}

/// The names of environment variables in an `env:` mapping.
pub(super) fn env_names(env: Option<&Node>, out: &mut Diagnostics) {
    for Entry { key, key_span, .. } in env.map(Node::entries).unwrap_or_default() {
        let (problem, help) = match key.split_once('=') {
            _ if key.is_empty() => ("is empty".to_owned(), "write a name, such as `CI: \"true\"`".to_owned()),
            Some(("", _)) => ("starts with `=`".to_owned(), "write a name, such as `CI: \"true\"`".to_owned()),
            Some((name, value)) => ("holds `=`".to_owned(), format!("write `{name}: \"{value}\"`")),
            None if key.contains('\0') => ("holds a zero byte".to_owned(), "leave it out".to_owned()),
            None => continue,
        };
        let message = format!("the name `{}` of an environment variable {problem}", key.escape_debug());
        out.push(Diagnostic::error(Code::InvalidName, *key_span, message).help(help));
    }
}

/// The names that pipeline.yaml gives to vars and secrets, its profiles' own keys, and its pools.
pub(super) fn pipeline_names(node: &Node, out: &mut Diagnostics) {
    if let Some(timeout) = node.get("timeout").filter(|timeout| is_zero(timeout)) {
        let message = "`timeout` leaves no time, expected more than 0s";
        let help = "write how long all stages may take together, such as 30m; without it there is no limit";
        out.push(Diagnostic::error(Code::InvalidValue, timeout.span, message).help(help));
    }
    names(node.get("vars"), "var", out);
    names(node.get("secrets"), "secret", out);
    for profile in node.get("profiles").map(Node::entries).unwrap_or_default() {
        names(profile.node.get("vars"), "var", out);
        env_names(profile.node.get("env"), out);
    }
    for Entry { key, node, .. } in node.get("pools").map(Node::entries).unwrap_or_default() {
        if matches!(&node.value, Value::Number(places) if places.as_u64() == Some(0)) {
            out.push(
                Diagnostic::error(
                    Code::InvalidValue,
                    node.span,
                    format!("the pool `{key}` has 0 places, expected at least 1"),
                )
                .help(format!("write `{key}: 1`: one step at a time")),
            );
        }
    }
}

fn is_zero(node: &Node) -> bool {
    node.scalar_text().and_then(|text| TimeSpan::parse(&text).ok()).is_some_and(|time| time.0.is_zero())
}

fn names(node: Option<&Node>, what: &str, out: &mut Diagnostics) {
    for Entry { key, key_span, .. } in node.map(Node::entries).unwrap_or_default() {
        // A template in a key was reported where the keys were checked.
        if let Some(problem) = name_problem(key).filter(|_| !has_mark(key)) {
            out.push(
                Diagnostic::error(Code::InvalidName, *key_span, format!("the {what} name `{key}` {problem}"))
                    .help(name_help(key)),
            );
        }
    }
}
