//! The greeter of `examples/` in a temporary folder, with namespaces and a port of its own, and one thing in it broken.

use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use crate::ran::{Ran, copy, no_namespaces, quiet};

/// The images of the unbroken example, in the cluster's runtime.
const IMAGES: [&str; 2] = ["greeter-gates:dev", "greeter-gates:next"];

/// The example, to be broken.
pub struct Example {
    folder: tempfile::TempDir,
    namespaces: [String; 2],
    images: [String; 2],
}

impl Example {
    /// With the images of the unbroken example, which are built and loaded once.
    pub fn new(name: &str) -> Self {
        static READY: OnceLock<()> = OnceLock::new();
        READY.get_or_init(|| {
            let plain = Example::with("images", IMAGES.map(str::to_owned));
            let ran = plain.run(&["--until", "cluster"]);
            assert_eq!(ran.code, 0, "{}", ran.err);
        });
        Example::with(name, IMAGES.map(str::to_owned))
    }

    /// With images of its own, which its first stage builds.
    pub fn with_own_images(name: &str) -> Self {
        Example::with(name, ["dev", "next"].map(|tag| format!("greeter-gates-{name}:{tag}")))
    }

    fn with(name: &str, images: [String; 2]) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let from = root.join("examples/greeter");
        let namespace = format!("gates-{name}-{}", std::process::id());
        let chart = format!("{namespace}-chart");
        let example = Example {
            folder: tempfile::tempdir().expect("a folder"),
            namespaces: [namespace.clone(), chart.clone()],
            images,
        };
        copy(&from, example.path(), &["pipeline.yaml", "stages", "gates", "app", "manifests", "charts"]);
        // What other tests run too must be ours alone, and what is waited for must be short.
        let port = node_port().to_string();
        let load = root.join("tools/cluster-load").display().to_string();
        example.edit("pipeline.yaml", "../../tools/cluster-load", &load);
        example.edit("pipeline.yaml", "namespace: greeter", &format!("namespace: {namespace}"));
        let [dev, next] = &example.images;
        example.edit("pipeline.yaml", "image: \"greeter:dev\"", &format!("image: \"{dev}\""));
        example.edit("pipeline.yaml", "greeter:next", next);
        example.edit("manifests/greeter.yaml", "greeter:dev", dev);
        let (repository, tag) = dev.split_once(':').expect("a tag");
        example.edit("charts/greeter/values.yaml", "name: greeter", &format!("name: {repository}"));
        example.edit("charts/greeter/values.yaml", "tag: dev", &format!("tag: {tag}"));
        example.edit("manifests/greeter.yaml", "30080", &port);
        example.edit("manifests/greeter.yaml", "GREETING: hello", "GREETING: hello\n  LEAVE_AFTER_SECONDS: \"0\"");
        for file in ["manifests/greeter.yaml", "charts/greeter/templates/deployment.yaml"] {
            example.edit(file, "terminationGracePeriodSeconds: 15", "terminationGracePeriodSeconds: 1");
        }
        example.edit("stages/5-chart.yaml", "greeter-chart", &chart);
        for file in ["gates/greets.yaml", "stages/3-manifests.yaml", "stages/5-chart.yaml"] {
            example.every(file, "within: 60s", "within: 12s");
            example.every(file, "within: 20s", "within: 12s");
        }
        example
    }

    /// Puts `to` in the place of every `from`, of which there must be one.
    #[track_caller]
    pub fn edit(&self, file: &str, from: &str, to: &str) {
        assert!(fs::read_to_string(self.path().join(file)).expect("there").contains(from), "no `{from}` in {file}");
        self.every(file, from, to);
    }

    fn every(&self, file: &str, from: &str, to: &str) {
        let path = self.path().join(file);
        let text = fs::read_to_string(&path).expect("there");
        fs::write(path, text.replace(from, to)).expect("writable");
    }

    pub fn write(&self, file: &str, text: &str) {
        fs::write(self.path().join(file), text).expect("writable");
    }

    /// Lets the gate say what is wrong with the pods, not the step that would wait for them.
    pub fn unwaited(&self) {
        self.edit("stages/3-manifests.yaml", "wait: true", "wait: false");
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn namespace(&self) -> &str {
        &self.namespaces[0]
    }

    /// `pipeline run` with these arguments; some stages alone clean up, too.
    pub fn run(&self, args: &[&str]) -> Ran {
        self.run_with(args, &[])
    }

    /// The same, with more in its environment.
    pub fn run_with(&self, args: &[&str], env: &[(&str, &str)]) -> Ran {
        let is_part = args.iter().any(|arg| matches!(*arg, "--stage" | "--until"));
        let args: Vec<&str> = args.iter().copied().chain(is_part.then_some("--finally")).collect();
        Ran::of(self.path(), &args, env)
    }

    /// Asserts that the cluster holds nothing of it.
    #[track_caller]
    pub fn nothing_is_left(&self) {
        no_namespaces(&self.namespaces);
    }
}

impl Drop for Example {
    /// What a failed assertion may leave.
    fn drop(&mut self) {
        if std::thread::panicking() {
            for namespace in &self.namespaces {
                quiet("kubectl", &["delete", "namespace", namespace, "--ignore-not-found", "--wait=false"]);
            }
        }
        if self.images[0] != IMAGES[0] {
            quiet("docker", &["rmi", "-f", &self.images[0], &self.images[1]]);
        }
    }
}

/// A port of the cluster's range that no other test of this process has, and seldom one of another.
fn node_port() -> u32 {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    31_000 + (std::process::id() * 40 + NEXT.fetch_add(1, Ordering::Relaxed)) % 1_600
}
