//! The files below a folder, for those who search them all: symbolic links are not followed, the record of runs and
//! git's own store are left out. Knows nothing of what is searched for.

use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::command_context::CommandContext;
use crate::core::files::project::{look, problem};
use crate::core::model::outcome::Fault;
use crate::core::model::units::ByteSize;

/// Folders of a project that are never searched: git's own store, and the record of runs with the secrets kept for them.
const LEFT_OUT: [&str; 2] = [".git", ".pipeline"];
/// Files of one search before it is refused.
const LIMIT: usize = 1_000_000;
/// How long git may take to list the files.
const GIT_LIMIT: Duration = Duration::from_secs(60);
/// Folders in each other before one is refused.
const DEEPEST: usize = 40;

/// The files of the project: those that git has or would take in, where git knows the folder (what it ignores stays
/// with its owner); else all of them. Paths are relative to `project`, in order.
///
/// # Errors
/// [`Fault`] when a folder cannot be read.
pub async fn of_project(project: &Path, call: &CommandContext<'_>) -> Result<Vec<PathBuf>, Fault> {
    if let Some(known) = known_to_git(call).await {
        let is_file = |path: &PathBuf| project.join(path).symlink_metadata().is_ok_and(|found| found.is_file());
        let left_out = |path: &PathBuf| LEFT_OUT.iter().any(|name| path.starts_with(name));
        return Ok(known.into_iter().filter(|path| !left_out(path) && is_file(path)).collect());
    }
    all(project)
}

/// The files at and below `path`, relative to `project`, in order; `None` where nothing lies there.
///
/// # Errors
/// [`Fault`] when it leads out of the project, or a folder cannot be read.
pub fn at(project: &Path, path: &Path) -> Result<Option<Vec<PathBuf>>, Fault> {
    if let Some(problem) = problem(path) {
        return Err(Fault::invalid(problem).help("paths are relative to the folder of pipeline.yaml"));
    }
    let Some(there) = look(project, path)? else { return Ok(None) };
    if !there.is_folder {
        return Ok(Some(vec![path.to_owned()]));
    }
    let mut found = Vec::new();
    below(project, path, &mut found)?;
    Ok(Some(found))
}

/// Whether all of a file or folder that a tool is given lies in the project and is not too large: the tool follows symbolic
/// links, reads all there is, and knows no bounds of ours. What is not there at all is another's to tell.
///
/// # Errors
/// [`Fault`] of kind invalid that names what leads out, is no plain file, or that it is more than `limit` bytes.
pub fn leaves(project: &Path, path: &Path, limit: u64) -> Result<(), Fault> {
    let help = "keep what a pipeline uses inside the folder of pipeline.yaml";
    if let Some(problem) = problem(path) {
        return Err(Fault::invalid(problem).help(help));
    }
    let root = project.canonicalize().unwrap_or_else(|_| project.to_owned());
    let (mut waiting, mut bytes, mut count) = (vec![path.to_owned()], 0, 0);
    while let Some(path) = waiting.pop() {
        let Ok(real) = project.join(&path).canonicalize() else { continue };
        if !real.starts_with(&root) {
            let message = format!("`{}` leads out of the project by a symbolic link", path.display());
            return Err(Fault::invalid(message).help(help));
        }
        let Ok(found) = real.metadata() else { continue };
        count += 1;
        if found.is_file() {
            bytes += found.len();
        } else if !found.is_dir() {
            return Err(Fault::invalid(format!("`{}` is no plain file", path.display())));
        } else if path.components().count() > DEEPEST {
            return Err(Fault::invalid(format!("`{}` is too deep", path.display())).help("does a link lead back up?"));
        }
        if bytes > limit || count > LIMIT {
            let shown = ByteSize(limit);
            return Err(Fault::invalid(format!("`{}` and what is beside it are more than {shown}", path.display())));
        }
        if found.is_dir() {
            let entries = std::fs::read_dir(&real).into_iter().flatten().flatten();
            waiting.extend(entries.map(|entry| path.join(entry.file_name())));
        }
    }
    Ok(())
}

