//! Holds the words of the project: prose uses the terms of the field, and none of the words below.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::source::{File, files, package};

/// Words that prose does not use, and what to write instead.
#[rustfmt::skip]
const AVOIDED: &[(&str, &str)] = &[
    ("told", "reported, notified"),
    ("stands", "is"),
    ("lies", "is"),
    ("looks at", "checks, measures, polls"),
    ("look at", "check, measure, poll"),
    ("whoever", "the user, the process that"),
    ("nobody", "no user, no process"),
    ("somebody", "a user, a process"),
    ("goes the way of", "say what happens"),
    ("as it was meant", "as intended"),
    ("a word to say", "say what it does"),
    ("the world", "the environment, the cluster"),
    ("keeps the rules", "satisfies the policy"),
    ("keep the rules", "satisfy the policy"),
    ("what is owed", "pending cleanup"),
    ("made from", "built from, depends on"),
    ("said so", "reported it"),
    ("holds up", "blocks"),
    ("of old", "earlier"),
    ("amid", "inside, between"),
    ("anew", "again"),
    ("besides", "also"),
];

/// Source files whose comments and messages still use avoided words: one path a line. A file leaves the list when it is
/// rewritten, and none joins it.
const NOT_REWRITTEN: &str = include_str!("not_rewritten.txt");

/// Markdown that is not ours to word: generated from doc comments.
const GENERATED: &[&str] = &["docs/reference/"];

/// Names of assertions in the worked example, quoted as a run prints them.
const QUOTED: &[(&str, &str)] = &[
    ("docs/mutations.md", "keep the rules"),
    ("docs/mutations.md", "keeps the rules"),
    ("docs/mutations.md", "secret value stands"),
    ("docs/mutations.md", "nobody noticed"),
];

fn markdown(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.expect("a folder of the package can be read").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() {
            if !name.starts_with('.') && !["target", "node_modules"].contains(&name.as_ref()) {
                markdown(&path, found);
            }
        } else if name.ends_with(".md") {
            found.push(path);
        }
    }
}

/// The line without what is quoted as code.
fn prose(line: &str) -> String {
    line.split('`').step_by(2).collect::<Vec<_>>().join(" ").to_lowercase()
}

fn avoided(line: &str) -> Option<(&'static str, &'static str)> {
    let is_letter = |c: char| c.is_alphanumeric() || c == '_';
    AVOIDED.iter().copied().find(|(word, _)| {
        line.match_indices(word)
            .any(|(at, _)| !line[..at].ends_with(is_letter) && !line[at + word.len()..].starts_with(is_letter))
    })
}

#[test]
fn markdown_uses_the_words_of_the_field() {
    let (mut pages, mut wrong) = (Vec::new(), Vec::new());
    markdown(&package(), &mut pages);
    for page in pages {
        let shown = page.strip_prefix(package()).expect("it is below").to_string_lossy().into_owned();
        if GENERATED.iter().any(|folder| shown.starts_with(folder)) {
            continue;
        }
        let text = fs::read_to_string(&page).expect("UTF-8");
        let mut code = false;
        for (at, line) in text.lines().enumerate() {
            code ^= line.trim_start().starts_with("```");
            let mut line = prose(line);
            for (_, quote) in QUOTED.iter().filter(|(file, _)| *file == shown) {
                line = line.replace(quote, "");
            }
            if let Some((word, instead)) = avoided(&line).filter(|_| !code) {
                wrong.push(format!("{shown}:{}: `{word}`: write {instead}", at + 1));
            }
        }
    }
    assert!(wrong.is_empty(), "words not to use:\n  {}\n", wrong.join("\n  "));
}

/// Comments and string literals of a source file, in small letters.
fn has_avoided(file: &File) -> Option<String> {
    file.text.lines().enumerate().find_map(|(at, line)| {
        let comment = line.find("//").map_or("", |start| &line[start..]);
        let literals: Vec<&str> = line.split('"').skip(1).step_by(2).collect();
        let text = format!("{} {}", prose(comment), literals.join(" ").to_lowercase());
        avoided(&text).map(|(word, instead)| format!("{}:{}: `{word}`: write {instead}", file.path, at + 1))
    })
}

#[test]
fn comments_and_messages_use_the_words_of_the_field() {
    let known: BTreeSet<&str> = NOT_REWRITTEN.lines().collect();
    let mut wrong = Vec::new();
    for file in files("src") {
        match (has_avoided(&file), known.contains(file.path.as_str())) {
            (Some(found), false) => wrong.push(found),
            (None, true) => {
                wrong.push(format!("{}: is rewritten: take it off tests/tidy/not_rewritten.txt", file.path));
            }
            _ => {}
        }
    }
    assert!(wrong.is_empty(), "words not to use:\n  {}\n", wrong.join("\n  "));
}
