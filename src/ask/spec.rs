//! Which tool is asked, as a user writes it: its name, or its name with options.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserializer, MapAccess, Visitor};

use super::{DockerAi, Kagent, KubectlAi, OpenAi};

/// The tool to ask.
#[derive(Debug, Clone, PartialEq)]
pub enum Tool {
    /// `kubectl-ai`.
    KubectlAi(KubectlAi),
    /// `kagent invoke`.
    Kagent(Kagent),
    /// `docker ai`.
    DockerAi(DockerAi),
    /// An OpenAI-compatible endpoint.
    OpenAi(OpenAi),
    /// Any program.
    Command(Vec<String>),
}

/// A tool with options: exactly one of them.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Options {
    /// `kubectl-ai`, which reads the cluster with kubectl; it may change nothing.
    #[serde(rename = "kubectl-ai")]
    kubectl_ai: Option<KubectlAi>,
    /// An agent of kagent in the cluster, by `kagent invoke`.
    kagent: Option<Kagent>,
    /// Docker AI (Gordon), by `docker ai`.
    #[serde(rename = "docker-ai")]
    docker_ai: Option<DockerAi>,
    /// Any OpenAI-compatible endpoint, asked directly; the state of the thing is gathered and sent along.
    openai: Option<OpenAi>,
    /// Any program: it reads the question on its standard input (or as `{question}` among its arguments) and prints
    /// the answer.
    command: Option<Vec<String>>,
}

impl Options {
    /// The one tool; how many there are where it is not one.
    fn tool(self) -> Result<Tool, usize> {
        let tools = [
            self.kubectl_ai.map(Tool::KubectlAi),
            self.kagent.map(Tool::Kagent),
            self.docker_ai.map(Tool::DockerAi),
            self.openai.map(Tool::OpenAi),
            self.command.map(Tool::Command),
        ];
        let mut tools: Vec<Tool> = tools.into_iter().flatten().collect();
        let count = tools.len();
        tools.pop().filter(|_| count == 1).ok_or(count)
    }
}

/// The names that stand alone.
const NAMES: [&str; 4] = ["kubectl-ai", "kagent", "docker-ai", "openai"];

impl Tool {
    /// Its name for reports.
    pub fn name(&self) -> &str {
        match self {
            Tool::KubectlAi(_) => NAMES[0],
            Tool::Kagent(_) => NAMES[1],
            Tool::DockerAi(_) => NAMES[2],
            Tool::OpenAi(_) => NAMES[3],
            Tool::Command(argv) => {
                argv.first().map_or("command", |program| program.rsplit('/').next().unwrap_or(program))
            }
        }
    }

    /// Whether it works on the cluster whatever it is asked.
    pub fn touches_cluster(&self) -> bool {
        matches!(self, Tool::KubectlAi(_) | Tool::Kagent(_))
    }

    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "kubectl-ai" => Tool::KubectlAi(KubectlAi::default()),
            "kagent" => Tool::Kagent(Kagent::default()),
            "docker-ai" => Tool::DockerAi(DockerAi::default()),
            "openai" => Tool::OpenAi(OpenAi::default()),
            _ => return None,
        })
    }
}

/// `tool: kubectl-ai`, or `tool: { kubectl-ai: { model: … } }`.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolSpec(pub Tool);

struct ToolVisitor;

impl<'de> Visitor<'de> for ToolVisitor {
    type Value = ToolSpec;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "one of {}, or one of them with options, or {{ command: [program] }}", NAMES.join(", "))
    }
    fn visit_str<E: de::Error>(self, name: &str) -> Result<ToolSpec, E> {
        Tool::named(name).map(ToolSpec).ok_or_else(|| E::custom(format!("`{name}` is none of {}", NAMES.join(", "))))
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ToolSpec, A::Error> {
        Options::deserialize(MapAccessDeserializer::new(map))?
            .tool()
            .map(ToolSpec)
            .map_err(|count| de::Error::custom(format!("it names {count} tools, expected exactly one")))
    }
}

impl<'de> Deserialize<'de> for ToolSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ToolVisitor)
    }
}

impl JsonSchema for ToolSpec {
    fn schema_name() -> Cow<'static, str> {
        "ToolSpec".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let options = generator.subschema_for::<Options>();
        json_schema!({ "anyOf": [{ "type": "string", "enum": NAMES }, options] })
    }
}
