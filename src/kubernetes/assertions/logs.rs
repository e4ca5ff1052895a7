//! The `logs` assertion: what the containers of Pods wrote. A log that cannot be read to its end is no answer.

mod follow;
mod tally;

use async_trait::async_trait;
use regex::Regex;
use schemars::JsonSchema;
use serde::Deserialize;

use super::live::{Selector, few};
use crate::core::kind::{
    Assertion, AssertionKind, CheckContext, Context, Found, Since, Watch, excerpt, finding_lines, regex_words,
};
use crate::core::model::diagnostic::Code;
use crate::core::model::expect::Expect;
use crate::core::model::outcome::{Fault, Finding, Measure, Verdict};
use crate::core::model::units::Count;
use crate::kubernetes::client::{ClusterError, PodTarget, Reference};
use crate::kubernetes::explain::Target;
use crate::kubernetes::logs::{LogQuery, LogScan};
use crate::services::Clients;
use follow::{Followed, Following, Heard};
use tally::{Patterns, Tally};

/// `logs`: what the containers of Pods wrote: init containers, and the instance before a restart, included. Lines that
/// the node no longer has (rotated, of earlier instances) make it a fault where they could change the verdict. Without
/// any Pod, or any container that has started, the assertion is unmet. With `within` and `for` the logs are followed:
/// what Pods wrote that are gone by then counts.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Logs {
    /// Whose logs: a workload, a Service or a Pod: `deployment/backend`.
    workload: Option<Reference>,
    /// Instead of `workload`: the labels that the Pods carry: `app=todo`, or a map `{ app: todo }`.
    selector: Option<Selector>,
    /// Their namespace; else the pipeline's.
    namespace: Option<String>,
    /// Only this container; all of them where none is named.
    container: Option<String>,
    /// Only lines written since a step of the same stage began (`steps.apply`), or in the last while (`10m`). Without it
    /// all lines count, and so do the instances of a container whose logs are gone. Times are the node's.
    since: Option<Since>,
    /// A line holds this text.
    contains: Option<String>,
    /// This regular expression matches a line.
    matches: Option<String>,
    /// This regular expression matches no line: `(?i)panic`.
    lacks: Option<String>,
    /// How many lines are as `contains` and `matches` say; without them, how many lines there are.
    count: Option<Expect<Count>>,
    #[serde(skip)]
    heard: Heard,
    #[serde(skip)]
    found: Found,
}

/// The row of this kind.
pub const KIND: AssertionKind = AssertionKind::assertion::<Logs>(
    "logs",
    "What the containers of Pods wrote: lines that are there, or must not be, and how many, since a step or a time.",
    "selector: app=todo-backend\nsince: 10m\nlacks: (?i)panic|traceback\n",
)
.cluster();

#[async_trait]
impl Assertion for Logs {
    fn check(&self, cx: &mut CheckContext<'_>) {
        match (&self.workload, &self.selector) {
            (Some(_), Some(_)) => cx.only_one(&["selector".into()], &["workload", "selector"]),
            (None, None) => {
                let help = "write `workload: deployment/NAME` or `selector: app=NAME`".to_owned();
                cx.error(&[], Code::MissingKey, "nothing says whose logs are meant", Some(help));
            }
            _ => {}
        }
        if self.contains.is_none() && self.matches.is_none() && self.lacks.is_none() && self.count.is_none() {
            let help = "write one of `contains`, `matches`, `lacks`, `count`".to_owned();
            cx.error(&[], Code::MissingKey, "nothing is expected of the logs", Some(help));
        }
        for (key, pattern) in [("matches", &self.matches), ("lacks", &self.lacks)] {
            if let Some(error) = pattern.as_deref().and_then(|pattern| Regex::new(pattern).err()) {
                let help = "close it, or put `\\` before a bracket that is meant as itself".to_owned();
                cx.error(&[key.into()], Code::InvalidValue, regex_words(&error), Some(help));
            }
        }
    }

    fn title(&self) -> String {
        format!("logs of {}", self.target())
    }

    async fn watch(&self, cx: &Context) -> Result<Box<dyn Watch>, Fault> {
        let since_seconds = match &self.since {
            Some(since) => {
                let ago = jiff::Timestamp::now().duration_since(cx.moment(since)?);
                Some(ago.as_secs().saturating_add(1).max(1))
            }
            None => None,
        };
        let followed = Followed {
            services: std::sync::Arc::clone(&cx.services),
            namespace: self.namespace(cx).to_owned(),
            target: self.target(),
            container: self.container.clone(),
            since_seconds,
            patterns: self.patterns()?,
        };
        Ok(Box::new(Following::start(followed, &self.heard)))
    }

    async fn measure(&self, cx: &Context) -> Result<Verdict, Fault> {
        let patterns = self.patterns()?;
        let since = self.since.as_ref().map(|since| cx.moment(since)).transpose()?;
        let query = LogQuery { container: self.container.as_deref(), since };
        let (mut tally, mut last) = (Tally::default(), String::new());
        let mut each = |source: &crate::kubernetes::logs::LogSource, line: &str| {
            let source = source.to_string();
            if source != last {
                tally.next_log();
                last.clone_from(&source);
            }
            tally.take(&patterns, &source, line);
        };
        let target = self.target();
        let mut scan = match cx.cluster().scan_logs(self.namespace(cx), &target, query, &mut each).await {
            Ok(scan) => scan,
            Err(ClusterError::Refused(refusal)) if refusal.is_missing() => LogScan::default(),
            Err(trouble) => return Err(trouble.fault()),
        };
        let (gone, gaps) = self.heard.of_gone(|pod| scan.uids.contains(pod));
        scan.gaps.extend(gaps);
        tally.add(&gone);
        self.found.keep(Self::findings(&tally, cx));
        self.verdict(&scan, &tally, gone.lines > 0, cx)
    }

