//! A plan of one gate file alone, for `pipeline gate`: a stage that has no step, and no parts of the pipeline around it.

use std::sync::Arc;

use super::files::Files;
use super::stage_file::StageFile;
use crate::core::model::diagnostic::Diagnostics;
use crate::core::spec::name_problem;
use crate::core::yaml::template::{ESCAPED, OPEN};
use crate::core::yaml::{Node, Value};

/// A gate file, and values for its parameters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GateFile {
    /// The file, relative to the project's folder.
    pub path: String,
    /// Parameters in order; a value takes the type that the gate file's `params:` gives it.
    pub params: Vec<(String, String)>,
}

impl GateFile {
    /// The stage whose gate uses the file. It is written as a user would write it, so that all that can be wrong is
    /// reported as for a stage file.
    pub(super) fn stage(&self, files: &mut Files, out: &mut Diagnostics) -> Option<StageFile> {
        let stem = self.path.rsplit('/').next().unwrap_or_default().split('.').next().unwrap_or_default();
        let name = if name_problem(stem).is_none() { stem } else { "checked" };
        // As it was typed: the command line holds no templates.
        let literal = |text: &str| serde_json::Value::String(text.replace(OPEN, ESCAPED));
        let with: serde_json::Map<String, serde_json::Value> =
            self.params.iter().map(|(name, text)| (name.clone(), literal(text))).collect();
        let path = serde_json::Value::String(self.path.clone());
        let text = format!("stage: {name}\ngate:\n  - use: {path}\n    with: {}\n", serde_json::Value::Object(with));
        let node = files.take("command line", std::path::Path::new("command line"), Ok(text.into_bytes()), out)?;
        Some(StageFile { name: name.to_owned(), name_span: node.span, node: Arc::new(node) })
    }
}

/// A pipeline file without its own gate and its `finally`.
pub(super) fn bare(mut pipeline: Node) -> Node {
    if let Value::Map(entries) = &mut pipeline.value {
        entries.retain(|entry| !matches!(entry.key.as_str(), "gate" | "finally"));
    }
    pipeline
}
