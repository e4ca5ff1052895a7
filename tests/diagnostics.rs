//! One case a diagnostic code, driven through the whole load path: `tests/diagnostics/CODE.case` holds the files of a
//! small project and, last, what is told about them; `tests/faults/CLAIM.case` the same for faults that could hide or
//! cause others. `UPDATE=1 cargo test --test diagnostics` writes what is told now.

use std::fs;
use std::path::{Path, PathBuf};

use pipeline::cli::REGISTRY;
use pipeline::core::model::diagnostic::CODES;
use pipeline::core::plan::{Options, load};
use pipeline::core::report::diagnostics::{Style, render};

/// Opens every part of a case: `=== stages/a.yaml`, and `=== told` for the last.
const MARK: &str = "=== ";

fn case_file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/diagnostics").join(format!("{name}.case"))
}

/// The parts of a case by name, in order.
fn parts(case: &str) -> Vec<(String, String)> {
    let mut parts: Vec<(String, String)> = Vec::new();
    for line in case.split_inclusive('\n') {
        match (line.strip_prefix(MARK), parts.last_mut()) {
            (Some(name), _) => parts.push((name.trim().to_owned(), String::new())),
            (None, Some((_, text))) => text.push_str(line),
            (None, None) => {}
        }
    }
    parts
}

/// The bytes of a file of a case: `<<TEXT*TIMES>>` stands for a long text, `<<FF>>` for a byte that is no UTF-8.
fn bytes(text: &str) -> Vec<u8> {
    if text.trim() == "<<FF>>" {
        return b"stage: a\nsteps: \xFF\n".to_vec();
    }
    if let Some(count) = text.trim().strip_prefix("<<#*").and_then(|rest| rest.strip_suffix(">>")) {
        return vec![b'#'; count.parse().expect("a number of bytes")];
    }
    text.replace("<<TAB>>", "\t").into_bytes()
}

fn reported(files: &[(String, String)]) -> String {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("below the folder")).expect("a folder can be made");
        fs::write(path, bytes(text)).expect("a file can be written");
    }
    let options = Options { file: folder.path().join("pipeline.yaml"), ..Options::default() };
    let loaded = load(&options, REGISTRY).expect("the pipeline file can be read");
    assert_eq!(loaded.plan.is_none(), !loaded.diagnostics.is_empty(), "a plan, or words why there is none");
    // The table of kinds grows: no case should change for that.
    let kinds: Vec<&str> = REGISTRY.steps.iter().map(|kind| kind.name).collect();
    render(loaded.diagnostics, &loaded.sources, Style { colour: false, unicode: false, width: 400 })
        .replace(&folder.path().display().to_string(), "FOLDER")
        .replace(&kinds.join(", "), "KINDS")
}

/// Compares a case with what is told now; `None` where they are the same.
fn difference(name: &str) -> Option<String> {
    compare(name, &case_file(name), &format!("[{name}]"))
}

/// The same, where `mark` must be told in any case.
fn compare(name: &str, path: &Path, mark: &str) -> Option<String> {
    let Ok(case) = fs::read_to_string(path) else { return Some(format!("{} is missing", path.display())) };
    let mut files = parts(&case);
    let expected = files.pop_if(|(name, _)| name == "told").map(|(_, text)| text).unwrap_or_default();
    let reported = reported(&files);
    if std::env::var_os("UPDATE").is_some() {
        let written = case.split(&format!("{MARK}told\n")).next().unwrap_or_default().trim_end();
        fs::write(path, format!("{written}\n{MARK}told\n{reported}")).expect("the case can be written");
        return (!reported.contains(mark)).then(|| format!("{name}: its own code is not told"));
    }
    if !reported.contains(mark) {
        return Some(format!("{name}: its own code is not told:\n{reported}"));
    }
    (reported != expected).then(|| format!("{name}: expected\n{expected}\nbut told is\n{reported}"))
}

#[test]
fn every_code_has_a_case_that_is_reported_as_written() {
    let differences: Vec<String> = CODES.iter().filter_map(|row| difference(row.name)).collect();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn every_case_belongs_to_a_code() {
    let folder = case_file("x").parent().expect("a folder").to_owned();
    for entry in fs::read_dir(folder).expect("the cases") {
        let path = entry.expect("an entry").path();
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        assert!(CODES.iter().any(|row| row.name == name), "{} belongs to no code", path.display());
    }
}

#[test]
fn every_fault_is_reported_once_at_its_place_with_what_to_type() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/faults");
    let mut differences = Vec::new();
    for entry in fs::read_dir(folder).expect("the cases") {
        let path = entry.expect("an entry").path();
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        differences.extend(compare(&name, &path, "error["));
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}
