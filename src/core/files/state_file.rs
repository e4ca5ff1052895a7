//! Small records that outlive a run: each a file of JSON below `.pipeline/`, there whole or not at all.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

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
    let unread = |why: &dyn std::fmt::Display| {
        Fault::environment(format!("{} cannot be read: {why}", path.display()))
            .help("it records what must be removed again: see what is there, then remove the file")
    };
    match super::open::read_text(path, RECORD_LIMIT) {
        Ok(text) => serde_json::from_str(&text).map(Some).map_err(|error| unread(&error)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unread(&error)),
    }
}
