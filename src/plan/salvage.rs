//! What can still be known of a file that is wrong, so that one fault does not hide or cause others.

use indexmap::IndexMap;
use serde::de::DeserializeOwned;

use crate::document::{Node, decode};
use crate::spec::{PipelineSpec, SecretSource};

/// The parts of a pipeline file that are right; what is wrong with the others was told.
pub(super) fn pipeline(node: &Node) -> PipelineSpec {
    PipelineSpec {
        version: 1,
        pipeline: part(node, "pipeline").unwrap_or_default(),
        description: None,
        cluster: part(node, "cluster"),
        vars: each(node, "vars", |node| crate::spec::Any(node.to_json())),
        secrets: each(node, "secrets", |node| {
            // A source that counts as one: what is wrong with it was told already.
            decode(node).unwrap_or_else(|_| SecretSource { env: Some(String::new()), ..SecretSource::default() })
        }),
        env: part(node, "env").unwrap_or_default(),
        profiles: part(node, "profiles").unwrap_or_default(),
        pools: part(node, "pools").unwrap_or_default(),
        gate: Vec::new(),
        stages: Vec::new(),
        finally: IndexMap::new(),
    }
}

/// A name that a stage file which could not be read may have: the one in its `stage:` line, or in its path.
pub(super) fn stage_names(reference: &str, text: Option<&str>) -> Vec<String> {
    let stem = reference.rsplit('/').next().unwrap_or(reference);
    let stem = stem.trim_end_matches(".yaml").trim_end_matches(".yml");
    let bare = stem.trim_start_matches(|c: char| c.is_ascii_digit() || c == '-' || c == '_');
    let written = text.and_then(|text| text.lines().find_map(|line| line.strip_prefix("stage:")));
    let mut names = vec![stem.to_owned(), bare.to_owned()];
    names.extend(
        written.map(|name| name.split('#').next().unwrap_or_default().trim().trim_matches(['"', '\'']).to_owned()),
    );
    names
}

fn part<T: DeserializeOwned>(node: &Node, key: &str) -> Option<T> {
    decode(node.get(key)?).ok()
}

fn each<T>(node: &Node, key: &str, make: impl Fn(&Node) -> T) -> IndexMap<String, T> {
    let entries = node.get(key).map(Node::entries).unwrap_or_default();
    entries.iter().map(|entry| (entry.key.clone(), make(&entry.node))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guesses_a_stage_by_its_line_and_its_path() {
        assert_eq!(
            stage_names("stages/2-cluster.yaml", Some("x: [\nstage: up # here\n")),
            ["2-cluster", "cluster", "up"]
        );
    }
}
