//! What is written under `image:` of an assertion.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};

use crate::containers::cosign::Signer;
use crate::containers::images::{EngineName, name_problem};
use crate::core::files::project;
use crate::core::kind::{CheckContext, ExistingPath, Found};
use crate::core::model::diagnostic::Code;
use crate::core::model::expect::Expect;
use crate::core::model::units::{ByteSize, Count, Text, as_written};

/// The image and what is expected of it.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-short" = "name"))]
pub struct Image {
    /// The image's name in the engine; with `archive` or `layout`, which of its images is meant.
    pub name: Option<String>,
    /// A docker-archive or OCI archive to read instead, also as gzip or zstd.
    pub archive: Option<PathBuf>,
    /// An OCI layout's folder to read instead.
    pub layout: Option<PathBuf>,
    /// Which image of an archive for several platforms: `linux/arm64`. Default: this machine's.
    pub platform: Option<String>,
    /// The engines to ask, in this order: `docker`, `podman`, `buildah` (also the default).
    #[serde(default)]
    pub engine: Vec<EngineName>,
    /// Its size: what the engine says; for archives and layouts, the sum of its uncompressed layers.
    pub size: Option<Expect<ByteSize>>,
    /// Whether its user is another than root. Names are looked up in the image's `/etc/passwd`.
    pub non_root: Option<bool>,
    /// Its user as written in the image: `app`, `1000:1000`.
    pub user: Option<Expect<Text>>,
    /// Environment variables and their values.
    #[serde(default)]
    pub env: BTreeMap<String, Expect<Text>>,
    /// Environment variables it must not have.
    #[serde(default)]
    pub env_absent: Vec<String>,
    /// Labels and their values.
    #[serde(default)]
    pub labels: BTreeMap<String, Expect<Text>>,
    /// Exactly the ports it exposes: `[8000, 9000/udp]`; `[]` for none.
    pub ports: Option<Vec<Port>>,
    /// `amd64`, `arm64`, `arm64/v8`.
    pub architecture: Option<Expect<Text>>,
    /// `linux`.
    pub os: Option<Expect<Text>>,
    /// Its entrypoint, word for word; `[]` for none.
    pub entrypoint: Option<Vec<String>>,
    /// Its command, word for word; `[]` for none.
    pub cmd: Option<Vec<String>>,
    /// Its working folder.
    pub workdir: Option<Expect<Text>>,
    /// The number of its layers.
    pub layers: Option<Expect<Count>>,
    /// Whether it has a health check.
    pub healthcheck: Option<bool>,
    /// The number of stages (`FROM` lines) of `dockerfile`.
    pub stages: Option<Expect<Count>>,
    /// The Dockerfile whose `stages` are counted.
    pub dockerfile: Option<ExistingPath>,
    /// Files in it, layers taken together.
    #[serde(default)]
    pub files: Files,
    /// `none`: no layer, not even a covered one, and nothing in its configuration or history looks like a secret (private
    /// keys, tokens of about 200 services, passwords in URLs, `.env`, `.npmrc` and similar files) or is one of this run's
    /// secret values. The evidence and summary.json list every finding.
    pub secrets: Option<Secrets>,
    /// What is not a secret although it looks like one: paths such as a library's test keys, or single findings by the
    /// digest that the report shows (`sha256:0123456789abcdef`). An entry that fits nothing does not hold.
    #[serde(default)]
    pub allow_secrets: Vec<String>,
    /// Whose signature it must have in its registry, verified by cosign, which must be installed. `name` is a name in the
    /// registry then; `${{ steps.PUSH.outputs.pinned }}` is exactly what was pushed.
    pub signed_by: Option<SignedBy>,
    /// What the newest measurement found.
    #[serde(skip)]
    #[schemars(skip)]
    pub found: Found,
}

/// Patterns of paths: `/app/.env`, `**/*.pem`. `*` stays within one name, `**` spans folders; a folder means all
/// that is in it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Files {
    /// None of these may be there.
    #[serde(default)]
    pub absent: Vec<String>,
    /// Each of these must be there.
    #[serde(default)]
    pub present: Vec<String>,
}

/// Whose signature is expected: of a key, or of an identity.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-short" = "key"))]
pub struct SignedBy {
    /// The file of the public key, in the project.
    pub key: Option<ExistingPath>,
    /// The identity in the signature's certificate, such as an e-mail address or the URL of a workflow.
    pub identity: Option<String>,
    /// Who issued that certificate: `https://token.actions.githubusercontent.com`.
    pub issuer: Option<String>,
    /// Whether the signature must be in the transparency log.
    #[serde(default = "yes")]
    pub transparency_log: bool,
    /// Speaks HTTP to the registry, or trusts any certificate of it.
    #[serde(default)]
    pub insecure: bool,
}

fn yes() -> bool {
    true
}

impl SignedBy {
    /// For the driver.
    pub fn signer(&self, project: &Path) -> Signer {
        Signer {
            key: self.key.as_ref().map(|key| key.below(project).to_string_lossy().into_owned()),
            identity: self.identity.clone().zip(self.issuer.clone()),
            logged: self.transparency_log,
            insecure: self.insecure,
        }
    }

    /// Whose it is, for people.
    pub fn shown(&self) -> String {
        match (&self.key, &self.identity) {
            (Some(key), _) => format!("signed by {}", key.0.display()),
            (None, identity) => format!("signed by {}", identity.as_deref().unwrap_or_default()),
        }
    }
}

/// How many secrets are expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Secrets {
    /// None at all.
    None,
}

/// A port, with or without its protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port(pub String);

