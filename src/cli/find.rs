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
        let file = here.join(file);
        return if file.is_file() {
            Ok(file)
        } else {
            Err(Fault::invalid(format!("there is no file {}", file.display())).help("give the path of a pipeline file"))
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
