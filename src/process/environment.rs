//! A child's environment: as texts for the kernel, or, for std, as the difference from ours, which std copies faster than
//! it reads every variable again. Starts nothing.

use std::borrow::Cow;
use std::cell::Cell;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString, c_char};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::ptr::null;
use std::sync::{Arc, LazyLock, Weak};

use super::texts::Texts;

/// Our own, which nothing in this program changes.
static OURS: LazyLock<BTreeMap<OsString, OsString>> = LazyLock::new(|| std::env::vars_os().collect());

/// The folder that a program starts in, for itself, and the one before it: what the caller's are says nothing.
const FOLDERS: [&str; 2] = ["PWD", "OLDPWD"];

/// Gives `child` exactly the variables of `base` and of `own`, which win, for a start in `dir`.
pub fn give(child: &mut Command, base: &BTreeMap<String, String>, own: &BTreeMap<OsString, OsString>, dir: &Path) {
    for change in changes(&OURS, base) {
        match change {
            (name, Some(value)) => child.env(name, value),
            (name, None) => child.env_remove(name),
        };
    }
    child.envs(own);
    child.env(FOLDERS[0], written(dir).as_os_str()).env_remove(FOLDERS[1]);
}

/// A folder as `PWD` names it: absolute, without `.` and `..`; shells do not believe anything else.
fn written(dir: &Path) -> Cow<'_, Path> {
    let bytes = dir.as_os_str().as_bytes();
    let dotted =
        |bytes: &[u8]| memchr::memmem::find(bytes, b"/.").is_some() || memchr::memmem::find(bytes, b"//").is_some();
    if bytes.starts_with(b"/") && !dotted(bytes) {
        return Cow::Borrowed(dir);
    }
    let absolute = std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned());
    let climbs = absolute.components().any(|part| part == std::path::Component::ParentDir);
    let real = if climbs { absolute.canonicalize().ok() } else { None };
    Cow::Owned(real.unwrap_or_else(|| absolute.components().collect::<PathBuf>()))
}

/// Variables as `NAME=value` texts. Those that many children share are written down once for all that a thread starts.
pub struct Block {
    shared: Shared,
    own: Texts,
    /// Which of the shared ones a child has a value of its own for, by their order.
    hidden: Vec<usize>,
}

#[derive(Default)]
struct Shared {
    of: Weak<BTreeMap<String, String>>,
    #[expect(dead_code, reason = "holds what `list` points to")]
    texts: Texts,
    list: Vec<*const c_char>,
    /// Where [`FOLDERS`] are among them.
    folders: Vec<usize>,
}

thread_local! {
    /// What the last child of this thread shared with others.
    static LAST: Cell<Shared> = Cell::default();
}

impl Shared {
    fn new(base: &Arc<BTreeMap<String, String>>) -> io::Result<Self> {
        let mut texts = Texts::default();
        base.iter().try_for_each(|(name, value)| texts.add(&[name.as_bytes(), b"=", value.as_bytes()]))?;
        let folders = base.keys().enumerate().filter(|(_, name)| FOLDERS.contains(&name.as_str()));
        let folders = folders.map(|(at, _)| at).collect();
        Ok(Shared { of: Arc::downgrade(base), list: texts.pointers().collect(), texts, folders })
    }
}

