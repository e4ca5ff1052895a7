//! A small image for pods: a static busybox, put into the cluster's runtime once a run of the tests.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// Its name.
pub const IMAGE: &str = "pipeline-busybox:local";

/// Puts it there; a cluster that is not the repository's own has to have it already.
pub fn loaded() {
    const BUILD: &str = r#"
        root=$(mktemp -d); trap 'rm -rf "$root"' EXIT
        mkdir "$root/bin" "$root/tmp"; cp "$(command -v busybox)" "$root/bin/busybox"
        for name in $("$root/bin/busybox" --list | grep -vx busybox); do ln -s busybox "$root/bin/$name"; done
        tar -C "$root" -c bin tmp | docker import -c 'ENV PATH=/bin' - "$IMAGE"
        docker save "$IMAGE" | "$LOAD"
    "#;
    static LOADED: OnceLock<()> = OnceLock::new();
    LOADED.get_or_init(|| {
        let load = Path::new(env!("CARGO_MANIFEST_DIR")).join("tools/cluster-load");
        if load.exists() {
            let mut build = Command::new("bash");
            build.args(["-euo", "pipefail", "-c", BUILD]).env("IMAGE", IMAGE).env("LOAD", load).stdout(Stdio::null());
            assert!(build.status().expect("started").success(), "{IMAGE} could not be put into the cluster");
        }
    });
}
