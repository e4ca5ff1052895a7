//! One layer of an image, read as a stream: what of it is worth remembering, and how layers cover each other.
//! Honours whiteouts (`.wh.name`, `.wh..wh..opq`). Nothing is unpacked.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Read};

use super::paths::{ancestors, normalize};
use super::tarball::{Kind, Tarball};
use crate::core::files::glob::Glob;
use crate::secrets::leaks::{Leak, Leaks};

/// What to look for while the layers pass by.
#[derive(Default)]
pub struct Wanted {
    /// Files to be found.
    pub files: Vec<Glob>,
    /// Whether to look for secrets, and which.
    pub leaks: Option<Leaks>,
    /// Paths in which secrets are expected: test data and the like.
    pub allowed: Vec<Glob>,
}

/// Bounds for streams from untrusted sources.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Uncompressed bytes of all layers together.
    pub bytes: u64,
    /// Entries of all layers together.
    pub entries: u64,
}

impl Default for Limits {
    /// 64 GB and 4 million files: beyond any image that a pipeline builds.
    fn default() -> Self {
        Limits { bytes: 64_000_000_000, entries: 4_000_000 }
    }
}

/// What is left of [`Limits`], shared by all readers of one image.
#[derive(Debug)]
pub struct Budget {
    bytes: Cell<u64>,
    entries: Cell<u64>,
}

impl Budget {
    /// All of it.
    pub fn new(limits: Limits) -> Self {
        Budget { bytes: Cell::new(limits.bytes), entries: Cell::new(limits.entries) }
    }

    fn take(cell: &Cell<u64>, count: u64, what: &str) -> io::Result<()> {
        let left = cell.get().checked_sub(count).ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidData, format!("the image has more {what} than will be read"))
        })?;
        cell.set(left);
        Ok(())
    }
}

/// A reader that counts, and stops at the end of a budget.
pub struct Metered<'a, R> {
    inner: R,
    budget: &'a Budget,
    count: &'a Cell<u64>,
}

impl<'a, R> Metered<'a, R> {
    /// Adds what is read to `count` and takes it from `budget`.
    pub fn new(inner: R, budget: &'a Budget, count: &'a Cell<u64>) -> Self {
        Metered { inner, budget, count }
    }
}

impl<R: Read> Read for Metered<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        Budget::take(&self.budget.bytes, count as u64, "uncompressed bytes")?;
        self.count.set(self.count.get() + count as u64);
        Ok(count)
    }
}

/// Something that looks like a secret; never its value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sighting {
    /// What it was recognized as: `private key`, `secret database_url`.
    pub what: String,
    /// Where: a path, or `config env NAME`, `history 3`.
    pub place: String,
    /// By which it can be allowed: a digest of what was found. None for a secret of the run.
    pub digest: Option<String>,
}

/// What is remembered of one layer.
#[derive(Debug, Default)]
pub struct Layer {
    /// Bytes of its uncompressed tar.
    pub size: u64,
    /// Paths that match one of the wanted patterns, by the pattern's index.
    matches: BTreeMap<usize, BTreeSet<String>>,
    /// Paths removed from the layers below.
    removed: HashSet<String>,
    /// Folders whose content in the layers below is removed.
    emptied: HashSet<String>,
    /// Hashes of the paths that are no folders: they cover whatever a lower layer has at or below them.
    solid: HashSet<u64>,
    /// `/etc/passwd`, where this layer has one.
    passwd: Option<Vec<u8>>,
    /// What looks like a secret.
    pub sightings: BTreeSet<Sighting>,
    /// Which of the allowed patterns named a file, by their index.
    pub allowed: BTreeSet<usize>,
}

/// Matches remembered a pattern and sightings a layer; one more says as much as a thousand.
const REMEMBERED: usize = 1_000;
const PASSWD_LIMIT: u64 = 1 << 20;

impl Layer {
    /// Reads an uncompressed layer to its end.
    ///
    /// # Errors
    /// The stream's, and those of the limits.
    pub fn read(stream: impl Read, wanted: &Wanted, budget: &Budget) -> io::Result<Self> {
        let size = Cell::new(0);
        let mut layer = Layer::default();
        let mut metered = Metered::new(stream, budget, &size);
        let mut tarball = Tarball::new(&mut metered);
        while let Some(entry) = tarball.next_entry()? {
            Budget::take(&budget.entries, 1, "files")?;
            let path = normalize(&entry.path);
            if layer.take_whiteout(&path) {
                continue;
            }
            if entry.kind != Kind::Folder {
                layer.solid.insert(hash(&path));
            }
            for (index, glob) in wanted.files.iter().enumerate() {
                if glob.covers(&path) {
                    let paths = layer.matches.entry(index).or_default();
                    if paths.len() < REMEMBERED {
                        paths.insert(path.clone());
                    }
                }
            }
            if entry.kind == Kind::File {
                layer.take_content(&path, &mut tarball, wanted)?;
            }
        }
        // what follows the end mark still counts as the layer's size
        io::copy(&mut metered, &mut io::sink())?;
        layer.size = size.get();
        Ok(layer)
    }

