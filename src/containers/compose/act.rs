//! What is done to a project that is up, and what is read of it: build, restart, logs, config.

use std::time::Duration;

use serde_json::Value;

use super::{Compose, Project, Service, run};
use crate::core::model::outcome::Fault;
use crate::process::LineSink;
use crate::process::command_context::{CommandContext, CommandError};

impl Compose {
    /// Builds the images of services; of all that are built where none is named.
    ///
    /// # Errors
    /// A failure with Compose's own words.
    pub async fn build(
        &self,
        project: &Project,
        services: &[String],
        pull: bool,
        no_cache: bool,
        call: &CommandContext<'_>,
    ) -> Result<(), CommandError> {
        let flags = [("--pull", pull), ("--no-cache", no_cache)];
        let flags = flags.into_iter().filter(|(_, wanted)| *wanted).map(|(flag, _)| flag.to_owned());
        let args: Vec<String> = ["build".to_owned()].into_iter().chain(flags).chain(services.iter().cloned()).collect();
        run(self.form(call).await?, project, &args, call).await
    }

    /// Restarts services, and waits until they are healthy again.
    ///
    /// # Errors
    /// A failure that names the service that did not get there.
    pub async fn restart(
        &self,
        project: &Project,
        services: &[String],
        within: Duration,
        call: &CommandContext<'_>,
    ) -> Result<Vec<Service>, CommandError> {
        let args: Vec<String> = ["restart".to_owned()].into_iter().chain(services.iter().cloned()).collect();
        run(self.form(call).await?, project, &args, call).await?;
        self.settled(project, services, within, call).await
    }

    /// Writes what services said to the log; how many lines that were.
    ///
    /// # Errors
    /// A failure with Compose's own words.
    pub async fn logs(
        &self,
        project: &Project,
        services: &[String],
        tail: Option<u32>,
        since: Option<Duration>,
        call: &CommandContext<'_>,
    ) -> Result<u64, CommandError> {
        let mut args = vec!["logs".to_owned(), "--no-color".to_owned()];
        args.extend(tail.into_iter().flat_map(|tail| ["--tail".to_owned(), tail.to_string()]));
        args.extend(since.into_iter().flat_map(|since| ["--since".to_owned(), format!("{}s", since.as_secs().max(1))]));
        args.extend(services.iter().cloned());
        let counted = Counted { to: call.log, lines: std::sync::atomic::AtomicU64::new(0) };
        let counting = CommandContext { log: &counted, ..call.clone() };
        run(self.form(call).await?, project, &args, &counting).await?;
        Ok(counted.lines.into_inner())
    }

    /// The project as Compose reads it.
    ///
    /// # Errors
    /// A failure with Compose's own words.
    pub async fn config(
        &self,
        project: &Project,
        interpolate: bool,
        call: &CommandContext<'_>,
    ) -> Result<Value, CommandError> {
        let mut args = vec!["config", "--format", "json"];
        args.extend((!interpolate).then_some("--no-interpolate"));
        serde_json::from_str(&self.ask(project, &args, call).await?).map_err(|error| {
            Fault::unknown(format!("compose prints its configuration in an unknown way: {error}")).into()
        })
    }
}

/// Passes lines on and counts them.
struct Counted<'a> {
    to: &'a dyn LineSink,
    lines: std::sync::atomic::AtomicU64,
}

impl LineSink for Counted<'_> {
    fn line(&self, line: &[u8]) {
        self.lines.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        self.to.line(line);
    }
}
