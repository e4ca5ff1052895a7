//! File references: relative to the project's folder, never out of it, checked to exist.

use std::io;
use std::path::{Component, Path, PathBuf};

use crate::core::model::diagnostic::{Code, Diagnostic, closest};
use crate::core::model::source::Span;

/// What `text` refers to below `root`, or what is wrong with it.
pub(super) fn resolve(root: &Path, text: &str, span: Span) -> Result<PathBuf, Box<Diagnostic>> {
    inside(text, span)?;
    let relative = Path::new(text);
    let path = root.join(relative);
    let real = path.canonicalize().map_err(|error| {
        let missing = || missing(root, relative, text, span);
        Box::new(unreachable(&path, text, &error, span).unwrap_or_else(missing))
    })?;
    match root.canonicalize() {
        Ok(root) if !real.starts_with(&root) => {
            Err(Box::new(outside(text, "leaves the project's folder through a symbolic link", span)))
        }
        _ => Ok(path),
    }
}

/// Whether `text` stays below the project's folder, whatever is there.
pub(super) fn inside(text: &str, span: Span) -> Result<(), Box<Diagnostic>> {
    let relative = Path::new(text);
    if relative.is_absolute() {
        return Err(Box::new(outside(text, "is an absolute path", span)));
    }
    let mut depth = 0usize;
    for part in relative.components() {
        match part {
            Component::Normal(_) => depth += 1,
            Component::ParentDir if depth == 0 => {
                return Err(Box::new(outside(text, "leaves the project's folder", span)));
            }
            Component::ParentDir => depth -= 1,
            _ => {}
        }
    }
    Ok(())
}

fn outside(text: &str, why: &str, span: Span) -> Diagnostic {
    let help = "keep what a pipeline uses inside the folder of pipeline.yaml and name it relative to that folder";
    Diagnostic::error(Code::InvalidReference, span, format!("`{text}` {why}")).help(help)
}

/// The diagnostic for what is there and leads nowhere, with the system's reason.
fn unreachable(path: &Path, text: &str, error: &io::Error, span: Span) -> Option<Diagnostic> {
    let link = std::fs::read_link(path);
    let (message, help) = match (error.kind(), link) {
        (io::ErrorKind::NotFound, Ok(target)) => {
            (format!("`{text}` is a symbolic link to `{}`, which does not exist", target.display()), "mend the link")
        }
        (io::ErrorKind::NotFound | io::ErrorKind::NotADirectory, _) => return None,
        (_, Ok(_)) => (format!("`{text}` cannot be read: {error}"), "mend the symbolic link"),
        (_, Err(_)) => (format!("`{text}` cannot be read: {error}"), "see that the file and its folders can be read"),
    };
    Some(Diagnostic::error(Code::MissingFile, span, message).help(help))
}

/// The diagnostic for what does not exist, with the path that was meant where one is close.
fn missing(root: &Path, relative: &Path, text: &str, span: Span) -> Diagnostic {
    let help = meant(root, relative).map_or_else(
        || {
            format!(
                "paths are relative to the folder of pipeline.yaml; the step that makes it says so: `makes: [{text}]`"
            )
        },
        |path| format!("did you mean \"{path}\"?"),
    );
    Diagnostic::error(Code::MissingFile, span, format!("`{text}` does not exist")).help(help)
}

/// The path that was meant: every part that is not there replaced by what is close to it in its folder.
fn meant(root: &Path, relative: &Path) -> Option<String> {
    let mut found = PathBuf::new();
    for part in relative.components() {
        let folder = root.join(&found);
        if folder.join(part).exists() {
            found.push(part);
            continue;
        }
        let entries = std::fs::read_dir(&folder).ok()?.flatten().take(500);
        let beside: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        // The pipeline file, where most references stand, is never what was meant.
        let others =
            beside.iter().map(String::as_str).filter(|name| !matches!(*name, "pipeline.yaml" | "pipeline.yml"));
        let written = part.as_os_str().to_string_lossy();
        let stem = |name: &str| name.rsplit_once('.').map(|(stem, _)| stem.to_ascii_lowercase());
        let alike = |name: &&str| stem(name).is_some() && stem(name) == stem(&written);
        found.push(others.clone().find(alike).or_else(|| closest(&written, others))?);
    }
    Some(found.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::model::source::FileId;

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
        let help = "paths are relative to the folder of pipeline.yaml; the step that makes it says so: `makes: [pipelin.yaml]`";
        assert_eq!(message("pipelin.yaml").unwrap_err().1.as_deref(), Some(help));
        assert!(message("Dockerfile").is_ok());
        std::os::unix::fs::symlink("loop", folder.path().join("loop")).expect("a link");
        std::os::unix::fs::symlink("gone", folder.path().join("dangling")).expect("a link");
        assert_eq!(
            message("loop").unwrap_err(),
            (
                "`loop` cannot be read: Too many levels of symbolic links (os error 40)".to_owned(),
                Some("mend the symbolic link".to_owned())
            )
        );
        assert_eq!(message("dangling").unwrap_err().0, "`dangling` is a symbolic link to `gone`, which does not exist");
        std::fs::create_dir(folder.path().join("stages")).expect("a folder");
        std::fs::write(folder.path().join("stages/a.yaml"), "").expect("a file");
        for written in ["stages/a.yml", "Stages/A.yaml", "stage/a.yaml"] {
            assert_eq!(message(written).unwrap_err().1.as_deref(), Some("did you mean \"stages/a.yaml\"?"));
        }
    }
}
