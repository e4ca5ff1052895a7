//! A file that is there whole or not at all.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use super::open;

/// What becomes of a new file where the machine loses its power.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lasting {
    /// It may be lost: it is made again from other files.
    Rebuilt,
    /// It is on the disk when it has its name.
    Synced,
}

/// Writes a file beside `path`, for its owner alone, and gives it the name when all of it is written.
///
/// # Errors
/// The system's, or that of `write`: what had the name before has it still.
pub fn replace(
    path: &Path,
    lasting: Lasting,
    write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    let draft = path.with_file_name(name);
    let written = open::create(&draft).map(BufWriter::new).and_then(|mut out| {
        write(&mut out)?;
        out.flush()?;
        if lasting == Lasting::Synced { out.get_ref().sync_all() } else { Ok(()) }
    });
    written.and_then(|()| fs::rename(&draft, path)).inspect_err(|_| {
        let _ = fs::remove_file(&draft);
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_written_whole_changes_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("state.json");
        replace(&path, Lasting::Synced, |out| out.write_all(b"one")).expect("written");
        let failed = replace(&path, Lasting::Rebuilt, |out| {
            out.write_all(b"tw")?;
            Err(io::ErrorKind::StorageFull.into())
        });
        assert_eq!(failed.map_err(|error| error.kind()), Err(io::ErrorKind::StorageFull));
        assert_eq!(fs::read(&path).expect("there"), b"one");
        assert_eq!(fs::read_dir(folder.path()).expect("there").count(), 1, "no draft stays");
    }
}
