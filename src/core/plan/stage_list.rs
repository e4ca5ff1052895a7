//! What `stages:` of pipeline.yaml lists: paths, patterns of paths, and stages that are written right there.

use std::cmp::Ordering;
use std::path::Path;

use super::own_keys::template_in;
use super::recovery::is_reported;
use crate::core::files::glob::{Glob, characters};
use crate::core::model::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::core::model::source::Span;
use crate::core::yaml::{Entry, Node, Value};

/// One stage that a pipeline names.
pub(super) enum Listed {
    /// A file, by its path below the project.
    File { reference: String, span: Span },
    /// A stage in pipeline.yaml itself.
    Inline(Node),
    /// What cannot be read as either; reported elsewhere.
    Lost,
}

/// Folders of a pattern that are searched at most, and files that it may match.
const MOST: usize = 10_000;

/// The stages that `stages:` lists, patterns sorted as people sort: `stages/2.yaml` before `stages/10.yaml`.
pub(super) fn listed(pipeline: &Node, root: &Path, out: &mut Diagnostics) -> Vec<Listed> {
    let Some(stages) = pipeline.get("stages") else { return Vec::new() };
    if let Value::Map(entries) = &stages.value {
        return entries.iter().map(|entry| named(entry, out)).collect();
    }
    let mut list = Vec::new();
    for item in stages.items() {
        match (&item.value, item.as_text()) {
            (Value::Map(_), _) => list.push(Listed::Inline(item.clone())),
            (_, Some(_)) if template_in(item).is_some() => list.push(Listed::Lost),
            (_, Some(pattern)) if pattern.contains(['*', '?', '{', '[']) => {
                list.extend(matching(pattern, item.span, root, out));
            }
            (_, Some(path)) => list.push(Listed::File { reference: path.to_owned(), span: item.span }),
            _ => list.push(Listed::Lost),
        }
    }
    list
}

/// `build: { steps: … }` under `stages:` is the stage `build`; `build: stages/build.yaml` is a file.
fn named(entry: &Entry, out: &mut Diagnostics) -> Listed {
    if let Some(path) = entry.node.as_text().filter(|_| template_in(&entry.node).is_none()) {
        return Listed::File { reference: path.to_owned(), span: entry.node.span };
    }
    let Value::Map(entries) = &entry.node.value else {
        if !is_reported(&entry.node, out) {
            let name = &entry.key;
            let message = format!("stage `{name}` is {}, expected a mapping with `steps`", entry.node.type_name());
            let help = format!("write `{name}: {{ steps: {{ NAME: {{ shell: make }} }} }}`");
            out.push(Diagnostic::error(Code::WrongType, entry.key_span, message).help(help));
        }
        return Listed::Lost;
    };
    let mut entries = entries.clone();
    if !entries.iter().any(|own| own.key == "stage") {
        let name = Node::new(entry.key_span, Value::Text(entry.key.clone()));
        entries.insert(0, Entry { key: "stage".to_owned(), key_span: entry.key_span, plain: true, node: name });
    }
    Listed::Inline(Node { value: Value::Map(entries), ..entry.node.clone() })
}

