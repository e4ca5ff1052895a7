//! Tar entries from a stream, one after the other, in bounded memory whatever the stream claims. Knows ustar, GNU long
//! names and pax; not what an image is.

use std::io::{self, Read};

use tar::{EntryType, Header};

/// Bytes of an extended header (a long name, pax records) before the stream is refused: 1 MiB.
const EXTENSION_LIMIT: u64 = 1 << 20;
/// Extended headers in a row before the stream is refused.
const EXTENSIONS_IN_A_ROW: usize = 16;
const BLOCK: usize = 512;

/// What an entry is, as far as images care.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A file with content.
    File,
    /// A folder.
    Folder,
    /// A symbolic or hard link.
    Link,
    /// A device, a pipe and the like.
    Other,
}

/// One entry; its content is read through [`Tarball`] before the next one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its path in the archive.
    pub path: Vec<u8>,
    /// What it is.
    pub kind: Kind,
    /// What a link points at.
    pub link: Vec<u8>,
    /// Bytes of content.
    pub size: u64,
}

/// A tar stream. Reading from it yields the content of the entry last returned by [`Tarball::next_entry`].
pub struct Tarball<R> {
    inner: R,
    /// Bytes of the current entry's content not yet read.
    left: u64,
    /// Bytes up to the next block.
    padding: u64,
}

#[derive(Default)]
struct Extension {
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    size: Option<u64>,
}

impl<R: Read> Tarball<R> {
    /// Reads nothing yet.
    pub fn new(inner: R) -> Self {
        Tarball { inner, left: 0, padding: 0 }
    }

    /// The next entry; what is left of the current one is skipped. `None` at the end mark or at the end of the
    /// stream between two entries.
    ///
    /// # Errors
    /// The stream's errors, a header with a wrong checksum, an end in mid-entry, an extended header beyond its limit.
    pub fn next_entry(&mut self) -> io::Result<Option<Entry>> {
        let mut extension = Extension::default();
        for _ in 0..EXTENSIONS_IN_A_ROW {
            self.skip_rest()?;
            let Some(header) = self.header()? else { return Ok(None) };
            let size = header.entry_size()?;
            let kind = header.entry_type();
            match kind {
                EntryType::GNULongName => extension.path = Some(trim_nul(self.extension(size)?)),
                EntryType::GNULongLink => extension.link = Some(trim_nul(self.extension(size)?)),
                EntryType::XHeader => pax(&self.extension(size)?, &mut extension),
                EntryType::XGlobalHeader => {
                    self.extension(size)?;
                }
                _ => return self.entry(&header, kind, size, extension).map(Some),
            }
        }
        Err(broken("more extended headers in a row than any archive has"))
    }

    /// The stream behind the end mark.
    pub fn into_inner(self) -> R {
        self.inner
    }

    fn entry(&mut self, header: &Header, kind: EntryType, size: u64, extension: Extension) -> io::Result<Entry> {
        if kind == EntryType::GNUSparse {
            self.sparse_map(header)?;
        }
        let size = extension.size.unwrap_or(size);
        let kind = match kind {
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => Kind::File,
            EntryType::Directory => Kind::Folder,
            EntryType::Symlink | EntryType::Link => Kind::Link,
            _ => Kind::Other,
        };
        let path = extension.path.unwrap_or_else(|| header.path_bytes().into_owned());
        // ustar before POSIX marks a folder by its trailing slash alone
        let kind = if kind == Kind::File && path.ends_with(b"/") { Kind::Folder } else { kind };
        let link =
            extension.link.or_else(|| header.link_name_bytes().map(std::borrow::Cow::into_owned)).unwrap_or_default();
        self.begin(size);
        Ok(Entry { path, kind, link, size })
    }

    fn begin(&mut self, size: u64) {
        self.left = size;
        self.padding = (BLOCK as u64 - size % BLOCK as u64) % BLOCK as u64;
    }

    fn skip_rest(&mut self) -> io::Result<()> {
        let wanted = self.left.saturating_add(self.padding);
        let skipped = io::copy(&mut (&mut self.inner).take(wanted), &mut io::sink())?;
        // an archive whose last padding is missing is still whole
        if skipped < self.left {
            return Err(broken("ends in the middle of an entry"));
        }
        (self.left, self.padding) = (0, 0);
        Ok(())
    }

    fn header(&mut self) -> io::Result<Option<Header>> {
        let mut block = [0; BLOCK];
        if !self.block(&mut block)? || block.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        let header = Header::from_byte_slice(&block).clone();
        let sum: u32 = block
            .iter()
            .enumerate()
            .map(|(at, byte)| if (148..156).contains(&at) { 32 } else { u32::from(*byte) })
            .sum();
        if header.cksum()? != sum {
            return Err(broken("has a header with a wrong checksum"));
        }
        Ok(Some(header))
    }

