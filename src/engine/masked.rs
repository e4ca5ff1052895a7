//! Events and live measurements without secrets: every free text in them is masked before anybody keeps or shows it.

use crate::event::{AssertionResult, Because, Event, Live};
use crate::mask::Masker;
use crate::outcome::{Failure, Fault, Finding, Measure, Outputs, Verdict};

/// Masks what kinds and the world said in an event; names, ids and numbers stay.
pub(crate) fn event(masker: &Masker, event: &mut Event) {
    if masker.is_empty() {
        return;
    }
    match event {
        Event::AttemptFailed { failure, .. } => of_failure(masker, failure),
        Event::AssertionSettled { result, .. } => of_result(masker, result),
        Event::NodeFinished { because, failure, fault, outputs, .. } => {
            if let Some(Because::NotHere { reason }) = because {
                text(masker, reason);
            }
            if let Some(failure) = failure {
                of_failure(masker, failure);
            }
            if let Some(fault) = fault {
                of_fault(masker, fault);
            }
            of_outputs(masker, outputs);
        }
        Event::Warned { message } => text(masker, message),
        Event::RunStarted { .. }
        | Event::NodeStarted { .. }
        | Event::NodeUp { .. }
        | Event::StageFinished { .. }
        | Event::Interrupted { .. }
        | Event::TakenOver { .. }
        | Event::RunFinished { .. } => {}
    }
}

/// Masks what was measured; a line is masked by its log.
pub(crate) fn live(masker: &Masker, live: &mut Live) {
    if let Live::Measured { verdict, .. } = live {
        of_verdict(masker, verdict);
    }
}

fn text(masker: &Masker, text: &mut String) {
    if let std::borrow::Cow::Owned(masked) = masker.mask(text) {
        *text = masked;
    }
}

fn of_outputs(masker: &Masker, outputs: &mut Outputs) {
    for value in outputs.values_mut() {
        masker.mask_json(value);
    }
}

fn of_failure(masker: &Masker, failure: &mut Failure) {
    text(masker, &mut failure.summary);
    failure.help.iter_mut().for_each(|help| text(masker, help));
    of_findings(masker, &mut failure.findings);
}

fn of_findings(masker: &Masker, findings: &mut [Finding]) {
    for finding in findings {
        text(masker, &mut finding.object);
        text(masker, &mut finding.message);
        masker.mask_lines(&mut finding.lines);
    }
}

fn of_fault(masker: &Masker, fault: &mut Fault) {
    text(masker, &mut fault.message);
    fault.help.iter_mut().for_each(|help| text(masker, help));
}

fn of_result(masker: &Masker, result: &mut AssertionResult) {
    text(masker, &mut result.name);
    of_verdict(masker, &mut result.verdict);
    of_findings(masker, &mut result.findings);
}

fn of_verdict(masker: &Masker, verdict: &mut Result<Verdict, Fault>) {
    match verdict {
        Ok(Verdict::Holds { measures } | Verdict::Unmet { measures }) => {
            for Measure { actual, expected, .. } in measures {
                text(masker, actual);
                text(masker, expected);
            }
        }
        Ok(Verdict::Skipped { reason }) => text(masker, reason),
        Err(fault) => of_fault(masker, fault),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::event::{NodeId, State};
    use crate::mask::SecretText;

    #[test]
    fn nothing_that_a_kind_said_shows_a_secret() {
        let secret = SecretText::new("hunter2hunter2");
        let masker = Masker::new([&secret]);
        let failure = Failure::new("login as hunter2hunter2 failed")
            .because(vec![Finding {
                lines: vec!["pw hunter2hunter2".into()],
                ..Finding::new("a", "b", "aHVudGVyMmh1bnRlcjI=")
            }])
            .help("not hunter2hunter2");
        let mut finished = Event::NodeFinished {
            node: NodeId(0),
            state: State::Failed,
            because: None,
            failure: Some(failure.clone()),
            fault: Some(Fault::unknown("hunter2hunter2")),
            tolerated: false,
            outputs: Outputs::from([("url".to_owned(), "http://hunter2hunter2@x".into())]),
            elapsed: Duration::ZERO,
            log: None,
            fingerprint: None,
        };
        let measure = Measure::new("body", "hunter2hunter2", "= hunter2hunter2", false);
        let mut settled = Event::AssertionSettled {
            node: NodeId(0),
            result: AssertionResult {
                index: 0,
                name: "hunter2hunter2".into(),
                kind: "http".into(),
                warning: false,
                verdict: Ok(Verdict::Unmet { measures: vec![measure] }),
                findings: failure.findings.clone(),
                elapsed: Duration::ZERO,
                looks: 1,
                ended: None,
            },
        };
        let mut again = Event::AttemptFailed { node: NodeId(0), attempt: 1, failure, retry_in: Duration::ZERO };
        for told in [&mut finished, &mut settled, &mut again] {
            event(&masker, told);
            let json = serde_json::to_string(told).expect("events are JSON");
            assert!(!json.contains("hunter2") && !json.contains("aHVudGVy") && json.contains("***"), "{json}");
        }
    }
}
