//! Releases as helm records them: one Secret a revision, base64 over gzip over JSON. Reads; changes nothing.

use std::io::Read;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use kube::api::{Api, ApiResource, DynamicObject, ListParams};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::Helm;
use super::author::{Author, PIPELINE_LABEL, RUN_LABEL};
use super::values::merge;
use crate::core::model::outcome::Fault;
use crate::core::model::units::ByteSize;
use crate::core::yaml::manifests;
use crate::kubernetes::client::ClusterError;
use crate::kubernetes::explain::Target;

/// Bytes of an uncompressed release before it is refused: 64 MiB. A Secret holds 1 MiB at most, compressed.
const RELEASE_LIMIT: u64 = 64 << 20;

/// A revision of a release.
#[derive(Debug, Clone, PartialEq)]
pub struct Release {
    /// Its name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// Its revision, from 1.
    pub revision: u32,
    /// `deployed`, `superseded`, `failed`, `pending-upgrade`, `uninstalled` …
    pub status: String,
    /// What helm says of how it ended.
    pub description: String,
    /// The chart's name.
    pub chart: String,
    /// The chart's version.
    pub chart_version: String,
    /// The version of what the chart installs.
    pub app_version: String,
    /// The chart's own values with those given on top.
    pub values: Map<String, Value>,
    /// The manifests it consists of, as YAML.
    pub manifest: String,
    /// The objects that helm makes at certain moments, apart from the manifests.
    pub hooks: Vec<Hook>,
    /// The files of the chart's `crds/`, as YAML.
    pub definitions: Vec<String>,
}

/// A hook of a release.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Hook {
    /// The object's name.
    #[serde(default)]
    pub name: String,
    /// Its kind.
    #[serde(default)]
    pub kind: String,
    /// The object, as YAML.
    #[serde(default)]
    pub manifest: String,
}

/// A revision as its Secret's labels tell it, without opening it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Revision {
    /// From 1.
    pub number: u32,
    /// As [`Release::status`].
    pub status: String,
    /// Since when it is so, if that is known: by the clock of the machine that ran helm.
    pub since: Option<Timestamp>,
    /// The run that wrote it, where one did.
    pub author: Option<Author>,
}

#[derive(Debug, Deserialize)]
struct Recorded {
    name: String,
    #[serde(default)]
    namespace: String,
    version: u32,
    info: Info,
    chart: Option<RecordedChart>,
    #[serde(default)]
    config: Option<Map<String, Value>>,
    #[serde(default)]
    manifest: String,
    #[serde(default)]
    hooks: Option<Vec<Hook>>,
}

#[derive(Debug, Deserialize)]
struct Info {
    status: String,
    #[serde(default)]
    description: String,
}

#[derive(Debug, Deserialize)]
struct RecordedChart {
    metadata: Option<Metadata>,
    #[serde(default)]
    values: Option<Map<String, Value>>,
    #[serde(default)]
    files: Option<Vec<ChartFile>>,
}

/// A file of a chart that is no template; its content in base64.
#[derive(Debug, Deserialize)]
struct ChartFile {
    #[serde(default)]
    name: String,
    #[serde(default)]
    data: Option<String>,
}

impl ChartFile {
    /// The text of a file in `crds/`.
    fn definition(&self) -> Option<String> {
        let content = self.name.starts_with("crds/").then(|| STANDARD.decode(self.data.as_deref()?).ok()).flatten()?;
        String::from_utf8(content).ok()
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    #[serde(default)]
    name: String,
    #[serde(default)]
    version: String,
    #[serde(default)]
    app_version: String,
}

impl Release {
    /// From the `release` entry of the Secret, as the Secret holds it (base64 of helm's own text undone once).
    ///
    /// # Errors
    /// A lower-case sentence where it is not what helm writes.
    pub fn decode(entry: &[u8]) -> Result<Self, String> {
        let packed = STANDARD.decode(entry.trim_ascii()).map_err(|_| "it is not base64".to_owned())?;
        let json = if packed.starts_with(&[0x1f, 0x8b]) { unpacked(&packed, RELEASE_LIMIT)? } else { packed };
        let recorded: Recorded = serde_json::from_slice(&json).map_err(|error| format!("it is no release: {error}"))?;
        let chart = recorded.chart.unwrap_or(RecordedChart { metadata: None, values: None, files: None });
        let definitions = chart.files.iter().flatten().filter_map(ChartFile::definition).collect();
        let metadata = chart.metadata.unwrap_or_default();
        let mut values = chart.values.unwrap_or_default();
        merge(&mut values, recorded.config.unwrap_or_default());
        Ok(Release {
            name: recorded.name,
            namespace: recorded.namespace,
            revision: recorded.version,
            status: recorded.info.status,
            description: recorded.info.description,
            chart: metadata.name,
            chart_version: metadata.version,
            app_version: metadata.app_version,
            values,
            manifest: recorded.manifest,
            hooks: recorded.hooks.unwrap_or_default(),
            definitions,
        })
    }

