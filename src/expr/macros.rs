//! CEL's macros: `has`, `all`, `exists`, `exists_one`, `map` and `filter` as the loops that `cel` evaluates.

use kube_cel::cel::IdedExpr;
use kube_cel::cel::common::ast::{CallExpr, ComprehensionExpr, Expr, ListExpr, LiteralValue, operators as op};

/// The name the loops collect into; no user can write it.
const RESULT: &str = "@result";

/// Levels that a loop adds on top of the higher of its parts.
pub(super) const HEIGHT: usize = 4;

/// Whether `target.name(args…)` with so many arguments is a loop.
pub(super) fn is_loop(name: &str, args: usize) -> bool {
    match name {
        "all" | "exists" | "exists_one" | "existsOne" | "filter" => args == 2,
        "map" => args == 2 || args == 3,
        _ => false,
    }
}

/// The loop over `range` that binds `variable`; `args` are those after the variable. All parts carry `id`.
pub(super) fn expand(name: &str, id: u64, range: IdedExpr, variable: String, mut args: Vec<IdedExpr>) -> IdedExpr {
    let node = |expr: Expr| IdedExpr { id, expr };
    let call =
        |name: &str, args: Vec<IdedExpr>| node(Expr::Call(CallExpr { func_name: name.to_owned(), target: None, args }));
    let result = || node(Expr::Ident(RESULT.to_owned()));
    let truth = |value: bool| node(Expr::Literal(LiteralValue::Boolean(value.into())));
    let int = |value: i64| node(Expr::Literal(LiteralValue::Int(value.into())));
    let list = |items: Vec<IdedExpr>| node(Expr::List(ListExpr::new(items)));
    let append = |item: IdedExpr| call(op::ADD, vec![result(), list(vec![item])]);

    let body = args.pop().expect("a loop has at least one argument after its name");
    let (start, go_on, step, end) = match name {
        "all" => {
            let go_on = call(op::NOT_STRICTLY_FALSE, vec![result()]);
            (truth(true), go_on, call(op::LOGICAL_AND, vec![result(), body]), result())
        }
        "exists" => {
            let go_on = call(op::NOT_STRICTLY_FALSE, vec![call(op::LOGICAL_NOT, vec![result()])]);
            (truth(false), go_on, call(op::LOGICAL_OR, vec![result(), body]), result())
        }
        "exists_one" | "existsOne" => {
            let step = call(op::CONDITIONAL, vec![body, call(op::ADD, vec![result(), int(1)]), result()]);
            (int(0), truth(true), step, call(op::EQUALS, vec![result(), int(1)]))
        }
        "filter" => {
            let item = node(Expr::Ident(variable.clone()));
            let step = call(op::CONDITIONAL, vec![body, append(item), result()]);
            (list(Vec::new()), truth(true), step, result())
        }
        _ => {
            let step = match args.pop() {
                Some(filter) => call(op::CONDITIONAL, vec![filter, append(body), result()]),
                None => append(body),
            };
            (list(Vec::new()), truth(true), step, result())
        }
    };
    node(Expr::Comprehension(Box::new(ComprehensionExpr {
        iter_range: range,
        iter_var: variable,
        iter_var2: None,
        accu_var: RESULT.to_owned(),
        accu_init: start,
        loop_cond: go_on,
        loop_step: step,
        result: end,
    })))
}
