//! Appends events to a journal, each batch in one write. Knows when to make them durable; not what follows from them.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::reader::{End, Reader};
use super::{Damage, JournalError, frame};
use crate::core::model::event::{Event, Record};

/// Time since the run's start.
type Clock = Box<dyn FnMut() -> Duration + Send>;

/// Appends to a journal. Holds a lock on it as long as it lives.
pub struct Writer {
    path: PathBuf,
    file: File,
    clock: Clock,
    /// The number of the next record.
    seq: u64,
    /// Length of the file up to the last whole batch.
    length: u64,
    /// Which nodes are gates with something to measure; known from the start of the run.
    gates: Vec<bool>,
    /// Whether a node must not run twice.
    once: Vec<bool>,
    /// The batch that is being written; kept for its room.
    batch: Vec<u8>,
    /// Set when half a batch may stand in the file and could not be cut off.
    broken: bool,
}

/// A journal opened again.
pub struct Reopened {
    /// Appends after the last good record.
    pub writer: Writer,
    /// What was there.
    pub records: Vec<Record>,
    /// Bytes cut off its end because they were no whole record.
    pub cut: u64,
}

impl Writer {
    /// Creates the file (mode 0600); it must not exist. `clock` says how much time has passed since the run's start.
    pub fn create(path: &Path, clock: impl FnMut() -> Duration + Send + 'static) -> Result<Self, JournalError> {
        let file = OpenOptions::new()
            .create_new(true)
            .append(true)
            .mode(0o600)
            .open(path)
            .map_err(|error| JournalError::io("create", path, error))?;
        // No other process can be writing it; one that only checks the lock may hold it for a moment.
        let _without_locks_too = file.lock();
        Ok(Writer {
            path: path.to_owned(),
            file,
            clock: Box::new(clock),
            seq: 0,
            length: 0,
            gates: Vec::new(),
            once: Vec::new(),
            batch: Vec::new(),
            broken: false,
        })
    }

    /// Opens an existing one to go on with it: whatever is no whole record at its end is cut off.
    pub fn open_for_append(
        path: &Path,
        clock: impl FnMut() -> Duration + Send + 'static,
    ) -> Result<Reopened, JournalError> {
        let fail = |doing, error| JournalError::io(doing, path, error);
        let file = OpenOptions::new().read(true).append(true).open(path).map_err(|error| fail("open", error))?;
        Writer::lock(path, &file)?;
        let mut reader = Reader::of(path, file.try_clone().map_err(|error| fail("open", error))?)?;
        let records: Vec<Record> = reader.by_ref().collect();
        let (length, cut) = match reader.end() {
            Some(End::Damaged { damage: Damage::Unreadable, .. }) => {
                return Err(fail("read", io::Error::other("a part of it cannot be read")));
            }
            Some(end @ End::Damaged { offset, bytes, .. }) => {
                // not only its end is missing: what follows is kept aside
                if end.loses_records() {
                    fs::copy(path, path.with_extension("damaged")).map_err(|error| fail("copy", error))?;
                }
                (offset, bytes)
            }
            _ => (reader.offset(), 0),
        };
        file.set_len(length).map_err(|error| fail("cut", error))?;
        let mut writer = Writer {
            path: path.to_owned(),
            file,
            clock: Box::new(clock),
            seq: records.len() as u64,
            length,
            gates: Vec::new(),
            once: Vec::new(),
            batch: Vec::new(),
            broken: false,
        };
        writer.file.seek(io::SeekFrom::End(0)).map_err(|error| fail("open", error))?;
        for record in &records {
            writer.learn(&record.event);
        }
        Ok(Reopened { writer, records, cut })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn lock(path: &Path, file: &File) -> Result<(), JournalError> {
        match file.try_lock() {
            Err(std::fs::TryLockError::WouldBlock) => Err(JournalError::Busy { path: path.to_owned() }),
            // On a file system without locks: better no lock than no run.
            Ok(()) | Err(std::fs::TryLockError::Error(_)) => Ok(()),
        }
    }

    /// Numbers and dates the events and writes them in one call; start and end of the run and the ends of gates are
    /// on the disk when it comes back. What it hands back is what the journal holds.
    ///
    /// # Errors
    /// The words name the file. None of the events is in the journal then: half a batch is cut off again, and where
    /// even that fails every later call fails, so that no good record can follow a bad one.
    pub fn append(&mut self, events: Vec<Event>) -> io::Result<Vec<Record>> {
        if self.broken {
            return Err(self.explain(&io::Error::other("an earlier write failed")));
        }
        let at = (self.clock)();
        self.batch.clear();
        let mut records = Vec::with_capacity(events.len());
        let mut durable = false;
        for (seq, event) in (self.seq..).zip(events) {
            self.learn(&event);
            durable |= self.must_last(&event);
            let record = Record { seq, at, event };
            frame::put(&record, &mut self.batch).map_err(|error| self.explain(&error.into()))?;
            records.push(record);
        }
        let written = self.file.write_all(&self.batch);
        let written = written.and_then(|()| if durable { self.file.sync_data() } else { Ok(()) });
        if let Err(error) = written {
            self.broken = self.file.set_len(self.length).is_err();
            return Err(self.explain(&error));
        }
        self.length += self.batch.len() as u64;
        self.seq += records.len() as u64;
        Ok(records)
    }

    fn learn(&mut self, event: &Event) {
        if let Event::RunStarted { nodes, .. } = event {
            self.gates = nodes.iter().map(|node| node.assertions > 0).collect();
            self.once = nodes.iter().map(|node| node.once).collect();
        }
    }

    fn must_last(&self, event: &Event) -> bool {
        match event {
            Event::RunStarted { .. } | Event::RunFinished { .. } => true,
            // what must not run twice has begun, whatever becomes of this machine
            Event::NodeStarted { node, .. } => self.once.get(node.index()).copied().unwrap_or(false),
            Event::NodeFinished { node, .. } => self.gates.get(node.index()).copied().unwrap_or(false),
            _ => false,
        }
    }

    fn explain(&self, error: &io::Error) -> io::Error {
        io::Error::new(error.kind(), format!("cannot write the journal {}: {error}", self.path.display()))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // Closing is not enough: a process that is being started holds what we have open until it is another program.
        let _ = self.file.unlock();
    }
}

#[cfg(test)]
mod tests;
