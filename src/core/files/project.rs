//! Files of the project as assertions see them: kind, size, mode, content, SHA-256.

use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};

use super::open;
use crate::core::model::outcome::Fault;

/// Bytes of a file that can be searched: 64 MiB.
pub const SEARCHED: u64 = 64 << 20;

/// What is at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Where.
    pub path: PathBuf,
    /// Whether it is a folder.
    pub is_folder: bool,
    /// Its kind in words: `a file`, `a pipe`.
    pub kind: &'static str,
    /// Whether it is a regular file, whose content can be read without waiting.
    pub is_plain: bool,
    /// Bytes, of a file.
    pub size: u64,
    /// The permission bits, `0o644`.
    pub mode: u32,
}

/// What is wrong with a path that must stay below the project.
pub fn problem(path: &Path) -> Option<String> {
    let mut depth = 0usize;
    for part in path.components() {
        match part {
            Component::Normal(_) => depth += 1,
            Component::CurDir => {}
            Component::ParentDir if depth > 0 => depth -= 1,
            _ => return Some(format!("`{}` leads out of the project's folder", path.display())),
        }
    }
    None
}

/// What is at `path` below `project`; `None` if nothing is.
///
/// # Errors
/// [`Fault`] when the path leads out of the project, by itself or by a symbolic link, or cannot be looked at.
pub fn look(project: &Path, path: &Path) -> Result<Option<Found>, Fault> {
    if let Some(problem) = problem(path) {
        return Err(Fault::invalid(problem).help("paths are relative to the folder of pipeline.yaml"));
    }
    let unreadable = |error: &io::Error| Fault::unknown(format!("`{}` cannot be looked at: {error}", path.display()));
    let whole = project.join(path);
    let real = match whole.canonicalize() {
        Ok(real) => real,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(unreadable(&error)),
    };
    if !real.starts_with(project.canonicalize().map_err(|error| unreadable(&error))?) {
        return Err(Fault::invalid(format!("`{}` leads out of the project by a symbolic link", path.display())));
    }
    let found = real.metadata().map_err(|error| unreadable(&error))?;
    Ok(Some(Found {
        is_folder: found.is_dir(),
        kind: open::kind_name(found.file_type()),
        is_plain: found.is_file(),
        size: found.len(),
        mode: found.permissions().mode() & 0o7777,
        path: real,
    }))
}

/// Where a file of the project is to be written. Its folder is made.
///
/// # Errors
/// [`Fault`] when the path leads out of the project, by itself or by a symbolic link, or its folder cannot be made.
pub fn place(project: &Path, path: &Path) -> Result<PathBuf, Fault> {
    if let Some(problem) = problem(path) {
        return Err(Fault::invalid(problem).help("paths are relative to the folder of pipeline.yaml"));
    }
    let whole = project.join(path);
    let unwritable = |error: &io::Error| Fault::unknown(format!("`{}` cannot be written: {error}", path.display()));
    let root = project.canonicalize().map_err(|error| unwritable(&error))?;
    // what is there already decides where the rest comes to lie
    let there = whole.ancestors().find(|part| part.symlink_metadata().is_ok()).unwrap_or(project);
    if !there.canonicalize().map_err(|error| unwritable(&error))?.starts_with(&root) {
        return Err(Fault::invalid(format!("`{}` leads out of the project by a symbolic link", path.display())));
    }
    whole.parent().map_or(Ok(()), std::fs::create_dir_all).map_err(|error| unwritable(&error))?;
    Ok(whole)
}

/// The whole content of a file.
///
/// # Errors
/// [`Fault`] when it cannot be read, or is larger than [`SEARCHED`].
pub fn read(found: &Found) -> Result<Vec<u8>, Fault> {
    let shown = found.path.display();
    if found.size > SEARCHED {
        return Err(Fault::invalid(format!(
            "`{shown}` is too large to be searched: {} bytes of {SEARCHED}",
            found.size
        )));
    }
    open::read(&found.path, SEARCHED).map_err(|error| Fault::unknown(format!("`{shown}` cannot be read: {error}")))
}

/// The SHA-256 of a file of any size, in hexadecimal.
///
/// # Errors
/// [`Fault`] when it cannot be read.
pub fn sha256(path: &Path) -> Result<String, Fault> {
    use std::fmt::Write;
    let unreadable = |error: io::Error| Fault::unknown(format!("`{}` cannot be read: {error}", path.display()));
    let mut file = open::open(path).map_err(unreadable)?;
    let mut digest = ring::digest::Context::new(&ring::digest::SHA256);
    let mut chunk = vec![0; 1 << 16];
    loop {
        match file.read(&mut chunk).map_err(unreadable)? {
            0 => break,
            count => digest.update(&chunk[..count]),
        }
    }
    let mut text = String::new();
    for byte in digest.finish().as_ref() {
        write!(text, "{byte:02x}").expect("text takes everything");
    }
    Ok(text)
}
