//! What all nodes of a run have in common, made once. Starts nothing.

use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::core::engine::outputs::OutputFolder;
use crate::core::engine::{Options, Parts};
use crate::core::kind::executor::Executor;
use crate::core::kind::{CoveredSteps, Signals};
use crate::core::model::outcome::Outputs;

/// What the contexts of all nodes share, in one place in memory for all.
pub(super) struct Common {
    pub project: Arc<Path>,
    pub run: Arc<str>,
    pub scratch: Arc<Path>,
    pub outputs: Arc<OutputFolder>,
    /// Runs commands on this machine.
    pub here: Arc<dyn Executor>,
    /// The pipeline's namespace.
    pub namespace: Arc<str>,
    /// Signals that mean something to `during` nodes alone.
    stop: CancellationToken,
    up: CancellationToken,
    up_outputs: Arc<OnceLock<Outputs>>,
    covered: Arc<CoveredSteps>,
    /// Cancelled when the run has failed and nothing that can be left out is to start.
    pub failing: CancellationToken,
}

impl Common {
    pub fn new(options: &Options, parts: &Parts, outputs: OutputFolder) -> Self {
        Common {
            project: parts.plan.settings().project.as_path().into(),
            run: options.run.as_str().into(),
            scratch: parts.files.scratch().into(),
            outputs: Arc::new(outputs),
            here: Arc::clone(parts.services.here()),
            namespace: parts.services.namespace().into(),
            stop: CancellationToken::new(),
            up: CancellationToken::new(),
            up_outputs: Arc::default(),
            covered: Arc::default(),
            failing: CancellationToken::new(),
        }
    }

    /// The signals of one node: of its own where something may come by them.
    pub fn signals(&self, during: bool, grace: Duration) -> Signals {
        let own = |shared: &CancellationToken| if during { CancellationToken::new() } else { shared.clone() };
        Signals {
            cancel: CancellationToken::new(),
            stop: own(&self.stop),
            up: own(&self.up),
            up_outputs: if during { Arc::default() } else { Arc::clone(&self.up_outputs) },
            grace,
            covered: if during { Arc::default() } else { Arc::clone(&self.covered) },
            during,
        }
    }
}
