//! Whether an answer is as `expect` says: the usual ways are made ready once, so that a judgement costs little.

use std::collections::BTreeMap;
use std::time::Duration;

use memchr::memmem::Finder;
use regex::bytes::Regex;

use crate::core::kind::{Context, excerpt};
use crate::core::model::expect::Expect;
use crate::core::model::outcome::{Fault, FaultKind};
use crate::core::model::units::Count;
use crate::http::Answer;
use crate::http::answer::AnswerExpect;
use crate::http::load::{Cause, ResponseCheck, ResponseView};

/// Judges by an expectation as a user writes it.
pub struct ExpectJudge {
    status: Expect<Count>,
    contains: Option<Finder<'static>>,
    matches: Option<Regex>,
    /// What is left of it: JSON and headers, measured as the `http` step does.
    rest: Option<AnswerExpect>,
    /// All of it, for a body that is larger than what is kept of it.
    whole: AnswerExpect,
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
        // the status is judged first, by what was written for it
        let any = Expect::parse("100..999").ok();
        let whole = AnswerExpect { status: any.clone(), time: None, ..expect.clone() };
        let rest = AnswerExpect { contains: None, matches: None, ..whole.clone() };
        let rest = (rest != AnswerExpect { status: any, ..AnswerExpect::default() }).then_some(rest);
        Ok(ExpectJudge { status, contains, matches, rest, whole, cx: cx.clone() })
    }

    /// The words for a body that is not as expected.
    fn wrong(&self, response: &ResponseView<'_>, what: &str) -> (Cause, String) {
        let shown = excerpt(&String::from_utf8_lossy(response.body), &self.cx);
        (Cause::WrongBody, format!("the body {what}: {shown}"))
    }

    /// Measures an answer as the `http` step does.
    fn measure(&self, expect: &AnswerExpect, response: &ResponseView<'_>) -> Result<(), (Cause, String)> {
        let mut headers = BTreeMap::<String, String>::new();
        for (name, value) in response.headers() {
            let all = headers.entry(name).or_default();
            *all = if all.is_empty() { value } else { format!("{all}, {value}") };
        }
        let answer = Answer {
            status: response.status,
            headers,
            body: response.body.to_vec(),
            cut: response.cut,
            time: Duration::ZERO,
        };
        match expect.measures(&answer, &self.cx) {
            Ok(measures) => match measures.into_iter().find(|measure| !measure.holds) {
                None => Ok(()),
                Some(unmet) => {
                    Err((Cause::WrongBody, format!("{} is {}, expected {}", unmet.name, unmet.actual, unmet.expected)))
                }
            },
            Err(fault) if fault.kind == FaultKind::Invalid => Err((Cause::WrongBody, fault.message)),
            Err(fault) => Err((Cause::Unmeasured, fault.message)),
        }
    }
}

impl ResponseCheck for ExpectJudge {
    fn reads_body(&self) -> bool {
        self.contains.is_some() || self.matches.is_some() || self.rest.is_some()
    }

    fn judge(&self, response: &ResponseView<'_>) -> Result<(), (Cause, String)> {
        if !self.status.holds(&Count(response.status.into())) {
            return Err((Cause::WrongStatus, response.status.to_string()));
        }
        if response.cut {
            return self.measure(&self.whole, response);
        }
        if let Some(part) = &self.contains
            && part.find(response.body).is_none()
        {
            return Err(self.wrong(response, "does not contain what it should"));
        }
        if let Some(pattern) = &self.matches
            && !pattern.is_match(response.body)
        {
            return Err(self.wrong(response, "does not match"));
        }
        self.rest.as_ref().map_or(Ok(()), |rest| self.measure(rest, response))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::core::kind::test_context::{TestContext, body};

    fn judged(expect: serde_json::Value, body_of: &[u8], cut: bool) -> Result<(), Cause> {
        let judge = ExpectJudge::new(body(&expect), &TestContext::new().cx).expect("valid");
        let response = ResponseView { status: 200, head: b"x-id: 7\r\n\r\n", body: body_of, cut };
        judge.judge(&response).map_err(|(cause, _)| cause)
    }

    #[test]
    fn a_body_that_was_cut_is_judged_only_where_its_rest_changes_nothing() {
        assert_eq!(judged(json!({ "contains": "xx" }), b"xxx", true), Ok(()));
        assert_eq!(judged(json!({ "contains": "y" }), b"xxx", true), Err(Cause::Unmeasured));
        assert_eq!(judged(json!({ "contains": "y" }), b"xxx", false), Err(Cause::WrongBody));
        assert_eq!(judged(json!({ "matches": "^x+$" }), b"xxx", true), Err(Cause::Unmeasured));
        assert_eq!(judged(json!({ "json": "self == 1" }), b"1", true), Err(Cause::Unmeasured));
        assert_eq!(judged(json!({ "status": 204 }), b"xxx", true), Err(Cause::WrongStatus));
        assert_eq!(judged(json!({ "headers": { "x-id": { "equals": "7" } } }), b"xxx", true), Ok(()));
        assert_eq!(judged(json!({ "absent_headers": ["x-id"] }), b"xxx", false), Err(Cause::WrongBody));
    }
}
