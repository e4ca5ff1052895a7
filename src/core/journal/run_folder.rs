//! The folder of one run, and the names of its files.

use std::path::{Path, PathBuf};

/// Where the files of a run lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunFolder {
    pub(super) id: String,
    pub(super) path: PathBuf,
}

impl RunFolder {
    /// `20261123-145501-k3f9`.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its events.
    pub fn journal(&self) -> PathBuf {
        self.path.join("journal.ndjson")
    }

    /// The folder of its logs.
    pub fn logs(&self) -> PathBuf {
        self.path.join("logs")
    }

    /// The log of a node, by its name `stage.step` or `stage.step[item]`.
    pub fn log(&self, node: &str) -> PathBuf {
        self.logs().join(format!("{}.log", file_name(node)))
    }

    /// What processes printed after their step, by the step's name.
    pub fn leftover_log(&self, node: &str) -> PathBuf {
        self.logs().join(format!("{}.left.log", file_name(node)))
    }

    /// The folder of what explains its failures.
    pub fn evidence(&self) -> PathBuf {
        self.path.join("evidence")
    }

    /// The folder of what explains the failure of a node.
    pub fn evidence_of(&self, node: &str) -> PathBuf {
        self.evidence().join(file_name(node))
    }

    /// A file of a node's evidence. Names come from objects of a cluster: none leads out of the folder.
    pub fn evidence_file(&self, node: &str, name: &str) -> PathBuf {
        let sanitize = |part: &str| {
            part.chars().map(|c| if c.is_alphanumeric() || "-_.@:".contains(c) { c } else { '_' }).collect::<String>()
        };
        let parts = name.split('/').filter(|part| !part.is_empty() && *part != "." && *part != "..").map(sanitize);
        self.evidence_of(node).join(parts.collect::<PathBuf>())
    }

    /// The report for people.
    pub fn html(&self) -> PathBuf {
        self.path.join("report.html")
    }

    /// The report for CI.
    pub fn junit(&self) -> PathBuf {
        self.path.join("junit.xml")
    }

    /// The report for programs.
    pub fn summary(&self) -> PathBuf {
        self.path.join("summary.json")
    }

    /// The names of `finally` steps that the run left undone, a line each; not there when there are none.
    pub fn pending(&self) -> PathBuf {
        self.path.join("pending-cleanup")
    }

    /// The part of its id that says when it began, to the second.
    pub(super) fn second(&self) -> &str {
        self.id.rsplit_once('-').map_or(&self.id, |(second, _)| second)
    }

    /// Whether some process is writing its journal.
    pub fn is_running(&self) -> bool {
        self.is_locked() == Some(true)
    }

    /// Whether its journal is locked by the process that writes it; nothing where the file system has no locks.
    pub fn is_locked(&self) -> Option<bool> {
        let Ok(file) = crate::core::files::open::open(&self.journal()) else { return Some(false) };
        match file.try_lock_shared() {
            Ok(()) => Some(false),
            Err(std::fs::TryLockError::WouldBlock) => Some(true),
            Err(std::fs::TryLockError::Error(_)) => None,
        }
    }
}

/// A node's name as a file's: other characters than the usual ones become `_`, and then a checksum keeps names apart.
fn file_name(node: &str) -> String {
    let usual = |c: char| c.is_ascii_alphanumeric() || "-_.,=+@[]".contains(c);
    let name: String = node.chars().map(|c| if usual(c) { c } else { '_' }).take(160).collect();
    if name == node && !name.starts_with('.') {
        name
    } else {
        format!("{}-{:08x}", name.trim_start_matches('.'), crc32fast::hash(node.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_node_has_a_file_of_its_own() {
        assert_eq!(file_name("build.image[a=1,b]"), "build.image[a=1,b]");
        assert_eq!(file_name("build.image[a/b]"), "build.image[a_b]-1913291f");
        assert_ne!(file_name("s.x[a/b]"), file_name("s.x[a b]"));
        assert!(!file_name("../../x").contains('/') && !file_name("..").starts_with('.'));
        assert!(file_name(&"ä".repeat(500)).len() < 200);
    }
}
