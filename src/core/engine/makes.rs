//! The files that a step makes: whether they (`makes:`) are there when it has passed, and whether they (`cache:` too) are
//! as it left them when another run goes on.

use std::io;
use std::path::Path;
use std::sync::Arc;

use super::ending::Ending;
use crate::core::files::inputs::{self, Contents};
use crate::core::model::event::{RerunReason, State};
use crate::core::model::outcome::{Failure, Fault};
use crate::core::plan::PlanNode;

/// Digits of a digest.
const DIGITS: usize = 32;

/// The ending, a failure where a file is missing.
pub(super) async fn checked(ending: Ending, node: &PlanNode, project: &Arc<Path>) -> Ending {
    if ending.state != State::Passed || node.makes.is_empty() {
        return ending;
    }
    let (project, makes) = (Arc::clone(project), node.makes.clone());
    let looking = tokio::task::spawn_blocking(move || missing(&project, &makes));
    match looking.await.unwrap_or_else(|error| Err(io::Error::other(error))) {
        Ok(None) => ending,
        Ok(Some(missing)) => {
            let failure = Failure::new(format!("`{missing}` is not there, which the step makes (`makes:`)"));
            Ending::failed(failure.help("paths are relative to the folder of pipeline.yaml"))
        }
        Err(error) => Ending::errored(Fault::unknown(format!("what the step makes cannot be seen: {error}"))),
    }
}

/// The first that is not there.
///
/// # Errors
/// What is there cannot be seen.
fn missing(project: &Path, makes: &[String]) -> io::Result<Option<String>> {
    for pattern in makes {
        let mut there = false;
        for path in inputs::list(project, [pattern.as_str()])? {
            there |= project.join(path).try_exists()?;
        }
        if !there {
            return Ok(Some(pattern.clone()));
        }
    }
    Ok(None)
}

/// All that a step makes, as patterns.
fn patterns(node: &PlanNode) -> impl Iterator<Item = &String> {
    node.makes.iter().chain(&node.cache)
}

/// Whether a step says that it makes files.
pub(super) fn any(node: &PlanNode) -> bool {
    patterns(node).next().is_some()
}

/// What a step made, as a keyed digest.
///
/// # Errors
/// A file cannot be read.
pub(super) fn digest(key: &[u8; 32], project: &Path, node: &PlanNode) -> io::Result<String> {
    digest_with(&mut Contents::default(), key, project, node)
}

/// As [`digest`], with what was read of the files already.
///
/// # Errors
/// As those of [`digest`].
pub(super) fn digest_with(
    contents: &mut Contents,
    key: &[u8; 32],
    project: &Path,
    node: &PlanNode,
) -> io::Result<String> {
    let files = contents.digest(project, patterns(node).map(String::as_str))?;
    Ok(blake3::keyed_hash(key, &files).to_hex()[..DIGITS].to_owned())
}

/// Why a step runs again though it passed: its files are not as it left them. `left` is absent in records of before.
pub(super) fn lost(key: &[u8; 32], project: &Path, node: &PlanNode, left: Option<&str>) -> Option<RerunReason> {
    if !any(node) {
        return None;
    }
    compared(key, project, node, left).unwrap_or_else(|error| {
        Some(RerunReason::NotCompared { reason: format!("what it made cannot be compared: {error}") })
    })
}

fn compared(key: &[u8; 32], project: &Path, node: &PlanNode, left: Option<&str>) -> io::Result<Option<RerunReason>> {
    let gone = |patterns: &[String]| missing(project, patterns).map(|gone| gone.map(RerunReason::FilesGone));
    match left {
        None => gone(&node.makes),
        Some(left) if digest(key, project, node)? == left => Ok(None),
        Some(_) => match gone(&node.makes)? {
            None => Ok(gone(&node.cache)?.or(Some(RerunReason::FilesChanged))),
            found => Ok(found),
        },
    }
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
            missing(folder.path(), &patterns).expect("seen")
        };
        assert_eq!(of(&["out", "out/*.yaml", "out/empty"]), None);
        assert_eq!(of(&["out", "out/*.json"]).as_deref(), Some("out/*.json"));
    }
}
