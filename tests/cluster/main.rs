//! What needs a real Docker or the real cluster that KUBECONFIG points at; each test in a namespace of its own.
//! `cargo test --test cluster -- --ignored`, after `tools/up`.

mod assertions;
mod broken;
mod busybox;
mod gates;
mod helm;
mod helm_pending;
mod image;
mod kube;
mod kube_bulk;
mod kube_room;
mod provision;
mod secrets;
mod stand;
mod world;
