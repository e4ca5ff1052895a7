//! The reference pages in docs/ are what the code says; `make docs` writes them anew.

use std::fs;
use std::path::Path;

use pipeline::cli::REGISTRY;
use pipeline::core::model::diagnostic::CODES;
use pipeline::core::report::reference;
use pipeline::core::spec::schema;

/// Every generated file below docs/, with its text.
fn pages() -> Vec<(String, String)> {
    let mut pages = Vec::new();
    for kind in REGISTRY.steps {
        pages.push((format!("docs/reference/step-{}.md", kind.name), reference::page(kind, "step")));
    }
    for kind in REGISTRY.assertions {
        pages.push((format!("docs/reference/assertion-{}.md", kind.name), reference::page(kind, "assertion")));
    }
    let codes = CODES.iter().map(|row| format!("## {}\n\n{}\n", row.name, row.explanation));
    pages.push((
        "docs/reference/codes.md".into(),
        format!("# Diagnostic codes\n\n{}", codes.collect::<Vec<_>>().join("\n")),
    ));
    pages.push(("docs/reference/causes.md".into(), reference::causes()));
    pages.push(("docs/reference/expressions.md".into(), pipeline::core::expr::page()));
    pages.push(("docs/reference/expectations.md".into(), reference::EXPECTATIONS.to_owned()));
    pages.push(("docs/reference/use.md".into(), reference::USE.to_owned()));
    pages.push(("docs/reference/README.md".into(), reference::overview(REGISTRY)));
    for (name, schema) in [
        ("pipeline", schema::pipeline(REGISTRY)),
        ("stage", schema::stage(REGISTRY)),
        ("part", schema::part(REGISTRY)),
        ("gate", schema::gate(REGISTRY)),
    ] {
        pages.push((format!("docs/schema/{name}.schema.json"), format!("{schema:#}\n")));
    }
    pages
}

#[test]
fn reference_pages_are_what_the_code_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let update = std::env::var_os("UPDATE").is_some();
    let mut stale = Vec::new();
    for (name, text) in pages() {
        let path = root.join(&name);
        if update {
            fs::create_dir_all(path.parent().expect("the pages lie in folders")).expect("docs/ can be written");
            fs::write(&path, text).expect("docs/ can be written");
        } else if fs::read_to_string(&path).unwrap_or_default() != text {
            stale.push(name);
        }
    }
    assert!(stale.is_empty(), "`make docs` writes these anew: {}", stale.join(", "));
}

#[test]
fn every_example_of_a_kind_is_checked() {
    for (kind, list) in [
        ("step", REGISTRY.steps.iter().map(|kind| (kind.name, kind.example)).collect::<Vec<_>>()),
        ("assertion", REGISTRY.assertions.iter().map(|kind| (kind.name, kind.example)).collect()),
    ] {
        for (name, example) in list {
            let mut sources = pipeline::core::model::source::SourceMap::default();
            let mut out = pipeline::core::model::diagnostic::Diagnostics::default();
            let file = sources.add(format!("{kind} {name}"), name, example);
            let node = pipeline::core::yaml::parse(&sources, file, &mut out);
            let node = node.unwrap_or_else(|| panic!("the example of {kind} {name} is no YAML: {out:?}"));
            let shape = match kind {
                "step" => REGISTRY.step(name).expect("listed").shape(),
                _ => REGISTRY.assertion(name).expect("listed").shape(),
            };
            shape.check(&node, &mut Nothing, &mut out);
            assert!(out.is_empty(), "the example of {kind} {name} does not fit: {out:?}");
        }
    }
}

struct Nothing;

impl pipeline::core::yaml::Formats for Nothing {
    fn judge(&mut self, _: pipeline::core::yaml::Format<'_>, _: &mut pipeline::core::model::diagnostic::Diagnostics) {}
}

/// The text of every Rust file below a folder.
fn texts(folder: &Path, into: &mut String) {
    for entry in fs::read_dir(folder).expect("a folder of the package can be read") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            texts(&path, into);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            into.push_str(&fs::read_to_string(&path).expect("source is UTF-8"));
        }
    }
}

