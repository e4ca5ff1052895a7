//! Finds the pipeline file and loads it; tells what is wrong with it.

use std::io;
use std::path::{Path, PathBuf};

use super::args::{Args, Overrides};
use super::{REGISTRY, out};
use crate::core::model::exit_code::Exit;
use crate::core::model::outcome::Fault;
use crate::core::plan::{Loaded, Options, load};
use crate::core::report::diagnostics;

const NAMES: [&str; 2] = ["pipeline.yaml", "pipeline.yml"];

/// The pipeline file: `--file`, or the nearest one in this folder and those above, as cargo finds Cargo.toml.
pub(super) fn pipeline_file(args: &Args) -> Result<PathBuf, Fault> {
    let here = working_folder(args)?;
    if let Some(file) = &args.file {
        let path = here.join(file);
        return match unusable(&path) {
            None => Ok(path),
            Some(fault) => Err(fault),
        };
    }
    // one that is there and cannot be read is the one that is meant
    let is_there = |file: &PathBuf| match file.symlink_metadata() {
        Ok(found) => !found.is_dir(),
        Err(error) => !matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory),
    };
    let found = here.ancestors().find_map(|folder| NAMES.iter().map(|name| folder.join(name)).find(is_there));
    found.ok_or_else(|| {
        Fault::invalid(format!("there is no pipeline.yaml in {} or any folder above", here.display()))
            .help("`pipeline init` writes a small one; or name one with --file or -C")
    })
}

/// What is wrong with a file that `--file` names.
fn unusable(path: &Path) -> Option<Fault> {
    let shown = path.display();
    let (message, help) = match path.metadata() {
        Ok(found) if found.is_file() => return None,
        Ok(found) if found.is_dir() => {
            let inside = NAMES.iter().map(|name| path.join(name)).find(|file| file.is_file());
            let help = inside.map_or_else(
                || "give the path of a pipeline file; `pipeline init` writes a small one".to_owned(),
                |file| format!("write `--file {}`, or `-C {shown}` to work in it", file.display()),
            );
            (format!("{shown} is a folder, expected a file"), help)
        }
        Ok(_) => (format!("{shown} is not a regular file"), "give the path of a pipeline file".to_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound && path.symlink_metadata().is_err() => {
            (format!("there is no file {shown}"), "give the path of a pipeline file".to_owned())
        }
        Err(error) => (format!("cannot read {shown}: {error}"), "give the path of a pipeline file".to_owned()),
    };
    Some(Fault::invalid(message).help(help))
}

/// The folder to work in, absolute.
pub(super) fn working_folder(args: &Args) -> Result<PathBuf, Fault> {
    let folder = args.directory.as_deref().unwrap_or(Path::new("."));
    folder.canonicalize().map_err(|error| Fault::invalid(format!("cannot enter {}: {error}", folder.display())))
}

/// What to load, with what the command line changes of it.
pub(super) fn options(args: &Args, file: PathBuf, overrides: &Overrides) -> Options {
    let Overrides { profile, vars, var_files, context, runners } = overrides.clone();
    let folder = args.directory.clone().unwrap_or_default();
    let var_files = var_files.iter().map(|file| folder.join(file)).collect();
    Options { file, profile, vars, var_files, context, runners, gate: None }
}

/// Loads the pipeline and tells everything that is wrong; `Err` with the exit code when nothing may run.
pub(super) fn loaded(args: &Args, overrides: &Overrides) -> Result<Result<Loaded, Exit>, Fault> {
    let file = pipeline_file(args)?;
    let loaded = load(&options(args, file, overrides), REGISTRY)?;
    if !loaded.diagnostics.is_empty() {
        out::say(diagnostics::render(loaded.diagnostics.clone(), &loaded.sources, out::style()).trim_end());
    }
    Ok(if loaded.plan.is_some() { Ok(loaded) } else { Err(Exit::Invalid) })
}
