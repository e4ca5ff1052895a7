//! The paths that a source file names, and the files that they lead to.

use std::collections::BTreeSet;

use crate::source::File;

/// The module of `src/a/b.rs`: `a`, `b`.
pub fn module_of(path: &str) -> Vec<String> {
    let below = path.strip_prefix("src/").unwrap_or(path).trim_end_matches(".rs");
    below.split('/').map(str::to_owned).collect()
}

/// Every path of this package that `file` names, absolute and without `crate`, with its line. Groups are expanded:
/// `crate::{a::B, c}` names `a::B` and `c`.
pub fn paths(file: &File) -> Vec<(usize, Vec<String>)> {
    let code = &file.code;
    let mut found = Vec::new();
    for start in ["crate::", "super::", "self::"] {
        for (at, _) in code.match_indices(start) {
            if code[..at].ends_with(|c: char| c.is_alphanumeric() || "_$:".contains(c)) {
                continue;
            }
            let line = code[..at].matches('\n').count() + 1;
            let mut written = Vec::new();
            expand(&code[at..], &[], &mut written);
            found.extend(written.into_iter().filter_map(|path| Some((line, absolute(&path, &file.path)?))));
        }
    }
    found
}

/// Reads one path or tree of paths; returns what follows it.
fn expand<'t>(text: &'t str, prefix: &[String], found: &mut Vec<Vec<String>>) -> &'t str {
    let text = text.trim_start();
    if let Some(mut rest) = text.strip_prefix('{') {
        loop {
            rest = rest.trim_start().trim_start_matches(',').trim_start();
            if rest.is_empty() {
                return rest;
            }
            if let Some(rest) = rest.strip_prefix('}') {
                return rest;
            }
            let after = expand(rest, prefix, found);
            rest =
                if after.len() == rest.len() { &rest[rest.chars().next().map_or(0, char::len_utf8)..] } else { after };
        }
    }
    let name: String = text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    let rest = &text[name.len()..];
    let mut path = prefix.to_vec();
    if !name.is_empty() {
        path.push(name);
    }
    match rest.strip_prefix("::") {
        Some(rest) if rest.starts_with(|c: char| c.is_alphanumeric() || c == '_' || c == '{') => {
            expand(rest, &path, found)
        }
        _ => {
            found.push(path);
            rest
        }
    }
}

fn absolute(path: &[String], file: &str) -> Option<Vec<String>> {
    let (first, rest) = path.split_first()?;
    let mut base = match first.as_str() {
        "crate" => Vec::new(),
        _ => module_of(file),
    };
    let mut rest = rest;
    if first == "super" {
        base.pop();
        while let Some((next, others)) = rest.split_first().filter(|(next, _)| *next == "super") {
            let _ = next;
            base.pop();
            rest = others;
        }
    }
    base.extend(rest.iter().cloned());
    Some(base)
}

/// The longest beginning of `path` that is a module with a file of its own.
pub fn target(path: &[String], modules: &BTreeSet<Vec<String>>) -> Option<Vec<String>> {
    (1..=path.len()).rev().map(|len| path[..len].to_vec()).find(|module| modules.contains(module))
}

#[test]
fn reads_paths_and_groups() {
    let file = File {
        path: "src/core/plan/build.rs".to_owned(),
        text: String::new(),
        code: "use crate::core::{event::{Event, NodeId}, mask};\nuse super::names;\nlet x = super::super::f();\n$crate::no"
            .to_owned(),
        is_test: false,
    };
    let shown: Vec<String> =
        paths(&file).into_iter().map(|(line, path)| format!("{line} {}", path.join("::"))).collect();
    let expected =
        ["1 core::event::Event", "1 core::event::NodeId", "1 core::mask", "2 core::plan::names", "3 core::f"];
    assert_eq!(shown, expected);
}
