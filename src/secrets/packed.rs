//! Secret values in files that are packed: gzip, zstd and zip (jar, whl, xlsx, …), also within each other. What cannot be
//! unpacked is an error: it was not searched.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io::{self, Cursor, Read, Seek};
use std::path::Path;

use zip::ZipArchive;

use super::secret_scan::{Trace, Traces};
use crate::containers::images::unpacked;

/// Bytes that all archives of a file may unpack to: 4 GB.
const UNPACKED_LIMIT: u64 = 4_000_000_000;
/// Bytes of an archive that is in another one: it is held in memory.
const HELD_LIMIT: u64 = 256 << 20;
/// How deep archives are searched that are in each other.
const DEPTH: usize = 4;
/// Bytes by which a format is known.
const HEAD: usize = 16;
/// Formats that are known and not unpacked, by their first bytes.
const UNSEARCHED: [(&[u8], &str); 8] = [
    (b"\xfd7zXZ\x00", "xz"),
    (b"BZh", "bzip2"),
    (b"7z\xbc\xaf\x27\x1c", "7z"),
    (b"Rar!\x1a\x07", "rar"),
    (b"\x04\x22\x4d\x18", "lz4"),
    (b"LZIP", "lzip"),
    (b"\x5d\x00\x00", "lzma"),
    (b"\x1f\x9d", "compress"),
];
/// Formats that begin with nothing of their own, by the ends of names.
const BY_NAME: [(&str, &str); 2] = [("br", "brotli"), ("lzma", "lzma")];

/// Whether an error says that something was not searched because of how it is packed.
pub fn is_unsearched(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::Unsupported
}

fn unsearched(why: String) -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, why)
}

/// What a packed file holds; nothing where it is not packed. The bytes of the file itself are not searched.
///
/// # Errors
/// The file's; one that [`is_unsearched`] where it is packed in a way that is not unpacked: it reads on from the file's
/// name.
pub fn in_packed(traces: &Traces, path: &Path, file: impl Read + Seek) -> io::Result<BTreeSet<Trace>> {
    let mut search = Search { traces, left: UNPACKED_LIMIT, found: BTreeSet::new() };
    search.file(file, path.extension(), 0)?;
    Ok(search.found)
}

struct Search<'a> {
    traces: &'a Traces,
    left: u64,
    found: BTreeSet<Trace>,
}

impl Search<'_> {
    fn file(&mut self, mut file: impl Read + Seek, extension: Option<&OsStr>, depth: usize) -> io::Result<()> {
        let mut head = Vec::with_capacity(HEAD);
        (&mut file).take(HEAD as u64).read_to_end(&mut head)?;
        file.rewind()?;
        match Format::of(&head, extension) {
            Format::Other => Ok(()),
            _ if depth > DEPTH => Err(unsearched(format!("holds archives more than {DEPTH} deep"))),
            Format::Unsearched(name) => Err(unsearched(format!("is {name}-compressed"))),
            Format::Zip => self.archive(file, depth),
            Format::Stream => match unpacked(file)? {
                Some(inner) => self.entry(inner, None, depth),
                None => Ok(()),
            },
        }
    }

    fn archive(&mut self, file: impl Read + Seek, depth: usize) -> io::Result<()> {
        let broken =
            |error: zip::result::ZipError| unsearched(format!("is a zip archive that cannot be read: {error}"));
        let mut archive = ZipArchive::new(file).map_err(broken)?;
        for at in 0..archive.len() {
            let entry = archive.by_index(at).map_err(|error| {
                unsearched(format!("is a zip archive, whose entry {} cannot be unpacked: {error}", at + 1))
            })?;
            let name = entry.name().map(std::borrow::Cow::into_owned).unwrap_or_default();
            self.found.extend(self.traces.within(name.as_bytes()));
            self.entry(entry, Path::new(&name).extension(), depth)?;
        }
        Ok(())
    }

    /// What is in a stream; where that is packed itself, also what it holds.
    fn entry(&mut self, stream: impl Read, extension: Option<&OsStr>, depth: usize) -> io::Result<()> {
        let mut head = Vec::with_capacity(HEAD);
        let mut stream = Limited { inner: stream, left: &mut self.left };
        (&mut stream).take(HEAD as u64).read_to_end(&mut head)?;
        let format = Format::of(&head, extension);
        let mut whole = Cursor::new(head).chain(stream);
        match format {
            Format::Other => {
                self.found.extend(self.traces.in_stream(&mut whole)?);
                Ok(())
            }
            Format::Unsearched(name) => Err(unsearched(format!("holds something that is {name}-compressed"))),
            Format::Zip | Format::Stream => {
                let mut held = Vec::new();
                whole.take(HELD_LIMIT + 1).read_to_end(&mut held)?;
                if held.len() as u64 > HELD_LIMIT {
                    return Err(unsearched("holds an archive of more than 256 MiB".to_owned()));
                }
                self.found.extend(self.traces.in_stream(&mut held.as_slice())?);
                self.file(Cursor::new(held), None, depth + 1)
            }
        }
    }
}

