//! The ids of the images in a docker-archive: the digests of their configurations, which are what runtimes call them.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use serde::Deserialize;

use super::super::tarball::{Kind, Tarball};
use super::runtime::full_name;

/// Bytes of a manifest: a thousand images need less.
const LIMIT: u64 = 4 << 20;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Image {
    config: String,
    repo_tags: Option<Vec<String>>,
}

/// The id of each image, by its full name.
///
/// # Errors
/// When it is no docker-archive.
pub(super) fn config_ids(file: &Path) -> io::Result<BTreeMap<String, String>> {
    let mut tarball = Tarball::new(BufReader::with_capacity(1 << 20, File::open(file)?));
    while let Some(entry) = tarball.next_entry()? {
        if entry.kind == Kind::File && entry.path == b"manifest.json" && entry.size <= LIMIT {
            let mut text = Vec::new();
            tarball.read_to_end(&mut text)?;
            return ids(&text).map_err(io::Error::from);
        }
    }
    Err(io::Error::new(io::ErrorKind::InvalidData, "it has no manifest.json"))
}

fn ids(manifest: &[u8]) -> Result<BTreeMap<String, String>, serde_json::Error> {
    let images: Vec<Image> = serde_json::from_slice(manifest)?;
    let mut ids = BTreeMap::new();
    for image in images {
        // `blobs/sha256/HEX` or `HEX.json`
        let id = image.config.rsplit('/').next().unwrap_or_default().trim_end_matches(".json").to_owned();
        ids.extend(image.repo_tags.unwrap_or_default().into_iter().map(|name| (full_name(&name), id.clone())));
    }
    Ok(ids)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_ids_of_old_and_new_archives() {
        let manifest = br#"[{"Config":"blobs/sha256/aa","RepoTags":["todo:dev","todo:next"],"Layers":[]},
            {"Config":"bb.json","RepoTags":["localhost/other:1"]},{"Config":"cc.json","RepoTags":null}]"#;
        let expected =
            [("docker.io/library/todo:dev", "aa"), ("docker.io/library/todo:next", "aa"), ("localhost/other:1", "bb")];
        let expected = expected.map(|(name, id)| (name.to_owned(), id.to_owned()));
        assert_eq!(ids(manifest).expect("well formed"), BTreeMap::from(expected));
    }
}
