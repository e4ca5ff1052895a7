//! Whether the files that a step makes (`makes:`) are there when it has passed.

use std::path::Path;
use std::sync::Arc;

use super::ending::Ending;
use crate::core::files::inputs;
use crate::core::model::event::State;
use crate::core::model::outcome::Failure;
use crate::core::plan::PlanNode;

/// The ending, a failure where a file is missing.
pub(super) async fn checked(ending: Ending, node: &PlanNode, project: &Arc<Path>) -> Ending {
    if ending.state != State::Passed || node.makes.is_empty() {
        return ending;
    }
    let (project, makes) = (Arc::clone(project), node.makes.clone());
    let looking = tokio::task::spawn_blocking(move || missing(&project, &makes));
    match looking.await {
        Ok(Some(failure)) => Ending::failed(failure),
        _ => ending,
    }
}

/// The first that is not there.
fn missing(project: &Path, makes: &[String]) -> Option<Failure> {
    let there = |pattern: &String| match inputs::list(project, [pattern.as_str()]) {
        Ok(found) => found.iter().any(|path| project.join(path).exists()),
        Err(_) => false,
    };
    let missing = makes.iter().find(|pattern| !there(pattern))?;
    let failure = Failure::new(format!("`{missing}` is not there, which the step makes (`makes:`)"));
    Some(failure.help("paths are relative to the folder of pipeline.yaml"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_must_be_there() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir_all(folder.path().join("out/empty")).expect("made");
        std::fs::write(folder.path().join("out/a.yaml"), "").expect("written");
        let of = |patterns: &[&str]| {
            let patterns: Vec<String> = patterns.iter().map(|pattern| (*pattern).to_owned()).collect();
            missing(folder.path(), &patterns).map(|failure| failure.summary)
        };
        assert_eq!(of(&["out", "out/*.yaml", "out/empty"]), None);
        let expected = "`out/*.json` is not there, which the step makes (`makes:`)";
        assert_eq!(of(&["out", "out/*.json"]).as_deref(), Some(expected));
    }
}
