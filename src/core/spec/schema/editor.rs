//! From the schemas that `check` uses to those that editors use: a `${{ }}` fits wherever `check` takes one, keys with
//! nothing behind them are left out, quantities have units, and of verbs exactly one is written. Knows JSON Schema; no kind.

use serde_json::{Map, Value, json};

use super::OPEN_IN_STAGE;

/// A list of keys of which exactly one is written.
pub(crate) const ONE_OF: &str = "x-one-of";
/// A list of keys that cannot be empty, although they can be left out.
pub(crate) const NOT_NULL: &str = "x-not-null";
/// The key whose value a scalar in the place of the mapping is.
const SHORT: &str = "x-short";
/// The key whose value a list in the place of the mapping is.
const SHORT_LIST: &str = "x-short-list";
/// At least one key is written.
pub(crate) const SOME: &str = "x-some";

/// A text that takes a value.
const TEMPLATE: &str = r"(^|[^$])\$\{\{";
/// A text that is one `${{ }}` and nothing else.
const WHOLE: &str = r"^\s*\$\{\{[\s\S]*\}\}\s*$";
/// What names of stages, steps, vars and secrets are.
const NAME: &str = "^[A-Za-z][A-Za-z0-9_-]{0,254}$";

/// Keys of a step that are read before any value is known.
const PLAIN: [&str; 4] = ["needs", "during", "outputs", "use"];

/// Whether values can be put in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Values {
    Open,
    /// It is read as it is written.
    Plain,
}

/// The schema of a file as editors use it. Of its own keys, values can be put into `open` ones.
pub(crate) fn of(mut schema: Value, open: &[&str]) -> Value {
    let definitions = schema.as_object_mut().and_then(|schema| schema.remove("definitions")).unwrap_or_default();
    let all = Definitions(&definitions);
    let mut made = Map::new();
    for (name, definition) in definitions.as_object().into_iter().flatten() {
        // What pipeline.yaml says of the cluster and of secrets is read as it is written.
        let plain = matches!(name.as_str(), "ClusterSpec" | "ProfileClusterSpec" | "SecretSource");
        if matches!(name.as_str(), "Stage" | "NamedStage") {
            made.insert(name.clone(), all.file(definition, OPEN_IN_STAGE));
            continue;
        }
        made.insert(name.clone(), all.inner(definition, if plain { Values::Plain } else { Values::Open }));
    }
    let mut body = all.file(&schema, open);
    if let Some(body) = body.as_object_mut() {
        body.insert("definitions".to_owned(), Value::Object(made));
    }
    body
}

struct Definitions<'a>(&'a Value);

