//! Building, tagging and pulling: from what is wanted to each engine's arguments, and from its last words to a cause.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::Images;
use super::engine::{Engine, EngineName};
use super::facts::Facts;
use crate::core::model::outcome::{Failure, Fault, Finding};
use crate::core::model::units::ByteSize;
use crate::process::command_context::{CommandContext, CommandError, LastLines};
use crate::process::{Command, Exit, run, waits_for_terminal};

/// What to build; paths are absolute.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Build {
    /// The folder that is sent to the builder.
    pub context: PathBuf,
    /// The Dockerfile.
    pub dockerfile: PathBuf,
    /// The stage to stop at.
    pub target: Option<String>,
    /// The names of the result, at least one.
    pub tags: Vec<String>,
    /// Build arguments.
    pub args: BTreeMap<String, String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Images whose layers may be reused.
    pub cache_from: Vec<String>,
    /// `linux/arm64`.
    pub platform: Option<String>,
    /// The network of `RUN`: `host`, `none`.
    pub network: Option<String>,
    /// Looks for newer base images.
    pub pull: bool,
    /// Builds every layer again.
    pub no_cache: bool,
    /// Secret mounts: id to the environment variable that holds the value.
    pub secrets: BTreeMap<String, String>,
}

/// What was built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Built {
    /// What the image says of itself; its id is the digest.
    pub facts: Facts,
    /// Its size, where the engine says one.
    pub size: Option<ByteSize>,
}

impl Build {
    /// The engine's arguments. `id_file` is where it writes the image's id.
    fn arguments(&self, engine: &Engine, id_file: &str) -> Vec<String> {
        let mut args: Vec<String> = match (engine.name, engine.buildx) {
            (EngineName::Docker, true) => vec!["buildx".into(), "build".into(), "--load".into()],
            _ => vec!["build".into()],
        };
        let mut option = |name: &str, value: &str| args.extend([format!("--{name}"), value.to_owned()]);
        option("iidfile", id_file);
        option("file", &self.dockerfile.to_string_lossy());
        if engine.buildx {
            option("progress", "plain");
        }
        for tag in &self.tags {
            option("tag", tag);
        }
        if let Some(target) = &self.target {
            option("target", target);
        }
        for (name, value) in &self.args {
            option("build-arg", &format!("{name}={value}"));
        }
        for (name, value) in &self.labels {
            option("label", &format!("{name}={value}"));
        }
        for image in &self.cache_from {
            option("cache-from", image);
        }
        if let Some(platform) = &self.platform {
            option("platform", platform);
        }
        if let Some(network) = &self.network {
            option("network", network);
        }
        for (id, variable) in &self.secrets {
            // only names stand here: the builder reads the value from its environment
            option("secret", &format!("id={id},env={variable}"));
        }
        if engine.name != EngineName::Docker {
            // layers are what makes the second build fast; the OCI format would lose health checks
            args.extend(["--layers", "--format", "docker"].map(str::to_owned));
        }
        if self.pull {
            args.push("--pull".into());
        }
        if self.no_cache {
            args.push("--no-cache".into());
        }
        args.push(self.context.to_string_lossy().into_owned());
        args
    }
}

