//! What is written is read again; what is damaged is cut; nothing wrong is ever replayed.

use super::*;
use crate::core::journal::frame::Damage;
use crate::core::model::event::{FORMAT_VERSION, NodeId, NodeOutline, Role, StageOutline, State};
use crate::core::model::outcome::{Failure, Outputs};
use proptest::prelude::*;
use serde_json::json;
use std::sync::atomic::{AtomicU64, Ordering};

fn started() -> Event {
    let outline = |name: &str, role| NodeOutline {
        name: name.to_owned(),
        stage: 0,
        role,
        kind: "shell".to_owned(),
        title: "run it".to_owned(),
        assertions: 1,
        ..NodeOutline::default()
    };
    Event::RunStarted {
        format: FORMAT_VERSION,
        run: "20261123-145501-k3f9".to_owned(),
        pipeline: "todo".to_owned(),
        time: "2026-11-23T14:55:01Z".to_owned(),
        profile: None,
        stages: vec![StageOutline { name: "build".to_owned(), ..StageOutline::default() }],
        nodes: vec![outline("build.a", Role::Step), outline("build.gate", Role::Gate)],
        runner: None,
        namespace: None,
        continues: None,
    }
}

fn finished(outputs: Outputs) -> Event {
    Event::NodeFinished {
        node: NodeId(0),
        state: State::Passed,
        because: None,
        failure: None,
        fault: None,
        tolerated: false,
        outputs,
        elapsed: Duration::from_micros(1234),
        log: None,
        fingerprint: None,
        made: None,
    }
}

fn events() -> Vec<Event> {
    let outputs =
        json!({"digest": "sha256:ö\n\"", "size": 612, "big": u64::MAX, "half": 0.1, "list": [null, {"a": -1}]});
    let retry = Event::AttemptFailed {
        node: NodeId(0),
        attempt: 1,
        failure: Failure::new("exit code 1"),
        retry_in: Duration::from_secs(2),
    };
    vec![
        started(),
        Event::NodeStarted { node: NodeId(0), attempt: 1 },
        retry,
        finished(serde_json::from_value(outputs).expect("a map")),
        Event::Warned { message: "café ☕".to_owned() },
        Event::RunFinished { state: State::Passed, exit_code: 0, elapsed: Duration::MAX },
    ]
}

struct Case {
    folder: tempfile::TempDir,
}

impl Case {
    fn new() -> Self {
        Case { folder: tempfile::tempdir().expect("a temporary folder") }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("journal.ndjson")
    }

    /// A journal of [`events`], in batches, each a millisecond after the other; and what `append` handed back.
    fn write(&self) -> Vec<Record> {
        let time = AtomicU64::new(0);
        let clock = move || Duration::from_millis(time.fetch_add(1, Ordering::Relaxed));
        let mut writer = Writer::create(&self.path(), clock).expect("a new file");
        events().chunks(2).flat_map(|batch| writer.append(batch.to_vec()).expect("room enough")).collect()
    }

    fn read(&self) -> (Vec<Record>, End) {
        let mut reader = Reader::open(&self.path()).expect("a journal");
        let records = reader.by_ref().collect();
        (records, reader.end().expect("it is over"))
    }
}

#[test]
fn reads_what_was_written() {
    let case = Case::new();
    let written = case.write();
    assert_eq!(written.iter().map(|record| record.event.clone()).collect::<Vec<_>>(), events());
    let marks: Vec<(u64, u128)> = written.iter().map(|record| (record.seq, record.at.as_millis())).collect();
    assert_eq!(marks, [(0, 0), (1, 0), (2, 1), (3, 1), (4, 2), (5, 2)]);
    assert_eq!(case.read(), (written, End::Whole));
}

#[test]
fn what_follows_a_damaged_record_is_kept_aside() {
    let case = Case::new();
    case.write();
    let mut bytes = std::fs::read(case.path()).expect("there");
    let second = bytes.iter().position(|byte| *byte == b'\n').expect("lines") + 1;
    bytes[second + 30] ^= 1;
    std::fs::write(case.path(), &bytes).expect("written");
    let reopened = Writer::open_for_append(&case.path(), || Duration::ZERO).expect("it can be gone on with");
    assert_eq!(reopened.records.len(), 1);
    assert_eq!(std::fs::read(case.path().with_extension("damaged")).expect("there"), bytes);
}

#[test]
fn goes_on_after_the_last_good_record() {
    let case = Case::new();
    let mut expected = case.write();
    let whole = std::fs::metadata(case.path()).expect("written").len();
    let mut file = OpenOptions::new().append(true).open(case.path()).expect("writable");
    file.write_all(b"0000002a 12345678 {\"seq\":6,").expect("room enough");
    let Reopened { mut writer, records, cut } =
        Writer::open_for_append(&case.path(), || Duration::from_secs(9)).expect("a journal");
    assert_eq!((&records, cut), (&expected, 27));
    assert_eq!(std::fs::metadata(case.path()).expect("written").len(), whole);
    expected.extend(writer.append(vec![Event::Interrupted { signal: 2 }]).expect("room enough"));
    assert_eq!(expected[6].seq, 6);
    assert_eq!(case.read(), (expected, End::Whole));
}

