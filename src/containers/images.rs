//! The image engine: Docker, Podman or Buildah, whichever answers; and image archives on disk. Knows no step.

pub mod archive;
mod build;
mod compression;
pub mod dockerfile;
mod engine;
pub mod facts;
pub mod layer;
mod load;
pub mod name;
mod paths;
mod pipe;
mod push;
mod save;
mod tarball;

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::OnceCell;

use crate::core::mask::cut;
use crate::core::model::outcome::Fault;
use crate::core::model::units::ByteSize;
use crate::kubernetes::client::Cluster;
use crate::process::command_context::{CommandContext, CommandError, last_line};
use archive::{ArchiveError, Choice, Contents};
use engine::none_answers;
use facts::Facts;
use layer::{Limits, Wanted};

pub use build::{Build, Built};
pub use compression::unpacked;
pub use engine::{Engine, EngineName};
pub use load::{Loaded, Provider};
pub use push::{Registry, pinned};
pub use save::Format;

/// What keeps a text from being an image's name, whatever the engine's own rules are: it could be read as an option of the
/// engine's command line, or be no one word.
pub fn name_problem(name: &str) -> Option<String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "._-/:@[]+".contains(c);
    let is_name = !name.is_empty() && !name.starts_with('-') && name.chars().all(fits);
    (!is_name).then(|| format!("`{}` is no image name", name.escape_debug()))
}

/// The image engine, found on first use.
#[derive(Debug)]
pub struct Images {
    project: PathBuf,
    cluster: Arc<Cluster>,
    /// Engines that answered. One that did not is asked again: a step may start it.
    found: [OnceCell<Engine>; 3],
}

impl Images {
    /// Touches nothing yet.
    pub fn new(project: PathBuf, cluster: Arc<Cluster>) -> Self {
        Images { project, cluster, found: [const { OnceCell::const_new() }; 3] }
    }

    /// The project's folder: build contexts are relative to it.
    pub fn project(&self) -> &PathBuf {
        &self.project
    }

    /// The cluster that images are loaded into.
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// The first engine of `order` that answers; the default order where that is empty.
    ///
    /// # Errors
    /// [`Fault`] of kind environment that names what was tried and what each said.
    pub async fn engine(&self, order: &[EngineName], call: &CommandContext<'_>) -> Result<&Engine, Fault> {
        let order = if order.is_empty() { EngineName::DEFAULT_ORDER } else { order };
        let mut tried = Vec::new();
        for name in order {
            match self.found[*name as usize].get_or_try_init(|| call.probe(*name)).await {
                Ok(engine) => return Ok(engine),
                Err(words) => tried.push((*name, words)),
            }
            if call.stop.cancel.is_cancelled() {
                return Err(Fault::unknown("stopped"));
            }
        }
        Err(none_answers(&tried))
    }

    /// What the engine says of an image, and its size where it says one; `None` when it has no such image.
    ///
    /// # Errors
    /// [`Fault`] when the engine does not answer or answers with something else.
    pub async fn inspect(
        &self,
        engine: &Engine,
        image: &str,
        call: &CommandContext<'_>,
    ) -> Result<Option<(Facts, Option<ByteSize>)>, Fault> {
        let program = engine.name.program();
        let answer = match engine.name {
            EngineName::Docker | EngineName::Podman => call.ask(program, ["image", "inspect", image]).await?,
            EngineName::Buildah => call.ask(program, ["inspect", "--type", "image", image]).await?,
        };
        if answer.code != Some(0) {
            let words = last_line(&answer.stderr).unwrap_or_default();
            let lower = words.to_lowercase();
            let missing = ["no such image", "image not known", "not found", "no such object", "does not exist"];
            if missing.iter().any(|phrase| lower.contains(phrase)) {
                return Ok(None);
            }
            return Err(Fault::unknown(format!("{program} cannot say what {image} is: {words}")));
        }
        let odd = |error| Fault::unknown(format!("{program} describes {image} in an unknown way: {error}"));
        match engine.name {
            EngineName::Buildah => Facts::from_buildah(&answer.stdout).map(|facts| Some((facts, None))).map_err(odd),
            _ => Facts::from_inspection(&answer.stdout)
                .map(|image| image.map(|(facts, size)| (facts, Some(size))))
                .map_err(odd),
        }
    }

