//! `secrets`: none of the run's secret values is where it must not be. Reports where and which, never what.

mod known;
mod places;
mod record;

use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::containers::images::{EngineName, name_problem};
use crate::core::files::project::problem;
use crate::core::kind::services::Services;
use crate::core::kind::{Assertion, AssertionKind, CheckContext, Context, Found, Poll, RunSecrets, Watch};
use crate::core::model::diagnostic::Code;
use crate::core::model::outcome::{Fault, Finding, Verdict};
use crate::secrets::secret_scan::Traces;
use crate::services::Clients;

/// The row of `secrets`. It asks the guard itself, if it reads a cluster: a pipeline without one has secrets too.
pub const KIND: AssertionKind = AssertionKind::assertion::<Secrets>(
    "secrets",
    "None of the run's secret values is in images, files, objects of the cluster, the run's record or the arguments of \
     processes.",
    "images: [todo-backend:dev]\nfiles: [manifests, charts]\nnamespaces: [todo]\n",
);

/// Where none of this run's secret values may be: not as they are, not in base64 (between other bytes too), hexadecimal,
/// URL-encoded, escaped for JSON or a shell, and not cut by line breaks. Each key says where to look; what is left out is
/// looked at as far as it is known, `[]` and `false` leave it out. Values shorter than 8 bytes are not looked for: they would
/// be found everywhere.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Secrets {
    /// Images by name: every layer, also what a later one covers, configuration and history. Default: those that `image`
    /// steps before this gate have made.
    pub images: Option<Vec<String>>,
    /// Files and folders of the project; compressed ones are looked into. Default: all that git has or would take in, or
    /// the whole folder without git. The files that `secrets:` of pipeline.yaml names as sources, `.git` and `.pipeline` are
    /// left out.
    pub files: Option<Vec<PathBuf>>,
    /// Namespaces: every object in them of any kind that can be listed, except Secrets. Default: the pipeline's, and those
    /// that steps before this gate have used.
    pub namespaces: Option<Vec<String>>,
    /// The record of this run so far: journal, logs, evidence and reports. Default: true.
    pub run: Option<bool>,
    /// The arguments of every process on this machine, looked at all along the run. Default: true, where the system shows
    /// them (Linux).
    pub argv: Option<bool>,
    /// Paths of files, in the project and in images, in which secret values are expected: `**/.env.test`.
    #[serde(default)]
    pub allow: Vec<String>,
    /// The image engines to ask, in this order: `docker`, `podman`, `buildah` (also the default).
    #[serde(default)]
    pub engine: Vec<EngineName>,
    /// What the newest measurement found.
    #[serde(skip)]
    #[schemars(skip)]
    pub found: Found,
}

#[async_trait]
impl Assertion for Secrets {
    fn check(&self, cx: &mut CheckContext<'_>) {
        for (at, name) in self.images.iter().flatten().enumerate() {
            if let Some(problem) = name_problem(name) {
                cx.error(&["images".into(), at.into()], Code::InvalidValue, problem, None);
            }
        }
        for (at, path) in self.files.iter().flatten().enumerate() {
            if let Some(problem) = problem(path) {
                let help = "paths are relative to the folder of pipeline.yaml and stay below it".to_owned();
                cx.error(&["files".into(), at.into()], Code::InvalidReference, problem, Some(help));
            }
        }
    }

    fn title(&self) -> String {
        "no secret is where it must not be".to_owned()
    }

    fn attend(&self, services: &Services, secrets: &RunSecrets) {
        // where it cannot be watched, the measurement says so
        if self.argv != Some(false) && !secrets.is_empty() {
            let _ = services.argv().start(secrets);
        }
    }

    async fn watch(&self, _: &Context) -> Result<Box<dyn Watch>, Fault> {
        // a measurement costs seconds, and a leaked value rarely goes away
        Ok(Box::new(Poll(Duration::from_secs(5))))
    }

    async fn measure(&self, cx: &Context) -> Result<Verdict, Fault> {
        let traces = traces(cx);
        if cx.secrets.is_empty() {
            return Ok(Verdict::Skipped { reason: "the pipeline has no secrets".to_owned() });
        }
        let mut places = [
            places::images(self, cx).await?,
            places::files(self, cx).await?,
            places::objects(self, cx).await?,
            places::run(self, cx).await?,
            places::argv(self, cx)?,
        ];
        let found: Vec<String> = places.iter().flat_map(places::Place::findings).collect();
        if !found.is_empty() {
            cx.evidence.keep("secrets.txt", &(found.join("\n") + "\n"));
        }
        self.found.keep(places.iter().flat_map(places::Place::explained).collect());
        if let Some(last) = places.last_mut() {
            last.too_short = traces.too_short().to_vec();
        }
        Ok(Verdict::of(places.iter().map(places::Place::measure).collect()))
    }

    async fn explain(&self, _: &Context) -> Vec<Finding> {
        self.found.all()
    }
}

/// The run's secrets, to be looked for.
fn traces(cx: &Context) -> Traces {
    Traces::new(cx.secrets.iter().map(|(name, value)| (name.as_str(), value)))
}

#[cfg(test)]
mod tests;
