//! Which file a program's name means: the lookup in PATH, remembered. Starts nothing.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::RwLock;

use crate::core::model::outcome::Fault;

/// PATH for an environment that has none.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What was found, by PATH and then by name. Only hits in absolute folders are kept: a step may install what another
/// one missed. A hit that is gone is forgotten by [`forget`].
static FOUND: RwLock<BTreeMap<OsString, BTreeMap<OsString, PathBuf>>> = RwLock::new(BTreeMap::new());

/// The absolute path of `name`, looked up in `path` where it has no slash, else relative to `dir`.
pub fn find(name: &OsStr, path: Option<&OsStr>, dir: &Path) -> Result<PathBuf, Fault> {
    if name.is_empty() {
        return Err(Fault::invalid("the command names no program"));
    }
    if name.as_bytes().contains(&b'/') {
        return Ok(dir.join(name));
    }
    let path = path.unwrap_or(OsStr::new(DEFAULT_PATH));
    if let Ok(found) = FOUND.read()
        && let Some(program) = found.get(path).and_then(|names| names.get(name))
    {
        return Ok(program.clone());
    }
    let program = look(name, path, dir).ok_or_else(|| missing(name, path))?;
    if !program.starts_with(dir)
        && let Ok(mut found) = FOUND.write()
    {
        found.entry(path.to_owned()).or_default().insert(name.to_owned(), program.clone());
    }
    Ok(program)
}

/// Forgets where `name` was found, because it is there no longer.
pub fn forget(name: &OsStr) {
    if let Ok(mut found) = FOUND.write() {
        for names in found.values_mut() {
            names.remove(name);
        }
    }
}

/// The first executable file; an empty folder in PATH means `dir`, as in a shell.
fn look(name: &OsStr, path: &OsStr, dir: &Path) -> Option<PathBuf> {
    path.as_bytes()
        .split(|byte| *byte == b':')
        .map(|folder| dir.join(OsString::from_vec(folder.to_vec())).join(name))
        .find(|file| is_executable(file))
}

/// Whether it is a file that may be executed.
pub fn is_executable(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(file).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

fn missing(name: &OsStr, path: &OsStr) -> Fault {
    let name = name.to_string_lossy();
    Fault::environment(format!("program `{name}` is not in PATH ({})", path.to_string_lossy()))
        .help(format!("install `{name}`, or write its path: ./{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn executable(folder: &Path, name: &str) -> PathBuf {
        let file = folder.join(name);
        std::fs::write(&file, "#!/bin/sh\n").expect("a scratch folder is writable");
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).expect("our own file");
        file
    }

    #[test]
    fn finds_the_first_executable_of_that_name() {
        let (first, second) = (tempfile::tempdir().expect("tmp"), tempfile::tempdir().expect("tmp"));
        std::fs::write(first.path().join("tool"), "not executable").expect("writable");
        let tool = executable(second.path(), "tool");
        let path = OsString::from(format!("{}:{}", first.path().display(), second.path().display()));
        assert_eq!(find(OsStr::new("tool"), Some(&path), Path::new("/nowhere")), Ok(tool));
    }

    #[test]
    fn a_name_with_a_slash_is_relative_to_the_folder() {
        assert_eq!(find(OsStr::new("./go.sh"), None, Path::new("/a/b")), Ok(PathBuf::from("/a/b/./go.sh")));
        assert_eq!(find(OsStr::new("/bin/sh"), None, Path::new("/a/b")), Ok(PathBuf::from("/bin/sh")));
    }

    #[test]
    fn says_which_program_is_missing_and_where_it_looked() {
        let fault = find(OsStr::new("no-such-tool"), Some(OsStr::new("/bin")), Path::new("/")).expect_err("not there");
        assert_eq!(fault.message, "program `no-such-tool` is not in PATH (/bin)");
        assert_eq!(fault.help.as_deref(), Some("install `no-such-tool`, or write its path: ./no-such-tool"));
    }

    #[test]
    fn a_program_installed_after_a_miss_is_found() {
        let folder = tempfile::tempdir().expect("tmp");
        let path = folder.path().as_os_str().to_owned();
        assert!(find(OsStr::new("late"), Some(&path), Path::new("/nowhere")).is_err());
        let late = executable(folder.path(), "late");
        assert_eq!(find(OsStr::new("late"), Some(&path), Path::new("/nowhere")), Ok(late));
    }
}
