//! The engine, driven by small plans written as text and fake kinds, on a paused clock; whole runs as text.

mod cost;
mod during;
mod failure;
mod gates;
mod interrupt;
mod kit;
mod leaving;
mod order;
mod processes;
mod resume;
mod retry;
mod values;
