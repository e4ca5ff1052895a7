//! Holds the house's rules over the source text: layers, file sizes, sorted registries, one fixture a diagnostic code.
//! Reads text, not types: a rule is a table or a line below, and its failure names file and line.

mod source;
mod words;

use std::collections::BTreeSet;
use std::fs;

use source::{files, imports, package};

/// Every room of `src/`: its layer, and the rooms of its own layer that it may import. Lower layers are free to all;
/// test code is free to import anything.
#[rustfmt::skip]
const ROOMS: &[(&str, u8, &[&str])] = &[
    // 0: vocabulary; no IO, no async
    ("diagnostic", 0, &["source"]),
    ("expect",     0, &["outcome", "units"]),
    ("mask",       0, &[]),
    ("outcome",    0, &[]),
    ("source",     0, &[]),
    ("units",      0, &[]),
    // 1: YAML, events, CEL, the outside world
    ("document",   1, &[]),
    ("drivers",    1, &[]),
    ("event",      1, &[]),
    ("expr",       1, &["document"]),
    // 2: what a kind is, what was written, what will run
    ("kind",       2, &[]),
    ("plan",       2, &["kind", "spec"]),
    ("spec",       2, &["kind"]),
    // 3: the kinds, the record, the scheduling
    ("assertions", 3, &[]),
    ("engine",     3, &[]),
    ("journal",    3, &[]),
    ("steps",      3, &[]),
    // 4: words
    ("exit_code",  4, &[]),
    ("report",     4, &[]),
    // 5: the command line
    ("cli",        5, &[]),
];

/// What `report` may import, and which of its parts may import more: events in, words out.
const REPORT: &[&str] = &["diagnostic", "event", "outcome", "source", "units"];
#[rustfmt::skip]
const REPORT_PARTS: &[(&str, &[&str])] = &[
    ("core/report/plan",      &["plan"]),
    ("core/report/reference", &["kind", "spec"]),
];

/// Words that start processes or open sockets, and the rooms that may use them.
const WORLD: &[&str] = &[
    "std::process",
    "tokio::process",
    "tokio::net",
    "TcpListener",
    "TcpStream",
    "UdpSocket",
    "UnixListener",
    "UnixStream",
];
const WORLDLY: &[&str] = &["cli", "drivers", "journal", "main"];

const PRINTS: &[&str] = &["println!", "eprintln!", "print!", "eprint!", "dbg!"];
const PRINTERS: &[&str] = &["cli", "report"];

const LONGEST_FILE: usize = 400;

fn room(name: &str) -> Option<&'static (&'static str, u8, &'static [&'static str])> {
    ROOMS.iter().find(|room| room.0 == name)
}

fn fail_with(rule: &str, wrong: &[String]) {
    assert!(wrong.is_empty(), "{rule}\n  {}\n", wrong.join("\n  "));
}

#[test]
fn a_module_imports_only_lower_layers() {
    let mut wrong = Vec::new();
    for file in files("src").iter().filter(|file| !file.is_test && !["lib", "main"].contains(&file.room())) {
        let Some((name, layer, beside)) = room(file.room()) else {
            wrong.push(format!("{}: the room `{}` has no row in ROOMS", file.path, file.room()));
            continue;
        };
        for (line, imported) in imports(&file.code) {
            let allowed = match room(&imported) {
                Some((other, below, _)) => other == name || below < layer || beside.contains(other),
                None => false,
            };
            if !allowed {
                wrong.push(format!("{}:{line}: `{name}` imports `{imported}`", file.path));
            }
        }
    }
    fail_with("a module imports only lower layers (DESIGN 4; the table is ROOMS):", &wrong);
}

#[test]
fn the_rooms_of_the_table_exist() {
    let missing = |name: &str| {
        let folder = package().join("src");
        !folder.join(format!("{name}.rs")).exists() && !folder.join(name).is_dir()
    };
    let wrong: Vec<String> = ROOMS.iter().map(|room| room.0.to_owned()).filter(|name| missing(name)).collect();
    fail_with("these rooms of ROOMS are gone:", &wrong);
}

