//! `config_map`: a ConfigMap from values and files.

use std::collections::BTreeMap;
use std::path::Path;

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Verb;
use super::apply::compared;
use super::secret::write;
use super::verb_context::VerbContext;
use crate::core::files::open;
use crate::core::kind::ExistingPath;
use crate::core::kind::several::Several;
use crate::core::model::outcome::{Fault, Outcome};
use crate::kubernetes::apply::DiffReport;
use crate::process::command_context::CommandError;

/// Bytes of one file: the API server takes 1 MiB for the whole object, and says so itself.
const FILE_LIMIT: u64 = 4 << 20;

/// Writes a ConfigMap.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfigMap {
    /// Its name.
    name: String,
    /// Its values by key.
    #[serde(default)]
    data: BTreeMap<String, String>,
    /// Files whose content becomes a value under their name.
    #[serde(default)]
    files: Several<ExistingPath>,
    /// Takes over fields that another manager holds. Without it a conflict is an error that names them.
    #[serde(default)]
    force: bool,
    /// Makes the namespace first, where it is not there.
    #[serde(default)]
    create_namespace: bool,
}

#[async_trait]
impl Verb for ConfigMap {
    fn title(&self) -> String {
        format!("configmap/{}", self.name)
    }

    fn reads(&self) -> Vec<String> {
        self.files.0.iter().map(|file| file.0.display().to_string()).collect()
    }

    async fn preview(&self, on: &VerbContext<'_>) -> Option<Result<DiffReport, CommandError>> {
        let object = match self.object(&on.cx.project) {
            Ok(object) => object,
            Err(fault) => return Some(Err(fault.into())),
        };
        Some(compared(on, vec![object], self.force).await)
    }

    async fn run(&self, on: &VerbContext<'_>) -> Result<Outcome, Fault> {
        write(on, self.object(&on.cx.project)?, self.create_namespace, self.force).await
    }
}

impl ConfigMap {
    pub(super) fn object(&self, project: &Path) -> Result<Value, Fault> {
        let (mut data, mut binary) = (Map::new(), Map::new());
        for file in &self.files.0 {
            let path = file.below(project);
            let content = open::read(&path, FILE_LIMIT)
                .map_err(|error| Fault::invalid(format!("{} cannot be read: {error}", file.0.display())))?;
            let key = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            match String::from_utf8(content) {
                Ok(text) => data.insert(key, text.into()),
                Err(error) => binary.insert(key, STANDARD.encode(error.as_bytes()).into()),
            };
        }
        data.extend(self.data.iter().map(|(key, value)| (key.clone(), value.clone().into())));
        let mut object =
            json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": self.name }, "data": data });
        if !binary.is_empty() {
            object["binaryData"] = binary.into();
        }
        Ok(object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn files_stand_under_their_names_and_bytes_apart_from_text() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("a.txt"), "one").expect("written");
        fs::write(folder.path().join("b.bin"), [0xff, 0]).expect("written");
        let map: ConfigMap =
            serde_yaml::from_str("{ name: c, data: { MODE: fast }, files: [a.txt, b.bin] }").expect("well formed");
        let object = map.object(folder.path()).expect("readable");
        assert_eq!(object["data"], json!({ "a.txt": "one", "MODE": "fast" }));
        assert_eq!(object["binaryData"], json!({ "b.bin": "/wA=" }));
    }
}
