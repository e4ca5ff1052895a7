//! Images into the cluster's runtime: minikube, kind and k3d have loaders of their own, Docker Desktop shares its images,
//! and any other cluster has the command that pipeline.yaml names for its context.

mod archive;
mod runtime;

use std::fmt;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use super::build::failure;
use super::engine::{Engine, EngineName};
use super::save::Format;
use super::{Images, pipe};
use crate::core::model::outcome::Fault;
use crate::kubernetes::providers::{self, Owner, ProviderContext, owner_of};
use crate::process::command_context::{CommandContext, CommandError, LastLines};
use archive::config_ids;
use runtime::{Runtime, Wanted};

/// What made the cluster, as far as loading goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Provider {
    /// `minikube image load`.
    Minikube,
    /// `kind load`.
    Kind,
    /// `k3d image import`.
    K3d,
    /// Shares the images of the Docker that builds them (Docker Desktop, `OrbStack`, Rancher Desktop): nothing to do.
    Shared,
    /// `cluster.load` in pipeline.yaml.
    Command,
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Provider::Minikube => "minikube",
            Provider::Kind => "kind",
            Provider::K3d => "k3d",
            Provider::Shared => "shared",
            Provider::Command => "command",
        })
    }
}

/// Where images went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// How.
    pub provider: Provider,
    /// The context.
    pub context: String,
    /// Those that were loaded; the others were there already, unchanged.
    pub loaded: Vec<String>,
}

/// How a cluster is loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Way {
    Shared,
    Command(Vec<String>),
    Tool(providers::Provider, String),
}

impl Images {
    /// Puts images of the engine into the cluster's runtime, those that share layers at once. Afterwards every node of
    /// minikube, kind and k3d must have each of them, by its id.
    ///
    /// # Errors
    /// [`CommandError::Failed`] with the loader's last lines, or the images that are not there; [`Fault`] when no method for
    /// this cluster is configured.
    pub async fn load(
        &self,
        engine: &Engine,
        images: &[String],
        provider: Option<Provider>,
        call: &CommandContext<'_>,
    ) -> Result<Loaded, CommandError> {
        self.cluster().guard()?;
        let context = self.cluster().context()?.ok_or_else(|| {
            Fault::environment("there is no cluster to load images into").help("let a `cluster` step come first")
        })?;
        let way = self.way(&context, provider).await?;
        let (provider, loaded) = match way {
            Way::Shared => {
                call.log.line(format!("{context} shares the images of {}", engine.name).as_bytes());
                (Provider::Shared, Vec::new())
            }
            Way::Command(command) => {
                self.load_by_command(engine, images, &command, call).await?;
                (Provider::Command, images.to_vec())
            }
            Way::Tool(tool, cluster) => {
                let loaded = self.load_by_tool(engine, tool, &cluster, images, call).await?;
                (Provider::of(tool), loaded)
            }
        };
        Ok(Loaded { provider, context, loaded })
    }

    async fn way(&self, context: &str, provider: Option<Provider>) -> Result<Way, CommandError> {
        let settings = self.cluster().settings();
        let own = settings.loads.get(context).filter(|command| !command.is_empty());
        let any = settings.load.as_ref().filter(|command| !command.is_empty());
        let owner = match (provider, own) {
            (Some(Provider::Shared), _) => return Ok(Way::Shared),
            (None | Some(Provider::Command), Some(command)) => return Ok(Way::Command(command.clone())),
            (Some(Provider::Command), None) => {
                return any.cloned().map(Way::Command).ok_or_else(|| unknown_provider(context).into());
            }
            (Some(Provider::Minikube | Provider::Kind | Provider::K3d) | None, _) => {
                owner_of(self.project(), self.cluster(), context).await?
            }
        };
        chosen(context, provider, owner, any).ok_or_else(|| unknown_provider(context).into())
    }

