//! LCOV's tracefile: records of source files, each from `SF:` to `end_of_record`.

use std::collections::BTreeMap;

use super::coverage::{Coverage, Ratio};
use super::{Format, ReportError};
use crate::core::mask::cut;

/// A record that is open.
struct Record<'t> {
    file: &'t str,
    /// Hits by line.
    lines: BTreeMap<u64, u64>,
    branches: BTreeMap<u64, Ratio>,
    /// `LF:`, the lines that it declares.
    declared: Option<u64>,
}

/// Reads a tracefile.
pub(super) fn read(text: &str) -> Result<Coverage, ReportError> {
    let mut coverage = Coverage::default();
    let mut open: Option<Record<'_>> = None;
    let mut seen_any = false;
    for (at, line) in text.lines().enumerate().map(|(at, line)| (at + 1, line.trim())) {
        let (key, value) = line.split_once(':').unwrap_or((line, ""));
        match (key, &mut open) {
            ("" | "TN" | "VER", _) => {}
            _ if line.starts_with('#') => {}
            ("SF", None) => {
                seen_any = true;
                open = Some(Record { file: value, lines: BTreeMap::new(), branches: BTreeMap::new(), declared: None });
            }
            ("end_of_record", Some(_)) => {
                if let Some(record) = open.take() {
                    record.close(&mut coverage)?;
                }
            }
            ("DA", Some(record)) => record.line(value).ok_or_else(|| malformed(at, line))?,
            ("BRDA", Some(record)) => record.branch(value).ok_or_else(|| malformed(at, line))?,
            ("LF", Some(record)) => record.declared = Some(value.parse().map_err(|_| malformed(at, line))?),
            // functions and sums; newer versions add keys
            (_, Some(_)) if key.bytes().all(|byte| byte.is_ascii_uppercase()) => {}
            _ if !seen_any => return Err(Format::Lcov.other(format!("line {at} is not `SF:PATH`"))),
            _ => return Err(malformed(at, line)),
        }
    }
    match open {
        Some(record) => Err(ReportError::Truncated(format!("the record of {} has no end_of_record", record.file))),
        None if !seen_any => Err(Format::Lcov.other("it has no record (`SF:PATH`)")),
        None => Ok(coverage),
    }
}

fn malformed(at: usize, line: &str) -> ReportError {
    ReportError::Malformed(format!("line {at} of the tracefile cannot be read: `{}`", cut(line, 60)))
}

impl Record<'_> {
    /// `DA:LINE,HITS[,CHECKSUM]`.
    fn line(&mut self, value: &str) -> Option<()> {
        let mut parts = value.split(',');
        let number = parts.next()?.parse().ok()?;
        // a count of gcov that overflowed is negative
        let hits: i64 = parts.next()?.parse().ok()?;
        let line = self.lines.entry(number).or_default();
        *line = line.saturating_add(hits.max(0).unsigned_abs());
        Some(())
    }

    /// `BRDA:LINE,BLOCK,BRANCH,TAKEN`; `-` where the line was never reached.
    fn branch(&mut self, value: &str) -> Option<()> {
        let (number, rest) = value.split_once(',')?;
        let taken = rest.rsplit_once(',')?.1;
        let is_taken = taken != "-" && taken.parse::<i64>().ok()? > 0;
        let branches = self.branches.entry(number.parse().ok()?).or_default();
        branches.total += 1;
        branches.covered += u64::from(is_taken);
        Some(())
    }

    fn close(self, coverage: &mut Coverage) -> Result<(), ReportError> {
        if self.declared.is_some_and(|declared| declared != self.lines.len() as u64) {
            let (file, declared) = (self.file, self.declared.unwrap_or_default());
            let why = format!("the record of {file} declares {declared} lines and lists {}", self.lines.len());
            return Err(ReportError::Partial(why));
        }
        for (number, hits) in &self.lines {
            let branches = self.branches.get(number).copied().unwrap_or_default();
            coverage.line(self.file, *number, *hits > 0, branches);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "TN:one\nSF:src/a.c\nFN:1,main\nFNDA:1,main\nDA:1,1\nDA:2,0\nBRDA:1,0,0,1\nBRDA:1,0,1,-\nLF:2\nLH:1\n\
         end_of_record\n";

    #[test]
    fn records_of_one_file_are_put_together() {
        let coverage = read(TEXT).expect("whole");
        assert_eq!(coverage.lines(), Ratio { covered: 1, total: 2 });
        assert_eq!(coverage.branches(), Ratio { covered: 1, total: 2 });
        let coverage = read(&format!("{TEXT}TN:two\nSF:src/a.c\nDA:2,7\nend_of_record\n")).expect("whole");
        assert_eq!(coverage.lines(), Ratio { covered: 2, total: 2 });
    }

    #[test]
    fn refuses_what_is_not_a_whole_tracefile() {
        for (text, words) in [
            ("SF:a.c\nDA:1,1\n", "it is truncated: the record of a.c has no end_of_record"),
            ("{}", "it is not an LCOV tracefile: line 1 is not `SF:PATH`"),
            ("TN:\n", "it is not an LCOV tracefile: it has no record (`SF:PATH`)"),
            ("SF:a.c\nDA:x,1\n", "line 2 of the tracefile cannot be read: `DA:x,1`"),
            ("SF:a.c\nDA:1,1\nLF:3\nend_of_record", "the record of a.c declares 3 lines and lists 1"),
        ] {
            assert_eq!(read(text).expect_err(text).to_string(), words);
        }
    }
}
