//! Images in files and streams: docker-archives, OCI archives (also compressed) and OCI layouts. Read once, from front
//! to back, layers before the manifest that orders them; nothing is unpacked and little is kept.

mod manifest;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::{self, Read};
use std::path::Path;

use serde::Deserialize;

use super::archive::manifest::Image;
use super::compression::{Content, decompressed, recognized};
use super::facts::{Facts, User};
use super::layer::{Budget, Layer, Layers, Limits, Sighting, Wanted};
use super::paths::normalize;
use super::tarball::{Kind, Tarball};
use crate::core::files::glob::shown;
use crate::core::files::open;
use crate::core::model::units::ByteSize;
use crate::secrets::leaks::Leak;

/// Bytes of one JSON document (a manifest, a configuration) before the archive is refused: 4 MiB.
const DOCUMENT_LIMIT: u64 = 4 << 20;
/// Files in an archive before it is refused; an image has a few hundred at most.
const FILES_LIMIT: usize = 20_000;
/// Bytes of all documents together before the archive is refused: 64 MiB.
const DOCUMENTS_LIMIT: usize = 64 << 20;

/// Why an archive could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The stream, its tar or its compression.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// A document in it.
    #[error("{path} in it is not what it should be: {error}")]
    Json {
        /// Its path in the archive.
        path: String,
        /// The reader's words.
        error: serde_json::Error,
    },
    /// Something that the archive itself names is not in it.
    #[error("{0} is not in it")]
    Missing(String),
    /// Neither `manifest.json` nor `index.json`.
    #[error("it is neither a docker-archive nor an OCI image: it has no manifest.json and no index.json")]
    NoImage,
    /// The image asked for is not among those in it.
    #[error("it has no image {wanted}; it has {present}")]
    NotThere {
        /// The name or platform asked for.
        wanted: String,
        /// What there is.
        present: String,
    },
}

/// Which image of an archive with several.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Choice {
    /// Its name (`todo:dev`); the first image where it is not said.
    pub name: Option<String>,
    /// Its platform (`linux/arm64`); the machine's own where there are several and none is said.
    pub platform: Option<String>,
}

/// What was read of an image.
#[derive(Debug)]
pub struct Contents {
    /// What it says of itself.
    pub facts: Facts,
    /// Bytes of its uncompressed layers: the tars' lengths, headers included.
    pub size: ByteSize,
    /// For each wanted file, the first path of the image that matches.
    pub found: Vec<Option<String>>,
    /// Who its processes are, looked up in its own `/etc/passwd`.
    pub user: User,
    /// What looks like a secret, in any layer or in its configuration.
    pub sightings: BTreeSet<Sighting>,
    /// Which of the allowed patterns named a file, by their index.
    pub allowed: BTreeSet<usize>,
}

/// What stands in an archive, by normalized path.
#[derive(Default)]
pub(super) struct Parts {
    /// Manifests, indexes, configurations.
    pub(super) documents: HashMap<String, Vec<u8>>,
    layers: HashMap<String, Layer>,
    /// Links between parts: old docker-archives link equal layers.
    links: HashMap<String, String>,
}

/// Reads an archive from its stream to its end.
///
/// # Errors
/// [`ArchiveError`], for a stream that is no image or goes beyond its limits.
pub fn read_archive(
    stream: impl Read,
    choice: &Choice,
    wanted: &Wanted,
    limits: Limits,
) -> Result<Contents, ArchiveError> {
    let budget = Budget::new(limits);
    let mut parts = Parts::default();
    let mut kept = 0;
    let mut tarball = Tarball::new(decompressed(stream)?);
    for count in 0.. {
        let Some(entry) = tarball.next_entry()? else { break };
        if count == FILES_LIMIT {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "it has more files than any image archive").into());
        }
        let path = normalize(&entry.path);
        match entry.kind {
            Kind::File => {
                parts.take(&path, &mut tarball, wanted, &budget, &mut kept)?;
            }
            Kind::Link => {
                let target = String::from_utf8_lossy(&entry.link).into_owned();
                let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
                parts.links.insert(path.clone(), normalize(format!("{folder}/{target}").as_bytes()));
            }
            Kind::Folder | Kind::Other => {}
        }
    }
    // a producer that is cut off before its end would otherwise fail for a reader that left
    io::copy(&mut tarball.into_inner(), &mut io::sink())?;
    let image = parts.choose(choice)?;
    parts.contents(&image, wanted)
}

