//! What every run of this process works with.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;

use crate::cli::args::Output;
use crate::cli::out;
use crate::core::engine::Mode;
use crate::core::kind::services::Services;
use crate::core::mask::{self, Masker, SecretText};
use crate::core::model::exit_code::Exit;
use crate::core::model::outcome::{Fault, FaultKind};
use crate::core::plan::Plan;
use crate::core::spec::SecretSource;
use crate::secrets::secret_store;

/// What every run of this process works with.
#[derive(Clone)]
pub(in crate::cli) struct RunContext {
    pub plan: Arc<Plan>,
    pub services: Arc<Services>,
    pub env: BTreeMap<String, String>,
    pub secrets: Arc<BTreeMap<String, SecretText>>,
    pub masker: Masker,
    /// Of fingerprints.
    pub key: [u8; 32],
}

/// How a run is wished to be.
pub(in crate::cli) struct RunOptions {
    /// Steps with `cache:` whose work is done may be left out.
    pub cached: bool,
    pub jobs: u32,
    pub mode: Mode,
    pub output: Output,
    /// How long another run on the namespace is waited for.
    pub patience: Duration,
    /// `finally` of stages that fail, and of the pipeline then, is left to `clean`.
    pub keep: bool,
    /// The first failure waits for the user.
    pub pause: bool,
    /// How this program is called for this project: `pipeline -C shop`.
    pub called: String,
}

/// What every run of this process works with; an exit code where not even the key of its fingerprints can be written.
pub(super) async fn ready(
    plan: Arc<Plan>,
    services: Arc<Services>,
    secrets: &IndexMap<String, SecretSource>,
) -> Result<Result<RunContext, Exit>, Fault> {
    let env = environment();
    let secrets = resolve(secrets, &plan, &env).await?;
    let masker = masker(&secrets);
    let key = match key(&plan) {
        Ok(key) => key,
        // Where this cannot be written no record can.
        Err(fault) if fault.kind == FaultKind::Unknown => {
            out::error(&fault.message, fault.help.as_deref());
            return Ok(Err(Exit::Report));
        }
        Err(fault) => return Err(fault),
    };
    Ok(Ok(RunContext { plan, services, env, secrets, masker, key }))
}

/// What hides these secrets: in all that the run writes, and in what is cut before.
pub(super) fn masker(secrets: &BTreeMap<String, SecretText>) -> Masker {
    let masker = Masker::new(secrets.values());
    mask::set_of_run(&masker);
    masker
}

/// What fingerprints are keyed with: made once a project, kept beside its secrets.
pub(super) fn key(plan: &Plan) -> Result<[u8; 32], Fault> {
    let text = secret_store::keep(&plan.settings().project, ".fingerprints", || secret_store::generate(32))?;
    Ok(*blake3::hash(text.expose().as_bytes()).as_bytes())
}

/// The environment that steps start from: ours, as far as it is text.
pub(super) fn environment() -> BTreeMap<String, String> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

/// The values of the secrets. Every one that is missing is reported.
pub(super) async fn resolve(
    sources: &IndexMap<String, SecretSource>,
    plan: &Plan,
    env: &BTreeMap<String, String>,
) -> Result<Arc<BTreeMap<String, SecretText>>, Fault> {
    match crate::secrets::resolve::resolve(sources, &plan.settings().project, env).await {
        Ok(values) => Ok(Arc::new(values)),
        Err(mut faults) => {
            let last = faults.pop().unwrap_or_else(|| Fault::environment("a secret has no value"));
            for fault in faults {
                out::error(&fault.message, fault.help.as_deref());
            }
            Err(last)
        }
    }
}
