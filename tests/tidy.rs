//! Holds the house's rules over the source text: layers, file sizes, sorted registries, one fixture a diagnostic code.
//! Reads text, not types: a rule is a table or a line below, and its failure names file and line.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

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
    ("report/plan",      &["plan"]),
    ("report/reference", &["kind", "spec"]),
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

/// A source file: its path below the package, its text, and that text without comments and inline tests.
struct File {
    path: String,
    text: String,
    code: String,
    is_test: bool,
}

impl File {
    /// `engine` for `src/engine/attempt.rs` and for `src/engine.rs`.
    fn room(&self) -> &str {
        let below = self.path.strip_prefix("src/").unwrap_or("");
        below.split('/').next().unwrap_or("").trim_end_matches(".rs")
    }

    fn lines_with<'a>(&'a self, words: &'a [&str]) -> impl Iterator<Item = String> + 'a {
        self.code.lines().enumerate().filter_map(move |(at, line)| {
            let word = words.iter().find(|word| stands_in(line, word))?;
            Some(format!("{}:{}: `{word}`", self.path, at + 1))
        })
    }
}

/// Whether `word` stands in `line` by itself: `println!` not in `eprintln!`.
fn stands_in(line: &str, word: &str) -> bool {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| !line[..at].ends_with(is_name))
}

fn package() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.expect("a folder of the package can be read").path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

fn files(folder: &str) -> Vec<File> {
    let mut paths = Vec::new();
    rust_files(&package().join(folder), &mut paths);
    paths.sort();
    let mut tests = BTreeSet::new();
    let mut files = Vec::new();
    for path in paths {
        let text = fs::read_to_string(&path).expect("source is UTF-8");
        let path = path.strip_prefix(package()).expect("it lies below").to_string_lossy().into_owned();
        let code = code_of(&path, &text, &mut tests);
        files.push(File { path, text, code, is_test: folder == "tests" });
    }
    for file in &mut files {
        let below = |test: &String| file.path == format!("{test}.rs") || file.path.starts_with(&format!("{test}/"));
        file.is_test |= tests.iter().any(below);
    }
    files
}

/// The text with comments blanked, up to `#[cfg(test)] mod … {`. Modules of tests in files of their own go to `tests`,
/// as paths without `.rs`. Lines keep their numbers.
fn code_of(path: &str, text: &str, tests: &mut BTreeSet<String>) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let mut code = String::new();
    for (at, line) in lines.iter().enumerate() {
        if line.trim() == "#[cfg(test)]" {
            let rest: Vec<&str> = lines[at + 1..].iter().map(|line| line.trim()).take(4).collect();
            let attributes: Vec<&str> = rest.iter().copied().take_while(|line| line.starts_with("#[")).collect();
            let item = rest.get(attributes.len()).copied().unwrap_or("");
            let module = item.trim_start_matches("pub(crate) ").trim_start_matches("pub(super) ");
            if let Some(name) = module.strip_prefix("mod ") {
                let Some(name) = name.strip_suffix(';') else { break };
                let elsewhere =
                    attributes.iter().find_map(|line| line.strip_prefix("#[path = \"")?.strip_suffix("\"]"));
                let folder = Path::new(path).parent().expect("a file lies in a folder").to_string_lossy().into_owned();
                tests.insert(match elsewhere {
                    Some(file) => format!("{folder}/{}", file.trim_end_matches(".rs")),
                    None if ["lib.rs", "main.rs", "mod.rs"].iter().any(|root| path.ends_with(root)) => {
                        format!("{folder}/{name}")
                    }
                    None => format!("{}/{name}", path.trim_end_matches(".rs")),
                });
            }
        }
        code.push_str(line.split("//").next().unwrap_or(""));
        code.push('\n');
    }
    code
}

/// Every room that `code` names by `crate::…`, with its line: `use crate::{a::B, c}` names `a` and `c`.
fn imports(code: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let before = code[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '$') {
            continue;
        }
        let line = code[..at].matches('\n').count() + 1;
        let rest = &code[at + "crate::".len()..];
        if let Some(group) = rest.strip_prefix('{') {
            found.extend(roots_of(group).into_iter().map(|name| (line, name)));
        } else {
            found.push((line, name_at(rest)));
        }
    }
    found.retain(|(_, name)| name.starts_with(|c: char| c.is_ascii_lowercase()));
    found
}

fn name_at(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

/// The first names of a group's members, up to its closing brace.
fn roots_of(group: &str) -> Vec<String> {
    let (mut depth, mut start, mut names) = (0, 0, Vec::new());
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            '}' | ',' if depth == 0 => {
                names.push(name_at(group[start..at].trim_start()));
                start = at + 1;
                if c == '}' {
                    break;
                }
            }
            _ => {}
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

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

/// Files that look at the wall clock: to date, to read what others dated, or for a random seed (`steps/traffic`).
const DATED: &str = "cli/clean cli/gate cli/run/keep drivers/cluster/lease drivers/helm/pending drivers/traffic/tally \
    kind/context steps/kube/restart steps/traffic";

#[test]
fn times_are_measured_by_a_clock_that_does_not_jump() {
    let mut wrong = outside(&[], &["SystemTime::now", "Timestamp::now", "Zoned::now"]);
    wrong.retain(|found| !DATED.split(' ').any(|file| found.starts_with(&format!("src/{file}.rs"))));
    fail_with("time is measured by `Instant`, the wall clock only dates (DATED):", &wrong);
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
    let text = fs::read_to_string(package().join("src/diagnostic/codes.rs")).expect("the table exists");
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

#[test]
fn reads_paths_and_groups() {
    let code = "use crate::source::Span;\nuse crate::{event::{Event, NodeId}, mask, outcome::Fault};\nlet x = crate::f();\n$crate::no";
    let expected = [(1, "source"), (2, "event"), (2, "mask"), (2, "outcome"), (3, "f")];
    assert_eq!(imports(code), expected.map(|(line, name)| (line, name.to_owned())));
}
