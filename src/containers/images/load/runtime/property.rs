//! Properties of loading between `up` and `clean`, over providers that fail, hang or answer in part at any call: what is
//! reported as loaded is on the node, by its id, and no cluster of another owner is deleted or stopped.

use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::kubernetes::providers::fake::{Cluster, Fake, survives, trouble};
use crate::kubernetes::providers::{Act as Taken, Lowered, Record, Size, lower, raise};

const IMAGE: &str = "docker.io/library/todo:dev";

#[derive(Debug, Clone)]
enum Act {
    Up,
    Load,
    Clean,
    /// The user deletes the cluster and creates another one of the same name, which has an older image.
    Replaced,
    /// The user stops the cluster.
    Stopped,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        3 => Just(Act::Up), 5 => Just(Act::Load), 2 => Just(Act::Clean), 1 => Just(Act::Replaced), 1 => Just(Act::Stopped)
    ]
}

fn todo(fake: &Fake, provider: Provider) -> Option<Cluster> {
    fake.state().clusters.iter().find(|it| it.key == (provider, "todo".to_owned())).cloned()
}

async fn perform(fake: &Fake, project: &Path, provider: Provider, act: &Act) {
    // The engine ends a step whose time is over.
    let limit = Duration::from_secs(3600);
    match act {
        Act::Up => {
            let _ = tokio::time::timeout(limit, raise(fake, project, provider, "todo", &Size::default())).await;
        }
        Act::Load => {
            let ids = BTreeMap::from([(IMAGE.to_owned(), "new".to_owned())]);
            let runtime = Runtime { host: fake, provider, cluster: "todo" };
            let names = ["todo:dev".to_owned()];
            let load = runtime.load(&names, &ids, Path::new("/load.tar"));
            if let Ok(Ok(loaded)) = tokio::time::timeout(limit, load).await {
                let cluster = todo(fake, provider).expect("a cluster that was loaded");
                let found = cluster.images.get(IMAGE).map(String::as_str);
                assert_eq!(found, Some("sha256:new"), "loading passed with {loaded:?}");
            }
        }
        Act::Clean => {
            let (created, started): (Vec<_>, Vec<_>) =
                Record::all(project).expect("readable").into_iter().partition(|it| it.act != Some(Taken::Started));
            for record in created.iter().chain(&started) {
                let Ok(Ok(lowered)) = tokio::time::timeout(limit, lower(fake, project, record)).await else { return };
                let left = todo(fake, provider);
                match lowered {
                    Lowered::Deleted | Lowered::Gone => assert!(left.is_none(), "clean passed, and it is there"),
                    Lowered::Stopped => assert!(left.is_none_or(|it| !it.running), "clean passed, and it runs"),
                    Lowered::ByCommand => unreachable!("no record names a command"),
                }
            }
        }
        Act::Replaced => {
            fake.state().clusters.retain(|it| it.key.1 != "todo");
            fake.foreign(provider, "todo", true);
            let mut state = fake.state();
            let cluster = state.clusters.last_mut().expect("just added");
            cluster.images.insert(IMAGE.to_owned(), "sha256:old".to_owned());
        }
        Act::Stopped => fake.state().clusters.iter_mut().for_each(|it| it.running = false),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_reported_as_loaded_that_is_not_there_and_clean_leaves_foreign_clusters(
        provider in prop::sample::select(Provider::ALL.to_vec()),
        theirs in prop::option::of(any::<bool>()),
        acts in prop::collection::vec(act(), 1..7),
        troubles in prop::collection::btree_map(0usize..40, trouble(), 0..8),
    ) {
        survives(provider, theirs, troubles, &acts, perform);
    }
}
