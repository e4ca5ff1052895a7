//! Reports of `trivy --format json`, schema version 2: vulnerabilities, misconfigurations, secrets, licences.

use serde::Deserialize;

use super::scan::{Issue, Level, Scan};
use super::{Format, ReportError, json};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Report {
    #[serde(default)]
    results: Option<Vec<TargetResult>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TargetResult {
    #[serde(default)]
    target: String,
    #[serde(default)]
    vulnerabilities: Option<Vec<Vulnerability>>,
    #[serde(default)]
    misconfigurations: Option<Vec<Misconfiguration>>,
    #[serde(default)]
    secrets: Option<Vec<Secret>>,
    #[serde(default)]
    licenses: Option<Vec<License>>,
}

#[derive(Deserialize)]
struct Vulnerability {
    #[serde(rename = "VulnerabilityID")]
    id: String,
    #[serde(rename = "VendorIDs", default)]
    vendor_ids: Option<Vec<String>>,
    #[serde(rename = "PkgName", default)]
    package: String,
    #[serde(rename = "InstalledVersion", default)]
    version: String,
    #[serde(rename = "FixedVersion", default)]
    fixed: String,
    #[serde(rename = "Severity", default)]
    severity: String,
    #[serde(rename = "Title", default)]
    title: String,
}

#[derive(Deserialize)]
struct Misconfiguration {
    #[serde(rename = "ID")]
    id: String,
    #[serde(rename = "AVDID", default)]
    avd_id: String,
    #[serde(rename = "Severity", default)]
    severity: String,
    #[serde(rename = "Message", default)]
    message: String,
    #[serde(rename = "Status", default)]
    status: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Secret {
    #[serde(rename = "RuleID")]
    rule: String,
    #[serde(default)]
    severity: String,
    #[serde(default)]
    title: String,
    #[serde(default)]
    start_line: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct License {
    name: String,
    #[serde(default)]
    severity: String,
    #[serde(default)]
    pkg_name: String,
}

/// Reads a report.
pub(super) fn read(text: &str) -> Result<Scan, ReportError> {
    let value = json::object(Format::Trivy, text)?;
    match value.get("SchemaVersion").and_then(serde_json::Value::as_u64) {
        Some(2) => {}
        Some(other) => return Err(Format::Trivy.other(format!("its schema version is {other}, expected 2"))),
        None => return Err(Format::Trivy.other("it has no `SchemaVersion`")),
    }
    let report: Report = json::decode(Format::Trivy, value)?;
    let targets = report.results.unwrap_or_default();
    Ok(Scan { scanned: targets.len(), issues: targets.into_iter().flat_map(TargetResult::issues).collect() })
}

impl TargetResult {
    fn issues(self) -> Vec<Issue> {
        let target = self.target;
        let mut all: Vec<Issue> = self.vulnerabilities.into_iter().flatten().map(Vulnerability::issue).collect();
        // trivy also lists checks that passed or are excepted in its own configuration
        let failed =
            self.misconfigurations.into_iter().flatten().filter(|one| matches!(one.status.as_str(), "FAIL" | ""));
        all.extend(failed.map(|one| Issue {
            id: one.id,
            aliases: vec![one.avd_id],
            level: Level::severity(&one.severity),
            place: target.clone(),
            message: one.message,
        }));
        all.extend(self.secrets.into_iter().flatten().map(|one| Issue {
            id: one.rule,
            aliases: Vec::new(),
            level: Level::severity(&one.severity),
            place: format!("{target}:{}", one.start_line),
            message: one.title,
        }));
        all.extend(self.licenses.into_iter().flatten().map(|one| Issue {
            id: one.name,
            aliases: Vec::new(),
            level: Level::severity(&one.severity),
            place: if one.pkg_name.is_empty() { target.clone() } else { one.pkg_name },
            message: "license".to_owned(),
        }));
        all
    }
}

impl Vulnerability {
    fn issue(self) -> Issue {
        let fixed = if self.fixed.is_empty() { String::new() } else { format!(" (fixed in {})", self.fixed) };
        Issue {
            id: self.id,
            aliases: self.vendor_ids.unwrap_or_default(),
            level: Level::severity(&self.severity),
            place: format!("{} {}", self.package, self.version).trim().to_owned(),
            message: format!("{}{fixed}", self.title).trim().to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_all_sorts_of_findings() {
        let text = r#"{ "SchemaVersion": 2, "ArtifactName": "shop:1", "Results": [
            { "Target": "shop:1 (debian 12)", "Class": "os-pkgs", "Vulnerabilities": [
                { "VulnerabilityID": "CVE-2024-0001", "VendorIDs": ["DSA-1"], "PkgName": "libfoo", "Severity": "CRITICAL",
                  "InstalledVersion": "1.0", "FixedVersion": "1.1", "Title": "overflow" } ] },
            { "Target": "Dockerfile", "Class": "config", "Misconfigurations": [
                { "ID": "DS002", "AVDID": "AVD-DS-0002", "Severity": "HIGH", "Status": "FAIL", "Message": "root" },
                { "ID": "DS001", "AVDID": "AVD-DS-0001", "Severity": "HIGH", "Status": "PASS" } ] },
            { "Target": "a.env", "Class": "secret", "Secrets": [
                { "RuleID": "aws-access-key-id", "Severity": "CRITICAL", "StartLine": 3, "Title": "AWS" } ] },
            { "Target": "empty" } ] }"#;
        let scan = read(text).expect("whole");
        assert_eq!(scan.scanned, 4);
        let shown: Vec<String> =
            scan.issues.iter().map(|it| format!("{} {} {}: {}", it.level.key(), it.id, it.place, it.message)).collect();
        assert_eq!(
            shown,
            [
                "critical CVE-2024-0001 libfoo 1.0: overflow (fixed in 1.1)",
                "high DS002 Dockerfile: root",
                "critical aws-access-key-id a.env:3: AWS"
            ]
        );
        assert!(scan.issues[0].is_called("dsa-1"));
    }

    #[test]
    fn other_files_are_named() {
        assert_eq!(
            read("{\"matches\": []}").expect_err("it is of grype").to_string(),
            "it is not a JSON report of trivy: it has no `SchemaVersion`"
        );
    }
}
