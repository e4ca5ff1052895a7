//! The cluster step and the loading of images on a real minikube and a real kind: `make test-providers`.
//! Each test makes clusters of its own, under names of its own; asserts on exit codes and on what is at the provider.

mod foreign;
mod life;
mod stand;

use stand::Provider;

/// One test a provider and a scenario.
macro_rules! on_both {
    ($($(#[$about:meta])* $name:ident = $scenario:path;)*) => {
        mod minikube {
            $(#[test] #[ignore = "needs a real minikube"] $(#[$about])* fn $name() { $scenario(super::Provider::Minikube); })*
        }
        mod kind {
            $(#[test] #[ignore = "needs a real kind"] $(#[$about])* fn $name() { $scenario(super::Provider::Kind); })*
        }
    };
}

on_both! {
    a_cluster_is_created_used_loaded_stopped_started_and_deleted = super::life::whole_life;
    a_half_created_cluster_is_recreated_or_explained = super::life::half_created;
    a_load_that_did_not_happen_is_not_a_pass = super::life::load_that_fails;
    a_running_foreign_cluster_is_used_and_left_running = super::foreign::running;
    a_stopped_foreign_cluster_is_started_and_stopped_again = super::foreign::stopped;
    a_cluster_created_again_under_our_name_is_not_deleted = super::foreign::of_the_same_name;
    clean_removes_our_cluster_and_no_other = super::foreign::clean;
}

/// Addons are minikube's own.
mod minikube_addons {
    #[test]
    #[ignore = "needs a real minikube"]
    fn an_addon_is_enabled_and_an_unknown_one_fails() {
        super::life::addons();
    }
}