#[test]
fn a_report_sees_events_and_never_the_world() {
    let mut wrong = Vec::new();
    for file in files("src").iter().filter(|file| !file.is_test && file.room() == "report") {
        let more = REPORT_PARTS.iter().filter(|(part, _)| file.path.starts_with(&format!("src/{part}")));
        let more: Vec<&str> = more.flat_map(|(_, rooms)| rooms.iter().copied()).collect();
        for (line, imported) in imports(&file.code) {
            let imported = imported.as_str();
            if imported != "report" && !REPORT.contains(&imported) && !more.contains(&imported) {
                wrong.push(format!("{}:{line}: imports `{imported}`", file.path));
            }
        }
    }
    fail_with("`report` sees events and the words for them (REPORT, REPORT_PARTS):", &wrong);
}

#[test]
fn the_engine_names_no_kind_and_no_reporter() {
    let names: BTreeSet<String> =
        ["steps", "assertions"].iter().flat_map(|folder| Registry::read(folder).table).collect();
    let quoted: Vec<String> = // not `secrets`: it is a name of expressions too
        names.iter().filter(|name| *name != "secrets").map(|name| format!("\"{name}\"")).collect();
    let quoted: Vec<&str> = quoted.iter().map(String::as_str).collect();
    let wrong: Vec<String> = files("src")
        .iter()
        .filter(|file| !file.is_test && file.room() == "engine")
        .flat_map(|file| file.lines_with(&quoted).collect::<Vec<_>>())
        .collect();
    fail_with("`engine` knows no kind by its name:", &wrong);
}

/// Where `words` stand in code outside `rooms`. Test code may use them: measurements print, fakes listen.
fn outside(rooms: &[&str], words: &[&str]) -> Vec<String> {
    let files = files("src");
    let others = files.iter().filter(|file| !file.is_test && !rooms.contains(&file.room()));
    others.flat_map(|file| file.lines_with(words).collect::<Vec<_>>()).collect()
}

#[test]
fn only_drivers_touch_the_world() {
    fail_with("only drivers start processes and open sockets (WORLD, WORLDLY):", &outside(WORLDLY, WORLD));
}

/// Files that look at the wall clock: to date, to read what others dated, or for a random seed (`http/steps/traffic`).
const DATED: &str = "kubernetes/assertions/events kubernetes/assertions/logs results/assertions/reports cli/baseline cli/clean cli/gate cli/run/storage kubernetes/client/credentials kubernetes/explain/gather \
    kubernetes/ownership/lease kubernetes/logs/scan kubernetes/helm/pending kubernetes/providers/record http/load/tally \
    core/engine/scope core/kind/context kubernetes/steps/kube/restart http/steps/traffic";

#[test]
fn times_are_measured_by_a_clock_that_does_not_jump() {
    let mut wrong = outside(&[], &["SystemTime::now", "Timestamp::now", "Zoned::now"]);
    wrong.retain(|found| !DATED.split(' ').any(|file| found.starts_with(&format!("src/{file}.rs"))));
    fail_with("time is measured by `Instant`, the wall clock only dates (DATED):", &wrong);
}

/// The one file that may go behind the compiler's back.
const UNSAFE: &str = "src/process/start_linux.rs";

#[test]
fn one_room_alone_is_unsafe() {
    let mut wrong = outside(&[], &["unsafe {", "unsafe fn", "unsafe impl", "unsafe extern", "allow(unsafe_code"]);
    wrong.retain(|found| !found.starts_with(UNSAFE));
    fail_with("unsafe code stands in one audited room (UNSAFE):", &wrong);
}

#[test]
fn only_cli_and_report_print() {
    fail_with("only cli and report print (PRINTS, PRINTERS):", &outside(PRINTERS, PRINTS));
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
        Registry { modules: names("mod ", ";"), table: names("&", "::KIND,") }
    }
}

#[test]
fn registries_are_sorted_and_whole() {
    let mut wrong = Vec::new();
    for folder in ["steps", "assertions"] {
        let Registry { modules, table } = Registry::read(folder);
        for list in [&modules, &table] {
            for pair in list.windows(2).filter(|pair| pair[0] >= pair[1]) {
                wrong.push(format!("src/{folder}.rs: `{}` stands before `{}`", pair[0], pair[1]));
            }
        }
        let entries = fs::read_dir(package().join("src").join(folder)).expect("the folder of kinds exists");
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
    let mut wrong: Vec<String> = unsorted.map(|pair| format!("`{}` stands before `{}`", pair[0], pair[1])).collect();

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
