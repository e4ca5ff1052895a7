//! The files that a step needs as an archive: what its patterns name, with modes, folders and links inside the project.
//! Blocking; reads each file in parts.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use tar::{Builder, EntryType, Header};

use crate::core::files::{inputs, open};

/// The file that is there once all others are.
pub(super) const COMPLETE: &str = "io/files-complete";
/// Archives end at a multiple of this: some readers wait for a whole record.
const RECORD: u64 = 10_240;

/// Writes the archive.
///
/// # Errors
/// A file cannot be read or changes while it is read, or a link leads out of the project.
pub(super) fn pack(project: &Path, patterns: &[String], out: impl Write) -> io::Result<()> {
    let root = project.canonicalize()?;
    let mut archive = Builder::new(Counted::new(out));
    for path in paths(project, patterns)? {
        if let Some(entry) = Packed::of(&root, &path)? {
            entry.put_whole(&mut archive, &path)?;
        }
    }
    finish(archive)
}

/// What the patterns name, and what links among them lead to.
///
/// # Errors
/// As those of [`pack`].
pub(super) fn paths(project: &Path, patterns: &[String]) -> io::Result<BTreeSet<PathBuf>> {
    let root = project.canonicalize()?;
    let mut paths = BTreeSet::new();
    for path in inputs::list(project, patterns.iter().map(String::as_str))? {
        add(&root, &path, &mut paths)?;
    }
    Ok(paths)
}

/// Writes the entry that says that all is there, and fills the last record.
pub(super) fn finish(mut archive: Builder<Counted<impl Write>>) -> io::Result<()> {
    let mut header = Header::new_gnu();
    header.set_entry_type(EntryType::Regular);
    header.set_mode(0o644);
    header.set_size(0);
    archive.append_data(&mut header, COMPLETE, io::empty())?;
    let mut counted = archive.into_inner()?;
    let rest = (RECORD - counted.count % RECORD) % RECORD;
    io::copy(&mut io::repeat(0).take(rest), &mut counted)?;
    counted.flush()
}

/// Adds a path without links in its folders, and what a link leads to.
fn add(root: &Path, path: &Path, paths: &mut BTreeSet<PathBuf>) -> io::Result<()> {
    let whole = root.join(path);
    let (Some(parent), Some(name)) = (whole.parent(), whole.file_name()) else { return Ok(()) };
    let real = parent.canonicalize()?.join(name);
    let Ok(below) = real.strip_prefix(root) else { return Err(leads_out(path)) };
    if !paths.insert(below.to_owned()) {
        return Ok(());
    }
    if real.symlink_metadata()?.is_symlink() {
        match real.canonicalize() {
            Ok(target) => {
                let Ok(target) = target.strip_prefix(root) else { return Err(leads_out(path)) };
                add(root, target, paths)?;
            }
            // leads nowhere, here and there
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// A file, folder or link to be packed.
pub(super) struct Packed {
    name: PathBuf,
    header: Header,
    link: Option<PathBuf>,
    /// A file, and its size.
    pub file: Option<(fs::File, u64)>,
}

impl Packed {
    /// What is at `path`; none where nothing is.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn of(root: &Path, path: &Path) -> io::Result<Option<Self>> {
        let whole = root.join(path);
        let meta = match whole.symlink_metadata() {
            Ok(meta) => meta,
            // what is not there is not there for the step either
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(named(path, &error)),
        };
        let mut header = Header::new_gnu();
        header.set_mode(meta.mode() & 0o777);
        header.set_mtime(u64::try_from(meta.mtime()).unwrap_or(0));
        header.set_size(0);
        let mut packed = Packed { name: Path::new("work").join(path), header, link: None, file: None };
        if meta.is_symlink() {
            packed.header.set_entry_type(EntryType::Symlink);
            let target = fs::read_link(&whole)?;
            packed.link = Some(match target.strip_prefix(root) {
                Ok(below) => from(path.parent().unwrap_or(Path::new("")), below),
                Err(_) => target,
            });
        } else if meta.is_dir() {
            packed.header.set_entry_type(EntryType::Directory);
        } else {
            let file = open::open(&whole).map_err(|error| named(path, &error))?;
            let size = file.metadata()?.len();
            packed.header.set_entry_type(EntryType::Regular);
            packed.header.set_size(size);
            packed.file = Some((file, size));
        }
        Ok(Some(packed))
    }

    /// Writes it with its content.
    ///
    /// # Errors
    /// Reading or writing fails, or the file has become shorter.
    pub fn put_whole(mut self, archive: &mut Builder<impl Write>, path: &Path) -> io::Result<()> {
        let content = self.file.take().map(|(file, left)| Whole { file, left, path });
        self.put(archive, content)
    }

    /// Writes its header alone: what follows must be its content.
    ///
    /// # Errors
    /// Writing fails.
    pub fn put_header(self, archive: &mut Builder<impl Write>) -> io::Result<()> {
        self.put(archive, None::<io::Empty>)
    }

    fn put(mut self, archive: &mut Builder<impl Write>, content: Option<impl Read>) -> io::Result<()> {
        match (self.link, content) {
            (Some(target), _) => archive.append_link(&mut self.header, self.name, target),
            (None, Some(content)) => archive.append_data(&mut self.header, self.name, content),
            (None, None) => archive.append_data(&mut self.header, self.name, io::empty()),
        }
    }
}

/// Reads as many bytes as the file had, or fails.
pub(super) struct Whole<'p> {
    file: fs::File,
    left: u64,
    path: &'p Path,
}

impl Read for Whole<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            return Ok(0);
        }
        let most = into.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let read = self.file.read(&mut into[..most]).map_err(|error| named(self.path, &error))?;
        if read == 0 {
            return Err(io::Error::other(format!("`{}` became shorter while it was read", self.path.display())));
        }
        self.left -= read as u64;
        Ok(read)
    }
}

