//! A script that others run beside, or wait for: until it is up, and until it is ordered to end. Judges nothing.

use std::pin::pin;

use crate::core::kind::{Context, Tail};
use crate::core::model::outcome::{Failure, Fault};
use crate::process::{Finished, Leftovers, Running, Stop};

use super::Shell;
use super::ready::Ready;

/// How a service ended.
pub(super) struct Served {
    pub finished: Finished,
    /// It was not up yet.
    pub starting: bool,
    /// Why it did not come up, where it was stopped for that.
    pub unready: Option<Failure>,
}

/// Waits for its end, says when it is up, and stops it when nothing needs it any more or it does not come up.
pub(super) async fn serve(
    shell: &Shell,
    running: Running,
    leftovers: Leftovers,
    tail: &Tail<'_>,
    cx: &Context,
) -> Result<Served, Fault> {
    let stop = Stop { cancel: cx.signals.cancel.child_token(), grace: cx.signals.grace };
    if shell.ready.is_none() {
        cx.up();
    }
    let mut work = pin!(running.finish(tail, &stop, leftovers));
    let mut up = pin!(Ready::reached(shell.ready.as_ref(), cx, tail));
    let (mut starting, mut unready, mut over) = (shell.ready.is_some(), None, false);
    let finished = loop {
        tokio::select! {
            biased;
            finished = &mut work => break finished?,
            () = cx.stopped(), if !over => {
                over = true;
                stop.cancel.cancel();
            }
            reached = &mut up, if starting => {
                starting = false;
                match reached {
                    Ok(()) => cx.up(),
                    Err(failure) => {
                        unready = Some(failure);
                        stop.cancel.cancel();
                    }
                }
            }
        }
    };
    Ok(Served { finished, starting, unready })
}
