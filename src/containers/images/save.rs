//! Images into files: a docker-archive or an OCI layout's archive.

use std::path::Path;

use schemars::JsonSchema;
use serde::Deserialize;

use super::Images;
use super::engine::{Engine, EngineName};
use crate::core::model::outcome::Fault;
use crate::process::command_context::{CommandContext, CommandError};

/// How an image is stored in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// What `docker save` writes and `docker load` reads.
    #[default]
    DockerArchive,
    /// A tar of an OCI layout.
    OciArchive,
}

impl Images {
    /// Writes an image to `file`.
    ///
    /// # Errors
    /// [`CommandError::Failed`] when there is no such image or the file cannot be written; [`Fault`] when the engine
    /// has no such format.
    pub async fn save(
        &self,
        engine: &Engine,
        image: &str,
        file: &Path,
        format: Format,
        call: &CommandContext<'_>,
    ) -> Result<(), CommandError> {
        let path = file.to_string_lossy().into_owned();
        let kind = if format == Format::OciArchive { "oci-archive" } else { "docker-archive" };
        let args: Vec<String> = match engine.name {
            EngineName::Docker if format == Format::OciArchive && !writes_oci(&engine.version) => {
                let fault = Fault::environment(format!(
                    "docker {} writes docker-archives only; OCI archives need 25 or newer",
                    engine.version
                ));
                return Err(fault.help("write `format: docker_archive`, or take `engine: [podman]`").into());
            }
            // from version 25 on its archives are both: a docker-archive and an OCI layout
            EngineName::Docker => vec!["image".into(), "save".into(), "--output".into(), path, image.into()],
            EngineName::Podman => {
                let format = ["image", "save", "--format", kind, "--output"].map(str::to_owned);
                format.into_iter().chain([path, image.to_owned()]).collect()
            }
            EngineName::Buildah => {
                let _ = std::fs::remove_file(file);
                vec!["push".into(), image.into(), format!("{kind}:{path}:{image}")]
            }
        };
        let command = call.command(engine.name.program(), args);
        self.act(engine, &command, &format!("save of {image}"), call).await
    }
}

fn writes_oci(version: &str) -> bool {
    version.split('.').next().and_then(|major| major.parse::<u32>().ok()).is_some_and(|major| major >= 25)
}
