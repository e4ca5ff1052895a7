//! What an image says of itself: from an engine's inspection or from the configuration in an archive. Reads JSON only.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::core::model::units::ByteSize;

/// What an image says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// Its id: the digest of its configuration; empty where an archive does not say.
    pub id: String,
    /// The user its processes run as, as written; empty is root.
    pub user: String,
    /// Its environment.
    pub env: BTreeMap<String, String>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// The ports it exposes: `8000/tcp`.
    pub ports: BTreeSet<String>,
    /// `amd64`, `arm64` (with its variant: `arm64/v8`).
    pub architecture: String,
    /// `linux`.
    pub os: String,
    /// Its entrypoint.
    pub entrypoint: Vec<String>,
    /// Its command.
    pub cmd: Vec<String>,
    /// The working folder.
    pub workdir: String,
    /// Number of its layers.
    pub layers: usize,
    /// The health check's command, where it has one.
    pub healthcheck: Option<Vec<String>>,
    /// The commands that made it, the oldest first.
    pub history: Vec<String>,
}

/// The `config` object, common to Docker's configuration, OCI's and every engine's inspection.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Config {
    user: Option<String>,
    env: Option<Vec<String>>,
    labels: Option<BTreeMap<String, String>>,
    exposed_ports: Option<BTreeMap<String, serde_json::Value>>,
    entrypoint: Option<Vec<String>>,
    cmd: Option<Vec<String>>,
    working_dir: Option<String>,
    healthcheck: Option<Healthcheck>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Healthcheck {
    test: Option<Vec<String>>,
}

/// An image's configuration as archives and registries keep it.
#[derive(Debug, Deserialize)]
struct Written {
    architecture: Option<String>,
    variant: Option<String>,
    os: Option<String>,
    #[serde(default)]
    config: Option<Config>,
    #[serde(default)]
    rootfs: Option<RootFs>,
    #[serde(default)]
    history: Option<Vec<Step>>,
}

#[derive(Debug, Default, Deserialize)]
struct RootFs {
    #[serde(default)]
    diff_ids: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
struct Step {
    #[serde(default)]
    created_by: Option<String>,
    #[serde(default)]
    comment: Option<String>,
}

/// One element of `docker image inspect` and `podman image inspect`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Inspected {
    id: Option<String>,
    size: Option<u64>,
    architecture: Option<String>,
    variant: Option<String>,
    os: Option<String>,
    config: Option<Config>,
    healthcheck: Option<Healthcheck>,
    #[serde(rename = "RootFS")]
    root_fs: Option<InspectedLayers>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct InspectedLayers {
    layers: Option<Vec<String>>,
}

/// `buildah inspect --type image`: Docker's configuration under a key of its own.
#[derive(Debug, Deserialize)]
struct Buildah {
    #[serde(rename = "FromImageID")]
    id: Option<String>,
    #[serde(rename = "Docker")]
    docker: Written,
}

impl Facts {
    /// From the configuration file of an archive.
    ///
    /// # Errors
    /// When the text is no such configuration.
    pub fn from_config(bytes: &[u8]) -> serde_json::Result<Self> {
        Ok(Facts::from_written(serde_json::from_slice(bytes)?))
    }

    /// From `docker image inspect` or `podman image inspect`, with the size the engine says.
    ///
    /// # Errors
    /// When the text is no such inspection.
    pub fn from_inspection(bytes: &[u8]) -> serde_json::Result<Option<(Self, ByteSize)>> {
        let Some(image) = serde_json::from_slice::<Vec<Inspected>>(bytes)?.into_iter().next() else {
            return Ok(None);
        };
        let mut facts = Facts { id: image.id.unwrap_or_default(), ..Facts::default() };
        facts.take_config(image.config.unwrap_or_default());
        facts.healthcheck = facts.healthcheck.or_else(|| command(image.healthcheck));
        facts.take_platform(image.architecture, image.variant, image.os);
        facts.layers = image.root_fs.and_then(|root| root.layers).map_or(0, |layers| layers.len());
        if !facts.id.is_empty() && !facts.id.contains(':') {
            facts.id.insert_str(0, "sha256:");
        }
        Ok(Some((facts, ByteSize(image.size.unwrap_or(0)))))
    }

    /// From `buildah inspect --type image`, which says no size.
    ///
    /// # Errors
    /// When the text is no such inspection.
    pub fn from_buildah(bytes: &[u8]) -> serde_json::Result<Self> {
        let image: Buildah = serde_json::from_slice(bytes)?;
        let mut facts = Facts::from_written(image.docker);
        facts.id = image.id.map(|id| format!("sha256:{id}")).unwrap_or_default();
        Ok(facts)
    }

    fn from_written(written: Written) -> Self {
        let mut facts = Facts::default();
        facts.take_config(written.config.unwrap_or_default());
        facts.take_platform(written.architecture, written.variant, written.os);
        facts.layers = written.rootfs.and_then(|root| root.diff_ids).map_or(0, |ids| ids.len());
        facts.history = written
            .history
            .unwrap_or_default()
            .into_iter()
            .map(|step| [step.created_by, step.comment].into_iter().flatten().collect::<Vec<_>>().join(" "))
            .collect();
        facts
    }

