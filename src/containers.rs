//! Everything about containers on this machine: images, their engines and layers, Docker Compose, and their kinds.

pub mod assertions;
pub mod compose;
pub mod cosign;
pub mod images;
pub mod steps;
