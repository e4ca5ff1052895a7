//! The JSON Schemas of the files, composed from the types and the kinds' own schemas. Draft-07, for editors.

mod editor;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::{AssertionKeys, GateSpec, PartSpec, PipelineSpec, StageSpec, StepKeys, UseSpec};
use crate::core::kind::{Kind, Registry};

/// Keys of pipeline.yaml in which values can be put.
pub const OPEN_IN_PIPELINE: &[&str] = &["vars", "env", "profiles", "parts", "gate", "finally"];
/// Keys of a stage file in which values can be put.
pub const OPEN_IN_STAGE: &[&str] = &["when", "namespace", "env", "steps", "on_failure", "finally", "gate"];

/// Keys of a part file in which values can be put.
pub const OPEN_IN_PART: &[&str] = &["params", "steps", "gate", "outputs"];

/// The schema of pipeline.yaml.
pub fn pipeline(registry: Registry) -> Value {
    let mut schema = file::<PipelineSpec>(registry, "pipeline.yaml", &[("finally", "Steps")], &["gate"]);
    let mut stage = stage_file(registry);
    let definitions = stage.as_object_mut().and_then(|stage| stage.remove("definitions")).unwrap_or_default();
    for (name, definition) in definitions.as_object().into_iter().flatten() {
        if schema["definitions"].get(name).is_none() {
            schema["definitions"][name] = definition.clone();
        }
    }
    for key in ["$schema", "title"] {
        stage.as_object_mut().map(|stage| stage.remove(key));
    }
    let mut named = stage.clone();
    named["required"] = json!([]);
    schema["definitions"]["Stage"] = stage;
    schema["definitions"]["NamedStage"] = named;
    let path = || json!({ "type": "string", "not": { "pattern": "\\$\\{\\{" } });
    let item = json!({ "anyOf": [path(), { "$ref": "#/definitions/Stage" }] });
    let by_name = json!({ "anyOf": [path(), { "$ref": "#/definitions/NamedStage" }] });
    let either = json!({ "anyOf": [
        { "type": "array", "items": item },
        { "type": "object", "additionalProperties": by_name },
    ] });
    describe(&mut schema, "stages", either);
    editor::of(schema, OPEN_IN_PIPELINE)
}

/// The schema of a stage file.
pub fn stage(registry: Registry) -> Value {
    editor::of(stage_file(registry), OPEN_IN_STAGE)
}

fn stage_file(registry: Registry) -> Value {
    let steps = [("steps", "Steps"), ("on_failure", "Steps"), ("finally", "Steps")];
    file::<StageSpec>(registry, "a stage file of pipeline", &steps, &["gate"])
}

/// The schema of a part file.
pub fn part(registry: Registry) -> Value {
    editor::of(file::<PartSpec>(registry, "a part file of pipeline", &[("steps", "Steps")], &["gate"]), OPEN_IN_PART)
}

/// The schema of a gate file: a mapping with parameters, or a bare list.
pub fn gate(registry: Registry) -> Value {
    let mut schema = file::<GateSpec>(registry, "a gate file of pipeline", &[], &["assertions"]);
    let definitions = schema.as_object_mut().and_then(|schema| schema.remove("definitions")).unwrap_or_default();
    let mut mapping = schema;
    let meta = ["$schema", "title"]
        .map(|key| (key, mapping.as_object_mut().and_then(|schema| schema.remove(key)).unwrap_or_default()));
    let [(_, draft), (_, title)] = meta;
    let either = json!({
        "$schema": draft,
        "title": title,
        "oneOf": [mapping, { "type": "array", "items": { "$ref": "#/definitions/Assertion" } }],
        "definitions": definitions,
    });
    editor::of(either, &["params", "assertions"])
}

/// A file's schema: that of `T`, with the free parts replaced by steps and assertions.
fn file<T: JsonSchema>(registry: Registry, title: &str, steps: &[(&str, &str)], gates: &[&str]) -> Value {
    let mut generator = SchemaSettings::draft07().into_generator();
    let root = generator.subschema_for::<T>().to_value();
    let mut step = one_of(&mut generator, registry.steps, &keys::<StepKeys>(), &["gate", "use"]);
    let assertion = one_of(&mut generator, registry.assertions, &keys::<AssertionKeys>(), &[]);
    let used = generator.subschema_for::<UseSpec>().to_value();
    let mut definitions: Map<String, Value> = generator.take_definitions(true).into_iter().collect();
    merge_keys(&mut definitions, &keys::<StepKeys>());
    merge_keys(&mut definitions, &keys::<AssertionKeys>());
    let assertions = || json!({ "type": "array", "items": { "$ref": "#/definitions/Assertion" } });
    describe(&mut step, "gate", assertions());
    definitions.insert("Step".into(), step);
    definitions
        .insert("Steps".into(), json!({ "type": "object", "additionalProperties": { "$ref": "#/definitions/Step" } }));
    definitions.insert("Assertion".into(), json!({ "anyOf": [used, assertion] }));
    let name =
        root.get("$ref").and_then(Value::as_str).and_then(|reference| reference.rsplit('/').next()).map(str::to_owned);
    let mut body = name.and_then(|name| definitions.remove(&name)).unwrap_or(root);
    for (key, definition) in steps {
        describe(&mut body, key, json!({ "$ref": format!("#/definitions/{definition}") }));
    }
    for key in gates {
        describe(&mut body, key, assertions());
    }
    if let Some(body) = body.as_object_mut() {
        body.insert("$schema".into(), "http://json-schema.org/draft-07/schema#".into());
        body.insert("title".into(), title.into());
        body.insert("definitions".into(), Value::Object(definitions));
    }
    body
}