/// The files that match a pattern.
fn matching(pattern: &str, span: Span, root: &Path, out: &mut Diagnostics) -> Vec<Listed> {
    let glob = match Glob::parse(pattern) {
        Ok(glob) => glob,
        Err(problem) => {
            out.push(
                Diagnostic::error(Code::InvalidReference, span, format!("`{pattern}`: {problem}"))
                    .help("write a pattern such as `stages/*.yaml`"),
            );
            return vec![Listed::Lost];
        }
    };
    let mut found = Vec::new();
    let mut left = MOST;
    walk(root, "", &glob, &mut found, &mut left);
    if left == 0 || found.len() > MOST {
        let message = format!("`{pattern}` covers more than {MOST} files and folders");
        let help = "start the pattern with the folder of the stages: `stages/*.yaml`";
        out.push(Diagnostic::error(Code::InvalidReference, span, message).help(help));
        return vec![Listed::Lost];
    }
    found.sort_by(|one, other| natural(one, other));
    if found.is_empty() {
        let folder = pattern.split(['*', '?', '{', '[']).next().and_then(|start| start.rsplit_once('/'));
        let folder = folder.map_or_else(|| "the project's folder".to_owned(), |(folder, _)| format!("`{folder}/`"));
        let message = format!("`{pattern}` matches no file");
        out.push(
            Diagnostic::error(Code::MissingFile, span, message)
                .help(format!("put a file that starts with `stage: NAME` into {folder}, or change the pattern")),
        );
        return vec![Listed::Lost];
    }
    found.into_iter().map(|reference| Listed::File { reference, span }).collect()
}

/// Gathers the files below `folder` that match; links are not followed, and hidden folders are left out.
fn walk(root: &Path, folder: &str, glob: &Glob, found: &mut Vec<String>, left: &mut usize) {
    let Ok(entries) = std::fs::read_dir(root.join(folder)) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(name) = name.to_str().filter(|name| !name.starts_with('.')) else { continue };
        let Some(rest) = left.checked_sub(1) else { return };
        *left = rest;
        let path = if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir() {
            walk(root, &path, glob, found, left);
        } else if matches(glob, &path) {
            found.push(path);
        }
    }
}

fn matches(glob: &Glob, path: &str) -> bool {
    let path = characters(path.as_bytes());
    let end = path.split('/').fold(glob.start(), |progress, name| glob.step(&progress, name));
    glob.is_match(&end)
}

/// Compares texts with numbers in them by the numbers.
fn natural(one: &str, other: &str) -> Ordering {
    let (mut one, mut other) = (one, other);
    loop {
        let (Some(a), Some(b)) = (one.chars().next(), other.chars().next()) else {
            return one.len().cmp(&other.len());
        };
        if a.is_ascii_digit() && b.is_ascii_digit() {
            let (left, right) = (number(&mut one), number(&mut other));
            let order = left.len().cmp(&right.len()).then_with(|| left.cmp(right));
            if order != Ordering::Equal {
                return order;
            }
        } else if a != b {
            return a.cmp(&b);
        } else {
            one = &one[a.len_utf8()..];
            other = &other[b.len_utf8()..];
        }
    }
}

/// Takes the digits at the start of a text, without leading zeros.
fn number<'t>(text: &mut &'t str) -> &'t str {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    *text = rest;
    digits.trim_start_matches('0')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_names_count_as_numbers() {
        let mut names =
            vec!["s/10-a.yaml", "s/2-b.yaml", "s/2-a.yaml", "s/02-c.yaml", "s/b.yaml", "s/1.yaml", "r/9.yaml"];
        names.sort_by(|one, other| natural(one, other));
        assert_eq!(
            names,
            ["r/9.yaml", "s/1.yaml", "s/2-a.yaml", "s/2-b.yaml", "s/02-c.yaml", "s/10-a.yaml", "s/b.yaml"]
        );
    }

    #[test]
    fn a_pattern_matches_whole_paths() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for name in ["stages/2.yaml", "stages/10.yaml", "stages/deep/1.yaml", "stages/.hidden.yaml", "pipeline.yaml"] {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            std::fs::write(path, "").expect("a file");
        }
        let at = Span::new(crate::core::model::source::FileId(0), 0, 1);
        let mut out = Diagnostics::default();
        let names: Vec<String> = matching("stages/*.yaml", at, folder.path(), &mut out)
            .into_iter()
            .filter_map(|listed| if let Listed::File { reference, .. } = listed { Some(reference) } else { None })
            .collect();
        assert_eq!((names, out.len()), (vec!["stages/2.yaml".to_owned(), "stages/10.yaml".to_owned()], 0));
    }
}
