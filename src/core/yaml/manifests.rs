//! Kubernetes manifests: YAML or JSON, many documents a file, many files a folder. Reads them as `kubectl` does
//! (`defaultMode: 0644` is octal, `yes` is true), or refuses them. Knows objects; no cluster and no schema.

mod chunks;
pub(crate) mod scalar;
mod tree;
mod yaml;

mod foreign;

use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// How many documents one call reads.
pub const MAX_DOCUMENTS: usize = 10_000;

/// How many bytes one call reads, over all files.
pub const MAX_BYTES: u64 = 50_000_000;

/// How deep folders and lists may stand in each other.
const MAX_FOLDERS: usize = 32;

/// One object of a manifest file.
#[derive(Debug, Clone, PartialEq)]
pub struct Manifest {
    /// The object: a map that has `apiVersion` and `kind`.
    pub object: Value,
    /// The file it is in.
    pub source: PathBuf,
    /// The line it starts at, from 1; objects of a `List` carry the line of the list.
    pub line: usize,
}

impl Manifest {
    /// `apps/v1`.
    pub fn api_version(&self) -> &str {
        self.text("/apiVersion")
    }

    /// `Deployment`.
    pub fn kind(&self) -> &str {
        self.text("/kind")
    }

    /// `metadata.name`; empty if only `generateName` is given.
    pub fn name(&self) -> &str {
        self.text("/metadata/name")
    }

    /// `metadata.namespace`.
    pub fn namespace(&self) -> Option<&str> {
        self.object.pointer("/metadata/namespace").and_then(Value::as_str)
    }

    fn text(&self, pointer: &str) -> &str {
        self.object.pointer(pointer).and_then(Value::as_str).unwrap_or("")
    }
}

impl fmt::Display for Manifest {
    /// `deployment/backend`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind().to_lowercase(), self.name())
    }
}

/// Why a file holds no manifests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestError {
    /// The file or folder.
    pub source: PathBuf,
    /// The line, from 1, where one is to blame.
    pub line: Option<usize>,
    /// One lower-case sentence.
    pub message: String,
}

impl fmt::Display for ManifestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.source.display(), self.message),
            None => write!(f, "{}: {}", self.source.display(), self.message),
        }
    }
}

impl std::error::Error for ManifestError {}

/// All manifests of a file, or of a folder and those in it: `*.yaml`, `*.yml` and `*.json`, sorted by path. Symbolic links are
/// followed as long as they stay below `root`.
///
/// # Errors
/// The path does not exist, leads out of `root` or is no plain file, a folder holds no manifest file, a file is not UTF-8, too much of it, or those of [`parse`].
pub fn read(path: &Path, root: &Path) -> Result<Vec<Manifest>, ManifestError> {
    let mut files = Vec::new();
    let root = &root.canonicalize().map_err(|error| unreadable(root, &error))?;
    if is_folder(path, root)? {
        collect(path, root, 0, &mut files)?;
        if files.is_empty() {
            return Err(refuse(path, None, "the folder holds no *.yaml, *.yml or *.json file"));
        }
        files.sort();
    } else {
        files.push(path.to_owned());
    }
    let (mut manifests, mut bytes) = (Vec::new(), 0);
    for file in files {
        if let Some(why) = foreign::file(&file) {
            return Err(refuse(&file, None, why));
        }
        let found = std::fs::metadata(&file).map_err(|error| unreadable(&file, &error))?;
        if !found.is_file() {
            return Err(refuse(&file, None, "it is no plain file"));
        }
        bytes += found.len();
        if bytes > MAX_BYTES {
            return Err(refuse(path, None, format!("more than {} MB of manifests", MAX_BYTES / 1_000_000)));
        }
        let mut text = Vec::new();
        let opened = std::fs::File::open(&file).and_then(|open| open.take(MAX_BYTES).read_to_end(&mut text));
        opened.map_err(|error| unreadable(&file, &error))?;
        let text = String::from_utf8(text).map_err(|_| refuse(&file, None, "the file is not UTF-8 text"))?;
        manifests.extend(parse(&text, &file)?);
        if manifests.len() > MAX_DOCUMENTS {
            return Err(refuse(path, None, format!("more than {MAX_DOCUMENTS} objects")));
        }
    }
    Ok(manifests)
}

