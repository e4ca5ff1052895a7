//! Everything about Kubernetes: the client, ownership of objects, clusters and their providers, helm, explanations of
//! failures, and the kinds built on them.

pub mod apply;
pub mod assertions;
pub mod client;
pub mod explain;
pub mod helm;
pub mod job;
pub mod kustomize;
pub mod logs;
pub mod ownership;
pub mod pin;
pub mod preview;
pub mod providers;
pub mod rendered;
pub mod rollout;
pub mod runner;
pub mod secret_values;
pub mod service;
pub mod steps;
