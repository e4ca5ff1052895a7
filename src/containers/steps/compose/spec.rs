//! What is written under `compose:`.

pub(super) mod check;

use std::path::Path;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::containers::compose::{Down, Project, Up};
use crate::core::kind::ExistingPath;
use crate::core::model::outcome::Fault;
use crate::core::model::units::TimeSpan;

/// Where Compose looks for a project's file, in its order.
pub const DEFAULT_FILES: [&str; 4] = ["compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml"];
/// How long services may take to be healthy where nothing is written.
const WITHIN: Duration = Duration::from_secs(120);

/// Exactly one of `up`, `down`, `ps`, `build`, `restart`, `logs` and `config`, on the project that the other keys name. Variables of the files
/// (`${DATABASE_URL}`) come from the step's environment: secrets go in by `env:`, and nowhere else. `docker compose` is
/// used where it answers, else `docker-compose` (version 2), else `podman compose`.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-one-of" = ["up", "down", "ps", "build", "restart", "logs", "config"]))]
pub struct Compose {
    /// The project's file; else `compose.yaml` or `docker-compose.yml` beside pipeline.yaml.
    pub file: Option<ExistingPath>,
    /// Several files, later ones over earlier ones; in place of `file`.
    #[serde(default)]
    pub files: Vec<ExistingPath>,
    /// The project's name; else the file's `name:`, or its folder's name.
    pub project: Option<String>,
    /// Profiles to switch on.
    #[serde(default)]
    pub profiles: Vec<String>,
    /// Files with variables for the project's files.
    #[serde(default)]
    pub env_files: Vec<ExistingPath>,
    /// Brings it up and waits until every service is healthy, or runs where it has no health check, or has ended with
    /// exit code 0. With `during:` it stays up while the other steps run, and is taken down after them.
    pub up: Option<UpSpec>,
    /// Takes it down: containers and networks.
    pub down: Option<DownSpec>,
    /// Fails unless every service is well.
    pub ps: Option<PsSpec>,
    /// Builds the images of services.
    pub build: Option<BuildSpec>,
    /// Restarts services and waits as `up` does.
    pub restart: Option<RestartSpec>,
    /// Writes what services said to the step's log.
    pub logs: Option<LogsSpec>,
    /// Reads the files as Compose does, with all values in their place, and publishes the result.
    pub config: Option<ConfigSpec>,
}

