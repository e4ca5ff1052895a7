//! Secret values in the journal of a run: in text fields of its events. A value that equals a key, a state or a name of the
//! pipeline is no leak.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use crate::core::model::event::{Record, Text};
use crate::secrets::secret_scan::{Trace, Traces};

/// What the texts of the journal hold. A line that is not a record is searched as it is.
///
/// # Errors
/// The file's.
pub fn in_journal(traces: &Traces, path: &Path) -> io::Result<BTreeSet<Trace>> {
    let mut found = BTreeSet::new();
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(found),
        other => other?,
    };
    for line in BufReader::new(file).split(b'\n') {
        let line = line?;
        // length and checksum are before the JSON
        let json = memchr::memchr(b'{', &line).map_or(&line[..], |at| &line[at..]);
        let Ok(mut record) = serde_json::from_slice::<Record>(json) else {
            traces.look(&line, &mut found);
            continue;
        };
        record.event.each_text(&mut |text| match text {
            Text::Whole(text) => traces.look(text.as_bytes(), &mut found),
            Text::Lines(lines) => traces.look(lines.join("\n").as_bytes(), &mut found),
            Text::Json(value) => found.extend(traces.in_json(value).into_iter().map(|(_, trace)| trace)),
        });
    }
    Ok(found)
}
