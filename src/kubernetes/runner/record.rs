//! The record of a run that comes back from its Pod: files and folders of `.pipeline/runs` and nothing else, all or none.
//! What comes is held to be hostile. Blocking.

use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Component, Path, PathBuf};

use tar::{Archive, EntryType};

use super::unpack::{Refused, copy, plain};
use crate::core::model::units::ByteSize;

/// Bytes that a record may have.
const LIMIT: u64 = 4 << 30;
/// Its files.
const MOST: usize = 1_000_000;
/// Where it is in the archive, and below the folder that takes it.
const RUNS: [&str; 2] = [".pipeline", "runs"];

/// What came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Record {
    /// The run's exit code, once it is over.
    pub code: Option<i32>,
}

/// Puts the record into `.pipeline/runs` below `into`, in the place of what was there.
///
/// # Errors
/// [`Refused`]: nothing was changed then.
pub(super) fn unpack_record(from: impl Read, into: &Path) -> Result<Record, Refused> {
    let parent = into.join(RUNS[0]);
    fs::create_dir_all(&parent).map_err(Refused::Unkept)?;
    let staging = tempfile::Builder::new().prefix("coming-").tempdir_in(&parent).map_err(Refused::Unkept)?;
    let mut archive = Archive::new(from);
    let (mut record, mut complete, mut left, mut count) = (Record::default(), false, LIMIT, 0);
    for entry in archive.entries().map_err(Refused::Broken)? {
        let mut entry = entry.map_err(Refused::Broken)?;
        let path = plain(&entry.path().map_err(Refused::Broken)?)?;
        match path.to_str() {
            Some("io/exit") => {
                let mut text = String::new();
                entry.by_ref().take(16).read_to_string(&mut text).map_err(Refused::Broken)?;
                record.code = text.trim().parse().ok();
                continue;
            }
            Some("io/artifacts-complete") => {
                complete = true;
                continue;
            }
            _ => {}
        }
        let below = below(&path)?;
        count += 1;
        let size = entry.header().size().map_err(Refused::Broken)?;
        left = left
            .checked_sub(size)
            .filter(|_| count <= MOST)
            .ok_or_else(|| Refused::Hostile(format!("the record has more than {} or {MOST} files", ByteSize(LIMIT))))?;
        let at = staging.path().join(&below);
        let mut folders = fs::DirBuilder::new();
        let folders = folders.recursive(true).mode(0o700);
        match entry.header().entry_type() {
            EntryType::Directory => folders.create(&at).map_err(Refused::Unkept)?,
            EntryType::Regular => {
                folders.create(at.parent().unwrap_or(staging.path())).map_err(Refused::Unkept)?;
                let mut options = fs::OpenOptions::new();
                let mut file = options.write(true).create_new(true).mode(0o600).open(&at).map_err(Refused::Unkept)?;
                copy(&mut entry, &mut file, size)?;
            }
            _ => return Err(Refused::Hostile(format!("`{}` of the record is not a file", path.display()))),
        }
    }
    if !complete {
        return Err(Refused::Broken(io::Error::new(io::ErrorKind::UnexpectedEof, "its end is missing")));
    }
    let runs = parent.join(RUNS[1]);
    let old = parent.join("before");
    let _ = fs::remove_dir_all(&old);
    match fs::rename(&runs, &old) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(Refused::Unkept(error)),
        _ => {}
    }
    fs::rename(staging.path(), &runs).map_err(Refused::Unkept)?;
    let _ = fs::remove_dir_all(&old);
    Ok(record)
}

/// The path below the folder of the runs.
fn below(path: &Path) -> Result<PathBuf, Refused> {
    let mut parts = path.components();
    let expected = ["work"].into_iter().chain(RUNS);
    let fits = expected.into_iter().all(|name| parts.next() == Some(Component::Normal(name.as_ref())));
    if fits {
        return Ok(parts.as_path().to_owned());
    }
    Err(Refused::Hostile(format!("`{}` is not of the record", path.display())))
}

#[cfg(test)]
mod tests {
    use tar::{Builder, Header};

    use super::*;

    fn archive(entries: &[(&str, EntryType, &[u8])]) -> Vec<u8> {
        let mut builder = Builder::new(Vec::new());
        for (name, kind, content) in entries {
            let mut header = Header::new_gnu();
            header.set_entry_type(*kind);
            header.set_mode(0o644);
            header.set_size(content.len() as u64);
            if *kind == EntryType::Symlink {
                header.set_link_name("/etc/passwd").expect("fits");
            }
            header.as_gnu_mut().expect("gnu").name[..name.len()].copy_from_slice(name.as_bytes());
            header.set_cksum();
            builder.append(&header, *content).expect("written");
        }
        builder.into_inner().expect("written")
    }

    const END: (&str, EntryType, &[u8]) = ("io/artifacts-complete", EntryType::Regular, b"");
    const EXIT: (&str, EntryType, &[u8]) = ("io/exit", EntryType::Regular, b"1");

    #[test]
    fn a_newer_record_takes_the_place_of_an_older_one() {
        let folder = tempfile::tempdir().expect("a folder");
        let journal = folder.path().join(".pipeline/runs/r1/journal.ndjson");
        let first = archive(&[("work/.pipeline/runs/r1/journal.ndjson", EntryType::Regular, b"one"), END]);
        assert_eq!(unpack_record(first.as_slice(), folder.path()).expect("taken"), Record { code: None });
        assert_eq!(fs::read(&journal).expect("there"), b"one");
        let entry = ("work/.pipeline/runs/r1/journal.ndjson", EntryType::Regular, &b"one two"[..]);
        let second = archive(&[EXIT, ("work/.pipeline/runs/", EntryType::Directory, b""), entry, END]);
        assert_eq!(unpack_record(second.as_slice(), folder.path()).expect("taken"), Record { code: Some(1) });
        assert_eq!(fs::read(&journal).expect("there"), b"one two");
        let cut = archive(&[EXIT, entry]);
        assert!(matches!(unpack_record(cut.as_slice(), folder.path()), Err(Refused::Broken(_))));
        assert_eq!(fs::read(&journal).expect("there"), b"one two", "a record without its end changes nothing");
    }

    #[test]
    fn what_is_not_of_the_record_is_refused() {
        for (name, kind) in [
            ("work/pipeline.yaml", EntryType::Regular),
            ("work/.pipeline/secrets/a", EntryType::Regular),
            ("work/.pipeline/runs/../secrets/a", EntryType::Regular),
            ("/work/.pipeline/runs/a", EntryType::Regular),
            ("work/.pipeline/runs/a", EntryType::Symlink),
            ("work/.pipeline/runs/a", EntryType::Fifo),
        ] {
            let folder = tempfile::tempdir().expect("a folder");
            let result = unpack_record(archive(&[(name, kind, b""), END]).as_slice(), folder.path());
            assert!(matches!(result, Err(Refused::Hostile(_))), "{name} {kind:?}: {result:?}");
            assert!(!folder.path().join(".pipeline/runs").exists(), "{name}");
        }
    }
}
