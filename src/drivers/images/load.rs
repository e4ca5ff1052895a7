//! Images into the cluster's runtime: minikube, kind and k3d have a command for it, Docker Desktop shares its images,
//! and any other cluster has the command that pipeline.yaml names.

use std::fmt;
use std::path::Path;

use schemars::JsonSchema;
use serde::Deserialize;

use super::build::failure;
use super::engine::{Engine, EngineName};
use super::save::Format;
use super::{Images, pipe};
use crate::drivers::call::{Call, Tail, Undone};
use crate::outcome::Fault;

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

/// Where an image went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// How.
    pub provider: Provider,
    /// The context.
    pub context: String,
}

/// The provider of a context, and what that provider calls the cluster. A command in pipeline.yaml goes first.
fn provider_of(context: &str, has_command: bool) -> Option<(Provider, &str)> {
    if has_command {
        return Some((Provider::Command, context));
    }
    if let Some(cluster) = context.strip_prefix("kind-") {
        return Some((Provider::Kind, cluster));
    }
    if let Some(cluster) = context.strip_prefix("k3d-") {
        return Some((Provider::K3d, cluster));
    }
    match context {
        "docker-desktop" | "docker-for-desktop" | "orbstack" | "rancher-desktop" => Some((Provider::Shared, context)),
        profile if profile.starts_with("minikube") => Some((Provider::Minikube, profile)),
        _ => None,
    }
}

impl Images {
    /// Puts an image of the engine into the cluster's runtime.
    ///
    /// # Errors
    /// [`Undone::Failed`] with the loader's last lines; [`Fault`] when nobody says how this cluster is loaded.
    pub async fn load(
        &self,
        engine: &Engine,
        image: &str,
        provider: Option<Provider>,
        call: &Call<'_>,
    ) -> Result<Loaded, Undone> {
        self.cluster().guard()?;
        let context = self.cluster().context()?.ok_or_else(|| {
            Fault::environment("there is no cluster to load images into").help("let a `cluster` step come first")
        })?;
        let load = self.cluster().settings().load.as_deref().filter(|command| !command.is_empty());
        let (provider, cluster) = match provider {
            Some(provider) => (provider, context.trim_start_matches("kind-").trim_start_matches("k3d-")),
            None => match provider_of(&context, load.is_some()) {
                Some(found) => found,
                None if self.is_minikube().await => (Provider::Minikube, context.as_str()),
                None => return Err(unknown_provider(&context).into()),
            },
        };
        match provider {
            Provider::Shared => call.log.line(format!("{context} shares the images of {}", engine.name).as_bytes()),
            Provider::Command => {
                let load = load.ok_or_else(|| unknown_provider(&context))?;
                self.load_by_command(engine, image, load, call).await?;
            }
            Provider::Minikube | Provider::Kind | Provider::K3d if engine.name == EngineName::Docker => {
                self.load_by_tool(engine, provider, cluster, image, None, call).await?;
            }
            Provider::Minikube | Provider::Kind | Provider::K3d => {
                // these tools read names from Docker only; from other engines they take a file
                let file = call.scratch.join("load.tar");
                self.save(engine, image, &file, Format::DockerArchive, call).await?;
                let loaded = self.load_by_tool(engine, provider, cluster, image, Some(&file), call).await;
                let _ = std::fs::remove_file(&file);
                loaded?;
            }
        }
        Ok(Loaded { provider, context })
    }

    async fn load_by_tool(
        &self,
        engine: &Engine,
        provider: Provider,
        cluster: &str,
        image: &str,
        file: Option<&Path>,
        call: &Call<'_>,
    ) -> Result<(), Undone> {
        let what = file.map_or_else(|| image.to_owned(), |file| file.to_string_lossy().into_owned());
        let args = tool_arguments(provider, cluster, &what, file.is_some());
        let command = call.command(&provider.to_string(), args);
        self.act(engine, &command, &format!("load of {image} by {provider}"), call).await
    }

    async fn load_by_command(
        &self,
        engine: &Engine,
        image: &str,
        load: &[String],
        call: &Call<'_>,
    ) -> Result<(), Undone> {
        let tail = Tail::new(call.log);
        let doing = format!("load of {image} by {}", load[0]);
        let consumer = call.command(&load[0], &load[1..]);
        let (saved, status) = if engine.name == EngineName::Buildah {
            let file = call.scratch.join("load.tar");
            self.save(engine, image, &file, Format::DockerArchive, call).await?;
            let producer = call.command("cat", [file.as_os_str()]);
            let both = pipe::through(&producer, &consumer, &tail, &call.stop).await;
            let _ = std::fs::remove_file(&file);
            both?
        } else {
            let producer = call.command(engine.name.program(), ["image", "save", image]);
            pipe::through(&producer, &consumer, &tail, &call.stop).await?
        };
        if !status.success() {
            return Err(Undone::Failed(failure(&doing, status.code(), tail.lines())));
        }
        if !saved.success {
            let lines = saved.words.lines().map(str::to_owned).collect();
            return Err(Undone::Failed(failure(&format!("{} save of {image}", engine.name), None, lines)));
        }
        Ok(())
    }

    /// Minikube lets a profile carry any name; its nodes say what they are.
    async fn is_minikube(&self) -> bool {
        use k8s_openapi::api::core::v1::Node;
        use kube::api::ListParams;
        let Ok(client) = self.cluster().client().await else { return false };
        let nodes = kube::Api::<Node>::all(client).list_metadata(&ListParams::default().limit(1)).await;
        nodes.is_ok_and(|nodes| {
            let labels = nodes.items.into_iter().filter_map(|node| node.metadata.labels);
            labels.flat_map(std::collections::BTreeMap::into_keys).any(|key| key.starts_with("minikube.k8s.io/"))
        })
    }
}

fn tool_arguments(provider: Provider, cluster: &str, what: &str, is_file: bool) -> Vec<String> {
    let args: &[&str] = match (provider, is_file) {
        (Provider::Minikube, _) => &["--profile", cluster, "image", "load", what],
        (Provider::Kind, true) => &["load", "image-archive", what, "--name", cluster],
        (Provider::Kind, false) => &["load", "docker-image", what, "--name", cluster],
        _ => &["image", "import", what, "--cluster", cluster],
    };
    args.iter().map(|word| (*word).to_owned()).collect()
}

fn unknown_provider(context: &str) -> Fault {
    Fault::environment(format!("nobody says how images get into the cluster of context {context}")).help(
        "name a command that reads a docker-archive from its standard input: \
         `cluster: { load: [sudo, ctr, -n, k8s.io, images, import, \"-\"] }`",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_context_tells_the_provider() {
        assert_eq!(provider_of("kind-todo", false), Some((Provider::Kind, "todo")));
        assert_eq!(provider_of("k3d-a", false), Some((Provider::K3d, "a")));
        assert_eq!(provider_of("minikube", false), Some((Provider::Minikube, "minikube")));
        assert_eq!(provider_of("docker-desktop", false), Some((Provider::Shared, "docker-desktop")));
        assert_eq!(provider_of("local", false), None);
        assert_eq!(provider_of("kind-todo", true), Some((Provider::Command, "kind-todo")));
    }

    #[test]
    fn speaks_each_tools_words() {
        let words = |provider, is_file| tool_arguments(provider, "c", "x", is_file).join(" ");
        assert_eq!(words(Provider::Minikube, false), "--profile c image load x");
        assert_eq!(words(Provider::Kind, false), "load docker-image x --name c");
        assert_eq!(words(Provider::Kind, true), "load image-archive x --name c");
        assert_eq!(words(Provider::K3d, true), "image import x --cluster c");
    }
}
