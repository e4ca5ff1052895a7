//! `pipeline submit` on the real cluster: a run in a Pod, its record, its end.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::runners::{Farm, kubectl};

/// An image with the program under test, for `submit`.
fn program_image() -> &'static str {
    const NAME: &str = "pipeline-program:local";
    const BUILD: &str = r#"
        root=$(mktemp -d); trap 'rm -rf "$root"' EXIT
        mkdir -p "$root/bin" "$root/tmp"; cp "$(command -v busybox)" "$root/bin/busybox"
        for name in $("$root/bin/busybox" --list | grep -vx busybox); do ln -s busybox "$root/bin/$name"; done
        objcopy --strip-debug "$PROGRAM" "$root/bin/pipeline"
        ldd "$PROGRAM" | grep -o '/[^ ]*' | while read -r lib; do mkdir -p "$root$(dirname "$lib")"; cp -L "$lib" "$root$lib"; done
        tar -C "$root" -c . | docker import -c 'ENV PATH=/bin' -c 'USER 65532:65532' - "$IMAGE"
        docker save "$IMAGE" | "$LOAD"
    "#;
    static BUILT: std::sync::OnceLock<()> = std::sync::OnceLock::new();
    BUILT.get_or_init(|| {
        let load = Path::new(env!("CARGO_MANIFEST_DIR")).join("tools/cluster-load");
        let mut build = Command::new("bash");
        let build = build.args(["-euo", "pipefail", "-c", BUILD]).env("IMAGE", NAME).env("LOAD", load);
        let build = build.env("PROGRAM", env!("CARGO_BIN_EXE_pipeline")).stdout(Stdio::null());
        assert!(build.status().expect("started").success(), "{NAME} could not be put into the cluster");
    });
    NAME
}

fn pipeline(farm: &Farm, args: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pipeline"));
    let command = command.args(args).current_dir(farm.folder.path()).env("FARM_TOKEN", "hunter2-and-more");
    let output = command.stdin(Stdio::null()).output().expect("started");
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    (output.status.code(), text)
}

#[test]
#[ignore = "needs the cluster"]
fn a_submitted_run_goes_on_alone_and_its_record_comes_back() {
    let steps = "
  local: { runs_on: local, inputs: [src], env: { TOKEN: '${{ secrets.token }}' }, shell: 'cat src/a; echo \"token $TOKEN\"; sleep 6' }
  pod: { inputs: [src], artifacts: [out], shell: 'cp src/a out; echo from the pod' }
  last: { needs: [local, pod], runs_on: local, shell: 'cat out; exit 1' }
";
    let farm = Farm::new("submit", steps);
    farm.write("src/a", "content\n");
    let submit = format!("max: 3, submit: {{ image: '{}' }}", program_image());
    farm.write("pipeline.yaml", &farm.read("pipeline.yaml").replace("max: 3", &submit).replace("64Mi", "256Mi"));
    let manifests = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/farm/submit.yaml");
    kubectl(&["apply", "-n", &farm.namespace, "-f", &manifests.display().to_string()]);
    let (code, said) = pipeline(&farm, &["submit", "--detach"]);
    assert_eq!(code, Some(0), "{said}");
    let job = said.lines().find(|line| line.starts_with("submitted-")).expect("its name").to_owned();
    let spec = kubectl(&["get", "job,pod", "-n", &farm.namespace, "-o", "json"]);
    assert!(!spec.contains("hunter2") && !spec.contains("aHVudGVyMi"), "a value is in the specification");
    // its record is there while it goes on
    let limit = Instant::now() + Duration::from_secs(30);
    let said = loop {
        let (_, said) = pipeline(&farm, &["logs", "test.local"]);
        if said.contains("content") || Instant::now() > limit {
            break said;
        }
    };
    assert!(said.contains("token ***") && said.contains(&format!("{job} goes on")), "{said}");
    let (code, said) = pipeline(&farm, &["submit", "--attach"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("from the pod") && said.contains("content"), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
    let (code, said) = pipeline(&farm, &["report"]);
    assert!(code == Some(0) && said.contains("test.last"), "{said}");
    let (_, said) = pipeline(&farm, &["runs"]);
    assert!(said.contains("failed") && !said.contains("goes on"), "{said}");
    kubectl(&["delete", "serviceaccount/pipeline", "-n", &farm.namespace]);
    farm.nothing_is_left();
    // a second one is stopped: it ends as after Ctrl-C, and can be read no more
    kubectl(&["apply", "-n", &farm.namespace, "-f", &manifests.display().to_string()]);
    let (code, said) = pipeline(&farm, &["submit", "--detach", "--", "--stage", "test"]);
    assert_eq!(code, Some(0), "{said}");
    let job = said.lines().find(|line| line.starts_with("submitted-")).expect("its name").to_owned();
    assert_eq!(pipeline(&farm, &["submit", "--stop", &job]).0, Some(0));
    farm.nothing_is_left();
}
