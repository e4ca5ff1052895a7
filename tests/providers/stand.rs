//! A project whose pipeline works with one real provider, in a folder and with a kubeconfig of its own; what it leaves
//! at the provider goes with it.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// The provider of a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provider {
    Minikube,
    Kind,
}

/// How a command ended and what it printed.
#[derive(Debug)]
pub struct Said {
    pub code: i32,
    pub text: String,
}

impl Said {
    /// Asserts the exit code.
    #[track_caller]
    pub fn ends(&self, code: i32) -> &Self {
        assert_eq!(self.code, code, "{}", self.text);
        self
    }

    /// Asserts that it printed this.
    #[track_caller]
    pub fn names(&self, words: &str) -> &Self {
        assert!(self.text.contains(words), "no `{words}` in:\n{}", self.text);
        self
    }
}

/// A project, and the name of a cluster that no other test has.
pub struct ClusterFixture {
    folder: tempfile::TempDir,
    pub provider: Provider,
    pub cluster: String,
}

impl ClusterFixture {
    pub fn new(provider: Provider, purpose: &str) -> Self {
        let cluster = format!("pt-{purpose}-{}", std::process::id());
        let stand = ClusterFixture { folder: tempfile::tempdir().expect("a folder"), provider, cluster };
        stand.pipeline(&[]);
        stand
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The kubeconfig context of its cluster.
    pub fn context(&self) -> String {
        match self.provider {
            Provider::Minikube => self.cluster.clone(),
            Provider::Kind => format!("kind-{}", self.cluster),
        }
    }

    pub fn write(&self, path: &str, text: &str) {
        fs::write(self.folder().join(path), text).expect("written");
    }

    /// The pipeline consists of these steps, one after another.
    pub fn pipeline(&self, steps: &[&str]) {
        let context = self.context();
        self.write(
            "pipeline.yaml",
            &format!(
                "version: 1\npipeline: providers\ncluster: {{ contexts: [\"{context}\"], namespace: pt }}\nstages: [stage.yaml]\n"
            ),
        );
        let mut stage = "stage: only\nsteps:\n".to_owned();
        for (at, step) in steps.iter().enumerate() {
            let needs = if at == 0 { String::new() } else { format!("    needs: [s{}]\n", at - 1) };
            stage.push_str(&format!("  s{at}:\n{needs}    {step}\n    timeout: 8m\n"));
        }
        if steps.is_empty() {
            stage.push_str("  s0: { shell: \"true\" }\n");
        }
        self.write("stage.yaml", &stage);
    }

    /// The step that brings its cluster up, with more options.
    pub fn up(&self, more: &str) -> String {
        let provider = self.program();
        let version =
            std::env::var("MINIKUBE_KUBERNETES_VERSION").map(|version| format!(", kubernetes_version: \"{version}\""));
        format!(
            "cluster: {{ up: {{ provider: {provider}, name: {}{}{more} }} }}",
            self.cluster,
            version.unwrap_or_default()
        )
    }

    /// `pipeline run` of these steps.
    pub fn run(&self, steps: &[&str]) -> Said {
        self.pipeline(steps);
        self.program_said(&["run"])
    }

    /// The program with these arguments.
    pub fn program_said(&self, args: &[&str]) -> Said {
        said(self.command(env!("CARGO_BIN_EXE_pipeline")).args(args).output().expect("started"))
    }

    /// A command in its folder, with its kubeconfig.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.folder()).env("KUBECONFIG", self.folder().join("kubeconfig")).stdin(Stdio::null());
        for name in ["CI", "GITHUB_ACTIONS", "NO_COLOR"] {
            command.env_remove(name);
        }
        command
    }

    /// What a command prints, which must end well.
    #[track_caller]
    pub fn asks(&self, program: &str, args: &[&str]) -> String {
        let output = self.command(program).args(args).output().expect("started");
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        said(output).ends(0);
        stdout
    }

