//! Properties of `up`, loading, `down` over providers that fail, hang or answer in part at any call: no cluster of another
//! owner is deleted or stopped, and nothing is reported as done that was not done.

use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;

use super::fake::{Cluster, Fake, survives, trouble};
use super::{Lowered, Provider, Record, Size, StartMode, lower, raise};
use crate::process::command_context::CommandError;

#[derive(Debug, Clone)]
enum Act {
    Up,
    Down,
    /// The user deletes the cluster and creates another one of the same name.
    Replaced,
    /// The user stops the cluster.
    Stopped,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![4 => Just(Act::Up), 4 => Just(Act::Down), 1 => Just(Act::Replaced), 1 => Just(Act::Stopped)]
}

fn runs(fake: &Fake, provider: Provider) -> Option<Cluster> {
    fake.state().clusters.iter().find(|it| it.key == (provider, "todo".to_owned())).cloned()
}

async fn perform(fake: &Fake, project: &Path, provider: Provider, act: &Act) {
    // the engine ends a step whose time is over
    let limit = Duration::from_secs(3600);
    match act {
        Act::Up => {
            let size = Size { addons: vec!["ingress".to_owned(), "metrics-server".to_owned()], ..Size::default() };
            let before = runs(fake, provider);
            let Ok(done) = tokio::time::timeout(limit, raise(fake, project, provider, "todo", &size)).await else {
                return;
            };
            if let Ok(raised) = done {
                let after = runs(fake, provider).expect("a cluster that is reported to run");
                assert!(after.running, "up passed, and the cluster does not run");
                assert_eq!(raised.how == StartMode::Created, before.is_none());
                if provider == Provider::Minikube {
                    assert_eq!(after.addons.len(), 2, "up passed without the addons");
                }
            }
        }
        Act::Down => {
            for record in Record::all(project).expect("readable") {
                let Ok(done) = tokio::time::timeout(limit, lower(fake, project, &record)).await else { return };
                match done {
                    Ok(Lowered::Deleted | Lowered::Gone) => {
                        assert!(runs(fake, provider).is_none(), "down passed, and the cluster is there");
                    }
                    Ok(Lowered::Stopped) => assert!(runs(fake, provider).is_none_or(|it| !it.running)),
                    Ok(Lowered::ByCommand) | Err(CommandError::Failed(_) | CommandError::Fault(_)) => {}
                }
            }
        }
        Act::Replaced => {
            fake.state().clusters.retain(|it| it.key.1 != "todo");
            fake.foreign(provider, "todo", true);
        }
        Act::Stopped => fake.state().clusters.iter_mut().for_each(|it| it.running = false),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_foreign_cluster_is_deleted_and_nothing_passes_undone(
        provider in prop::sample::select(Provider::ALL.to_vec()),
        theirs in prop::option::of(any::<bool>()),
        acts in prop::collection::vec(act(), 1..6),
        troubles in prop::collection::btree_map(0usize..40, trouble(), 0..8),
    ) {
        survives(provider, theirs, troubles, &acts, perform);
    }
}
