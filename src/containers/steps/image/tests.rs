//! What the image step refuses when its files are checked, and with which words.

use std::path::Path;

use serde_json::{Value, json};

use super::*;
use crate::core::model::diagnostic::Diagnostics;
use crate::core::model::source::{FileId, Span};
use crate::core::yaml::Node;

fn complaints(body: Value, project: &Path) -> Vec<String> {
    let node = Node::from_json(&body, Span::new(FileId(0), 0, 0));
    let step = KIND.decode(&node).expect("of the right shape");
    let mut out = Diagnostics::default();
    step.check(&mut CheckContext { body: &node, project, during: false, on_runner: false, out: &mut out });
    let shown = |complaint: crate::core::model::diagnostic::Diagnostic| {
        let help = complaint.help.map(|help| format!(" ({help})")).unwrap_or_default();
        format!("{}: {}{help}", complaint.code.row().name, complaint.message)
    };
    out.sorted().into_iter().map(shown).collect()
}

fn project(dockerfile: Option<&str>) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::create_dir(folder.path().join("app")).expect("writable");
    if let Some(text) = dockerfile {
        std::fs::write(folder.path().join("app/Dockerfile"), text).expect("writable");
    }
    folder
}

#[test]
fn a_good_build_has_nothing_to_complain_about() {
    let folder = project(Some("FROM a AS build\nFROM b AS runtime\n"));
    let body = json!({"build": {"context": "app", "tag": "todo:dev", "target": "runtime", "args": {"V": 18}}});
    assert_eq!(complaints(body, folder.path()), Vec::<String>::new());
}

#[test]
fn a_missing_dockerfile_and_an_unknown_target_are_reported() {
    let body = json!({"build": {"context": "app", "tag": "todo:dev", "target": "runtme"}});
    assert_eq!(
        complaints(body.clone(), project(None).path()),
        ["missing-file: there is no Dockerfile at `app/Dockerfile` (name another with `dockerfile:`)"]
    );
    assert_eq!(
        complaints(body, project(Some("FROM a AS runtime\n")).path()),
        ["invalid-value: `app/Dockerfile` has no stage `runtme` (did you mean \"runtime\"?)"]
    );
}

#[test]
fn two_verbs_and_none_are_reported() {
    let folder = project(Some("FROM a\n"));
    let two = json!({"load": {"image": "a"}, "pull": {"image": "a"}});
    assert_eq!(
        complaints(two, folder.path()),
        [
            "not-one-kind: an image step has exactly one of build, load, tag, save, push and pull; this one has load and pull \
          (write one step for each: `image: { build: … }` and `image: { load: … }`)"
        ]
    );
    assert_eq!(complaints(json!({}), folder.path()).len(), 1);
}

#[test]
fn titles_say_what_it_does() {
    let title = |body: Value| KIND.decode(&Node::from_json(&body, Span::new(FileId(0), 0, 0))).expect("valid").title();
    assert_eq!(title(json!({"build": {"context": "app", "tag": "todo:dev"}})), "build todo:dev");
    assert_eq!(
        title(json!({"save": {"image": "a", "path": "out/a.tar", "format": "oci_archive"}})),
        "save a to out/a.tar"
    );
}
