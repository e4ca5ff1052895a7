//! Where an expression is, which decides what it may name, and what a reference leads to.

use super::StepNames;
use crate::core::model::event::Role;
use crate::core::plan::given::Params;

/// What `item` is where an expression is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Item {
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
pub(crate) struct Site<'a> {
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