    /// A whole block; false at the end of the stream.
    fn block(&mut self, block: &mut [u8; BLOCK]) -> io::Result<bool> {
        let mut filled = 0;
        while filled < BLOCK {
            match self.inner.read(&mut block[filled..]) {
                Ok(0) if filled == 0 => return Ok(false),
                Ok(0) => return Err(broken("ends in the middle of a header")),
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    fn extension(&mut self, size: u64) -> io::Result<Vec<u8>> {
        if size > EXTENSION_LIMIT {
            return Err(broken("has an extended header of more than 1 MiB"));
        }
        self.begin(size);
        let mut bytes = Vec::new();
        self.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Old GNU sparse files carry further header blocks with the map of their holes.
    fn sparse_map(&mut self, header: &Header) -> io::Result<()> {
        let mut more = header.as_bytes()[482] != 0;
        let mut block = [0; BLOCK];
        while more {
            if !self.block(&mut block)? {
                return Err(broken("ends in the map of a sparse file"));
            }
            more = block[504] != 0;
        }
        Ok(())
    }
}

impl<R: Read> Read for Tarball<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        if wanted == 0 {
            return Ok(0);
        }
        let count = self.inner.read(&mut buffer[..wanted])?;
        if count == 0 {
            return Err(broken("ends in the middle of an entry"));
        }
        self.left -= count as u64;
        Ok(count)
    }
}

fn broken(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the tar stream {what}"))
}

fn trim_nul(mut bytes: Vec<u8>) -> Vec<u8> {
    while bytes.last() == Some(&0) {
        bytes.pop();
    }
    bytes
}

/// Pax records: `<length> <key>=<value>\n`. A malformed rest is ignored, as tar does.
fn pax(mut bytes: &[u8], extension: &mut Extension) {
    while let Some(space) = bytes.iter().position(|byte| *byte == b' ') {
        let Some(length) = std::str::from_utf8(&bytes[..space]).ok().and_then(|text| text.parse::<usize>().ok()) else {
            return;
        };
        if length <= space + 1 || length > bytes.len() {
            return;
        }
        let record = &bytes[space + 1..length];
        let record = record.strip_suffix(b"\n").unwrap_or(record);
        if let Some(equals) = record.iter().position(|byte| *byte == b'=') {
            let (key, value) = (&record[..equals], &record[equals + 1..]);
            match key {
                b"path" => extension.path = Some(value.to_vec()),
                b"linkpath" => extension.link = Some(value.to_vec()),
                b"size" => extension.size = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok()),
                _ => {}
            }
        }
        bytes = &bytes[length..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive() -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        let mut header = Header::new_gnu();
        header.set_size(5);
        header.set_mode(0o644);
        let long = format!("{}/file", "d".repeat(300));
        builder.append_data(&mut header, &long, &b"hello"[..]).expect("in memory");
        let mut header = Header::new_gnu();
        header.set_entry_type(EntryType::Symlink);
        header.set_size(0);
        builder.append_link(&mut header, "link", "target").expect("in memory");
        builder.into_inner().expect("in memory")
    }

    #[test]
    fn reads_long_names_contents_and_links() {
        let bytes = archive();
        let mut tarball = Tarball::new(&bytes[..]);
        let first = tarball.next_entry().expect("well formed").expect("an entry");
        assert_eq!((first.path.len(), first.kind, first.size), (305, Kind::File, 5));
        let mut content = String::new();
        tarball.read_to_string(&mut content).expect("well formed");
        assert_eq!(content, "hello");
        let second = tarball.next_entry().expect("well formed").expect("an entry");
        assert_eq!((second.kind, second.link), (Kind::Link, b"target".to_vec()));
        assert_eq!(tarball.next_entry().expect("well formed"), None);
    }

    #[test]
    fn refuses_a_torn_stream_and_a_wrong_checksum() {
        let bytes = archive();
        let mut torn = Tarball::new(&bytes[..bytes.len() - 2046]);
        let mut result = Ok(None);
        for _ in 0..4 {
            result = torn.next_entry();
            if result.is_err() {
                break;
            }
        }
        assert!(result.is_err());
        let mut noise = vec![7; 1024];
        noise[0] = b'x';
        assert!(Tarball::new(&noise[..]).next_entry().is_err());
    }

    #[test]
    fn refuses_a_giant_extended_header_before_reading_it() {
        let mut header = Header::new_gnu();
        header.set_entry_type(EntryType::GNULongName);
        header.set_size(1 << 40);
        header.set_cksum();
        let error = Tarball::new(&header.as_bytes()[..]).next_entry().expect_err("too large");
        assert_eq!(error.to_string(), "the tar stream has an extended header of more than 1 MiB");
    }
}
