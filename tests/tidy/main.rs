//! Holds the house's rules over the source text: layers, file sizes, sorted registries, one fixture a diagnostic code.
//! Reads text, not types: a rule is a table or a line below, and its failure names file and line.

mod house;
mod paths;
mod source;
mod words;

use std::collections::BTreeSet;
use std::fs;

use source::{files, package};

/// What `report` may import of `core`, and which of its parts may import more: events in, words out.
const REPORT: &[&str] = &["model", "report"];
#[rustfmt::skip]
const REPORT_PARTS: &[(&str, &[&str])] = &[
    ("report/plan",      &["plan"]),
    ("report/reference", &["kind", "spec"]),
];

/// Words that start processes or open sockets, and the modules that may use them.
const OUTSIDE: &[&str] = &[
    "std::process",
    "tokio::process",
    "tokio::net",
    "TcpListener",
    "TcpStream",
    "UdpSocket",
    "UnixListener",
    "UnixStream",
];
const MAY_REACH_OUTSIDE: &[&str] =
    &["cli", "ask", "containers", "http", "kubernetes", "main", "process", "results", "secrets", "core/journal"];

const PRINTS: &[&str] = &["println!", "eprintln!", "print!", "eprint!", "dbg!"];
const PRINTERS: &[&str] = &["cli", "core/report"];

const LONGEST_FILE: usize = 400;

fn fail_with(rule: &str, wrong: &[String]) {
    assert!(wrong.is_empty(), "{rule}\n  {}\n", wrong.join("\n  "));
}

#[test]
fn a_report_sees_events_and_never_the_outside() {
    let mut wrong = Vec::new();
    for file in files("src").iter().filter(|file| !file.is_test && file.place() == "core/report") {
        let more = REPORT_PARTS.iter().filter(|(part, _)| file.path.starts_with(&format!("src/core/{part}")));
        let more: Vec<&str> = more.flat_map(|(_, parts)| parts.iter().copied()).collect();
        for (line, path) in paths::paths(file) {
            let imported = path.get(1).map_or("", String::as_str);
            if path[0] != "core" || !REPORT.contains(&imported) && !more.contains(&imported) {
                wrong.push(format!("{}:{line}: imports `{}`", file.path, path.join("::")));
            }
        }
    }
    fail_with("`core::report` sees events and the words for them (REPORT, REPORT_PARTS):", &wrong);
}

#[test]
fn the_engine_names_no_kind_and_no_reporter() {
    let names: BTreeSet<String> = registries().iter().flat_map(|folder| Registry::read(folder).table).collect();
    let quoted: Vec<String> = // not `secrets`: it is a name of expressions too
        names.iter().filter(|name| *name != "secrets").map(|name| format!("\"{name}\"")).collect();
    let quoted: Vec<&str> = quoted.iter().map(String::as_str).collect();
    let wrong: Vec<String> = files("src")
        .iter()
        .filter(|file| !file.is_test && file.place() == "core/engine")
        .flat_map(|file| file.lines_with(&quoted).collect::<Vec<_>>())
        .collect();
    fail_with("`core::engine` knows no kind by its name:", &wrong);
}

/// Where `words` are in code outside `places`. Test code may use them: measurements print, fakes listen.
fn outside(places: &[&str], words: &[&str]) -> Vec<String> {
    let files = files("src");
    let others = files.iter().filter(|file| !file.is_test && !places.contains(&file.place().as_str()));
    others.flat_map(|file| file.lines_with(words).collect::<Vec<_>>()).collect()
}

#[test]
fn only_technologies_reach_outside() {
    let wrong = outside(MAY_REACH_OUTSIDE, OUTSIDE);
    fail_with("only technologies start processes and open sockets (OUTSIDE, MAY_REACH_OUTSIDE):", &wrong);
}