    /// The names of the engine's images; none where it does not say.
    pub async fn names(&self, engine: &Engine, call: &CommandContext<'_>) -> Vec<String> {
        let args: &[&str] = match engine.name {
            EngineName::Buildah => &["images", "--format", "{{.Name}}:{{.Tag}}"],
            _ => &["image", "ls", "--format", "{{.Repository}}:{{.Tag}}"],
        };
        let said = call.ask(engine.name.program(), args.iter().copied()).await;
        let lines = said.map(|said| String::from_utf8_lossy(&said.stdout).into_owned()).unwrap_or_default();
        lines.lines().filter(|line| !line.contains("<none>")).map(str::to_owned).collect()
    }

    /// The commands whose layers take the most space, `214 MB  RUN npm ci`, the largest first; none where the engine
    /// does not say.
    pub async fn largest_layers(&self, engine: &Engine, image: &str, call: &CommandContext<'_>) -> Vec<String> {
        if engine.name == EngineName::Buildah {
            return Vec::new();
        }
        let args = ["history", "--no-trunc", "--human=false", "--format", "{{.Size}}\t{{.CreatedBy}}", image];
        let Ok(said) = call.ask(engine.name.program(), args).await else { return Vec::new() };
        let text = String::from_utf8_lossy(&said.stdout);
        let rows = text.lines().filter_map(|line| line.split_once('\t'));
        let mut rows: Vec<(u64, &str)> =
            rows.filter_map(|(size, command)| Some((size.parse().ok().filter(|size| *size > 0)?, command))).collect();
        rows.sort_by_key(|row| std::cmp::Reverse(row.0));
        let shown = |(size, command): &(u64, &str)| {
            let command = command.trim_start_matches("/bin/sh -c ").trim_start_matches("#(nop) ").trim();
            format!("{}  {}", ByteSize(*size), cut(command, 120))
        };
        rows.iter().take(5).map(shown).collect()
    }

    /// Reads the engine's image layer by layer, streamed.
    ///
    /// # Errors
    /// [`Fault`] when the engine cannot hand it out or it goes beyond `limits`.
    pub async fn read(
        &self,
        engine: &Engine,
        image: &str,
        wanted: Wanted,
        limits: Limits,
        call: &CommandContext<'_>,
    ) -> Result<Contents, Fault> {
        let name = image.to_owned();
        if engine.name == EngineName::Buildah {
            let file = call.scratch.join("image.tar");
            self.save(engine, image, &file, Format::DockerArchive, call).await.map_err(CommandError::into_fault)?;
            let read = self.read_file(&file, Choice::default(), wanted, limits, call).await;
            let _ = std::fs::remove_file(&file);
            return read?.ok_or_else(|| Fault::unknown(format!("{} wrote another image than {image}", engine.name)));
        }
        let command = call.command(engine.name.program(), ["image", "save", image]);
        let (read, ended) = pipe::read_through(&command, &call.stop, move |stream| {
            archive::read_archive(stream, &Choice::default(), &wanted, limits)
        })
        .await?;
        if !ended.success {
            return Err(Fault::unknown(format!("{} cannot hand out {name}: {}", engine.name, ended.words)));
        }
        read.map_err(|error| Fault::unknown(format!("image {name} cannot be read: {error}")))
    }

    /// Reads an archive on disk, or an OCI layout where `path` is a folder; `None` where it does not hold the image that is
    /// meant, and the log says which it holds.
    ///
    /// # Errors
    /// [`Fault`] when it is no image or goes beyond `limits`.
    pub async fn read_file(
        &self,
        path: &std::path::Path,
        choice: Choice,
        wanted: Wanted,
        limits: Limits,
        call: &CommandContext<'_>,
    ) -> Result<Option<Contents>, Fault> {
        let (path, cancel) = (path.to_owned(), call.stop.cancel.clone());
        let shown = path.strip_prefix(&self.project).unwrap_or(&path).display().to_string();
        let reading = tokio::task::spawn_blocking(move || -> Result<Contents, ArchiveError> {
            if path.is_dir() {
                return archive::read_layout(&path, &choice, &wanted, limits);
            }
            let file = pipe::Cancellable { inner: crate::core::files::open::open(&path)?, cancel };
            archive::read_archive(file, &choice, &wanted, limits)
        });
        let read = reading.await.map_err(|error| Fault::unknown(format!("reading {shown} broke off: {error}")))?;
        match read {
            Ok(contents) => Ok(Some(contents)),
            Err(error @ ArchiveError::NotThere { .. }) => {
                call.log.line(format!("{shown}: {error}").as_bytes());
                Ok(None)
            }
            Err(error) => Err(Fault::unknown(format!("{shown} cannot be read as an image: {error}"))),
        }
    }
}