/// Reads the image in an OCI layout's folder.
///
/// # Errors
/// [`ArchiveError`], for a folder that is no layout or an image beyond its limits.
pub fn read_layout(folder: &Path, choice: &Choice, wanted: &Wanted, limits: Limits) -> Result<Contents, ArchiveError> {
    let budget = Budget::new(limits);
    let mut parts = Parts::default();
    let mut kept = 0;
    let mut load = |parts: &mut Parts, path: &str| -> Result<(), ArchiveError> {
        if parts.documents.contains_key(path) || parts.layers.contains_key(path) {
            return Ok(());
        }
        match open::open(&folder.join(path)) {
            Ok(file) => parts.take(path, &mut &file, wanted, &budget, &mut kept).map_err(ArchiveError::from),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error.into()),
        }
    };
    load(&mut parts, "index.json")?;
    // an index may name further indexes; each pass brings in what the last one named
    for _ in 0..4 {
        for path in parts.named_documents() {
            load(&mut parts, &path)?;
        }
    }
    let image = parts.choose(choice)?;
    for path in image.layers.iter().chain([&image.config]) {
        load(&mut parts, path)?;
    }
    parts.contents(&image, wanted)
}

impl Parts {
    fn take(
        &mut self,
        path: &str,
        stream: &mut dyn Read,
        wanted: &Wanted,
        budget: &Budget,
        kept: &mut usize,
    ) -> io::Result<()> {
        let (content, mut stream) = recognized(decompressed(stream)?)?;
        match content {
            Content::Tar => {
                self.layers.insert(path.to_owned(), Layer::read(stream, wanted, budget)?);
            }
            Content::Json => {
                let mut bytes = Vec::new();
                (&mut stream).take(DOCUMENT_LIMIT + 1).read_to_end(&mut bytes)?;
                *kept += bytes.len();
                if bytes.len() as u64 <= DOCUMENT_LIMIT && *kept <= DOCUMENTS_LIMIT {
                    self.documents.insert(path.to_owned(), bytes);
                } else {
                    return Err(io::Error::new(
                        io::ErrorKind::InvalidData,
                        format!("{path} in it is too large to read"),
                    ));
                }
            }
            Content::Other => {}
        }
        Ok(())
    }

    /// A document, decoded; `None` where the archive has none at `path`.
    pub(super) fn document<'a, T: Deserialize<'a>>(&'a self, path: &str) -> Result<Option<T>, ArchiveError> {
        let Some(bytes) = self.documents.get(path) else { return Ok(None) };
        let parsed = serde_json::from_slice(bytes);
        parsed.map(Some).map_err(|error| ArchiveError::Json { path: path.to_owned(), error })
    }

    fn layer(&self, path: &str) -> Result<&Layer, ArchiveError> {
        let mut path = path;
        for _ in 0..8 {
            if let Some(layer) = self.layers.get(path) {
                return Ok(layer);
            }
            match self.links.get(path) {
                Some(target) => path = target,
                None => break,
            }
        }
        Err(ArchiveError::Missing(format!("layer {path}")))
    }