/// Files that look at the wall clock: to date, to read what others dated, or for a random seed (`http/steps/traffic`).
const DATED: &str = "cli/baseline cli/clean cli/gate cli/run/storage core/engine/scope core/kind/context http/load/tally \
    http/steps/traffic kubernetes/assertions/events kubernetes/assertions/logs kubernetes/assertions/pods/measures \
    kubernetes/assertions/rollout kubernetes/client/credentials kubernetes/client/fresh kubernetes/explain/gather \
    kubernetes/helm/act/pending kubernetes/logs/scan kubernetes/ownership/lease kubernetes/providers/record \
    kubernetes/steps/kube/restart kubernetes/steps/kube/verb_context results/assertions/reports \
    results/assertions/reports/files";

#[test]
fn times_are_measured_by_a_clock_that_does_not_jump() {
    let mut wrong = outside(&[], &["SystemTime::now", "Timestamp::now", "Zoned::now"]);
    wrong.retain(|found| !DATED.split(' ').any(|file| found.starts_with(&format!("src/{file}.rs"))));
    fail_with("time is measured by `Instant`, the wall clock only dates (DATED):", &wrong);
}

/// The one file that may go behind the compiler's back.
const UNSAFE: &str = "src/process/start/linux.rs";

#[test]
fn one_file_alone_is_unsafe() {
    let mut wrong = outside(&[], &["unsafe {", "unsafe fn", "unsafe impl", "unsafe extern", "allow(unsafe_code"]);
    wrong.retain(|found| !found.starts_with(UNSAFE));
    fail_with("unsafe code is in one audited file (UNSAFE):", &wrong);
}

#[test]
fn only_cli_and_report_print() {
    fail_with("only cli and core::report print (PRINTS, PRINTERS):", &outside(PRINTERS, PRINTS));
}

#[test]
fn every_file_says_what_it_is_and_stays_short() {
    let mut wrong = Vec::new();
    for file in files("src").iter().chain(&files("tests")) {
        if !file.text.starts_with("//!") {
            wrong.push(format!("{}:1: opens without `//!`", file.path));
        }
        let lines = file.text.lines().count();
        if lines > LONGEST_FILE {
            wrong.push(format!("{}: has {lines} lines, expected at most {LONGEST_FILE}: split it", file.path));
        }
    }
    fail_with("every file opens with its role in a line and stays short:", &wrong);
}

/// The table of a folder of kinds.
struct Registry {
    modules: Vec<String>,
    table: Vec<String>,
}

impl Registry {
    fn read(folder: &str) -> Self {
        let text = fs::read_to_string(package().join(format!("src/{folder}.rs"))).expect("the registry exists");
        let names = |start: &str, end: &str| {
            text.lines()
                .filter_map(|line| Some(line.trim().strip_prefix(start)?.strip_suffix(end)?.to_owned()))
                .collect()
        };
        Registry { modules: names("pub mod ", ";"), table: names("&", "::KIND,") }
    }
}

/// The folders of kinds: `http/steps`, `http/assertions`.
fn registries() -> Vec<String> {
    let all = files("src");
    let tables = all
        .iter()
        .filter(|file| ["steps", "assertions"].iter().any(|name| file.path.ends_with(&format!("/{name}.rs"))));
    let names = tables.map(|file| file.path["src/".len()..].trim_end_matches(".rs").to_owned());
    names.filter(|name| name.split('/').count() == 2 && !name.starts_with("core/")).collect()
}

