//! Paths inside an image as text. Knows no file system.

use crate::core::files::glob::characters;

/// `./app//x/` as `app/x`: no leading or trailing slash, no `.`; `..` is resolved and never leaves the root. Bytes that are
/// not UTF-8 become one character each; [`shown`](crate::core::files::glob::shown) writes them for people.
pub fn normalize(path: &[u8]) -> String {
    let text = characters(path);
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
    fn normalizes_without_leaving_the_root() {
        assert_eq!(normalize(b"./a//b/../c/"), "a/c");
        assert_eq!(normalize(b"../../etc/passwd"), "etc/passwd");
        assert_eq!(ancestors("a/b/c").collect::<Vec<_>>(), ["a/b", "a", ""]);
    }

    #[test]
    fn names_that_are_not_utf_8_stay_apart() {
        assert_ne!(normalize(b"a/\xe9"), normalize(b"a/\xe8"));
        assert_eq!(crate::core::files::glob::shown(&normalize(b"a/\xe9t\xc3\xa9")), "a/\\xE9té");
    }
}
