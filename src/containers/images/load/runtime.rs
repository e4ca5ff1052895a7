//! The images in the runtime of every node of a cluster: listed, loaded, and listed again. A loader's exit code proves
//! nothing: `minikube image load` ends with 0 for a missing file, a corrupt archive and a stopped runtime.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use crate::containers::images::name::split_tag;
use crate::core::model::outcome::{Failure, Fault, Finding};
use crate::kubernetes::providers::{Answer, Host, Invocation, Provider, node_engine, nodes, reason};
use crate::process::command_context::CommandError;

/// How long the listing of a node may take.
const LISTING: std::time::Duration = std::time::Duration::from_secs(60);

/// An image that is wanted in the runtime.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    /// Its name.
    pub name: String,
    /// Its id, `sha256:…` or without that.
    pub id: String,
}

/// The runtime of a provider's cluster.
pub(super) struct Runtime<'a> {
    /// The surroundings.
    pub host: &'a dyn Host,
    /// The provider.
    pub provider: Provider,
    /// What it calls the cluster.
    pub cluster: &'a str,
}

/// The images of a node: ids by full names.
type Images = BTreeMap<String, String>;

impl Runtime<'_> {
    /// Those that a node does not have, or has in another version.
    ///
    /// # Errors
    /// [`Fault`] when a node was not measured.
    pub async fn missing(&self, wanted: &[Wanted]) -> Result<Vec<Wanted>, Fault> {
        let nodes = self.listed().await?;
        let there = |image: &&Wanted| nodes.iter().all(|(_, images)| has(images, image));
        Ok(wanted.iter().filter(|image| !there(image)).cloned().collect())
    }

    /// Loads an archive with images of these ids, unless they are there; they must be there afterwards. Hands back the
    /// names of those that were loaded.
    ///
    /// # Errors
    /// [`CommandError::Failed`] that names each image that a node does not have; [`Fault`] when a node was not measured.
    pub async fn load(
        &self,
        names: &[String],
        ids: &BTreeMap<String, String>,
        archive: &Path,
    ) -> Result<Vec<String>, CommandError> {
        let mut wanted = Vec::new();
        for name in names {
            let full = full_name(name);
            let id = ids.get(&full).or_else(|| ids.get(&full.replacen("docker.io/library/", "localhost/", 1)));
            let id = id.ok_or_else(|| Fault::unknown(format!("the archive that was written does not hold {name}")))?;
            wanted.push(Wanted { name: name.clone(), id: id.clone() });
        }
        let missing = self.missing(&wanted).await?;
        if missing.is_empty() {
            self.host.say(&format!("already in {}, unchanged: {}", self.cluster, names.join(", ")));
            return Ok(Vec::new());
        }
        let call = self.import(archive);
        let ran = self.host.run(&call, None).await?;
        let why = reason(&ran.lines).map(|reason| format!(": {reason}")).unwrap_or_default();
        if ran.code != Some(0) {
            let end =
                ran.code.map_or_else(|| "a signal ended it".to_owned(), |code| format!("exit code {code}, expected 0"));
            let names: Vec<&str> = missing.iter().map(|image| image.name.as_str()).collect();
            let failure =
                Failure::new(format!("load of {} by {}: {end}{why}", names.join(", "), self.provider.program()));
            return Err(CommandError::Failed(Failure { exit_code: ran.code, ..failure }));
        }
        self.verify(&missing, &why).await?;
        Ok(missing.into_iter().map(|image| image.name).collect())
    }

    async fn verify(&self, wanted: &[Wanted], why: &str) -> Result<(), CommandError> {
        let nodes = self.listed().await?;
        let mut findings = Vec::new();
        for image in wanted {
            for (node, images) in nodes.iter().filter(|(_, images)| !has(images, image)) {
                let found = match images.get(&full_name(&image.name)) {
                    Some(other) => format!(
                        "node {node} has another version of it: id {}, expected {}",
                        short(other),
                        short(&image.id)
                    ),
                    None => format!("node {node} does not have it"),
                };
                findings.push(Finding::new(format!("image/{}", image.name), "NotLoaded", found));
            }
        }
        let Some(first) = findings.first() else { return Ok(()) };
        let tool = self.provider.program();
        let summary = format!(
            "{tool} ended with exit code 0, but {} is not loaded: {}{why}",
            first.object.trim_start_matches("image/"),
            first.message
        );
        let help = "see the step's log; a node that keeps an old version runs a container of it: delete that, or use another tag";
        Err(CommandError::Failed(Failure::new(summary).because(findings).help(help)))
    }

    /// The images of every node that runs.
    async fn listed(&self) -> Result<Vec<(String, Images)>, Fault> {
        let queries = match self.provider {
            Provider::Minikube => self.minikube_nodes().await?,
            Provider::Kind | Provider::K3d => self.container_nodes().await?,
        };
        let mut listed = Vec::new();
        for (node, query) in queries {
            let answer = self.host.ask(&query, LISTING).await?;
            let images = images(&answer).map_err(|why| unlisted(&node, &query, &why))?;
            listed.push((node, images));
        }
        Ok(listed)
    }

    /// `minikube image ls` merges all nodes and passes over those that fail: with several, each is asked by itself.
    async fn minikube_nodes(&self) -> Result<Vec<(String, Invocation)>, Fault> {
        let profile = format!("--profile={}", self.cluster);
        let list = Invocation::of("minikube", ["node", "list", profile.as_str()]);
        let answer = self.host.ask(&list, LISTING).await?;
        let lines = match answer.code {
            Some(0) if answer.stdout.ends_with('\n') => answer.stdout.lines(),
            _ => {
                return Err(unlisted(
                    self.cluster,
                    &list,
                    answer.stderr.lines().last().unwrap_or("no complete answer"),
                ));
            }
        };
        let names: Vec<String> = lines.filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect();
        if names.len() == 1 {
            let query = Invocation::of("minikube", ["image", "ls", "--format=json", profile.as_str()]);
            return Ok(vec![(names[0].clone(), query)]);
        }
        let query = |name: String| {
            let node = format!("--node={name}");
            let args = ["ssh", profile.as_str(), node.as_str(), "--", "sudo", "crictl", "images", "--output=json"];
            (name.clone(), Invocation::of("minikube", args))
        };
        Ok(names.into_iter().map(query).collect())
    }

    async fn container_nodes(&self) -> Result<Vec<(String, Invocation)>, Fault> {
        let engine = node_engine(self.host, self.provider)?;
        let all = nodes(self.host, self.provider, &engine, self.cluster).await?;
        let nodes: Vec<_> = all.into_iter().filter(|node| self.provider.is_node(&node.name, self.cluster)).collect();
        if nodes.is_empty() {
            return Err(Fault::environment(format!(
                "{engine} has no node of {} cluster {}",
                self.provider.program(),
                self.cluster
            )));
        }
        let query = |name: &str| {
            let args = ["exec", name, "crictl", "images", "--output=json"];
            (name.to_owned(), Invocation::of(&engine, args))
        };
        Ok(nodes.iter().map(|node| query(&node.name)).collect())
    }

    fn import(&self, archive: &Path) -> Invocation {
        let archive = archive.to_string_lossy();
        let (cluster, archive) = (self.cluster, archive.as_ref());
        match self.provider {
            Provider::Minikube => Invocation::of("minikube", ["--profile", cluster, "image", "load", archive]),
            Provider::Kind => Invocation::of("kind", ["load", "image-archive", archive, "--name", cluster]),
            // its default way reports success when a node failed
            Provider::K3d => Invocation::of("k3d", ["image", "import", archive, "--cluster", cluster, "--mode=direct"]),
        }
    }
}

