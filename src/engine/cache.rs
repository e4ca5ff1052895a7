//! What steps with `cache:` left behind: a record for each, by which a later run knows that it need not run them again.
//! What a step is made from is its fingerprint's business.

use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::drivers::{inputs, kept};
use crate::event::NodeId;
use crate::kind::Context;
use crate::outcome::Outputs;
use crate::plan::Plan;

/// What a step made when it passed last.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Made {
    /// Its name, for people who look.
    pub step: String,
    /// The run.
    pub run: String,
    /// What it was made from.
    pub fingerprint: String,
    /// Digest of the files.
    pub files: String,
    /// What it handed on.
    pub outputs: Outputs,
}

/// The record of one step.
pub(crate) struct Cache {
    plan: Arc<Plan>,
    node: NodeId,
    /// What it is made from now.
    pub fingerprint: String,
}

impl Cache {
    pub fn of(plan: &Arc<Plan>, node: NodeId, fingerprint: String) -> Self {
        Cache { plan: Arc::clone(plan), node, fingerprint }
    }

    /// What it made, where that is still there and would be made from the same.
    pub async fn find(&self) -> Option<Made> {
        let made: Made = kept::read(&self.path())?;
        let same = made.fingerprint == self.fingerprint && Some(&made.files) == self.files().await.as_ref();
        same.then_some(made)
    }

    /// Notes down what it made. Where that cannot be done, it is only done again.
    pub async fn keep(&self, cx: &Context, outputs: &Outputs) {
        let patterns = self.plan.node(self.node).cache.iter().map(String::as_str);
        if let Some(pattern) = inputs::missing(&cx.project, patterns) {
            return cx.say(format!("`{pattern}` of `cache:` is not there, so it runs again the next time"));
        }
        let Some(files) = self.files().await else { return };
        let made = Made {
            step: self.name().to_owned(),
            run: cx.run.clone(),
            fingerprint: self.fingerprint.clone(),
            files,
            outputs: outputs.clone(),
        };
        let _ = kept::save(&self.path(), &made);
    }

    fn name(&self) -> &str {
        &self.plan.node(self.node).outline.name
    }

    /// A name may hold what no file's name can.
    fn path(&self) -> PathBuf {
        let name = blake3::hash(self.name().as_bytes()).to_hex();
        self.plan.settings().project.join(".pipeline/cache").join(format!("{}.json", &name[..16]))
    }

    /// `None` where one of them cannot be read.
    async fn files(&self) -> Option<String> {
        let (plan, node) = (Arc::clone(&self.plan), self.node);
        let reading = tokio::task::spawn_blocking(move || {
            let patterns = plan.node(node).cache.iter().map(String::as_str);
            inputs::digest(&plan.settings().project, patterns).ok()
        });
        reading.await.ok().flatten().map(|digest| blake3::Hash::from_bytes(digest).to_hex().to_string())
    }
}
