//! The content that a step is made from, as one digest: files, folders and patterns below the project. Knows no step.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use regex::bytes::Regex;

use super::files;

/// Folders that are nobody's input, wherever they lie.
const PASSED_OVER: [&str; 2] = [".git", ".pipeline"];
/// Links and folders deeper than this are not followed.
const DEPTH: usize = 64;

/// What is wrong with a pattern: it leads out of the project, or cannot be read.
pub fn problem(pattern: &str) -> Option<String> {
    if pattern.trim().is_empty() {
        return Some("an empty text names no file".to_owned());
    }
    files::problem(Path::new(pattern))
        .or_else(|| expression(pattern).err().map(|_| format!("`{pattern}` is no pattern that can be read")))
}

/// One digest over the names and the content of all that `patterns` name below `project`. A folder stands for every file
/// below it; `*` and `?` stay within a name, `**` goes through folders. What is not there counts as not there.
///
/// # Errors
/// A file cannot be read.
pub fn digest<'p>(project: &Path, patterns: impl IntoIterator<Item = &'p str>) -> io::Result<[u8; 32]> {
    let mut named = BTreeSet::new();
    for pattern in patterns {
        named.extend(expanded(project, pattern)?);
    }
    of(project, named)
}

/// As [`digest`], where every pattern has to name something; else the first that names nothing that is there.
///
/// # Errors
/// A file cannot be read.
pub fn digest_of_all<'p>(
    project: &Path,
    patterns: impl IntoIterator<Item = &'p str>,
) -> io::Result<Result<[u8; 32], &'p str>> {
    let mut named = BTreeSet::new();
    for pattern in patterns {
        let found = expanded(project, pattern)?;
        if !found.iter().any(|path| project.join(path).exists()) {
            return Ok(Err(pattern));
        }
        named.extend(found);
    }
    of(project, named).map(Ok)
}

fn of(project: &Path, named: BTreeSet<PathBuf>) -> io::Result<[u8; 32]> {
    let mut hasher = blake3::Hasher::new();
    for path in named {
        put(&mut hasher, project, &path)?;
    }
    Ok(*hasher.finalize().as_bytes())
}

/// The files that a pattern names, relative to the project; the path itself where it is no pattern and nothing lies there.
fn expanded(project: &Path, pattern: &str) -> io::Result<BTreeSet<PathBuf>> {
    let mut found = BTreeSet::new();
    let plain = Path::new(pattern);
    if !is_pattern(pattern) || project.join(plain).symlink_metadata().is_ok() {
        let before = found.len();
        walk(project, plain, 0, &mut |path| _ = found.insert(path.to_owned()))?;
        if found.len() == before {
            found.insert(plain.to_owned());
        }
        return Ok(found);
    }
    let Ok(expression) = expression(pattern) else { return Ok(found) };
    let base: PathBuf =
        plain.components().take_while(|part| !is_pattern(&part.as_os_str().to_string_lossy())).collect();
    walk(project, &base, 0, &mut |path| {
        if expression.is_match(path.as_os_str().as_encoded_bytes()) {
            found.insert(path.to_owned());
        }
    })?;
    Ok(found)
}

fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?', '[', '{'])
}

/// Every file and link below `path`, relative to the project.
fn walk(project: &Path, path: &Path, depth: usize, each: &mut dyn FnMut(&Path)) -> io::Result<()> {
    let whole = project.join(path);
    let Ok(meta) = whole.symlink_metadata() else { return Ok(()) };
    if !meta.is_dir() {
        each(path);
        return Ok(());
    }
    if depth > DEPTH {
        return Ok(());
    }
    for entry in fs::read_dir(&whole)? {
        let name = entry?.file_name();
        if !PASSED_OVER.iter().any(|passed| name == *passed) {
            // `.` as a folder adds nothing to a name
            let below = if path == Path::new(".") { PathBuf::from(&name) } else { path.join(&name) };
            walk(project, &below, depth + 1, each)?;
        }
    }
    Ok(())
}

/// A name and what lies there.
fn put(hasher: &mut blake3::Hasher, project: &Path, path: &Path) -> io::Result<()> {
    let name = path.as_os_str().as_encoded_bytes();
    hasher.update(&(name.len() as u64).to_le_bytes()).update(name);
    let whole = project.join(path);
    match whole.symlink_metadata() {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            hasher.update(b"-");
        }
        Err(error) => return Err(error),
        Ok(meta) if meta.is_symlink() => {
            let to = fs::read_link(&whole)?;
            hasher.update(b"l").update(to.as_os_str().as_encoded_bytes());
            // what a link within the project leads to counts; what lies outside is not ours to read
            let real = whole.canonicalize().ok().zip(project.canonicalize().ok());
            if let Some((real, root)) = real
                && real.starts_with(root)
                && real.is_file()
            {
                content(hasher, &real)?;
            }
        }
        Ok(meta) if meta.is_file() => content(hasher, &whole)?,
        Ok(_) => {
            hasher.update(b"d");
        }
    }
    Ok(())
}

fn content(hasher: &mut blake3::Hasher, path: &Path) -> io::Result<()> {
    let file = super::plain::open(path)?;
    let mut inner = blake3::Hasher::new();
    inner.update_reader(file)?;
    hasher.update(b"f").update(inner.finalize().as_bytes());
    Ok(())
}

/// A pattern as a regular expression over whole paths.
fn expression(pattern: &str) -> Result<Regex, regex::Error> {
    let mut text = String::from("(?s-u)^");
    let mut rest = pattern.strip_prefix("./").unwrap_or(pattern).chars().peekable();
    let mut depth = 0;
    while let Some(c) = rest.next() {
        match c {
            '*' if rest.peek() == Some(&'*') => {
                rest.next();
                if rest.peek() == Some(&'/') {
                    rest.next();
                    text.push_str("(?:.*/)?");
                } else {
                    text.push_str(".*");
                }
            }
            '*' => text.push_str("[^/]*"),
            '?' => text.push_str("[^/]"),
            '[' => {
                text.push('[');
                if rest.peek() == Some(&'!') {
                    rest.next();
                    text.push('^');
                }
                for c in rest.by_ref() {
                    if matches!(c, '\\' | '[' | '&' | '~') {
                        text.push('\\');
                    }
                    text.push(c);
                    if c == ']' {
                        break;
                    }
                }
            }
            '{' => {
                depth += 1;
                text.push_str("(?:");
            }
            '}' if depth > 0 => {
                depth -= 1;
                text.push(')');
            }
            ',' if depth > 0 => text.push('|'),
            c => text.push_str(&regex::escape(c.encode_utf8(&mut [0; 4]))),
        }
    }
    text.push('$');
    Regex::new(&text)
}

#[cfg(test)]
mod tests {
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
        let found = expanded(folder, pattern).expect("readable");
        found.iter().map(|path| path.display().to_string()).collect()
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
    fn a_link_out_of_the_project_is_not_followed() {
        let (outside, folder) = (project(&["secret"]), project(&[]));
        std::os::unix::fs::symlink(outside.path().join("secret"), folder.path().join("link")).expect("a link");
        let before = digest(folder.path(), ["link"]).expect("readable");
        fs::write(outside.path().join("secret"), "changed").expect("written");
        assert_eq!(before, digest(folder.path(), ["link"]).expect("readable"));
    }

    #[test]
    fn what_leads_out_of_the_project_is_told() {
        assert_eq!(problem("../x").as_deref(), Some("`../x` leads out of the project's folder"));
        assert_eq!(problem("a[").as_deref(), Some("`a[` is no pattern that can be read"));
        assert_eq!(problem("src/**/*.rs"), None);
    }
}
