//! CustomResourceDefinitions that were applied: established before anything of their kinds is, or refused with the
//! condition's words.

use std::time::Duration;

use kube::api::DynamicObject;
use serde_json::Value;

use super::{Applied, ApplyOptions, ApplyReport, Change};
use crate::core::model::outcome::Fault;
use crate::kubernetes::client::{Cluster, Refusal};

/// Time for a CustomResourceDefinition to be established.
const ESTABLISHED: Duration = Duration::from_secs(30);

/// How far a CustomResourceDefinition is.
#[derive(Debug, PartialEq, Eq)]
enum State {
    Established,
    /// It will not be, because of this condition: its reason and its message.
    Refused(String, String),
}

impl Cluster {
    /// Waits until the CustomResourceDefinitions just applied are served. One whose names another has is refused: also
    /// one that was there as wanted already.
    ///
    /// # Errors
    /// [`Fault`] when the cluster gives no answer, or does not establish one in time.
    pub(super) async fn established(&self, options: &ApplyOptions, report: &mut ApplyReport) -> Result<(), Fault> {
        if options.dry_run {
            return Ok(());
        }
        let is_crd = |applied: &&Applied| applied.kind.resource.kind == "CustomResourceDefinition";
        let crds: Vec<Applied> = report.applied.iter().filter(is_crd).cloned().collect();
        for crd in &crds {
            let shown = crd.kind.named(&crd.name);
            let established = self.until(&crd.kind, "", &crd.name, state);
            match tokio::time::timeout(ESTABLISHED, established).await {
                Ok(state) => {
                    if let State::Refused(cause, message) = state? {
                        let doing = format!("establish {shown}");
                        let help =
                            "rename its kind, or delete the CustomResourceDefinition that has the name".to_owned();
                        let help = Some(help);
                        let refusal = Refusal { doing, code: 409, cause, message, help, ..Refusal::default() };
                        report.applied.retain(|applied| applied.at != crd.at || applied.name != crd.name);
                        report.refused.push((crd.at, shown, refusal));
                    }
                }
                Err(_) => {
                    return Err(Fault::unknown(format!("{shown} is not established: timed out after 30s"))
                        .help(format!("see its conditions: `kubectl describe crd {}`", crd.name)));
                }
            }
        }
        if crds.iter().any(|crd| crd.change != Change::Unchanged) {
            self.forget_kinds();
        }
        Ok(())
    }
}

fn state(crd: Option<&DynamicObject>) -> Option<State> {
    let Some(crd) = crd else {
        return Some(State::Refused("Gone".to_owned(), "it was deleted while it was waited for".to_owned()));
    };
    if crd.metadata.deletion_timestamp.is_some() {
        return Some(State::Refused("Terminating".to_owned(), "it is being deleted".to_owned()));
    }
    let conditions = crd.data["status"]["conditions"].as_array().map(Vec::as_slice).unwrap_or_default();
    let of = |name: &str| conditions.iter().find(|condition| condition["type"] == name);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    if let Some(refused) = of("NamesAccepted").filter(|condition| condition["status"] == "False") {
        return Some(State::Refused(text(&refused["reason"]), text(&refused["message"])));
    }
    of("Established").filter(|condition| condition["status"] == "True").map(|_| State::Established)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn with(conditions: Value) -> Option<State> {
        let crd = json!({ "metadata": { "name": "gizmos.x" }, "status": { "conditions": conditions } });
        state(Some(&serde_json::from_value(crd).expect("an object")))
    }

    #[test]
    fn names_that_another_has_are_refused_at_once_with_the_conditions_words() {
        let conflict = json!([
            { "type": "NamesAccepted", "status": "False", "reason": "ListKindConflict", "message": "\"GizmoList\" is already in use" },
            { "type": "Established", "status": "False", "reason": "NotAccepted", "message": "not all names are accepted" } ]);
        let reported = State::Refused("ListKindConflict".to_owned(), "\"GizmoList\" is already in use".to_owned());
        assert_eq!(with(conflict), Some(reported));
        assert_eq!(with(json!([])), None);
        let accepted =
            json!([{ "type": "NamesAccepted", "status": "True" }, { "type": "Established", "status": "False" }]);
        assert_eq!(with(accepted), None);
        let established =
            json!([{ "type": "NamesAccepted", "status": "True" }, { "type": "Established", "status": "True" }]);
        assert_eq!(with(established), Some(State::Established));
    }
}
