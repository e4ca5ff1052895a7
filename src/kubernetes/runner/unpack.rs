//! The archive that comes back from a container, which may be hostile: only files that the step's patterns name, none
//! outside of the project, all of them or none. Blocking; keeps no file in memory.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Component, Path, PathBuf};

use tar::{Archive, Entry, EntryType};

use crate::core::files::glob::{Glob, characters};
use crate::core::model::units::ByteSize;
use crate::process::Captured;

/// Bytes that all files together may have.
const LIMIT: u64 = 8 << 30;
/// Files, folders and links in all.
const MOST: usize = 1_000_000;
/// Bytes of `$PIPELINE_OUTPUT` that are read; a step's outputs may have fewer.
const OUTPUT_LIMIT: u64 = 2 << 20;
/// Folders that nothing is returned into.
const CLOSED: [&str; 2] = [".git", ".pipeline"];

/// What a container returned.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Returned {
    /// The exit code of its command.
    pub code: i32,
    /// What it wrote to `$PIPELINE_OUTPUT`.
    pub output: Vec<u8>,
    /// Files and links that came back.
    pub files: usize,
    /// What it printed, where its streams come back as files.
    pub stdout: Captured,
    /// The same of its standard error.
    pub stderr: Captured,
}

/// Why nothing was taken over.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refused {
    /// The stream ended early, or cannot be read: another one may be whole.
    #[error("the artifacts did not arrive whole: {0}")]
    Broken(io::Error),
    /// What it holds is not taken.
    #[error("{0}")]
    Hostile(String),
    /// This machine cannot keep it.
    #[error("the artifacts cannot be kept: {0}")]
    Unkept(io::Error),
}

/// Unpacks the archive into `staging`, and moves what the patterns name to the project when it was read to its end. Of
/// each stream of the command at most `streams` bytes are taken.
///
/// # Errors
/// [`Refused`]: nothing was taken over then, unless moving itself fails.
pub(super) fn unpack(
    from: impl Read,
    project: &Path,
    patterns: &[String],
    staging: &Path,
    streams: usize,
) -> Result<Returned, Refused> {
    let mut taking = Taking {
        globs: patterns.iter().map(|pattern| Glob::new(pattern.trim_start_matches("./"))).collect(),
        all: patterns.iter().any(|pattern| pattern == "."),
        staging,
        taken: BTreeSet::new(),
        folders: BTreeSet::new(),
        links: BTreeSet::new(),
        left: LIMIT,
    };
    let mut archive = Archive::new(from);
    let (mut returned, mut code, mut complete) = (Returned::default(), None, false);
    let entries = archive.entries().map_err(Refused::Broken)?;
    for entry in entries {
        let mut entry = entry.map_err(Refused::Broken)?;
        let path = plain(&entry.path().map_err(Refused::Broken)?)?;
        let mut parts = path.components();
        match (parts.next().and_then(|first| first.as_os_str().to_str()), parts.as_path().to_str()) {
            (Some("io"), Some("exit")) => {
                let mut text = String::new();
                entry.by_ref().take(16).read_to_string(&mut text).map_err(Refused::Broken)?;
                code = text.trim().parse().ok();
            }
            (Some("io"), Some("output")) => {
                entry.by_ref().take(OUTPUT_LIMIT).read_to_end(&mut returned.output).map_err(Refused::Broken)?;
            }
            (Some("io"), Some("stdout")) => returned.stdout = stream(&mut entry, streams)?,
            (Some("io"), Some("stderr")) => returned.stderr = stream(&mut entry, streams)?,
            (Some("io"), Some("artifacts-complete")) => complete = true,
            (Some("work"), _) => taking.take(parts.as_path(), &mut entry)?,
            _ => return Err(Refused::Hostile(format!("`{}` is not an artifact", path.display()))),
        }
    }
    let broken = |what: &str| Refused::Broken(io::Error::new(io::ErrorKind::UnexpectedEof, what.to_owned()));
    if !complete {
        return Err(broken("its end is missing"));
    }
    returned.code = code.ok_or_else(|| broken("the exit code is missing"))?;
    returned.files = taking.taken.len();
    taking.move_to(project)?;
    Ok(returned)
}

/// A stream of the command, up to a limit.
fn stream(entry: &mut impl Read, limit: usize) -> Result<Captured, Refused> {
    let mut captured = Captured::up_to(limit);
    let mut chunk = vec![0; 64 * 1024];
    while !captured.is_cut() {
        match entry.read(&mut chunk).map_err(Refused::Broken)? {
            0 => break,
            read => captured.extend(&chunk[..read]),
        }
    }
    Ok(captured)
}

/// A path of an archive, without `.`; none that is absolute or goes up.
pub(super) fn plain(path: &Path) -> Result<PathBuf, Refused> {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::Normal(name) => plain.push(name),
            Component::CurDir => {}
            _ => return Err(Refused::Hostile(format!("the artifact `{}` leads out of the project", path.display()))),
        }
    }
    Ok(plain)
}

struct Taking<'s> {
    globs: Vec<Glob>,
    all: bool,
    staging: &'s Path,
    taken: BTreeSet<PathBuf>,
    folders: BTreeSet<PathBuf>,
    links: BTreeSet<PathBuf>,
    left: u64,
}

