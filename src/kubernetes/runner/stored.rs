//! Inputs by content: a volume keeps what was sent before, and only what it does not have is sent.
//!
//! A container in front of the step's own has the volume; the step's command cannot reach it. An object of the volume is
//! the content of a file, filled up to a block of tar, under its digest. It is written beside the others and renamed when
//! all of it has arrived: a part of one is never used, and two runs that write the same one do not disturb each other.
//! The headers of the files (names, modes, times) are sent each time; `cat` puts headers and objects together to one
//! archive, which tar unpacks.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use futures::FutureExt;
use tar::{Builder, EntryType, Header};
use tokio::task::spawn_blocking;

use super::boot::{self, FILES, FOLDER};
use super::pack::{COMPLETE, Counted, Packed, finish, named, paths};
use super::transfer::{Container, Unsent, arrives, ask_in, send, unpack_in};
use crate::core::files::open;
use crate::core::mask::SecretText;
use crate::core::model::outcome::Fault;
use crate::kubernetes::job::{STEP_FOLDER, STORE_FOLDER, StartedJob};
use crate::process::LineSink;

/// A block of tar.
const BLOCK: u64 = 512;
/// Files that one `cat` puts together.
const BATCH: usize = 200;
/// Days after which what a broken connection has left is removed.
const LEFT_DAYS: u32 = 1;

/// What the container that prepares the files starts.
pub(super) fn command() -> Vec<String> {
    boot::runs("prepare")
}

/// The scripts of that container, in the Secret of its Job.
pub(super) fn files(job: &str) -> Vec<(String, SecretText)> {
    let store = format!("{STORE_FOLDER}/v1");
    let prepare = boot::preamble("printf '%s\\n' \"$1\" > /dev/termination-log; exit 1")
        + &boot::needs("tar")
        + &boot::wait_for_files();
    // the names of objects, one a line, up to an empty line; those that are not there come back
    let want = format!(
        "mkdir -p {store}/new || exit 4\n\
         find {store}/new -mindepth 1 -maxdepth 1 -mtime +{LEFT_DAYS} -exec rm -rf {{}} + 2> /dev/null\n\
         while read -r name && [ -n \"$name\" ]; do [ -s \"{store}/$name\" ] || echo \"$name\"; done\n"
    );
    let put = format!(
        "new={store}/new/{job}.$$\n\
         mkdir -p \"$new\" && cd \"$new\" || exit 4\n\
         tar -xf - && [ -e {COMPLETE} ] || {{ cd /; rm -rf \"$new\"; exit 5; }}\n\
         sync 2> /dev/null\n\
         for folder in ??; do\n\
         [ \"$folder\" = io ] && continue\n\
         mkdir -p \"{store}/$folder\" && mv -f \"$folder\"/* \"{store}/$folder/\" || exit 6\n\
         done\n\
         cd / && rm -rf \"$new\"\n"
    );
    let restore = format!(
        "cd {FOLDER}/io && rm -rf heads && mkdir heads && cd heads && tar -xf - && [ -e {COMPLETE} ] || exit 5\n\
         store={store}\n\
         ( . ./parts ) | ( cd {FOLDER} && tar -xpof - ) && [ -e {FOLDER}/{COMPLETE} ] || exit 7\n\
         cd {FOLDER} && rm -rf io/heads && : > {FILES}\n"
    );
    let scripts = [("prepare", prepare), ("want", want), ("put", put), ("restore", restore)];
    scripts.map(|(name, text)| (name.to_owned(), SecretText::new(text))).to_vec()
}

/// Digests of files that were read before in this run, while they have not changed since. Of steps that start together
/// one reads a file, and the others wait for it.
#[derive(Debug, Default)]
pub(super) struct Hashes(Mutex<HashMap<PathBuf, Arc<Mutex<Known>>>>);

/// What a file was when it was read last, and its name as an object.
type Known = Option<(Seen, String)>;

/// What changes with a file's content: inode, size, times of change.
type Seen = (u64, u64, i64, i64, i64, i64);

impl Hashes {
    fn of(&self, path: &Path, file: &fs::File) -> io::Result<String> {
        let meta = file.metadata()?;
        let seen = (meta.ino(), meta.size(), meta.mtime(), meta.mtime_nsec(), meta.ctime(), meta.ctime_nsec());
        let known =
            Arc::clone(self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(path.to_owned()).or_default());
        let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, name)) = known.as_ref().filter(|(then, _)| *then == seen) {
            return Ok(name.clone());
        }
        let mut hasher = blake3::Hasher::new();
        hasher.update_reader(file)?;
        let name = object(&hasher);
        *known = Some((seen, name.clone()));
        Ok(name)
    }
}

/// The name of an object: its digest, in a folder of the digest's first two characters.
fn object(hasher: &blake3::Hasher) -> String {
    let digest = hasher.finalize().to_hex();
    format!("{}/{digest}", &digest[..2])
}

/// What a step needs: heads of an archive, and the objects between them.
#[derive(Debug, Default)]
struct Wanted {
    /// Each head, and the object that follows it.
    parts: Vec<(Vec<u8>, String)>,
    /// The end of the archive.
    end: Vec<u8>,
    /// The files that have the content of the objects.
    objects: BTreeMap<String, PathBuf>,
}

