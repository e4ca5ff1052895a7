//! Manifests of a step: its files and folders, then the objects written in the step itself.

use std::path::Path;

use serde_json::Value;

use crate::core::kind::ExistingPath;
use crate::core::model::namespace::refuse_system_namespace;
use crate::core::model::outcome::Fault;
use crate::core::yaml::manifests;
use crate::kubernetes::apply::metadata_fault;

/// An object with the place it was written at.
#[derive(Debug, Clone, PartialEq)]
pub struct Manifest {
    /// The object.
    pub object: Value,
    /// File and line, the file relative to the project; empty for objects written in the step.
    pub place: String,
}

/// Every object of the files and folders, then those written in the step.
///
/// # Errors
/// [`Fault`] of kind invalid that names the file.
pub fn read(project: &Path, files: &[ExistingPath], objects: &[Value]) -> Result<Vec<Manifest>, Fault> {
    let mut all = Vec::new();
    for path in files {
        let found = manifests::read(&path.below(project), project).map_err(|mut error| {
            error.source = relative(project, &error.source).to_owned();
            Fault::invalid(error.to_string())
        })?;
        all.extend(found.into_iter().map(|manifest| Manifest {
            place: format!("{}:{}", relative(project, &manifest.source).display(), manifest.line),
            object: manifest.object,
        }));
    }
    all.extend(objects.iter().map(|object| Manifest { object: object.clone(), place: String::new() }));
    if all.is_empty() {
        return Err(Fault::invalid("there is no object in these manifests"));
    }
    Ok(all)
}

/// Whether a file or folder can be applied, as far as is known without a cluster.
///
/// # Errors
/// [`Fault`] that names file and line: it is no manifest, or touches a system namespace.
pub fn checked(project: &Path, file: &ExistingPath) -> Result<(), Fault> {
    for manifest in read(project, std::slice::from_ref(file), &[])? {
        let meta = &manifest.object["metadata"];
        let own = if manifest.object["kind"] == "Namespace" { &meta["name"] } else { &meta["namespace"] };
        if let Err(fault) = refuse_system_namespace(own.as_str().unwrap_or_default()) {
            return Err(Fault { message: format!("{}: {}", manifest.place, fault.message), ..fault });
        }
        if let Some((message, help)) = metadata_fault(&manifest.object) {
            return Err(Fault::invalid(format!("{}: {message}", manifest.place)).help(help));
        }
    }
    Ok(())
}

fn relative<'a>(project: &Path, file: &'a Path) -> &'a Path {
    file.strip_prefix(project).unwrap_or(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::fs;

    #[test]
    fn files_come_first_with_their_places_then_the_objects_of_the_step() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("written");
        write("b.yaml", "apiVersion: v1\nkind: B\nmode: 0644\n---\napiVersion: v1\nkind: C\n");
        write("a.yml", "apiVersion: v1\nkind: A\n");
        let files = [ExistingPath("b.yaml".into()), ExistingPath("a.yml".into())];
        let found = read(folder.path(), &files, &[json!({ "kind": "D" })]).expect("readable");
        let found: Vec<_> = found.iter().map(|one| (one.place.as_str(), one.object["kind"].as_str())).collect();
        assert_eq!(found, [("b.yaml:1", Some("B")), ("b.yaml:5", Some("C")), ("a.yml:1", Some("A")), ("", Some("D"))]);
    }

    #[test]
    fn a_manifest_of_a_system_namespace_is_refused_with_its_place() {
        let folder = tempfile::tempdir().expect("a folder");
        let text = "apiVersion: v1\nkind: A\nmetadata: { name: a, namespace: kube-system }\n";
        fs::write(folder.path().join("x.yaml"), text).expect("written");
        let fault = checked(folder.path(), &ExistingPath("x.yaml".into())).expect_err("refused");
        assert_eq!(
            fault.message,
            "x.yaml:1: namespace \"kube-system\" belongs to the cluster itself and is never touched"
        );
    }

    #[test]
    fn a_file_that_is_no_manifest_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("x.yaml"), "kind: A\n").expect("written");
        let fault = read(folder.path(), &[ExistingPath("x.yaml".into())], &[]).expect_err("no apiVersion");
        assert!(fault.message.starts_with("x.yaml:1: "), "{fault}");
    }
}
