//! The timestamps at the start of a log's lines: taken off, and used to go on after a lost stream where it broke off.
//! Pure.

/// The longest timestamp, in bytes; what is longer is not one.
const LONGEST: usize = 40;

/// A place in a log: a line, and how much of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Mark {
    /// The line's timestamp, to the nanosecond.
    stamp: String,
    /// Which of the lines with this timestamp, from 1.
    ordinal: usize,
    /// Bytes of it, its end included.
    bytes: usize,
}

/// Takes streams of one log, each with timestamps, and hands its text on once.
#[derive(Debug, Default)]
pub(super) struct Stamps {
    /// As far as the text was handed on.
    done: Mark,
    /// Where this stream is.
    here: Mark,
    /// The start of a line, while it may be a timestamp.
    start: Vec<u8>,
    /// The timestamp of the current line was read.
    inside: bool,
}

impl Stamps {
    /// Where to go on: the timestamp of the last line, if any was read.
    pub fn since(&self) -> Option<&str> {
        Some(self.done.stamp.as_str()).filter(|stamp| !stamp.is_empty())
    }

    /// The next bytes are those of another stream, which begins at [`Stamps::since`] or earlier.
    pub fn reopen(&mut self) {
        self.here = Mark::default();
        self.start.clear();
        self.inside = false;
    }

    /// Takes what was read and adds the text that is new to `out`.
    pub fn take(&mut self, mut read: &[u8], out: &mut Vec<u8>) {
        while !read.is_empty() {
            if !self.inside {
                read = self.stamp(read);
                continue;
            }
            let end = memchr::memchr(b'\n', read).map_or(read.len(), |at| at + 1);
            let (text, rest) = read.split_at(end);
            let new = self.new_of(text.len());
            out.extend_from_slice(&text[text.len() - new..]);
            self.inside = !text.ends_with(b"\n");
            read = rest;
        }
    }

    /// Reads on in the timestamp of a line; what comes after it.
    fn stamp<'r>(&mut self, read: &'r [u8]) -> &'r [u8] {
        let end = memchr::memchr2(b' ', b'\n', read);
        let taken = end.map_or(read.len(), |at| at + 1);
        self.start.extend_from_slice(&read[..taken]);
        if end.is_none() && self.start.len() <= LONGEST {
            return &read[taken..];
        }
        let stamp = self.start.strip_suffix(b" ").and_then(|stamp| std::str::from_utf8(stamp).ok());
        if let Some(stamp) = stamp.filter(|stamp| is_stamp(stamp)) {
            if self.here.stamp == stamp {
                self.here.ordinal += 1;
            } else {
                self.here = Mark { stamp: stamp.to_owned(), ordinal: 1, bytes: 0 };
            }
            self.here.bytes = 0;
            self.inside = true;
            self.start.clear();
        } else if self.start.ends_with(b"\n") {
            // the node's own words in the place of a log
            self.start.clear();
        } else {
            self.start.truncate(LONGEST + 1);
        }
        &read[taken..]
    }

    /// How many of the next `length` bytes of the current line were not handed on yet.
    fn new_of(&mut self, length: usize) -> usize {
        self.here.bytes += length;
        let (here, done) = (&self.here, &self.done);
        let place = |mark: &Mark| (mark.stamp.clone(), mark.ordinal);
        let new = match place(here).cmp(&place(done)) {
            std::cmp::Ordering::Less => 0,
            std::cmp::Ordering::Equal => here.bytes.saturating_sub(done.bytes).min(length),
            std::cmp::Ordering::Greater => length,
        };
        if new > 0 {
            self.done = self.here.clone();
        }
        new
    }
}

/// Whether a word is a time of the node's: `2030-01-01T12:00:00.123456789Z`.
fn is_stamp(word: &str) -> bool {
    let bytes = word.as_bytes();
    word.len() <= LONGEST && bytes.len() > 19 && bytes[4] == b'-' && bytes[10] == b'T' && bytes[0].is_ascii_digit()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "2030-01-01T12:00:00.000000001Z one\n2030-01-01T12:00:00.000000002Z two\n\
        2030-01-01T12:00:00.000000002Z two\n2030-01-01T12:00:00.000000002Z \n2030-01-01T12:00:00.000000003Z three\n";
    const TEXT: &str = "one\ntwo\ntwo\n\nthree\n";

    fn read(parts: &[&[u8]]) -> String {
        let (mut stamps, mut out) = (Stamps::default(), Vec::new());
        for part in parts {
            stamps.reopen();
            part.chunks(7).for_each(|chunk| stamps.take(chunk, &mut out));
        }
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn takes_the_timestamps_off() {
        assert_eq!(read(&[LOG.as_bytes()]), TEXT);
    }

    #[test]
    fn a_stream_that_breaks_off_anywhere_is_taken_up_without_a_gap_and_without_a_repetition() {
        for cut in 0..=LOG.len() {
            assert_eq!(read(&[&LOG.as_bytes()[..cut], LOG.as_bytes()]), TEXT, "cut at {cut}");
            // the second stream begins with the last timestamp
            let from = LOG[..cut].rfind("2030").map_or(0, |at| {
                let stamp = &LOG[at..(at + 30).min(LOG.len())];
                LOG.find(stamp).unwrap_or(at)
            });
            assert_eq!(read(&[&LOG.as_bytes()[..cut], &LOG.as_bytes()[from..]]), TEXT, "cut at {cut}");
        }
    }

    #[test]
    fn what_the_node_says_in_the_place_of_a_log_is_left_out() {
        let log = format!("unable to retrieve container logs for containerd://0a1b and more of that\n{LOG}");
        assert_eq!(read(&[log.as_bytes()]), TEXT);
    }
}
