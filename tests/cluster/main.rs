//! What needs a real Docker or a real cluster: `cargo test --test cluster -- --ignored`.

mod image;
mod world;
