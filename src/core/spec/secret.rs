//! Where a secret's value comes from. Holds no value itself.

use schemars::JsonSchema;
use serde::Deserialize;

/// Where a secret comes from: exactly one of `env`, `file`, `command`, `generate`, `any`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-one-of" = ["env", "file", "command", "generate", "any"]))]
pub struct SecretSource {
    /// An environment variable of the process that runs the pipeline.
    #[serde(default)]
    pub env: Option<String>,
    /// A file, relative to the project's folder; a line end at its end is dropped.
    #[serde(default)]
    pub file: Option<String>,
    /// A program and its arguments; what it prints is the value, without the line end.
    #[serde(default)]
    pub command: Option<Vec<String>>,
    /// A fresh random text of this many letters and digits.
    #[serde(default)]
    #[schemars(range(min = 8, max = 4096))]
    pub generate: Option<u32>,
    /// With `generate`: the same value in later runs, kept in `.pipeline/secrets/` for the user alone.
    #[serde(default)]
    pub keep: bool,
    /// The first of these sources that has a value.
    #[serde(default)]
    pub any: Option<Vec<SecretSource>>,
}

impl SecretSource {
    /// The files it may come from, as written.
    pub fn files(&self) -> Vec<&str> {
        let below = self.any.iter().flatten().flat_map(SecretSource::files);
        self.file.as_deref().into_iter().chain(below).collect()
    }

    /// The environment variables it may come from.
    pub fn variables(&self) -> Vec<&str> {
        let below = self.any.iter().flatten().flat_map(SecretSource::variables);
        self.env.as_deref().into_iter().chain(below).collect()
    }

    /// What is wrong with it, if anything: not exactly one source, or an empty one.
    pub fn problem(&self) -> Option<String> {
        let given = [
            self.env.is_some(),
            self.file.is_some(),
            self.command.is_some(),
            self.generate.is_some(),
            self.any.is_some(),
        ];
        match given.iter().filter(|given| **given).count() {
            0 => return Some("names no source: one of `env`, `file`, `command`, `generate`, `any`".to_owned()),
            1 => {}
            _ => return Some("names several sources: use `any: [ … ]` to try one after the other".to_owned()),
        }
        if self.keep && self.generate.is_none() {
            return Some("has `keep` without `generate`".to_owned());
        }
        if self.command.as_ref().is_some_and(Vec::is_empty) {
            return Some("has an empty `command`".to_owned());
        }
        self.any.iter().flatten().find_map(SecretSource::problem)
    }
}
