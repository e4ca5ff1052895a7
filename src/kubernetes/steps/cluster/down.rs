//! `cluster: down`: takes back what `up` did to clusters, and touches no other.

use super::{desk, outcome};
use crate::core::kind::Context;
use crate::core::model::outcome::{Fault, Outcome, Outputs};
use crate::kubernetes::providers::{Intent, Lowered, Provider, Record, lower};
use crate::process::command_context::CommandError;
use crate::services::Clients;

pub(super) async fn run(cx: &Context) -> Result<Outcome, Fault> {
    let records = Record::all(&cx.project)?;
    for intent in Intent::all(&cx.project)? {
        let intent = match intent {
            Ok(intent) => intent,
            Err(fault) => {
                cx.say(format!("warning: {}: what it began is left as it is", fault.message));
                continue;
            }
        };
        let by_hand = Provider::named(&intent.provider).map(|it| format!(": `{}`", it.delete(&intent.name)));
        cx.say(format!(
            "a creation of {} cluster {} that began on {} was not recorded as done: it is left as it is, delete it by hand \
             if it is there and yours{}",
            intent.provider,
            intent.name,
            intent.begun,
            by_hand.unwrap_or_default()
        ));
    }
    if records.is_empty() {
        return Ok(Outcome::Skipped("this pipeline created or started no cluster: none is taken down".to_owned()));
    }
    let desk = desk(cx);
    let mut outputs = Outputs::new();
    let mut first: Option<CommandError> = None;
    for record in &records {
        let lowered = match record.allowed_by(&cx.cluster().settings().contexts) {
            Ok(()) => lower(&desk, &cx.project, record).await,
            Err(fault) => Err(fault.into()),
        };
        match lowered {
            Ok(lowered) => {
                cx.say(format!("{} ({}): {}", record.context, record.provider, words(&lowered)));
                outputs.insert("provider".to_owned(), record.provider.clone().into());
                outputs.insert("context".to_owned(), record.context.clone().into());
            }
            // the others are taken down all the same
            Err(undone) => first = first.or(Some(undone)),
        }
    }
    cx.cluster().forget();
    match first {
        Some(undone) => outcome(undone),
        None => Ok(Outcome::Passed(outputs)),
    }
}

fn words(lowered: &Lowered) -> &'static str {
    match lowered {
        Lowered::Deleted => "deleted",
        Lowered::Stopped => "stopped, as it was before `up`",
        Lowered::ByCommand => "taken down by `command.down`",
        Lowered::Gone => "it was gone already",
    }
}
