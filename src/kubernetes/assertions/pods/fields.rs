//! The field types of the `pods` assertion: how many are ready, which probes, which resources.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};

use super::super::live::{Names, Wanted};
use crate::core::model::expect::Expect;
use crate::core::model::units::{Count, ScalarText};

/// How many pods are ready.
#[derive(Debug, Clone, PartialEq)]
pub enum Ready {
    /// Every one of them, and there is one.
    All,
    /// So many.
    Number(Expect<Count>),
}

impl Ready {
    /// Whether `ready` of `all` pods is as expected.
    pub fn holds(&self, ready: usize, all: usize) -> bool {
        match self {
            Ready::All => ready == all,
            Ready::Number(expect) => expect.holds(&super::measures::count(ready)),
        }
    }
}

impl fmt::Display for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ready::All => f.write_str("all"),
            Ready::Number(expect) => expect.fmt(f),
        }
    }
}

impl<'de> Deserialize<'de> for Ready {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = deserializer.deserialize_any(ScalarText)?;
        if text.trim() == "all" {
            return Ok(Ready::All);
        }
        Expect::parse(&text)
            .map(Ready::Number)
            .map_err(|_| de::Error::custom(format!("`{text}` is neither all nor a number such as 2 or \">= 2\"")))
    }
}

impl JsonSchema for Ready {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Ready".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "number"], "description": "all, a number, or an expectation of it" })
    }
}

/// Names of probes.
#[derive(Debug, Clone, PartialEq)]
pub struct Probes;

impl Names for Probes {
    const KNOWN: &'static [&'static str] = &["liveness", "readiness", "startup"];
    const ALL: &'static [&'static str] = &["liveness", "readiness"];
}

/// Names of resources.
#[derive(Debug, Clone, PartialEq)]
pub struct ResourceNames;

impl Names for ResourceNames {
    const KNOWN: &'static [&'static str] = &["cpu", "memory", "ephemeral-storage"];
    const ALL: &'static [&'static str] = &["cpu", "memory"];
}

/// Resource requests and limits every container has.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Resources {
    /// What is requested: `true` for cpu and memory, or a list (`[memory]`).
    pub requests: Option<Wanted<ResourceNames>>,
    /// What is limited: `true` for cpu and memory, or a list (`[memory]`).
    pub limits: Option<Wanted<ResourceNames>>,
}
