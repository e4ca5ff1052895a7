//! The `events` assertion: what the cluster recorded about its objects in a span of time, and how much of it.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Event;
use kube::api::ApiResource;
use regex::Regex;
use schemars::JsonSchema;
use serde::Deserialize;

use super::live::{Changes, Selector, few};
use crate::core::kind::{
    Assertion, AssertionKind, CheckContext, Context, Found, Poll, Since, StepId, Watch, excerpt, regex_words, timestamp,
};
use crate::core::model::diagnostic::Code;
use crate::core::model::expect::Expect;
use crate::core::model::outcome::{Fault, Finding, Verdict};
use crate::core::model::units::{Count, Text, TimeSpan};
use crate::kubernetes::client::{Involved, Reference, SeenEvent};
use crate::services::Clients;

/// Events that are shown.
const SHOWN: usize = 10;
/// How long an API server keeps events if it is not configured otherwise.
const KEPT: Duration = Duration::from_secs(3600);
/// Numbers that are tried to find out whether more events could change a verdict.
const TRIED: i64 = 1000;

/// `events`: how many events the cluster recorded in a span of time, about any object of a namespace or about some. An
/// event that repeats is one. A list that cannot be read to its end is a fault; so is a span that begins before what the
/// API server still has, unless more events could not change the verdict. Kubernetes records most events with their
/// second only, and drops some where one object causes very many.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Events {
    /// The steps of the same stage in whose time they were seen: from the first one's start to the last one's end.
    during: Option<Vec<StepId>>,
    /// Instead of `during`: since a step began (`steps.apply`) or for the last while (`10m`), until now.
    since: Option<Since>,
    /// `Warning` or `Normal`; any of them where nothing is written.
    r#type: Option<Expect<Text>>,
    /// Their reason: `FailedScheduling`, `!= Unhealthy`.
    reason: Option<Expect<Text>>,
    /// A regular expression that matches their message.
    message: Option<String>,
    /// The object that they are about, `deployment/backend`; those about what it makes count too: its ReplicaSets, its
    /// Pods, also the ones that are gone. One that does not exist, and of which no event is recorded, is not measured
    /// where the assertion would hold.
    object: Option<Reference>,
    /// Instead of `object`: the labels of the objects that they are about, or of the Pods that these make. Labels that
    /// select nothing are not measured where the assertion would hold.
    selector: Option<Selector>,
    /// Their namespace; else the pipeline's.
    namespace: Option<String>,
    /// How many there are.
    count: Expect<Count>,
    /// How long the API server keeps events (its `--event-ttl`); `1h` where nothing is written.
    kept: Option<TimeSpan>,
    #[serde(skip)]
    found: Found,
}

/// The row of this kind.
pub const KIND: AssertionKind = AssertionKind::assertion::<Events>(
    "events",
    "What the cluster recorded about its objects while steps ran, or in the last while: how many events, of which type.",
    "since: 10m\ntype: Warning\nselector: app=todo-backend\ncount: 0\n",
)
.cluster();

#[async_trait]
impl Assertion for Events {
    fn check(&self, cx: &mut CheckContext<'_>) {
        match (&self.during, &self.since) {
            (Some(_), Some(_)) => cx.only_one(&["since".into()], &["during", "since"]),
            (None, None) => {
                let help = "write `during: [STEP]`, `since: steps.STEP` or `since: 10m`".to_owned();
                cx.error(&[], Code::MissingKey, "nothing says which time is meant", Some(help));
            }
            (Some(steps), None) if steps.is_empty() => {
                let help = Some("name the steps, such as `during: [rollout]`".to_owned());
                cx.error(&["during".into()], Code::InvalidValue, "`during` names no step", help);
            }
            _ => {}
        }
        if self.object.is_some() && self.selector.is_some() {
            cx.only_one(&["selector".into()], &["object", "selector"]);
        }
        if let Some(error) = self.message.as_deref().and_then(|pattern| Regex::new(pattern).err()) {
            let help = Some("close it, or put `\\` before a bracket that is meant as itself".to_owned());
            cx.error(&["message".into()], Code::InvalidValue, regex_words(&error), help);
        }
    }

    fn title(&self) -> String {
        let of = match (&self.object, &self.selector) {
            (Some(object), _) => format!(" of {object}"),
            (None, Some(selector)) => format!(" of {selector}"),
            (None, None) => String::new(),
        };
        let type_ = self.r#type.as_ref().map(|type_| format!("{type_} ")).unwrap_or_default();
        format!("{type_}events{of}")
    }

    async fn watch(&self, cx: &Context) -> Result<Box<dyn Watch>, Fault> {
        let events = cx.cluster().objects(&ApiResource::erase::<Event>(&()), Some(self.namespace(cx))).await;
        match events {
            Ok(events) => Ok(Box::new(Changes::of(vec![events]))),
            // who may list may not be allowed to watch
            Err(_) => Ok(Box::new(Poll(Duration::from_secs(1)))),
        }
    }

    async fn measure(&self, cx: &Context) -> Result<Verdict, Fault> {
        let (from, to) = self.span(cx)?;
        let pattern = self.message.as_deref().map(Regex::new).transpose();
        let pattern = pattern.map_err(|error| Fault::invalid(regex_words(&error)))?;
        let cluster = &cx.cluster();
        let involved = match (&self.object, &self.selector) {
            (Some(object), _) => Some(cluster.involved_object(self.namespace(cx), object).await?),
            (None, Some(selector)) => Some(cluster.involved_by_labels(self.namespace(cx), &selector.0).await?),
            (None, None) => None,
        };
        let namespace = involved.as_ref().map_or(self.namespace(cx), |involved| involved.namespace.as_str());
        let mut events = cluster.events(namespace).await?;
        let is_known =
            events.iter().any(|event| involved.as_ref().is_none_or(|it| it.is_about(&event.kind, &event.name)));
        events.retain(|event| event.is_within(from, to) && self.means(event, involved.as_ref(), pattern.as_ref()));
        self.found.keep(events.iter().take(SHOWN).map(|event| finding(event, cx)).collect());
        let verdict = self.verdict(&events, from, Timestamp::now())?;
        let verdict = self.selected(involved.as_ref(), verdict)?;
        if verdict.holds() && !is_known {
            self.is_there(namespace, cx).await?;
        }
        Ok(verdict)
    }

