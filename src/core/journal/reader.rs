//! Replays a journal up to its end or to the first record that is damaged. Writes nothing, never fails in between.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use super::JournalError;
use super::frame::{self, Damage};
use crate::core::model::event::{Event, Record};

/// Where a journal stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// At its end.
    Whole,
    /// At a record that is damaged, or at one that could not be read; what follows it is not to be trusted.
    Damaged {
        /// Byte offset of the record in the file.
        offset: u64,
        /// How many bytes the file holds from there.
        bytes: u64,
        /// What is wrong with it.
        damage: Damage,
    },
}

impl End {
    /// Whether records that were written cannot be read; one that was never written to its end is none.
    pub fn loses_records(self) -> bool {
        matches!(self, End::Damaged { damage, .. } if damage != Damage::Torn)
    }
}

/// Replays a journal: an iterator over its records.
#[derive(Debug)]
pub struct Reader {
    path: PathBuf,
    input: BufReader<File>,
    line: Vec<u8>,
    offset: u64,
    seq: u64,
    end: Option<End>,
}

impl Reader {
    /// Opens a journal and reads its first record.
    ///
    /// # Errors
    /// The file cannot be read, is of another format, or does not begin with the start of a run. An empty one is fine.
    pub fn open(path: &Path) -> Result<Self, JournalError> {
        let file = crate::core::files::open::open(path).map_err(|error| JournalError::io("open", path, error))?;
        Reader::of(path, file)
    }

    pub(super) fn of(path: &Path, file: File) -> Result<Self, JournalError> {
        let input = BufReader::with_capacity(64 * 1024, file);
        let mut reader = Reader { path: path.to_owned(), input, line: Vec::new(), offset: 0, seq: 0, end: None };
        reader.fill().map_err(|error| JournalError::io("read", path, error))?;
        if let Ok(json) = frame::json(&reader.line) {
            if let Some(found) = frame::other_format(json) {
                let expected = crate::core::model::event::FORMAT_VERSION;
                return Err(JournalError::Version { path: path.to_owned(), found, expected });
            }
            if !matches!(frame::record(&reader.line, 0), Ok(Record { event: Event::RunStarted { .. }, .. })) {
                return Err(JournalError::NotAJournal { path: path.to_owned() });
            }
        }
        Ok(reader)
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where it stopped; `None` as long as there may be more.
    pub fn end(&self) -> Option<End> {
        self.end
    }

    /// Byte offset behind the last good record.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Reads the next line; keeps one that was not used yet.
    fn fill(&mut self) -> std::io::Result<()> {
        if self.line.is_empty() {
            self.input.read_until(b'\n', &mut self.line)?;
        }
        Ok(())
    }

    fn stop(&mut self, damage: Option<Damage>) {
        let length = self.input.get_ref().metadata().map_or(self.offset, |found| found.len());
        self.end = Some(match damage {
            None => End::Whole,
            Some(damage) => End::Damaged { offset: self.offset, bytes: length.saturating_sub(self.offset), damage },
        });
    }
}

impl Iterator for Reader {
    type Item = Record;

    fn next(&mut self) -> Option<Record> {
        if self.end.is_some() {
            return None;
        }
        if self.fill().is_err() {
            self.stop(Some(Damage::Unreadable));
            return None;
        }
        if self.line.is_empty() {
            self.stop(None);
            return None;
        }
        match frame::record(&self.line, self.seq) {
            Ok(record) => {
                self.offset += self.line.len() as u64;
                self.seq += 1;
                self.line.clear();
                Some(record)
            }
            Err(damage) => {
                self.stop(Some(damage));
                None
            }
        }
    }
}