#[test]
fn registries_are_sorted_and_whole() {
    let mut wrong = Vec::new();
    let tables = fs::read_to_string(package().join("src/kinds.rs")).expect("the tables exist");
    assert!(registries().len() > 6, "the tables are found: {:?}", registries());
    for folder in registries() {
        let row = folder.replace('/', "::");
        if !tables.contains(&format!("{row}::{}", folder.split('/').next_back().unwrap_or("").to_uppercase())) {
            wrong.push(format!("src/kinds.rs: no row for `{row}`"));
        }
        let Registry { modules, table } = Registry::read(&folder);
        for list in [&modules, &table] {
            for pair in list.windows(2).filter(|pair| pair[0] >= pair[1]) {
                wrong.push(format!("src/{folder}.rs: `{}` is before `{}`", pair[0], pair[1]));
            }
        }
        let entries = fs::read_dir(package().join("src").join(&folder)).expect("the folder of kinds exists");
        let files = entries.map(|entry| entry.expect("readable").path()).filter(|path| path.is_file());
        for path in files {
            let name = path.file_stem().expect("a file has a name").to_string_lossy().into_owned();
            let text = fs::read_to_string(&path).expect("source is UTF-8");
            if !modules.contains(&name) {
                wrong.push(format!("src/{folder}/{name}.rs: no `mod {name};` in src/{folder}.rs"));
            }
            if text.contains("pub const KIND") != table.contains(&name) {
                wrong.push(format!("src/{folder}/{name}.rs: its KIND and the table of src/{folder}.rs do not agree"));
            }
        }
    }
    fail_with("each kind is a file and its row, sorted by name:", &wrong);
}

/// The names in the table of codes, in its order.
fn codes() -> Vec<String> {
    let text = fs::read_to_string(package().join("src/core/model/diagnostic/codes.rs")).expect("the table exists");
    let rows = text.split_once("\ncodes! {\n").expect("the table is there").1;
    let rows = rows.lines().take_while(|line| !line.starts_with('}'));
    rows.filter_map(|line| {
        let (variant, name) = line.trim().split_once(' ')?;
        variant.chars().all(char::is_alphanumeric).then(|| name.trim().trim_matches('"').to_owned())
    })
    .filter(|name| !name.contains(' '))
    .collect()
}

#[test]
fn codes_are_sorted_and_each_has_a_fixture() {
    let codes = codes();
    assert!(codes.len() > 20, "the table of codes is read: {codes:?}");
    let unsorted = codes.windows(2).filter(|pair| pair[0] >= pair[1]);
    let mut wrong: Vec<String> = unsorted.map(|pair| format!("`{}` is before `{}`", pair[0], pair[1])).collect();

    if let Ok(entries) = fs::read_dir(package().join("tests/diagnostics")) {
        let fixtures: Vec<String> =
            entries.map(|entry| entry.expect("readable").file_name().to_string_lossy().into_owned()).collect();
        let is_of = |fixture: &String, code: &String| {
            fixture.strip_prefix(code.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '_']))
        };
        let lacking = codes.iter().filter(|code| !fixtures.iter().any(|fixture| is_of(fixture, code)));
        wrong.extend(lacking.map(|code| format!("`{code}` has no fixture in tests/diagnostics")));
    }
    fail_with("codes are sorted by name, and each has a fixture named after it:", &wrong);
}

/// Paths in backticks of ARCHITECTURE.md and CONTRIBUTING.md that begin in `src/`.
#[test]
fn the_map_names_files_that_exist() {
    let mut wrong = Vec::new();
    for page in ["ARCHITECTURE.md", "CONTRIBUTING.md"] {
        let text = fs::read_to_string(package().join(page)).expect("the page exists");
        for path in text
            .split('`')
            .skip(1)
            .step_by(2)
            .filter(|quoted| quoted.contains('/') && !quoted.contains(['*', ' ', '!']))
        {
            let below = path.strip_prefix("src/").unwrap_or(path).trim_end_matches('/');
            let is_placeholder = below.split('/').any(|part| part.chars().any(char::is_uppercase));
            let places =
                [package().join(below), package().join("src").join(below), package().join(format!("src/{below}.rs"))];
            if !is_placeholder
                && !["steps", "assertions"].contains(&below)
                && !places.iter().any(|place| place.exists())
            {
                wrong.push(format!("{page}: `{path}`"));
            }
        }
    }
    fail_with("paths that do not exist:", &wrong);
}
