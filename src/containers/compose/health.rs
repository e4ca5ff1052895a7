//! What a health check of a container said: `docker inspect` lists the newest few. Pure.

use serde::Deserialize;

/// Lines of its output that are shown.
const LINES: usize = 10;

/// One run of a health check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// Its exit code; -1 after a timeout.
    pub exit_code: i64,
    /// The last lines of its output.
    pub lines: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Health {
    #[serde(default, rename = "Log")]
    log: Option<Vec<Entry>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    #[serde(default)]
    exit_code: i64,
    #[serde(default)]
    output: String,
}

/// The newest check that failed, else the newest one.
pub(super) fn newest(json: &str) -> Option<Check> {
    let health: Option<Health> = serde_json::from_str(json.trim()).ok()?;
    let mut log = health?.log?;
    let at = log.iter().rposition(|entry| entry.exit_code != 0).or(log.len().checked_sub(1))?;
    let entry = log.swap_remove(at);
    let lines: Vec<&str> = entry.output.lines().filter(|line| !line.trim().is_empty()).collect();
    let shown = lines.iter().skip(lines.len().saturating_sub(LINES));
    // whole: they are cut when they were masked
    Some(Check { exit_code: entry.exit_code, lines: shown.map(|line| (*line).to_owned()).collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_failed_check_counts() {
        let json = r#"{"Status":"unhealthy","FailingStreak":2,"Log":[
            {"Start":"a","End":"b","ExitCode":0,"Output":"fine"},
            {"Start":"a","End":"b","ExitCode":1,"Output":"wget: connection refused\n\n"}]}"#;
        assert_eq!(newest(json), Some(Check { exit_code: 1, lines: vec!["wget: connection refused".to_owned()] }));
        assert_eq!(newest(r#"{"Log":[]}"#), None);
        assert_eq!(newest("null\n"), None);
    }
}
