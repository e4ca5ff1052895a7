//! `pipeline init`: a small pipeline that passes `check` and runs, with neither Docker nor a cluster.

use std::path::Path;

use super::args::{Args, Init};
use super::{find, out};
use crate::core::model::exit_code::Exit;
use crate::core::model::outcome::Fault;

const FILES: [(&str, &str); 3] = [
    ("pipeline.yaml", include_str!("init/pipeline.yaml")),
    ("stages/1-build.yaml", include_str!("init/1-build.yaml")),
    ("stages/2-check.yaml", include_str!("init/2-check.yaml")),
];

const SINGLE: [(&str, &str); 1] = [("pipeline.yaml", include_str!("init/single.yaml"))];

/// Writes the files; refuses to touch one that exists.
pub(super) fn run(args: &Args, init: &Init) -> Result<Exit, Fault> {
    let here = find::working_folder(args)?;
    let folder = init.folder.as_ref().map_or_else(|| here.clone(), |folder| here.join(folder));
    let files: &[(&str, &str)] = if init.single { &SINGLE } else { &FILES };
    if let Some((name, _)) = files.iter().find(|(name, _)| folder.join(name).exists()) {
        return Err(Fault::invalid(format!("{} exists already", folder.join(name).display()))
            .help("nothing was written; choose another folder: `pipeline init DIR`"));
    }
    for (name, text) in files {
        write(&folder.join(name), text)?;
        out::say(&format!("wrote {name}"));
    }
    let shown = init.folder.as_ref().map(|folder| format!(" -C {}", folder.display())).unwrap_or_default();
    out::say(&format!("\nnow: pipeline{shown} plan, then: pipeline{shown} run"));
    Ok(Exit::Passed)
}

fn write(path: &Path, text: &str) -> Result<(), Fault> {
    let written = path.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| std::fs::write(path, text));
    written.map_err(|error| Fault::unknown(format!("cannot write {}: {error}", path.display())))
}
