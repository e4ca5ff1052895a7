//! The source as the rules see it: files without comments and tests, and the rooms that they name.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A source file: its path below the package, its text, and that text without comments and inline tests.
pub struct File {
    pub path: String,
    pub text: String,
    pub code: String,
    pub is_test: bool,
}

impl File {
    /// `engine` for `src/core/engine/attempt.rs` and for `src/core/engine.rs`.
    pub fn room(&self) -> &str {
        let below = self.path.strip_prefix("src/").unwrap_or("");
        below.split('/').next().unwrap_or("").trim_end_matches(".rs")
    }

    /// `core/engine` for a file of `core`, else its room.
    pub fn place(&self) -> String {
        let mut names = self.path.strip_prefix("src/").unwrap_or("").trim_end_matches(".rs").split('/');
        let first = names.next().unwrap_or("").to_owned();
        match names.next() {
            Some(second) if first == "core" => format!("core/{second}"),
            _ => first,
        }
    }

    pub fn lines_with<'a>(&'a self, words: &'a [&str]) -> impl Iterator<Item = String> + 'a {
        self.code.lines().enumerate().filter_map(move |(at, line)| {
            let word = words.iter().find(|word| is_in(line, word))?;
            Some(format!("{}:{}: `{word}`", self.path, at + 1))
        })
    }
}

/// Whether `word` stands in `line` by itself: `println!` not in `eprintln!`.
fn is_in(line: &str, word: &str) -> bool {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| !line[..at].ends_with(is_name))
}

pub fn package() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.expect("a folder of the package can be read").path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

pub fn files(folder: &str) -> Vec<File> {
    let mut paths = Vec::new();
    rust_files(&package().join(folder), &mut paths);
    paths.sort();
    let mut tests = BTreeSet::new();
    let mut files = Vec::new();
    for path in paths {
        let text = fs::read_to_string(&path).expect("source is UTF-8");
        let path = path.strip_prefix(package()).expect("it lies below").to_string_lossy().into_owned();
        let code = code_of(&path, &text, &mut tests);
        files.push(File { path, text, code, is_test: folder == "tests" });
    }
    for file in &mut files {
        let below = |test: &String| file.path == format!("{test}.rs") || file.path.starts_with(&format!("{test}/"));
        file.is_test |= tests.iter().any(below);
    }
    files
}

/// The text with comments blanked, up to `#[cfg(test)] mod … {`. Modules of tests in files of their own go to `tests`,
/// as paths without `.rs`. Lines keep their numbers.
fn code_of(path: &str, text: &str, tests: &mut BTreeSet<String>) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let mut code = String::new();
    for (at, line) in lines.iter().enumerate() {
        if line.trim() == "#[cfg(test)]" {
            let rest: Vec<&str> = lines[at + 1..].iter().map(|line| line.trim()).take(4).collect();
            let attributes: Vec<&str> = rest.iter().copied().take_while(|line| line.starts_with("#[")).collect();
            let item = rest.get(attributes.len()).copied().unwrap_or("");
            let module = item.trim_start_matches("pub(crate) ").trim_start_matches("pub(super) ");
            if let Some(name) = module.strip_prefix("mod ") {
                let Some(name) = name.strip_suffix(';') else { break };
                let elsewhere =
                    attributes.iter().find_map(|line| line.strip_prefix("#[path = \"")?.strip_suffix("\"]"));
                let folder = Path::new(path).parent().expect("a file lies in a folder").to_string_lossy().into_owned();
                tests.insert(match elsewhere {
                    Some(file) => format!("{folder}/{}", file.trim_end_matches(".rs")),
                    None if ["lib.rs", "main.rs", "mod.rs"].iter().any(|root| path.ends_with(root)) => {
                        format!("{folder}/{name}")
                    }
                    None => format!("{}/{name}", path.trim_end_matches(".rs")),
                });
            }
        }
        code.push_str(line.split("//").next().unwrap_or(""));
        code.push('\n');
    }
    code
}
