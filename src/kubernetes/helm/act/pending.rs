//! Releases that a killed helm left in the middle of an act: helm refuses to act on them and says little. What they are,
//! whose they are, and the way out.

use crate::kubernetes::helm::author::Author;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{act, waiting};
use crate::core::model::outcome::Failure;
use crate::core::model::units::TimeSpan;
use crate::kubernetes::helm::Helm;
use crate::kubernetes::helm::release::Revision;
use crate::process::command_context::{CommandContext, CommandError};

/// When a release that is pending counts as left behind: helm gives its own acts five minutes.
pub const LEFT_AFTER: Duration = Duration::from_secs(300);

/// Whether a release that was left pending is to be repaired.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Repair {
    /// It is only explained.
    #[default]
    Never,
    /// It is, if this pipeline left it, or it is pending for this long: the helm of another user may be at work on it.
    After(Duration),
}

/// The last revision of a release, when an act on it is not over.
#[derive(Debug, PartialEq, Eq)]
struct Pending<'a> {
    release: &'a str,
    namespace: &'a str,
    last: &'a Revision,
    /// Whose act it is, if that is certain.
    author: Option<&'a Author>,
    /// The last revision that was deployed.
    good: Option<u32>,
    now: Timestamp,
}

impl<'a> Pending<'a> {
    fn of(release: &'a str, namespace: &'a str, revisions: &'a [Revision], now: Timestamp) -> Option<Self> {
        let last = revisions.last().filter(|last| last.is_pending())?;
        let good = revisions.iter().rev().find(|one| matches!(one.status.as_str(), "deployed" | "superseded"));
        // what is being uninstalled has no way back
        let good = good.filter(|_| last.status != "uninstalling").map(|one| one.number);
        Some(Pending { release, namespace, last, author: author_of(last, revisions), good, now })
    }

    fn age(&self) -> Option<Duration> {
        // another machine's clock wrote it: a time to come is now
        let age = self.now.duration_since(self.last.since?);
        Some(age.max(SignedDuration::ZERO).unsigned_abs())
    }

    fn sentence(&self) -> String {
        let Revision { number, status, since, .. } = self.last;
        let since = match (since, self.age()) {
            (Some(since), Some(age)) => {
                let shown = TimeSpan(Duration::from_secs(age.as_secs()));
                format!(" since {} ({shown} ago)", since.strftime("%Y-%m-%d %H:%M:%SZ"))
            }
            _ => String::new(),
        };
        let by = match self.author {
            Some(author) => format!(", by run {} of pipeline {}", author.run, author.pipeline),
            None => String::new(),
        };
        format!("release {} is {status} at revision {number}{since}{by}", self.release)
    }

    fn by_hand(&self) -> String {
        match self.good {
            Some(good) => format!("helm rollback {} {good} -n {}", self.release, self.namespace),
            None => format!("helm uninstall {} -n {}", self.release, self.namespace),
        }
    }

    /// What is said where no repair was asked for.
    fn explained(&self) -> Failure {
        let summary = format!("{}: another helm is at work on it, or was killed in the middle", self.sentence());
        let way = match self.good {
            Some(good) => format!("goes back to revision {good}, the last good one"),
            None => "removes what was half done".to_owned(),
        };
        Failure::new(summary).help(format!(
            "if no other helm is at work on it: `repair: true` in the step {way}; by hand `{}`",
            self.by_hand()
        ))
    }

    /// Why it is not repaired although that was asked for; `None` where it is.
    fn too_early(&self, after: Duration, author: &Author) -> Option<Failure> {
        let ours = self.author.is_some_and(|other| other.pipeline == author.pipeline);
        let age = self.age().filter(|age| *age < after && !ours)?;
        let left = TimeSpan(Duration::from_secs(after.saturating_sub(age).as_secs() + 1));
        let summary = format!(
            "{}: another helm may be at work on it; it is repaired when that lasts {left} longer",
            self.sentence()
        );
        Some(
            Failure::new(summary)
                .help(format!("wait, let the step `retry:`, or lower `repair_after:`; by hand `{}`", self.by_hand())),
        )
    }
}

/// Whose act the last revision is. Helm hands labels on: an upgrade has those of the revision before where it is given
/// none, a rollback those of the revision that it goes back to, and an uninstall only changes the status. So a label is
/// proof if an install or an upgrade wrote it, and no earlier revision carries the same.
fn author_of<'a>(last: &'a Revision, revisions: &[Revision]) -> Option<&'a Author> {
    let author = last.author.as_ref()?;
    let writes_labels = matches!(last.status.as_str(), "pending-install" | "pending-upgrade");
    let handed_on = revisions.iter().any(|one| one.number != last.number && one.author.as_ref() == Some(author));
    (writes_labels && !handed_on).then_some(author)
}