    async fn load_by_tool(
        &self,
        engine: &Engine,
        tool: providers::Provider,
        cluster: &str,
        images: &[String],
        call: &CommandContext<'_>,
    ) -> Result<Vec<String>, CommandError> {
        let settings = self.cluster().settings();
        let desk = ProviderContext { env: call.env, dir: &call.dir, sink: call.log, stop: call.stop.clone(), settings };
        let runtime = Runtime { host: &desk, provider: tool, cluster };
        let mut wanted = Vec::new();
        for image in images {
            // with containerd's image store this is another digest than the runtime's: the archive has that one
            let id = self.inspect(engine, image, call).await?.map(|(facts, _)| facts.id).unwrap_or_default();
            wanted.push(Wanted { name: image.clone(), id });
        }
        let missing = runtime.missing(&wanted).await?;
        if missing.is_empty() {
            call.log.line(format!("already in {cluster}, unchanged: {}", images.join(", ")).as_bytes());
            return Ok(Vec::new());
        }
        let names: Vec<String> = missing.into_iter().map(|missing| missing.name).collect();
        let files = self.archives(engine, &names, call).await?;
        let mut loaded = Vec::new();
        let mut result = Ok(());
        for (file, names) in &files {
            let path = file.clone();
            let ids = tokio::task::spawn_blocking(move || config_ids(&path)).await;
            let ids = ids.map_err(|error| Fault::unknown(format!("reading the archive broke off: {error}"))).and_then(
                |ids| {
                    ids.map_err(|error| {
                        Fault::unknown(format!("the archive of {} cannot be read: {error}", names.join(", ")))
                    })
                },
            );
            result = match ids {
                Ok(ids) => runtime.load(names, &ids, file).await.map(|new| loaded.extend(new)),
                Err(fault) => Err(fault.into()),
            };
            if result.is_err() {
                break;
            }
        }
        for (file, _) in &files {
            let _ = std::fs::remove_file(file);
        }
        result.map(|()| loaded)
    }

    /// Archives with these images: one, so that shared layers are in it once. Buildah writes one for each.
    async fn archives(
        &self,
        engine: &Engine,
        images: &[String],
        call: &CommandContext<'_>,
    ) -> Result<Vec<(PathBuf, Vec<String>)>, CommandError> {
        if engine.name == EngineName::Buildah {
            let mut files = Vec::new();
            for image in images {
                let file = call.scratch.join(archive_name(std::slice::from_ref(image)));
                self.save(engine, image, &file, Format::DockerArchive, call).await?;
                files.push((file, vec![image.clone()]));
            }
            return Ok(files);
        }
        let file = call.scratch.join(archive_name(images));
        let mut args = vec!["image".to_owned(), "save".to_owned()];
        if engine.name == EngineName::Podman {
            args.extend(["--format", "docker-archive", "--multi-image-archive"].map(str::to_owned));
        }
        args.extend(["--output".to_owned(), file.to_string_lossy().into_owned()]);
        args.extend(images.iter().cloned());
        let command = call.command(engine.name.program(), args);
        self.act(engine, &command, &format!("save of {}", images.join(", ")), call).await?;
        Ok(vec![(file, images.to_vec())])
    }

    async fn load_by_command(
        &self,
        engine: &Engine,
        images: &[String],
        load: &[String],
        call: &CommandContext<'_>,
    ) -> Result<(), CommandError> {
        let (program, args) =
            load.split_first().ok_or_else(|| Fault::invalid("the command that loads images names no program"))?;
        let consumer = call.command(program, args);
        if engine.name == EngineName::Docker {
            let saved = ["image".to_owned(), "save".to_owned()].into_iter().chain(images.iter().cloned());
            return self.piped(engine, &call.command("docker", saved), &consumer, program, images, call).await;
        }
        for (file, names) in self.archives(engine, images, call).await? {
            let done =
                self.piped(engine, &call.command("cat", [file.as_os_str()]), &consumer, program, &names, call).await;
            let _ = std::fs::remove_file(&file);
            done?;
        }
        Ok(())
    }