impl Definitions<'_> {
    /// A file: the values of its own keys are not put in, what is below the open ones is.
    fn file(&self, schema: &Value, open: &[&str]) -> Value {
        if let Some(alternatives) = schema.get("oneOf").and_then(Value::as_array) {
            let mut file = schema.clone();
            file["oneOf"] = alternatives.iter().map(|one| self.file(one, open)).collect();
            return file;
        }
        let mut file = schema.clone();
        let required = strings(schema.get("required"));
        for (key, property) in file.get_mut("properties").and_then(Value::as_object_mut).into_iter().flatten() {
            let values = if open.contains(&key.as_str()) { Values::Open } else { Values::Plain };
            let inner = self.inner(property, values);
            *property = if required.contains(&key.as_str()) { inner } else { nullable(inner) };
            if matches!(key.as_str(), "vars" | "secrets") {
                let target =
                    property.get_mut("anyOf").and_then(|any| any.get_mut(0)).filter(|one| one.get("type").is_some());
                if let Some(target) = target {
                    target["propertyNames"] = json!({ "pattern": NAME });
                } else if property.get("type").is_some() {
                    property["propertyNames"] = json!({ "pattern": NAME });
                }
            }
        }
        if let Some(items) = file.get_mut("items") {
            *items = self.inner(items, Values::Open);
        }
        file
    }

    /// A schema at a place where a value can be put in as a whole.
    fn value(&self, schema: &Value, values: Values) -> Value {
        let inner = self.inner(schema, values);
        if values == Values::Plain || self.takes_any_text(schema, 0) || schema.get("format") == Some(&json!("cel")) {
            return inner;
        }
        if inner.as_bool().is_some() || schema.get("format") == Some(&json!("script")) {
            return inner;
        }
        let pattern = if self.takes_scalars(schema, 0) { TEMPLATE } else { WHOLE };
        outside(inner, |inner| json!({ "anyOf": [inner, { "type": "string", "pattern": pattern }] }))
    }

    /// A schema with all below it changed.
    fn inner(&self, schema: &Value, values: Values) -> Value {
        let Some(fields) = schema.as_object() else { return schema.clone() };
        let mut made = fields.clone();
        let not_null = made.remove(NOT_NULL).map(|keys| keys.to_string()).unwrap_or_default();
        let required = strings(fields.get("required"));
        let is_step = not_null.contains("\"shell\"");
        if let Some(properties) = made.get_mut("properties").and_then(Value::as_object_mut) {
            for (key, property) in properties {
                let kept = not_null.contains(&format!("\"{key}\""));
                let values = if is_step && PLAIN.contains(&key.as_str()) { Values::Plain } else { values };
                // A step's own gate is a list of assertions, and its environment has known names: neither is a value.
                let parts = (kept && key == "gate") || (is_step && key == "env");
                let inner = if parts { self.inner(property, values) } else { self.value(property, values) };
                *property = match () {
                    () if kept => not_null_type(inner),
                    () if required.contains(&key.as_str()) => inner,
                    () => nullable(inner),
                };
                if let Some(fields) = property.as_object_mut() {
                    fields.entry("title").or_insert_with(|| key.as_str().into());
                }
            }
        }
        for key in ["items", "additionalProperties"] {
            if let Some(below) = made.get_mut(key).filter(|below| below.is_object()) {
                let whole = below.get("$ref").is_some_and(|name| {
                    ["#/definitions/Step", "#/definitions/Assertion"].contains(&name.as_str().unwrap_or_default())
                });
                *below = if whole { self.inner(below, values) } else { self.value(below, values) };
            }
        }
        for key in ["anyOf", "oneOf", "allOf"] {
            for alternative in made.get_mut(key).and_then(Value::as_array_mut).into_iter().flatten() {
                *alternative = self.inner(alternative, values);
            }
        }
        if made.get("additionalProperties") == Some(&json!({ "$ref": "#/definitions/Step" })) {
            made.insert("propertyNames".to_owned(), json!({ "pattern": NAME, "not": { "const": "gate" } }));
        }
        if made.remove(SOME).is_some() {
            made.insert("minProperties".to_owned(), 1.into());
        }
        if let Some(keys) = made.remove(ONE_OF) {
            let one = |key: &Value| {
                let key = key.as_str().unwrap_or_default();
                json!({ "required": [key], "properties": { key: { "not": { "type": "null" } } } })
            };
            made.insert("oneOf".to_owned(), keys.as_array().into_iter().flatten().map(one).collect());
        }
        let short = self.short_forms(fields, &mut made, values);
        scalar(&mut made, values);
        if short.is_empty() {
            return Value::Object(made);
        }
        outside(Value::Object(made), |mapping| {
            let either: Vec<Value> = std::iter::once(mapping).chain(short).collect();
            json!({ "anyOf": either })
        })
    }

    /// What may stand in the place of a mapping: the value of its obvious key, or the name of a verb that needs no keys.
    fn short_forms(&self, fields: &Map<String, Value>, made: &mut Map<String, Value>, values: Values) -> Vec<Value> {
        let property = |key: &Value| fields.get("properties")?.get(key.as_str()?);
        let mut short = Vec::new();
        if let Some(schema) = made.remove(SHORT).as_ref().and_then(property) {
            short.push(of_type("string", self.value(schema, values)));
        }
        if let Some(schema) = made.remove(SHORT_LIST).as_ref().and_then(property) {
            short.push(of_type("array", self.value(schema, values)));
        }
        let bare = |key: &&Value| property(key).is_some_and(|schema| self.needs_nothing(schema, 0));
        let keys = fields.get(ONE_OF).and_then(Value::as_array).into_iter().flatten();
        let verbs: Vec<&Value> = keys.filter(bare).collect();
        if !verbs.is_empty() {
            short.push(json!({ "enum": verbs }));
        }
        short
    }

    /// Whether an empty mapping fits.
    fn needs_nothing(&self, schema: &Value, depth: usize) -> bool {
        if depth > 16 {
            return false;
        }
        if let Some(target) = self.target(schema) {
            return self.needs_nothing(target, depth + 1);
        }
        let inner = ["anyOf", "oneOf", "allOf"].iter().filter_map(|key| schema.get(*key)?.as_array()).flatten();
        let mapping = types(schema).contains(&"object") && strings(schema.get("required")).is_empty();
        let verbs = schema.get(ONE_OF).is_some() || schema.get(SOME).is_some();
        (mapping && !verbs) || inner.into_iter().any(|one| self.needs_nothing(one, depth + 1))
    }

    /// Whether every text fits already.
    fn takes_any_text(&self, schema: &Value, depth: usize) -> bool {
        if depth > 16 {
            return false;
        }
        if let Some(target) = self.target(schema) {
            return self.takes_any_text(target, depth + 1);
        }
        if let Some(all) = schema.get("allOf").and_then(Value::as_array) {
            return all.iter().all(|one| self.takes_any_text(one, depth + 1));
        }
        let free = schema.get("enum").is_none() && schema.get("const").is_none() && quantity(schema).is_none();
        let text = types(schema).contains(&"string") && free;
        let any = ["anyOf", "oneOf"].iter().filter_map(|key| schema.get(*key)?.as_array()).flatten();
        text || any.into_iter().any(|one| self.takes_any_text(one, depth + 1))
    }

    /// Whether a text, a number or a truth value fits.
    fn takes_scalars(&self, schema: &Value, depth: usize) -> bool {
        if depth > 16 {
            return false;
        }
        if let Some(target) = self.target(schema) {
            return self.takes_scalars(target, depth + 1);
        }
        let scalar = |name: &&str| ["string", "number", "integer", "boolean"].contains(name);
        let choice = schema.get("enum").is_some() || schema.get("const").is_some();
        let inner = ["anyOf", "oneOf", "allOf"].iter().filter_map(|key| schema.get(*key)?.as_array()).flatten();
        types(schema).iter().any(scalar) || choice || inner.into_iter().any(|one| self.takes_scalars(one, depth + 1))
    }

    fn target<'s>(&'s self, schema: &Value) -> Option<&'s Value> {
        self.0.get(schema.get("$ref")?.as_str()?.rsplit('/').next()?)
    }
}

