//! One command as the Job that runs it, and the digest by which a later run finds that Job again.

use std::sync::Arc;
use std::time::Duration;

use super::executor::{PodExecutor, STARTS_WITHIN, Task};
use super::{boot, stored};
use crate::core::files::inputs;
use crate::core::kind::settings::{RunnerSettings, TemplateProblem};
use crate::core::mask::SecretText;
use crate::core::model::outcome::Fault;
use crate::kubernetes::job::{ContainerJob, Store, job_name};
use crate::kubernetes::ownership::labels::label_value;
use crate::kubernetes::ownership::owned::Owner;

/// What the cluster may take beyond the timeout and the grace before it ends the container itself.
const MARGIN: Duration = Duration::from_secs(60);
/// The longest that a container without a timeout lives: a runner that was killed leaves nothing for good.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// What is wrong with the Pod template of a runner.
pub fn template_problems(settings: &RunnerSettings) -> Vec<TemplateProblem> {
    // a step with everything that a Job may have
    let files = vec![("boot".to_owned(), SecretText::new(""))];
    container(settings, ContainerJob { command: boot::command(), files, ..ContainerJob::default() }).template_problems()
}

/// The Job with all that a runner's settings say of its container.
pub(super) fn container(settings: &RunnerSettings, job: ContainerJob) -> ContainerJob {
    let store = settings.store.clone().map(|claim| Store { claim, command: stored::command() });
    ContainerJob {
        image: settings.image.clone(),
        resources: settings.resources.clone(),
        user: settings.user,
        placement: settings.placement.clone(),
        template: settings.template.clone(),
        store,
        ..job
    }
}

impl PodExecutor {
    /// The image that the command runs in.
    pub(super) fn image(&self) -> &str {
        self.assignment.image.as_deref().unwrap_or(&self.runner.settings.image)
    }

    /// The Job.
    pub(super) async fn job(&self, task: &Task<'_>, namespace: &str) -> Result<ContainerJob, Fault> {
        let (assignment, grace) = (&self.assignment, task.stop.grace);
        let limit = task.limit.map(|limit| limit + STARTS_WITHIN).or(assignment.timeout);
        let limit = limit.map_or(LONGEST, |timeout| timeout + grace + MARGIN);
        let home = self.runner.cluster.namespace().to_owned();
        let mut files = boot::files(task.command, assignment, task.streams)?;
        let work = self.digest(&files).await;
        let settings = &self.runner.settings;
        let mut job = container(
            settings,
            ContainerJob {
                name: job_name(&assignment.run, &assignment.step),
                namespace: namespace.to_owned(),
                run: assignment.run.to_string(),
                step: assignment.step.to_string(),
                owner: Some(Owner {
                    pipeline: label_value(&assignment.pipeline),
                    home,
                    run: assignment.run.to_string(),
                }),
                command: boot::command(),
                work,
                probe: task.service.and_then(|service| service.probe.clone()),
                deadline: Some(limit),
                grace,
                ..ContainerJob::default()
            },
        );
        self.image().clone_into(&mut job.image);
        job.store = job.store.filter(|_| !assignment.inputs.is_empty());
        if job.store.is_some() {
            files.extend(stored::files(&job.name));
        }
        Ok(ContainerJob { files, ..job })
    }

    /// All that decides what a container does, in one digest. None where it cannot be reported: then nothing is found again.
    async fn digest(&self, files: &[(String, SecretText)]) -> Option<String> {
        let (assignment, settings) = (&self.assignment, &self.runner.settings);
        let mut hasher = blake3::Hasher::new_keyed(&assignment.key?);
        hasher.update(self.image().as_bytes());
        if let Some(template) = &settings.template {
            hasher.update(template.to_string().as_bytes());
        }
        for (name, text) in files {
            hasher.update(name.as_bytes());
            // the run's id differs from run to run
            let lines = text.expose().lines().filter(|line| !line.starts_with("export PIPELINE_RUN="));
            lines.for_each(|line| _ = hasher.update(line.as_bytes()).update(b"\n"));
        }
        if !assignment.inputs.is_empty() {
            let (project, patterns) = (Arc::clone(&assignment.project), assignment.inputs.clone());
            let digest = move || inputs::digest(&project, patterns.iter().map(String::as_str));
            hasher.update(&tokio::task::spawn_blocking(digest).await.ok()?.ok()?);
        }
        Some(hasher.finalize().to_hex()[..32].to_owned())
    }
}
