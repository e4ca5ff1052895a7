//! The tree that `cel` evaluates, built bottom-up with its height held in bounds. Knows no text.

use kube_cel::cel::IdedExpr;
use kube_cel::cel::common::ast::{CallExpr, Expr, LiteralValue, SelectExpr, operators as op};

use super::cel::{ExprError, SHORTER};

/// How many operations may rest on each other: `a + b + c` is two.
pub const MAX_HEIGHT: usize = 32;

/// Where a parsed node stands: its first byte and the one past its last.
pub(super) fn span_of(node: &IdedExpr) -> (usize, usize) {
    let half = |bits: u64| usize::try_from(bits & 0xffff_ffff).unwrap_or(usize::MAX);
    (half(node.id >> 32), half(node.id))
}

pub(super) fn id_of((start, end): (usize, usize)) -> u64 {
    ((start as u64) << 32) | end as u64
}

/// A node and the number of operations that rest on each other in it.
pub(super) struct Tree {
    pub node: IdedExpr,
    pub height: usize,
}

impl Tree {
    pub fn span(&self) -> (usize, usize) {
        span_of(&self.node)
    }
}

/// `has(a.b)`: whether `a` has a field `b`.
pub(super) fn has(of: Tree, span: (usize, usize)) -> Result<Tree, ExprError> {
    let height = of.height;
    let (start, end) = of.span();
    let refusal = || ExprError::at(span.0, span.1, "`has` takes a field").help("write `has(vars.x)`");
    let Expr::Call(CallExpr { func_name, args, .. }) = of.node.expr else { return Err(refusal()) };
    match <[IdedExpr; 2]>::try_from(args) {
        Ok([target, IdedExpr { expr: Expr::Literal(LiteralValue::String(field)), .. }]) if func_name == op::INDEX => {
            let select = SelectExpr { operand: Box::new(target), field: field.inner().to_owned(), test: true };
            bounded(IdedExpr { id: id_of((start, end)), expr: Expr::Select(select) }, height)
        }
        _ => Err(refusal()),
    }
}

pub(super) fn leaf(expr: Expr, span: (usize, usize)) -> Tree {
    Tree { node: IdedExpr { id: id_of(span), expr }, height: 0 }
}

pub(super) fn highest(trees: &[Tree]) -> usize {
    trees.iter().map(|tree| tree.height).max().unwrap_or(0)
}

pub(super) fn call(name: &str, target: Option<Tree>, args: Vec<Tree>, span: (usize, usize)) -> Result<Tree, ExprError> {
    let height = 1 + highest(&args).max(target.as_ref().map_or(0, |target| target.height));
    let expr = Expr::Call(CallExpr {
        func_name: name.to_owned(),
        target: target.map(|target| Box::new(target.node)),
        args: args.into_iter().map(|arg| arg.node).collect(),
    });
    bounded(IdedExpr { id: id_of(span), expr }, height)
}

pub(super) fn bounded(node: IdedExpr, height: usize) -> Result<Tree, ExprError> {
    if height > MAX_HEIGHT {
        return Err(too_high(span_of(&node)));
    }
    Ok(Tree { node, height })
}

pub(super) fn too_high((start, end): (usize, usize)) -> ExprError {
    ExprError::at(start, end, format!("more than {MAX_HEIGHT} operations rest on each other")).help(SHORTER)
}

/// `a && b && c` as a tree of the least height; the order of evaluation stays.
pub(super) fn balanced(function: &str, mut terms: Vec<Tree>) -> Result<Tree, ExprError> {
    if terms.len() == 1 {
        return Ok(terms.remove(0));
    }
    let right = terms.split_off(terms.len().div_ceil(2));
    let (left, right) = (balanced(function, terms)?, balanced(function, right)?);
    let span = (left.span().0, right.span().1);
    call(function, None, vec![left, right], span)
}
