//! One run from its folder to its reports. Knows no command line, and not why it is run.

use crate::cli::run_context::RunContext;
use crate::cli::run_context::RunOptions;
use std::sync::Arc;
use std::time::Duration;

use super::super::removal::{self, Removal};
use super::super::{namespaces, out, recovery};
use super::lease::LeaseGuard;
use super::{listen, pause, signals, storage};
use crate::cli::lock::{self, Holder, Lock};
use crate::cli::orphans;
use crate::core::engine::{self, Origin, PreviousRun, ResumePlan, Selection};
use crate::core::journal::{RunFolder, Store};
use crate::core::kind::settings::{ClusterSettings, FreshOrigin, Settings};
use crate::core::kind::watch_machine;
use crate::core::model::event::{ResumeMode, Runner};
use crate::core::model::exit_code::Exit;
use crate::core::model::outcome::Fault;
use crate::services::{Clients, services_of};

/// Between SIGTERM and SIGKILL.
const GRACE: Duration = Duration::from_secs(10);

impl RunContext {
    /// The same in the namespace that an earlier run had for itself, where runs have one.
    pub fn in_namespace_of(&self, past: &PreviousRun, origin: FreshOrigin) -> Self {
        let cluster = self.services.cluster().settings();
        let cluster = past.namespace.as_deref().and_then(|namespace| cluster.in_namespace_of(namespace, origin));
        self.with(cluster)
    }

    /// The same with another cluster.
    fn with(&self, cluster: Option<ClusterSettings>) -> Self {
        let Some(cluster) = cluster else { return self.clone() };
        let services = services_of(Settings { cluster, ..self.plan.settings().clone() });
        RunContext { services: Arc::new(services), ..self.clone() }
    }

    /// Runs what is selected. The records in `ended`, of runs that died, are closed when this one has taken them over.
    pub async fn perform(
        &self,
        wish: &RunOptions,
        selection: Selection,
        course: Option<ResumePlan>,
        lock: &mut Lock,
        ended: &[RunFolder],
    ) -> Result<Exit, Fault> {
        let kept = match storage::RunStorage::create(&self.plan.settings().project, &self.masker, &self.secrets) {
            Ok(kept) => kept,
            Err(fault) => {
                out::error(&fault.message, fault.help.as_deref());
                return Ok(Exit::Report);
            }
        };
        let of_run = self.services.cluster().settings().for_run(kept.folder.id());
        let ready = self.with(of_run);
        let result = ready.perform_in(kept, wish, selection, course, lock, ended).await;
        // an end that does not wait for its steps leaves their Jobs
        for job in ready.services.pod_runners().remove_owed().await {
            out::say(&format!("job.batch/{job} stays; `pipeline clean` removes it"));
        }
        result
    }