impl Taking<'_> {
    fn is_named(&self, path: &Path) -> bool {
        let path = characters(path.as_os_str().as_encoded_bytes());
        self.all || self.globs.iter().any(|glob| glob.covers(&path))
    }

    fn take(&mut self, path: &Path, entry: &mut Entry<'_, impl Read>) -> Result<(), Refused> {
        if path.as_os_str().is_empty() || !self.is_named(path) {
            return Ok(());
        }
        let shown = path.display();
        if path.components().any(|part| CLOSED.iter().any(|name| part.as_os_str() == *name)) {
            return Err(Refused::Hostile(format!(
                "the artifact `{shown}` is in a folder that nothing is returned into"
            )));
        }
        if path.ancestors().skip(1).any(|above| self.links.contains(above)) {
            return Err(Refused::Hostile(format!("the artifact `{shown}` is behind a link that came with it")));
        }
        if self.taken.len() + self.folders.len() >= MOST {
            return Err(Refused::Hostile(format!("there are more than {MOST} artifacts")));
        }
        let at = self.staging.join(path);
        let parent = at.parent().unwrap_or(self.staging);
        fs::create_dir_all(parent).map_err(Refused::Unkept)?;
        if self.taken.contains(path) {
            fs::remove_file(&at).map_err(Refused::Unkept)?;
            self.links.remove(path);
        }
        match entry.header().entry_type() {
            EntryType::Directory => {
                fs::create_dir_all(&at).map_err(Refused::Unkept)?;
                self.folders.insert(path.to_owned());
                return Ok(());
            }
            EntryType::Regular | EntryType::Continuous => self.file(&at, entry)?,
            EntryType::Symlink => {
                let target = entry.link_name().map_err(Refused::Broken)?.unwrap_or_default().into_owned();
                if !stays(path, &target) {
                    let target = target.display();
                    return Err(Refused::Hostile(format!(
                        "the artifact `{shown}` is a link to `{target}`, out of the project"
                    )));
                }
                symlink(&target, &at).map_err(Refused::Unkept)?;
                self.links.insert(path.to_owned());
            }
            EntryType::Link => {
                let target = entry.link_name().map_err(Refused::Broken)?.unwrap_or_default().into_owned();
                let target = plain(&target)?;
                let known = target.strip_prefix("work").ok().filter(|known| self.taken.contains(*known));
                let known = known.filter(|known| !self.links.contains(*known));
                let Some(known) = known else {
                    return Err(Refused::Hostile(format!(
                        "the artifact `{shown}` is a link to a file that is not one"
                    )));
                };
                fs::copy(self.staging.join(known), &at).map_err(Refused::Unkept)?;
            }
            _ => return Err(Refused::Hostile(format!("the artifact `{shown}` is a device, a pipe or a socket"))),
        }
        self.taken.insert(path.to_owned());
        Ok(())
    }

    fn file(&mut self, at: &Path, entry: &mut Entry<'_, impl Read>) -> Result<(), Refused> {
        let size = entry.header().size().map_err(Refused::Broken)?;
        self.left = self
            .left
            .checked_sub(size)
            .ok_or_else(|| Refused::Hostile(format!("the artifacts have more than {}", ByteSize(LIMIT))))?;
        let mode = entry.header().mode().unwrap_or(0o644) & 0o777;
        let mut options = fs::OpenOptions::new();
        let mut file = options.write(true).create_new(true).mode(mode | 0o200).open(at).map_err(Refused::Unkept)?;
        copy(entry, &mut file, size)?;
        file.set_permissions(fs::Permissions::from_mode(mode)).map_err(Refused::Unkept)
    }

    /// Moves everything to its place. A file is replaced as a whole; a link of the project is never followed out of it.
    fn move_to(&self, project: &Path) -> Result<(), Refused> {
        let root = project.canonicalize().map_err(Refused::Unkept)?;
        for path in &self.folders {
            folder(&root, path)?;
        }
        for path in &self.taken {
            let parent = folder(&root, path.parent().unwrap_or(Path::new("")))?;
            let target = parent.join(path.file_name().unwrap_or_default());
            fs::rename(self.staging.join(path), &target).map_err(Refused::Unkept)?;
        }
        Ok(())
    }
}

/// Copies a file of `size` bytes: what cannot be read may come whole another time, what cannot be written will not.
pub(super) fn copy(from: &mut impl Read, to: &mut impl Write, size: u64) -> Result<(), Refused> {
    let mut chunk = vec![0; 64 * 1024];
    let mut copied = 0;
    loop {
        match from.read(&mut chunk).map_err(Refused::Broken)? {
            0 => break,
            read => {
                to.write_all(&chunk[..read]).map_err(Refused::Unkept)?;
                copied += read as u64;
            }
        }
    }
    if copied == size { Ok(()) } else { Err(Refused::Broken(io::ErrorKind::UnexpectedEof.into())) }
}

/// A folder of the project, made where it is not there.
fn folder(root: &Path, path: &Path) -> Result<PathBuf, Refused> {
    let mut at = root.to_owned();
    for part in path.components() {
        at.push(part);
        match at.symlink_metadata() {
            Ok(meta) if meta.is_symlink() => {
                let real = at.canonicalize().map_err(Refused::Unkept)?;
                if !real.starts_with(root) {
                    return Err(Refused::Hostile(format!("`{}` leads out of the project", path.display())));
                }
                at = real;
            }
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => fs::create_dir(&at).map_err(Refused::Unkept)?,
            Err(error) => return Err(Refused::Unkept(error)),
        }
    }
    Ok(at)
}

/// Whether a link at `path` to `target` leads to a path of the project.
fn stays(path: &Path, target: &Path) -> bool {
    let mut depth = path.components().count().saturating_sub(1);
    for part in target.components() {
        match part {
            Component::Normal(_) => depth += 1,
            Component::CurDir => {}
            Component::ParentDir if depth > 0 => depth -= 1,
            _ => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests;