/// All manifests of a text; `source` says where it is from. Empty documents are left out, lists (`kind: List`) are taken
/// apart.
///
/// # Errors
/// Not well-formed, a document that is no object, or one without `apiVersion` or `kind`.
pub fn parse(text: &str, source: &Path) -> Result<Vec<Manifest>, ManifestError> {
    if text.len() as u64 > MAX_BYTES {
        return Err(refuse(source, None, format!("more than {} MB of manifests", MAX_BYTES / 1_000_000)));
    }
    let documents = chunks::documents(text, source)?;
    let mut manifests = Vec::new();
    for (line, object) in documents {
        take_apart(Manifest { object, source: source.to_owned(), line }, 0, &mut manifests)?;
    }
    Ok(manifests)
}

/// Puts an object, or the objects of a list, into `out`.
fn take_apart(mut manifest: Manifest, depth: usize, out: &mut Vec<Manifest>) -> Result<(), ManifestError> {
    let here = |message: String| refuse(&manifest.source, Some(manifest.line), message);
    let Value::Object(fields) = &manifest.object else {
        return Err(here("expected an object with `apiVersion` and `kind`, found something else".to_owned()));
    };
    for key in ["apiVersion", "kind"] {
        match fields.get(key) {
            Some(Value::String(text)) if !text.is_empty() => {}
            Some(_) => return Err(here(format!("`{key}` is not a text"))),
            None => return Err(here(format!("the object has no `{key}`; expected `apiVersion` and `kind`"))),
        }
    }
    if let Some(why) = foreign::object(manifest.api_version(), &manifest.source) {
        return Err(here(why));
    }
    match fields.get("items") {
        None => {
            out.push(manifest);
            return Ok(());
        }
        Some(Value::Array(_) | Value::Null) if manifest.kind().ends_with("List") => {}
        // kubectl takes everything that has `items` for a list.
        Some(Value::Array(_) | Value::Null) => {
            return Err(here(format!(
                "a `{}` with `items` at its top; only a kind that ends in `List` has them",
                manifest.kind()
            )));
        }
        Some(_) => return Err(here("`items` is not a list".to_owned())),
    }
    if depth >= MAX_FOLDERS {
        return Err(here(format!("lists stand in each other deeper than {MAX_FOLDERS} levels")));
    }
    let kind = manifest.kind().trim_end_matches("List").to_owned();
    let api_version = manifest.api_version().to_owned();
    let Some(Value::Array(items)) = manifest.object.get_mut("items").map(Value::take) else { return Ok(()) };
    for mut object in items {
        // The objects of a typed list (`PodList`) may leave out both that the list says.
        if let Value::Object(fields) = &mut object
            && !kind.is_empty()
            && depth == 0
            && !fields.contains_key("apiVersion")
            && !fields.contains_key("kind")
        {
            fields.insert("apiVersion".to_owned(), api_version.clone().into());
            fields.insert("kind".to_owned(), kind.clone().into());
        }
        take_apart(Manifest { object, source: manifest.source.clone(), line: manifest.line }, depth + 1, out)?;
    }
    Ok(())
}

fn is_folder(path: &Path, root: &Path) -> Result<bool, ManifestError> {
    let real = path.canonicalize().map_err(|error| unreadable(path, &error))?;
    if !real.starts_with(root) {
        return Err(refuse(path, None, "it leads out of the project by a symbolic link"));
    }
    Ok(real.is_dir())
}

/// The manifest files below a folder; those whose name starts with a dot are left out.
fn collect(folder: &Path, root: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<(), ManifestError> {
    if depth >= MAX_FOLDERS {
        return Err(refuse(folder, None, format!("folders stand in each other deeper than {MAX_FOLDERS} levels")));
    }
    for entry in std::fs::read_dir(folder).map_err(|error| unreadable(folder, &error))? {
        let path = entry.map_err(|error| unreadable(folder, &error))?.path();
        let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if hidden {
            continue;
        }
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or("").to_ascii_lowercase();
        if is_folder(&path, root)? {
            collect(&path, root, depth + 1, files)?;
        } else if matches!(ending.as_str(), "yaml" | "yml" | "json") {
            files.push(path);
        }
        if files.len() > MAX_DOCUMENTS {
            return Err(refuse(folder, None, format!("more than {MAX_DOCUMENTS} files")));
        }
    }
    Ok(())
}

fn refuse(source: &Path, line: Option<usize>, message: impl Into<String>) -> ManifestError {
    ManifestError { source: source.to_owned(), line, message: message.into() }
}

fn unreadable(path: &Path, error: &std::io::Error) -> ManifestError {
    let message = match error.kind() {
        std::io::ErrorKind::NotFound => "no such file or folder".to_owned(),
        std::io::ErrorKind::PermissionDenied => "may not be read".to_owned(),
        _ => format!("cannot be read: {error}"),
    };
    refuse(path, None, message)
}

#[cfg(test)]
mod tests;