    async fn piped(
        &self,
        engine: &Engine,
        producer: &crate::process::Command,
        consumer: &crate::process::Command,
        program: &str,
        images: &[String],
        call: &CommandContext<'_>,
    ) -> Result<(), CommandError> {
        let tail = LastLines::new(call.log);
        let names = images.join(", ");
        let (saved, status) = pipe::through(producer, consumer, &tail, &call.stop).await?;
        if !status.success() {
            return Err(CommandError::Failed(failure(
                &format!("load of {names} by {program}"),
                status.code(),
                tail.lines(),
            )));
        }
        if !saved.success {
            let lines = saved.words.lines().map(str::to_owned).collect();
            return Err(CommandError::Failed(failure(&format!("{} save of {names}", engine.name), None, lines)));
        }
        Ok(())
    }
}

impl Provider {
    fn of(tool: providers::Provider) -> Self {
        match tool {
            providers::Provider::Minikube => Provider::Minikube,
            providers::Provider::Kind => Provider::Kind,
            providers::Provider::K3d => Provider::K3d,
        }
    }

    fn tool(self) -> Option<providers::Provider> {
        match self {
            Provider::Minikube => Some(providers::Provider::Minikube),
            Provider::Kind => Some(providers::Provider::Kind),
            Provider::K3d => Some(providers::Provider::K3d),
            Provider::Shared | Provider::Command => None,
        }
    }
}

/// The way into a cluster without a command of its own: the loader of its provider (the step's choice goes first), shared
/// images, or the command for any other cluster.
fn chosen(context: &str, provider: Option<Provider>, owner: Option<Owner>, any: Option<&Vec<String>>) -> Option<Way> {
    if let Some(tool) = provider.and_then(Provider::tool) {
        let name = owner.filter(|(it, _)| *it == tool).map(|(_, name)| name);
        return Some(Way::Tool(tool, name.unwrap_or_else(|| tool.name_in(context).to_owned())));
    }
    match (owner, context) {
        (Some((tool, name)), _) => Some(Way::Tool(tool, name)),
        (None, "docker-desktop" | "docker-for-desktop" | "orbstack" | "rancher-desktop") => Some(Way::Shared),
        (None, _) => any.cloned().map(Way::Command),
    }
}

/// The file name of an archive. minikube copies it into one folder of the node under this name: two loads at once must
/// not share it, and the same images replace what an earlier load left there.
fn archive_name(images: &[String]) -> String {
    let digest = blake3::hash(images.join("\n").as_bytes()).to_hex();
    format!("load-{}.tar", &digest[..16])
}

fn unknown_provider(context: &str) -> Fault {
    Fault::environment(format!("no method for loading images into the cluster of context {context} is configured"))
        .help(format!(
            "name a command that reads a docker-archive from its standard input: \
             `cluster: {{ load: {{ {context}: [sudo, ctr, -n, k8s.io, images, import, \"-\"] }} }}`"
        ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn archives_of_different_images_have_different_names() {
        let name = |images: &[&str]| archive_name(&images.iter().map(|image| (*image).to_owned()).collect::<Vec<_>>());
        assert_eq!(name(&["a:1", "b:1"]), name(&["a:1", "b:1"]));
        assert_ne!(name(&["a:1", "b:1"]), name(&["a:1"]));
        assert_ne!(name(&["a:1"]), name(&["b:1"]));
    }

    #[test]
    fn the_provider_of_the_chosen_context_loads_and_the_command_serves_the_others() {
        let any = vec!["load".to_owned()];
        let owner = |provider, name: &str| Some((provider, name.to_owned()));
        let tool = |provider, name: &str| Some(Way::Tool(provider, name.to_owned()));
        let kind = providers::Provider::Kind;
        assert_eq!(chosen("kind-a", None, owner(kind, "a"), Some(&any)), tool(kind, "a"));
        assert_eq!(chosen("local", None, None, Some(&any)), Some(Way::Command(any.clone())));
        assert_eq!(chosen("local", None, None, None), None);
        assert_eq!(chosen("docker-desktop", None, None, Some(&any)), Some(Way::Shared));
        assert_eq!(chosen("kind-kind-a", Some(Provider::Kind), None, None), tool(kind, "kind-a"));
        let minikube = providers::Provider::Minikube;
        assert_eq!(chosen("kind-a", None, owner(minikube, "kind-a"), None), tool(minikube, "kind-a"));
    }
}
