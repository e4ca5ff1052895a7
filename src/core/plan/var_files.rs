//! Values of vars from `--var-file`: YAML or JSON mappings, taken as they are written. Knows no type.

use std::path::PathBuf;

use indexmap::IndexMap;

use super::files::Files;
use crate::core::model::diagnostic::{Code, Diagnostic, Diagnostics, did_you_mean};
use crate::core::model::outcome::Fault;
use crate::core::spec::PipelineSpec;
use crate::core::yaml::{Node, Value, bytes_of};

/// The values by name; a later file wins over an earlier one. What is wrong in a file goes to `out`.
///
/// # Errors
/// [`Fault`] of kind invalid when a file cannot be read.
pub(super) fn read(
    paths: &[PathBuf],
    spec: &PipelineSpec,
    files: &mut Files,
    out: &mut Diagnostics,
) -> Result<IndexMap<String, Node>, Fault> {
    let mut found = IndexMap::new();
    for path in paths {
        let name = path.display().to_string();
        let bytes = bytes_of(path).map_err(|error| {
            Fault::invalid(format!("--var-file {name}: {error}")).help("give the path of a YAML or JSON file")
        })?;
        let Some(node) = files.take(&name, path, bytes, out) else { continue };
        if !matches!(node.value, Value::Map(_)) {
            let message = format!("a file of vars is {}, expected a mapping of names to values", node.type_name());
            out.push(Diagnostic::error(Code::WrongType, node.span, message).help("for example `replicas: 2`"));
        }
        for entry in node.entries() {
            if spec.vars.contains_key(&entry.key) {
                found.insert(entry.key.clone(), entry.node.clone());
                continue;
            }
            let help = did_you_mean(&entry.key, spec.vars.keys().map(String::as_str))
                .unwrap_or_else(|| format!("add `vars: {{ {}: … }}` to pipeline.yaml", entry.key));
            let message = format!("there is no var `{}`", entry.key);
            out.push(Diagnostic::error(Code::UnknownVar, entry.key_span, message).help(help));
        }
    }
    Ok(found)
}
