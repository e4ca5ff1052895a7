//! Which image engine answers, and how each is asked: Docker (with or without buildx), Podman, Buildah.

use std::fmt;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::core::model::outcome::Fault;
use crate::process::command_context::{CommandContext, last_line};

/// An image engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EngineName {
    /// Docker, through its command line.
    Docker,
    /// Podman.
    Podman,
    /// Buildah.
    Buildah,
}

impl EngineName {
    /// The order in which they are asked where the file says none.
    pub const DEFAULT_ORDER: &'static [EngineName] = &[EngineName::Docker, EngineName::Podman, EngineName::Buildah];

    /// Its program.
    pub fn program(self) -> &'static str {
        match self {
            EngineName::Docker => "docker",
            EngineName::Podman => "podman",
            EngineName::Buildah => "buildah",
        }
    }

    /// A question that only a working engine answers.
    fn question(self) -> &'static [&'static str] {
        match self {
            EngineName::Docker => &["version", "--format", "{{.Server.Version}}"],
            EngineName::Podman => &["info", "--format", "{{.Version.Version}}"],
            EngineName::Buildah => &["info", "--format", "{{.host.os}}"],
        }
    }
}

impl fmt::Display for EngineName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.program())
    }
}

/// An engine that answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Engine {
    /// Which.
    pub name: EngineName,
    /// What it said to the question: a version, where it has one to say.
    pub version: String,
    /// Whether Docker's command line has buildx.
    pub buildx: bool,
}

impl CommandContext<'_> {
    /// Asks an engine whether it works; the error is what it said.
    pub(super) async fn probe(&self, name: EngineName) -> Result<Engine, String> {
        let answer = self.ask(name.program(), name.question().iter().copied()).await.map_err(|fault| fault.message)?;
        if answer.code != Some(0) {
            return Err(last_line(&answer.stderr).unwrap_or_else(|| format!("exit code {:?}", answer.code)));
        }
        let buildx = name == EngineName::Docker
            && self.ask("docker", ["buildx", "version"]).await.is_ok_and(|answer| answer.code == Some(0));
        let version = String::from_utf8_lossy(&answer.stdout).trim().to_owned();
        Ok(Engine { name, version, buildx })
    }
}

/// The fault for when none answered.
pub(super) fn none_answers(tried: &[(EngineName, String)]) -> Fault {
    let said: Vec<String> = tried.iter().map(|(name, words)| format!("{name}: {words}")).collect();
    let help = match tried.first() {
        Some((EngineName::Docker, words)) if words.contains("ermission denied") => {
            "let this user speak to Docker: `sudo usermod -aG docker $USER`, then log in again"
        }
        Some((EngineName::Podman, _)) => "install Podman, or start its machine: `podman machine start`",
        Some((EngineName::Buildah, _)) => "install Buildah, or take another `engine:`",
        _ => "start Docker (Docker Desktop, or `sudo systemctl start docker`), or install Podman or Buildah",
    };
    Fault::environment(format!("no image engine answers: {}", said.join("; "))).help(help)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_each_engine_said() {
        let tried = [
            (EngineName::Docker, "Cannot connect to the Docker daemon at unix:///var/run/docker.sock.".to_owned()),
            (EngineName::Podman, "podman is not in PATH".to_owned()),
        ];
        assert_eq!(
            none_answers(&tried).message,
            "no image engine answers: docker: Cannot connect to the Docker daemon at unix:///var/run/docker.sock.; \
             podman: podman is not in PATH"
        );
    }
}
