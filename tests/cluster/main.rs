//! What needs a real Docker or a real cluster: `cargo test --test cluster -- --ignored`, after `tools/up`.

mod assertions;
mod helm;
mod image;
mod provision;
mod stand;
mod world;
