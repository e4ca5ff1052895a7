//! Whether an answer is as `expect` says: the usual ways are made ready once, so that a judgement costs little.

use std::collections::BTreeMap;
use std::time::Duration;

use memchr::memmem::Finder;
use regex::bytes::Regex;

use crate::drivers::http::Answer;
use crate::drivers::traffic::{Cause, Judge, Told};
use crate::expect::Expect;
use crate::kind::{AnswerExpect, Context, excerpt};
use crate::outcome::Fault;
use crate::units::Count;

/// Judges by an expectation as a user writes it.
pub struct ExpectJudge {
    status: Expect<Count>,
    contains: Option<Finder<'static>>,
    matches: Option<Regex>,
    /// What is left of it: JSON and headers, measured as the `http` step does.
    rest: Option<AnswerExpect>,
    cx: Context,
}

impl ExpectJudge {
    /// Makes it ready.
    ///
    /// # Errors
    /// [`Fault`] of kind invalid when a pattern cannot be used.
    pub fn new(expect: AnswerExpect, cx: &Context) -> Result<Self, Fault> {
        let matches = expect.matches.as_deref().map(Regex::new).transpose();
        let matches =
            matches.map_err(|error| Fault::invalid(format!("the regular expression cannot be used: {error}")))?;
        let status = expect.expected_status();
        let contains = expect.contains.as_deref().map(|part| Finder::new(part).into_owned());
        let rest = AnswerExpect { status: None, contains: None, matches: None, time: None, ..expect };
        let rest = (rest != AnswerExpect::default()).then_some(rest);
        Ok(ExpectJudge { status, contains, matches, rest, cx: cx.clone() })
    }

    /// The words for a body that is not as expected.
    fn wrong(&self, told: &Told<'_>, what: &str) -> (Cause, String) {
        let shown = excerpt(&String::from_utf8_lossy(told.body), &self.cx);
        (Cause::WrongBody, format!("the body {what}: {shown}"))
    }
}

impl Judge for ExpectJudge {
    fn reads_body(&self) -> bool {
        self.contains.is_some() || self.matches.is_some() || self.rest.is_some()
    }

    fn judge(&self, told: &Told<'_>) -> Result<(), (Cause, String)> {
        if !self.status.holds(&Count(told.status.into())) {
            return Err((Cause::WrongStatus, told.status.to_string()));
        }
        if let Some(part) = &self.contains
            && part.find(told.body).is_none()
        {
            return Err(self.wrong(told, "does not contain what it should"));
        }
        if let Some(pattern) = &self.matches
            && !pattern.is_match(told.body)
        {
            return Err(self.wrong(told, "does not match"));
        }
        let Some(rest) = &self.rest else { return Ok(()) };
        let mut headers = BTreeMap::<String, String>::new();
        for (name, value) in told.headers() {
            let all = headers.entry(name).or_default();
            *all = if all.is_empty() { value } else { format!("{all}, {value}") };
        }
        let answer =
            Answer { status: told.status, headers, body: told.body.to_vec(), cut: false, time: Duration::ZERO };
        // The status was judged above, by what was written for it.
        let rest = AnswerExpect { status: Expect::parse("100..999").ok(), ..rest.clone() };
        match rest.measures(&answer, &self.cx) {
            Ok(measures) => match measures.into_iter().find(|measure| !measure.holds) {
                None => Ok(()),
                Some(unmet) => {
                    Err((Cause::WrongBody, format!("{} is {}, expected {}", unmet.name, unmet.actual, unmet.expected)))
                }
            },
            Err(fault) => Err((Cause::WrongBody, fault.message)),
        }
    }
}
