//! A stream for words with styles, which strips them where it shows none. Knows no words.

use std::io::{self, Write};

use anstream::adapter::{StripBytes, strip_str};

/// Takes words with styles.
pub struct Styled<W> {
    to: W,
    /// Where it is within escape sequences; `None` where it shows styles.
    strip: Option<StripBytes>,
}

impl<W: Write> Styled<W> {
    /// A stream to `to`, with styles or without. What is between two of them is written by itself: `to` had better
    /// hold a buffer.
    pub fn new(to: W, styles: bool) -> Self {
        Styled { to, strip: (!styles).then(StripBytes::new) }
    }

    /// Writes lines that hold no styles, each behind `before`, which may: nothing in them is looked for.
    ///
    /// # Errors
    /// When the stream cannot be written.
    pub fn each(&mut self, before: &str, lines: impl Iterator<Item = impl AsRef<str>>) -> io::Result<()> {
        let bare = self.strip.is_some().then(|| strip_str(before).to_string());
        let before = bare.as_deref().unwrap_or(before).as_bytes();
        for line in lines {
            self.to.write_all(before)?;
            self.to.write_all(line.as_ref().as_bytes())?;
            self.to.write_all(b"\n")?;
        }
        Ok(())
    }
}

impl<W: Write> Write for Styled<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(strip) = &mut self.strip else { return self.to.write(bytes) };
        strip.strip_next(bytes).try_for_each(|shown| self.to.write_all(shown)).map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn styles_are_shown_or_stripped_and_lines_stand_each_behind_what_is_said_of_them() {
        let text = |styles| {
            let mut stream = Styled::new(Vec::new(), styles);
            writeln!(stream, "\u{1b}[1mbold\u{1b}[0m │").expect("memory");
            stream.each("\u{1b}[2m▸\u{1b}[0m ", ["one", ""].iter()).expect("memory");
            String::from_utf8(stream.to).expect("text")
        };
        assert_eq!(text(true), "\u{1b}[1mbold\u{1b}[0m │\n\u{1b}[2m▸\u{1b}[0m one\n\u{1b}[2m▸\u{1b}[0m \n");
        assert_eq!(text(false), "bold │\n▸ one\n▸ \n");
    }
}
