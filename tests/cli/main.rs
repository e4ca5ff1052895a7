//! The built program, as people and scripts use it: words, exit codes, files, signals. Needs neither Docker nor a cluster.

mod api;
mod cache;
mod choices;
mod commands;
mod crash;
mod disk;
mod examples;
mod faults;
mod files;
mod gate_steps;
mod hostile;
mod kit;
mod kubectl;
mod lease;
mod pictures;
mod pipes;
mod places;
mod records;
mod secrets;
mod signals;
mod terminal;
mod volume;
