//! From a draft-07 schema to rules: references resolved, types as bits. Knows schemas; no trees.

use std::collections::HashMap;

use indexmap::IndexMap;
use serde_json::Value as Json;

/// Which rule of [`Rules`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RuleId(usize);

/// All rules of a shape; they refer to each other by id, so that a type may contain itself.
#[derive(Debug, Default)]
pub(super) struct Rules {
    list: Vec<Rule>,
}

/// What a node must be.
#[derive(Debug, Default)]
pub(super) struct Rule {
    pub types: Types,
    pub format: String,
    /// The only values, from `enum` and `const`; empty where any will do.
    pub choices: Vec<Json>,
    pub properties: IndexMap<String, RuleId>,
    pub required: Vec<String>,
    pub others: Others,
    pub items: Option<RuleId>,
    /// The items of a tuple, one by one.
    pub tuple: Vec<RuleId>,
    /// How many items or entries.
    pub length: (usize, usize),
    /// The smallest and the largest number.
    pub range: (Option<f64>, Option<f64>),
    /// All of these hold as well.
    pub all: Vec<RuleId>,
    /// One of these holds as well; empty where there is no choice.
    pub any: Vec<RuleId>,
    pub description: String,
    pub default: Option<String>,
    /// The key that a scalar in the place of the mapping stands for (`x-short`).
    pub short: Option<String>,
    /// The key that a list in the place of the mapping stands for (`x-short-list`).
    pub short_list: Option<String>,
    /// Keys of which exactly one is written (`x-one-of`).
    pub verbs: Vec<String>,
}

/// What may stand under keys that are not properties.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Others {
    #[default]
    Anything,
    Nothing,
    Each(RuleId),
}

/// A set of JSON types; empty: any.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Types(pub u8);

impl Types {
    pub const NULL: Types = Types(1);
    pub const BOOL: Types = Types(2);
    pub const INTEGER: Types = Types(4);
    pub const NUMBER: Types = Types(8);
    pub const TEXT: Types = Types(16);
    pub const LIST: Types = Types(32);
    pub const MAP: Types = Types(64);

    /// Whether one of `others` is allowed.
    pub fn allow(self, others: Types) -> bool {
        self.0 == 0 || self.0 & others.0 != 0
    }

    /// Whether it is a set that has one of `others`.
    pub fn name(self, others: Types) -> bool {
        self.0 & others.0 != 0
    }

    fn of(name: &str) -> Types {
        match name {
            "null" => Types::NULL,
            "boolean" => Types::BOOL,
            "integer" => Types::INTEGER,
            "number" => Types::NUMBER,
            "string" => Types::TEXT,
            "array" => Types::LIST,
            "object" => Types::MAP,
            _ => Types(0),
        }
    }
}

impl Rules {
    pub fn get(&self, id: RuleId) -> &Rule {
        &self.list[id.0]
    }

    /// The rule that says which keys a mapping has: behind `allOf` and `Option`.
    pub fn mapping(&self, id: RuleId) -> Option<RuleId> {
        self.find(id, 0, &|rule| !rule.properties.is_empty() || matches!(rule.others, Others::Each(_)))
    }

    /// The rule of a list's items: behind `allOf` and `Option`.
    pub fn items(&self, id: RuleId) -> Option<RuleId> {
        let list = self.find(id, 0, &|rule| rule.items.is_some())?;
        self.get(list).items
    }

    fn find(&self, id: RuleId, depth: usize, wanted: &dyn Fn(&Rule) -> bool) -> Option<RuleId> {
        let rule = self.get(id);
        if wanted(rule) {
            return Some(id);
        }
        let inner = match (rule.all.as_slice(), self.not_null(rule).as_slice()) {
            ([only], []) | ([], [only]) => *only,
            _ => return None,
        };
        if depth > 16 { None } else { self.find(inner, depth + 1, wanted) }
    }

    /// The format of a scalar: behind `allOf` and `Option`.
    pub fn format(&self, id: RuleId) -> &str {
        self.find(id, 0, &|rule| !rule.format.is_empty()).map_or("", |id| &self.get(id).format)
    }

    /// The alternatives of a rule other than `null`.
    pub fn not_null(&self, rule: &Rule) -> Vec<RuleId> {
        rule.any.iter().copied().filter(|id| self.get(*id).types != Types::NULL).collect()
    }

    /// Whether `null` fits by itself.
    pub fn takes_null(&self, id: RuleId) -> bool {
        let rule = self.get(id);
        let alone = rule.types.name(Types::NULL) || rule.choices.iter().any(Json::is_null);
        alone || rule.any.iter().any(|id| self.get(*id).types == Types::NULL) || Rules::is_anything(rule)
    }

    fn is_anything(rule: &Rule) -> bool {
        rule.types == Types::default() && rule.any.is_empty() && rule.all.is_empty() && rule.choices.is_empty()
    }

    /// Which types fit, alternatives taken together; empty: any.
    pub fn types(&self, id: RuleId) -> Types {
        self.types_to(id, 0)
    }

    fn types_to(&self, id: RuleId, depth: usize) -> Types {
        let rule = self.get(id);
        if rule.types != Types::default() || depth > 16 {
            return rule.types;
        }
        let inner = |ids: &[RuleId]| {
            ids.iter().map(|id| self.types_to(*id, depth + 1)).try_fold(0, |all, types| match types {
                Types(0) => None,
                Types(bits) => Some(all | bits),
            })
        };
        match (rule.all.as_slice(), rule.any.as_slice()) {
            ([], []) if rule.choices.iter().all(Json::is_string) && !rule.choices.is_empty() => Types::TEXT,
            ([], any) | (any, []) => Types(inner(any).unwrap_or(0)),
            (all, any) => Types(inner(all).unwrap_or(0) & inner(any).unwrap_or(u8::MAX)),
        }
    }
}

