//! What kinds share during a run: clients of technologies by type, runners, and what must be asked before anything runs.

use std::any::{Any, TypeId, type_name};
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;

use futures::future::BoxFuture;

use super::executor::{Executor, Runner};
use super::settings::ClusterSettings;
use crate::core::model::outcome::Fault;

/// Asked before anything runs.
pub trait Preflight: Send + Sync {
    /// Whether steps that need it may run.
    ///
    /// # Errors
    /// [`Fault`] of kind environment that names what may not be used, and why.
    fn preflight(&self) -> Result<(), Fault>;
}

/// What the engine asks of the cluster of a run.
pub trait ClusterFacts: Send + Sync {
    /// Which cluster it is, with the namespace of this run.
    fn settings(&self) -> &ClusterSettings;

    /// Whether there is an object (`service/web`), or any of a kind (`ingressclasses`).
    ///
    /// # Errors
    /// [`Fault`] when that is not known, or the cluster may not be used.
    fn has<'a>(&'a self, written: &'a str) -> BoxFuture<'a, Result<bool, Fault>>;

    /// Whether a kind is served.
    ///
    /// # Errors
    /// As for [`ClusterFacts::has`].
    fn serves<'a>(&'a self, kind: &'a str) -> BoxFuture<'a, Result<bool, Fault>>;
}

/// The services of one run. Each connects on its first use.
pub struct Services {
    by_type: HashMap<TypeId, Box<dyn Any + Send + Sync>>,
    names: Vec<&'static str>,
    preflights: Vec<Arc<dyn Preflight>>,
    facts: Option<Arc<dyn ClusterFacts>>,
    runners: BTreeMap<String, Arc<dyn Runner>>,
    here: Arc<dyn Executor>,
}

impl Services {
    /// None yet; `here` runs commands on this machine.
    pub fn new(here: Arc<dyn Executor>) -> Self {
        Services {
            by_type: HashMap::new(),
            names: Vec::new(),
            preflights: Vec::new(),
            facts: None,
            runners: BTreeMap::new(),
            here,
        }
    }

    /// Adds a service, or replaces that of the same type.
    pub fn add<T: Send + Sync + 'static>(&mut self, service: Arc<T>) {
        self.by_type.insert(TypeId::of::<T>(), Box::new(service));
        self.names.push(type_name::<T>());
    }

    /// Adds what is asked before a run whose steps touch a cluster.
    pub fn add_preflight(&mut self, preflight: Arc<dyn Preflight>) {
        self.preflights.push(preflight);
    }

    /// Sets what is asked about the cluster.
    pub fn set_facts(&mut self, facts: Arc<dyn ClusterFacts>) {
        self.facts = Some(facts);
    }

    /// What is asked about the cluster.
    ///
    /// # Errors
    /// [`Fault`] when there is none.
    pub fn facts(&self) -> Result<&dyn ClusterFacts, Fault> {
        self.facts.as_deref().ok_or_else(|| Fault::environment("this run has no cluster"))
    }

    /// The namespace for what names none.
    pub fn namespace(&self) -> &str {
        self.facts.as_ref().map_or(ClusterSettings::DEFAULT, |facts| facts.settings().namespace())
    }

    /// The run's own namespace, where it has one.
    pub fn fresh_namespace(&self) -> Option<&str> {
        self.facts.as_ref()?.settings().fresh_namespace()
    }

    /// Adds a runner under its name.
    pub fn add_runner(&mut self, name: &str, runner: Arc<dyn Runner>) {
        self.runners.insert(name.to_owned(), runner);
    }

    /// The service of this type.
    ///
    /// # Panics
    /// When no technology has added it, which is a mistake in the table of services and shows in every run.
    pub fn get<T: Send + Sync + 'static>(&self) -> &Arc<T> {
        let service = self.by_type.get(&TypeId::of::<T>()).and_then(|service| service.downcast_ref());
        service.expect("every service is added when the run begins")
    }

    /// Asks everything that must be asked before a run whose steps touch a cluster.
    ///
    /// # Errors
    /// The first [`Fault`].
    pub fn preflight(&self) -> Result<(), Fault> {
        self.preflights.iter().try_for_each(|preflight| preflight.preflight())
    }

    /// The runner of this name.
    ///
    /// # Errors
    /// [`Fault`] when there is no such runner.
    pub fn runner(&self, name: &str) -> Result<&Arc<dyn Runner>, Fault> {
        self.runners.get(name).ok_or_else(|| Fault::invalid(format!("there is no runner `{name}`")))
    }

    /// What runs commands on this machine.
    pub fn here(&self) -> &Arc<dyn Executor> {
        &self.here
    }
}

impl fmt::Debug for Services {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Services")
            .field("types", &self.names)
            .field("runners", &self.runners.keys())
            .finish_non_exhaustive()
    }
}

/// What gives access to the services of a run. Technologies extend it by a method for each of their services.
pub trait HasServices {
    /// The services of the run.
    fn services(&self) -> &Services;
}

impl HasServices for Services {
    fn services(&self) -> &Services {
        self
    }
}
