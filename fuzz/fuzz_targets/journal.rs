//! Journals: any bytes as a file, and any lines as records with a length and a checksum that fit. What can be read is told
//! by every report; nothing may panic.
#![no_main]

use std::fs;
use std::path::Path;

use libfuzzer_sys::fuzz_target;
use pipeline::core::journal::Reader;
use pipeline::core::report::run_state::RunState;
use pipeline::core::report::{json, junit, text};

fn replay(path: &Path) {
    let Ok(reader) = Reader::open(path) else { return };
    let mut story = RunState::default();
    for record in reader {
        story.apply(&record);
    }
    text::summary(&story);
    text::every_node(&story);
    junit::junit(&story);
    let _ = json::json(&story).to_string();
}

fuzz_target!(|data: &[u8]| {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("journal.ndjson");
    fs::write(&path, data).expect("a file can be written");
    replay(&path);
    let mut framed = Vec::new();
    for line in data.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        framed.extend_from_slice(format!("{:08x} {:08x} ", line.len(), crc32fast::hash(line)).as_bytes());
        framed.extend_from_slice(line);
        framed.push(b'\n');
    }
    fs::write(&path, framed).expect("a file can be written");
    replay(&path);
});