impl<'de> Deserialize<'de> for Port {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        as_written(deserializer).map(|text| Port(text.into_owned()))
    }
}

impl JsonSchema for Port {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Port".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": ["string", "number"] })
    }
}

impl Image {
    /// Whether an image is meant, not only a Dockerfile.
    pub fn has_source(&self) -> bool {
        self.name.is_some() || self.archive.is_some() || self.layout.is_some()
    }

    /// Whether what is expected is in the layers only.
    pub fn reads_layers(&self) -> bool {
        self.secrets.is_some() || !self.files.absent.is_empty() || !self.files.present.is_empty()
    }

    /// The digests among what is allowed.
    pub fn allowed_digests(&self) -> impl Iterator<Item = &String> {
        self.allow_secrets.iter().filter(|entry| is_digest(entry))
    }

    /// The paths among what is allowed.
    pub fn allowed_paths(&self) -> impl Iterator<Item = &String> {
        self.allow_secrets.iter().filter(|entry| !is_digest(entry))
    }

    /// What is looked at, for people.
    pub fn shown(&self) -> String {
        let path = self.archive.as_ref().or(self.layout.as_ref()).map(|path| path.display().to_string());
        let dockerfile = || self.dockerfile.as_ref().map(|path| path.0.display().to_string());
        match (&self.name, path) {
            (Some(name), Some(path)) => format!("{name} in {path}"),
            (Some(name), None) => name.clone(),
            (None, path) => path.or_else(dockerfile).unwrap_or_default(),
        }
    }

    /// Whether anything beside `stages` is expected of the image.
    fn expects_of_image(&self) -> bool {
        self.expects_of_contents() || self.signed_by.is_some()
    }

    /// Whether anything beside `stages` and its signature is expected.
    pub fn expects_of_contents(&self) -> bool {
        self.reads_layers()
            || self.size.is_some()
            || self.non_root.is_some()
            || self.user.is_some()
            || !(self.env.is_empty() && self.env_absent.is_empty() && self.labels.is_empty())
            || self.ports.is_some()
            || self.architecture.is_some()
            || self.os.is_some()
            || self.entrypoint.is_some()
            || self.cmd.is_some()
            || self.workdir.is_some()
            || self.layers.is_some()
            || self.healthcheck.is_some()
    }
}

fn is_digest(entry: &str) -> bool {
    entry.starts_with("sha256:")
}

/// What can be said of it before anything runs.
pub fn check(image: &Image, cx: &mut CheckContext<'_>) {
    for (key, path) in [("archive", &image.archive), ("layout", &image.layout)] {
        if let Some(problem) = path.as_deref().and_then(project::problem) {
            let help = Some("paths are relative to the folder of pipeline.yaml and stay below it".to_owned());
            cx.error(&[key.into()], Code::InvalidReference, problem, help);
        }
    }
    if let Some(problem) = image.name.as_deref().and_then(name_problem) {
        cx.error(&["name".into()], Code::InvalidValue, problem, None);
    }
    if image.archive.is_some() && image.layout.is_some() {
        let message = "`archive` and `layout` are two places for one image";
        cx.error(&["layout".into()], Code::InvalidValue, message, Some("write two assertions".into()));
    }
    if !image.has_source() && (image.expects_of_image() || image.stages.is_none()) {
        let help = Some("write `name: todo-backend:dev`, `archive: image.tar` or `layout: folder`".to_owned());
        cx.error(&[], Code::MissingKey, "the image to measure is missing", help);
    }
    if image.stages.is_some() && image.dockerfile.is_none() {
        let help = Some("write `dockerfile: backend/Dockerfile`".to_owned());
        cx.error(&["stages".into()], Code::MissingKey, "`stages` are counted in a Dockerfile, and none is named", help);
    }
    if image.dockerfile.is_some() && image.stages.is_none() {
        let help = Some("add `stages: \">= 2\"`".to_owned());
        cx.error(&["dockerfile".into()], Code::MissingKey, "nothing is expected of this Dockerfile", help);
    }
    for (at, entry) in image.allow_secrets.iter().enumerate().filter(|(_, entry)| is_digest(entry)) {
        let digits = entry.trim_start_matches("sha256:");
        if digits.len() != 16 || !digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            let message = format!("`{entry}` is not a digest of a finding: expected sha256: and 16 digits");
            let help = Some("copy it from the finding in the report".to_owned());
            cx.error(&["allow_secrets".into(), at.into()], Code::InvalidValue, message, help);
        }
    }
    if let Some(by) = &image.signed_by {
        let problem = match (&by.key, &by.identity, &by.issuer) {
            (Some(_), None, None) | (None, Some(_), Some(_)) => None,
            (None, None, None) => Some("the signer is missing"),
            (Some(_), _, _) => Some("a signature is that of a key or of an identity, not of both"),
            (None, _, _) => Some("`identity` and `issuer` belong together: each issuer has identities of its own"),
        };
        if let Some(problem) = problem {
            let help = Some("write `key: cosign.pub`, or `identity: …` and `issuer: https://…`".to_owned());
            cx.error(&["signed_by".into()], Code::InvalidValue, problem, help);
        }
        if image.name.is_none() || image.archive.is_some() || image.layout.is_some() {
            let help = Some("write `name: registry.example/shop:1.2`".to_owned());
            let message = "signatures are in a registry: the image needs a name there";
            cx.error(&["signed_by".into()], Code::InvalidValue, message, help);
        }
    }
    if !image.allow_secrets.is_empty() && image.secrets.is_none() {
        let help = Some("add `secrets: none`".to_owned());
        cx.error(&["allow_secrets".into()], Code::MissingKey, "secrets are allowed, but none are looked for", help);
    }
}