/// The way from a folder to a path, both below the same root.
fn from(folder: &Path, to: &Path) -> PathBuf {
    let (mut ours, mut theirs) = (folder.components().peekable(), to.components().peekable());
    while ours.peek().is_some() && ours.peek() == theirs.peek() {
        ours.next();
        theirs.next();
    }
    let way: PathBuf = ours.map(|_| Component::ParentDir).chain(theirs).collect();
    if way.as_os_str().is_empty() { PathBuf::from(".") } else { way }
}

fn leads_out(path: &Path) -> io::Error {
    io::Error::other(format!("`{}` leads out of the project", path.display()))
}

pub(super) fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("`{}`: {error}", path.display()))
}

/// Counts the bytes that are written.
pub(super) struct Counted<W> {
    out: W,
    count: u64,
}

impl<W> Counted<W> {
    /// None yet.
    pub fn new(out: W) -> Self {
        Counted { out, count: 0 }
    }
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.count += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn packed(project: &Path, patterns: &[&str]) -> io::Result<Vec<String>> {
        let patterns: Vec<String> = patterns.iter().map(|text| (*text).to_owned()).collect();
        let mut bytes = Vec::new();
        pack(project, &patterns, &mut bytes)?;
        assert_eq!(bytes.len() as u64 % RECORD, 0);
        let mut archive = tar::Archive::new(bytes.as_slice());
        let entries = archive.entries()?.map(|entry| {
            let entry = entry.expect("well formed");
            let header = entry.header();
            let link = entry.link_name().expect("a path").map(|to| format!(" -> {}", to.display())).unwrap_or_default();
            format!("{:o} {}{link}", header.mode().expect("a mode"), entry.path().expect("a path").display())
        });
        Ok(entries.collect())
    }

    #[test]
    fn modes_empty_folders_and_links_inside_the_project_go_along() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().canonicalize().expect("there");
        for dir in ["src", "src/empty", "lib"] {
            fs::create_dir(root.join(dir)).expect("made");
        }
        for (file, mode) in [("src/run.sh", 0o755), ("lib/a", 0o600)] {
            fs::write(root.join(file), file).expect("written");
            fs::set_permissions(root.join(file), fs::Permissions::from_mode(mode)).expect("set");
        }
        for dir in ["src", "src/empty", "lib"] {
            fs::set_permissions(root.join(dir), fs::Permissions::from_mode(0o755)).expect("set");
        }
        symlink("../lib", root.join("src/lib")).expect("a link");
        symlink(root.join("lib/a"), root.join("src/absolute")).expect("a link");
        let mut entries = packed(&root, &["src"]).expect("readable");
        assert_eq!(entries.pop().as_deref(), Some("644 io/files-complete"));
        let links: Vec<&String> = entries.iter().filter(|entry| entry.contains(" -> ")).collect();
        assert_eq!(links, ["777 work/src/absolute -> ../lib/a", "777 work/src/lib -> ../lib"]);
        for entry in ["755 work/src/run.sh", "755 work/src/empty", "600 work/lib/a"] {
            assert!(entries.iter().any(|found| found == entry), "no `{entry}` in {entries:?}");
        }
        assert!(!entries.iter().any(|entry| entry.contains("src/lib/")), "nothing behind a link: {entries:?}");
    }

    #[test]
    fn a_link_out_of_the_project_is_refused() {
        let (outside, folder) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        fs::write(outside.path().join("secret"), "x").expect("written");
        symlink(outside.path().join("secret"), folder.path().join("out")).expect("a link");
        let error = packed(folder.path(), &["out"]).expect_err("it leads out");
        assert!(error.to_string().contains("leads out of the project"), "{error}");
    }
}