    /// From the whole Secret.
    ///
    /// # Errors
    /// As [`Release::decode`].
    pub fn of_secret(secret: &DynamicObject) -> Result<Self, String> {
        let entry = secret.data.pointer("/data/release").and_then(Value::as_str).ok_or("it has no entry `release`")?;
        let entry = STANDARD.decode(entry).map_err(|_| "its entry `release` is not base64".to_owned())?;
        Release::decode(&entry)
    }

    /// All its objects as YAML, those of its hooks included.
    pub fn objects(&self) -> String {
        let hooks = self.hooks.iter().map(|hook| hook.manifest.as_str());
        [self.manifest.as_str()].into_iter().chain(hooks).collect::<Vec<_>>().join("\n---\n")
    }

    /// The first workloads of these kinds among its objects.
    pub fn workloads(&self, is_meant: impl Fn(&str) -> bool, most: usize) -> Vec<Target> {
        let objects = manifests::parse(&self.manifest, std::path::Path::new("release")).unwrap_or_default();
        let meant = objects.iter().filter(|object| is_meant(object.kind())).take(most);
        let target = |object: &manifests::Manifest| Target::Workload {
            kind: object.kind().to_owned(),
            name: object.name().to_owned(),
        };
        meant.map(target).collect()
    }

    /// The digest of its manifests.
    pub fn manifest_digest(&self) -> String {
        format!("blake3:{}", blake3::hash(self.manifest.as_bytes()).to_hex())
    }
}

impl Revision {
    /// From a Secret's labels; `None` where it is no revision of release `name`.
    pub fn of_labels(secret: &kube::core::ObjectMeta, name: &str) -> Option<Self> {
        let labels = secret.labels.as_ref()?;
        let is = |key: &str, value: &str| labels.get(key).is_some_and(|own| own == value);
        if !is("owner", "helm") || !is("name", name) {
            return None;
        }
        let second = |key: &str| labels.get(key).and_then(|text| Timestamp::from_second(text.parse().ok()?).ok());
        let made = || secret.creation_timestamp.as_ref().map(|time| time.0);
        let author = |pipeline: &String, run: &String| Author { pipeline: pipeline.clone(), run: run.clone() };
        Some(Revision {
            number: labels.get("version")?.parse().ok()?,
            status: labels.get("status")?.clone(),
            since: second("modifiedAt").or_else(|| second("createdAt")).or_else(made),
            author: labels.get(PIPELINE_LABEL).zip(labels.get(RUN_LABEL)).map(|(name, run)| author(name, run)),
        })
    }

    /// Whether an act of helm on it is not over.
    pub fn is_pending(&self) -> bool {
        self.status.starts_with("pending-") || self.status == "uninstalling"
    }
}

fn unpacked(packed: &[u8], limit: u64) -> Result<Vec<u8>, String> {
    let mut json = Vec::new();
    let mut stream = flate2::read::GzDecoder::new(packed).take(limit + 1);
    stream.read_to_end(&mut json).map_err(|error| format!("it is not gzip: {error}"))?;
    if json.len() as u64 > limit {
        return Err(format!("it unpacks to more than {}", ByteSize(limit)));
    }
    Ok(json)
}

/// What keeps a text from being a release's name. Helm's own rule: a DNS name of at most 53 characters.
pub fn name_problem(name: &str) -> Option<String> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    let ends = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    let is_name =
        name.len() <= 53 && name.chars().all(fits) && ends(name.chars().next()) && ends(name.chars().next_back());
    (!is_name).then(|| format!("`{}` is no name of a release", name.escape_debug()))
}

/// The Secrets' place in the API.
pub fn secrets() -> ApiResource {
    ApiResource::erase::<k8s_openapi::api::core::v1::Secret>(&())
}

impl Helm {
    /// The revisions that are recorded of a release, the oldest first; none where there is no such release.
    ///
    /// # Errors
    /// [`Fault`] when the cluster does not answer or refuses.
    pub async fn revisions(&self, release: &str, namespace: &str) -> Result<Vec<Revision>, Fault> {
        if let Some(problem) = name_problem(release) {
            return Err(Fault::invalid(problem));
        }
        let api = self.secrets(namespace).await?;
        let wanted = ListParams::default().labels(&format!("owner=helm,name={release}"));
        let list = self.cluster().list_metadata(&reading(release), &api, wanted).await.map_err(unreadable)?;
        let mut revisions: Vec<Revision> =
            list.iter().filter_map(|secret| Revision::of_labels(&secret.metadata, release)).collect();
        revisions.sort();
        Ok(revisions)
    }

