//! A script that others run beside, or wait for: until it is up, and until it is ordered to end. Judges nothing.

use std::pin::pin;

use futures::TryFutureExt;

use crate::core::kind::executor::{Executed, Service, Work};
use crate::core::kind::{Context, Tail};
use crate::core::model::outcome::{Failure, Fault, Finding, Outputs};
use crate::process::{Command, Finished, Leftovers, Running, Stop};

use super::Shell;
use super::ready::Ready;

/// Where a service on this machine is reached.
const HERE: &str = "127.0.0.1";

/// How a service ended.
pub(super) struct Served {
    pub finished: Finished,
    /// What explains a bad end, where the executor knows more than the script said.
    pub findings: Vec<Finding>,
    /// It was not up yet.
    pub starting: bool,
    /// Why it did not come up, where it was stopped for that.
    pub unready: Option<Failure>,
}

/// Runs it where it belongs.
pub(super) async fn serve(
    shell: &Shell,
    command: &Command,
    leftovers: Leftovers,
    tail: &Tail<'_>,
    cx: &Context,
) -> Result<Served, Fault> {
    let stop = Stop { cancel: cx.signals.cancel.child_token(), grace: cx.signals.grace };
    if cx.executor.is_here() {
        let running = Running::start(command)?.patiently(cx.patience);
        if shell.ready.is_none() {
            is_up(cx, HERE);
        }
        let up = async { Ready::reached(shell.ready.as_ref(), cx, tail).await.map(|()| HERE.to_owned()) };
        let work = running.finish(tail, &stop, leftovers).map_ok(Executed::from);
        return Box::pin(until_over(shell, work, up, &stop, cx)).await;
    }
    let probe = shell.ready.as_ref().map(Ready::probe).transpose()?.flatten();
    let service = Service::new(probe);
    let (patience, sink) = (cx.patience, tail);
    let work = Work { command, leftovers, patience, sink, stop: &stop, service: Some(&service) };
    let work = cx.executor.execute(work);
    let up = async {
        service.begun().await;
        if let Some(ready) = &shell.ready {
            ready.reached_by(&service, tail).await?;
        }
        Ok(service.host().to_owned())
    };
    until_over(shell, work, up, &stop, cx).await
}

fn is_up(cx: &Context, host: &str) {
    cx.up_with(Outputs::from([("host".to_owned(), host.into())]));
}

/// Waits for its end, says when it is up, and stops it when nothing needs it any more or it does not come up.
async fn until_over(
    shell: &Shell,
    work: impl Future<Output = Result<Executed, Fault>>,
    up: impl Future<Output = Result<String, Failure>>,
    stop: &Stop,
    cx: &Context,
) -> Result<Served, Fault> {
    let (mut work, mut up) = (pin!(work), pin!(up));
    let (mut starting, mut unready, mut over) = (true, None, false);
    let Executed { finished, findings } = loop {
        tokio::select! {
            biased;
            executed = &mut work => break executed?,
            () = cx.stopped(), if !over => {
                over = true;
                stop.cancel.cancel();
            }
            reached = &mut up, if starting => {
                starting = false;
                match reached {
                    Ok(host) => is_up(cx, &host),
                    Err(failure) => {
                        unready = Some(failure);
                        stop.cancel.cancel();
                    }
                }
            }
        }
    };
    // without `ready` it may end at once: it was up then
    if starting && shell.ready.is_none() {
        cx.up();
    }
    Ok(Served { finished, findings, starting: starting && shell.ready.is_some(), unready })
}