impl Images {
    /// Builds an image; the engine's output goes to the log.
    ///
    /// # Errors
    /// [`CommandError::Failed`] with the engine's last lines; [`Fault`] when it does not answer or lacks what is asked.
    pub async fn build(
        &self,
        engine: &Engine,
        build: &Build,
        call: &CommandContext<'_>,
    ) -> Result<Built, CommandError> {
        if !build.secrets.is_empty() && engine.name == EngineName::Docker && !engine.buildx {
            let fault = Fault::environment("docker without buildx cannot mount build secrets");
            return Err(fault.help("install the buildx plugin of Docker, or take `engine: [podman]`").into());
        }
        let id_file = call.scratch.join(format!("image-{}.id", file_name(&build.tags)));
        let mut command = call.command(engine.name.program(), build.arguments(engine, &id_file.to_string_lossy()));
        if engine.name == EngineName::Docker {
            // without buildx the daemon's own builder is asked, and the client says so in six lines unless it is silenced
            command.env.insert("DOCKER_BUILDKIT".into(), if engine.buildx { "1" } else { "0" }.into());
        }
        let shown = build.context.strip_prefix(self.project()).unwrap_or(&build.context).display().to_string();
        let shown = if shown.is_empty() { ".".to_owned() } else { shown };
        self.act(engine, &command, &format!("build of {shown}"), call).await?;
        let id = std::fs::read_to_string(&id_file).map(|id| id.trim().to_owned()).ok();
        let name = id.filter(|id| !id.is_empty()).or_else(|| build.tags.first().cloned()).unwrap_or_default();
        let (facts, size) = self
            .inspect(engine, &name, call)
            .await?
            .ok_or_else(|| Fault::unknown(format!("{} built {name}, but does not know it", engine.name)))?;
        Ok(Built { facts, size })
    }

    /// Gives an image another name.
    ///
    /// # Errors
    /// [`CommandError::Failed`] when there is no such image.
    pub async fn tag(
        &self,
        engine: &Engine,
        image: &str,
        name: &str,
        call: &CommandContext<'_>,
    ) -> Result<(), CommandError> {
        let command = call.command(engine.name.program(), ["tag", image, name]);
        self.act(engine, &command, &format!("tag of {image}"), call).await
    }

    /// Fetches an image from where it is published.
    ///
    /// # Errors
    /// [`CommandError::Failed`] when it cannot be had.
    pub async fn pull(
        &self,
        engine: &Engine,
        image: &str,
        platform: Option<&str>,
        call: &CommandContext<'_>,
    ) -> Result<(), CommandError> {
        let mut args = vec!["pull"];
        args.extend(platform.iter().flat_map(|platform| ["--platform", platform]));
        args.push(image);
        self.act(engine, &call.command(engine.name.program(), args), &format!("pull of {image}"), call).await
    }

    /// Runs a command of the engine into the log.
    pub(super) async fn act(
        &self,
        engine: &Engine,
        command: &Command,
        doing: &str,
        call: &CommandContext<'_>,
    ) -> Result<(), CommandError> {
        self.act_and_read(engine, command, doing, call).await.map(|_| ())
    }

    /// The same; what comes back are the last lines that it printed.
    pub(super) async fn act_and_read(
        &self,
        engine: &Engine,
        command: &Command,
        doing: &str,
        call: &CommandContext<'_>,
    ) -> Result<Vec<String>, CommandError> {
        let tail = LastLines::new(call.log);
        let doing = format!("{} {doing}", engine.name);
        match run(command, &tail, &call.stop).await? {
            Exit::Code(0) => Ok(tail.lines()),
            Exit::Code(code) => {
                let lines = tail.lines();
                match lost(engine.name, &doing, &lines) {
                    Some(fault) => Err(fault.into()),
                    None => Err(CommandError::Failed(failure(&doing, Some(code), lines))),
                }
            }
            Exit::Signal(signal) => Err(CommandError::Failed(failure(
                &format!("{doing} was ended by signal {signal} and"),
                None,
                tail.lines(),
            ))),
            Exit::Terminal => {
                let (message, help) = waits_for_terminal(&doing);
                Err(CommandError::Failed(Failure::new(message).help(help)))
            }
            Exit::Stopped => Err(Fault::unknown("stopped").into()),
        }
    }
}

/// The engine's own end, in the words of its client: the result of the act is not known then.
fn lost(engine: EngineName, doing: &str, lines: &[String]) -> Option<Fault> {
    let phrases = [
        "cannot connect to the docker daemon",
        "error during connect",
        "error reading from server: eof",
        "rpc error: code = unavailable",
        "is the docker daemon running",
    ];
    let says = |line: &&String| phrases.iter().any(|phrase| line.to_lowercase().contains(phrase));
    let line = lines.iter().rev().find(says)?;
    let message = format!("{engine} went away during {doing}: {}", clean(line));
    let help = format!("start {engine} again, and see in its log why it ended");
    Some(Fault::environment(message).help(help).transient())
}

