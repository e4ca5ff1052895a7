//! The reference pages in docs/ are what the code says; `make docs` writes them anew.

use std::fs;
use std::path::Path;

use pipeline::cli::REGISTRY;
use pipeline::diagnostic::CODES;
use pipeline::report::reference;
use pipeline::spec::schema;

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
    pages.push(("docs/reference/README.md".into(), reference::overview(REGISTRY)));
    for (name, schema) in
        [("pipeline", schema::pipeline(REGISTRY)), ("stage", schema::stage(REGISTRY)), ("gate", schema::gate(REGISTRY))]
    {
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
            let mut sources = pipeline::source::SourceMap::default();
            let mut out = pipeline::diagnostic::Diagnostics::default();
            let file = sources.add(format!("{kind} {name}"), name, example);
            let node = pipeline::document::parse(&sources, file, &mut out);
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

impl pipeline::document::Formats for Nothing {
    fn judge(&mut self, _: pipeline::document::Format<'_>, _: &mut pipeline::diagnostic::Diagnostics) {}
}
