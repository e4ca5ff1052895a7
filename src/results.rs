//! Reports of other tools: bytes of a known format in, test cases, findings or covered lines out. Knows no assertion and
//! opens no file.
//!
//! A report is data from another program, so every format is read under the same limits: [`LARGEST`] bytes, UTF-8, at
//! most [`DEEPEST`] levels, no entities of its own. What is truncated or contradicts itself is an error, never a count.

pub mod assertions;
mod coverage;
mod cyclonedx;
mod grype;
mod jacoco;
mod json;
mod junit;
mod lcov;
mod sarif;
mod scan;
mod trivy;
mod xml;

use std::time::Duration;

pub use coverage::{Coverage, Ratio};
pub use scan::{Issue, Level, Scan};

/// Bytes of one report: 64 MiB.
pub const LARGEST: u64 = 64 << 20;
/// Levels of elements or values inside each other.
pub const DEEPEST: usize = 100;

/// The formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `JUnit` XML, as Surefire, pytest, jest-junit, cargo-nextest and most others write it.
    Junit,
    /// SARIF 2.1.0.
    Sarif,
    /// `CycloneDX` 1.4 and later, as JSON.
    Cyclonedx,
    /// `trivy --format json`.
    Trivy,
    /// `grype -o json`.
    Grype,
    /// Cobertura XML.
    Cobertura,
    /// LCOV's tracefile.
    Lcov,
    /// `JaCoCo` XML.
    Jacoco,
}

/// What a report says.
#[derive(Debug, Clone, PartialEq)]
pub enum Report {
    /// Test cases, in their order.
    Tests(Vec<TestCase>),
    /// Findings of a scanner.
    Scan(Scan),
    /// Lines and branches that tests reached.
    Coverage(Coverage),
}

/// One test case.
#[derive(Debug, Clone, PartialEq)]
pub struct TestCase {
    /// `class name`, as far as the report has both.
    pub name: String,
    /// How it ended.
    pub outcome: TestOutcome,
    /// How long it took, where the report says so.
    pub time: Option<Duration>,
    /// Why it failed or was skipped, as the report says.
    pub message: String,
}

/// How a test case ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TestOutcome {
    /// It passed.
    Passed,
    /// It failed, or could not be run to its end (`error`).
    Failed,
    /// It was not run.
    Skipped,
    /// It failed first and passed when it was tried again.
    Flaky,
}

/// Why a report cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReportError {
    /// It is not text.
    #[error("it is not UTF-8 text")]
    NotText,
    /// It is more than is read.
    #[error("it is larger than {}", crate::core::model::units::ByteSize(LARGEST))]
    TooLarge,
    /// Its end is missing.
    #[error("it is truncated: {0}")]
    Truncated(String),
    /// It is not what its format asks for.
    #[error("{0}")]
    Malformed(String),
    /// It is well-formed, and of another format.
    #[error("it is not {expected}: {found}")]
    OtherFormat {
        /// The format, as people call it.
        expected: &'static str,
        /// What is there.
        found: String,
    },
    /// It brings what only an attack on its reader needs.
    #[error("{0}; such files are not read")]
    Hostile(String),
    /// It says of itself that it is not whole, or what it says does not fit together.
    #[error("{0}")]
    Partial(String),
}

impl Format {
    /// What people call it, with an article where it needs one.
    pub fn name(self) -> &'static str {
        match self {
            Format::Junit => "JUnit XML",
            Format::Sarif => "SARIF",
            Format::Cyclonedx => "CycloneDX JSON",
            Format::Trivy => "a JSON report of trivy",
            Format::Grype => "a JSON report of grype",
            Format::Cobertura => "Cobertura XML",
            Format::Lcov => "an LCOV tracefile",
            Format::Jacoco => "JaCoCo XML",
        }
    }

    /// Reads a report.
    ///
    /// # Errors
    /// [`ReportError`] for what is not a whole report of this format.
    pub fn read(self, bytes: &[u8]) -> Result<Report, ReportError> {
        if bytes.len() as u64 > LARGEST {
            return Err(ReportError::TooLarge);
        }
        // some programs put a byte order mark in front
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let text = std::str::from_utf8(bytes).map_err(|_| ReportError::NotText)?;
        if text.trim().is_empty() {
            return Err(ReportError::Truncated("it is empty".to_owned()));
        }
        match self {
            Format::Junit => junit::read(text).map(Report::Tests),
            Format::Sarif => sarif::read(text).map(Report::Scan),
            Format::Cyclonedx => cyclonedx::read(text).map(Report::Scan),
            Format::Trivy => trivy::read(text).map(Report::Scan),
            Format::Grype => grype::read(text).map(Report::Scan),
            Format::Cobertura => coverage::cobertura(text).map(Report::Coverage),
            Format::Lcov => lcov::read(text).map(Report::Coverage),
            Format::Jacoco => jacoco::read(text).map(Report::Coverage),
        }
    }

    fn other(self, found: impl Into<String>) -> ReportError {
        ReportError::OtherFormat { expected: self.name(), found: found.into() }
    }
}

#[cfg(test)]
mod hostile_tests;
