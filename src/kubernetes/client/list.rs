//! Lists to their end: page by page while the server says that there is more. Half a list is no answer.

use std::fmt::Debug;

use futures::future::BoxFuture;
use kube::api::{Api, ListParams, ObjectList};
use kube::core::PartialObjectMeta;
use serde::de::DeserializeOwned;

use super::{Cluster, ClusterError};

/// Times that a list is begun again because it was too long in coming.
const RESTARTS: usize = 5;

impl Cluster {
    /// Every object that `wanted` means.
    ///
    /// # Errors
    /// [`ClusterError`] when any page cannot be had.
    pub async fn list<K>(&self, doing: &str, api: &Api<K>, wanted: ListParams) -> Result<Vec<K>, ClusterError>
    where
        K: Clone + DeserializeOwned + Debug + Send + 'static,
    {
        self.pages(doing, wanted, |page| Box::pin(async move { api.list(&page).await })).await
    }

    /// The metadata of every object that `wanted` means.
    ///
    /// # Errors
    /// As [`Cluster::list`].
    pub async fn list_metadata<K>(
        &self,
        doing: &str,
        api: &Api<K>,
        wanted: ListParams,
    ) -> Result<Vec<PartialObjectMeta<K>>, ClusterError>
    where
        K: Clone + DeserializeOwned + Debug + Send + 'static,
    {
        self.pages(doing, wanted, |page| Box::pin(async move { api.list_metadata(&page).await })).await
    }

    async fn pages<'a, T: Clone>(
        &self,
        doing: &str,
        wanted: ListParams,
        get: impl Fn(ListParams) -> BoxFuture<'a, kube::Result<ObjectList<T>>>,
    ) -> Result<Vec<T>, ClusterError> {
        let mut restarts = 0;
        let (mut found, mut page) = (Vec::new(), wanted);
        loop {
            match self.ask(doing, get(page.clone())).await {
                Ok(list) => {
                    found.extend(list.items);
                    match list.metadata.continue_.filter(|token| !token.is_empty()) {
                        Some(token) => page.continue_token = Some(token),
                        None => return Ok(found),
                    }
                }
                // The list was too long in coming: its rest is of another time, so it is begun again.
                Err(ClusterError::Refused(refusal))
                    if refusal.code == 410 && page.continue_token.is_some() && restarts < RESTARTS =>
                {
                    restarts += 1;
                    found.clear();
                    page.continue_token = None;
                }
                Err(trouble) => return Err(trouble),
            }
        }
    }
}
