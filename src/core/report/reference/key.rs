//! `explain KEY`: where a key may stand and what it takes there, and what the words of other tools are here.

use std::fmt::Write as _;

use super::fields::Of;
use super::{keys, page};
use crate::core::kind::Registry;
use crate::core::spec::{AssertionKeys, DeclarationSpec, GateSpec, PartSpec, PipelineSpec, StageSpec, StepKeys};

/// The words of other tools, in a table of two columns.
const WORDS: &str = include_str!("../../../../docs/coming-from.md");

/// The head of a table of keys.
const HEAD: &str = "| key | takes | default | `${{ }}` | |\n|---|---|---|---|---|\n";

/// What is known of a key, or of `KIND.KEY`: its rows in the reference. Where no key is called so, what a word of another
/// tool is here. Nothing where it is neither.
pub fn explain(registry: Registry, name: &str) -> Option<String> {
    among(&places(registry), name)
}

fn among(places: &[(String, String)], name: &str) -> Option<String> {
    let mut text = String::new();
    for (place, table) in places {
        let kind = place.split_once(' ').map_or(place.as_str(), |(kind, _)| kind);
        let own = name.strip_prefix(kind).and_then(|rest| rest.strip_prefix('.'));
        let rows: Vec<&str> = rows(table)
            .filter(|(key, _)| is(key, name) || own.is_some_and(|own| is(key, own)))
            .map(|(_, row)| row)
            .collect();
        if !rows.is_empty() {
            let _ = writeln!(text, "# `{name}`, {place}\n\n{HEAD}{}\n", rows.join("\n"));
        }
    }
    if text.is_empty() {
        text = elsewhere(name)?;
    }
    Some(text.trim_end().to_owned() + "\n")
}

/// Every key that a pipeline can have on its own level, for `did you mean`.
pub fn names(registry: Registry) -> Vec<String> {
    let tables = places(registry);
    let keys = tables.iter().flat_map(|(_, table)| rows(table)).map(|(key, _)| key);
    keys.filter(|key| !key.contains('.')).map(str::to_owned).collect()
}

/// Whether a row is about a key, or about what is below it.
fn is(key: &str, name: &str) -> bool {
    key.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// Where keys may stand, each with the table of its keys.
fn places(registry: Registry) -> Vec<(String, String)> {
    let table = |fill: &dyn Fn(&mut String)| {
        let mut text = String::new();
        fill(&mut text);
        text
    };
    let mut places = vec![
        ("a key of pipeline.yaml".to_owned(), table(&|text| keys::<PipelineSpec>(text, Of::Pipeline))),
        ("a key of a stage".to_owned(), table(&|text| keys::<StageSpec>(text, Of::Stage))),
        ("a key of every step".to_owned(), table(&|text| keys::<StepKeys>(text, Of::Step))),
        ("a key of every assertion".to_owned(), table(&|text| keys::<AssertionKeys>(text, Of::Assertion))),
        ("a key of a part".to_owned(), table(&|text| keys::<PartSpec>(text, Of::Part))),
        ("a key of a gate file".to_owned(), table(&|text| keys::<GateSpec>(text, Of::Gate))),
        ("a key of a var or a parameter".to_owned(), table(&|text| keys::<DeclarationSpec>(text, Of::Declaration))),
    ];
    places.extend(registry.steps.iter().map(|kind| (format!("{} (step)", kind.name), page(kind, "step"))));
    places
        .extend(registry.assertions.iter().map(|kind| (format!("{} (assertion)", kind.name), page(kind, "assertion"))));
    places
}

/// The rows of a table of keys, each with its key.
fn rows(table: &str) -> impl Iterator<Item = (&str, &str)> {
    let lines = table.lines().skip_while(|line| !line.starts_with("| key |")).take_while(|line| line.starts_with('|'));
    lines.filter_map(|row| {
        let (key, _) = row.strip_prefix("| `")?.split_once('`')?;
        Some((key, row))
    })
}

/// The rows on a word of another tool.
fn elsewhere(word: &str) -> Option<String> {
    let is_word =
        |written: &str| written.split(|c: char| !(c.is_alphanumeric() || "-_".contains(c))).any(|one| one == word);
    let rows: Vec<&str> = WORDS
        .lines()
        .filter(|line| {
            let there = line.strip_prefix("| ").and_then(|line| line.split(" | ").next()).unwrap_or("");
            there.split('`').skip(1).step_by(2).any(is_word)
        })
        .collect();
    (!rows.is_empty())
        .then(|| format!("# `{word}` is a word of another tool\n\n| there | here |\n|---|---|\n{}\n", rows.join("\n")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::REGISTRY;

    #[test]
    fn every_key_of_every_table_is_explained() {
        let places = places(REGISTRY);
        for (place, table) in &places {
            let mut found = 0;
            for (key, row) in rows(table) {
                let text = among(&places, key).unwrap_or_else(|| panic!("{place}: nothing is said of `{key}`"));
                assert!(text.contains(row), "{place}: {key}");
                found += 1;
            }
            assert!(found > 0, "{place} has no keys");
        }
    }

    #[test]
    fn a_key_of_a_kind_is_explained_with_its_kind() {
        let text = explain(REGISTRY, "shell.run").expect("it is a key");
        assert!(text.contains("shell (step)") && text.contains("shell (assertion)") && !text.contains("| `command`"));
        let below = explain(REGISTRY, "traffic.wait_ready").or_else(|| explain(REGISTRY, "kube.apply")).expect("a key");
        assert!(below.contains("| `"));
    }

    #[test]
    fn words_of_other_tools_lead_to_ours() {
        for (word, ours) in
            [("depends_on", "needs: [NAME]"), ("timeout-minutes", "timeout: 10m"), ("matrix", "for_each")]
        {
            let text = explain(REGISTRY, word).unwrap_or_else(|| panic!("nothing is said of `{word}`"));
            assert!(text.contains(ours), "{text}");
        }
        assert_eq!(explain(REGISTRY, "nonsense"), None);
    }
}
