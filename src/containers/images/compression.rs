//! What a stream is by its first bytes, and gzip and zstd undone. Streams only: nothing is held beyond their windows.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

/// What a stream holds, uncompressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// A JSON document.
    Json,
    /// A tar archive; also an empty one.
    Tar,
    /// Something else.
    Other,
}

/// The stream, decompressed where it is gzip or zstd.
///
/// # Errors
/// The stream's; later, the decompressor's.
pub fn decompressed<'a>(stream: impl Read + 'a) -> io::Result<Box<dyn Read + 'a>> {
    let mut stream = BufReader::with_capacity(64 * 1024, stream);
    let head = peek::<4>(&mut stream)?;
    Ok(match head {
        [0x1f, 0x8b, ..] => Box::new(MultiGzDecoder::new(stream)),
        [0x28, 0xb5, 0x2f, 0xfd] => Box::new(Frames::new(stream)),
        // zstd's skippable frames may come first
        [low, 0x2a, 0x4d, 0x18] if low & 0xf0 == 0x50 => Box::new(Frames::new(stream)),
        _ => Box::new(stream),
    })
}

/// Bytes that a compressed file of the project may unpack to: 4 GB.
const UNPACKED_LIMIT: u64 = 4_000_000_000;

/// What a compressed stream unpacks to; `None` where it is not compressed. It ends where it is broken: then it is no
/// compressed file, whatever its first bytes say.
///
/// # Errors
/// The stream's; later, one that says so when it unpacks to more than 4 GB.
pub fn unpacked<'a>(stream: impl Read + 'a) -> io::Result<Option<impl Read + 'a>> {
    let mut stream = BufReader::with_capacity(64 * 1024, stream);
    let head = peek::<4>(&mut stream)?;
    let is_compressed = head.starts_with(&[0x1f, 0x8b]) || head == [0x28, 0xb5, 0x2f, 0xfd];
    Ok(if is_compressed { Some(Bounded { inner: decompressed(stream)?, left: UNPACKED_LIMIT }) } else { None })
}

/// Ends at a mistake of its compression, and refuses to go on for ever.
struct Bounded<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = match self.inner.read(buffer) {
            Err(error) if matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput) => 0,
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => 0,
            other => other?,
        };
        let Some(left) = self.left.checked_sub(count as u64) else {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it unpacks to more than 4 GB"));
        };
        self.left = left;
        Ok(count)
    }
}

/// What an uncompressed stream holds; the stream is handed back whole.
///
/// # Errors
/// The stream's.
pub fn recognized<'a>(stream: impl Read + 'a) -> io::Result<(Content, Box<dyn Read + 'a>)> {
    let mut head = Vec::with_capacity(512);
    let mut stream = stream;
    (&mut stream).take(512).read_to_end(&mut head)?;
    let first = head.iter().find(|byte| !byte.is_ascii_whitespace());
    let content = if head.get(257..262) == Some(b"ustar") || (head.len() == 512 && head.iter().all(|byte| *byte == 0)) {
        Content::Tar
    } else if matches!(first, Some(b'{' | b'[')) {
        Content::Json
    } else {
        Content::Other
    };
    Ok((content, Box::new(io::Cursor::new(head).chain(stream))))
}

fn peek<const N: usize>(stream: &mut impl BufRead) -> io::Result<[u8; N]> {
    let mut head = [0; N];
    let buffered = stream.fill_buf()?;
    let count = buffered.len().min(N);
    head[..count].copy_from_slice(&buffered[..count]);
    Ok(head)
}

/// Zstd frames in a row: a layer may be written as many (zstd:chunked), with skippable ones between them.
struct Frames<R> {
    decoder: FrameDecoder,
    source: R,
    open: bool,
}

impl<R: BufRead> Frames<R> {
    fn new(source: R) -> Self {
        Frames { decoder: FrameDecoder::new(), source, open: false }
    }

    /// Goes to the next frame; false at the end of the stream.
    fn open(&mut self) -> io::Result<bool> {
        while !self.source.fill_buf()?.is_empty() {
            match self.decoder.init(&mut self.source) {
                Ok(()) => {
                    self.open = true;
                    return Ok(true);
                }
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame { length, .. })) => {
                    io::copy(&mut (&mut self.source).take(u64::from(length)), &mut io::sink())?;
                }
                Err(error) => return Err(broken(&error)),
            }
        }
        Ok(false)
    }
}

impl<R: BufRead> Read for Frames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while !buffer.is_empty() && (self.open || self.open()?) {
            while self.decoder.can_collect() < buffer.len() && !self.decoder.is_finished() {
                let wanted = BlockDecodingStrategy::UptoBytes(buffer.len() - self.decoder.can_collect());
                self.decoder.decode_blocks(&mut self.source, wanted).map_err(|error| broken(&error))?;
            }
            let count = self.decoder.read(buffer)?;
            if count > 0 {
                return Ok(count);
            }
            self.open = false;
        }
        Ok(0)
    }
}

fn broken(error: &FrameDecoderError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the zstd stream is broken: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn undone(bytes: &[u8]) -> Vec<u8> {
        let mut text = Vec::new();
        decompressed(bytes).expect("readable").read_to_end(&mut text).expect("well formed");
        text
    }

    #[test]
    fn undoes_gzip_and_zstd_and_leaves_the_rest() {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(b"hello").expect("in memory");
        let mut gzip = gzip.finish().expect("in memory");
        gzip.extend(gzip.clone());
        assert_eq!(undone(&gzip), b"hellohello");
        let frame = ruzstd::encoding::compress_to_vec(&b"hello"[..], ruzstd::encoding::CompressionLevel::Fastest);
        let skippable = [0x50, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 9, 9];
        assert_eq!(undone(&[&frame[..], &skippable, &frame].concat()), b"hellohello");
        assert_eq!(undone(&[&skippable[..], &frame].concat()), b"hello");
        assert_eq!(undone(b"hello"), b"hello");
        assert_eq!(undone(b""), b"");
    }

    #[test]
    fn what_unpacks_without_end_is_refused_and_what_is_broken_ends() {
        let read = |mut stream: Bounded<&[u8]>| {
            let mut text = Vec::new();
            stream.read_to_end(&mut text).map(|_| text).map_err(|error| error.to_string())
        };
        assert_eq!(read(Bounded { inner: b"12345", left: 5 }), Ok(b"12345".to_vec()));
        assert_eq!(read(Bounded { inner: b"12345", left: 4 }), Err("it unpacks to more than 4 GB".to_owned()));
        let mut broken = Vec::new();
        unpacked(&b"\x1f\x8b is no gzip"[..])
            .expect("readable")
            .expect("it seems")
            .read_to_end(&mut broken)
            .expect("ends");
        assert!(unpacked(&b"text"[..]).expect("readable").is_none());
    }

    #[test]
    fn recognizes_json_and_tar_by_their_first_bytes() {
        let kind = |bytes: &'static [u8]| recognized(bytes).expect("readable").0;
        assert_eq!(kind(b" {}"), Content::Json);
        assert_eq!(kind(&[0; 1024]), Content::Tar);
        assert_eq!(kind(b"1.0"), Content::Other);
    }
}
