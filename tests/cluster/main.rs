//! What needs a real Docker or a real cluster: `cargo test --test cluster -- --ignored`.

mod busybox;
mod image;
mod kube;
mod kube_bulk;
mod world;