    fn take_whiteout(&mut self, path: &str) -> bool {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let Some(hidden) = name.strip_prefix(".wh.") else { return false };
        if hidden == ".wh..opq" {
            self.emptied.insert(folder.to_owned());
        } else if folder.is_empty() {
            self.removed.insert(hidden.to_owned());
        } else {
            self.removed.insert(format!("{folder}/{hidden}"));
        }
        true
    }

    fn take_content(&mut self, path: &str, content: &mut impl Read, wanted: &Wanted) -> io::Result<()> {
        if path == "etc/passwd" {
            let mut bytes = Vec::new();
            content.take(PASSWD_LIMIT).read_to_end(&mut bytes)?;
            if let Some(leaks) = &wanted.leaks {
                self.note(path, leaks.scan(path, &mut &bytes[..])?);
            }
            self.passwd = Some(bytes);
        } else if let Some(leaks) = &wanted.leaks {
            let allowed = wanted.allowed.iter().enumerate().filter(|(_, glob)| glob.covers(path));
            let mut is_allowed = false;
            for (index, _) in allowed {
                self.allowed.insert(index);
                is_allowed = true;
            }
            if !is_allowed && self.sightings.len() < REMEMBERED {
                self.note(path, leaks.scan(path, content)?);
            }
        }
        Ok(())
    }

    fn note(&mut self, path: &str, found: BTreeSet<Leak>) {
        let sighting = |Leak { what, digest }| Sighting { what, place: format!("/{path}"), digest };
        self.sightings.extend(found.into_iter().map(sighting));
    }

    fn hides(&self, path: &str) -> bool {
        self.removed.contains(path)
            || self.solid.contains(&hash(path))
            || ancestors(path).any(|folder| {
                self.removed.contains(folder) || self.emptied.contains(folder) || self.solid.contains(&hash(folder))
            })
    }
}

fn hash(path: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    path.hash(&mut hasher);
    hasher.finish()
}

/// The layers of one image, the lowest first.
pub struct Layers<'a>(pub Vec<&'a Layer>);

