//! What needs a real Docker or a real cluster: `cargo test --test cluster -- --ignored`.

mod helm;
mod image;
mod world;
