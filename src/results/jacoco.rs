//! `JaCoCo` XML: the lines of its source files.

use super::coverage::{Coverage, Ratio, required};
use super::xml::{Tag, Tags};
use super::{Format, ReportError};

/// Reads a report. Counters repeat what the lines say; they are used to notice classes without line numbers.
pub(super) fn read(text: &str) -> Result<Coverage, ReportError> {
    let mut tags = Tags::new(text);
    let mut coverage = Coverage::default();
    let (mut group, mut package, mut file) = (String::new(), String::new(), String::new());
    let mut counted: Option<u64> = None;
    while let Some(tag) = tags.next()? {
        let Tag::Start(element) = tag else { continue };
        let path: Vec<&str> = tags.path().iter().map(String::as_str).collect();
        let name = || element.get("name").unwrap_or_default().to_owned();
        match path.as_slice() {
            [other] if *other != "report" => {
                return Err(Format::Jacoco.other(format!("its element is <{other}>, expected <report>")));
            }
            ["report", .., "group"] => group = name() + "/",
            [.., "package"] => package = name(),
            [.., "package", "sourcefile"] => file = format!("{group}{package}/{}", name()),
            [.., "sourcefile", "line"] => {
                let covered = |missed: &str, covered: &str| -> Result<Ratio, ReportError> {
                    let covered = required(&element, covered)?;
                    Ok(Ratio { covered, total: covered.saturating_add(required(&element, missed)?) })
                };
                let instructions = covered("mi", "ci")?;
                coverage.line(&file, required(&element, "nr")?, instructions.covered > 0, covered("mb", "cb")?);
            }
            ["report", "counter"] if element.get("type") == Some("INSTRUCTION") => {
                counted = Some(required(&element, "missed")?.saturating_add(required(&element, "covered")?));
            }
            _ => {}
        }
    }
    if counted.is_some_and(|count| count > 0) && coverage.lines().total == 0 {
        let why = "it counts instructions and has no lines: the classes were compiled without line numbers";
        return Err(ReportError::Partial(why.to_owned()));
    }
    Ok(coverage)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_counts_as_reached_where_an_instruction_of_it_was() {
        let text = r#"<!DOCTYPE report PUBLIC "-//JACOCO//DTD Report 1.1//EN" "report.dtd">
            <report name="shop"><package name="shop"><class name="shop/A" sourcefilename="A.java">
            <counter type="LINE" missed="1" covered="2"/></class>
            <sourcefile name="A.java"><line nr="3" mi="0" ci="4" mb="0" cb="0"/><line nr="4" mi="2" ci="1" mb="1" cb="1"/>
            <line nr="5" mi="2" ci="0" mb="0" cb="0"/></sourcefile></package>
            <counter type="INSTRUCTION" missed="4" covered="5"/></report>"#;
        let coverage = read(text).expect("whole");
        assert_eq!(coverage.lines(), Ratio { covered: 2, total: 3 });
        assert_eq!(coverage.branches(), Ratio { covered: 1, total: 2 });
    }

    #[test]
    fn classes_without_line_numbers_are_not_covered_lines() {
        let text = "<report name='x'><counter type='INSTRUCTION' missed='4' covered='5'/></report>";
        let words = "it counts instructions and has no lines: the classes were compiled without line numbers";
        assert_eq!(read(text).expect_err("no lines").to_string(), words);
    }
}
