//! File references: relative to the project's folder, never out of it, checked to exist.

use std::path::{Component, Path, PathBuf};

use crate::diagnostic::{Code, Diagnostic, did_you_mean};
use crate::source::Span;

/// What `text` refers to below `root`, or what is wrong with it.
pub(super) fn resolve(root: &Path, text: &str, span: Span) -> Result<PathBuf, Diagnostic> {
    let outside = |why: &str| {
        Diagnostic::error(Code::InvalidReference, span, format!("`{text}` {why}"))
            .help("keep what a pipeline uses inside the folder of pipeline.yaml and name it relative to that folder")
    };
    let relative = Path::new(text);
    if relative.is_absolute() {
        return Err(outside("is an absolute path"));
    }
    let mut depth = 0usize;
    for part in relative.components() {
        match part {
            Component::Normal(_) => depth += 1,
            Component::ParentDir if depth == 0 => return Err(outside("leaves the project's folder")),
            Component::ParentDir => depth -= 1,
            _ => {}
        }
    }
    let path = root.join(relative);
    let Ok(real) = path.canonicalize() else {
        return Err(missing(root, relative, text, span));
    };
    match root.canonicalize() {
        Ok(root) if !real.starts_with(&root) => Err(outside("leaves the project's folder through a symbolic link")),
        _ => Ok(path),
    }
}

/// The diagnostic for what does not exist, with what lies beside it where the name is close.
fn missing(root: &Path, relative: &Path, text: &str, span: Span) -> Diagnostic {
    let mut folder = root.join(relative);
    let mut name = None;
    while !folder.exists() {
        name = folder.file_name().map(|name| name.to_string_lossy().into_owned());
        if !folder.pop() {
            break;
        }
    }
    let beside: Vec<String> = std::fs::read_dir(&folder)
        .map(|entries| {
            entries.flatten().take(500).map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
        })
        .unwrap_or_default();
    // The pipeline file, where most references stand, is never what was meant.
    let meant = beside.iter().map(String::as_str).filter(|name| !matches!(*name, "pipeline.yaml" | "pipeline.yml"));
    let near = name.and_then(|name| did_you_mean(&name, meant));
    Diagnostic::error(Code::MissingFile, span, format!("`{text}` does not exist")).maybe_help(
        near.filter(|help| help.starts_with("did"))
            .or_else(|| Some("paths are relative to the folder of pipeline.yaml".to_owned())),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::FileId;

    #[test]
    fn refuses_what_leaves_the_project() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::os::unix::fs::symlink("/etc", folder.path().join("link")).expect("a link");
        std::fs::write(folder.path().join("Dockerfile"), "").expect("a file");
        std::fs::write(folder.path().join("pipeline.yaml"), "").expect("a file");
        let at = Span::new(FileId(0), 0, 1);
        let message = |text| resolve(folder.path(), text, at).map_err(|problem| (problem.message, problem.help));
        assert_eq!(message("a/../../x").unwrap_err().0, "`a/../../x` leaves the project's folder");
        assert_eq!(message("/etc/passwd").unwrap_err().0, "`/etc/passwd` is an absolute path");
        assert_eq!(
            message("link/passwd").unwrap_err().0,
            "`link/passwd` leaves the project's folder through a symbolic link"
        );
        assert_eq!(
            message("Dockrfile").unwrap_err(),
            ("`Dockrfile` does not exist".to_owned(), Some("did you mean \"Dockerfile\"?".to_owned()))
        );
        let help = "paths are relative to the folder of pipeline.yaml";
        assert_eq!(message("pipelin.yaml").unwrap_err().1.as_deref(), Some(help));
        assert!(message("Dockerfile").is_ok());
    }
}
