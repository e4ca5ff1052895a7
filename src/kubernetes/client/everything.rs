//! Every object of a namespace, of any kind that the cluster can list. Knows nothing of what they are looked at for.

use kube::api::{Api, DynamicObject, ListParams};

use super::{Cluster, ClusterError, Kind};
use crate::core::model::outcome::Fault;

/// Objects of one answer.
const PAGE: u32 = 250;

/// Groups whose objects tell nothing of their own: figures, and the core group's events once more.
const REPEATED: [&str; 2] = ["metrics.k8s.io", "events.k8s.io"];

impl Cluster {
    /// Hands every object of a namespace to `take`, kind by kind, except kinds of the core group with
    /// one of these `plurals`. Hands back how many there were.
    ///
    /// # Errors
    /// [`Fault`] when the cluster does not answer, or refuses to list a kind: then it is not known what exists.
    pub async fn each_object(
        &self,
        namespace: &str,
        plurals: &[&str],
        mut take: impl FnMut(&Kind, &DynamicObject),
    ) -> Result<usize, Fault> {
        let mut count = 0;
        for kind in self.listable(&REPEATED).await? {
            let resource = &kind.resource;
            let left_out = resource.group.is_empty() && plurals.contains(&resource.plural.as_str());
            if left_out || REPEATED.contains(&resource.group.as_str()) {
                continue;
            }
            let api: Api<DynamicObject> = kind.api(self.client().await?, namespace);
            let doing = format!("list {} in {namespace}", resource.plural);
            let listed = match self.list(&doing, &api, ListParams::default().limit(PAGE)).await {
                Ok(listed) => listed,
                // gone since it was discovered, or never there to be listed
                Err(ClusterError::Refused(refusal)) if matches!(refusal.code, 404 | 405) => continue,
                Err(ClusterError::Refused(refusal)) if refusal.code == 403 => {
                    let help = "let this user list every kind in the namespace, or name no namespace";
                    return Err(Fault::environment(refusal.to_string()).help(help));
                }
                Err(trouble) => return Err(trouble.fault()),
            };
            count += listed.len();
            for object in &listed {
                take(&kind, object);
            }
        }
        Ok(count)
    }
}