impl Wanted {
    /// Reads all files that have changed since they were read last.
    fn of(project: &Path, patterns: &[String], hashes: &Hashes) -> io::Result<Self> {
        let root = project.canonicalize()?;
        let mut wanted = Wanted::default();
        let mut head = Builder::new(Vec::new());
        for path in paths(project, patterns)? {
            let Some(entry) = Packed::of(&root, &path)? else { continue };
            let content = entry.file.as_ref().filter(|(_, size)| *size > 0);
            let name = content.map(|(file, _)| hashes.of(&root.join(&path), file)).transpose();
            let name = name.map_err(|error| named(&path, &error))?;
            entry.put_header(&mut head)?;
            if let Some(name) = name {
                let done = std::mem::replace(&mut head, Builder::new(Vec::new()));
                wanted.parts.push((without_end(done)?, name.clone()));
                wanted.objects.entry(name).or_insert(path);
            }
        }
        wanted.end = complete(head)?;
        Ok(wanted)
    }

    /// The script that puts heads and objects together; the heads are files of their numbers.
    fn script(&self) -> String {
        let mut script = String::new();
        for (batch, parts) in self.parts.chunks(BATCH).enumerate() {
            script.push_str("cat");
            for (at, (_, object)) in parts.iter().enumerate() {
                let _ = write!(script, " {} $store/{object}", batch * BATCH + at);
            }
            script.push_str(" || exit 9\n");
        }
        script + "cat end || exit 9\n"
    }

    /// Writes the heads and the script as an archive.
    fn put_heads(&self, out: impl Write) -> io::Result<()> {
        let mut archive = Builder::new(Counted::new(out));
        for (at, (head, _)) in self.parts.iter().enumerate() {
            file(&mut archive, &at.to_string(), head)?;
        }
        file(&mut archive, "end", &self.end)?;
        file(&mut archive, "parts", self.script().as_bytes())?;
        finish(archive)
    }

    /// Writes the objects that `missing` names as an archive.
    fn put_objects(&self, project: &Path, missing: &[String], out: impl Write) -> io::Result<()> {
        let mut archive = Builder::new(Counted::new(out));
        for name in missing {
            let Some(path) = self.objects.get(name) else { continue };
            let opened = open::open(&project.join(path)).map_err(|error| named(path, &error))?;
            let size = opened.metadata()?.len();
            let mut header = header(size.next_multiple_of(BLOCK));
            let mut hashing = Hashing { hasher: blake3::Hasher::new(), from: opened.take(size) };
            let content = hashing.by_ref().chain(io::repeat(0)).take(size.next_multiple_of(BLOCK));
            archive.append_data(&mut header, name, content)?;
            if object(&hashing.hasher) != *name {
                return Err(io::Error::other(format!("`{}` changed while it was read", path.display())));
            }
        }
        finish(archive)
    }
}

/// Digests what is read.
struct Hashing<R> {
    hasher: blake3::Hasher,
    from: R,
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(into)?;
        self.hasher.update(&into[..read]);
        Ok(read)
    }
}

fn header(size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(EntryType::Regular);
    header.set_mode(0o644);
    header.set_size(size);
    header
}

fn file(archive: &mut Builder<impl Write>, name: &str, content: &[u8]) -> io::Result<()> {
    archive.append_data(&mut header(content.len() as u64), name, content)
}

/// The entries of an archive that goes on.
fn without_end(archive: Builder<Vec<u8>>) -> io::Result<Vec<u8>> {
    let mut bytes = archive.into_inner()?;
    // two empty blocks end an archive
    bytes.truncate(bytes.len().saturating_sub(1024));
    Ok(bytes)
}

/// The last entries of an archive, and the one that says that all is there.
fn complete(archive: Builder<Vec<u8>>) -> io::Result<Vec<u8>> {
    let mut bytes = without_end(archive)?;
    finish(Builder::new(Counted::new(&mut bytes)))?;
    Ok(bytes)
}

/// Sends the files that the patterns name, those that the volume does not have with their content. A volume that cannot be
/// used is said in the log, and the files are sent whole.
///
/// # Errors
/// [`Fault`] when they cannot be read, or do not arrive. Nothing where the container is over: its end says why.
pub(super) async fn send_stored(
    job: &StartedJob<'_>,
    project: &Path,
    patterns: &[String],
    hashes: &Arc<Hashes>,
    sink: &dyn LineSink,
) -> Result<(), Fault> {
    match arrives(job, Container::Preparing, || send_once(job, project, patterns, hashes).boxed()).await {
        Err(Unsent::Refused(said)) => {
            let line = format!("the volume of the runner cannot be used: {said}; the files are sent whole");
            sink.line(line.as_bytes());
            send(job, Container::Preparing, project, patterns).await
        }
        sent => sent.map_err(Unsent::fault),
    }
}

async fn send_once(
    job: &StartedJob<'_>,
    project: &Path,
    patterns: &[String],
    hashes: &Arc<Hashes>,
) -> Result<(), Unsent> {
    let (folder, named, known) = (project.to_owned(), patterns.to_vec(), Arc::clone(hashes));
    let reading = spawn_blocking(move || Wanted::of(&folder, &named, &known)).await;
    let wanted = reading.map_err(|_| Unsent::Unread(io::Error::other("the packing broke")))?.map_err(Unsent::Unread)?;
    let wanted = Arc::new(wanted);
    let names = wanted.objects.keys().fold(String::new(), |names, name| names + name + "\n") + "\n";
    let run = |script: &str| format!("exec /bin/sh {STEP_FOLDER}/{script}");
    let missing = ask_in(job, Container::Preparing, &run("want"), names.into_bytes()).await?;
    let missing: Vec<String> = String::from_utf8_lossy(&missing).lines().map(str::to_owned).collect();
    if !missing.is_empty() {
        let (folder, wanted) = (project.to_owned(), Arc::clone(&wanted));
        let put = move |out: super::chunks::ChunkWriter| wanted.put_objects(&folder, &missing, out);
        unpack_in(job, Container::Preparing, &run("put"), put).await?;
    }
    unpack_in(job, Container::Preparing, &run("restore"), move |out| wanted.put_heads(out)).await
}

#[cfg(test)]
mod tests;
