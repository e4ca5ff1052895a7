//! What can be typed after `pipeline baseline`.

use clap::{Args as Group, Subcommand};

#[derive(Debug, Group)]
pub(in crate::cli) struct Baseline {
    #[command(subcommand)]
    pub command: Option<BaselineCommand>,
}

/// What to do with baselines.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum BaselineCommand {
    /// Show the stored values
    Show,
    /// Store what a run measured, in baselines.yaml: commit that file
    Accept {
        /// The run's id, or a part of it [default: the newest]
        run: Option<String>,
        /// Only assertions whose name holds this text
        #[arg(long, value_name = "TEXT")]
        only: Option<String>,
    },
}
