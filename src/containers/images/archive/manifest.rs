//! Which image of an archive is meant: `manifest.json` of docker-archives, indexes and manifests of OCI.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{ArchiveError, Choice, Parts};
use crate::containers::images::paths::normalize;

/// An image's parts by their paths.
#[derive(Debug)]
pub(crate) struct Image {
    /// Its configuration.
    pub(crate) config: String,
    /// Its layers, the lowest first.
    pub(crate) layers: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DockerImage {
    config: String,
    repo_tags: Option<Vec<String>>,
    layers: Option<Vec<String>>,
}

/// An index or a manifest: which of the two, its fields tell.
#[derive(Debug, Deserialize)]
struct Document {
    #[serde(default)]
    manifests: Vec<Descriptor>,
    config: Option<Descriptor>,
    #[serde(default)]
    layers: Vec<Descriptor>,
}

#[derive(Debug, Clone, Deserialize)]
struct Descriptor {
    digest: String,
    platform: Option<Platform>,
    #[serde(default)]
    annotations: Option<BTreeMap<String, String>>,
}

#[derive(Debug, Clone, Deserialize)]
struct Platform {
    architecture: String,
    os: String,
    variant: Option<String>,
}

impl Platform {
    fn text(&self) -> String {
        let variant = self.variant.as_deref().map(|variant| format!("/{variant}")).unwrap_or_default();
        format!("{}/{}{variant}", self.os, self.architecture)
    }
}

impl Descriptor {
    /// `blobs/sha256/…`; a digest is cut down to what a digest may hold, so that it names no other file.
    fn path(&self) -> String {
        let clean: String = self.digest.chars().filter(|c| c.is_ascii_alphanumeric() || *c == ':').collect();
        format!("blobs/{}", clean.replacen(':', "/", 1).replace(':', ""))
    }

    fn name(&self) -> Option<&str> {
        let annotations = self.annotations.as_ref()?;
        let keys = ["io.containerd.image.name", "org.opencontainers.image.ref.name"];
        keys.iter().find_map(|key| annotations.get(*key)).map(String::as_str)
    }

    /// Build attestations ride along as manifests of an unknown platform.
    fn is_image(&self) -> bool {
        self.platform.as_ref().is_none_or(|platform| platform.os != "unknown")
    }

    fn is_for(&self, wanted: &str) -> bool {
        self.platform.as_ref().is_some_and(|platform| {
            let own = platform.text();
            own == wanted || own.starts_with(&format!("{wanted}/"))
        })
    }
}

impl Parts {
    /// Paths of the documents that indexes name.
    pub(crate) fn named_documents(&self) -> Vec<String> {
        let indexes = self.documents.values().filter_map(|bytes| serde_json::from_slice::<Document>(bytes).ok());
        indexes.flat_map(|index| index.manifests).map(|descriptor| descriptor.path()).collect()
    }

    /// The image that is meant.
    pub(crate) fn choose(&self, choice: &Choice) -> Result<Image, ArchiveError> {
        if let Some(images) = self.document::<Vec<DockerImage>>("manifest.json")? {
            return docker_image(images, choice);
        }
        let index: Document = self.document("index.json")?.ok_or(ArchiveError::NoImage)?;
        let manifest = self.oci_manifest(index, choice, 0)?;
        let config = manifest.config.ok_or(ArchiveError::NoImage)?.path();
        Ok(Image { config, layers: manifest.layers.iter().map(Descriptor::path).collect() })
    }

    fn oci_manifest(&self, index: Document, choice: &Choice, depth: usize) -> Result<Document, ArchiveError> {
        if index.config.is_some() || depth > 4 {
            return Ok(index);
        }
        let images: Vec<Descriptor> = index.manifests.into_iter().filter(Descriptor::is_image).collect();
        let not_there = |wanted: &str, present: Vec<String>| ArchiveError::NotThere {
            wanted: wanted.to_owned(),
            present: present.join(", "),
        };
        let named: Vec<&Descriptor> = match &choice.name {
            Some(name) if images.iter().any(|image| image.name().is_some()) => {
                let same = |image: &&Descriptor| image.name().is_some_and(|own| same_name(own, name));
                let found: Vec<_> = images.iter().filter(same).collect();
                if found.is_empty() {
                    let present = images.iter().filter_map(Descriptor::name).map(str::to_owned).collect();
                    return Err(not_there(name, present));
                }
                found
            }
            _ => images.iter().collect(),
        };
        let own = own_platform();
        let wanted = choice.platform.as_deref().unwrap_or(&own);
        let several = named.iter().any(|image| image.platform.is_some());
        let chosen = match named.iter().find(|image| image.is_for(wanted)) {
            Some(image) => image,
            None if several && choice.platform.is_some() => {
                let present = named.iter().filter_map(|image| image.platform.as_ref()).map(Platform::text).collect();
                return Err(not_there(wanted, present));
            }
            None => named.first().ok_or(ArchiveError::NoImage)?,
        };
        let path = chosen.path();
        let next: Document = self.document(&path)?.ok_or(ArchiveError::Missing(path))?;
        let inner = Choice { name: None, platform: choice.platform.clone() };
        self.oci_manifest(next, &inner, depth + 1)
    }
}

fn docker_image(images: Vec<DockerImage>, choice: &Choice) -> Result<Image, ArchiveError> {
    let has = |image: &DockerImage, name: &str| image.repo_tags.iter().flatten().any(|tag| same_name(tag, name));
    let chosen = match &choice.name {
        Some(name) if !images.iter().any(|image| has(image, name)) => {
            let present: Vec<String> = images.into_iter().filter_map(|image| image.repo_tags).flatten().collect();
            return Err(ArchiveError::NotThere { wanted: name.clone(), present: present.join(", ") });
        }
        Some(name) => images.into_iter().find(|image| has(image, name)),
        None => images.into_iter().next(),
    };
    let image = chosen.ok_or(ArchiveError::NoImage)?;
    let layers = image.layers.unwrap_or_default();
    Ok(Image {
        config: normalize(image.config.as_bytes()),
        layers: layers.iter().map(|path| normalize(path.as_bytes())).collect(),
    })
}

/// `localhost/todo:dev` and `todo:dev` are the same image, as are `todo` and `todo:latest`.
fn same_name(one: &str, other: &str) -> bool {
    fn full(name: &str) -> String {
        let short = ["docker.io/library/", "docker.io/", "localhost/"].iter().find_map(|host| name.strip_prefix(host));
        let short = short.unwrap_or(name);
        let tagged = short.rsplit('/').next().is_some_and(|last| last.contains(':'));
        if tagged { short.to_owned() } else { format!("{short}:latest") }
    }
    full(one) == full(other) || one == other
}

fn own_platform() -> String {
    let architecture = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    format!("linux/{architecture}")
}