    #[allow(clippy::too_many_lines, reason = "one sequence: what is opened here is closed here")]
    async fn perform_in(
        &self,
        kept: storage::RunStorage,
        wish: &RunOptions,
        selection: Selection,
        course: Option<ResumePlan>,
        lock: &mut Lock,
        ended: &[RunFolder],
    ) -> Result<Exit, Fault> {
        let run = kept.folder.id().to_owned();
        let last_words = signals::last_words(kept.folder.clone(), kept.files.scratch_folder().to_owned());
        let (sender, mut interrupts, _listening) = signals::interrupts(Some(last_words))?;
        let pauser = sender.clone();
        let runner = Runner {
            pid: std::process::id(),
            host: lock::host(),
            cookie: orphans::cookie()?,
            scratch: kept.files.scratch_folder().to_owned(),
        };
        lock.sign(&Holder {
            run: format!("run {run}"),
            pid: runner.pid,
            host: runner.host.clone(),
            since: kept.started.clone(),
        });
        let is_settled = course.as_ref().is_some_and(|course| course.continues.how == ResumeMode::Settle);
        let tenure = if self.touches_cluster(&selection, course.as_ref()) {
            let holder = format!("{run}@{}", runner.host);
            let store = Store::new(&self.plan.settings().project);
            let begin = async {
                self.services.cluster().begin_fresh().await?;
                LeaseGuard::begin(&self.services, &self.plan, holder, &store, wish.patience, sender).await
            };
            let begun = tokio::select! {
                biased;
                Some(_) = interrupts.recv() => None,
                begun = begin => Some(begun),
                () = self.tell_of_plugin() => None,
            };
            match begun {
                Some(Ok(tenure)) => Some(tenure),
                ended => {
                    // It has run nothing: no record of it is worth keeping.
                    drop(kept.recorder);
                    let _ = store.remove(&kept.folder);
                    let Some(begun) = ended else {
                        out::say("interrupted: nothing was run");
                        return Ok(Exit::Interrupted);
                    };
                    return begun.map(|_| Exit::Interrupted);
                }
            }
        } else {
            None
        };
        let (notices, received) = engine::notices();
        let pauses = wish.pause && !is_settled;
        let pause = pauses.then(|| pause::hints(&self.services, &kept.folder));
        let listener = listen::Listener::start(wish.output, received, pauses.then_some(pauser))?;
        let mut env = self.env.clone();
        env.insert(orphans::COOKIE.to_owned(), runner.cookie.clone());
        let options = engine::Options {
            run: run.clone(),
            started: kept.started.clone(),
            jobs: wish.jobs,
            threads: threads(wish.jobs),
            mode: wish.mode,
            keep_failed: wish.keep && !is_settled,
            pause,
            selection,
            grace: GRACE,
            env,
            origin: Origin { runner: Some(runner), course, key: Some(self.key), cached: wish.cached },
        };
        let parts = engine::Parts {
            masker: self.masker.clone(),
            plan: Arc::clone(&self.plan),
            services: Arc::clone(&self.services),
            secrets: Arc::clone(&self.secrets),
            recorder: kept.recorder,
            files: Arc::clone(&kept.files) as Arc<dyn engine::RunFiles>,
            notices,
        };
        watch_machine();
        let journal = storage::Identity::of(&kept.folder.journal());
        let result = engine::run(options, parts, interrupts).await;
        let (story, failed) = listener.finish();
        let mut is_removed = true;
        if let Some(tenure) = tenure {
            if let Ok(result) = &result
                && !tenure.is_lost()
            {
                is_removed = self.close_namespace(Exit::of(result.exit_code), is_settled, wish.keep).await;
            }
            tenure.end().await;
        }
        let result = result?;
        // Before this run's own reports exist: a search for runs that died reads those without reports.
        for folder in ended {
            recovery::close(folder, Some(&run));
        }
        let mut exit = Exit::of(result.exit_code);
        if !is_removed && exit == Exit::Passed {
            exit = Exit::Environment;
        }
        let mut unwritten: Vec<String> = Vec::new();
        unwritten.extend(recovery::leave(&kept.folder, &story, &wish.called));
        unwritten.extend(result.journal_error.as_ref().map(|error| format!("the record of this run: {error}")));
        if result.journal_error.is_none() && !journal.is_whole(&kept.folder.journal()) {
            unwritten.push("the record of this run: its journal was removed or emptied while it ran".to_owned());
        }
        unwritten.extend(kept.files.lost());
        let reports = storage::reports(&kept.folder, &story);
        let readable = reports.is_ok();
        unwritten.extend(reports.err().map(|fault| fault.message));
        unwritten.extend(failed.iter().map(|(reporter, error)| format!("the {reporter} report: {error}")));
        for problem in &unwritten {
            out::error(&format!("not written: {problem}"), None);
        }
        let passed_unkept = !unwritten.is_empty() && exit == Exit::Passed;
        if passed_unkept {
            exit = Exit::Report;
        }
        // the result is data: it goes to stdout, and a terminal shows it below the progress
        out::say("");
        out::styled(&format!("{}\n", crate::core::report::text::summary(&story).trim_end()));
        if passed_unkept {
            let help = "make room on the disk, or see what removes files below .pipeline, and run it again; the exit code is 4";
            out::error("all of it passed, but its record is not whole: see `not written` above", Some(help));
        }
        if exit != Exit::Passed {
            let logs = storage::shown(kept.folder.path());
            let more = storage::where_to_look(&kept.folder, &story, readable, &wish.called);
            out::styled(&format!("logs and evidence: {logs}\n{more}\n"));
        }
        // The process ends next: what is known of thousands of steps need not be taken apart before.
        std::mem::forget((story, Arc::clone(&self.plan)));
        Ok(exit)
    }
}

impl RunContext {
    /// Removes the namespace that the run had for itself, or keeps it. `is_settled`: the run only did what a killed one
    /// owed, which did not pass. Whether all went that was to go.
    async fn close_namespace(&self, exit: Exit, is_settled: bool, keep: bool) -> bool {
        let settings = self.services.cluster().settings();
        let (Some(fresh), Some(_)) = (&settings.fresh, settings.fresh_namespace()) else { return true };
        let exit = if is_settled { Exit::Failed } else { exit };
        let store = Store::new(&self.plan.settings().project);
        let (services, plan, limit) = (&*self.services, &*self.plan, removal::LIMIT);
        let env = &self.env;
        let removal = Removal { services, plan, store: &store, env, dry_run: false, limit };
        namespaces::close(&removal, namespaces::ends(fresh, exit, keep && !is_settled)).await
    }

    /// Says after a while what the run waits for before it starts, where that is a credential plugin. Never ends.
    async fn tell_of_plugin(&self) {
        if let Ok(Some(program)) = self.services.cluster().credential_program() {
            tokio::time::sleep(Duration::from_secs(5)).await;
            out::say(&format!(
                "waiting for the credential plugin `{program}`, 60s at most (300s where it may ask you)"
            ));
        }
        std::future::pending::<()>().await;
    }

    /// Whether what is to run may touch the cluster.
    fn touches_cluster(&self, selection: &Selection, course: Option<&ResumePlan>) -> bool {
        let cluster = &self.plan.settings().cluster;
        let owes = course.is_some_and(|course| !course.continues.owes.is_empty());
        let wanted = if owes { &Selection::all(&self.plan) } else { selection };
        !cluster.contexts.is_empty() && engine::touches_cluster(&self.plan, wanted)
    }
}

/// Threads for the processes of this many steps at a time: as many as can do something. One step at a time has no use for them.
fn threads(jobs: u32) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let threads = cores.min(jobs as usize);
    if threads > 1 { threads } else { 0 }
}
