//! `tests`: what reports of other tools say: test results, findings of scanners, coverage. Runs no tool.

mod allow;
mod files;
mod measure;
mod spec;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::core::kind::{Assertion, AssertionKind, CheckContext, Context, Poll, Watch};
use crate::core::model::outcome::{Fault, Finding, Verdict};
use measure::Whole;
use spec::{Says, Tests, says};

/// The row of `tests`.
pub const KIND: AssertionKind = AssertionKind::assertion::<Tests>(
    "tests",
    "what reports of other tools say: JUnit, SARIF, CycloneDX, Trivy, Grype, Cobertura, LCOV, JaCoCo",
    "junit: reports/*.xml\nfailed: 0\nskipped: \"<= 3\"\n",
);

#[async_trait]
impl Assertion for Tests {
    fn check(&self, cx: &mut CheckContext<'_>) {
        self.complain(cx);
    }

    fn title(&self) -> String {
        match self.formats().as_slice() {
            [(_, key, patterns), ..] => format!("{key} {}", patterns.join(", ")),
            [] => "tests".to_owned(),
        }
    }

    async fn watch(&self, _: &Context) -> Result<Box<dyn Watch>, Fault> {
        Ok(Box::new(Poll(Duration::from_secs(1))))
    }

    async fn measure(&self, cx: &Context) -> Result<Verdict, Fault> {
        let whole = self.read(cx).await?;
        for id in whole.unused(self) {
            cx.say(format!("allow: {id} matches no finding, and can be removed"));
        }
        let measures = match self.said() {
            Says::Tests => whole.tests(self)?,
            Says::Severities | Says::Levels => whole.scan(self, today()),
            Says::Coverage => whole.coverage(self)?,
        };
        Ok(Verdict::of(measures))
    }

    async fn explain(&self, cx: &Context) -> Vec<Finding> {
        match self.read(cx).await {
            Ok(whole) => whole.explain(self, today(), cx),
            Err(_) => Vec::new(),
        }
    }
}

impl Tests {
    fn said(&self) -> Says {
        self.formats().first().map_or(Says::Tests, |(format, _, _)| says(*format))
    }

    /// Reads all reports; large ones take a while, and others wait for this thread.
    async fn read(&self, cx: &Context) -> Result<Whole, Fault> {
        let bound = files::bound(self.since.as_ref(), cx)?;
        let formats = self.formats();
        let Some((format, _, patterns)) = formats.first() else {
            return Err(Fault::invalid("no report is named"));
        };
        let (format, patterns, project) = (*format, patterns.to_vec(), Arc::clone(&cx.project));
        let reading = tokio::task::spawn_blocking(move || {
            files::read(&project, format, &patterns, bound.as_ref()).map(Whole::of)
        });
        let read = cx.unless_cancelled(reading).await?;
        read.map_err(|error| Fault::unknown(format!("not measured: the reports were not read: {error}")))?
    }
}

/// The day by which entries of `allow` end.
fn today() -> Date {
    jiff::Timestamp::now().to_zoned(TimeZone::UTC).date()
}
