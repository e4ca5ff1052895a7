//! The free names of an expression, with their places. Knows no values.

use kube_cel::cel::IdedExpr;
use kube_cel::cel::common::ast::{CallExpr, EntryExpr, Expr, LiteralValue, operators};

use super::cel::Reference;
use super::functions::is_function;
use super::tree::span_of;

const KEYWORDS: &[&str] = &["false", "in", "null", "true"];

/// The reference, where the whole text is a dotted one (blanks around it aside).
pub(super) fn dotted(text: &str) -> Option<Reference> {
    let trimmed = text.trim_matches([' ', '\t', '\r', '\n']);
    let path: Vec<String> = trimmed.split('.').map(str::to_owned).collect();
    let is_name = |name: &String| {
        name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            && !KEYWORDS.contains(&name.as_str())
    };
    let offset = text.find(trimmed)?;
    path.iter().all(is_name).then_some(Reference { path, offset, len: trimmed.len(), tested: false })
}

/// Every reference of a parsed expression, in reading order.
pub(super) fn of(ast: &IdedExpr) -> Vec<Reference> {
    let mut walk = Walk { bound: Vec::new(), found: Vec::new() };
    walk.visit(ast);
    walk.found.sort_by_key(|reference| reference.offset);
    walk.found
}

struct Walk<'a> {
    /// Names bound by the loops around.
    bound: Vec<&'a str>,
    found: Vec<Reference>,
}

/// A reference that is still being read.
struct Path {
    reference: Reference,
    /// Whether only constants followed so far.
    open: bool,
}

impl<'a> Walk<'a> {
    fn visit(&mut self, node: &'a IdedExpr) {
        if let Some(path) = self.path(node) {
            self.found.push(path.reference);
            return self.visit_indexes(node);
        }
        match &node.expr {
            Expr::Call(call) => {
                if let Some(target) = call.target.as_deref().filter(|target| !is_library(target, &call.func_name)) {
                    self.visit(target);
                }
                self.visit_all(&call.args);
            }
            Expr::Comprehension(the_loop) => {
                self.visit(&the_loop.iter_range);
                self.bound.push(&the_loop.iter_var);
                self.visit(&the_loop.loop_step);
                self.bound.pop();
            }
            Expr::List(list) => self.visit_all(&list.elements),
            Expr::Map(map) => {
                for entry in &map.entries {
                    if let EntryExpr::MapEntry(entry) = &entry.expr {
                        self.visit(&entry.key);
                        self.visit(&entry.value);
                    }
                }
            }
            Expr::Select(select) => self.visit(&select.operand),
            Expr::Ident(_) | Expr::Literal(_) | Expr::Struct(_) | Expr::Unspecified => {}
        }
    }

    fn visit_all(&mut self, nodes: &'a [IdedExpr]) {
        for node in nodes {
            self.visit(node);
        }
    }

    /// The indexes of a path that are expressions themselves: `vars.list[item.at]`.
    fn visit_indexes(&mut self, node: &'a IdedExpr) {
        match &node.expr {
            Expr::Select(select) => self.visit_indexes(&select.operand),
            Expr::Call(call) => {
                if let Some((target, index)) = indexed(call) {
                    self.visit_indexes(target);
                    if constant(index).is_none() {
                        self.visit(index);
                    }
                }
            }
            _ => {}
        }
    }

    /// The path that `node` is, where its root is a free name.
    fn path(&self, node: &IdedExpr) -> Option<Path> {
        let (start, end) = span_of(node);
        let (target, name, tested) = match &node.expr {
            Expr::Ident(name) => {
                let free = !name.starts_with('@') && !self.bound.contains(&name.as_str());
                let reference = Reference { path: vec![name.clone()], offset: start, len: end - start, tested: false };
                return free.then_some(Path { reference, open: true });
            }
            Expr::Select(select) => (&*select.operand, Some(select.field.clone()), select.test),
            Expr::Call(call) => {
                let (target, index) = indexed(call)?;
                (target, constant(index), false)
            }
            _ => return None,
        };
        let mut path = self.path(target)?;
        match name {
            Some(name) if path.open => {
                path.reference.path.push(name);
                path.reference.len = end.saturating_sub(path.reference.offset);
                path.reference.tested = tested;
            }
            _ => path.open = false,
        }
        Some(path)
    }
}

fn indexed(call: &CallExpr) -> Option<(&IdedExpr, &IdedExpr)> {
    match call.args.as_slice() {
        [target, index] if call.func_name == operators::INDEX => Some((target, index)),
        _ => None,
    }
}

fn constant(index: &IdedExpr) -> Option<String> {
    match &index.expr {
        Expr::Literal(LiteralValue::String(text)) => Some(text.inner().to_owned()),
        Expr::Literal(LiteralValue::Int(number)) => Some(number.inner().to_string()),
        Expr::Literal(LiteralValue::UInt(number)) => Some(number.inner().to_string()),
        _ => None,
    }
}

/// `sets` in `sets.contains(…)` is a library, not a name.
fn is_library(target: &IdedExpr, function: &str) -> bool {
    matches!(&target.expr, Expr::Ident(name) if is_function(&format!("{name}.{function}")))
}

#[cfg(test)]
mod tests {
    use super::super::Expr;

    fn references(text: &str) -> Vec<(String, &str, bool)> {
        let expr = Expr::parse(text).expect(text);
        expr.references()
            .iter()
            .map(|found| (found.path.join("/"), &text[found.offset..found.offset + found.len], found.tested))
            .collect()
    }

    #[test]
    fn names_stand_in_reading_order_with_their_places() {
        assert_eq!(
            references("steps.build.outputs.size < vars['max-size'] && env.CI == 'x'"),
            [
                ("steps/build/outputs/size".to_owned(), "steps.build.outputs.size", false),
                ("vars/max-size".to_owned(), "vars['max-size']", false),
                ("env/CI".to_owned(), "env.CI", false),
            ]
        );
        assert_eq!(references("  vars.x "), [("vars/x".to_owned(), "vars.x", false)]);
        assert_eq!(references("vars . x + 1"), [("vars/x".to_owned(), "vars . x", false)]);
    }

    #[test]
    fn names_bound_by_a_loop_are_not_free() {
        assert_eq!(
            references("vars.list.map(n, n.size + item)"),
            [("vars/list".to_owned(), "vars.list", false), ("item".to_owned(), "item", false)]
        );
        assert_eq!(
            references("item.all(item, item.x) && item.y"),
            [("item".to_owned(), "item", false), ("item/y".to_owned(), "item.y", false)]
        );
    }

    #[test]
    fn a_path_is_cut_at_an_index_that_is_not_constant() {
        assert_eq!(
            references("vars.list[item.at].name"),
            [("vars/list".to_owned(), "vars.list", false), ("item/at".to_owned(), "item.at", false)]
        );
        assert_eq!(references("vars.list[0].name"), [("vars/list/0/name".to_owned(), "vars.list[0].name", false)]);
    }

    #[test]
    fn a_library_is_no_name_and_a_test_is_marked() {
        assert_eq!(
            references("sets.contains(vars.a, [1]) && has(vars.b.c)"),
            [("vars/a".to_owned(), "vars.a", false), ("vars/b/c".to_owned(), "vars.b.c", true)]
        );
        assert_eq!(references("sets.size()"), [("sets".to_owned(), "sets", false)]);
    }
}
