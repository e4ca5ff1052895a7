//! SARIF 2.1.0 (OASIS): results of static analysis, with their level.

use serde::Deserialize;
use serde_json::Value;

use super::scan::{Issue, Level, Scan};
use super::{Format, ReportError, json};

#[derive(Deserialize)]
struct Log {
    runs: Vec<Run>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Run {
    tool: Tool,
    #[serde(default)]
    invocations: Vec<Invocation>,
    results: Option<Vec<Answer>>,
}

#[derive(Deserialize)]
struct Tool {
    driver: Component,
    #[serde(default)]
    extensions: Vec<Component>,
}

#[derive(Deserialize)]
struct Component {
    #[serde(default)]
    name: String,
    #[serde(default)]
    rules: Vec<Rule>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    #[serde(default)]
    id: String,
    default_configuration: Option<Configuration>,
}

#[derive(Deserialize)]
struct Configuration {
    level: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Invocation {
    execution_successful: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    rule_id: Option<String>,
    rule_index: Option<usize>,
    rule: Option<RuleReference>,
    kind: Option<String>,
    level: Option<String>,
    message: Message,
    #[serde(default)]
    locations: Vec<Value>,
    #[serde(default)]
    suppressions: Option<Vec<Suppression>>,
    baseline_state: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct RuleReference {
    id: Option<String>,
}

#[derive(Deserialize, Default)]
struct Message {
    #[serde(default)]
    text: String,
}

#[derive(Deserialize)]
struct Suppression {
    status: Option<String>,
}

/// Reads a log.
pub(super) fn read(text: &str) -> Result<Scan, ReportError> {
    let value = json::object(Format::Sarif, text)?;
    match value.get("version").and_then(Value::as_str) {
        Some("2.1.0") if value.get("runs").is_some_and(Value::is_array) => {}
        Some(other) if value.get("runs").is_some() => {
            return Err(Format::Sarif.other(format!("its version is {other}, expected 2.1.0")));
        }
        _ => return Err(Format::Sarif.other("it has no `version` and `runs`")),
    }
    let log: Log = json::decode(Format::Sarif, value)?;
    let mut scan = Scan { scanned: log.runs.len(), issues: Vec::new() };
    for run in log.runs {
        scan.issues.extend(run.issues()?);
    }
    Ok(scan)
}

impl Run {
    fn issues(self) -> Result<Vec<Issue>, ReportError> {
        let name = self.tool.driver.name.clone();
        let partial = |why: &str| ReportError::Partial(format!("the run of `{name}` {why}"));
        if self.invocations.iter().any(|one| one.execution_successful == Some(false)) {
            return Err(partial("says that it did not succeed (`executionSuccessful: false`)"));
        }
        let results = self.results.ok_or_else(|| partial("has no `results`: it ended before it had any"))?;
        let tool = self.tool;
        Ok(results.into_iter().filter(Answer::counts).map(|answer| answer.issue(&tool)).collect())
    }
}

impl Answer {
    /// A problem that is there and that no accepted suppression covers.
    fn counts(&self) -> bool {
        let is_problem = self.kind.as_deref().is_none_or(|kind| kind == "fail");
        let is_gone = self.baseline_state.as_deref() == Some("absent");
        let suppressions = self.suppressions.as_deref().unwrap_or_default();
        let accepted = |one: &Suppression| one.status.as_deref().is_none_or(|status| status == "accepted");
        let is_suppressed = !suppressions.is_empty() && suppressions.iter().all(accepted);
        is_problem && !is_gone && !is_suppressed
    }

    fn issue(self, tool: &Tool) -> Issue {
        let own = self.rule_index.and_then(|index| tool.driver.rules.get(index));
        let named = self.rule_id.or_else(|| self.rule.and_then(|rule| rule.id));
        let id = named.or_else(|| own.map(|rule| rule.id.clone())).unwrap_or_default();
        let rules = || std::iter::once(&tool.driver).chain(&tool.extensions).flat_map(|component| &component.rules);
        // a result may name a part of its rule: `CA1000/1`
        let is_its =
            |rule: &&Rule| rule.id == id || id.strip_prefix(&rule.id).is_some_and(|rest| rest.starts_with('/'));
        let rule = rules().find(is_its).or(own);
        let default = rule.and_then(|rule| rule.default_configuration.as_ref()?.level.clone());
        Issue {
            id,
            aliases: Vec::new(),
            level: level(self.level.or(default).as_deref()),
            place: self.locations.first().map(place).unwrap_or_default(),
            message: self.message.text,
        }
    }
}

/// Without a level of its own and of its rule a result is a warning.
fn level(text: Option<&str>) -> Level {
    match text {
        Some("error") => Level::Error,
        Some("note") => Level::Note,
        Some("none") => Level::Negligible,
        _ => Level::Warning,
    }
}

fn place(location: &Value) -> String {
    let at = |pointer: &str| location.pointer(&format!("/physicalLocation{pointer}"));
    let file = at("/artifactLocation/uri").and_then(Value::as_str).unwrap_or_default();
    match at("/region/startLine").and_then(Value::as_u64) {
        Some(line) => format!("{file}:{line}"),
        None => file.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(run: &str) -> String {
        format!(
            r#"{{ "version": "2.1.0", "runs": [{{ "tool": {{ "driver": {{ "name": "lint", "rules": [
            {{ "id": "R1", "defaultConfiguration": {{ "level": "error" }} }}, {{ "id": "R2" }} ] }} }}, {run} }}] }}"#
        )
    }

    #[test]
    fn a_level_is_the_results_own_or_its_rules_or_a_warning() {
        let text = log(r#""results": [
            { "ruleId": "R1", "message": { "text": "one" }, "locations": [{ "physicalLocation": {
                "artifactLocation": { "uri": "src/a.rs" }, "region": { "startLine": 7 } } }] },
            { "ruleId": "R1/2", "level": "note", "message": { "text": "two" } },
            { "ruleIndex": 1, "message": { "text": "three" } } ]"#);
        let issues = read(&text).expect("whole").issues;
        let shown: Vec<String> = issues.iter().map(|it| format!("{} {} {}", it.level.key(), it.id, it.place)).collect();
        assert_eq!(shown, ["error R1 src/a.rs:7", "note R1/2 ", "warning R2 "]);
    }

    #[test]
    fn what_is_no_problem_is_gone_or_is_suppressed_does_not_count() {
        let text = log(r#""results": [
            { "kind": "pass", "message": {} },
            { "baselineState": "absent", "message": {} },
            { "suppressions": [{ "kind": "inSource" }], "message": {} },
            { "suppressions": [{ "kind": "external", "status": "underReview" }], "message": { "text": "this" } } ]"#);
        let issues = read(&text).expect("whole").issues;
        assert_eq!(issues.iter().map(|it| it.message.as_str()).collect::<Vec<_>>(), ["this"]);
    }

    #[test]
    fn a_run_that_did_not_succeed_has_no_answer() {
        let text = log(r#""invocations": [{ "executionSuccessful": false }], "results": []"#);
        let words = "the run of `lint` says that it did not succeed (`executionSuccessful: false`)";
        assert_eq!(read(&text).expect_err("partial").to_string(), words);
        let text = log(r#""columnKind": "utf16CodeUnits""#);
        let words = "the run of `lint` has no `results`: it ended before it had any";
        assert_eq!(read(&text).expect_err("partial").to_string(), words);
    }
}
