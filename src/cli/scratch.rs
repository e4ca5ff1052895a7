//! A private folder for temporary files, removed when it is dropped. Not below the project: sockets and private files
//! belong on the machine's own temporary disk.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

use tempfile::{Builder, TempDir};

use crate::core::model::outcome::Fault;

/// A new folder that only this user may read; `of` names what it was made for.
///
/// # Errors
/// [`Fault`] when it cannot be made.
pub(super) fn scratch(of: &str) -> Result<TempDir, Fault> {
    let prefix = format!("pipeline-{of}-");
    Builder::new().prefix(&prefix).permissions(Permissions::from_mode(0o700)).tempdir().map_err(|error| {
        let folder = std::env::temp_dir();
        Fault::unknown(format!("cannot make a folder for temporary files in {}: {error}", folder.display()))
            .help("set TMPDIR to a folder that you can write to")
    })
}
