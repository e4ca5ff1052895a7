//! What is written under `tests:`, and what is wrong with it before the run.

use schemars::JsonSchema;
use serde::Deserialize;

use super::allow::Allowed;
use crate::core::files::inputs;
use crate::core::kind::{CheckContext, Several, Since};
use crate::core::model::diagnostic::Code;
use crate::core::model::expect::Expect;
use crate::core::model::units::{Count, Percent, TimeSpan};
use crate::results::{Format, Level};

/// Reports of other tools, of one format, and what is expected of them together. Each pattern must match a file; a file
/// that is older than the run (or than `since`), truncated or of another format is an error, never a pass.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tests {
    /// `JUnit` XML files, by patterns below the project: `reports/*.xml`.
    pub junit: Option<Several<String>>,
    /// SARIF 2.1.0 files.
    pub sarif: Option<Several<String>>,
    /// `CycloneDX` JSON files that a scanner wrote vulnerabilities into.
    pub cyclonedx: Option<Several<String>>,
    /// Files of `trivy --format json`.
    pub trivy: Option<Several<String>>,
    /// Files of `grype -o json`.
    pub grype: Option<Several<String>>,
    /// Cobertura XML files.
    pub cobertura: Option<Several<String>>,
    /// LCOV tracefiles.
    pub lcov: Option<Several<String>>,
    /// `JaCoCo` XML files.
    pub jacoco: Option<Several<String>>,
    /// How old a file may be: `steps.test` (written since that step began) or a duration such as `2h`. Default: since the
    /// run began, or a step of this stage that an earlier run did.
    pub since: Option<Since>,
    /// Test cases that failed or broke (`failure`, `error`). With `junit`, like the next six.
    pub failed: Option<Expect<Count>>,
    /// Test cases that passed at once.
    pub passed: Option<Expect<Count>>,
    /// Test cases that were not run.
    pub skipped: Option<Expect<Count>>,
    /// Test cases that failed first and passed when tried again (`flakyFailure`).
    pub flaky: Option<Expect<Count>>,
    /// All test cases. Default: `> 0`.
    pub total: Option<Expect<Count>>,
    /// The time of all test cases together.
    pub time: Option<Expect<TimeSpan>>,
    /// The time of the slowest test case.
    pub slowest: Option<Expect<TimeSpan>>,
    /// Findings of severity critical. With `trivy`, `grype` and `cyclonedx`, like the next five.
    pub critical: Option<Expect<Count>>,
    /// Findings of severity high.
    pub high: Option<Expect<Count>>,
    /// Findings of severity medium.
    pub medium: Option<Expect<Count>>,
    /// Findings of severity low.
    pub low: Option<Expect<Count>>,
    /// Findings of severity negligible, info or none.
    pub negligible: Option<Expect<Count>>,
    /// Findings without a known severity.
    pub unknown: Option<Expect<Count>>,
    /// Results of level error. With `sarif`, like the next two.
    pub error: Option<Expect<Count>>,
    /// Results of level warning.
    pub warning: Option<Expect<Count>>,
    /// Results of level note.
    pub note: Option<Expect<Count>>,
    /// What was scanned: targets of trivy, components of an SBOM, runs of SARIF. Default: `> 0`.
    pub scanned: Option<Expect<Count>>,
    /// Findings that do not count until a day: `[{ id: CVE-2024-1234, until: 2027-01-31, reason: "not reachable" }]`.
    #[serde(default)]
    pub allow: Vec<Allowed>,
    /// Lines that tests reached. With `cobertura`, `lcov` and `jacoco`, like the next.
    pub lines: Option<Expect<Percent>>,
    /// Branches that tests took.
    pub branches: Option<Expect<Percent>>,
}

/// What the reports of a format say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Says {
    Tests,
    Severities,
    Levels,
    Coverage,
}

/// What the reports of a format say.
pub(super) fn says(format: Format) -> Says {
    match format {
        Format::Junit => Says::Tests,
        Format::Trivy | Format::Grype | Format::Cyclonedx => Says::Severities,
        Format::Sarif => Says::Levels,
        Format::Cobertura | Format::Lcov | Format::Jacoco => Says::Coverage,
    }
}

impl Tests {
    /// The formats that are written, with their keys and patterns.
    pub(super) fn formats(&self) -> Vec<(Format, &'static str, &[String])> {
        let all = [
            (Format::Junit, "junit", &self.junit),
            (Format::Sarif, "sarif", &self.sarif),
            (Format::Cyclonedx, "cyclonedx", &self.cyclonedx),
            (Format::Trivy, "trivy", &self.trivy),
            (Format::Grype, "grype", &self.grype),
            (Format::Cobertura, "cobertura", &self.cobertura),
            (Format::Lcov, "lcov", &self.lcov),
            (Format::Jacoco, "jacoco", &self.jacoco),
        ];
        all.into_iter().filter_map(|(format, key, files)| Some((format, key, files.as_ref()?.0.as_slice()))).collect()
    }

