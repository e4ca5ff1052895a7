//! The engine, driven by small plans written as text and fake kinds, on a paused clock; whole runs as text.

mod during;
mod failure;
mod gates;
mod interrupt;
mod kit;
mod order;
mod retry;
mod values;
