//! The content that a step depends on, as one digest: files, folders and patterns below the project. Knows no step.

mod walk;

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::glob::Glob;
use super::project;

/// What is wrong with a pattern: it leads out of the project, or cannot be read.
pub fn problem(pattern: &str) -> Option<String> {
    if pattern.trim().is_empty() {
        return Some("an empty text names no file".to_owned());
    }
    let unreadable = |why| format!("`{pattern}` is not a pattern that can be read: {why}");
    project::problem(Path::new(pattern)).or_else(|| Glob::parse(pattern).err().map(unreadable))
}

/// What the patterns name below `project`, as paths relative to it: files, links, and folders, empty ones too. A path may
/// lead through a link to a folder of the project.
///
/// # Errors
/// As those of [`digest`].
pub fn list<'p>(project: &Path, patterns: impl IntoIterator<Item = &'p str>) -> io::Result<BTreeSet<PathBuf>> {
    let mut all = BTreeSet::new();
    for pattern in patterns {
        let walk::Named { found, followed, folders } = walk::named(project, pattern)?;
        all.extend(found.into_iter().chain(followed).chain(folders));
    }
    Ok(all)
}

/// The first of these patterns that names nothing that is there.
///
/// # Errors
/// As those of [`digest`].
pub fn nameless<'p>(project: &Path, patterns: impl IntoIterator<Item = &'p str>) -> io::Result<Option<&'p str>> {
    for pattern in patterns {
        if names_nothing(project, &walk::named(project, pattern)?) {
            return Ok(Some(pattern));
        }
    }
    Ok(None)
}

/// Whether nothing is there of what a pattern names.
fn names_nothing(project: &Path, files: &walk::Named) -> bool {
    !files.found.iter().any(|path| project.join(path).exists())
}

/// One digest over the names, the content and the owner's execute bit of all that `patterns` name below `project`. A folder
/// means every file below it, also behind links to folders of the project. `*` and `?` stay within a name, `**` goes
/// through folders. What is not there counts as not there.
///
/// # Errors
/// A file cannot be read, or a link leads out of the project, where changes cannot be noticed.
pub fn digest<'p>(project: &Path, patterns: impl IntoIterator<Item = &'p str>) -> io::Result<[u8; 32]> {
    Contents::default().digest(project, patterns)
}

/// As [`digest`], where every pattern has to name something; else the first that names nothing that is there.
///
/// # Errors
/// As those of [`digest`].
pub fn digest_of_all<'p>(
    project: &Path,
    patterns: impl IntoIterator<Item = &'p str>,
) -> io::Result<Result<[u8; 32], &'p str>> {
    Contents::default().digest_of_all(project, patterns)
}

/// Digests of files that were read for one digest, for others that are made at the same time: each file is read once.
#[derive(Debug, Default)]
pub struct Contents(HashMap<PathBuf, (&'static [u8], blake3::Hash)>);

impl Contents {
    /// As [`digest`].
    ///
    /// # Errors
    /// As those of [`digest`].
    pub fn digest<'p>(&mut self, project: &Path, patterns: impl IntoIterator<Item = &'p str>) -> io::Result<[u8; 32]> {
        let mut named = BTreeSet::new();
        for pattern in patterns {
            let walk::Named { found, followed, .. } = walk::named(project, pattern)?;
            named.extend(found);
            named.extend(followed);
        }
        self.of(project, named)
    }

    /// As [`digest_of_all`].
    ///
    /// # Errors
    /// As those of [`digest`].
    pub fn digest_of_all<'p>(
        &mut self,
        project: &Path,
        patterns: impl IntoIterator<Item = &'p str>,
    ) -> io::Result<Result<[u8; 32], &'p str>> {
        let mut named = BTreeSet::new();
        for pattern in patterns {
            let files = walk::named(project, pattern)?;
            if names_nothing(project, &files) {
                return Ok(Err(pattern));
            }
            named.extend(files.found.into_iter().chain(files.followed));
        }
        self.of(project, named).map(Ok)
    }

    fn of(&mut self, project: &Path, named: BTreeSet<PathBuf>) -> io::Result<[u8; 32]> {
        let mut hasher = blake3::Hasher::new();
        for path in named {
            self.put(&mut hasher, project, &path)?;
        }
        Ok(*hasher.finalize().as_bytes())
    }

    /// A name and what is there. Links were found to stay in the project.
    fn put(&mut self, hasher: &mut blake3::Hasher, project: &Path, path: &Path) -> io::Result<()> {
        let name = path.as_os_str().as_encoded_bytes();
        hasher.update(&(name.len() as u64).to_le_bytes()).update(name);
        let whole = project.join(path);
        match whole.symlink_metadata() {
            Err(error) if walk::is_absent(&error) => {
                hasher.update(b"-");
            }
            Err(error) => return Err(error),
            Ok(meta) if meta.is_symlink() => {
                let to = fs::read_link(&whole)?;
                hasher.update(b"l").update(to.as_os_str().as_encoded_bytes());
                if whole.is_file() {
                    self.content(hasher, whole)?;
                }
            }
            Ok(meta) if meta.is_file() => self.content(hasher, whole)?,
            Ok(_) => {
                hasher.update(b"d");
            }
        }
        Ok(())
    }

    fn content(&mut self, hasher: &mut blake3::Hasher, path: PathBuf) -> io::Result<()> {
        let (kind, digest) = match self.0.entry(path) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(unknown) => {
                let read = content(unknown.key())?;
                *unknown.insert(read)
            }
        };
        hasher.update(kind).update(digest.as_bytes());
        Ok(())
    }
}

