//! What is written under `image:` of a step.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};

use crate::containers::images::{Build, Engine, EngineName, Format, Provider};
use crate::core::kind::ExistingPath;
use crate::core::model::outcome::Failure;
use crate::core::model::units::as_written;

/// Exactly one of `build`, `load`, `tag`, `save`, `push` and `pull`.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-one-of" = ["build", "load", "tag", "save", "push", "pull"]))]
pub struct Image {
    /// Builds an image from a Dockerfile.
    pub build: Option<BuildSpec>,
    /// Puts images into the runtime of every node of the cluster; what is there unchanged is not loaded again.
    pub load: Option<LoadSpec>,
    /// Gives an image another name.
    pub tag: Option<TagSpec>,
    /// Writes an image to a file.
    pub save: Option<SaveSpec>,
    /// Publishes an image in a registry; the output `pinned` names exactly what was pushed.
    pub push: Option<PushSpec>,
    /// Fetches an image from where it is published.
    pub pull: Option<PullSpec>,
    /// The engines to ask, in this order: `docker`, `podman`, `buildah` (also the default).
    #[serde(default)]
    pub engine: Vec<EngineName>,
}

/// How to build.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BuildSpec {
    /// The folder that the Dockerfile copies from.
    pub context: ExistingPath,
    /// The Dockerfile, relative to the project's folder. Default: `Dockerfile` in the context.
    pub dockerfile: Option<ExistingPath>,
    /// The image's name: `todo-backend:dev`.
    pub tag: String,
    /// Further names.
    #[serde(default)]
    pub tags: Vec<String>,
    /// The stage to build, where it is not the last: a name after `AS`, or a number.
    pub target: Option<String>,
    /// Build arguments (`ARG`). No secrets: they would stay in the image's history.
    #[serde(default)]
    pub args: BTreeMap<String, Plain>,
    /// Labels of the image.
    #[serde(default)]
    pub labels: BTreeMap<String, Plain>,
    /// Images whose layers may be reused.
    #[serde(default)]
    pub cache_from: Vec<String>,
    /// The platform to build for: `linux/arm64`.
    pub platform: Option<String>,
    /// The network of `RUN`: `default`, `host` or `none`.
    pub network: Option<String>,
    /// Looks for newer base images.
    #[serde(default)]
    pub pull: bool,
    /// Builds every layer again.
    #[serde(default)]
    pub no_cache: bool,
    /// Secrets for `RUN --mount=type=secret,id=ID`: each id with the environment variable (see `env:` of the step)
    /// that holds the value. They stay in no layer. Needs buildx, Podman or Buildah.
    #[serde(default)]
    pub secrets: BTreeMap<String, String>,
}

/// What to load.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-short" = "image", "x-short-list" = "images"))]
pub struct LoadSpec {
    /// The image's name.
    pub image: Option<String>,
    /// Several names: images that share layers are loaded faster together.
    #[serde(default)]
    pub images: Vec<String>,
    /// How, if the cluster's nodes do not show it: `minikube`, `kind`, `k3d`, `shared` or `command` (`cluster.load`).
    pub provider: Option<Provider>,
}

impl LoadSpec {
    /// All names, each once.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for name in self.image.iter().chain(&self.images) {
            if !names.contains(name) {
                names.push(name.clone());
            }
        }
        names
    }
}

/// What to tag.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TagSpec {
    /// The image's name or id.
    pub image: String,
    /// Its new name.
    pub tag: String,
}

/// What to save.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SaveSpec {
    /// The image's name.
    pub image: String,
    /// The file to write, relative to the project's folder.
    pub path: PathBuf,
    /// How it is stored there.
    #[serde(default)]
    pub format: Format,
}

/// What to push.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PushSpec {
    /// The image's name in the engine.
    pub image: String,
    /// Its name in the registry, with the registry's host: `registry.example:5000/shop:1.2`. Default: `image`.
    pub to: Option<String>,
    /// Speaks HTTP, or trusts any certificate. Docker takes this from the configuration of its daemon, and always speaks
    /// HTTP to this machine.
    #[serde(default)]
    pub insecure: bool,
}

impl PushSpec {
    /// Its name in the registry.
    pub fn to(&self) -> &str {
        self.to.as_deref().unwrap_or(&self.image)
    }
}

/// What to pull.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-short" = "image"))]
pub struct PullSpec {
    /// The image's name.
    pub image: String,
    /// The platform: `linux/arm64`.
    pub platform: Option<String>,
    /// Leaves an image alone that is here already.
    #[serde(default)]
    pub only_if_missing: bool,
}

/// A scalar taken as text: `18` and `"18"` are the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plain(pub String);

impl<'de> Deserialize<'de> for Plain {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        as_written(deserializer).map(|text| Plain(text.into_owned()))
    }
}

impl JsonSchema for Plain {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Plain".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": ["string", "number", "boolean"] })
    }
}

impl BuildSpec {
    /// Its Dockerfile, relative to the project's folder.
    pub fn dockerfile(&self) -> PathBuf {
        self.dockerfile.as_ref().map_or_else(|| self.context.0.join("Dockerfile"), |path| path.0.clone())
    }

    /// For the driver, with paths below `project`.
    pub fn build(&self, project: &Path) -> Build {
        let texts =
            |map: &BTreeMap<String, Plain>| map.iter().map(|(key, value)| (key.clone(), value.0.clone())).collect();
        Build {
            context: self.context.below(project),
            dockerfile: project.join(self.dockerfile()),
            target: self.target.clone(),
            tags: std::iter::once(&self.tag).chain(&self.tags).cloned().collect(),
            args: texts(&self.args),
            labels: texts(&self.labels),
            cache_from: self.cache_from.clone(),
            platform: self.platform.clone(),
            network: self.network.clone(),
            pull: self.pull,
            no_cache: self.no_cache,
            secrets: self.secrets.clone(),
        }
    }
}

/// The failure of a step whose image is not there.
pub fn no_such_image(image: &str, engine: &Engine) -> Failure {
    Failure::new(format!("no such image: {image} ({} does not have it)", engine.name))
        .help("build or pull it first: let this step `needs:` the one that does")
}
