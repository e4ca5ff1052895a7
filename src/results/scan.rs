//! What scanners find, whatever their format: an identifier, a level, a place.

/// What a scanner's report says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scan {
    /// What was scanned: targets of trivy, components of an SBOM, runs of SARIF, the one source of grype.
    pub scanned: usize,
    /// Every finding, in the report's order.
    pub issues: Vec<Issue>,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issue {
    /// `CVE-2024-1234`, or the rule's id.
    pub id: String,
    /// Other names of the same, such as the CVE of a GHSA.
    pub aliases: Vec<String>,
    /// How bad it is, as the report says.
    pub level: Level,
    /// Where it is: a package and its version, or a file and its line.
    pub place: String,
    /// What it is, in the report's words.
    pub message: String,
}

impl Issue {
    /// Whether it is called so.
    pub fn is_called(&self, id: &str) -> bool {
        self.id.eq_ignore_ascii_case(id) || self.aliases.iter().any(|alias| alias.eq_ignore_ascii_case(id))
    }
}

/// How bad a finding is. Vulnerabilities have a severity, SARIF has levels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// No severity, or one that is not known.
    Unknown,
    /// `none`, `info`, `negligible`.
    Negligible,
    /// `low`.
    Low,
    /// `medium`.
    Medium,
    /// `high`.
    High,
    /// `critical`.
    Critical,
    /// SARIF: `note`.
    Note,
    /// SARIF: `warning`.
    Warning,
    /// SARIF: `error`.
    Error,
}

impl Level {
    /// A severity as the scanners write it; what is not one of theirs is unknown.
    pub(super) fn severity(text: &str) -> Level {
        match text.to_ascii_lowercase().as_str() {
            "critical" => Level::Critical,
            "high" => Level::High,
            "medium" | "moderate" => Level::Medium,
            "low" => Level::Low,
            "negligible" | "info" | "none" => Level::Negligible,
            _ => Level::Unknown,
        }
    }

    /// The key of an assertion that counts it.
    pub fn key(self) -> &'static str {
        match self {
            Level::Unknown => "unknown",
            Level::Negligible => "negligible",
            Level::Low => "low",
            Level::Medium => "medium",
            Level::High => "high",
            Level::Critical => "critical",
            Level::Note => "note",
            Level::Warning => "warning",
            Level::Error => "error",
        }
    }
}
