//! The folder of the files that steps write their outputs to, and whether one may lie in it at all. Reads none.

use std::ffi::OsString;
use std::fmt::Write;
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::core::model::event::NodeId;

/// The time that an untouched folder shows: long past, so that whatever is made in it changes that.
const UNTOUCHED: Duration = Duration::from_secs(1);

/// The files `$PIPELINE_OUTPUT` of one run, each with a name that is its step's alone: what an earlier step left running
/// cannot write into a later one's. Most steps write none, and looking for a file that is not there costs a short step
/// more than asking an open folder when it was last changed.
#[derive(Debug)]
pub(crate) struct OutputFolder {
    path: PathBuf,
    /// The folder itself; nothing where its time does not tell, so that every file is looked for.
    untouched: Option<File>,
}

impl OutputFolder {
    /// Makes it (mode 0700) below `scratch`.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn make(scratch: &Path) -> io::Result<Self> {
        let path = scratch.join("outputs");
        DirBuilder::new().recursive(true).mode(0o700).create(&path)?;
        let untouched = watched(&path).ok().flatten();
        Ok(OutputFolder { path, untouched })
    }

    /// The file of a node.
    pub fn file(&self, node: NodeId) -> PathBuf {
        let mut file = OsString::with_capacity(self.path.as_os_str().len() + 20);
        file.push(&self.path);
        // writing to text cannot fail
        let _ = write!(file, "/{}.output", node.0);
        file.into()
    }

    /// Whether anything was ever made in it. The time is never set back: that could hide what another step has just
    /// written.
    pub fn may_hold_some(&self) -> bool {
        !self.untouched.as_ref().is_some_and(is_untouched)
    }
}

/// The folder with the time of an untouched one, if making a file in it changes that time: a file system may not tell.
fn watched(path: &Path) -> io::Result<Option<File>> {
    let (folder, probe) = (File::open(path)?, path.join("probe"));
    let reset = || folder.set_modified(SystemTime::UNIX_EPOCH + UNTOUCHED);
    reset()?;
    let before = is_untouched(&folder);
    File::create_new(&probe)?;
    let reported = before && !is_untouched(&folder);
    fs::remove_file(&probe)?;
    reset()?;
    Ok((reported && is_untouched(&folder)).then_some(folder))
}

/// Whether the folder is there still, and nothing was made in it.
fn is_untouched(folder: &File) -> bool {
    rustix::fs::fstat(folder)
        .is_ok_and(|found| found.st_nlink > 0 && u64::try_from(found.st_mtime) == Ok(UNTOUCHED.as_secs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_of_the_first_file_however_soon_it_comes() {
        for make in [
            (|path| fs::write(path, "a=1")) as fn(PathBuf) -> io::Result<()>,
            |path| std::os::unix::fs::symlink("/dev/zero", path),
            fs::create_dir,
            |path| fs::rename(path.parent().and_then(Path::parent).expect("scratch").join("drafted"), path),
        ] {
            let scratch = tempfile::tempdir().expect("a temporary folder");
            fs::write(scratch.path().join("drafted"), "a=1").expect("writable");
            let folder = OutputFolder::make(scratch.path()).expect("writable");
            assert!(folder.untouched.is_some(), "this file system tells");
            assert!(!folder.may_hold_some() && !folder.may_hold_some());
            make(folder.file(NodeId(7))).expect("writable");
            assert!(folder.may_hold_some());
            fs::rename(folder.file(NodeId(7)), scratch.path().join("away")).expect("writable");
            assert!(folder.may_hold_some(), "for good");
        }
    }

    #[test]
    fn one_that_was_put_in_its_place_is_looked_into() {
        let scratch = tempfile::tempdir().expect("a temporary folder");
        let folder = OutputFolder::make(scratch.path()).expect("writable");
        fs::remove_dir(&folder.path).expect("empty");
        fs::create_dir(&folder.path).expect("writable");
        assert!(folder.may_hold_some());
    }

    #[test]
    fn without_a_hint_every_file_is_looked_for() {
        let scratch = tempfile::tempdir().expect("a temporary folder");
        let folder = OutputFolder::make(scratch.path()).expect("writable");
        assert!(OutputFolder { untouched: None, ..folder }.may_hold_some());
    }
}
