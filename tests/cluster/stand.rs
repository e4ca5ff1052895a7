//! What the cluster tests stand on: a namespace of their own, a small image, a context for kinds.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kube::api::{Api, ApiResource, DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use pipeline::core::expr::Scope;
use pipeline::core::kind::services::Services;
use pipeline::core::kind::settings::Settings;
use pipeline::core::kind::{Assertion, Context, Evidence, Signals, Step};
use pipeline::core::model::diagnostic::Diagnostics;
use pipeline::core::model::source::SourceMap;
use pipeline::core::yaml::{Node, parse};
use pipeline::kubernetes::client::ClusterSettings;
use pipeline::process::LineSink;
use pipeline::services::Clients;
use pipeline::services::services_of;
use serde_json::{Value, json};

use super::busybox;

/// A namespace of one test, deleted in the end.
pub struct ClusterFixture {
    pub namespace: String,
    pub cx: Context,
    pub kept: Arc<Kept>,
}

/// Evidence, by name.
#[derive(Default)]
pub struct Kept(pub Mutex<BTreeMap<String, String>>);

impl Evidence for Kept {
    fn keep(&self, name: &str, text: &str) {
        self.0.lock().expect("no panic").insert(name.to_owned(), text.to_owned());
    }
}

struct Silent;

impl LineSink for Silent {
    fn line(&self, _: &[u8]) {}
}

impl ClusterFixture {
    /// A fresh namespace with these labels.
    #[allow(clippy::needless_pass_by_value, reason = "callers write json!")]
    pub async fn new(name: &str, labels: Value) -> Self {
        busybox::loaded();
        let namespace = format!("{name}-{}", std::process::id());
        let context = std::env::var("PIPELINE_TEST_CONTEXT").unwrap_or_else(|_| "local".to_owned());
        let settings = ClusterSettings {
            contexts: vec![context],
            namespace: Some(namespace.clone()),
            ..ClusterSettings::default()
        };
        let services = Arc::new(services_of(Settings { project: project(), cluster: settings, ..Settings::default() }));
        let kept = Arc::new(Kept::default());
        let cx = context_of(services, Arc::clone(&kept));
        let stand = ClusterFixture { namespace, cx, kept };
        let object = json!({
            "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": stand.namespace, "labels": labels}
        });
        stand.apply(object).await;
        stand
    }

    /// Creates an object in the namespace, or beside it where its kind lives in none.
    pub async fn apply(&self, object: Value) {
        let api = self.api(&object).await;
        let object: DynamicObject = serde_json::from_value(object).expect("an object");
        api.create(&PostParams::default(), &object).await.expect("created");
    }

    /// Patches an object.
    pub async fn patch(&self, object: &Value, patch: &Value) {
        let name = object["metadata"]["name"].as_str().expect("a name");
        let api = self.api(object).await;
        api.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await.expect("patched");
    }

    /// The client's view of the objects of the same kind.
    pub async fn api(&self, object: &Value) -> Api<DynamicObject> {
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let cluster = &self.cx.cluster();
        let (resource, namespaced): (ApiResource, bool) =
            cluster.discover(&text(&object["apiVersion"]), &text(&object["kind"])).await.expect("served");
        let client = cluster.client().await.expect("connected");
        if namespaced {
            Api::namespaced_with(client, &self.namespace, &resource)
        } else {
            Api::all_with(client, &resource)
        }
    }

    /// Removes the namespace; does not wait for it.
    pub async fn down(self) {
        let namespaces = json!({"apiVersion": "v1", "kind": "Namespace"});
        let api = self.api(&namespaces).await;
        api.delete(&self.namespace, &DeleteParams::background()).await.expect("deleted");
    }
}

/// An assertion as a user writes it, under its kind.
pub fn assertion(kind: &str, body: &str) -> Box<dyn Assertion> {
    let kind = pipeline::kinds::ASSERTIONS.iter().find(|row| row.name == kind).expect("registered");
    kind.decode(&node(body)).expect("decodes")
}

/// A step as a user writes it, under its kind.
pub fn step(kind: &str, body: &str) -> Box<dyn Step> {
    let kind = pipeline::kinds::STEPS.iter().find(|row| row.name == kind).expect("registered");
    kind.decode(&node(body)).expect("decodes")
}

fn node(body: &str) -> Node {
    let mut sources = SourceMap::default();
    let file = sources.add("stage.yaml", "stage.yaml", body);
    parse(&sources, file, &mut Diagnostics::default()).expect("well formed")
}

fn context_of(services: Arc<Services>, kept: Arc<Kept>) -> Context {
    let signals = Signals::new(Duration::from_secs(2));
    Context {
        name: "test.test".into(),
        project: project().into(),
        run: "test".into(),
        env: Arc::new(std::env::vars().collect()),
        own_env: Vec::new(),
        secrets: Arc::default(),
        scope: Arc::new(Scope::default()),
        log: Arc::new(Silent),
        evidence: kept,
        scratch: std::env::temp_dir().into(),
        output_file: std::env::temp_dir().join("unused"),
        steps: Arc::default(),
        ran: Arc::default(),
        executor: Arc::new(pipeline::process::executor::ThisMachine),
        patience: std::time::Duration::ZERO,
        namespace: services.cluster().namespace().into(),
        waits: pipeline::core::kind::Waits::default(),
        signals,
        services,
    }
}

fn project() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}