impl Block {
    /// The variables of `base` and of `own`, which win, for a start in `dir`.
    ///
    /// # Errors
    /// Of kind [`io::ErrorKind::InvalidInput`] when there is a NUL in one.
    pub fn new(
        base: &Arc<BTreeMap<String, String>>,
        own: &BTreeMap<OsString, OsString>,
        dir: &Path,
    ) -> io::Result<Self> {
        let mut shared = LAST.take();
        // its texts are of a map that still lives, so no other can lie there
        if shared.of.strong_count() == 0 || !std::ptr::eq(shared.of.as_ptr(), Arc::as_ptr(base)) {
            shared = Shared::new(base)?;
        }
        let bytes: usize = own.iter().map(|(name, value)| name.len() + 1 + value.len()).sum();
        let dir = written(dir);
        let dir = dir.as_os_str().as_bytes();
        let mut texts = Texts::with_room(own.len() + 1, bytes + FOLDERS[0].len() + 1 + dir.len());
        let is_folder = |name: &OsString| FOLDERS.iter().any(|folder| name == folder);
        let mut others = own.iter().filter(|(name, _)| !is_folder(name));
        others.try_for_each(|(name, value)| texts.add(&[name.as_bytes(), b"=", value.as_bytes()]))?;
        texts.add(&[FOLDERS[0].as_bytes(), b"=", dir])?;
        let twice = own.keys().filter_map(|name| name.to_str()).filter(|name| base.contains_key(*name));
        let hidden = twice.filter_map(|name| base.keys().position(|other| other == name));
        let hidden = hidden.chain(shared.folders.iter().copied()).collect();
        Ok(Block { shared, own: texts, hidden })
    }

    /// Where each variable is, in no order, with a null at the end: valid as long as this block is.
    pub fn list(&self) -> Vec<*const c_char> {
        let mut list = Vec::with_capacity(self.shared.list.len() + self.own.pointers().len() + 1);
        list.extend_from_slice(&self.shared.list);
        for at in &self.hidden {
            list[*at] = null();
        }
        if !self.hidden.is_empty() {
            list.retain(|text| !text.is_null());
        }
        list.extend(self.own.pointers());
        list.push(null());
        list
    }

    /// Lets the next child of this thread use what is shared.
    pub fn give_back(self) {
        LAST.set(self.shared);
    }
}

/// What makes `ours` to `wanted`: values to set, names to take out. Both are sorted.
fn changes<'a>(
    ours: &'a BTreeMap<OsString, OsString>,
    wanted: &'a BTreeMap<String, String>,
) -> Vec<(&'a OsStr, Option<&'a OsStr>)> {
    let mut ours = ours.iter().map(|(name, value)| (name.as_os_str(), value.as_os_str())).peekable();
    let mut wanted = wanted.iter().map(|(name, value)| (OsStr::new(name), OsStr::new(value))).peekable();
    let mut changes = Vec::new();
    loop {
        let order = match (ours.peek(), wanted.peek()) {
            (None, None) => return changes,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some((our, _)), Some((want, _))) => our.cmp(want),
        };
        let our = if order == Ordering::Greater { None } else { ours.next() };
        let want = if order == Ordering::Less { None } else { wanted.next() };
        match (our, want) {
            (Some((name, _)), None) => changes.push((name, None)),
            (our, Some((name, value))) if our.is_none_or(|(_, ours)| ours != value) => {
                changes.push((name, Some(value)));
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_differences_are_written_down() {
        let ours = [("A", "1"), ("B", "2"), ("C", "3"), ("E", "5")].map(|(name, value)| (name.into(), value.into()));
        let wanted = [("B", "2"), ("C", "x"), ("D", "4"), ("F", "6")].map(|(name, value)| (name.into(), value.into()));
        let (ours, wanted) = (ours.into(), wanted.into());
        let reported: Vec<String> = changes(&ours, &wanted)
            .into_iter()
            .map(|(name, value)| format!("{}={}", name.display(), value.map_or("gone".into(), OsStr::to_string_lossy)))
            .collect();
        assert_eq!(reported, ["A=gone", "C=x", "D=4", "E=gone", "F=6"]);
    }

    #[test]
    fn a_folder_is_written_as_shells_take_it() {
        for (dir, shown) in [("/a/b", "/a/b"), ("/a/./b//c", "/a/b/c"), ("/usr/../usr", "/usr"), ("/", "/")] {
            assert_eq!(written(Path::new(dir)).to_str(), Some(shown));
        }
        assert!(written(Path::new("a")).is_absolute());
    }
}