    /// The latest revision of a release, opened; `None` where there is no such release.
    ///
    /// # Errors
    /// [`Fault`] when the cluster does not answer or refuses, or the record is not what helm writes.
    pub async fn release(&self, release: &str, namespace: &str) -> Result<Option<Release>, Fault> {
        let Some(latest) = self.revisions(release, namespace).await?.pop() else { return Ok(None) };
        let name = format!("sh.helm.release.v1.{release}.v{}", latest.number);
        let api = self.secrets(namespace).await?;
        let Some(secret) = self.cluster().ask(&reading(release), api.get_opt(&name)).await.map_err(unreadable)? else {
            return Ok(None);
        };
        let opened = Release::of_secret(&secret);
        opened.map(Some).map_err(|why| Fault::unknown(format!("secret/{name} cannot be read as a release: {why}")))
    }

    async fn secrets(&self, namespace: &str) -> Result<Api<DynamicObject>, Fault> {
        Ok(Api::namespaced_with(self.cluster().client().await?, namespace, &secrets()))
    }
}

fn reading(release: &str) -> String {
    format!("read release {release}")
}

fn unreadable(trouble: ClusterError) -> Fault {
    let forbidden = matches!(&trouble, ClusterError::Refused(refusal) if refusal.code == 403);
    let fault = trouble.fault();
    if forbidden { fault.help("let this user read Secrets in the namespace") } else { fault }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use serde_json::json;
    use std::io::Write;

    /// As helm writes it into the Secret.
    pub fn packed(release: &Value) -> String {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(release.to_string().as_bytes()).expect("in memory");
        STANDARD.encode(gzip.finish().expect("in memory"))
    }

    fn release() -> Value {
        json!({
            "name": "todo", "namespace": "demo", "version": 3, "manifest": "kind: Service\n",
            "info": {"status": "deployed", "description": "Upgrade complete", "first_deployed": "2026-01-01T00:00:00Z"},
            "chart": {
                "metadata": {"name": "todo", "version": "0.1.0", "appVersion": "dev", "apiVersion": "v2"},
                "values": {"replicas": 2, "image": {"name": "todo", "tag": "dev"}}, "templates": [{"data": "eA=="}],
                "files": [{"name": "README.md", "data": "eA=="}, {"name": "crds/a.yaml", "data": "a2luZDogQQo="}]
            },
            "config": {"image": {"tag": "v2"}},
            "hooks": [{"name": "migrate", "kind": "Job", "manifest": "kind: Job\n", "events": ["pre-install"]}]
        })
    }

    #[test]
    fn refuses_a_release_that_unpacks_without_end() {
        let packed = STANDARD.decode(packed(&json!("0".repeat(5_000)))).expect("base64");
        assert!(packed.len() < 100);
        assert_eq!(unpacked(&packed, 5_000), Err("it unpacks to more than 5 kB".to_owned()));
        assert_eq!(unpacked(&packed, 5_002).map(|json| json.len()), Ok(5_002));
    }

    #[test]
    fn opens_what_helm_wrote() {
        let opened = Release::decode(packed(&release()).as_bytes()).expect("as helm writes it");
        assert_eq!((opened.revision, opened.status.as_str(), opened.app_version.as_str()), (3, "deployed", "dev"));
        assert_eq!(opened.objects(), "kind: Service\n\n---\nkind: Job\n");
        assert_eq!(opened.definitions, ["kind: A\n"]);
        assert_eq!(Value::Object(opened.values), json!({"replicas": 2, "image": {"name": "todo", "tag": "v2"}}));
        let secret = DynamicObject::new("sh.helm.release.v1.todo.v3", &secrets())
            .data(json!({"data": {"release": STANDARD.encode(packed(&release()))}}));
        assert_eq!(Release::of_secret(&secret).expect("as helm writes it").chart_version, "0.1.0");
    }

    #[test]
    fn what_helm_did_not_write_is_reported_without_a_panic() {
        for (entry, why) in [
            (&b"%%%"[..], "it is not base64"),
            (b"", "it is no release: EOF while parsing a value at line 1 column 0"),
            (b"H4sIAA==", "it is not gzip: unexpected end of file"),
        ] {
            assert_eq!(Release::decode(entry), Err(why.to_owned()));
        }
    }

    #[test]
    fn labels_tell_a_revision() {
        let labels = |pairs: &[(&str, &str)]| kube::core::ObjectMeta {
            labels: Some(pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()),
            ..Default::default()
        };
        let pending = labels(&[("owner", "helm"), ("name", "todo"), ("version", "12"), ("status", "pending-upgrade")]);
        let revision = Revision::of_labels(&pending, "todo").expect("helm's labels");
        assert_eq!((revision.number, revision.is_pending()), (12, true));
        assert_eq!(Revision::of_labels(&pending, "other"), None);
        assert_eq!(Revision::of_labels(&labels(&[]), "todo"), None);
    }
}
