//! Which lines and branches tests reached, by file, so that several reports on the same file count it once; and the
//! format of Cobertura.

use std::collections::BTreeMap;

use super::xml::{Element, Tag, Tags};
use super::{Format, ReportError};

/// Covered parts of a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ratio {
    /// Of these.
    pub covered: u64,
    /// There are so many.
    pub total: u64,
}

impl Ratio {
    /// As a percentage; `None` of nothing.
    pub fn percent(self) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "lines of a project are far fewer than 2^52")]
        (self.total > 0).then(|| self.covered as f64 * 100.0 / self.total as f64)
    }
}

/// One line that can be run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Line {
    hit: bool,
    branches: Ratio,
}

/// Lines by file and number.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Coverage(BTreeMap<String, BTreeMap<u64, Line>>);

impl Coverage {
    /// A line that can be run, and how many of its branches were taken. Known from several places, it was reached where
    /// one of them says so; of its branches the best count is taken, since no report says which they were.
    pub(super) fn line(&mut self, file: &str, number: u64, hit: bool, branches: Ratio) {
        if !self.0.contains_key(file) {
            self.0.insert(file.to_owned(), BTreeMap::new());
        }
        let line = self.0.get_mut(file).expect("it was put there").entry(number).or_default();
        line.hit |= hit;
        line.branches.covered = line.branches.covered.max(branches.covered);
        line.branches.total = line.branches.total.max(branches.total);
    }

    /// Adds what another report says.
    pub fn merge(&mut self, other: &Coverage) {
        for (file, lines) in &other.0 {
            for (number, line) in lines {
                self.line(file, *number, line.hit, line.branches);
            }
        }
    }

    /// Covered lines.
    pub fn lines(&self) -> Ratio {
        let mut ratio = Ratio::default();
        for line in self.0.values().flat_map(BTreeMap::values) {
            ratio.total += 1;
            ratio.covered += u64::from(line.hit);
        }
        ratio
    }

    /// Covered branches.
    pub fn branches(&self) -> Ratio {
        let mut ratio = Ratio::default();
        for line in self.0.values().flat_map(BTreeMap::values) {
            ratio.total += line.branches.total;
            ratio.covered += line.branches.covered;
        }
        ratio
    }

    /// The files with the most lines that no test reached, and how many those are.
    pub fn worst(&self, count: usize) -> Vec<(&str, Ratio)> {
        let of = |lines: &BTreeMap<u64, Line>| Ratio {
            covered: lines.values().filter(|line| line.hit).count() as u64,
            total: lines.len() as u64,
        };
        let mut files: Vec<(&str, Ratio)> = self.0.iter().map(|(file, lines)| (file.as_str(), of(lines))).collect();
        files.retain(|(_, ratio)| ratio.covered < ratio.total);
        files.sort_by_key(|(_, ratio)| std::cmp::Reverse(ratio.total - ratio.covered));
        files.truncate(count);
        files
    }
}

/// Reads Cobertura XML: the lines of its classes. Methods repeat them.
pub(super) fn cobertura(text: &str) -> Result<Coverage, ReportError> {
    let mut tags = Tags::new(text);
    let mut coverage = Coverage::default();
    let mut file = None;
    while let Some(tag) = tags.next()? {
        let Tag::Start(element) = tag else { continue };
        let path: Vec<&str> = tags.path().iter().map(String::as_str).collect();
        match path.as_slice() {
            ["coverage"] if element.get("line-rate").is_none() => {
                return Err(Format::Cobertura.other("its <coverage> has no `line-rate`"));
            }
            [other] if *other != "coverage" => {
                return Err(Format::Cobertura.other(format!("its element is <{other}>, expected <coverage>")));
            }
            [.., "class"] => file = element.get("filename").map(str::to_owned),
            [.., "class", "lines", "line"] => {
                let Some(file) = &file else {
                    return Err(ReportError::Malformed("a <class> has no `filename`".to_owned()));
                };
                let number = required(&element, "number")?;
                let hits: u64 = required(&element, "hits")?;
                coverage.line(file, number, hits > 0, conditions(&element)?);
            }
            _ => {}
        }
    }
    Ok(coverage)
}

/// A number that must be there.
pub(super) fn required(element: &Element, name: &str) -> Result<u64, ReportError> {
    let missing = || ReportError::Malformed(format!("a <{}> has no `{name}`", element.name));
    element.number(name)?.ok_or_else(missing)
}

/// `condition-coverage="50% (1/2)"`.
fn conditions(line: &Element) -> Result<Ratio, ReportError> {
    let Some(text) = line.get("condition-coverage").filter(|_| line.get("branch") == Some("true")) else {
        return Ok(Ratio::default());
    };
    let parse = || {
        let (covered, total) = text.split_once('(')?.1.strip_suffix(')')?.split_once('/')?;
        Some(Ratio { covered: covered.trim().parse().ok()?, total: total.trim().parse().ok()? })
    };
    parse()
        .ok_or_else(|| ReportError::Malformed(format!("`condition-coverage=\"{text}\"` has no counts, such as (1/2)")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"<?xml version="1.0"?>
        <!DOCTYPE coverage SYSTEM "http://cobertura.sourceforge.net/xml/coverage-04.dtd">
        <coverage line-rate="0.5" branch-rate="0.5"><packages><package><classes>
        <class filename="a.py"><methods><method><lines><line number="1" hits="9"/></lines></method></methods>
        <lines><line number="1" hits="1" branch="true" condition-coverage="50% (1/2)"/><line number="2" hits="0"/></lines>
        </class></classes></package></packages></coverage>"#;

    #[test]
    fn counts_lines_once_and_branches_by_their_conditions() {
        let mut coverage = cobertura(TEXT).expect("whole");
        coverage.merge(&cobertura(TEXT).expect("whole"));
        assert_eq!(coverage.lines(), Ratio { covered: 1, total: 2 });
        assert_eq!(coverage.branches(), Ratio { covered: 1, total: 2 });
        assert_eq!(coverage.worst(3), [("a.py", Ratio { covered: 1, total: 2 })]);
        assert_eq!(coverage.lines().percent(), Some(50.0));
        assert_eq!(Ratio::default().percent(), None);
    }

    #[test]
    fn other_xml_is_named() {
        let error = cobertura("<report name='x'/>").expect_err("it is of JaCoCo");
        assert_eq!(error.to_string(), "it is not Cobertura XML: its element is <report>, expected <coverage>");
        let error = cobertura("<coverage generated='1'/>").expect_err("it is of Clover");
        assert_eq!(error.to_string(), "it is not Cobertura XML: its <coverage> has no `line-rate`");
    }
}