    /// Expectations of counts by level.
    pub(super) fn levels(&self) -> [(Level, Option<&Expect<Count>>); 9] {
        [
            (Level::Critical, self.critical.as_ref()),
            (Level::High, self.high.as_ref()),
            (Level::Medium, self.medium.as_ref()),
            (Level::Low, self.low.as_ref()),
            (Level::Negligible, self.negligible.as_ref()),
            (Level::Unknown, self.unknown.as_ref()),
            (Level::Error, self.error.as_ref()),
            (Level::Warning, self.warning.as_ref()),
            (Level::Note, self.note.as_ref()),
        ]
    }

    /// The keys that are written, each with what its reports must say.
    fn expected(&self) -> Vec<(&'static str, &'static [Says])> {
        const SCANS: &[Says] = &[Says::Severities, Says::Levels];
        let level = |level: Level| match level {
            Level::Error | Level::Warning | Level::Note => &[Says::Levels][..],
            _ => &[Says::Severities],
        };
        let mut keys = vec![
            ("failed", self.failed.is_some(), &[Says::Tests][..]),
            ("passed", self.passed.is_some(), &[Says::Tests]),
            ("skipped", self.skipped.is_some(), &[Says::Tests]),
            ("flaky", self.flaky.is_some(), &[Says::Tests]),
            ("total", self.total.is_some(), &[Says::Tests]),
            ("time", self.time.is_some(), &[Says::Tests]),
            ("slowest", self.slowest.is_some(), &[Says::Tests]),
        ];
        keys.extend(self.levels().map(|(of, expect)| (of.key(), expect.is_some(), level(of))));
        keys.push(("scanned", self.scanned.is_some(), SCANS));
        keys.push(("allow", !self.allow.is_empty(), SCANS));
        keys.push(("lines", self.lines.is_some(), &[Says::Coverage]));
        keys.push(("branches", self.branches.is_some(), &[Says::Coverage]));
        keys.into_iter().filter(|(_, is_written, _)| *is_written).map(|(key, _, says)| (key, says)).collect()
    }

    /// What is wrong with it.
    pub(super) fn complain(&self, cx: &mut CheckContext<'_>) {
        let formats = self.formats();
        let [(format, key, patterns)] = formats.as_slice() else {
            let message = match formats.as_slice() {
                [] => "no report is named".to_owned(),
                several => {
                    let keys: Vec<&str> = several.iter().map(|(_, key, _)| *key).collect();
                    format!("`{}` are several formats, expected exactly one", keys.join("` and `"))
                }
            };
            let help = "write one of `junit`, `sarif`, `cyclonedx`, `trivy`, `grype`, `cobertura`, `lcov`, `jacoco`";
            return cx.error(&[], Code::MissingKey, message, Some(help.to_owned()));
        };
        for (at, pattern) in patterns.iter().enumerate() {
            if let Some(problem) = inputs::problem(pattern) {
                let help = Some("patterns name files below the folder of pipeline.yaml: `reports/*.xml`".to_owned());
                let path = if cx.body.get(key).is_some_and(|node| !node.items().is_empty()) {
                    vec![(*key).into(), at.into()]
                } else {
                    vec![(*key).into()]
                };
                cx.error(&path, Code::InvalidValue, problem, help);
            }
        }
        if patterns.is_empty() {
            let help = Some(format!("write `{key}: reports/*`"));
            cx.error(&[(*key).into()], Code::InvalidValue, "no report is named", help);
        }
        let said = says(*format);
        let expected = self.expected();
        for (other, _) in expected.iter().filter(|(_, says)| !says.contains(&said)) {
            let message = format!("`{other}` is not in the reports of `{key}`");
            cx.error(&[(*other).into()], Code::InvalidValue, message, Some(format!("write {}", keys_of(said))));
        }
        if expected.iter().all(|(key, _)| *key == "allow") {
            let help = Some(format!("write {}", keys_of(said)));
            cx.error(&[], Code::MissingKey, "nothing is expected of the reports", help);
        }
        for (at, allowed) in self.allow.iter().enumerate() {
            allowed.complain(cx, at);
        }
    }
}

fn keys_of(says: Says) -> &'static str {
    match says {
        Says::Tests => "`failed: 0`, or one of `passed`, `skipped`, `flaky`, `total`, `time`, `slowest`",
        Says::Severities => "`critical: 0`, or one of `high`, `medium`, `low`, `negligible`, `unknown`, `scanned`",
        Says::Levels => "`error: 0`, or one of `warning`, `note`, `scanned`",
        Says::Coverage => "`lines: \">= 80%\"`, or `branches`",
    }
}
