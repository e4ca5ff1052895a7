//! Runs the commands of steps on this machine.

use futures::FutureExt;
use futures::future::BoxFuture;

use super::{Output, Running, Stop, capture};
use crate::core::clock;
use crate::core::kind::executor::{Capture, Executed, Executor, Work};
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

    fn capture<'a>(&'a self, work: Capture<'a>) -> BoxFuture<'a, Result<Option<Output>, Fault>> {
        async move {
            let stop = Stop { cancel: work.stop.cancel.child_token(), grace: work.stop.grace };
            let mut run = std::pin::pin!(capture(work.command, work.limit, &stop));
            tokio::select! {
                biased;
                said = &mut run => said.map(Some),
                () = clock::sleep(work.timeout) => {
                    stop.cancel.cancel();
                    // its end is waited for: nothing of it may run on
                    // a command that was stopped gives no answer: this one had ended by itself
                    Ok(run.await.ok())
                }
            }
        }
        .boxed()
    }

    fn is_here(&self) -> bool {
        true
    }
}