/// From an engine's last lines to a failure.
pub(super) fn failure(doing: &str, code: Option<i32>, lines: Vec<String>) -> Failure {
    let telling = lines.iter().rev().find(|line| {
        let lower = line.to_lowercase();
        lower.starts_with("error") || lower.contains("returned a non-zero code") || lower.contains("failed to")
    });
    let cause = telling.or(lines.last()).map(|line| clean(line).to_owned()).unwrap_or_default();
    let mut failure =
        Failure::new(format!("{doing} failed: {}", if cause.is_empty() { "it said nothing" } else { &cause }));
    failure.exit_code = code;
    failure.help = help(&lines.join("\n"));
    let mut finding = Finding::new(doing.split(' ').next().unwrap_or_default(), "last words", cause);
    finding.lines = lines;
    failure.because(vec![finding])
}

fn clean(line: &str) -> &str {
    let line = line.strip_prefix("ERROR: ").or_else(|| line.strip_prefix("Error: ")).unwrap_or(line);
    line.strip_prefix("failed to solve: ").unwrap_or(line)
}

fn help(words: &str) -> Option<String> {
    let lower = words.to_lowercase();
    let help = if lower.contains("no space left on device") {
        "free space: `docker system prune`"
    } else if lower.contains("pull access denied")
        || lower.contains("manifest unknown")
        || lower.contains("manifest for")
    {
        "is the base image's name right, and can this machine reach where it is published?"
    } else if lower.contains("no match for platform") || lower.contains("exec format error") {
        "set `platform:` to one that the base image has"
    } else if lower.contains("the --mount option requires buildkit") || lower.contains("unknown flag: mount") {
        "the Dockerfile needs BuildKit: install the buildx plugin of Docker"
    } else {
        return None;
    };
    Some(help.to_owned())
}

/// A tag as a part of a file's name.
fn file_name(tags: &[String]) -> String {
    tags.first()
        .map_or("none", String::as_str)
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn engine(name: EngineName, buildx: bool) -> Engine {
        Engine { name, version: String::new(), buildx }
    }

    #[test]
    fn names_every_option_in_the_engines_words() {
        let build = Build {
            context: "/p/app".into(),
            dockerfile: "/p/app/Dockerfile".into(),
            target: Some("runtime".into()),
            tags: vec!["todo:dev".into()],
            args: BTreeMap::from([("V".into(), "1".into())]),
            network: Some("host".into()),
            secrets: BTreeMap::from([("npm".into(), "NPM_TOKEN".into())]),
            pull: true,
            ..Build::default()
        };
        assert_eq!(
            build.arguments(&engine(EngineName::Docker, true), "/s/id").join(" "),
            "buildx build --load --iidfile /s/id --file /p/app/Dockerfile --progress plain --tag todo:dev --target runtime \
             --build-arg V=1 --network host --secret id=npm,env=NPM_TOKEN --pull /p/app"
        );
        let plain = Build { secrets: BTreeMap::new(), pull: false, network: None, ..build };
        assert_eq!(
            plain.arguments(&engine(EngineName::Buildah, false), "/s/id").join(" "),
            "build --iidfile /s/id --file /p/app/Dockerfile --tag todo:dev --target runtime --build-arg V=1 --layers --format docker /p/app"
        );
    }

    #[test]
    fn the_telling_line_becomes_the_summary() {
        let lines = ["Step 2/2 : RUN false", "The command '/bin/sh -c false' returned a non-zero code: 1"];
        let failure = failure("docker build of app", Some(1), lines.map(str::to_owned).to_vec());
        assert_eq!(
            failure.summary,
            "docker build of app failed: The command '/bin/sh -c false' returned a non-zero code: 1"
        );
        assert_eq!(failure.findings[0].lines, lines);
    }
}
