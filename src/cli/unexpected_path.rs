//! A path where a command takes none, such as `pipeline check FOLDER`: which option takes it.

use std::path::Path;

use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};

/// The error with a tip where an unexpected argument is a file or a folder.
pub(super) fn explained(mut error: clap::Error) -> clap::Error {
    if error.kind() == ErrorKind::UnknownArgument
        && let Some(ContextValue::String(argument)) = error.get(ContextKind::InvalidArg)
        && let Some(tip) = tip(argument)
    {
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![StyledStr::from(tip)]));
    }
    error
}

fn tip(argument: &str) -> Option<String> {
    let found = Path::new(argument).metadata().ok()?;
    Some(if found.is_dir() {
        format!("write `-C {argument}` to work in this folder")
    } else {
        format!("write `--file {argument}` for this pipeline file")
    })
}
