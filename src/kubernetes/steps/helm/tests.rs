//! What the helm step refuses when its files are checked, and with which words.

use std::path::Path;

use serde_json::{Value, json};

use super::*;
use crate::core::model::diagnostic::Diagnostics;
use crate::core::model::source::{FileId, Span};
use crate::core::yaml::Node;

fn complaints(body: &Value, project: &Path) -> Vec<String> {
    let node = Node::from_json(body, Span::new(FileId(0), 0, 0));
    let step = KIND.decode(&node).expect("of the right shape");
    let mut out = Diagnostics::default();
    step.check(&mut CheckContext { body: &node, project, during: false, on_runner: false, out: &mut out });
    let shown = |complaint: crate::core::model::diagnostic::Diagnostic| {
        format!("{}: {}", complaint.code.row().name, complaint.message)
    };
    out.sorted().into_iter().map(shown).collect()
}

#[test]
fn a_chart_that_is_not_there_and_bad_names_are_reported() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::create_dir(folder.path().join("empty")).expect("writable");
    let body = json!({"install": {"release": "Todo_1", "chart": "empty", "set": {"a..b": 1, "c[0]": 2}}});
    assert_eq!(
        complaints(&body, folder.path()),
        [
            "invalid-value: `a..b` is no path of a value; expected one such as image.tag",
            "invalid-value: `c[0]` leads into a list; write the whole list under `values:`",
            "invalid-value: `Todo_1` is no name of a release",
            "missing-file: `empty` is no chart: it has no Chart.yaml",
        ]
        .into_iter()
        .map(str::to_owned)
        .collect::<Vec<_>>()
    );
    let missing = json!({"lint": {"chart": "charts/nowhere"}});
    assert_eq!(complaints(&missing, folder.path()), ["missing-file: the chart `charts/nowhere` does not exist"]);
}

#[test]
fn charts_from_elsewhere_are_left_to_helm() {
    let body = json!({"install": {"release": "db", "chart": "postgresql", "repository": "https://charts.test"}});
    assert_eq!(complaints(&body, Path::new("/nowhere")), Vec::<String>::new());
    let body = json!({"lint": {"chart": "oci://registry.test/charts/db"}});
    assert_eq!(complaints(&body, Path::new("/nowhere")), Vec::<String>::new());
}

#[test]
fn two_verbs_are_reported() {
    let body = json!({"rollback": {"release": "a"}, "test": {"release": "a"}});
    assert_eq!(
        complaints(&body, Path::new("/")),
        [
            "not-one-kind: a helm step has exactly one of lint, template, install, upgrade, rollback, test and uninstall; \
          this one has rollback and test"
        ]
    );
}

#[test]
fn a_secret_value_does_not_show_in_debug() {
    let body = json!({"install": {"release": "a", "chart": "c", "secret_values": {"token": "hunter2"}}});
    let node = Node::from_json(&body, Span::new(FileId(0), 0, 0));
    let helm: Helm = crate::core::yaml::decode(&node).expect("of the right shape");
    assert!(!format!("{helm:?}").contains("hunter2"));
}