    fn take_config(&mut self, config: Config) {
        self.user = config.user.unwrap_or_default();
        self.env = config
            .env
            .unwrap_or_default()
            .into_iter()
            .map(|pair| pair.split_once('=').map_or((pair.clone(), String::new()), |(k, v)| (k.into(), v.into())))
            .collect();
        self.labels = config.labels.unwrap_or_default();
        self.ports = config.exposed_ports.unwrap_or_default().into_keys().map(|port| with_protocol(&port)).collect();
        self.entrypoint = config.entrypoint.unwrap_or_default();
        self.cmd = config.cmd.unwrap_or_default();
        self.workdir = config.working_dir.unwrap_or_default();
        self.healthcheck = command(config.healthcheck);
    }

    fn take_platform(&mut self, architecture: Option<String>, variant: Option<String>, os: Option<String>) {
        self.architecture = architecture.unwrap_or_default();
        if let Some(variant) = variant.filter(|variant| !variant.is_empty()) {
            self.architecture = format!("{}/{variant}", self.architecture);
        }
        self.os = os.unwrap_or_default();
    }
}

fn command(check: Option<Healthcheck>) -> Option<Vec<String>> {
    check.and_then(|check| check.test).filter(|test| test.first().is_some_and(|first| first != "NONE"))
}

/// `8000` as `8000/tcp`.
pub fn with_protocol(port: &str) -> String {
    if port.contains('/') { port.to_owned() } else { format!("{port}/tcp") }
}

/// Who an image's processes are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum User {
    /// User id 0, however it was written.
    Root,
    /// Another user id.
    Id(u64),
    /// A name that has to be looked up in the image's `/etc/passwd`.
    Named(String),
}

impl User {
    /// From `USER`: `""`, `root`, `0:0`, `1000`, `app:app`.
    pub fn of(written: &str) -> Self {
        let name = written.split(':').next().unwrap_or_default().trim();
        match name.parse::<u64>() {
            Ok(0) => User::Root,
            Ok(id) => User::Id(id),
            Err(_) if name.is_empty() || name == "root" => User::Root,
            Err(_) => User::Named(name.to_owned()),
        }
    }

    /// A named user's id in `passwd`; itself where it has no name or is not there.
    #[must_use]
    pub fn resolved(self, passwd: Option<&[u8]>) -> Self {
        let User::Named(name) = &self else { return self };
        let text = String::from_utf8_lossy(passwd.unwrap_or_default());
        let id = text.lines().find_map(|line| {
            let mut fields = line.split(':');
            (fields.next() == Some(name)).then(|| fields.nth(1).and_then(|id| id.parse::<u64>().ok())).flatten()
        });
        match id {
            Some(0) => User::Root,
            Some(id) => User::Id(id),
            None => self,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_configuration_and_an_inspection_alike() {
        let config = r#"{"User":"app:app","Env":["A=1=2","B="],"Labels":{"l":"v"},"ExposedPorts":{"80/tcp":{}},
            "Cmd":["x"],"WorkingDir":"/app","Healthcheck":{"Test":["CMD","true"]}}"#;
        let written = format!(
            r#"{{"architecture":"arm64","variant":"v8","os":"linux","config":{config},"rootfs":{{"diff_ids":["a","b"]}},
            "history":[{{"created_by":"RUN x"}},{{}}]}}"#
        );
        let facts = Facts::from_config(written.as_bytes()).expect("well formed");
        let inspection = format!(
            r#"[{{"Id":"sha256:1","Size":7,"Architecture":"arm64","Variant":"v8","Os":"linux","Config":{config},"RootFS":{{"Layers":["a","b"]}}}}]"#
        );
        let (inspected, size) = Facts::from_inspection(inspection.as_bytes()).expect("well formed").expect("one image");
        assert_eq!(size, ByteSize(7));
        assert_eq!(facts.history, ["RUN x", ""]);
        assert_eq!(inspected, Facts { id: "sha256:1".into(), history: Vec::new(), ..facts.clone() });
        assert_eq!(facts.env, BTreeMap::from([("A".into(), "1=2".into()), ("B".into(), String::new())]));
        assert_eq!((facts.layers, facts.architecture.as_str()), (2, "arm64/v8"));
    }

    #[test]
    fn an_absent_or_null_configuration_is_an_empty_one() {
        let facts = Facts::from_config(br#"{"os":"linux","config":null}"#).expect("well formed");
        assert_eq!(facts, Facts { os: "linux".into(), ..Facts::default() });
    }

    #[test]
    fn root_has_many_spellings() {
        for written in ["", "0", "root", "0:0", "root:root", "00", " 0 "] {
            assert_eq!(User::of(written), User::Root, "{written:?}");
        }
        let passwd: &[u8] = b"root:x:0:0::/:/bin/sh\ntoor:x:0:0::/:/bin/sh\napp:x:1001:0::/:/bin/sh\n";
        assert_eq!(User::of("toor").resolved(Some(passwd)), User::Root);
        assert_eq!(User::of("app:0").resolved(Some(passwd)), User::Id(1001));
        assert_eq!(User::of("nobody").resolved(Some(passwd)), User::Named("nobody".into()));
        assert_eq!(User::of("1000:0").resolved(None), User::Id(1000));
    }
}