/// Compiles a root schema.
pub(super) fn compile(schema: &Json) -> (Rules, RuleId) {
    let mut compiler = Compiler { root: schema, rules: Rules::default(), named: HashMap::new() };
    let root = compiler.rule(schema);
    (compiler.rules, root)
}

struct Compiler<'a> {
    root: &'a Json,
    rules: Rules,
    named: HashMap<&'a str, RuleId>,
}

impl<'a> Compiler<'a> {
    fn rule(&mut self, schema: &'a Json) -> RuleId {
        if let Some(name) = schema.get("$ref").and_then(Json::as_str) {
            return self.reference(name);
        }
        let id = self.reserve();
        self.fill(id, schema);
        id
    }

    fn reserve(&mut self) -> RuleId {
        self.rules.list.push(Rule::default());
        RuleId(self.rules.list.len() - 1)
    }

    fn reference(&mut self, name: &'a str) -> RuleId {
        if let Some(id) = self.named.get(name) {
            return *id;
        }
        let id = self.reserve();
        self.named.insert(name, id);
        // `#` alone is the root, `#/definitions/Name` a definition; anything else is not written by schemars.
        let target = name.strip_prefix('#').and_then(|pointer| self.root.pointer(pointer));
        match target {
            Some(target) if target.get("$ref").is_some() => {
                let inner = self.rule(target);
                self.rules.list[id.0].all.push(inner);
            }
            Some(target) => self.fill(id, target),
            None => {}
        }
        id
    }

    fn fill(&mut self, id: RuleId, schema: &'a Json) {
        let text = |key: &str| schema.get(key).and_then(Json::as_str).unwrap_or_default().to_owned();
        let count = |key: &str| schema.get(key).and_then(Json::as_u64).and_then(|count| usize::try_from(count).ok());
        let either = |list: &str, entries: &str| count(list).or_else(|| count(entries));
        let types = match schema.get("type") {
            Some(Json::String(name)) => Types::of(name),
            Some(Json::Array(names)) => {
                Types(names.iter().filter_map(Json::as_str).fold(0, |all, name| all | Types::of(name).0))
            }
            _ => Types::default(),
        };
        let mut choices: Vec<Json> = schema.get("enum").and_then(Json::as_array).cloned().unwrap_or_default();
        choices.extend(schema.get("const").cloned());
        let rule = Rule {
            types: if schema == &Json::Bool(false) { Types(128) } else { types },
            format: text("format"),
            choices,
            properties: self.properties(schema),
            required: strings(schema.get("required")),
            others: match schema.get("additionalProperties") {
                Some(Json::Bool(false)) => Others::Nothing,
                Some(Json::Bool(true)) | None => Others::Anything,
                Some(schema) => Others::Each(self.rule(schema)),
            },
            items: schema.get("items").filter(|items| !items.is_array()).map(|items| self.rule(items)),
            tuple: self.list(schema.get("items")),
            length: (
                either("minItems", "minProperties").unwrap_or(0),
                either("maxItems", "maxProperties").unwrap_or(usize::MAX),
            ),
            range: (schema.get("minimum").and_then(Json::as_f64), largest(schema)),
            all: self.list(schema.get("allOf")),
            any: self.list(schema.get("anyOf").or_else(|| schema.get("oneOf"))),
            description: text("description"),
            default: schema.get("default").filter(|default| !default.is_null()).map(Json::to_string),
            short: schema.get("x-short").and_then(Json::as_str).map(str::to_owned),
            short_list: schema.get("x-short-list").and_then(Json::as_str).map(str::to_owned),
            verbs: strings(schema.get("x-one-of")),
        };
        self.rules.list[id.0] = rule;
        self.inherit(id);
    }

    /// `allOf: [one]` is how draft-07 puts a description on a reference: take the description of the one, if need be.
    fn inherit(&mut self, id: RuleId) {
        let rule = &self.rules.list[id.0];
        let ([only], true) = (rule.all.as_slice(), rule.description.is_empty()) else { return };
        let description = self.rules.list[only.0].description.clone();
        self.rules.list[id.0].description = description;
    }

    fn properties(&mut self, schema: &'a Json) -> IndexMap<String, RuleId> {
        let Some(properties) = schema.get("properties").and_then(Json::as_object) else { return IndexMap::new() };
        properties.iter().map(|(name, schema)| (name.clone(), self.rule(schema))).collect()
    }

    fn list(&mut self, schemas: Option<&'a Json>) -> Vec<RuleId> {
        let Some(schemas) = schemas.and_then(Json::as_array) else { return Vec::new() };
        schemas.iter().map(|schema| self.rule(schema)).collect()
    }
}

fn strings(list: Option<&Json>) -> Vec<String> {
    let Some(list) = list.and_then(Json::as_array) else { return Vec::new() };
    list.iter().filter_map(Json::as_str).map(str::to_owned).collect()
}

/// `maximum`, or what the integer's width says.
fn largest(schema: &Json) -> Option<f64> {
    let written = schema.get("maximum").and_then(Json::as_f64);
    written.or_else(|| match schema.get("format")?.as_str()? {
        "uint16" => Some(f64::from(u16::MAX)),
        "uint32" => Some(f64::from(u32::MAX)),
        "int32" => Some(f64::from(i32::MAX)),
        _ => None,
    })
}