/// Every file below a folder, relative to it, in order.
///
/// # Errors
/// [`Fault`] when a folder cannot be read.
pub fn all(folder: &Path) -> Result<Vec<PathBuf>, Fault> {
    let mut found = Vec::new();
    below(folder, Path::new(""), &mut found)?;
    Ok(found)
}

fn below(project: &Path, start: &Path, found: &mut Vec<PathBuf>) -> Result<(), Fault> {
    let mut folders = vec![start.to_owned()];
    while let Some(folder) = folders.pop() {
        let unreadable = |error: io::Error| {
            Fault::unknown(format!("the folder `{}` cannot be read: {error}", project.join(&folder).display()))
        };
        for entry in std::fs::read_dir(project.join(&folder)).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let (path, kind) = (folder.join(entry.file_name()), entry.file_type().map_err(unreadable)?);
            if kind.is_dir() {
                if !LEFT_OUT.iter().any(|name| entry.file_name() == *name) {
                    folders.push(path);
                }
            } else if kind.is_file() {
                found.push(path);
            }
            if found.len() > LIMIT {
                return Err(Fault::unknown(format!("there are more than {LIMIT} files below `{}`", start.display())));
            }
        }
    }
    found.sort();
    Ok(())
}

/// What git has and would take in; `None` without git, or where the folder is none of git's.
async fn known_to_git(call: &CommandContext<'_>) -> Option<Vec<PathBuf>> {
    // a program that the repository's configuration names (`core.fsmonitor`) is not started
    let args = ["-c", "core.fsmonitor=false", "ls-files", "-z", "--cached", "--others", "--exclude-standard"];
    let git = call.command("git", args);
    let said = super::capture_within(&git, 256 << 20, &call.stop, GIT_LIMIT).await.ok()?;
    if said.code != Some(0) {
        return None;
    }
    // a part of the list is not the list: without all of it, the folder is walked
    let names = said.stdout.whole("git ls-files").ok()?.split(|byte| *byte == 0).filter(|name| !name.is_empty());
    let mut paths: Vec<PathBuf> = names.map(|name| std::ffi::OsStr::from_bytes(name).into()).collect();
    paths.sort();
    paths.dedup();
    Some(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project() -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("tmp");
        for (path, text) in [("b/c", "1"), ("a", "2"), (".git/x", "3"), (".pipeline/runs/y", "4"), ("b/.git/z", "5")] {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().expect("below")).expect("writable");
            std::fs::write(path, text).expect("writable");
        }
        std::os::unix::fs::symlink("/etc", folder.path().join("out")).expect("writable");
        std::os::unix::fs::symlink("/etc/passwd", folder.path().join("b/file")).expect("writable");
        folder
    }

    fn shown(paths: &[PathBuf]) -> Vec<String> {
        paths.iter().map(|path| path.display().to_string()).collect()
    }

    #[test]
    fn links_are_not_followed_and_git_and_the_record_are_left_out() {
        let folder = project();
        let mut found = Vec::new();
        below(folder.path(), Path::new(""), &mut found).expect("readable");
        assert_eq!(shown(&found), ["a", "b/c"]);
    }

    #[test]
    fn a_path_that_leads_out_is_refused() {
        let folder = project();
        assert_eq!(shown(&at(folder.path(), Path::new("b")).expect("readable").expect("there")), ["b/c"]);
        assert_eq!(at(folder.path(), Path::new("nowhere")).expect("readable"), None);
        let refused = |path: &str| at(folder.path(), Path::new(path)).expect_err("leads out").message;
        assert_eq!(refused("../x"), "`../x` leads out of the project's folder");
        assert_eq!(refused("out"), "`out` leads out of the project by a symbolic link");
    }
}
