//! Where an expression is, which decides what it may name, and what a reference leads to.

use super::names::StepNames;
use super::params::Params;
use crate::core::model::event::Role;

/// What `item` is where an expression is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Item {
    /// It has no value: the step has no `for_each`.
    Nothing,
    /// Its value is known.
    Known,
    /// Only the run knows the items.
    Open,
    /// The items could not be read, which was reported.
    Lost,
}

/// Where an expression is, which decides what it may name.
#[derive(Debug, Clone, Copy)]
pub(super) struct Site<'a> {
    /// The stage by index; `None` in pipeline.yaml's own parts.
    pub stage: Option<usize>,
    /// The role of the node; `None` for the stage's own keys.
    pub role: Option<Role>,
    /// What `item` is.
    pub item: Item,
    /// Parameters of the gate file or part.
    pub params: Option<&'a Params>,
    /// The steps of the part, inside of one: `steps` are those then.
    pub part: Option<&'a StepNames>,
    /// Whether `outcome` has a value: in `retry: { when: … }`.
    pub outcome: bool,
}

/// What a reference leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    /// A value that is known before the run.
    Static,
    /// A value that only the run knows.
    Dynamic,
    /// A secret's value.
    Secret,
    /// Something of a step of the same stage or part.
    Step(String, Carries),
    /// Something of another stage.
    Stage(usize, Carries),
    /// What another fault hides, which was reported.
    Lost,
}

/// Whether a value may be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Carries {
    Plain,
    /// It carries the value of a secret.
    Secret,
}
