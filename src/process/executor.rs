//! Runs the commands of steps on this machine.

use futures::FutureExt;
use futures::future::BoxFuture;

use super::Running;
use crate::core::kind::executor::{Executed, Executor, Work};
use crate::core::model::outcome::Fault;

/// Runs commands on this machine.
#[derive(Debug, Clone, Copy)]
pub struct ThisMachine;

impl Executor for ThisMachine {
    fn execute<'a>(&'a self, work: Work<'a>) -> BoxFuture<'a, Result<Executed, Fault>> {
        async move {
            let running = Running::start(work.command)?.patiently(work.patience);
            let finished = running.finish(work.sink, work.stop, work.leftovers).await?;
            Ok(Executed { finished, findings: Vec::new() })
        }
        .boxed()
    }

    fn is_here(&self) -> bool {
        true
    }
}