fn has(images: &Images, wanted: &Wanted) -> bool {
    let bare = |id: &str| id.trim_start_matches("sha256:").to_owned();
    let id = bare(&wanted.id);
    !id.is_empty() && images.get(&full_name(&wanted.name)).is_some_and(|found| bare(found) == id)
}

fn short(id: &str) -> &str {
    let id = id.trim_start_matches("sha256:");
    &id[..id.len().min(12)]
}

/// The images in a complete listing: minikube's list, or crictl's `images`.
fn images(answer: &Answer) -> Result<Images, String> {
    if answer.code != Some(0) {
        let line = answer.stderr.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("no message");
        return Err(line.to_owned());
    }
    let found: Value =
        serde_json::from_str(answer.stdout.trim()).map_err(|error| format!("incomplete JSON: {error}"))?;
    let list = found.as_array().or_else(|| found["images"].as_array()).ok_or("its JSON holds no images")?;
    if list.is_empty() {
        // a running node has the images of Kubernetes itself; minikube prints an empty list where the runtime is down
        return Err("it lists no image at all, not even Kubernetes' own".to_owned());
    }
    let mut images = Images::new();
    for image in list {
        let id = image["id"].as_str().ok_or("its JSON has an image without an id")?;
        let names = image["repoTags"].as_array().map(Vec::as_slice).unwrap_or_default();
        images.extend(names.iter().filter_map(Value::as_str).map(|name| (full_name(name), id.to_owned())));
    }
    Ok(images)
}

fn unlisted(node: &str, query: &Invocation, why: &str) -> Fault {
    Fault::environment(format!("not measured: the images of node {node}: `{query}`: {why}")).transient()
}

/// `todo:dev` as runtimes call it: `docker.io/library/todo:dev`.
pub(super) fn full_name(name: &str) -> String {
    let (path, tag) = split_tag(name);
    let tag = tag.unwrap_or("latest");
    let host = path.split_once('/').map(|(host, _)| host);
    let has_host = host.is_some_and(|host| host.contains(['.', ':']) || host == "localhost");
    match (has_host, host) {
        (true, _) => format!("{path}:{tag}"),
        (false, Some(_)) => format!("docker.io/{path}:{tag}"),
        (false, None) => format!("docker.io/library/{path}:{tag}"),
    }
}

#[cfg(test)]
mod property;
#[cfg(test)]
mod tests;