    fn contents(&self, image: &Image, wanted: &Wanted) -> Result<Contents, ArchiveError> {
        let config = self.documents.get(&image.config).ok_or_else(|| ArchiveError::Missing(image.config.clone()))?;
        let mut facts =
            Facts::from_config(config).map_err(|error| ArchiveError::Json { path: image.config.clone(), error })?;
        facts.layers = image.layers.len();
        facts.id = format!("sha256:{}", image.config.rsplit('/').next().unwrap_or_default().trim_end_matches(".json"));
        let layers = Layers(image.layers.iter().map(|path| self.layer(path)).collect::<Result<_, _>>()?);
        let user = User::of(&facts.user).resolved(layers.passwd());
        let mut sightings = in_facts(&facts, wanted);
        let is_reported = |seen: &Sighting| {
            // the documents are where the facts come from: a secret of the run may be escaped there
            let secret = |what: &str| what.split(" (").next().unwrap_or_default().to_owned();
            let same =
                |reported: &Sighting| reported.digest == seen.digest && secret(&reported.what) == secret(&seen.what);
            sightings.iter().any(same)
        };
        let more: Vec<Sighting> = self.in_documents(wanted).into_iter().filter(|seen| !is_reported(seen)).collect();
        sightings.extend(more);
        for (index, layer) in layers.0.iter().enumerate() {
            sightings.extend(layer.sightings.iter().map(|sighting| {
                let hidden = !layers.visible(index, sighting.place.trim_start_matches('/'));
                let deleted = if hidden { ", covered by a later layer but still readable" } else { "" };
                let place = shown(&sighting.place);
                let place = format!("{place} (layer {} of {}{deleted})", index + 1, layers.0.len());
                Sighting { place, ..sighting.clone() }
            }));
        }
        Ok(Contents {
            size: ByteSize(layers.0.iter().map(|layer| layer.size).sum()),
            found: (0..wanted.files.len())
                .map(|index| layers.find(index).map(|path| format!("/{}", shown(path))))
                .collect(),
            user,
            sightings,
            allowed: layers.0.iter().flat_map(|layer| layer.allowed.iter().copied()).collect(),
            facts,
        })
    }
}

impl Parts {
    /// Secrets in what no fact tells of: annotations, comments, keys of an engine's own.
    fn in_documents(&self, wanted: &Wanted) -> BTreeSet<Sighting> {
        let Some(leaks) = &wanted.leaks else { return BTreeSet::new() };
        let documents = self.documents.iter();
        documents
            .flat_map(|(path, bytes)| {
                let found = leaks.scan_text(&String::from_utf8_lossy(bytes));
                let place = format!("the image's own {path}");
                found.into_iter().map(move |Leak { what, digest }| Sighting { what, place: place.clone(), digest })
            })
            .collect()
    }
}

/// Secrets in the configuration: environment, labels, commands and history.
fn in_facts(facts: &Facts, wanted: &Wanted) -> BTreeSet<Sighting> {
    let Some(leaks) = &wanted.leaks else { return BTreeSet::new() };
    let named = |kind: &'static str, map: &BTreeMap<String, String>| -> Vec<(String, String)> {
        map.iter().map(|(key, value)| (format!("{kind} {key}"), format!("{key}={value}"))).collect()
    };
    let mut texts = named("env", &facts.env);
    texts.extend(named("label", &facts.labels));
    texts.extend(facts.entrypoint.iter().map(|word| ("entrypoint".to_owned(), word.clone())));
    texts.extend(facts.cmd.iter().map(|word| ("cmd".to_owned(), word.clone())));
    texts.extend(facts.healthcheck.iter().flatten().map(|word| ("healthcheck".to_owned(), word.clone())));
    texts
        .extend(facts.history.iter().enumerate().map(|(at, text)| (format!("history entry {}", at + 1), text.clone())));
    texts
        .into_iter()
        .flat_map(|(place, text)| {
            let found = leaks.scan_text(&text).into_iter();
            found.map(move |Leak { what, digest }| Sighting { what, place: place.clone(), digest })
        })
        .collect()
}

#[cfg(test)]
mod tests;
