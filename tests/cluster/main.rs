//! Tests against the real cluster that KUBECONFIG points at, in namespaces of their own.
//! `cargo test --test cluster -- --ignored`, after `tools/up`.

mod assertions;
mod stand;
