//! `CycloneDX` SBOMs as JSON, with the vulnerabilities that a scanner or a VEX wrote into them.

use serde::Deserialize;
use serde_json::Value;

use super::scan::{Issue, Level, Scan};
use super::{Format, ReportError, json};

#[derive(Deserialize)]
struct Bom {
    #[serde(default)]
    components: Option<Vec<Component>>,
    vulnerabilities: Option<Vec<Vulnerability>>,
}

#[derive(Deserialize)]
struct Component {
    #[serde(default)]
    components: Option<Vec<Component>>,
}

#[derive(Deserialize)]
struct Vulnerability {
    #[serde(default)]
    id: String,
    #[serde(default)]
    ratings: Option<Vec<Rating>>,
    #[serde(default)]
    description: String,
    #[serde(default)]
    references: Option<Vec<Reference>>,
    #[serde(default)]
    affects: Option<Vec<Affected>>,
    #[serde(default)]
    analysis: Option<Analysis>,
}

#[derive(Deserialize)]
struct Rating {
    #[serde(default)]
    severity: String,
}

#[derive(Deserialize)]
struct Reference {
    #[serde(default)]
    id: String,
}

#[derive(Deserialize)]
struct Affected {
    #[serde(rename = "ref")]
    target: String,
}

#[derive(Deserialize)]
struct Analysis {
    #[serde(default)]
    state: String,
}

/// Reads an SBOM.
pub(super) fn read(text: &str) -> Result<Scan, ReportError> {
    let value = json::object(Format::Cyclonedx, text)?;
    if value.get("bomFormat").and_then(Value::as_str) != Some("CycloneDX") {
        return Err(Format::Cyclonedx.other("its `bomFormat` is not CycloneDX"));
    }
    let bom: Bom = json::decode(Format::Cyclonedx, value)?;
    let Some(vulnerabilities) = bom.vulnerabilities else {
        let why = "it has no `vulnerabilities`: no scan was made of it";
        return Err(ReportError::Partial(why.to_owned()));
    };
    let counted = vulnerabilities.into_iter().filter(|one| !one.is_harmless());
    Ok(Scan {
        scanned: count(bom.components.as_deref().unwrap_or_default()),
        issues: counted.map(Vulnerability::issue).collect(),
    })
}

fn count(components: &[Component]) -> usize {
    components.iter().map(|one| 1 + count(one.components.as_deref().unwrap_or_default())).sum()
}

impl Vulnerability {
    /// An analysis in the SBOM found that it does no harm (VEX).
    fn is_harmless(&self) -> bool {
        const HARMLESS: [&str; 4] = ["resolved", "resolved_with_pedigree", "false_positive", "not_affected"];
        self.analysis.as_ref().is_some_and(|analysis| HARMLESS.contains(&analysis.state.as_str()))
    }

    fn issue(self) -> Issue {
        let ratings = self.ratings.unwrap_or_default();
        let affects: Vec<String> = self.affects.unwrap_or_default().into_iter().map(|one| one.target).collect();
        Issue {
            id: self.id,
            aliases: self.references.unwrap_or_default().into_iter().map(|reference| reference.id).collect(),
            level: ratings.iter().map(|one| Level::severity(&one.severity)).max().unwrap_or(Level::Unknown),
            place: affects.join(", "),
            message: self.description,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_worst_rating_and_leaves_out_what_does_no_harm() {
        let text = r#"{ "bomFormat": "CycloneDX", "specVersion": "1.6",
            "components": [{ "type": "library", "name": "a", "components": [{ "type": "library", "name": "b" }] }],
            "vulnerabilities": [
                { "id": "CVE-1", "ratings": [{ "severity": "low" }, { "severity": "high" }], "affects": [{ "ref": "a" }] },
                { "id": "CVE-2", "ratings": [{ "severity": "critical" }], "analysis": { "state": "not_affected" } },
                { "id": "CVE-3", "analysis": { "state": "in_triage" } } ] }"#;
        let scan = read(text).expect("whole");
        assert_eq!(scan.scanned, 2);
        let found: Vec<(&str, Level)> = scan.issues.iter().map(|it| (it.id.as_str(), it.level)).collect();
        assert_eq!(found, [("CVE-1", Level::High), ("CVE-3", Level::Unknown)]);
    }

    #[test]
    fn an_sbom_that_nothing_scanned_is_not_one_without_findings() {
        let error = read(r#"{ "bomFormat": "CycloneDX", "components": [] }"#).expect_err("no scan");
        assert_eq!(error.to_string(), "it has no `vulnerabilities`: no scan was made of it");
    }
}
