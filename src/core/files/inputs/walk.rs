//! Which files a pattern names below a project. Links to folders of the project are followed, each folder once; a link that
//! leads out of it is an error.

use std::collections::{BTreeSet, HashSet};
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use rustix::io::Errno;

use crate::core::files::glob::{Glob, Progress, characters, shown};

/// Folders that are never an input.
const PASSED_OVER: [&str; 2] = [".git", ".pipeline"];

/// What a pattern names, as paths relative to the project.
#[derive(Debug, Default)]
pub(super) struct Named {
    /// Files and links; the path itself where it is not a pattern and nothing is there.
    pub found: BTreeSet<PathBuf>,
    /// Links to folders that were followed: another target is another content.
    pub followed: BTreeSet<PathBuf>,
    /// Folders, links not followed. A folder has no content of its own: for who makes it elsewhere.
    pub folders: BTreeSet<PathBuf>,
}

/// Finds what a pattern names.
///
/// # Errors
/// A folder cannot be read, or a link leads out of the project.
pub(super) fn named(project: &Path, pattern: &str) -> io::Result<Named> {
    let plain: PathBuf = Path::new(pattern).components().filter(|part| *part != Component::CurDir).collect();
    let there = project.join(&plain).symlink_metadata();
    if let Err(error) = &there
        && !is_absent(error)
    {
        return Err(named_error(&plain, error));
    }
    let mut walk = Walk {
        project,
        root: project.canonicalize()?,
        glob: Glob::parse(pattern).map_err(io::Error::other)?,
        entered: HashSet::new(),
        named: Named::default(),
    };
    if there.is_ok() || !pattern.contains(['*', '?', '[', '{']) {
        walk.stays(&plain)?;
        walk.entry(&plain, &Want::All)?;
        if walk.named.found.is_empty() {
            walk.named.found.insert(plain);
        }
    } else {
        let start = walk.glob.start();
        walk.folder(Path::new(""), &Want::Matching(start))?;
    }
    Ok(walk.named)
}

/// Whether nothing is there, as opposed to something that cannot be read.
pub(super) fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// What is wanted of a folder's content.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Want {
    /// All of it.
    All,
    /// What the pattern names, after the names so far.
    Matching(Progress),
}

struct Walk<'p> {
    project: &'p Path,
    /// The project, without links.
    root: PathBuf,
    glob: Glob,
    /// Folders without links, and what was wanted of them: again the same would be found.
    entered: HashSet<(PathBuf, Want)>,
    named: Named,
}

impl Walk<'_> {
    /// A file, link or folder that is wanted itself, or may hold what is.
    fn entry(&mut self, path: &Path, want: &Want) -> io::Result<()> {
        let is_wanted = match want {
            Want::All => true,
            Want::Matching(progress) => self.glob.is_match(progress),
        };
        let whole = self.project.join(path);
        let meta = match whole.symlink_metadata() {
            Ok(meta) => meta,
            Err(error) if is_absent(&error) => return Ok(()),
            Err(error) => return Err(named_error(path, &error)),
        };
        if meta.is_dir() {
            let is_passed_over = path.file_name().is_some_and(|name| PASSED_OVER.iter().any(|passed| name == *passed));
            if is_wanted && !is_passed_over {
                self.named.folders.insert(path.to_owned());
            }
            return self.folder(path, want);
        }
        if !meta.is_symlink() {
            if is_wanted {
                self.named.found.insert(path.to_owned());
            }
            return Ok(());
        }
        let leads_to_folder = whole.is_dir();
        if is_wanted || leads_to_folder && !is_dead(want) {
            self.stays(path)?;
            let set = if is_wanted { &mut self.named.found } else { &mut self.named.followed };
            set.insert(path.to_owned());
        }
        if leads_to_folder && is_wanted {
            self.folder(path, &Want::All)?;
        }
        if leads_to_folder { self.folder(path, want) } else { Ok(()) }
    }

    /// The content of a folder, or of the folder that a link leads to.
    fn folder(&mut self, path: &Path, want: &Want) -> io::Result<()> {
        if is_dead(want) {
            return Ok(());
        }
        let whole = self.project.join(path);
        let real = whole.canonicalize().map_err(|error| named_error(path, &error))?;
        let below = real.strip_prefix(&self.root).unwrap_or(&real);
        let is_passed_over = below.components().any(|part| PASSED_OVER.iter().any(|name| part.as_os_str() == *name));
        if is_passed_over || !self.entered.insert((real, want.clone())) {
            return Ok(());
        }
        let entries = fs::read_dir(&whole).map_err(|error| named_error(path, &error))?;
        let names = entries.map(|entry| entry.map(|entry| entry.file_name())).collect::<io::Result<BTreeSet<_>>>();
        for name in names.map_err(|error| named_error(path, &error))? {
            if PASSED_OVER.iter().any(|passed| name == *passed) {
                continue;
            }
            let want = match want {
                Want::All => Want::All,
                Want::Matching(progress) => {
                    Want::Matching(self.glob.step(progress, &characters(name.as_encoded_bytes())))
                }
            };
            self.entry(&path.join(&name), &want)?;
        }
        Ok(())
    }

    /// Whether a path leads to something of the project; what is not there leads nowhere else.
    fn stays(&self, path: &Path) -> io::Result<()> {
        match self.project.join(path).canonicalize() {
            Ok(real) if real.starts_with(&self.root) => Ok(()),
            Ok(_) => {
                let path = shown(&characters(path.as_os_str().as_encoded_bytes()));
                Err(io::Error::other(format!("`{path}` leads out of the project, where changes are not noticed")))
            }
            Err(error) if is_absent(&error) || error.raw_os_error() == Some(Errno::LOOP.raw_os_error()) => Ok(()),
            Err(error) => Err(named_error(path, &error)),
        }
    }
}

fn is_dead(want: &Want) -> bool {
    matches!(want, Want::Matching(progress) if progress.is_dead())
}

fn named_error(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("`{}`: {error}", path.display()))
}
