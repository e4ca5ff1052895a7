//! The threads that light steps run on: few, each with a runtime of its own, made when they are first needed.
//!
//! A thread is held while it starts a process. A step that is started by the thread which has just seen another one end
//! waits for nothing; the thread of the run itself stays free for clusters, gates and signals.

use std::thread;
use std::time::Duration;

use tokio::runtime::{Builder, Handle};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// How long a step may hold a thread that has nothing else to do: many times what a short command takes, and too short
/// for anybody to notice that a second step begins later by it.
const PATIENCE: Duration = Duration::from_millis(2);

/// The threads of one run.
#[derive(Debug)]
pub(super) struct WorkerPool {
    /// Threads at most.
    limit: usize,
    hands: Vec<Worker>,
    /// Ends them.
    over: CancellationToken,
}

#[derive(Debug)]
struct Worker {
    runtime: Handle,
    thread: thread::JoinHandle<()>,
    /// Tasks that were started with it and are not over.
    busy: usize,
}

/// Which thread a task runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place(usize);

impl WorkerPool {
    /// Up to `limit` threads.
    pub fn new(limit: usize) -> Self {
        WorkerPool { limit, hands: Vec::new(), over: CancellationToken::new() }
    }

    /// How long the next task may hold its thread.
    pub fn patience(&self) -> Duration {
        let free = self.hands.len() < self.limit || self.hands.iter().any(|hand| hand.busy == 0);
        if free { PATIENCE } else { Duration::ZERO }
    }

    /// Starts a task on the thread with the least to do, or hands it back where there are none.
    pub fn start<F>(&mut self, task: F) -> Result<(Place, JoinHandle<()>), F>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let least = |crew: &Self| (0..crew.hands.len()).min_by_key(|at| crew.hands[*at].busy);
        if self.hands.len() < self.limit && least(self).is_none_or(|at| self.hands[at].busy > 0) {
            self.hire();
        }
        let Some(at) = least(self) else { return Err(task) };
        let hand = &mut self.hands[at];
        hand.busy += 1;
        Ok((Place(at), hand.runtime.spawn(task)))
    }

    /// A task that was started there is over.
    pub fn leave(&mut self, place: Place) {
        self.hands[place.0].busy -= 1;
    }

    /// One thread more. Where the system has none to give, those that there are must do.
    fn hire(&mut self) {
        let Ok(runtime) = Builder::new_current_thread().enable_all().build() else {
            self.limit = self.hands.len();
            return;
        };
        let (handle, over) = (runtime.handle().clone(), self.over.clone());
        let work = move || {
            runtime.block_on(over.cancelled());
            // blocking work that cannot be stopped (a large file is read) must not hold up the end of a run
            runtime.shutdown_background();
        };
        match thread::Builder::new().name("steps".to_owned()).spawn(work) {
            Ok(thread) => self.hands.push(Worker { runtime: handle, thread, busy: 0 }),
            Err(_) => self.limit = self.hands.len(),
        }
    }
}

impl Drop for WorkerPool {
    fn drop(&mut self) {
        self.over.cancel();
        for hand in self.hands.drain(..) {
            let _ = hand.thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    fn here() -> thread::ThreadId {
        thread::current().id()
    }

    #[tokio::test]
    async fn takes_another_thread_only_when_all_have_something_to_do() {
        let mut crew = WorkerPool::new(2);
        let mut places = Vec::new();
        let mut ends = Vec::new();
        for _ in 0..4 {
            let (end, ended) = oneshot::channel::<()>();
            let (place, _) = crew.start(async { _ = ended.await }).ok().expect("there are threads");
            places.push(place.0);
            ends.push(end);
        }
        assert_eq!(places, [0, 1, 0, 1]);
        crew.leave(Place(1));
        let (place, _) = crew.start(async {}).ok().expect("there are threads");
        assert_eq!(place, Place(1), "the one that has become free");
    }

    #[tokio::test]
    async fn a_task_runs_on_its_own_thread() {
        let mut crew = WorkerPool::new(1);
        let (send, reported) = oneshot::channel();
        crew.start(async { _ = send.send(here()) }).ok().expect("there is a thread");
        assert_ne!(reported.await.expect("it runs"), here());
    }

    #[tokio::test]
    async fn without_threads_the_task_comes_back() {
        assert!(WorkerPool::new(0).start(async {}).is_err());
    }
}
