//! Kinds against the servers that they are for, started on loopback: Debian's Prometheus and image registry.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

/// A project, and the program run in it.
struct Project(tempfile::TempDir);

/// A server that ends with its test.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn program(package: &str, name: &str) -> PathBuf {
    let tool = Path::new(env!("CARGO_MANIFEST_DIR")).join("tools/debian-program");
    let said = Command::new(tool).args([package, name]).output().expect("tools/ is there");
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    PathBuf::from(String::from_utf8_lossy(&said.stdout).trim())
}

/// A port that nothing listens on a moment ago.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("loopback").port()
}

impl Project {
    fn new(stage: &str) -> Self {
        let project = Project(tempfile::tempdir().expect("a temporary folder"));
        project.write("pipeline.yaml", "version: 1\npipeline: servers\nstages: [a.yaml]\n");
        project.write("a.yaml", stage);
        project
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.0.path().join(name), text).expect("writable");
    }

    fn run(&self) -> Output {
        let program = env!("CARGO_BIN_EXE_pipeline");
        Command::new(program).current_dir(self.0.path()).args(["run", "--output", "plain"]).output().expect("it starts")
    }

    fn ends(&self, code: i32, words: &[&str]) {
        let said = self.run();
        let text = format!("{}{}", String::from_utf8_lossy(&said.stdout), String::from_utf8_lossy(&said.stderr));
        assert_eq!(said.status.code(), Some(code), "{text}");
        for word in words {
            assert!(text.contains(word), "`{word}` in {text}");
        }
    }

    fn report(&self) -> String {
        let runs = fs::read_dir(self.0.path().join(".pipeline/runs")).expect("runs");
        let newest = runs.map(|run| run.expect("readable").path()).max().expect("a run");
        fs::read_to_string(newest.join("report.html")).expect("written")
    }
}

fn prometheus(folder: &Path) -> (Server, String) {
    let port = free_port();
    let config = format!(
        "global: {{ scrape_interval: 1s }}\nscrape_configs:\n  - job_name: itself\n    static_configs: \
         [{{ targets: [\"127.0.0.1:{port}\"] }}]\n"
    );
    fs::write(folder.join("prometheus.yml"), config).expect("writable");
    let child = Command::new(program("prometheus", "prometheus"))
        .arg(format!("--config.file={}", folder.join("prometheus.yml").display()))
        .arg(format!("--storage.tsdb.path={}", folder.join("data").display()))
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("prometheus starts");
    (Server(child), format!("http://127.0.0.1:{port}"))
}

#[test]
#[ignore = "downloads Debian's prometheus: tools/test cluster"]
fn a_metric_of_a_real_prometheus_is_measured_now_and_over_a_step() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (_server, url) = prometheus(folder.path());
    let metric = |rest: &str| format!("  - metric: {{ prometheus: {{ url: \"{url}\" }}, {rest} }}\n");
    let stage = [
        "stage: a\nsteps:\n  up: { gate: [".to_owned(),
        format!(
            "{{ metric: {{ prometheus: {{ url: \"{url}\" }}, query: 'up{{job=\"itself\"}}', value: 1 }}, within: 30s }}"
        ),
        "] }\n  load: { needs: [up], shell: { run: sleep 4 } }\ngate:\n".to_owned(),
        metric("query: 'up{job=\"itself\"}', over: [load], min: 1, avg: 1"),
        metric("query: 'sum(process_resident_memory_bytes)', over: 2s, max: \"> 1000000\", coverage: \">= 50%\""),
    ];
    let project = Project::new(&stage.concat());
    project.ends(0, &[]);
    assert!(project.report().contains("<svg class=\"series\""), "the series is drawn");
    let none = Project::new(&format!("stage: a\ngate:\n{}", metric("query: nothing_of_this_name, value: 0")));
    none.ends(1, &["not measured: the query gives no data"]);
    let odd = Project::new(&format!("stage: a\ngate:\n{}", metric("query: 'vector(0) / 0', value: 0")));
    odd.ends(1, &["not measured: the query gives NaN, which cannot be compared"]);
    let several = format!("stage: a\ngate:\n{}", metric("query: 'prometheus_http_requests_total', value: 0"));
    Project::new(&several).ends(2, &["series, expected one"]);
    let broken = Project::new(&format!("stage: a\ngate:\n{}", metric("query: 'sum(', value: 0")));
    broken.ends(2, &["not measured: the query failed: bad_data: "]);
}

#[test]
#[ignore = "downloads Debian's docker-registry and needs Docker: tools/test cluster"]
fn what_was_pushed_is_named_by_its_digest() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let port = free_port();
    let config = format!(
        "version: 0.1\nstorage: {{ filesystem: {{ rootdirectory: {} }} }}\nhttp: {{ addr: \"127.0.0.1:{port}\" }}\n",
        folder.path().join("data").display()
    );
    fs::write(folder.path().join("config.yml"), config).expect("writable");
    let child = Command::new(program("docker-registry", "docker-registry"))
        .arg("serve")
        .arg(folder.path().join("config.yml"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the registry starts");
    let _server = Server(child);
    let name = format!("127.0.0.1:{port}/pushed-{}:dev", std::process::id());
    let project = Project::new(&format!(
        "stage: a\nsteps:\n  \
         build: {{ image: {{ build: {{ context: ., tag: \"pipeline-pushed:{port}\" }} }} }}\n  \
         up: {{ gate: [{{ tcp: {{ address: \"127.0.0.1:{port}\" }}, within: 30s }}] }}\n  \
         push: {{ needs: [build, up], image: {{ push: {{ image: \"pipeline-pushed:{port}\", to: \"{name}\" }} }} }}\n  \
         pull: {{ shell: {{ run: 'docker pull \"$IMAGE\"' }}, env: {{ IMAGE: \"${{{{ steps.push.outputs.pinned }}}}\" }} }}\n"
    ));
    project.write("Dockerfile", "FROM scratch\nCOPY a.yaml /a.yaml\n");
    project.ends(0, &["@sha256:"]);
    for image in [format!("pipeline-pushed:{port}"), name.clone()] {
        let _ = Command::new("docker").args(["image", "rm", "--force", &image]).output();
    }
    let missing = format!("stage: a\nsteps:\n  push: {{ image: {{ push: {{ image: \"{name}-none\" }} }} }}\n");
    Project::new(&missing).ends(1, &["no such image: "]);
}