/// What a pattern names that is there and is not a folder, relative to the project and sorted.
///
/// # Errors
/// A folder cannot be read, or a link leads out of the project.
pub fn files(project: &Path, pattern: &str) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for path in walk::named(project, pattern)?.found {
        match project.join(&path).metadata() {
            Ok(meta) if meta.is_dir() => {}
            Ok(_) => found.push(path),
            Err(error) if walk::is_absent(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

/// Whether its owner may execute it, and the digest of what is in it.
fn content(path: &Path) -> io::Result<(&'static [u8], blake3::Hash)> {
    let file = super::open::open(path)?;
    // as in git: of the mode, only whether its owner may execute it
    let is_executable = file.metadata()?.permissions().mode() & 0o100 != 0;
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(file)?;
    Ok((if is_executable { b"x" } else { b"f" }, hasher.finalize()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt;

    use super::*;

    fn project(names: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        for name in names {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().expect("below")).expect("made");
            fs::write(path, name).expect("written");
        }
        folder
    }

    fn named(folder: &Path, pattern: &str) -> Vec<String> {
        let named = walk::named(folder, pattern).expect("readable");
        named.found.iter().map(|path| path.display().to_string()).collect()
    }

    #[test]
    fn patterns_name_what_shells_make_of_them() {
        let folder = project(&["src/a.rs", "src/b/c.rs", "src/b/c.txt", "x.rs", ".git/a.rs"]);
        for (pattern, expected) in [
            ("src", vec!["src/a.rs", "src/b/c.rs", "src/b/c.txt"]),
            ("**/*.rs", vec!["src/a.rs", "src/b/c.rs", "x.rs"]),
            ("src/*.rs", vec!["src/a.rs"]),
            ("src/**/c.{rs,txt}", vec!["src/b/c.rs", "src/b/c.txt"]),
            ("[!y].?s", vec!["x.rs"]),
            (".", vec!["src/a.rs", "src/b/c.rs", "src/b/c.txt", "x.rs"]),
            ("nowhere", vec!["nowhere"]),
            ("nowhere/*", vec![]),
        ] {
            assert_eq!(named(folder.path(), pattern), expected, "{pattern}");
        }
    }

    #[test]
    fn the_digest_follows_content_names_and_absence() {
        let folder = project(&["a", "b/c"]);
        let of = |patterns: &[&str]| digest(folder.path(), patterns.iter().copied()).expect("readable");
        let before = of(&["b", "a"]);
        assert_eq!(before, of(&["a", "b/**"]), "the order written does not matter");
        fs::write(folder.path().join("b/c"), "other").expect("written");
        let changed = of(&["a", "b"]);
        assert_ne!(before, changed);
        fs::rename(folder.path().join("b/c"), folder.path().join("b/d")).expect("moved");
        assert_ne!(changed, of(&["a", "b"]));
        assert_ne!(of(&["a"]), of(&["a", "missing"]));
    }

    #[test]
    fn files_of_several_digests_are_read_once() {
        let folder = project(&["a", "b/c"]);
        let mut contents = Contents::default();
        let first = contents.digest(folder.path(), ["a", "b"]).expect("readable");
        fs::write(folder.path().join("b/c"), "other").expect("written");
        assert_eq!(contents.digest_of_all(folder.path(), ["b", "a"]).expect("readable"), Ok(first));
        assert_ne!(digest(folder.path(), ["a", "b"]).expect("readable"), first);
    }

    fn link(folder: &Path, to: &str, at: &str) {
        std::os::unix::fs::symlink(to, folder.join(at)).expect("a link");
    }

    fn of(folder: &Path, pattern: &str) -> [u8; 32] {
        digest(folder, [pattern]).expect("readable")
    }

    #[test]
    fn what_is_behind_a_link_to_a_folder_of_the_project_counts() {
        let folder = project(&["lib/a.rs", "lib/deep/b.rs", "src/x", "build/out"]);
        link(folder.path(), "../lib", "src/lib");
        link(folder.path(), "build", "dist");
        link(folder.path(), "src/lib/deep/b.rs", "file");
        for (pattern, file) in [
            ("src", "lib/a.rs"),
            ("src/**", "lib/a.rs"),
            ("src/*", "lib/deep/b.rs"),
            ("src/lib", "lib/a.rs"),
            ("src/lib/a.rs", "lib/a.rs"),
            ("**/*.rs", "lib/deep/b.rs"),
            ("src/*/*.rs", "lib/a.rs"),
            ("s*/lib/**/b.rs", "lib/deep/b.rs"),
            ("dist", "build/out"),
            ("dist/out", "build/out"),
            ("file", "lib/deep/b.rs"),
            (".", "lib/a.rs"),
        ] {
            let before = of(folder.path(), pattern);
            fs::write(folder.path().join(file), format!("changed {pattern}")).expect("written");
            let changed = of(folder.path(), pattern);
            assert_ne!(before, changed, "{pattern} {file}");
            fs::rename(folder.path().join(file), folder.path().join("aside")).expect("moved");
            let gone = of(folder.path(), pattern);
            assert!(gone != changed && gone != before, "{pattern} {file}");
            fs::rename(folder.path().join("aside"), folder.path().join(file)).expect("moved");
            assert_eq!(changed, of(folder.path(), pattern), "{pattern} {file}");
        }
    }

    #[test]
    fn links_in_circles_end_and_links_that_share_folders_are_walked_once() {
        let folder = project(&["a/x", "a/b/y"]);
        link(folder.path(), "..", "a/b/up");
        link(folder.path(), ".", "a/here");
        link(folder.path(), "self", "a/self");
        link(folder.path(), "missing", "a/broken");
        for pattern in [".", "a", "**/y", "**", "a/**/x"] {
            let before = of(folder.path(), pattern);
            assert_eq!(before, of(folder.path(), pattern), "{pattern}");
            let file = if pattern == "**/y" { "a/b/y" } else { "a/x" };
            fs::write(folder.path().join(file), pattern).expect("written");
            assert_ne!(before, of(folder.path(), pattern), "{pattern}");
        }
        // each folder has two links to the next: 2^40 paths
        let folder = project(&["d40/x"]);
        for at in 0..40 {
            fs::create_dir(folder.path().join(format!("d{at}"))).expect("made");
            link(folder.path(), &format!("../d{}", at + 1), &format!("d{at}/l"));
            link(folder.path(), &format!("../d{}", at + 1), &format!("d{at}/r"));
        }
        for pattern in ["d0", "d0/**/x", "**/x"] {
            let before = of(folder.path(), pattern);
            fs::write(folder.path().join("d40/x"), pattern).expect("written");
            assert_ne!(before, of(folder.path(), pattern), "{pattern}");
        }
    }

    #[test]
    fn where_a_link_leads_out_of_the_project_changes_cannot_be_noticed() {
        let (outside, folder) = (project(&["in/secret"]), project(&["src/a"]));
        let out = |name: &str| outside.path().join(name).display().to_string();
        link(folder.path(), &out("in"), "src/conf");
        link(folder.path(), &out("in/secret"), "file");
        let refused = |pattern: &str| digest(folder.path(), [pattern]).expect_err("leads out").to_string();
        let words = |path: &str| format!("`{path}` leads out of the project, where changes are not noticed");
        for pattern in ["src", "src/*", "src/conf", "**/secret", "src/conf/**"] {
            assert_eq!(refused(pattern), words("src/conf"), "{pattern}");
        }
        assert_eq!(refused("src/conf/secret"), words("src/conf/secret"));
        assert_eq!(refused("f*"), words("file"));
        digest(folder.path(), ["src/a", "*.rs"]).expect("no link is needed for these");
    }

    #[test]
    fn the_owners_execute_bit_counts() {
        let folder = project(&["tool"]);
        let mode = |mode| {
            fs::set_permissions(folder.path().join("tool"), fs::Permissions::from_mode(mode)).expect("own file");
            of(folder.path(), "tool")
        };
        let plain = mode(0o644);
        assert_ne!(plain, mode(0o744));
        assert_eq!(plain, mode(0o600), "no other bit does");
        link(folder.path(), "tool", "link");
        let before = of(folder.path(), "link");
        mode(0o755);
        assert_ne!(before, of(folder.path(), "link"));
    }

    #[test]
    fn names_are_matched_by_character() {
        let folder = project(&["data-é.csv", "data-a.csv"]);
        assert_eq!(named(folder.path(), "data-?.csv"), ["data-a.csv", "data-é.csv"]);
        assert_eq!(named(folder.path(), "data-[é].csv"), ["data-é.csv"]);
        let odd = std::ffi::OsStr::from_bytes(b"data-\xff.csv");
        fs::write(folder.path().join(odd), "x").expect("written");
        assert_eq!(named(folder.path(), "data-?.csv").len(), 3);
        assert_eq!(named(folder.path(), "data-??.csv"), Vec::<String>::new());
    }

    #[test]
    fn what_leads_out_of_the_project_is_reported() {
        assert_eq!(problem("../x").as_deref(), Some("`../x` leads out of the project's folder"));
        let open = "`a[` is not a pattern that can be read: its `[` is not closed";
        assert_eq!(problem("a[").as_deref(), Some(open));
        assert_eq!(problem("src/**/*.rs"), None);
        assert_eq!(problem("data-[é].csv"), None);
    }
}
