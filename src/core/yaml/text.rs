//! From a file's bytes to its text: UTF-8, of a sensible size. Knows no YAML.

use std::io::{self, Read};
use std::path::Path;

use crate::core::model::diagnostic::{Code, Diagnostic};
use crate::core::model::source::{FileId, Span};

/// The largest file that is read, in bytes: 8 MiB.
pub const MAX_BYTES: usize = 8 << 20;

/// Why bytes are no text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// Larger than [`MAX_BYTES`].
    #[error("the file has {0} bytes, more than the {MAX_BYTES} that are read")]
    TooLarge(usize),
    /// Not UTF-8: the byte offset of the first byte that is not, and its line (from 1).
    #[error("the file is not UTF-8 text: byte {offset} (line {line}) starts no character")]
    NotUtf8 {
        /// Byte offset.
        offset: usize,
        /// Line, counted from 1.
        line: usize,
        /// The file up to the end of that line, with `\u{fffd}` for what is no character.
        shown: String,
    },
    /// UTF-16, by its mark or by its zero bytes.
    #[error("the file is UTF-16 text, expected UTF-8")]
    Utf16,
    /// A zero byte: the byte offset, and its line (from 1).
    #[error("the file is no text: byte {offset} (line {line}) is zero")]
    Zero {
        /// Byte offset.
        offset: usize,
        /// Line, counted from 1.
        line: usize,
        /// The file up to the end of that line, with `\u{fffd}` for what is no character.
        shown: String,
    },
}

impl TextError {
    /// Its diagnostic code.
    pub fn code(&self) -> Code {
        match self {
            TextError::TooLarge(_) => Code::FileTooLarge,
            TextError::NotUtf8 { .. } | TextError::Utf16 | TextError::Zero { .. } => Code::InvalidUtf8,
        }
    }

    /// What to do about it.
    pub fn help(&self) -> &'static str {
        match self {
            TextError::TooLarge(_) => "check the path; repeated parts belong in gate files or `for_each`",
            TextError::NotUtf8 { .. } | TextError::Utf16 => "save it as UTF-8",
            TextError::Zero { .. } => "check the path; this looks like a program or an archive",
        }
    }

    /// As a diagnostic at a place: the start of the file (whose text may be empty), or where it is referred to.
    pub fn at(&self, span: Span) -> Diagnostic {
        Diagnostic::error(self.code(), span, self.to_string()).help(self.help())
    }

    /// What of the file can be shown, for the places of [`TextError::in_file`].
    pub fn shown(&self) -> &str {
        match self {
            TextError::NotUtf8 { shown, .. } | TextError::Zero { shown, .. } => shown,
            TextError::TooLarge(_) | TextError::Utf16 => "",
        }
    }

    /// As a diagnostic at the byte in question, or at the start of its file, whose text is [`TextError::shown`].
    pub fn in_file(&self, file: FileId) -> Diagnostic {
        match self {
            TextError::NotUtf8 { offset, .. } | TextError::Zero { offset, .. } => {
                self.at(Span::new(file, *offset, offset + char::REPLACEMENT_CHARACTER.len_utf8()))
            }
            TextError::TooLarge(_) | TextError::Utf16 => self.at(Span::new(file, 0, 0)),
        }
    }
}

/// The bytes of a file that is small enough to be read. What is no plain file (a pipe, a device) is refused unopened: it
/// could go on for ever, or never begin.
///
/// # Errors
/// The system's; in it, [`TextError::TooLarge`] with the size that the file has.
pub fn bytes_of(path: &Path) -> io::Result<Result<Vec<u8>, TextError>> {
    let found = std::fs::metadata(path)?;
    if !found.is_file() {
        return Err(io::Error::other(if found.is_dir() { "it is a folder" } else { "it is no plain file" }));
    }
    let size = usize::try_from(found.len()).unwrap_or(usize::MAX);
    if size > MAX_BYTES {
        return Ok(Err(TextError::TooLarge(size)));
    }
    let mut bytes = Vec::with_capacity(size);
    std::fs::File::open(path)?.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok(Ok(bytes))
}

/// The text of a file. A byte-order mark is dropped.
///
/// # Errors
/// [`TextError`] where the bytes are too many, or no UTF-8 text.
pub fn text_of(bytes: Vec<u8>) -> Result<String, TextError> {
    if bytes.len() > MAX_BYTES {
        return Err(TextError::TooLarge(bytes.len()));
    }
    if bytes.starts_with(&[0xFF, 0xFE]) || bytes.starts_with(&[0xFE, 0xFF]) {
        return Err(TextError::Utf16);
    }
    let zero = bytes.iter().position(|byte| *byte == 0);
    let mut text = match (zero, String::from_utf8(bytes)) {
        (None, Ok(text)) => text,
        (Some(offset), Ok(text)) => return Err(zero_at(text.as_bytes(), offset)),
        (zero, Err(error)) => {
            let (bytes, offset) = (error.as_bytes(), error.utf8_error().valid_up_to());
            return Err(match zero.filter(|zero| *zero < offset) {
                Some(zero) => zero_at(bytes, zero),
                None => TextError::NotUtf8 { offset, line: line(bytes, offset), shown: shown(bytes, offset) },
            });
        }
    };
    if text.starts_with('\u{feff}') {
        text.drain(..'\u{feff}'.len_utf8());
    }
    Ok(text)
}

fn zero_at(bytes: &[u8], offset: usize) -> TextError {
    TextError::Zero { offset, line: line(bytes, offset), shown: shown(bytes, offset) }
}

fn line(bytes: &[u8], offset: usize) -> usize {
    bytes[..offset].split(|byte| *byte == b'\n').count()
}

/// Everything up to the end of the line with the byte at `offset`.
fn shown(bytes: &[u8], offset: usize) -> String {
    let end = bytes[offset..].iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |end| offset + end);
    String::from_utf8_lossy(&bytes[..end]).replace('\0', "\u{fffd}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drops_a_byte_order_mark() {
        assert_eq!(text_of(b"\xEF\xBB\xBFa: 1".to_vec()), Ok("a: 1".to_owned()));
    }

    #[test]
    fn names_the_byte_that_is_not_utf8() {
        let error = text_of(b"a: 1\nb: \xFF".to_vec()).expect_err("0xFF starts no character");
        assert_eq!(error, TextError::NotUtf8 { offset: 8, line: 2, shown: "a: 1\nb: \u{fffd}".to_owned() });
        let place = error.in_file(FileId(0)).labels[0].span;
        assert_eq!(&error.shown()[place.start as usize..place.end as usize], "\u{fffd}");
        assert_eq!(error.code(), Code::InvalidUtf8);
        assert_eq!(error.to_string(), "the file is not UTF-8 text: byte 8 (line 2) starts no character");
    }

    #[test]
    fn refuses_a_program_and_utf16() {
        assert_eq!(text_of(b"\x7fELF\0\xFF".to_vec()), Err(zero_at(b"\x7fELF\0\xFF", 4)));
        assert_eq!(text_of(b"\xFF\xFEa\0".to_vec()), Err(TextError::Utf16));
    }

    #[test]
    fn refuses_a_file_of_10_mb() {
        let error = text_of(vec![b'#'; 10_000_000]).expect_err("too large");
        assert_eq!((error.code(), error), (Code::FileTooLarge, TextError::TooLarge(10_000_000)));
    }
}
