//! The options of `submit`.

use std::time::Duration;

use clap::Args as Group;

use super::age;

#[derive(Debug, Group)]
pub(in crate::cli) struct Submit {
    /// The runner whose cluster and namespace it runs in [default: the only one]
    #[arg(long, value_name = "RUNNER")]
    pub on: Option<String>,
    /// The image, with `pipeline`, a shell and tar [default: `submit.image` of the runner]
    #[arg(long, value_name = "IMAGE")]
    pub image: Option<String>,
    /// The service account of the run [default: `submit.service_account` of the runner, or `pipeline`]
    #[arg(long, value_name = "NAME")]
    pub service_account: Option<String>,
    /// Files, folders and patterns that are packed [default: the whole project]; may be given several times
    #[arg(long = "files", value_name = "PATTERN")]
    pub files: Vec<String>,
    /// Hand this variable of the environment on; those of secrets are handed on by themselves
    #[arg(long = "env", value_name = "NAME")]
    pub env: Vec<String>,
    /// How long its record can be read after its end: 12h, 7d
    #[arg(long, value_name = "TIME", default_value = "1d", value_parser = age)]
    pub keep: Duration,
    /// Print its name and do not follow it
    #[arg(long)]
    pub detach: bool,
    /// Follow one that was submitted before [default: the newest]
    #[arg(long, value_name = "NAME", num_args = 0..=1, default_missing_value = "latest", conflicts_with = "stop")]
    pub attach: Option<String>,
    /// End one that was submitted before
    #[arg(long, value_name = "NAME")]
    pub stop: Option<String>,
    /// Options of `run`
    #[arg(last = true, value_name = "OPTIONS OF RUN")]
    pub args: Vec<String>,
}
