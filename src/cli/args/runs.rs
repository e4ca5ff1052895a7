//! `pipeline runs`, as clap reads it.

use clap::{Args as Group, Subcommand};

#[derive(Debug, Group)]
pub(in crate::cli) struct Runs {
    #[command(subcommand)]
    pub command: Option<RunsCommand>,
}

/// What to do with runs.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum RunsCommand {
    /// A line for each run of this pipeline, the newest first
    List {
        /// The runs of every pipeline in this folder
        #[arg(long)]
        all: bool,
    },
    /// Everything about a run
    Show {
        /// The run's id, or a part of it [default: the newest]
        run: Option<String>,
    },
    /// What changed from one run to another: definitions, outcomes, durations, measures
    Diff {
        /// The earlier run's id, or a part of it [default: the newest but one]
        old: Option<String>,
        /// The later run's [default: the newest]
        new: Option<String>,
    },
    /// Remove runs with all their files
    Rm {
        /// Ids, or parts of them
        #[arg(required = true)]
        runs: Vec<String>,
    },
}
