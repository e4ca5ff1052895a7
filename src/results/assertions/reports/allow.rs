//! Findings that a project lives with until a day, each for a reason.

use jiff::civil::Date;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::core::kind::CheckContext;
use crate::core::model::diagnostic::Code;
use crate::results::Issue;

/// A finding that does not count until a day is over.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Allowed {
    /// Its identifier in the report, or another name of the same: `CVE-2024-1234`, a GHSA, a rule's id.
    pub id: String,
    /// The last day on which it does not count, in UTC: `2027-01-31`.
    pub until: String,
    /// Why it does no harm until then.
    pub reason: String,
}

/// Why a finding counts or does not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Standing {
    /// It counts.
    Counts,
    /// It does not count yet.
    Allowed,
    /// It did not count until this day, and does now.
    Expired(Date),
}

impl Allowed {
    fn until(&self) -> Option<Date> {
        self.until.parse().ok()
    }

    pub(super) fn complain(&self, cx: &mut CheckContext<'_>, at: usize) {
        let mut error = |key: &str, message: String, help: &str| {
            let path = ["allow".into(), at.into(), key.into()];
            cx.error(&path, Code::InvalidValue, message, Some(help.to_owned()));
        };
        if self.until().is_none() {
            error("until", format!("`{}` is not a day", self.until), "write year, month and day: `until: 2027-01-31`");
        }
        if self.id.trim().is_empty() {
            error("id", "an empty `id` allows nothing".to_owned(), "write the identifier that the report shows");
        }
        if self.reason.trim().is_empty() {
            error("reason", "the `reason` is empty".to_owned(), "write why it does no harm until then");
        }
    }
}

/// What the list says of a finding on this day. A day that cannot be read allows nothing.
pub(super) fn standing(issue: &Issue, allowed: &[Allowed], today: Date) -> Standing {
    let days = allowed.iter().filter(|one| issue.is_called(&one.id)).filter_map(Allowed::until);
    match days.max() {
        None => Standing::Counts,
        Some(until) if today <= until => Standing::Allowed,
        Some(until) => Standing::Expired(until),
    }
}

/// Entries that no finding is called by: they can be removed.
pub(super) fn unused<'a>(issues: &[Issue], allowed: &'a [Allowed]) -> Vec<&'a str> {
    let is_unused = |one: &&Allowed| !issues.iter().any(|issue| issue.is_called(&one.id));
    allowed.iter().filter(is_unused).map(|one| one.id.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::Level;

    #[test]
    fn an_entry_ends_with_its_day() {
        let (id, place, message) = ("GHSA-1".to_owned(), "a 1".to_owned(), String::new());
        let issue = Issue { id, aliases: vec!["CVE-1".to_owned()], level: Level::High, place, message };
        let entry = |id: &str, until: &str| Allowed { id: id.into(), until: until.into(), reason: "r".into() };
        let list = [entry("cve-1", "2026-12-31"), entry("CVE-2", "2027-12-31")];
        let day = |text: &str| text.parse::<Date>().expect("a day");
        assert_eq!(standing(&issue, &list, day("2026-12-31")), Standing::Allowed);
        assert_eq!(standing(&issue, &list, day("2027-01-01")), Standing::Expired(day("2026-12-31")));
        assert_eq!(standing(&issue, &list[1..], day("2026-12-31")), Standing::Counts);
        assert_eq!(unused(&[issue], &list), ["CVE-2"]);
    }
}