    pub fn program(&self) -> &'static str {
        match self.provider {
            Provider::Minikube => "minikube",
            Provider::Kind => "kind",
        }
    }

    /// Creates its cluster without the program under test, as a user would.
    #[track_caller]
    pub fn create(&self) {
        let args = self.create_args();
        self.asks(self.program(), &args.iter().map(String::as_str).collect::<Vec<_>>());
    }

    pub fn create_args(&self) -> Vec<String> {
        let words: &[&str] = match self.provider {
            Provider::Minikube => &["start", "--profile", &self.cluster],
            Provider::Kind => &["create", "cluster", "--name", &self.cluster],
        };
        let mut args: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        if let (Provider::Kind, Ok(version)) = (self.provider, std::env::var("MINIKUBE_KUBERNETES_VERSION")) {
            args.extend(["--image".to_owned(), format!("kindest/node:{version}")]);
        }
        args
    }

    /// The containers that are its nodes, running or not, one a line.
    pub fn nodes(&self) -> Vec<String> {
        self.listed(&["ps", "--all"])
    }

    /// The containers that are its running nodes.
    pub fn running(&self) -> Vec<String> {
        self.listed(&["ps"])
    }

    fn listed(&self, words: &[&str]) -> Vec<String> {
        let label = match self.provider {
            Provider::Minikube => "name.minikube.sigs.k8s.io",
            Provider::Kind => "io.x-k8s.kind.cluster",
        };
        let filter = format!("label={label}={}", self.cluster);
        let args = [words, &["--format", "{{.Names}}", "--filter", filter.as_str()]].concat();
        self.asks("docker", &args).lines().map(str::to_owned).collect()
    }

    /// Stops its cluster, as a user would.
    pub fn stop(&self) {
        match self.provider {
            Provider::Minikube => drop(self.asks("minikube", &["stop", "--profile", &self.cluster])),
            Provider::Kind => {
                let nodes = self.nodes();
                let words: Vec<&str> = ["stop"].into_iter().chain(nodes.iter().map(String::as_str)).collect();
                self.asks("docker", &words);
            }
        }
    }

    /// What tells this cluster from any other: the UID of its first namespace.
    #[track_caller]
    pub fn identity(&self) -> String {
        let context = self.context();
        let uid = ["--context", &context, "get", "namespace", "kube-system", "-o", "jsonpath={.metadata.uid}"];
        let uid = self.asks("kubectl", &uid);
        assert!(!uid.is_empty());
        uid
    }

    /// Waits until a node's container runs.
    pub fn wait_for_a_node(&self) {
        let end = Instant::now() + Duration::from_secs(120);
        while self.running().is_empty() {
            assert!(Instant::now() < end, "no node of {} within two minutes", self.cluster);
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// The images in the runtime of its node.
    pub fn images(&self) -> String {
        let node = self.nodes().pop().expect("a node");
        self.asks("docker", &["exec", &node, "crictl", "images", "--no-trunc"])
    }

    /// Builds an image of one file with this text, from nothing.
    pub fn image(&self, name: &str, text: &str) {
        let context = self.folder().join("image");
        fs::create_dir_all(&context).expect("made");
        fs::write(context.join("Dockerfile"), "FROM scratch\nCOPY text /text\n").expect("written");
        fs::write(context.join("text"), text).expect("written");
        self.asks("docker", &["build", "--quiet", "--tag", name, "image"]);
    }

    /// The id of an image of this machine's Docker.
    pub fn image_id(&self, name: &str) -> String {
        self.asks("docker", &["image", "inspect", "--format", "{{.Id}}", name]).trim().to_owned()
    }
}

impl Drop for ClusterFixture {
    fn drop(&mut self) {
        let args: [&str; 3] = match self.provider {
            Provider::Minikube => ["delete", "--profile", &self.cluster],
            Provider::Kind => ["delete", "cluster", "--name"],
        };
        let mut command = self.command(self.program());
        command.args(args);
        if self.provider == Provider::Kind {
            command.arg(&self.cluster);
        }
        let _ = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
    }
}

fn said(output: Output) -> Said {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Said { code: output.status.code().unwrap_or(-1), text: text(&output.stdout) + &text(&output.stderr) }
}
