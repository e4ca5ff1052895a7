//! The reporters of a live run, on a thread of their own: a slow terminal blocks no step.

use std::io::{self, BufWriter, IsTerminal};
use std::thread::JoinHandle;
use std::time::Duration;

use anstream::{AutoStream, ColorChoice};
use tokio::sync::mpsc::UnboundedSender;

use super::super::args::Output;
use super::super::out;
use super::echo::EchoGuard;
use super::pause::Prompt;
use crate::core::engine::{Interrupt, Notice, Notices};
use crate::core::model::outcome::Fault;
use crate::core::model::units::{ByteSize, counted};
use crate::core::report::github::GitHub;
use crate::core::report::plain::Plain;
use crate::core::report::progress::Progress;
use crate::core::report::reporter::Reporters;
use crate::core::report::run_state::RunState;
use crate::core::report::styled::Styled;

/// What the reporters leave: the whole story, and what could not be written.
pub(super) type Heard = (RunState, Vec<(&'static str, io::Error)>);

/// Between two reads of the events. The first event after a quiet moment is reported at once: a run of many
/// short steps does not wake the reporters, which take a core from the steps, for every one of them.
const PAUSE: Duration = Duration::from_millis(16);

/// Bytes that are written at once where many come.
const BUFFER: usize = 64 * 1024;

/// A thread that hands notices to reporters.
pub(super) struct Listener {
    thread: JoinHandle<(Heard, usize)>,
    /// Lines are shown at all.
    shows: bool,
    /// While lines are drawn in place.
    _hushed: Option<EchoGuard>,
}

impl Listener {
    /// `pause`: where the end of a pause goes to.
    pub fn start(
        output: Output,
        mut notices: Notices,
        pause: Option<UnboundedSender<Interrupt>>,
    ) -> Result<Self, Fault> {
        let hushed = if draws(output) { EchoGuard::terminal() } else { None };
        let mut reporters = reporters(output);
        if let Some(to) = pause {
            reporters.add(Box::new(Prompt { to }));
        }
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .map_err(|error| Fault::unknown(format!("cannot start the reporters: {error}")))?;
        let work = move || {
            runtime.block_on(async move {
                while let Some(first) = notices.recv().await {
                    let mut next = Some(first);
                    while let Some(notice) = next {
                        match notice {
                            Notice::Record(record) => reporters.record(&record),
                            Notice::Live(live) => reporters.live(&live),
                        }
                        next = notices.try_recv();
                    }
                    // Who reads along (a pipe, CI) sees each line when it comes, a burst of them in one write.
                    reporters.flush();
                    notices.rest(PAUSE);
                }
                (reporters.finish(), notices.dropped())
            })
        };
        std::thread::Builder::new()
            .name("reporters".to_owned())
            .spawn(work)
            .map(|thread| Listener { thread, shows: output != Output::Quiet, _hushed: hushed })
            .map_err(|error| Fault::unknown(format!("cannot start the reporters: {error}")))
    }

    /// Waits until everything was reported.
    pub fn finish(self) -> Heard {
        self.thread.thread().unpark();
        let (heard, dropped) = self.thread.join().unwrap_or_else(|_| {
            let broke = io::Error::other("the reporter broke; the journal is whole");
            ((RunState::default(), vec![("terminal", broke)]), 0)
        });
        if dropped > 0 && self.shows {
            let left_out: u64 = heard.0.nodes.iter().filter_map(|node| node.log).map(|log| log.dropped).sum();
            let has = match left_out {
                0 => "them all".to_owned(),
                bytes => format!("them, but for {} in the middle of long logs", ByteSize(bytes)),
            };
            out::say(&format!(
                "{} came too fast to be shown here; `pipeline logs` has {has}",
                counted(dropped, "line")
            ));
        }
        heard
    }
}

/// Whether lines are drawn in place.
fn draws(output: Output) -> bool {
    let ci = std::env::var_os("CI").is_some_and(|value| !value.is_empty());
    output == Output::Progress || (output == Output::Auto && io::stderr().is_terminal() && !ci)
}

/// The reporters that the command line and the place ask for.
fn reporters(output: Output) -> Reporters {
    let mut reporters = Reporters::default();
    let stderr = || {
        let styles = AutoStream::choice(&io::stderr()) != ColorChoice::Never;
        Styled::new(BufWriter::with_capacity(BUFFER, io::stderr()), styles)
    };
    match output {
        _ if draws(output) => reporters.add(Box::new(Progress::new(height()))),
        Output::Auto | Output::Plain => reporters.add(Box::new(Plain::new(stderr(), true))),
        Output::Quiet | Output::Progress => {}
    }
    if std::env::var_os("GITHUB_ACTIONS").is_some_and(|value| value == "true") {
        reporters.add(Box::new(GitHub::new(io::stdout())));
    }
    reporters
}

/// Lines of the terminal; 24 where that is not known.
fn height() -> u16 {
    rustix::termios::tcgetwinsize(io::stderr()).map_or(24, |size| if size.ws_row == 0 { 24 } else { size.ws_row })
}