impl Helm {
    /// Sees to it that no act on the release is left open: repairs it where that is wanted, and fails with an explanation
    /// where not. Hands back the revision it went back to, where it did.
    pub(crate) async fn close_pending(
        &self,
        release: &str,
        namespace: &str,
        repair: Repair,
        author: &Author,
        timeout: Option<Duration>,
        call: &CommandContext<'_>,
    ) -> Result<Option<u32>, CommandError> {
        let revisions = self.revisions(release, namespace).await?;
        let Some(pending) = Pending::of(release, namespace, &revisions, Timestamp::now()) else { return Ok(None) };
        let Repair::After(after) = repair else { return Err(CommandError::Failed(pending.explained())) };
        if let Some(failure) = pending.too_early(after, author) {
            return Err(CommandError::Failed(failure));
        }
        let (call, _folder) = self.private(call)?;
        let (mut args, way) = match pending.good {
            Some(good) => (
                vec!["rollback".to_owned(), release.to_owned(), good.to_string()],
                format!("rolling it back to revision {good}, the last good one"),
            ),
            None => (vec!["uninstall".to_owned(), release.to_owned()], "removing what was half done".to_owned()),
        };
        call.log.line(format!("{}, left by a helm that was killed: {way}", pending.sentence()).as_bytes());
        args.extend(waiting(true, timeout));
        let doing = format!("repair of {release} ({})", pending.by_hand());
        act(&self.online(&call, namespace, args)?, &doing, &call).await?;
        Ok(pending.good)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).expect("a time")
    }

    fn revision(number: u32, status: &str) -> Revision {
        Revision { number, status: status.into(), since: Some(at(0)), author: None }
    }

    fn author(pipeline: &str) -> Author {
        Author { pipeline: pipeline.into(), run: "20261123-145501-k3f9".into() }
    }

    #[test]
    fn a_pending_release_is_explained_with_the_way_back() {
        let mut stuck = [revision(1, "superseded"), revision(2, "deployed"), revision(3, "pending-upgrade")];
        stuck[2].author = Some(author("todo-chatbot"));
        let failure = Pending::of("todo", "demo", &stuck, at(725)).expect("pending").explained();
        assert_eq!(
            failure.summary,
            "release todo is pending-upgrade at revision 3 since 2027-01-15 08:00:00Z (12m5s ago), by run \
             20261123-145501-k3f9 of pipeline todo-chatbot: another helm is at work on it, or was killed in the middle"
        );
        assert_eq!(
            failure.help.as_deref(),
            Some(
                "if no other helm is at work on it: `repair: true` in the step goes back to revision 2, the last good one; \
                 by hand `helm rollback todo 2 -n demo`"
            )
        );
        assert_eq!(Pending::of("todo", "demo", &stuck[..2], at(0)), None);
    }

    #[test]
    fn a_first_install_and_an_uninstall_left_open_are_removed() {
        for history in [
            vec![revision(1, "pending-install")],
            vec![revision(1, "failed"), revision(2, "pending-upgrade")],
            vec![revision(1, "superseded"), revision(2, "uninstalling")],
        ] {
            let pending = Pending::of("todo", "demo", &history, at(0)).expect("pending");
            assert_eq!(pending.by_hand(), "helm uninstall todo -n demo");
        }
        let history = [revision(1, "superseded"), revision(2, "pending-rollback")];
        let pending = Pending::of("todo", "demo", &history, at(0)).expect("pending");
        assert_eq!(pending.by_hand(), "helm rollback todo 1 -n demo");
    }

    #[test]
    fn what_another_process_began_just_now_is_left_alone() {
        let mut history = [revision(1, "pending-install")];
        let early = |history: &[Revision], now: i64| {
            let pending = Pending::of("todo", "demo", history, at(now)).expect("pending");
            pending.too_early(LEFT_AFTER, &author("mine")).map(|failure| failure.summary)
        };
        assert_eq!(
            early(&history, 60).as_deref(),
            Some(
                "release todo is pending-install at revision 1 since 2027-01-15 08:00:00Z (1m ago): another helm may be at \
                 work on it; it is repaired when that lasts 4m1s longer"
            )
        );
        // a clock that runs behind
        assert!(early(&history, -3600).is_some());
        assert_eq!(early(&history, 300), None);
        history[0].author = Some(author("mine"));
        assert_eq!(early(&history, 60), None);
        history[0].author = Some(author("another"));
        assert!(early(&history, 60).is_some());
    }

    #[test]
    fn labels_that_helm_hands_on_do_not_make_an_act_ours() {
        let ours = |status: &str, before: Option<&str>| {
            let mut history = [revision(1, "deployed"), revision(2, status)];
            history[0].author = before.map(|run| Author { run: run.into(), ..author("mine") });
            history[1].author = Some(author("mine"));
            let pending = Pending::of("todo", "demo", &history, at(60)).expect("pending");
            pending.too_early(LEFT_AFTER, &author("mine")).is_none()
        };
        assert!(ours("pending-upgrade", None));
        assert!(ours("pending-upgrade", Some("another run")));
        let same = author("mine").run;
        for (status, before) in [
            ("pending-upgrade", Some(same.as_str())),
            ("pending-rollback", None),
            ("pending-rollback", Some("another run")),
            ("uninstalling", None),
        ] {
            assert!(!ours(status, before), "{status} after {before:?}");
        }
    }

    #[test]
    fn names_that_can_be_no_labels_are_left_out() {
        assert_eq!(author("todo").labels().as_deref(), Some("pipeline-name=todo,pipeline-run=20261123-145501-k3f9"));
        for name in ["", "a,b=c", "-x", &"x".repeat(64)] {
            assert_eq!(author(name).labels(), None, "{name}");
        }
    }
}
