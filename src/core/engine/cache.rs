//! What steps with `cache:` left behind: a record for each, by which a later run knows that it need not run them again.
//! What a step depends on is the business of its fingerprint.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::makes;
use crate::core::files::inputs::Contents;
use crate::core::files::{inputs, state_file};
use crate::core::kind::Context;
use crate::core::model::event::NodeId;
use crate::core::model::outcome::Outputs;
use crate::core::plan::Plan;

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

    /// What it left, if that is still there and depends on the same; and the digest of all that it made, with a key.
    pub async fn find(&self, key: Option<[u8; 32]>) -> Option<(Left, Option<String>)> {
        let left: Left = state_file::read(&self.path()).ok().flatten()?;
        if left.fingerprint != self.fingerprint {
            return None;
        }
        let (files, made) = self.files(key).await.ok()?;
        (files.as_ref() == Ok(&left.files)).then_some((left, made))
    }

    /// Notes down what it made. Where that cannot be done, it is only done again. Hands back the digest of all that it
    /// made, with a key.
    pub async fn keep(&self, cx: &Context, outputs: &Outputs, key: Option<[u8; 32]>) -> Option<String> {
        let (files, made) = match self.files(key).await {
            Ok((Ok(files), made)) => (files, made),
            Ok((Err(missing), made)) => {
                cx.say(format!("`{missing}` of `cache:` is not there, so it runs again the next time"));
                return made;
            }
            Err(error) => {
                cx.say(format!("`cache:`: {error}, so it runs again the next time"));
                return None;
            }
        };
        if let Some(missing) = self.nameless_input().await {
            cx.say(format!("`{missing}` of `inputs:` names nothing, so it runs again the next time"));
            return made;
        }
        let left = Left {
            step: self.name().to_owned(),
            run: cx.run.to_string(),
            fingerprint: self.fingerprint.clone(),
            files,
            outputs: outputs.clone(),
        };
        let _ = state_file::save(&self.path(), &left);
        made
    }

    fn name(&self) -> &str {
        &self.plan.node(self.node).outline.name
    }

    /// A name may hold what no file's name can. Pipelines in one folder have records of their own.
    fn path(&self) -> PathBuf {
        let name = blake3::hash(format!("{}\0{}", self.plan.pipeline(), self.name()).as_bytes()).to_hex();
        self.plan.settings().project.join(".pipeline/cache").join(format!("{}.json", &name[..16]))
    }

    /// A pattern of `inputs:` that names nothing: no change behind it would ever be noticed.
    async fn nameless_input(&self) -> Option<String> {
        let (plan, node) = (Arc::clone(&self.plan), self.node);
        let looking = tokio::task::spawn_blocking(move || {
            let patterns = plan.node(node).inputs.iter().map(String::as_str);
            inputs::nameless(&plan.settings().project, patterns).map(|found| found.map(str::to_owned))
        });
        looking.await.ok()?.ok()?
    }

    /// Digest of what `cache:` names, or the pattern that names nothing; and with a key that of all that it made. A file
    /// that counts for both is read once.
    async fn files(&self, key: Option<[u8; 32]>) -> io::Result<(Result<String, String>, Option<String>)> {
        let (plan, node) = (Arc::clone(&self.plan), self.node);
        let reading = tokio::task::spawn_blocking(move || {
            let (mut contents, project) = (Contents::default(), &plan.settings().project);
            let patterns = plan.node(node).cache.iter().map(String::as_str);
            let digest = contents.digest_of_all(project, patterns)?;
            let files = digest.map(|digest| blake3::Hash::from_bytes(digest).to_hex().to_string());
            let made = key.and_then(|key| makes::digest_with(&mut contents, &key, project, plan.node(node)).ok());
            Ok((files.map_err(str::to_owned), made))
        });
        reading.await.map_err(io::Error::other)?
    }
}
