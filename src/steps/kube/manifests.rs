//! Manifests of a step: files, folders and objects written in the step itself, in the order they stand.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::kind::ExistingPath;
use crate::outcome::Fault;

/// An object with the place it was written at.
#[derive(Debug, Clone, PartialEq)]
pub struct Manifest {
    /// The object.
    pub object: Value,
    /// The file, relative to the project; empty for objects written in the step.
    pub source: String,
}

/// Every object of the files and folders, then those written in the step.
///
/// # Errors
/// [`Fault`] of kind invalid that names the file.
pub fn read(project: &Path, files: &[ExistingPath], objects: &[Value]) -> Result<Vec<Manifest>, Fault> {
    let mut manifests = Vec::new();
    for path in files {
        for file in files_of(&path.below(project))? {
            let text = fs::read_to_string(&file)
                .map_err(|error| Fault::invalid(format!("{} cannot be read: {error}", shown(project, &file))))?;
            let source = shown(project, &file);
            let found = parse(&text).map_err(|why| Fault::invalid(format!("{source} is not a manifest: {why}")))?;
            manifests.extend(found.into_iter().map(|object| Manifest { object, source: source.clone() }));
        }
    }
    manifests.extend(objects.iter().map(|object| Manifest { object: object.clone(), source: String::new() }));
    if manifests.is_empty() {
        return Err(Fault::invalid("there is no object in these manifests")
            .help("a folder's own .yaml, .yml and .json files are read, not those of its subfolders"));
    }
    Ok(manifests)
}

fn shown(project: &Path, file: &Path) -> String {
    file.strip_prefix(project).unwrap_or(file).display().to_string()
}

/// The file itself, or the manifests of a folder by name; subfolders are left alone, as kubectl does.
fn files_of(path: &Path) -> Result<Vec<PathBuf>, Fault> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let unreadable = |error| Fault::invalid(format!("{} cannot be read: {error}", path.display()));
    let mut files = Vec::new();
    for entry in fs::read_dir(path).map_err(unreadable)? {
        let file = entry.map_err(unreadable)?.path();
        let is_manifest = matches!(file.extension().and_then(|ext| ext.to_str()), Some("yaml" | "yml" | "json"));
        if is_manifest && file.is_file() {
            files.push(file);
        }
    }
    files.sort();
    Ok(files)
}

fn parse(text: &str) -> Result<Vec<Value>, String> {
    let options = serde_saphyr::options! { legacy_octal_numbers: true };
    let documents: Vec<Value> =
        serde_saphyr::from_multiple_with_options(text, options).map_err(|error| error.without_snippet().to_string())?;
    documents.into_iter().filter(|document| !document.is_null()).map(checked).collect()
}

fn checked(object: Value) -> Result<Value, String> {
    for key in ["apiVersion", "kind"] {
        if object[key].as_str().is_none_or(str::is_empty) {
            return Err(format!("an object has no {key}"));
        }
    }
    Ok(object)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn reads_a_folders_manifests_by_name_and_keeps_octal_modes() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("written");
        write("b.yaml", "apiVersion: v1\nkind: B\nmode: 0644\n---\n# nothing\n---\napiVersion: v1\nkind: C\n");
        write("a.yml", "apiVersion: v1\nkind: A\n");
        write("README.md", "no manifest");
        let found = read(folder.path(), &[ExistingPath(".".into())], &[json!({ "kind": "D" })]).expect("readable");
        let objects: Vec<Value> = found.into_iter().map(|manifest| manifest.object).collect();
        assert_eq!(
            objects,
            [
                json!({ "apiVersion": "v1", "kind": "A" }),
                json!({ "apiVersion": "v1", "kind": "B", "mode": 420 }),
                json!({ "apiVersion": "v1", "kind": "C" }),
                json!({ "kind": "D" }),
            ]
        );
    }
}
