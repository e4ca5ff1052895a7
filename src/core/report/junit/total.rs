//! Leaves the count of skipped tests out of the root element: Jenkins' schema has no such attribute there. All suites keep
//! theirs.

use std::io;

const ROOT: &[u8] = b"<testsuites";
const ATTRIBUTE: &[u8] = b" skipped=\"";

/// Passes a report on, without the attribute `skipped` of `<testsuites>`.
pub(super) struct WithoutTotal<W> {
    out: W,
    /// What came so far, until the root's tag is whole; `None` behind it.
    head: Option<Vec<u8>>,
}

impl<W: io::Write> WithoutTotal<W> {
    pub fn new(out: W) -> Self {
        WithoutTotal { out, head: Some(Vec::new()) }
    }
}

impl<W: io::Write> io::Write for WithoutTotal<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(head) = &mut self.head else { return self.out.write(bytes) };
        head.extend_from_slice(bytes);
        let Some(root) = memchr::memmem::find(head, ROOT) else { return Ok(bytes.len()) };
        let Some(length) = memchr::memchr(b'>', &head[root..]) else { return Ok(bytes.len()) };
        // a quote within a value is escaped, so this is an attribute and nothing else
        let tag = &head[root..root + length];
        if let Some(start) = memchr::memmem::find(tag, ATTRIBUTE).map(|at| root + at)
            && let Some(value) = memchr::memchr(b'"', &head[start + ATTRIBUTE.len()..])
        {
            head.drain(start..=start + ATTRIBUTE.len() + value);
        }
        let head = self.head.take().unwrap_or_default();
        self.out.write_all(&head)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if let Some(head) = self.head.take() {
            self.out.write_all(&head)?;
        }
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn only_the_roots_count_is_left_out() {
        let xml = r#"<?xml version="1.0"?><testsuites name="a &quot; skipped=&quot;" tests="1" skipped="12" errors="0"><testsuite skipped="1"/>"#;
        for size in 1..xml.len() {
            let mut out = Vec::new();
            let mut writer = WithoutTotal::new(&mut out);
            xml.as_bytes().chunks(size).for_each(|piece| writer.write_all(piece).expect("in memory"));
            writer.flush().expect("in memory");
            assert_eq!(String::from_utf8(out).expect("text"), xml.replace(r#" skipped="12""#, ""));
        }
    }
}
