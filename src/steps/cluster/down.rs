//! `cluster: down`: takes down the cluster that `up` made, and no other.

use super::desk;
use super::up::failed;
use crate::drivers::process::Exit;
use crate::drivers::providers::{Provider, Record};
use crate::kind::Context;
use crate::outcome::{Fault, Outcome, Outputs};

pub(super) async fn run(cx: &Context) -> Result<Outcome, Fault> {
    let Some(record) = Record::load(&cx.project)? else {
        return Ok(Outcome::Skipped("this pipeline made no cluster: none is taken down".to_owned()));
    };
    record.allowed_by(&cx.world.cluster.settings().contexts)?;
    let desk = desk(cx);
    let provider = Provider::ALL.into_iter().find(|provider| provider.program() == record.provider);
    let (what, exit) = match (provider, &record.down) {
        (Some(provider), _) => {
            let call = provider.delete(&record.name);
            (format!("{} {}", provider.program(), call.args.join(" ")), desk.run(provider, &call).await?)
        }
        (None, Some(script)) => ("the command that takes the cluster down".to_owned(), desk.script(script).await?),
        (None, None) => return Ok(Outcome::Skipped("the command that made the cluster names no `down`".to_owned())),
    };
    if exit != Exit::Code(0) {
        return Ok(failed(&what, exit, "its own words are in the step's log"));
    }
    Record::forget(&cx.project);
    cx.world.cluster.forget();
    let mut outputs = Outputs::new();
    outputs.insert("provider".to_owned(), record.provider.into());
    outputs.insert("context".to_owned(), record.context.into());
    Ok(Outcome::Passed(outputs))
}
