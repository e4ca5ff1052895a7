//! Small records that outlive a run: each a file of JSON below `.pipeline/`, there whole or not at all.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::replace::{Lasting, replace};
use crate::core::model::outcome::Fault;

/// Bytes of a record that are read.
const RECORD_LIMIT: u64 = 8 << 20;

/// Writes a record down, and its folder where there is none.
///
/// # Errors
/// [`Fault`] of kind environment when the file cannot be written.
pub fn save(path: &Path, record: &impl Serialize) -> Result<(), Fault> {
    let text = serde_json::to_string_pretty(record).expect("a record is plain text");
    let folder = path.parent().expect("the file is in a folder");
    fs::create_dir_all(folder)
        .and_then(|()| replace(path, Lasting::Synced, |out| out.write_all((text + "\n").as_bytes())))
        .map_err(|error| Fault::environment(format!("{} cannot be written: {error}", path.display())))
}

/// Reads a record; `None` where there is none.
///
/// # Errors
/// [`Fault`] of kind environment when the file that is there cannot be read, or is no such record.
pub fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, Fault> {
    match super::open::read_text(path, RECORD_LIMIT) {
        Ok(text) => serde_json::from_str(&text).map(Some).map_err(|error| unreadable(path, &error)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unreadable(path, &error)),
    }
}

/// The records of a folder, by the ending of their names, in order; none where there is no folder.
///
/// # Errors
/// [`Fault`] of kind environment when the folder cannot be read.
pub fn list(folder: &Path, ending: &str) -> Result<Vec<PathBuf>, Fault> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unreadable(folder, &error)),
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| unreadable(folder, &error))?.path();
        if path.extension().is_some_and(|found| found == ending) {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn unreadable(path: &Path, why: &dyn std::fmt::Display) -> Fault {
    Fault::environment(format!("{} cannot be read: {why}", path.display()))
        .help("it records what must be removed again: see what is there, then remove the file")
}
