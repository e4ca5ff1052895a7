//! Small records that outlive a run: each a file of JSON below `.pipeline/`, there whole or not at all.

use std::fs;
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::core::model::outcome::Fault;

/// Bytes of a record that are read.
const RECORD_LIMIT: u64 = 8 << 20;

/// Writes a record down, and its folder where there is none.
///
/// # Errors
/// [`Fault`] of kind environment when the file cannot be written.
pub fn save(path: &Path, record: &impl Serialize) -> Result<(), Fault> {
    let draft = path.with_extension("part");
    let text = serde_json::to_string_pretty(record).expect("a record is plain text");
    let folder = path.parent().expect("the file is in a folder");
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(&draft, text + "\n"))
        .and_then(|()| fs::rename(&draft, path))
        .map_err(|error| Fault::environment(format!("{} cannot be written: {error}", path.display())))
}

/// Reads a record; `None` where there is none, or none that can be read.
pub fn read<T: DeserializeOwned>(path: &Path) -> Option<T> {
    serde_json::from_str(&super::open::read_text(path, RECORD_LIMIT).ok()?).ok()
}
