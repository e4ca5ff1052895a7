//! Paths inside an image and the patterns that name them: `/app/.env`, `**/*.pem`. Knows no file system.

/// A pattern over absolute paths. `*` and `?` stay within one name, `**` spans folders. A path below a matching
/// folder matches too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glob {
    written: String,
    segments: Vec<String>,
}

impl Glob {
    /// Every text is a pattern; a leading `/` makes no difference.
    pub fn new(text: &str) -> Self {
        let segments = text.split('/').filter(|part| !part.is_empty() && *part != ".").map(str::to_owned).collect();
        Glob { written: text.to_owned(), segments }
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.written
    }

    /// Whether `path` (normalized by [`normalize`]) or a folder above it is meant.
    pub fn matches(&self, path: &str) -> bool {
        let names: Vec<&str> = path.split('/').collect();
        !self.segments.is_empty() && walk(&self.segments, &names)
    }
}

/// Whether the pattern is used up by the path or by a folder above it.
fn walk(pattern: &[String], names: &[&str]) -> bool {
    // positions of `pattern` reachable so far; a set instead of recursion keeps `**/**/**…` from exploding
    let mut at: Vec<bool> = vec![false; pattern.len() + 1];
    at[0] = true;
    for name in names {
        let mut next = vec![false; pattern.len() + 1];
        for index in 0..pattern.len() {
            skip_spans(pattern, &mut at, index);
            if !at[index] {
                continue;
            }
            if pattern[index] == "**" {
                next[index] = true;
                // the last `**` stands for one name or more: `/etc/**` is what is in `/etc`
                next[pattern.len()] |= index + 1 == pattern.len();
            } else if name_matches(&pattern[index], name) {
                next[index + 1] = true;
            }
        }
        if next[pattern.len()] {
            return true;
        }
        at = next;
    }
    false
}

fn skip_spans(pattern: &[String], at: &mut [bool], index: usize) {
    if at[index] && pattern[index] == "**" && index + 1 < pattern.len() {
        at[index + 1] = true;
    }
}

fn name_matches(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut p, mut n, mut star) = (0, 0, None);
    while n < name.len() {
        if p < pattern.len() && pattern[p] == '*' {
            star = Some((p, n));
            p += 1;
        } else if p < pattern.len() && (pattern[p] == '?' || pattern[p] == name[n]) {
            p += 1;
            n += 1;
        } else if let Some((at, from)) = star {
            star = Some((at, from + 1));
            p = at + 1;
            n = from + 1;
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

/// `./app//x/` as `app/x`: no leading or trailing slash, no `.`; `..` is resolved and never leaves the root.
pub fn normalize(path: &[u8]) -> String {
    let text = String::from_utf8_lossy(path);
    let mut names: Vec<&str> = Vec::new();
    for name in text.split('/') {
        match name {
            "" | "." => {}
            ".." => {
                names.pop();
            }
            name => names.push(name),
        }
    }
    names.join("/")
}

/// The folders above a path, the nearest first; the root is `""`.
pub fn ancestors(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(parent(path), |path| parent(path))
}

fn parent(path: &str) -> Option<&str> {
    if path.is_empty() {
        return None;
    }
    Some(path.rfind('/').map_or("", |at| &path[..at]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_files_folders_and_anything_below_them() {
        for (pattern, path, expected) in [
            ("/app/.env", "app/.env", true),
            ("/app", "app/x/y", true),
            ("/app", "apple", false),
            (".git", "app/.git", false),
            ("**/.git", "app/.git/config", true),
            ("**/.git", ".git", true),
            ("**/*.pem", "etc/ssl/a.pem", true),
            ("/etc/**", "etc", false),
            ("/etc/**", "etc/a", true),
            ("/a/**/b", "a/b", true),
            ("/a/**/b", "a/x/y/b", true),
            ("*.pyc", "a/b.pyc", false),
            ("/", "a", false),
        ] {
            assert_eq!(Glob::new(pattern).matches(path), expected, "{pattern} {path}");
        }
    }

    #[test]
    fn normalizes_without_leaving_the_root() {
        assert_eq!(normalize(b"./a//b/../c/"), "a/c");
        assert_eq!(normalize(b"../../etc/passwd"), "etc/passwd");
        assert_eq!(ancestors("a/b/c").collect::<Vec<_>>(), ["a/b", "a", ""]);
    }

    #[test]
    fn many_spans_stay_cheap() {
        let pattern = Glob::new(&"**/".repeat(200));
        assert!(pattern.matches(&"a/".repeat(400)) || !pattern.matches("a"));
    }
}