fn types(schema: &Value) -> Vec<&str> {
    match schema.get("type") {
        Some(Value::String(name)) => vec![name],
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

fn strings(list: Option<&Value>) -> Vec<&str> {
    list.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}

/// The schema, or null.
fn nullable(schema: Value) -> Value {
    let null = types(&schema).contains(&"null")
        || schema.as_bool() == Some(true)
        || schema
            .get("anyOf")
            .and_then(Value::as_array)
            .is_some_and(|any| any.iter().any(|one| one == &json!({ "type": "null" })));
    if null {
        return schema;
    }
    outside(schema, |schema| match schema.get("anyOf").and_then(Value::as_array) {
        Some(any) if schema.as_object().is_some_and(|fields| fields.len() == 1) => {
            let any: Vec<&Value> = any.iter().collect();
            let null = json!({ "type": "null" });
            json!({ "anyOf": any.into_iter().chain([&null]).collect::<Vec<_>>() })
        }
        _ => json!({ "anyOf": [schema, { "type": "null" }] }),
    })
}

/// The schema without null among its types.
fn not_null_type(mut schema: Value) -> Value {
    if let Some(names) = schema.get_mut("type").and_then(Value::as_array_mut) {
        names.retain(|name| name != "null");
    }
    for alternative in schema.get_mut("anyOf").and_then(Value::as_array_mut).into_iter().flatten() {
        *alternative = not_null_type(alternative.take());
    }
    schema
}

/// The part of a schema that takes values of one type, null left out.
fn of_type(name: &str, schema: Value) -> Value {
    let mut schema = not_null_type(schema);
    // Editors show the words of the kind, not those of the key that the short form leaves out.
    schema.as_object_mut().map(|fields| fields.remove("description"));
    if let Some(any) = schema.get_mut("anyOf").and_then(Value::as_array_mut) {
        any.retain(|one| types(one).contains(&name) || one.get("enum").is_some());
    }
    if schema.get("type").is_none_or(Value::is_array) && schema.get("anyOf").is_none() {
        schema["type"] = name.into();
    }
    schema
}

/// Puts a schema into another one; what describes it stays outside.
fn outside(mut schema: Value, put: impl FnOnce(Value) -> Value) -> Value {
    let mut kept = Map::new();
    if let Some(fields) = schema.as_object_mut() {
        for key in ["description", "default", "examples"] {
            kept.extend(fields.remove(key).map(|value| (key.to_owned(), value)));
        }
    }
    let mut made = put(schema);
    if let Some(fields) = made.as_object_mut() {
        fields.extend(kept);
    }
    made
}

/// What a scalar must look like.
fn scalar(schema: &mut Map<String, Value>, values: Values) {
    let format = schema.get("format").and_then(Value::as_str).unwrap_or_default().to_owned();
    if let Some(Quantity { pattern, zero, number }) = quantity(&Value::Object(schema.clone())) {
        schema.insert("pattern".to_owned(), format!("{pattern}|{TEMPLATE}").into());
        let fits = |name: &&str| match *name {
            "boolean" => false,
            "number" => zero || number,
            _ => true,
        };
        let names: Vec<String> =
            types(&Value::Object(schema.clone())).into_iter().filter(fits).map(str::to_owned).collect();
        schema.insert("type".to_owned(), names.into());
        if number {
            schema.insert("multipleOf".to_owned(), 1.into());
        } else if zero {
            schema.extend([("minimum".to_owned(), 0.into()), ("maximum".to_owned(), 0.into())]);
        }
        return;
    }
    let text = types(&Value::Object(schema.clone())).contains(&"string");
    match format.as_str() {
        "script" | "cel" => _ = schema.insert("not".to_owned(), json!({ "type": "string", "pattern": TEMPLATE })),
        "name" => _ = schema.insert("pattern".to_owned(), NAME.into()),
        "uint32" => _ = schema.entry("maximum").or_insert(u32::MAX.into()),
        _ if text && values == Values::Plain && !schema.contains_key("enum") => {
            schema.insert("not".to_owned(), json!({ "type": "string", "pattern": TEMPLATE }));
        }
        _ => {}
    }
}

/// How a quantity is written.
struct Quantity {
    pattern: String,
    /// Whether 0 needs no unit.
    zero: bool,
    /// Whether it is a number without a unit.
    number: bool,
}

fn quantity(schema: &Value) -> Option<Quantity> {
    const NUMBER: &str = r"(?:[0-9_]*[0-9][0-9_]*(?:\.[0-9_]*)?|\.[0-9_]*[0-9][0-9_]*)";
    const ZERO: &str = r"(?:[0_]*0[0_]*(?:\.[0_]*)?|\.[0_]*0[0_]*)";
    let format = schema.get("format")?.as_str()?;
    let (name, expected) = format.strip_prefix("expect-").map_or((format, false), |name| (name, true));
    let (one, zero, number) = match name {
        "bytes" => (format!(r"(?:{NUMBER}\s*(?:B|kB|KB|MB|GB|TB|KiB|MiB|GiB|TiB)|{ZERO})"), true, false),
        "duration" => (format!(r"(?:(?:{NUMBER}\s*(?:us|µs|ms|s|min|m|h)\s*)+|0)"), true, false),
        "since" => (format!(r"(?:steps\..+|(?:{NUMBER}\s*(?:us|µs|ms|s|min|m|h)\s*)+|0)"), false, false),
        "rate" => (format!(r"{NUMBER}\s*/(?:s|min|m)"), false, false),
        "percent" => (format!(r"{NUMBER}\s*%"), false, false),
        "number" if expected => (r"[-+]?[0-9.][0-9._]*(?:[eE][-+]?[0-9]+)?".to_owned(), true, true),
        "count" if expected => (format!(r"-?\s*{NUMBER}"), true, true),
        _ => return None,
    };
    let pattern = if expected {
        let one = format!(r"(?:{one}|baseline(?:\s*[+-]\s*(?:{one}|{NUMBER}\s*%))?)");
        format!(r"^\s*(?:(?:<=|>=|!=|==|<|>)?\s*{one}|{one}\s*\.\.=?\s*{one})\s*$")
    } else {
        format!(r"^\s*{one}\s*$")
    };
    Some(Quantity { pattern, zero, number })
}
