//! The arguments of the program that keeps what left processes print; `run` starts it.

use std::path::PathBuf;

use clap::Args;

/// Where it writes.
#[derive(Debug, Args)]
pub(in crate::cli) struct KeepOutput {
    /// The file that it writes
    pub file: PathBuf,
}