    async fn explain(&self, cx: &Context) -> Vec<Finding> {
        let findings = self.found.all();
        let lines: Vec<String> =
            findings.iter().map(|it| format!("{} {}: {}", it.object, it.cause, it.message)).collect();
        if !lines.is_empty() {
            cx.evidence.keep("events.txt", &lines.join("\n"));
        }
        findings
    }
}

impl Events {
    fn namespace<'a>(&'a self, cx: &'a Context) -> &'a str {
        self.namespace.as_deref().unwrap_or_else(|| cx.namespace())
    }

    /// The span of time; without an end it lasts until now.
    fn span(&self, cx: &Context) -> Result<(Timestamp, Option<Timestamp>), Fault> {
        let Some(steps) = &self.during else {
            return Ok((self.since.as_ref().map_or(Ok(Timestamp::MIN), |since| cx.moment(since))?, None));
        };
        let ran = steps.iter().map(|step| cx.ran(&step.0)).collect::<Result<Vec<_>, _>>()?;
        let whole = ran.into_iter().reduce(crate::core::model::event::Ran::and);
        let whole = whole.ok_or_else(|| Fault::invalid("`during` names no step"))?;
        Ok((timestamp(whole.from), whole.to.map(timestamp)))
    }

    fn means(&self, event: &SeenEvent, involved: Option<&Involved>, pattern: Option<&Regex>) -> bool {
        let is = |expect: &Option<Expect<Text>>, text: &str| {
            expect.as_ref().is_none_or(|expect| expect.holds(&Text(text.to_owned())))
        };
        is(&self.r#type, &event.type_)
            && is(&self.reason, &event.reason)
            && involved.is_none_or(|involved| involved.is_about(&event.kind, &event.name))
            && pattern.is_none_or(|pattern| pattern.is_match(&event.message))
    }

    /// That what they would be about is there, or at least its namespace: of a name that is misspelt no event is recorded.
    async fn is_there(&self, namespace: &str, cx: &Context) -> Result<(), Fault> {
        let cluster = &cx.cluster();
        match &self.object {
            Some(object) if !cluster.has_object(namespace, object).await? => Err(unmeasured(
                &format!("there is no {object} in {namespace}, nor an event about it"),
                "correct `object` or `namespace`; of one that is gone events are kept for a while only",
            )),
            None if !cluster.has_namespace(namespace).await? => {
                Err(unmeasured(&format!("namespace {namespace} does not exist"), "correct `namespace`"))
            }
            _ => Ok(()),
        }
    }

    /// The verdict, unless it holds only because the labels select nothing: no event could be about it.
    fn selected(&self, involved: Option<&Involved>, verdict: Verdict) -> Result<Verdict, Fault> {
        let selects_nothing = involved.is_some_and(Involved::is_empty);
        match &self.selector {
            Some(selector) if selects_nothing && verdict.holds() => {
                let message = format!("no object carries the labels {selector}, nor do Pods of one");
                Err(unmeasured(&message, "correct `selector`, or name the `object` where it is gone by now"))
            }
            _ => Ok(verdict),
        }
    }

    /// The number of events, unless some may have expired that could change the verdict.
    fn verdict(&self, events: &[SeenEvent], from: Timestamp, now: Timestamp) -> Result<Verdict, Fault> {
        let count = i64::try_from(events.len()).unwrap_or(i64::MAX);
        let mut measure = self.count.measure("count", &Count(count));
        if count > 0 {
            let shown: Vec<String> = events
                .iter()
                .map(|event| format!("{} on {}/{}", event.reason, event.kind.to_lowercase(), event.name))
                .collect();
            measure.actual = format!("{count}: {}", few(shown.iter().map(String::as_str)));
        }
        let kept = self.kept.map_or(KEPT, |kept| kept.0);
        let may_lack = now.checked_sub(kept).is_ok_and(|oldest| from < oldest);
        let same = |more: i64| self.count.holds(&Count(count.saturating_add(more))) == measure.holds;
        if may_lack && !((1..=TRIED).all(same) && same(i64::MAX)) {
            let message = format!(
                "not measured: the time begins at {}, and the API server keeps events for {}: some may have expired",
                from.strftime("%Y-%m-%d %H:%M:%SZ"),
                TimeSpan(kept)
            );
            return Err(Fault::unknown(message)
                .help("begin later, or write `kept:` if the API server's `--event-ttl` is longer"));
        }
        Ok(Verdict::of(vec![measure]))
    }
}

/// Nothing is known of what the events would be about; it may come.
fn unmeasured(why: &str, help: &str) -> Fault {
    Fault::unknown(format!("not measured: {why}")).help(help).transient()
}

fn finding(event: &SeenEvent, cx: &Context) -> Finding {
    let times = if event.times > 1 { format!(" ({} times)", event.times) } else { String::new() };
    let message = format!("{} {}{times}", event.last.strftime("%H:%M:%S"), excerpt(&event.message, cx));
    Finding::new(format!("{}/{}", event.kind.to_lowercase(), event.name), &event.reason, message)
}

#[cfg(test)]
mod tests;
