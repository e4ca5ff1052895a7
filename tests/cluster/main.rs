//! What needs a real Docker or the real cluster that KUBECONFIG points at; each test in a namespace of its own.
//! `cargo test --test cluster -- --ignored`, after `tools/up`.

mod ask;
mod assertions;
mod broken;
mod busybox;
mod causes;
mod compose;
mod costly;
mod disk;
mod events;
mod faults;
mod gates;
mod helm;
mod helm_pending;
mod image;
mod kube;
mod kube_bulk;
mod kube_diff;
mod kube_room;
mod leftover;
mod logs;
mod mutations;
mod node;
mod ownership;
mod pod;
mod provision;
mod ran;
mod refused;
mod secrets;
mod servers;
mod stand;
mod todo;
mod todo_whole;
mod traffic;
mod verdicts;
mod world;