#[test]
fn refuses_a_journal_of_another_format_or_of_something_else() {
    let case = Case::new();
    case.write();
    let text = std::fs::read_to_string(case.path()).expect("text");
    let json = text.lines().next().expect("a line")[18..].replace("\"format\":1", "\"format\":7,\"new\":1");
    let line = format!("{:08x} {:08x} {json}\n", json.len(), crc32fast::hash(json.as_bytes()));
    std::fs::write(case.path(), line).expect("writable");
    let error = Reader::open(&case.path()).expect_err("another format");
    let expected = format!("the journal {} is written in format 7, expected format 1", case.path().display());
    assert_eq!(error.to_string(), expected);
    assert!(matches!(Writer::open_for_append(&case.path(), || Duration::ZERO), Err(JournalError::Version { .. })));
    let second = text.lines().nth(1).expect("a second line").to_owned() + "\n";
    std::fs::write(case.path(), second).expect("writable");
    assert!(matches!(Reader::open(&case.path()), Err(JournalError::NotAJournal { .. })));
    assert!(matches!(Reader::open(Path::new("/no/such")), Err(JournalError::Io { doing: "open", .. })));
}

#[test]
fn only_one_process_writes() {
    let case = Case::new();
    let writer = Writer::create(&case.path(), || Duration::ZERO).expect("a new file");
    assert!(matches!(Writer::open_for_append(&case.path(), || Duration::ZERO), Err(JournalError::Busy { .. })));
    drop(writer);
    assert!(Writer::open_for_append(&case.path(), || Duration::ZERO).is_ok());
}

#[test]
fn a_full_disk_is_named_and_leaves_no_half_record() {
    let full = Path::new("/dev/full");
    if !full.exists() {
        return;
    }
    let file = OpenOptions::new().append(true).open(full).expect("always writable");
    let case = Case::new();
    let mut writer = Writer::create(&case.path(), || Duration::ZERO).expect("a new file");
    let good = writer.append(vec![started()]).expect("room enough");
    let real = std::mem::replace(&mut writer.file, file);
    let error = writer.append(vec![finished(Outputs::new())]).expect_err("no space");
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    assert!(error.to_string().starts_with(&format!("cannot write the journal {}: ", case.path().display())));
    writer.file = real;
    // What a device file cannot do, cutting, failed as well: nothing may follow.
    assert!(writer.append(vec![finished(Outputs::new())]).is_err());
    assert_eq!(case.read(), (good, End::Whole));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn whatever_is_cut_or_flipped_only_a_prefix_of_the_truth_is_read(
        at in 0usize..2000, flip in 0u8..=255, cut in any::<bool>()
    ) {
        let case = Case::new();
        let truth = case.write();
        let mut bytes = std::fs::read(case.path()).expect("written");
        let at = at % bytes.len();
        if cut { bytes.truncate(at) } else { bytes[at] ^= flip }
        std::fs::write(case.path(), &bytes).expect("writable");

        let (records, end) = match Reader::open(&case.path()) {
            Ok(mut reader) => (reader.by_ref().collect::<Vec<_>>(), reader.end()),
            Err(error) => return Err(TestCaseError::fail(error.to_string())),
        };
        prop_assert_eq!(&records[..], &truth[..records.len()]);
        if !cut && flip != 0 {
            let damaged = matches!(end, Some(End::Damaged { damage: Damage::Changed | Damage::Torn, .. }));
            prop_assert!(damaged, "{:?}", end);
        }

        let Reopened { mut writer, records: again, cut } =
            Writer::open_for_append(&case.path(), || Duration::ZERO).expect("a journal");
        prop_assert_eq!(&again, &records);
        let length = std::fs::metadata(case.path()).expect("written").len();
        prop_assert_eq!(length + cut, bytes.len() as u64);
        let more = if records.is_empty() { started() } else { Event::Interrupted { signal: 15 } };
        let expected: Vec<Record> = records.into_iter().chain(writer.append(vec![more]).expect("room enough")).collect();
        prop_assert_eq!(case.read(), (expected, End::Whole));
    }
}

/// Run in release: `cargo test --release --lib cost_of_an_event -- --ignored --nocapture`.
#[test]
#[ignore = "a measurement"]
#[expect(clippy::print_stderr, reason = "a measurement is read by people")]
fn cost_of_an_event() {
    let case = Case::new();
    let start = std::time::Instant::now();
    let mut writer = Writer::create(&case.path(), move || start.elapsed()).expect("a new file");
    writer.append(vec![started()]).expect("room enough");
    let outputs: Outputs = serde_json::from_value(json!({"digest": "sha256:0123456789abcdef"})).expect("a map");
    let pair = [Event::NodeStarted { node: NodeId(0), attempt: 1 }, finished(outputs)];
    for _ in 0..10_000 {
        for event in &pair {
            writer.append(vec![event.clone()]).expect("room enough");
        }
    }
    let each = start.elapsed() / 20_000;
    drop(writer);
    let start = std::time::Instant::now();
    let records = Reader::open(&case.path()).expect("a journal").count();
    eprintln!("one event: {each:?} to append, {:?} to replay", start.elapsed() / u32::try_from(records).expect("few"));
    assert!(cfg!(debug_assertions) || each < Duration::from_micros(8), "{each:?}");
}