/// How something is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Zip,
    /// gzip or zstd.
    Stream,
    Unsearched(&'static str),
    Other,
}

impl Format {
    fn of(head: &[u8], extension: Option<&OsStr>) -> Self {
        if head.starts_with(b"PK\x03\x04") {
            return Format::Zip;
        }
        if head.starts_with(&[0x1f, 0x8b]) || head.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
            return Format::Stream;
        }
        let is_text = std::str::from_utf8(head).is_ok() && !head.contains(&0);
        let mut begins = UNSEARCHED.iter().filter(|(magic, name)| match *name {
            // A text may begin so, too.
            "bzip2" => head.starts_with(magic) && is_bzip2(head),
            "lzip" => head.starts_with(magic) && !is_text,
            _ => head.starts_with(magic),
        });
        let named = || BY_NAME.iter().find(|(end, _)| extension.is_some_and(|own| own == *end) && !is_text);
        match begins.next().map(|(_, name)| *name).or_else(|| named().map(|(_, name)| *name)) {
            Some(name) => Format::Unsearched(name),
            None => Format::Other,
        }
    }
}

/// After `BZh` come the size of blocks and the mark of a block or of the end.
fn is_bzip2(head: &[u8]) -> bool {
    let marks: [&[u8]; 2] = [b"\x31\x41\x59\x26\x53\x59", b"\x17\x72\x45\x38\x50\x90"];
    head.get(4..10).is_some_and(|mark| marks.contains(&mark))
}

/// Refuses to go on for ever.
struct Limited<'a, R> {
    inner: R,
    left: &'a mut u64,
}

impl<R: Read> Read for Limited<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        match self.left.checked_sub(count as u64) {
            Some(left) => *self.left = left,
            None => return Err(unsearched("unpacks to more than 4 GB".to_owned())),
        }
        Ok(count)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::core::mask::SecretText;
    use std::io::Write;
    use zip::write::SimpleFileOptions;

    const VALUE: &str = "correct-horse-battery";

    /// A zip archive with one deflated entry.
    pub fn zipped(name: &str, content: &[u8]) -> Vec<u8> {
        let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
        let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
        archive.start_file(name, options).expect("in memory");
        archive.write_all(content).expect("in memory");
        archive.finish().expect("in memory").into_inner()
    }

    fn gzipped(content: &[u8]) -> Vec<u8> {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        gzip.write_all(content).expect("in memory");
        gzip.finish().expect("in memory")
    }

    fn searched(name: &str, content: &[u8]) -> Result<usize, String> {
        let value = SecretText::new(VALUE);
        let traces = Traces::new([("db", &value)]);
        in_packed(&traces, Path::new(name), Cursor::new(content)).map(|found| found.len()).map_err(|it| it.to_string())
    }

    #[test]
    fn what_is_packed_is_unpacked_also_within_each_other() {
        let text = format!("{} url={VALUE}\n", "a".repeat(500)).into_bytes();
        let inner = zipped("a.txt", &text);
        assert!(!inner.windows(VALUE.len()).any(|part| part == VALUE.as_bytes()), "it is deflated");
        for packed in
            [zipped("x/a.txt", &text), zipped("lib/b.jar", &inner), zipped("a.gz", &gzipped(&text)), gzipped(&inner)]
        {
            assert_eq!(searched("x.whl", &packed), Ok(1));
        }
        assert_eq!(searched("x.jar", &zipped(VALUE, b"")), Ok(1), "an entry's name");
        assert_eq!(searched("x.jar", &zipped("a.txt", b"fine")), Ok(0));
        assert_eq!(searched("x.txt", &text), Ok(0), "the bytes themselves are searched elsewhere");
    }

    #[test]
    fn what_cannot_be_unpacked_is_never_passed_over() {
        let is = |content: &[u8]| searched("x", content).expect_err("it is packed");
        assert_eq!(is(b"\xfd7zXZ\x00\x00\x04"), "is xz-compressed");
        assert_eq!(is(b"BZh91AY&SY...."), "is bzip2-compressed");
        assert_eq!(is(&zipped("a.xz", b"\xfd7zXZ\x00\x00\x04")), "holds something that is xz-compressed");
        assert!(is(b"PK\x03\x04 and no more").starts_with("is a zip archive that cannot be read: "));
        assert_eq!(searched("x.br", b"\x8b\x02\x80").expect_err("brotli"), "is brotli-compressed");
        let mut nested = zipped("a", b"x");
        for _ in 0..6 {
            nested = zipped("a.zip", &nested);
        }
        assert_eq!(is(&nested), "holds archives more than 4 deep");
        assert_eq!(searched("notes.br", b"BZh is how bzip2 begins"), Ok(0));
    }
}
