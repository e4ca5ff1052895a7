//! One line of the journal: `LENGTH CRC32 JSON`, the first two in eight hexadecimal digits, so that a torn or changed
//! line is found and the rest can still be searched with grep. Knows bytes and records; no file.

use crate::core::model::event::{FORMAT_VERSION, Record};

/// Digits of the length, a blank, digits of the checksum, a blank.
const HEAD: usize = 18;

/// Why a line is no record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Damage {
    /// It has no end: the process or the machine stopped while it was written.
    Torn,
    /// Length or checksum do not fit.
    Changed,
    /// It is whole, but no record that this version knows.
    Unknown,
    /// Its number does not follow the one before.
    OutOfOrder,
    /// The file system could not read it; another attempt may.
    Unreadable,
}

/// Appends the line of a record.
pub(super) fn put(record: &Record, out: &mut Vec<u8>) -> serde_json::Result<()> {
    let start = out.len();
    out.extend_from_slice(&[b' '; HEAD]);
    if let Err(error) = serde_json::to_writer(&mut *out, record) {
        out.truncate(start);
        return Err(error);
    }
    let head = head(&out[start + HEAD..]);
    out[start..start + HEAD].copy_from_slice(&head);
    out.push(b'\n');
    Ok(())
}

/// What is before a record's JSON.
fn head(json: &[u8]) -> [u8; HEAD] {
    // a record of 4 GiB does not come to be
    let length = u32::try_from(json.len()).unwrap_or(u32::MAX);
    let mut head = [b' '; HEAD];
    hexadecimal(length, &mut head[..8]);
    hexadecimal(crc32fast::hash(json), &mut head[9..17]);
    head
}

/// Writes the last digits of `number`, as many as there is room for.
fn hexadecimal(number: u32, out: &mut [u8]) {
    for (digit, place) in out.iter_mut().rev().zip(0..) {
        *digit = b"0123456789abcdef"[(number >> (4 * place) & 15) as usize];
    }
}

/// The JSON of a line with its end, if it is what was written.
pub(super) fn json(line: &[u8]) -> Result<&[u8], Damage> {
    let Some(whole) = line.strip_suffix(b"\n") else { return Err(Damage::Torn) };
    let Some((written, json)) = whole.split_first_chunk::<HEAD>() else { return Err(Damage::Changed) };
    if *written == head(json) { Ok(json) } else { Err(Damage::Changed) }
}

/// The format that a first record names, where it is not ours.
pub(super) fn other_format(json: &[u8]) -> Option<u64> {
    let value: serde_json::Value = serde_json::from_slice(json).ok()?;
    let format = value.get("format")?.as_u64()?;
    (format != u64::from(FORMAT_VERSION)).then_some(format)
}

/// The record of a line, where it is number `seq`.
pub(super) fn record(line: &[u8], seq: u64) -> Result<Record, Damage> {
    let record: Record = serde_json::from_slice(json(line)?).map_err(|_| Damage::Unknown)?;
    if record.seq == seq { Ok(record) } else { Err(Damage::OutOfOrder) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::model::event::{Event, NodeId};
    use std::time::Duration;

    #[test]
    fn a_line_can_be_read_by_people_and_by_grep() {
        let event = Event::NodeStarted { node: NodeId(7), attempt: 1 };
        let written = Record { seq: 3, at: Duration::from_millis(1500), event };
        let mut line = Vec::new();
        put(&written, &mut line).expect("an event is JSON");
        assert_eq!(
            String::from_utf8(line.clone()).expect("text"),
            "00000057 332816cb {\"seq\":3,\"at\":{\"secs\":1,\"nanos\":500000000},\"event\":\"node-started\",\"node\":7,\"attempt\":1}\n"
        );
        assert_eq!(record(&line, 3), Ok(written));
        assert_eq!(record(&line, 4), Err(Damage::OutOfOrder));
        assert_eq!(record(&line[..line.len() - 1], 3), Err(Damage::Torn));
        assert_eq!(record(b"\n", 3), Err(Damage::Changed));
    }
}
