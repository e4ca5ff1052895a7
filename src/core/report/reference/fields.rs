//! Tables of keys: what each takes, its default, what `${{ }}` may hold in it, an example; and the values of choices.

use std::fmt::Write;

use serde_json::Value;

use super::examples;
use crate::core::spec::schema::type_words;

/// How to read the tables.
pub(super) const ABOUT: &str = "
In the tables, `default` is the value of a key that is not written; `none` is nothing at all, and `see right` one that depends
on something else. `${{ }}` says what templates may hold there: `no`; `vars` (with `params` and `item`, what is known before
the run); `run` (also outputs of steps, `run` and `env`); `secrets` (also secrets). `CEL` is an expression itself, without
`${{ }}`. Durations take `us`, `ms`, `s`, `m`, `h` (`1m 30s`), sizes `B`, `kB`, `MB`, `GB`, `KiB`, `MiB`, `GiB`, rates `/s` and
`/min`, shares `%`; quantities of Kubernetes are as there (`500m`, `4Gi`).
";

/// Whose keys they are, which decides what templates may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    Kind,
    Step,
    Assertion,
    Pipeline,
    Stage,
    Part,
    Declaration,
    Gate,
}

impl Of {
    /// How deep nested mappings are shown.
    fn depth(self) -> usize {
        if self == Of::Kind { 3 } else { 2 }
    }

    /// What templates may hold in a key that takes this.
    fn templates(self, path: &str, format: &str) -> &'static str {
        let first = path.split('.').next().unwrap_or(path);
        match (self, first, format) {
            (_, _, "cel" | "when") => "CEL",
            (_, _, "script") => "no: use `env`",
            (Of::Kind, _, "secret-text") | (Of::Step, "env", _) | (Of::Part, "outputs", _) => "run, secrets",
            (Of::Kind, _, "step-id" | "since") => "vars",
            (Of::Kind, ..) | (Of::Step, "namespace" | "for_each", _) => "run",
            (Of::Step, "with", _) => "run; secrets where declared",
            (Of::Step, "needs" | "during" | "outputs" | "use", _) | (Of::Pipeline, "vars", _) => "no",
            (Of::Step | Of::Pipeline | Of::Stage | Of::Part | Of::Gate, "gate" | "assertions", _) => "see assertions",
            (Of::Pipeline | Of::Stage | Of::Part, "steps" | "on_failure" | "finally", _) => "see steps",
            (Of::Pipeline, "env", _) => "run (no steps), secrets",
            (Of::Stage, "env", _) => "run (stages that it needs), secrets",
            (Of::Stage, "namespace", _) => "run (stages that it needs)",
            (Of::Step | Of::Assertion, ..) => "vars",
            _ => "no",
        }
    }
}

/// The table of the keys of a schema, and the values of those that are choices with words of their own.
pub(super) fn table(text: &mut String, schema: &Value, definitions: &Value, of: Of) {
    text.push_str("| key | takes | default | `${{ }}` | |\n|---|---|---|---|---|\n");
    let mut choices = Vec::new();
    rows(text, schema, definitions, "", of, 0, &mut choices);
    for (key, values) in choices {
        let _ = write!(text, "\n`{key}` is:\n\n| value | |\n|---|---|\n");
        for (value, description) in values {
            let _ = writeln!(text, "| `{value}` | {description} |");
        }
    }
}

/// A key and its values, each with what it means.
type Choice = (String, Vec<(String, String)>);

/// A row for each property, those of nested mappings below their parent's.
fn rows(
    text: &mut String,
    schema: &Value,
    definitions: &Value,
    prefix: &str,
    of: Of,
    depth: usize,
    choices: &mut Vec<Choice>,
) {
    let schema = followed(schema, definitions);
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else { return };
    let required: Vec<&str> =
        schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    for (name, property) in properties {
        let path = format!("{prefix}{name}");
        let inner = element(followed(property, definitions), definitions);
        let described = property.get("description").or_else(|| followed(property, definitions).get("description"));
        let description = described.and_then(Value::as_str).unwrap_or_default().replace('\n', " ");
        let default = default_of(property, &description, required.contains(&name.as_str()));
        let format = inner.get("format").and_then(Value::as_str).unwrap_or_default();
        let values = variants(property, definitions);
        let first = values.first().map(|(value, _)| value.clone()).or_else(|| first_of(inner));
        let example = examples::of(name, inner, first).filter(|_| !description.contains('`'));
        let example = example.map(|example| examples::placed(followed(property, definitions), &example));
        let example = example.map(|example| format!(" `{name}: {example}`")).unwrap_or_default();
        let takes = type_words(property, definitions);
        let _ = writeln!(
            text,
            "| `{path}` | {takes} | {default} | {} | {description}{example} |",
            of.templates(&path, format),
        );
        if values.iter().any(|(_, description)| !description.is_empty()) {
            choices.push((path.clone(), values));
        }
        if depth < of.depth() {
            let named = if is_by_name(followed(property, definitions)) { ".NAME" } else { "" };
            rows(text, inner, definitions, &format!("{path}{named}."), of, depth + 1, choices);
        }
    }
}