#[test]
fn every_promise_of_the_threat_model_names_tests_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/threat-model.md")).expect("the page exists");
    let (_, promises) = page.split_once("| promise | kept by |").expect("the table of promises");
    let rows = promises.lines().skip(2).take_while(|line| line.starts_with('|'));
    let rows: Vec<(&str, &str)> = rows.filter_map(|row| row.trim_matches('|').rsplit_once('|')).collect();
    let mut code = String::new();
    texts(&root.join("src"), &mut code);
    texts(&root.join("tests"), &mut code);
    let (mut wrong, mut count) = (Vec::new(), 0);
    for (promise, tests) in rows.iter().filter(|(promise, _)| !promise.trim().starts_with("**")) {
        let names: Vec<&str> = tests.split('`').skip(1).step_by(2).collect();
        count += names.len();
        if names.is_empty() {
            wrong.push(format!("nothing keeps: {}", promise.trim()));
        }
        let missing = names.iter().filter(|name| !code.contains(&format!("fn {name}(")));
        wrong.extend(missing.map(|name| format!("`{name}` is no test")));
    }
    assert!(count > 30, "the table was read: {count} tests");
    assert!(wrong.is_empty(), "docs/threat-model.md:\n  {}", wrong.join("\n  "));
}

#[test]
fn the_files_of_the_page_on_runners_are_a_pipeline_that_checks() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/runners.md")).expect("the page");
    let project = tempfile::tempdir().expect("a folder");
    let blocks: Vec<&str> = page.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    for name in ["pipeline.yaml", "stages/test.yaml"] {
        let block = blocks.iter().find(|block| block.starts_with(&format!("# {name}\n"))).expect("the page has it");
        let path = project.path().join(name);
        fs::create_dir_all(path.parent().expect("below the folder")).expect("writable");
        fs::write(path, block).expect("writable");
    }
    let block = |comment: &str| *blocks.iter().find(|block| block.starts_with(comment)).expect("the page has it");
    let more = format!("stage: more\n{}{}", block("# a service\n"), block("# an assertion\n"));
    fs::write(project.path().join("stages/more.yaml"), more).expect("writable");
    let submit = block("# submit\n").trim_end().replace('\n', "\n      ");
    let role = block("# rbac.yaml\n").split_once("metadata:").expect("a Role").1;
    let manifests = fs::read_to_string(root.join("examples/farm/submit.yaml")).expect("the file");
    assert!(manifests.contains(role.trim()), "examples/farm/submit.yaml has the Role of the page");
    let template = block("# a template\n").replace('\n', "\n      ");
    let pipeline = block("# pipeline.yaml\n")
        .replace("max: 50\n", &format!("max: 50\n      store: files\n      {submit}\n      {template}\n"));
    let pipeline = pipeline.replace("[stages/test.yaml]", "[stages/test.yaml, stages/more.yaml]");
    fs::write(project.path().join("pipeline.yaml"), pipeline).expect("writable");
    let options = pipeline::core::plan::Options { file: project.path().join("pipeline.yaml"), ..Default::default() };
    let loaded = pipeline::core::plan::load(&options, REGISTRY).expect("readable");
    let wrong: Vec<String> = loaded.diagnostics.iter().map(|found| found.message.clone()).collect();
    assert_eq!(wrong, [""; 0]);
    let plan = loaded.plan.expect("nothing is wrong");
    assert_eq!(plan.runners(), ["farm"]);
    let nodes = plan.nodes().iter();
    let nodes = nodes.filter(|node| node.step != "gate");
    assert!(nodes.into_iter().all(|node| node.runs_on.as_ref().is_some_and(|remote| remote.runner == 0)));
}