/// Replaces a property's schema, keeping its description. Draft-07 ignores what is beside `$ref`: `allOf` keeps both.
fn describe(body: &mut Value, key: &str, schema: Value) {
    let description = body.pointer(&format!("/properties/{key}/description")).cloned().unwrap_or_default();
    if let Some(properties) = body.get_mut("properties").and_then(Value::as_object_mut) {
        properties.insert(key.to_owned(), json!({ "description": description, "allOf": [schema] }));
    }
}

/// The root schema of common keys, with its definitions.
fn keys<T: JsonSchema>() -> Value {
    SchemaSettings::draft07().into_generator().into_root_schema_for::<T>().to_value()
}

fn merge_keys(definitions: &mut Map<String, Value>, keys: &Value) {
    for (name, schema) in keys.get("definitions").and_then(Value::as_object).into_iter().flatten() {
        definitions.entry(name.clone()).or_insert_with(|| schema.clone());
    }
}

/// Common keys beside exactly one of the kinds, or of the short form of one.
fn one_of<T: ?Sized>(
    generator: &mut SchemaGenerator,
    kinds: &[&'static Kind<T>],
    keys: &Value,
    instead: &[&str],
) -> Value {
    let mut properties = keys.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
    let mut choices: Vec<Value> = instead.iter().map(|key| json!({ "required": [key] })).collect();
    for kind in kinds {
        let schema = kind.schema(generator).to_value();
        properties.insert(kind.name.to_owned(), json!({ "description": kind.summary, "allOf": [schema] }));
        choices.push(json!({ "required": [kind.name] }));
    }
    let mut schema = json!({ "type": "object", "properties": properties, "additionalProperties": false });
    if !choices.is_empty() {
        schema["oneOf"] = choices.into();
    }
    let kinds = kinds.iter().map(|kind| kind.name).chain(instead.iter().copied()).chain(["for_each"]);
    schema[editor::NOT_NULL] = kinds.collect();
    schema
}

/// What a property takes, in a few words for reference pages.
pub fn type_words(schema: &Value, definitions: &Value) -> String {
    if let Some(format) = schema.get("format").and_then(Value::as_str)
        && let Some(words) = format_words(format)
    {
        return words.to_owned();
    }
    if let Some(name) = schema.get("$ref").and_then(Value::as_str).and_then(|reference| reference.rsplit('/').next()) {
        return definitions.get(name).map_or_else(|| name.to_owned(), |schema| type_words(schema, definitions));
    }
    for key in ["anyOf", "oneOf", "allOf"] {
        if let Some(options) = schema.get(key).and_then(Value::as_array) {
            let words: Vec<String> =
                options.iter().map(|option| type_words(option, definitions)).filter(|words| words != "null").collect();
            return words.join(" or ");
        }
    }
    if let Some(values) = schema.get("enum").and_then(Value::as_array) {
        let values = values.iter().filter(|value| !value.is_null());
        return values
            .map(|value| value.as_str().map_or_else(|| value.to_string(), |text| format!("`{text}`")))
            .collect::<Vec<_>>()
            .join(", ");
    }
    if let Some(value) = schema.get("const") {
        return format!("`{}`", value.as_str().map_or_else(|| value.to_string(), str::to_owned));
    }
    let one = |name: &str| match name {
        "array" => match schema.get("items") {
            Some(items) => format!("list of {}", type_words(items, definitions)),
            None => "list".to_owned(),
        },
        "object" => match schema.get("additionalProperties").filter(|value| value.is_object()) {
            Some(values) => format!("mapping to {}", type_words(values, definitions)),
            None => "mapping".to_owned(),
        },
        "string" => "text".to_owned(),
        "integer" => "whole number".to_owned(),
        other => other.to_owned(),
    };
    match schema.get("type") {
        Some(Value::String(name)) => one(name),
        Some(Value::Array(names)) => names
            .iter()
            .filter_map(Value::as_str)
            .filter(|name| *name != "null")
            .map(one)
            .collect::<Vec<_>>()
            .join(" or "),
        _ => "anything".to_owned(),
    }
}

fn format_words(format: &str) -> Option<&'static str> {
    Some(match format {
        "script" => "script",
        "existing-path" => "path",
        "cel" | "when" => "CEL expression",
        "secret-text" => "text (a secret may stand here)",
        "bytes" => "size",
        "duration" => "duration",
        "since" => "`steps.STEP` or duration",
        "rate" => "rate",
        "percent" => "percentage",
        "name" => "name",
        "expect-bytes" => "expected size",
        "expect-duration" => "expected duration",
        "expect-rate" => "expected rate",
        "expect-percent" => "expected percentage",
        "expect-count" => "expected number",
        "expect-number" => "expected value",
        "expect-text" => "expected text",
        _ => return None,
    })
}
