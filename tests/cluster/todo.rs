//! The Todo Chatbot's pipeline in a temporary folder, with namespaces and ports of its own, to be broken.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::sync::OnceLock;

use crate::ran::{Ran, copy, no_namespaces, quiet};

/// The pipeline, to be broken.
pub struct Todo {
    folder: tempfile::TempDir,
    namespaces: [String; 3],
}

/// The files in which gates wait for what the cluster does.
const WAITING: [&str; 7] = [
    "gates/running.yaml",
    "gates/features.yaml",
    "stages/2-cluster.yaml",
    "stages/3-manifests.yaml",
    "stages/4-zero-downtime.yaml",
    "stages/5-helm-chart.yaml",
    "stages/7-fresh-deploy.yaml",
];

impl Todo {
    /// With both images in Docker and in the cluster's runtime, where the pipeline itself puts them, once.
    pub fn new(name: &str) -> Self {
        static READY: OnceLock<()> = OnceLock::new();
        READY.get_or_init(|| {
            Todo::alone("ready").run(&["--until", "cluster"]).ends(0, &["✔ cluster.gate"]);
        });
        Todo::alone(name)
    }

    /// Whatever images there are.
    pub fn alone(name: &str) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let own = format!("todo-{name}-{}", std::process::id());
        let namespaces = [own.clone(), format!("{own}-chart"), format!("{own}-fresh")];
        let todo = Todo { folder: tempfile::tempdir().expect("a folder"), namespaces };
        copy(root, todo.path(), &["pipeline.yaml", "stages", "gates", "parts", "manifests", "charts", "app"]);
        let file = "pipeline.yaml";
        todo.edit(file, "tools/cluster-load", &root.join("tools/cluster-load").display().to_string());
        todo.edit(file, "namespace: todo\n", &format!("namespace: {own}\n"));
        todo.edit(file, "  namespace: todo ", &format!("  namespace: {own} "));
        todo.edit(file, "namespace: todo-chart", &format!("namespace: {}", todo.namespaces[1]));
        todo.edit(file, "namespace: todo-fresh", &format!("namespace: {}", todo.namespaces[2]));
        for (var, port) in ["compose_port: 3080", "compose_api_port: 8088"].into_iter().zip(free_ports()) {
            let name = var.split(':').next().expect("a name");
            todo.edit(file, var, &format!("{name}: {port}"));
        }
        // What else runs on this machine must not decide.
        for file in WAITING {
            for within in ["10s", "20s", "30s", "60s", "90s"] {
                todo.every(file, &format!("within: {within}"), "within: 4m");
            }
        }
        todo.edit("gates/running.yaml", "time_to_ready: \"< 30s\"", "time_to_ready: \"< 3m\"");
        todo.edit("gates/features.yaml", "time: \"< 5s\"", "time: \"< 30s\"");
        todo.edit(
            "stages/1-containerize.yaml",
            "time: \"< 5s\" }\n    within: 5s",
            "time: \"< 30s\" }\n    within: 1m",
        );
        todo.edit(file, "rate: 100 ", "rate: 20 ");
        todo.edit("stages/4-zero-downtime.yaml", "requests: \">= 1000\"", "requests: \">= 100\"");
        todo.edit("stages/4-zero-downtime.yaml", "p95: \"< 500ms\"", "p95: \"< 20s\"");
        todo
    }

    /// A machine that is too busy to measure latencies fails nothing; what was measured stands in the record all the same.
    pub fn on_a_busy_machine(self) -> Self {
        let stage = "stages/4-zero-downtime.yaml";
        for during in ["    during: &changes", "    during: *changes"] {
            self.edit(stage, during, &format!("    continue_on_error: true\n{during}"));
        }
        for name in ["  - name: nobody noticed\n", "  - name: nobody noticed, down to the database\n"] {
            self.edit(stage, name, &format!("{name}    severity: warning\n"));
        }
        self
    }

    /// What is waited for in stage 3 is waited for only this long: for a gate that will not hold.
    pub fn impatient(self, within: &str) -> Self {
        for file in WAITING {
            self.every(file, "within: 4m", &format!("within: {within}"));
        }
        self
    }

    /// Puts `to` in the place of every `from`, of which there must be one.
    #[track_caller]
    pub fn edit(&self, file: &str, from: &str, to: &str) -> &Self {
        assert!(fs::read_to_string(self.path().join(file)).expect("there").contains(from), "no `{from}` in {file}");
        self.every(file, from, to);
        self
    }

    fn every(&self, file: &str, from: &str, to: &str) {
        let path = self.path().join(file);
        let text = fs::read_to_string(&path).expect("there");
        fs::write(path, text.replace(from, to)).expect("writable");
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// `pipeline run` with these arguments.
    pub fn run(&self, args: &[&str]) -> Ran {
        Ran::of(self.path(), args, &[])
    }

    /// Asserts that the cluster holds nothing of it.
    #[track_caller]
    pub fn nothing_is_left(&self) {
        no_namespaces(&self.namespaces);
    }
}

impl Drop for Todo {
    /// What a gate that does not hold leaves to be looked at, nobody will look at here.
    fn drop(&mut self) {
        for namespace in &self.namespaces {
            quiet("kubectl", &["delete", "namespace", namespace, "--ignore-not-found", "--wait=false"]);
        }
    }
}

/// Ports that nobody has now.
fn free_ports() -> [u16; 2] {
    let bound = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").expect("a port"));
    bound.map(|socket| socket.local_addr().expect("bound").port())
}
