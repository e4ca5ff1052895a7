//! Signals to this program, on a thread of their own: none of them waits for the event loop, for a disk or a cluster.
//!
//! The first SIGINT, SIGTERM or SIGHUP is the listener's: a run ends its steps and does its `finally`. The second one, and
//! SIGQUIT, give the listener [`ORDERLY`]; then all process groups are killed and the program ends. Without a listener
//! the first one does that at once. SIGTSTP suspends the process groups with the program.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use rustix::process::{Signal, getpid, kill_process};
use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP};
use signal_hook::iterator::Signals;

use super::live;
use crate::core::clock;
use crate::core::model::outcome::Fault;

/// What a listener has for an orderly end once it must end at once.
const ORDERLY: Duration = Duration::from_millis(700);
/// What the last words may take.
const LAST_WORDS: Duration = Duration::from_millis(200);
/// The exit code of a program that was interrupted.
const INTERRUPTED: i32 = 130;
/// Between two checks for orphans.
const REAP: Duration = Duration::from_millis(50);

/// Where interrupts go.
pub struct Listener {
    /// Takes a signal's number; false when it does not listen any more.
    pub hear: Box<dyn Fn(i32) -> bool + Send>,
    /// Writes what must not be lost, on a thread of its own that is not waited for long.
    pub last_words: Option<Box<dyn FnOnce() + Send>>,
}

/// What the thread knows.
struct State {
    listener: Option<Listener>,
    /// Interrupts that the listener was given.
    count: u32,
}

static STATE: Mutex<State> = Mutex::new(State { listener: None, count: 0 });
static STARTED: AtomicBool = AtomicBool::new(false);
static ENDING: AtomicBool = AtomicBool::new(false);
/// The steps are suspended.
static SUSPENDED: AtomicBool = AtomicBool::new(false);

/// Handles signals from now on; nothing where they are handled already.
///
/// # Errors
/// [`Fault`] when they cannot be handled.
pub fn start() -> Result<(), Fault> {
    if STARTED.swap(true, Ordering::SeqCst) {
        return Ok(());
    }
    let failed = |error: std::io::Error| Fault::unknown(format!("cannot handle signals: {error}"));
    let mut handled = vec![SIGINT, SIGTERM, SIGQUIT, SIGCONT];
    // what the caller wants ignored stays ignored (`nohup`); a script starts its background jobs without SIGINT, and ends
    // them by it all the same
    handled.extend([SIGHUP, SIGTSTP].into_iter().filter(|signal| !is_ignored(*signal)));
    let mut signals = Signals::new(handled).map_err(failed)?;
    signal_hook::flag::register(SIGCONT, clock::continued()).map_err(failed)?;
    let named = |name: &str| thread::Builder::new().name(name.to_owned());
    named("signals").spawn(move || signals.forever().for_each(handle)).map_err(failed)?;
    named("heartbeat").spawn(super::reap::heartbeat(REAP)).map_err(failed)?;
    Ok(())
}

/// Hands interrupts to this listener from now on.
pub fn listen(listener: Listener) {
    *state() = State { listener: Some(listener), count: 0 };
}

/// Nothing listens any more: the next interrupt ends the program.
pub fn forget() {
    state().listener = None;
}

fn state() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn handle(signal: i32) {
    match signal {
        SIGTSTP => return suspend(),
        SIGCONT => return resume(),
        _ => {}
    }
    let mut state = state();
    let Some(listener) = &state.listener else { end(None) };
    // a closed terminal counts as SIGTERM
    let number = if signal == SIGHUP { SIGTERM } else { signal };
    let mut heard = (listener.hear)(number);
    if signal == SIGQUIT && state.count == 0 {
        heard &= (listener.hear)(number);
        state.count += 1;
    }
    state.count += 1;
    match state.count {
        1 if heard => {}
        1 | 2 => {
            drop(state);
            end_soon();
        }
        _ => end(state.listener.as_mut().and_then(|listener| listener.last_words.take())),
    }
}

/// Ends the program unless it has ended by itself soon.
fn end_soon() {
    if ENDING.swap(true, Ordering::SeqCst) {
        return;
    }
    let wait = || {
        thread::sleep(ORDERLY);
        let last_words = state().listener.as_mut().and_then(|listener| listener.last_words.take());
        end(last_words)
    };
    if thread::Builder::new().name("ending".to_owned()).spawn(wait).is_err() {
        end(None);
    }
}

/// Kills what was started and ends the program, whatever its other threads do.
fn end(last_words: Option<Box<dyn FnOnce() + Send>>) -> ! {
    live::kill_all();
    if let Some(last_words) = last_words {
        let (done, is_done) = channel();
        let work = move || {
            last_words();
            let _ = done.send(());
        };
        if thread::Builder::new().name("last words".to_owned()).spawn(work).is_ok() {
            let _ = is_done.recv_timeout(LAST_WORDS);
        }
    }
    signal_hook::low_level::exit(INTERRUPTED)
}

/// Suspends the steps, then this program.
fn suspend() {
    SUSPENDED.store(true, Ordering::SeqCst);
    live::stop_all();
    // another thread may take the signal: this one may still run for a moment
    let _ = kill_process(getpid(), Signal::STOP);
}

/// Resumes the steps, where they were suspended with the program.
fn resume() {
    if SUSPENDED.swap(false, Ordering::SeqCst) {
        live::continue_all();
    }
}

/// Whether the program that started this one wants a signal ignored. Not where /proc does not say.
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default();
    mask >> (signal - 1) & 1 == 1
}
