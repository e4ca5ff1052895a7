//! What steps with `cache:` left behind: a record for each, by which a later run knows that it need not run them again.
//! What a step depends on is the business of its fingerprint.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::core::files::{inputs, state_file};
use crate::core::kind::Context;
use crate::core::model::event::NodeId;
use crate::core::model::outcome::Outputs;
use crate::core::plan::{Plan, PlanNode};

/// What a step left when it passed last.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Left {
    /// Its name, for people who look.
    pub step: String,
    /// The run.
    pub run: String,
    /// What it depended on.
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
    /// What it depends on now.
    pub fingerprint: String,
}

impl Cache {
    pub fn of(plan: &Arc<Plan>, node: NodeId, fingerprint: String) -> Self {
        Cache { plan: Arc::clone(plan), node, fingerprint }
    }

    /// What it left, if that is still there and depends on the same.
    pub async fn find(&self) -> Option<Left> {
        let left: Left = state_file::read(&self.path()).ok().flatten()?;
        let same = left.fingerprint == self.fingerprint && self.files().await.ok()?.as_ref() == Ok(&left.files);
        same.then_some(left)
    }

    /// Notes down what it made. Where that cannot be done, it is only done again.
    pub async fn keep(&self, cx: &Context, outputs: &Outputs) {
        match self.inputs().await {
            Ok(Ok(_)) => {}
            Ok(Err(missing)) => {
                return cx.say(format!("`{missing}` of `inputs:` names nothing, so it runs again the next time"));
            }
            Err(error) => return cx.say(format!("`inputs:`: {error}, so it runs again the next time")),
        }
        let files = match self.files().await {
            Ok(Ok(files)) => files,
            Ok(Err(missing)) => {
                return cx.say(format!("`{missing}` of `cache:` is not there, so it runs again the next time"));
            }
            Err(error) => return cx.say(format!("`cache:`: {error}, so it runs again the next time")),
        };
        let left = Left {
            step: self.name().to_owned(),
            run: cx.run.to_string(),
            fingerprint: self.fingerprint.clone(),
            files,
            outputs: outputs.clone(),
        };
        let _ = state_file::save(&self.path(), &left);
    }

    fn name(&self) -> &str {
        &self.plan.node(self.node).outline.name
    }

    /// A name may hold what no file's name can. Pipelines in one folder have records of their own.
    fn path(&self) -> PathBuf {
        let name = blake3::hash(format!("{}\0{}", self.plan.pipeline(), self.name()).as_bytes()).to_hex();
        self.plan.settings().project.join(".pipeline/cache").join(format!("{}.json", &name[..16]))
    }

    /// Digest of what it makes, or the pattern that names nothing.
    async fn files(&self) -> io::Result<Result<String, String>> {
        self.digest(|node| &node.cache).await
    }

    /// The same of what it depends on. No change is ever noticed behind a pattern that names nothing.
    async fn inputs(&self) -> io::Result<Result<String, String>> {
        self.digest(|node| &node.inputs).await
    }

    async fn digest(&self, patterns: fn(&PlanNode) -> &[String]) -> io::Result<Result<String, String>> {
        let (plan, node) = (Arc::clone(&self.plan), self.node);
        let reading = tokio::task::spawn_blocking(move || {
            let patterns = patterns(plan.node(node)).iter().map(String::as_str);
            let digest = inputs::digest_of_all(&plan.settings().project, patterns)?;
            Ok(digest.map(|digest| blake3::Hash::from_bytes(digest).to_hex().to_string()).map_err(str::to_owned))
        });
        reading.await.map_err(io::Error::other)?
    }
}
