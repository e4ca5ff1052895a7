//! The credentials of a user whose kubeconfig names a credential plugin: obtained once, kept until they expire, handed to
//! every request. The client library would print the plugin's environment and its output; here neither leaves this file.

mod answer;
mod attended;
mod plugin;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Mutex;

use crate::core::mask::SecretText;
use crate::core::model::outcome::Fault;

pub(super) use plugin::{Plugin, Source};

/// A credential is replaced this long before it expires.
const MARGIN: SignedDuration = SignedDuration::from_secs(10);
/// The plugin is not started again within this time, however soon its credential expires.
const SHORTEST_USE: Duration = Duration::from_secs(5);
/// A plugin that timed out is not started again within this time.
const AFTER_TIMEOUT: Duration = Duration::from_secs(30);

/// What a plugin issued.
pub(super) struct Credential {
    /// Differs between two answers of the plugin.
    pub serial: u64,
    /// A bearer token.
    pub token: Option<SecretText>,
    /// A client certificate and its key, as PEM.
    pub identity: Option<(String, SecretText)>,
    expires: Option<Timestamp>,
    obtained: Instant,
}

impl Credential {
    fn is_fresh(&self) -> bool {
        let expires_soon = self.expires.is_some_and(|expires| Timestamp::now() + MARGIN >= expires);
        !expires_soon || self.obtained.elapsed() < SHORTEST_USE
    }
}

/// The credentials of one user.
pub(super) struct Credentials {
    plugin: Plugin,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    serial: u64,
    current: Option<Arc<Credential>>,
    failed: Option<Failed>,
}

struct Failed {
    at: Instant,
    timed_out: bool,
    fault: Fault,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("plugin", &self.plugin.program()).finish_non_exhaustive()
    }
}

impl Credentials {
    /// Starts nothing yet.
    pub fn new(plugin: Plugin) -> Self {
        Credentials { plugin, state: Mutex::default() }
    }

    /// The current credential. The plugin is started where there is none or it expires, never twice at the same time;
    /// it ends when this future is dropped.
    ///
    /// # Errors
    /// [`Fault`] of kind environment when the plugin is missing, fails, times out, or answers with no credential.
    pub async fn current(&self) -> Result<Arc<Credential>, Fault> {
        let asked = Instant::now();
        let mut state = self.state.lock().await;
        if let Some(credential) = state.current.as_ref().filter(|credential| credential.is_fresh()) {
            return Ok(Arc::clone(credential));
        }
        // It failed while this caller waited for it, or it timed out a moment ago: another start would fail as well.
        if let Some(failed) = &state.failed
            && (failed.at >= asked || (failed.timed_out && failed.at.elapsed() < AFTER_TIMEOUT))
        {
            return Err(failed.fault.clone());
        }
        match self.plugin.run().await {
            Ok(answer) => {
                state.serial += 1;
                state.failed = None;
                let credential = Arc::new(Credential {
                    serial: state.serial,
                    token: answer.token,
                    identity: answer.identity,
                    expires: answer.expires,
                    obtained: Instant::now(),
                });
                state.current = Some(Arc::clone(&credential));
                Ok(credential)
            }
            Err(plugin::Refused { fault, timed_out }) => {
                state.failed = Some(Failed { at: Instant::now(), timed_out, fault: fault.clone() });
                Err(fault)
            }
        }
    }

    /// The cluster did not accept the credential with this serial: the next request starts the plugin again.
    pub async fn reject(&self, serial: u64) {
        let mut state = self.state.lock().await;
        if state.current.as_ref().is_some_and(|current| current.serial == serial) {
            state.current = None;
        }
    }
}

#[cfg(test)]
mod tests;