/// The one verb of a step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Verb<'a> {
    Up(&'a UpSpec),
    Down(&'a DownSpec),
    Ps(&'a PsSpec),
    Build(&'a BuildSpec),
    Restart(&'a RestartSpec),
    Logs(&'a LogsSpec),
    Config(&'a ConfigSpec),
}

impl<'a> Verb<'a> {
    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Verb::Up(_) => "up",
            Verb::Down(_) => "down",
            Verb::Ps(_) => "ps",
            Verb::Build(_) => "build",
            Verb::Restart(_) => "restart",
            Verb::Logs(_) => "logs",
            Verb::Config(_) => "config",
        }
    }

    /// The services that it names; all where it names none.
    pub fn services(self) -> &'a [String] {
        match self {
            Verb::Up(up) => &up.services,
            Verb::Ps(ps) => &ps.services,
            Verb::Build(build) => &build.services,
            Verb::Restart(restart) => &restart.services,
            Verb::Logs(logs) => &logs.services,
            Verb::Down(_) | Verb::Config(_) => &[],
        }
    }
}

/// How to bring it up.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-short-list" = "services"))]
pub struct UpSpec {
    /// Services to bring up, with those they depend on; all where none is named.
    #[serde(default)]
    pub services: Vec<String>,
    /// Builds images first, even those that are there.
    #[serde(default)]
    pub build: bool,
    /// Recreates containers, even if nothing changed.
    #[serde(default)]
    pub recreate: bool,
    /// Leaves out what the services depend on.
    #[serde(default)]
    pub no_deps: bool,
    /// How long the services may take to be healthy once they were started; 2m where nothing is written.
    pub within: Option<TimeSpan>,
    /// With `during:` its volumes are removed too when it is taken down.
    #[serde(default)]
    pub volumes: bool,
}

/// How to take it down.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DownSpec {
    /// Removes its named volumes: its data.
    #[serde(default)]
    pub volumes: bool,
    /// Leaves containers of services alone that its files no longer name.
    #[serde(default)]
    pub keep_orphans: bool,
    /// Removes images that it built and gave no name of their own.
    #[serde(default)]
    pub images: bool,
}

/// Which services to check.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-short-list" = "services"))]
pub struct PsSpec {
    /// The services; all where none is named.
    #[serde(default)]
    pub services: Vec<String>,
}

/// Which images to build.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-short-list" = "services"))]
pub struct BuildSpec {
    /// The services; all that have `build:` where none is named.
    #[serde(default)]
    pub services: Vec<String>,
    /// Asks the registry for newer base images.
    #[serde(default)]
    pub pull: bool,
    /// Builds every layer again.
    #[serde(default)]
    pub no_cache: bool,
}

/// Which services to restart.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-short-list" = "services"))]
pub struct RestartSpec {
    /// The services; all where none is named.
    #[serde(default)]
    pub services: Vec<String>,
    /// How long they may take to be healthy again; 2m where nothing is written.
    pub within: Option<TimeSpan>,
}

/// Which lines to write.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-short-list" = "services"))]
pub struct LogsSpec {
    /// The services; all where none is named.
    #[serde(default)]
    pub services: Vec<String>,
    /// Only the last lines of each container.
    pub tail: Option<u32>,
    /// Only lines of this last while, such as 10m.
    pub since: Option<TimeSpan>,
}

/// How to read the files.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfigSpec {
    /// Puts the values of variables in. Without it `${NAME}` stays: a value that is a secret cannot be published.
    #[serde(default = "yes")]
    pub interpolate: bool,
}

fn yes() -> bool {
    true
}

impl RestartSpec {
    /// How long the services may take.
    pub fn within(&self) -> Duration {
        self.within.map_or(WITHIN, |within| within.0)
    }
}

impl Compose {
    /// Its verbs: exactly one where nothing is wrong.
    pub fn verbs(&self) -> Vec<Verb<'_>> {
        let verbs = [
            self.up.as_ref().map(Verb::Up),
            self.down.as_ref().map(Verb::Down),
            self.ps.as_ref().map(Verb::Ps),
            self.build.as_ref().map(Verb::Build),
            self.restart.as_ref().map(Verb::Restart),
            self.logs.as_ref().map(Verb::Logs),
            self.config.as_ref().map(Verb::Config),
        ];
        verbs.into_iter().flatten().collect()
    }

    /// For the driver, with paths below `folder`.
    ///
    /// # Errors
    /// [`Fault`] of kind invalid where there is no file.
    pub fn project(&self, folder: &Path) -> Result<Project, Fault> {
        let files: Vec<_> = self.paths(folder).into_iter().map(|path| folder.join(path)).collect();
        if files.is_empty() {
            return Err(
                Fault::invalid("there is no compose.yaml beside pipeline.yaml").help("write `file: FOLDER/FILE`")
            );
        }
        let named = || files.iter().rev().find_map(|file| super::spec::check::name_of(file));
        Ok(Project {
            name: self.project.clone().or_else(named),
            profiles: self.profiles.clone(),
            env_files: self.env_files.iter().map(|file| file.below(folder)).collect(),
            files,
        })
    }

    /// The files, relative to `folder`; empty if none is written and none exists.
    pub fn paths(&self, folder: &Path) -> Vec<std::path::PathBuf> {
        if !self.files.is_empty() {
            return self.files.iter().map(|file| file.0.clone()).collect();
        }
        if let Some(file) = &self.file {
            return vec![file.0.clone()];
        }
        DEFAULT_FILES
            .iter()
            .map(std::path::PathBuf::from)
            .find(|file| folder.join(file).is_file())
            .into_iter()
            .collect()
    }
}

impl UpSpec {
    /// For the driver.
    pub fn options(&self) -> Up {
        Up {
            services: self.services.clone(),
            build: self.build,
            recreate: self.recreate,
            no_deps: self.no_deps,
            within: self.within.map_or(WITHIN, |within| within.0),
        }
    }
}

impl DownSpec {
    /// For the driver.
    pub fn options(&self) -> Down {
        Down { volumes: self.volumes, orphans: !self.keep_orphans, images: self.images, quick: false }
    }
}
