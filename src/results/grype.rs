//! Reports of `grype -o json`: matches of packages and vulnerabilities.

use serde::Deserialize;

use super::scan::{Issue, Level, Scan};
use super::{Format, ReportError, json};

#[derive(Deserialize)]
struct Report {
    matches: Vec<Match>,
}

#[derive(Deserialize)]
struct Match {
    vulnerability: Vulnerability,
    #[serde(default, rename = "relatedVulnerabilities")]
    related: Option<Vec<Related>>,
    artifact: Artifact,
}

#[derive(Deserialize)]
struct Vulnerability {
    id: String,
    #[serde(default)]
    severity: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    fix: Fix,
}

#[derive(Deserialize, Default)]
struct Fix {
    #[serde(default)]
    versions: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Related {
    id: String,
}

#[derive(Deserialize)]
struct Artifact {
    name: String,
    #[serde(default)]
    version: String,
}

/// Reads a report.
pub(super) fn read(text: &str) -> Result<Scan, ReportError> {
    let value = json::object(Format::Grype, text)?;
    if value.pointer("/descriptor/name").and_then(serde_json::Value::as_str) != Some("grype") {
        return Err(Format::Grype.other("its `descriptor.name` is not grype"));
    }
    let report: Report = json::decode(Format::Grype, value)?;
    Ok(Scan { scanned: 1, issues: report.matches.into_iter().map(Match::issue).collect() })
}

impl Match {
    fn issue(self) -> Issue {
        let fixed = self.vulnerability.fix.versions.unwrap_or_default().join(", ");
        let fixed = if fixed.is_empty() { String::new() } else { format!(" (fixed in {fixed})") };
        Issue {
            id: self.vulnerability.id,
            aliases: self.related.unwrap_or_default().into_iter().map(|related| related.id).collect(),
            level: Level::severity(&self.vulnerability.severity),
            place: format!("{} {}", self.artifact.name, self.artifact.version).trim().to_owned(),
            message: format!("{}{fixed}", self.vulnerability.description).trim().to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_matches_and_their_other_names() {
        let text = r#"{ "descriptor": { "name": "grype", "version": "0.90.0" }, "matches": [
            { "vulnerability": { "id": "GHSA-1", "severity": "High", "fix": { "versions": ["2.0"], "state": "fixed" } },
              "relatedVulnerabilities": [{ "id": "CVE-2024-0002" }], "artifact": { "name": "left-pad", "version": "1.0" } },
            { "vulnerability": { "id": "CVE-3", "severity": "Negligible" }, "artifact": { "name": "libc6" } } ] }"#;
        let scan = read(text).expect("whole");
        assert_eq!((scan.scanned, scan.issues.len()), (1, 2));
        assert_eq!((scan.issues[0].level, scan.issues[1].level), (Level::High, Level::Negligible));
        assert_eq!(scan.issues[0].message, "(fixed in 2.0)");
        assert!(scan.issues[0].is_called("CVE-2024-0002"));
    }

    #[test]
    fn a_report_without_matches_is_not_one_without_findings() {
        let error = read(r#"{ "descriptor": { "name": "grype" } }"#).expect_err("no matches");
        assert_eq!(error.to_string(), "it is not a JSON report of grype: `.`: missing field `matches`");
    }
}