    async fn blockers(&self, cx: &Context, verdict: &Verdict) -> Vec<Finding> {
        // a line that is there already does not go away, and one that is missing may come only from Pods that run
        let waits = |measure: &&Measure| !measure.holds && measure.name != "lacks";
        if !verdict.measures().iter().any(|measure| waits(&measure)) {
            return Vec::new();
        }
        match self.explained(cx).await {
            Some(target) => cx.cluster().fatal(self.namespace(cx), &target).await,
            None => Vec::new(),
        }
    }

    async fn explain(&self, cx: &Context) -> Vec<Finding> {
        let mut findings = self.found.all();
        if let Some(target) = self.explained(cx).await {
            let keep = |name: &str, text: &str| cx.evidence.keep(name, text);
            let causes = cx.cluster().explain(self.namespace(cx), &target, &keep).await;
            // a line that must not be there explains itself
            if findings.is_empty() {
                findings = causes;
            }
        }
        findings
    }
}

impl Logs {
    fn namespace<'a>(&'a self, cx: &'a Context) -> &'a str {
        self.namespace.as_deref().unwrap_or_else(|| cx.namespace())
    }

    fn target(&self) -> PodTarget {
        match (&self.workload, &self.selector) {
            (Some(workload), _) => PodTarget::Object(workload.clone()),
            (None, selector) => PodTarget::Selector(selector.as_ref().map(ToString::to_string).unwrap_or_default()),
        }
    }

    async fn explained(&self, cx: &Context) -> Option<Target> {
        match &self.workload {
            Some(reference) => {
                let (kind, name) = cx.cluster().resolve(reference).await.ok()?;
                Some(Target::Object { kind: kind.resource.kind, name })
            }
            None => Some(Target::Selector(self.selector.as_ref()?.to_string())),
        }
    }

    fn patterns(&self) -> Result<Patterns, Fault> {
        let regex = |pattern: &Option<String>| {
            pattern.as_deref().map(Regex::new).transpose().map_err(|error| Fault::invalid(regex_words(&error)))
        };
        Ok(Patterns { contains: self.contains.clone(), matches: regex(&self.matches)?, lacks: regex(&self.lacks)? })
    }

    /// What was read, against what is expected. What is certain in spite of gaps is an answer.
    fn verdict(&self, scan: &LogScan, tally: &Tally, of_gone: bool, cx: &Context) -> Result<Verdict, Fault> {
        if scan.pods.is_empty() && !of_gone {
            return Ok(Verdict::of(vec![Measure::new("pods", "none", ">= 1", false)]));
        }
        if let Some(wanted) = self.container.as_ref().filter(|name| !scan.containers.contains(*name) && !of_gone) {
            let there = few(scan.containers.iter().map(String::as_str));
            let measure = Measure::new("container", format!("none of this name, but {there}"), wanted, false);
            return Ok(Verdict::of(vec![measure]));
        }
        if scan.logs == 0 && scan.gaps.is_empty() && !of_gone {
            let measure = Measure::new("logs", "no container has started", "at least one", false);
            return Ok(Verdict::of(vec![measure]));
        }
        let whole = scan.gaps.is_empty();
        let lines = |count: u64| format!("{count} of {} lines", tally.lines);
        let (mut measures, mut unclear, mut may_come) = (Vec::new(), false, false);
        let mut add = |measure: Measure, certain: bool| {
            unclear |= !certain;
            if certain {
                measures.push(measure);
            }
        };
        if let Some(expected) = self.wanted() {
            let holds = tally.counted > 0;
            // with `count` the number says how many there must be
            if self.count.is_none() {
                may_come |= !holds;
                add(Measure::new("lines", lines(tally.counted), expected, holds), holds || whole);
            }
        }
        if let Some(pattern) = &self.lacks {
            let actual = match &tally.first {
                Some(first) => format!("{}: {}: {}", lines(tally.refused), first.source, excerpt(&first.line, cx)),
                None => lines(0),
            };
            let holds = tally.refused == 0;
            add(Measure::new("lacks", actual, format!("no line matches /{pattern}/"), holds), !holds || whole);
        }
        if let Some(expect) = &self.count {
            let counted = Count(i64::try_from(tally.counted).unwrap_or(i64::MAX));
            let measure = expect.measure("count", &counted);
            may_come |= !measure.holds;
            add(measure, whole);
        }
        if unclear && measures.iter().all(|measure| measure.holds) {
            let fault = Fault::unknown(format!("not measured: {}", few(scan.gaps.iter().map(String::as_str))))
                .help("begin later with `since:`, or assert with `within:` or `for:`, which follow the logs");
            return Err(if may_come { fault.transient() } else { fault });
        }
        Ok(Verdict::of(measures))
    }

    /// What a line must be, in words.
    fn wanted(&self) -> Option<String> {
        let contains = self.contains.as_ref().map(|part| format!("contains \"{part}\""));
        let matches = self.matches.as_ref().map(|pattern| format!("matches /{pattern}/"));
        let all: Vec<String> = contains.into_iter().chain(matches).collect();
        (!all.is_empty()).then(|| format!("a line that {}", all.join(" and ")))
    }

    fn findings(tally: &Tally, cx: &Context) -> Vec<Finding> {
        let Some(first) = &tally.first else { return Vec::new() };
        let (pod, rest) = first.source.split_once(' ').unwrap_or((&first.source, ""));
        let message = format!("container {rest} wrote: {}", excerpt(&first.line, cx));
        let mut finding = Finding::new(format!("pod/{pod}"), "LogLine", message);
        finding.lines = finding_lines(first.around.iter().map(String::as_str), cx);
        vec![finding]
    }
}

#[cfg(test)]
mod tests;
