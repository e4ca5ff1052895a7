//! Clusters that the pipeline did not create: they are used, and are at the end as they were at the start.

use crate::stand::{ClusterFixture, Provider};

const DOWN: &str = "cluster: { down: {} }";

/// Used by `up`; neither `down` nor `clean` touches it.
pub fn running(provider: Provider) {
    let stand = ClusterFixture::new(provider, "foreign");
    stand.create();
    let identity = stand.identity();
    stand.run(&[&stand.up(""), DOWN]).ends(0);
    assert_eq!(stand.running().len(), 1);
    stand.program_said(&["clean"]);
    assert_eq!(stand.running().len(), 1);
    assert_eq!(stand.identity(), identity);
}

/// Started by `up`, stopped again by `down`, and it is still the same cluster.
pub fn stopped(provider: Provider) {
    let stand = ClusterFixture::new(provider, "stopped");
    stand.create();
    let identity = stand.identity();
    stand.stop();
    stand.run(&[&stand.up("")]).ends(0);
    assert_eq!(stand.identity(), identity);
    stand.run(&[DOWN]).ends(0);
    assert!(stand.running().is_empty());
    assert_eq!(stand.nodes().len(), 1, "it is still there");
    stand.run(&[&stand.up("")]).ends(0);
    assert_eq!(stand.identity(), identity);
}

/// The pipeline creates a cluster, a user deletes it and creates another of the same name: that one is not deleted.
pub fn of_the_same_name(provider: Provider) {
    let stand = ClusterFixture::new(provider, "same");
    stand.run(&[&stand.up("")]).ends(0);
    match provider {
        Provider::Minikube => stand.asks("minikube", &["delete", "--profile", &stand.cluster]),
        Provider::Kind => stand.asks("kind", &["delete", "cluster", "--name", &stand.cluster]),
    };
    stand.create();
    let identity = stand.identity();
    for args in [&["run"][..], &["clean"]] {
        stand.pipeline(&[DOWN]);
        stand.program_said(args);
        assert_eq!(stand.running().len(), 1, "{args:?}");
        assert_eq!(stand.identity(), identity);
    }
}

/// `clean` deletes the cluster that the pipeline created, and leaves one beside it.
pub fn clean(provider: Provider) {
    let other = ClusterFixture::new(provider, "other");
    other.create();
    let stand = ClusterFixture::new(provider, "clean");
    stand.run(&[&stand.up("")]).ends(0);
    stand.program_said(&["clean"]).ends(0);
    assert!(stand.nodes().is_empty(), "{:?}", stand.nodes());
    assert_eq!(other.running().len(), 1);
}