/// What a key is where it is not written.
fn default_of(property: &Value, description: &str, required: bool) -> String {
    if required {
        return "required".to_owned();
    }
    let told = ["where nothing is written", "where absent", "where it is absent", "else ", "Default", "where none"];
    match property.get("default") {
        Some(Value::Bool(value)) => format!("`{value}`"),
        Some(Value::String(value)) => format!("`{value}`"),
        Some(Value::Number(value)) => format!("`{value}`"),
        _ if told.iter().any(|words| description.contains(words)) => "see right".to_owned(),
        _ => "none".to_owned(),
    }
}

/// The values of a choice, each with what it means.
fn variants(schema: &Value, definitions: &Value) -> Vec<(String, String)> {
    let mut found = Vec::new();
    gather(schema, definitions, &mut found, 0);
    found
}

fn gather(schema: &Value, definitions: &Value, found: &mut Vec<(String, String)>, depth: usize) {
    if depth > 8 {
        return;
    }
    if let Some(name) = schema.get("$ref").and_then(Value::as_str).and_then(|reference| reference.rsplit('/').next()) {
        return definitions.get(name).into_iter().for_each(|next| gather(next, definitions, found, depth + 1));
    }
    let description = schema.get("description").and_then(Value::as_str).unwrap_or_default().replace('\n', " ");
    if let Some(value) = schema.get("const").and_then(Value::as_str) {
        return found.push((value.to_owned(), description));
    }
    if let [value] = schema.get("enum").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
        && let Some(value) = value.as_str()
    {
        return found.push((value.to_owned(), description));
    }
    for key in ["anyOf", "oneOf", "allOf"] {
        for option in schema.get(key).and_then(Value::as_array).into_iter().flatten() {
            gather(option, definitions, found, depth + 1);
        }
    }
    schema.get("items").into_iter().for_each(|items| gather(items, definitions, found, depth + 1));
}

/// The first value of a choice.
fn first_of(schema: &Value) -> Option<String> {
    let values = schema.get("enum").and_then(Value::as_array)?;
    values.iter().find_map(|value| value.as_str().map(str::to_owned))
}

/// The schema behind references and the optional wrapper.
pub(super) fn followed<'s>(schema: &'s Value, definitions: &'s Value) -> &'s Value {
    let mut at = schema;
    for _ in 0..8 {
        if let Some(name) = at.get("$ref").and_then(Value::as_str).and_then(|reference| reference.rsplit('/').next()) {
            match definitions.get(name) {
                Some(next) => at = next,
                None => return at,
            }
        } else if let Some(options) = ["anyOf", "oneOf", "allOf"].iter().find_map(|key| at.get(*key)?.as_array()) {
            // Of a short form and a mapping, the mapping has keys to tell of.
            let keyed = |option: &&Value| followed(option, definitions).get("properties").is_some();
            let real = |option: &&Value| option.get("type").and_then(Value::as_str) != Some("null");
            match options.iter().find(keyed).or_else(|| options.iter().find(real)) {
                Some(next) => at = next,
                None => return at,
            }
        } else {
            return at;
        }
    }
    at
}

/// Whether it is a mapping of names to mappings.
fn is_by_name(schema: &Value) -> bool {
    schema.get("additionalProperties").is_some_and(Value::is_object) && schema.get("properties").is_none()
}

/// The element of a list, the value of a mapping by name, or the thing itself.
fn element<'s>(schema: &'s Value, definitions: &'s Value) -> &'s Value {
    if is_by_name(schema)
        && let Some(values) = schema.get("additionalProperties")
    {
        return followed(values, definitions);
    }
    schema.get("items").map_or(schema, |items| followed(items, definitions))
}
