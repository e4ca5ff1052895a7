//! The tree of an expression, built bottom-up with its height held in bounds. Knows no text.

use std::sync::Arc;

use super::error::{ExprError, SHORTER};
use super::overload::Overload;
use super::value::Value;

/// How many operations may rest on each other: `a + b + c` is two.
pub const MAX_HEIGHT: usize = 48;

/// A part of an expression, with its first byte and the one past its last.
#[derive(Debug)]
pub(super) struct Node {
    pub span: (usize, usize),
    pub kind: Kind,
}

/// What a part of an expression is.
#[derive(Debug)]
pub(super) enum Kind {
    Literal(Value),
    Name(Name),
    Field(Box<Field>),
    Index(Box<Index>),
    List(Vec<Item>),
    Map(Vec<Entry>),
    Not(Box<Node>),
    Negate(Box<Node>),
    /// All of them, in order; the first false one decides.
    And(Vec<Node>),
    /// Any of them, in order; the first true one decides.
    Or(Vec<Node>),
    Choice(Box<[Node; 3]>),
    Binary(&'static str, Box<[Node; 2]>),
    Call(Call),
    Loop(Box<Loop>),
    Bind(Box<Bind>),
    Block(Box<Block>),
}

#[derive(Debug)]
pub(super) struct Name {
    pub text: Arc<str>,
    /// Written with a dot before it: no name that a loop binds.
    pub global: bool,
}

#[derive(Debug)]
pub(super) struct Field {
    pub of: Node,
    pub name: Arc<str>,
    pub access: Access,
}

#[derive(Debug)]
pub(super) struct Index {
    pub of: Node,
    pub at: Node,
    pub optional: bool,
}

/// How a field is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// `a.b`
    Value,
    /// `has(a.b)`
    Test,
    /// `a.?b`
    Optional,
}

/// An item of a list; `[?x]` leaves it out where there is none.
#[derive(Debug)]
pub(super) struct Item {
    pub node: Node,
    pub optional: bool,
}

/// An entry of a map; `{?k: v}` leaves it out where there is none.
#[derive(Debug)]
pub(super) struct Entry {
    pub key: Node,
    pub value: Node,
    pub optional: bool,
}

/// A call; the first argument of a method is what it is called on.
#[derive(Debug)]
pub(super) struct Call {
    pub name: String,
    pub overloads: Vec<&'static Overload>,
    pub args: Vec<Node>,
}

/// A loop over a list or a map.
#[derive(Debug)]
pub(super) struct Loop {
    pub kind: LoopKind,
    pub range: Node,
    /// The item; the key of a map.
    pub first: Arc<str>,
    /// With two names the first is the index or the key, and this one the value.
    pub second: Option<Arc<str>>,
    /// Only items for which it is true count.
    pub filter: Option<Node>,
    pub body: Node,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LoopKind {
    All,
    Exists,
    ExistsOne,
    Filter,
    /// `map` and `transformList`
    List,
    TransformMap,
    TransformMapEntry,
    SortBy,
}

/// A name for a value: `cel.bind`, and what an optional holds.
#[derive(Debug)]
pub(super) struct Bind {
    pub kind: BindKind,
    pub name: Arc<str>,
    pub value: Node,
    pub body: Node,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BindKind {
    Bind,
    OptMap,
    OptFlatMap,
}

/// `cel.block`: values that have numbers; each sees those before it, and the body sees all.
#[derive(Debug)]
pub(super) struct Block {
    pub values: Vec<Node>,
    pub body: Node,
}

/// The name that the value of a block has in the tree. Nothing that is written is such a name.
pub(super) fn numbered(at: usize) -> Arc<str> {
    format!("{INTERNAL}index{at}").into()
}

/// The start of every name that is not written in the text.
pub(super) const INTERNAL: char = '@';

/// A node and the number of operations that rest on each other in it.
#[derive(Debug)]
pub(super) struct Tree {
    pub node: Node,
    pub height: usize,
}

impl Tree {
    /// A node above others, of which the highest has this height.
    ///
    /// # Errors
    /// Too many operations rest on each other.
    pub fn over(height: usize, kind: Kind, span: (usize, usize)) -> Result<Tree, ExprError> {
        if height >= MAX_HEIGHT {
            return Err(too_high(span));
        }
        Ok(Tree { node: Node { span, kind }, height: height + 1 })
    }

    pub fn leaf(kind: Kind, span: (usize, usize)) -> Tree {
        Tree { node: Node { span, kind }, height: 0 }
    }

    pub fn span(&self) -> (usize, usize) {
        self.node.span
    }
}

pub(super) fn highest(trees: &[Tree]) -> usize {
    trees.iter().map(|tree| tree.height).max().unwrap_or(0)
}

pub(super) fn too_high((start, end): (usize, usize)) -> ExprError {
    ExprError::at(start, end, format!("more than {MAX_HEIGHT} operations rest on each other")).help(SHORTER)
}

impl Node {
    /// The children, in reading order; those of a loop without its range see the names that it binds.
    pub fn children(&self) -> Vec<&Node> {
        match &self.kind {
            Kind::Literal(_) | Kind::Name(_) => Vec::new(),
            Kind::Field(field) => vec![&field.of],
            Kind::Index(index) => vec![&index.of, &index.at],
            Kind::List(items) => items.iter().map(|item| &item.node).collect(),
            Kind::Map(entries) => entries.iter().flat_map(|entry| [&entry.key, &entry.value]).collect(),
            Kind::Not(node) | Kind::Negate(node) => vec![node],
            Kind::And(nodes) | Kind::Or(nodes) => nodes.iter().collect(),
            Kind::Choice(nodes) => nodes.iter().collect(),
            Kind::Binary(_, nodes) => nodes.iter().collect(),
            Kind::Call(call) => call.args.iter().collect(),
            Kind::Loop(the_loop) => {
                let mut nodes = vec![&the_loop.range];
                nodes.extend(&the_loop.filter);
                nodes.push(&the_loop.body);
                nodes
            }
            Kind::Bind(bind) => vec![&bind.value, &bind.body],
            Kind::Block(block) => block.values.iter().chain([&block.body]).collect(),
        }
    }
}