impl Layers<'_> {
    /// Whether what layer `index` has at `path` can be seen in the image.
    pub fn visible(&self, index: usize, path: &str) -> bool {
        !self.0[index + 1..].iter().any(|above| above.hides(path))
    }

    /// The first visible path that matches the wanted pattern `index`.
    pub fn find(&self, pattern: usize) -> Option<&str> {
        self.0.iter().enumerate().find_map(|(index, layer)| {
            let paths = layer.matches.get(&pattern)?;
            paths.iter().find(|path| self.visible(index, path)).map(String::as_str)
        })
    }

    /// The image's `/etc/passwd`.
    pub fn passwd(&self) -> Option<&[u8]> {
        let topmost = |(index, layer): (usize, &&Layer)| layer.passwd.as_ref().map(|bytes| (index, bytes.len()));
        let (index, _) = self.0.iter().enumerate().filter_map(topmost).next_back()?;
        let bytes = self.0[index].passwd.as_deref()?;
        self.visible(index, "etc/passwd").then_some(bytes)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A layer's tar: `a/b` is a file, `a/` a folder, `a -> b` a link.
    pub fn tar_of(entries: &[(&str, &str)]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (path, content) in entries {
            let mut header = tar::Header::new_gnu();
            header.set_mode(0o644);
            if path.ends_with('/') {
                header.set_entry_type(tar::EntryType::Directory);
            }
            header.set_size(content.len() as u64);
            builder.append_data(&mut header, path, content.as_bytes()).expect("in memory");
        }
        builder.into_inner().expect("in memory")
    }

    fn layers(tars: &[Vec<u8>], globs: &[&str]) -> Vec<Layer> {
        let wanted = Wanted { files: globs.iter().map(|text| Glob::new(text)).collect(), ..Wanted::default() };
        let budget = Budget::new(Limits::default());
        tars.iter().map(|tar| Layer::read(&tar[..], &wanted, &budget).expect("well formed")).collect()
    }

    #[test]
    fn whiteouts_opaque_folders_and_files_over_folders_hide_what_is_below() {
        let globs = ["/a/gone", "/b/x", "/c/deep", "/kept", "/d/again"];
        let read = layers(
            &[
                tar_of(&[("a/gone", "1"), ("b/x", "2"), ("c/deep/file", "3"), ("kept", "4"), ("d/again", "5")]),
                tar_of(&[
                    ("a/.wh.gone", ""),
                    ("b/.wh..wh..opq", ""),
                    ("c", "a file now"),
                    (".wh.d", ""),
                    ("d/again", "6"),
                ]),
            ],
            &globs,
        );
        let image = Layers(read.iter().collect());
        let found: Vec<Option<&str>> = (0..globs.len()).map(|index| image.find(index)).collect();
        assert_eq!(found, [None, None, None, Some("kept"), Some("d/again")]);
    }

    #[test]
    fn the_topmost_visible_passwd_is_the_images() {
        let read = layers(&[tar_of(&[("etc/passwd", "old")]), tar_of(&[("etc/passwd", "new")])], &[]);
        assert_eq!(Layers(read.iter().collect()).passwd(), Some(&b"new"[..]));
        let read = layers(&[tar_of(&[("etc/passwd", "old")]), tar_of(&[(".wh.etc", "")])], &[]);
        assert_eq!(Layers(read.iter().collect()).passwd(), None);
    }

    #[test]
    fn an_odd_layer_is_read_and_nothing_of_it_lands_on_disk() {
        use tar::EntryType::{Block, Char, Fifo, Link, Regular, Symlink};

        let here = |name: &str| std::path::Path::new("/tmp").join(name);
        let (absolute, outside) =
            (format!("/tmp/hostile-a-{}", std::process::id()), format!("hostile-b-{}", std::process::id()));
        let entry = |name: &str, kind: tar::EntryType, link: &str, content: &[u8]| {
            let mut header = tar::Header::new_gnu();
            // as bytes: the library itself would refuse such names
            header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
            header.as_old_mut().linkname[..link.len()].copy_from_slice(link.as_bytes());
            header.set_entry_type(kind);
            header.set_mode(0o4777);
            header.set_size(content.len() as u64);
            header.set_cksum();
            let mut bytes = [header.as_bytes(), content].concat();
            bytes.resize(bytes.len().next_multiple_of(512), 0);
            bytes
        };
        let mut sparse = entry("sparse", tar::EntryType::GNUSparse, "", b"");
        // 10 GB of nothing, in three octal digits of data
        sparse[483..495].copy_from_slice(b"112402762000");
        let sum: u32 = sparse
            .iter()
            .enumerate()
            .map(|(at, byte)| if (148..156).contains(&at) { 32 } else { u32::from(*byte) })
            .sum();
        sparse[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        let layer = [
            entry(&absolute, Regular, "", b"x"),
            entry(&format!("../../tmp/{outside}"), Regular, "", b"y"),
            entry("dev/sda", Block, "", b""),
            entry("dev/null", Char, "", b""),
            entry("pipe", Fifo, "", b""),
            entry("hard", Link, "../../../etc/shadow", b""),
            entry("soft", Symlink, "/etc/shadow", b""),
            sparse,
            entry("last", Regular, "", b"z"),
            vec![0; 1024],
        ]
        .concat();
        let wanted = Wanted {
            files: ["/last", "/tmp/*", "/dev/sda"].map(Glob::new).into(),
            leaks: Some(Leaks::new([])),
            ..Wanted::default()
        };
        let read = Layer::read(&layer[..], &wanted, &Budget::new(Limits { bytes: 1 << 20, entries: 100 }));
        let read = read.expect("odd, and well formed");
        let found: Vec<usize> = (0..3).map(|at| read.matches.get(&at).map_or(0, BTreeSet::len)).collect();
        assert_eq!(found, [1, 2, 1], "paths are those of the image, whatever they begin with");
        assert!(read.passwd.is_none() && read.sightings.is_empty());
        assert!(!std::path::Path::new(&absolute).exists() && !here(&outside).exists());
    }

    #[test]
    fn limits_end_a_stream_that_never_does() {
        let budget = Budget::new(Limits { bytes: 10_000, entries: 10 });
        let tar = tar_of(&[("big", &"x".repeat(20_000))]);
        let error = Layer::read(&tar[..], &Wanted::default(), &budget).expect_err("too large");
        assert_eq!(error.to_string(), "the image has more uncompressed bytes than will be read");
    }
}
