//! The free names of an expression, with their places. Knows no values.

use std::sync::Arc;

use super::scope::Reference;
use super::tree::{Access, INTERNAL, Kind, Node};
use super::value::{TYPES, Value};

const KEYWORDS: &[&str] = &["false", "in", "null", "true"];

/// The reference, where the whole text is a dotted one (blanks around it aside).
pub(super) fn dotted(text: &str) -> Option<Reference> {
    let trimmed = text.trim_matches([' ', '\t', '\r', '\n']);
    let path: Vec<String> = trimmed.split('.').map(str::to_owned).collect();
    let is_name = |name: &String| {
        name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            && !KEYWORDS.contains(&name.as_str())
            && !TYPES.contains(&name.as_str())
    };
    let offset = text.find(trimmed)?;
    path.iter().all(is_name).then_some(Reference { path, offset, len: trimmed.len(), tested: false })
}

/// Every reference of a parsed expression, in reading order.
pub(super) fn of(tree: &Node) -> Vec<Reference> {
    let mut walk = Walk { bound: Vec::new(), found: Vec::new() };
    walk.visit(tree);
    walk.found.sort_by_key(|reference| reference.offset);
    walk.found
}

struct Walk {
    /// Names bound by the loops around.
    bound: Vec<Arc<str>>,
    found: Vec<Reference>,
}

/// A reference that is still being read.
struct Path {
    reference: Reference,
    /// Whether only constants followed so far.
    open: bool,
}

impl Walk {
    fn visit(&mut self, node: &Node) {
        if let Some(path) = self.path(node) {
            self.found.push(path.reference);
            return self.visit_indexes(node);
        }
        match &node.kind {
            Kind::Loop(the_loop) => {
                self.visit(&the_loop.range);
                let depth = self.bound.len();
                self.bound.push(Arc::clone(&the_loop.first));
                self.bound.extend(the_loop.second.clone());
                for part in the_loop.filter.iter().chain([&the_loop.body]) {
                    self.visit(part);
                }
                self.bound.truncate(depth);
            }
            Kind::Bind(bind) => {
                self.visit(&bind.value);
                self.bound.push(Arc::clone(&bind.name));
                self.visit(&bind.body);
                self.bound.pop();
            }
            _ => {
                for child in node.children() {
                    self.visit(child);
                }
            }
        }
    }

    /// The indexes of a path that are expressions themselves: `vars.list[item.at]`.
    fn visit_indexes(&mut self, node: &Node) {
        match &node.kind {
            Kind::Field(field) => self.visit_indexes(&field.of),
            Kind::Index(index) => {
                self.visit_indexes(&index.of);
                if constant(&index.at).is_none() {
                    self.visit(&index.at);
                }
            }
            _ => {}
        }
    }

    /// The path that `node` is, where its root is a free name.
    fn path(&self, node: &Node) -> Option<Path> {
        let (start, end) = node.span;
        let (target, name, tested) = match &node.kind {
            Kind::Name(name) => {
                let bound = !name.global && self.bound.contains(&name.text);
                let free = !bound && !name.text.starts_with(INTERNAL) && !TYPES.contains(&&*name.text);
                let path = vec![name.text.to_string()];
                let reference = Reference { path, offset: start, len: end - start, tested: false };
                return free.then_some(Path { reference, open: true });
            }
            Kind::Field(field) => (&field.of, Some(field.name.to_string()), field.access != Access::Value),
            Kind::Index(index) => (&index.of, constant(&index.at), index.optional),
            _ => return None,
        };
        let mut path = self.path(target)?;
        match name {
            // What is asked behind an optional is optional too, and the path to the optional says enough.
            Some(name) if path.open && !path.reference.tested => {
                path.reference.path.push(name);
                path.reference.len = end.saturating_sub(path.reference.offset);
                path.reference.tested = tested;
            }
            _ => path.open = false,
        }
        Some(path)
    }
}

fn constant(index: &Node) -> Option<String> {
    match &index.kind {
        Kind::Literal(Value::Text(text)) => Some(text.to_string()),
        Kind::Literal(Value::Int(number)) => Some(number.to_string()),
        Kind::Literal(Value::Uint(number)) => Some(number.to_string()),
        _ => None,
    }
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
