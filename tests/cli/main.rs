//! The built program, as people and scripts use it: words, exit codes, files, signals. Needs neither Docker nor a cluster.

mod choices;
mod examples;
mod files;
mod kit;
mod kubectl;
mod places;
mod records;
mod secrets;
mod signals;
