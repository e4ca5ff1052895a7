//! What newcomers write as their last tool takes it: every snippet of `tests/newcomers/` is answered, and the answer,
//! pasted in its place, passes `check`. A snippet marked `works` needs no answer.

use std::fs;
use std::path::Path;

use pipeline::cli::REGISTRY;
use pipeline::core::model::diagnostic::Diagnostic;
use pipeline::core::plan::{Loaded, Options, load};
use pipeline::core::report::diagnostics::{Style, render};

/// A snippet by name: `--- NAME`, or `--- NAME (works)`.
fn snippets(text: &str) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    for line in text.split_inclusive('\n') {
        match (line.strip_prefix("--- "), found.last_mut()) {
            (Some(name), _) => found.push((name.trim().to_owned(), String::new())),
            (None, Some((_, text))) => text.push_str(line),
            (None, None) => {}
        }
    }
    found
}

const DEPLOYMENT: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: app }\n";

/// A project that has what the snippets name.
fn project(folder: &Path) {
    for (name, text) in [
        ("Dockerfile", "FROM scratch\n"),
        ("docker/Dockerfile", "FROM scratch\n"),
        ("k8s/app.yaml", DEPLOYMENT),
        ("manifests/app.yaml", DEPLOYMENT),
        ("deployment.yaml", DEPLOYMENT),
        ("compose.yaml", "services: { web: { image: nginx } }\n"),
        ("chart/Chart.yaml", "apiVersion: v2\nname: app\nversion: 0.1.0\n"),
        ("frontend/package.json", "{}\n"),
        ("backend/Dockerfile", "FROM scratch\n"),
    ] {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().expect("below the folder")).expect("a folder can be made");
        fs::write(path, text).expect("a file can be written");
    }
}

fn checked(folder: &Path) -> Loaded {
    let options = Options { file: folder.join("pipeline.yaml"), ..Options::default() };
    load(&options, REGISTRY).expect("the pipeline file can be read")
}

/// Puts every suggestion in its place, the last first.
fn pasted(folder: &Path, loaded: &Loaded) {
    let mut fixes: Vec<_> = loaded.diagnostics.iter().filter_map(|problem| problem.suggestion.clone()).collect();
    fixes.sort_by_key(|fix| std::cmp::Reverse(fix.span.start));
    for fix in fixes {
        let file = loaded.sources.file(fix.span.file);
        let path = folder.join(&file.name);
        let mut text = fs::read_to_string(&path).expect("the file is there");
        text.replace_range(fix.span.start as usize..fix.span.end as usize, &fix.placed());
        fs::write(path, text).expect("the file can be written");
    }
}

fn shown(loaded: &Loaded) -> String {
    let problems: Vec<Diagnostic> = loaded.diagnostics.clone();
    render(problems, &loaded.sources, Style { colour: false, unicode: false, width: 120 })
}

/// What is wrong with the answer to a snippet; `None` where it works.
#[expect(clippy::print_stdout, reason = "`SHOW=NAME` shows the answers to the snippets of this name")]
fn failure(name: &str, files: &[(&str, String)]) -> Option<String> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    project(folder.path());
    for (file, text) in files {
        fs::write(folder.path().join(file), text).expect("a file can be written");
    }
    let first = checked(folder.path());
    let reported = shown(&first);
    if std::env::var_os("SHOW").is_some_and(|wanted| name.contains(&*wanted.to_string_lossy())) {
        println!("##### {name}\n{reported}");
    }
    if first.plan.is_some() {
        return (!name.ends_with("(works)")).then(|| format!("{name}: passes at once, so mark it `(works)`"));
    }
    if name.ends_with("(works)") {
        return Some(format!("{name}: does not work\n{reported}"));
    }
    if let Some(silent) = first.diagnostics.iter().find(|problem| problem.suggestion.is_none()) {
        return Some(format!("{name}: no lines to write for `{}`\n{reported}", silent.message));
    }
    pasted(folder.path(), &first);
    let second = checked(folder.path());
    second.plan.is_none().then(|| {
        let text = fs::read_to_string(folder.path().join(files[0].0)).unwrap_or_default();
        format!("{name}: the answer does not pass\n{reported}\n--- pasted\n{text}\n--- gives\n{}", shown(&second))
    })
}

fn run(lists: &[&str], files: impl Fn(&str) -> Vec<(&'static str, String)>) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/newcomers");
    let text = |list: &&str| fs::read_to_string(folder.join(list)).expect("the list is there");
    let all: Vec<(String, String)> = lists.iter().flat_map(|list| snippets(&text(list))).collect();
    let failures: Vec<String> = all.iter().filter_map(|(name, text)| failure(name, &files(text))).collect();
    assert!(failures.is_empty(), "{} of {}:\n{}", failures.len(), all.len(), failures.join("\n========\n"));
}

#[test]
fn steps_as_other_tools_write_them() {
    run(&["steps.txt", "steps-2.txt"], |text| {
        let indented = text.lines().fold(String::new(), |all, line| all + "  " + line + "\n");
        let pipeline = "version: 1\npipeline: demo\nsecrets: { TOKEN: { env: TOKEN } }\nstages: [a.yaml]\n".to_owned();
        vec![("a.yaml", format!("stage: a\nsteps:\n{indented}")), ("pipeline.yaml", pipeline)]
    });
}

#[test]
fn stages_as_other_tools_write_them() {
    run(&["stages.txt", "stages-2.txt"], |text| {
        let pipeline =
            "version: 1\npipeline: demo\nstages: [a.yaml, { stage: build, steps: { b: { shell: make } } }]\n";
        vec![("a.yaml", text.to_owned()), ("pipeline.yaml", pipeline.to_owned())]
    });
}

#[test]
fn files_as_other_tools_write_them() {
    run(&["files.txt", "files-2.txt"], |text| vec![("pipeline.yaml", text.to_owned())]);
}
