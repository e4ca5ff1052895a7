//! CEL's grammar: from tokens to the tree that `cel` evaluates. Nesting and height are bounded, so that neither this
//! parser nor the evaluator can run out of stack. Knows no names and no values.
//!
//! Not `cel`'s own parser: that one takes milliseconds where this takes microseconds, reads `!!x` as `!x`, and can
//! panic. A node's id holds its place (see [`super::tree::span_of`]); the evaluator never looks at ids.

use kube_cel::cel::IdedExpr;
use kube_cel::cel::common::ast::{
    EntryExpr, Expr, IdedEntryExpr, ListExpr, LiteralValue, MapEntryExpr, MapExpr, operators as op,
};

use super::cel::{ExprError, SHORTER};
use super::functions;
use super::macros;
use super::token::{Lexeme, Token, tokens};
use super::tree::{MAX_HEIGHT, Tree, balanced, bounded, call, has, highest, id_of, leaf, too_high};

/// How deep brackets, calls and `? :` may stand in each other.
pub const MAX_NESTING: usize = 32;

/// Reads a whole text.
pub(super) fn parse(text: &str) -> Result<IdedExpr, ExprError> {
    let lexemes = tokens(text)?;
    if lexemes.len() == 1 {
        let help = "write one, such as `vars.replicas > 1`, or leave the key out";
        return Err(ExprError::at(0, text.len(), "the expression is empty").help(help));
    }
    let mut parser = Parser { lexemes, at: 0, nesting: 0 };
    let tree = parser.expression()?;
    if parser.peek() != &Token::End {
        return Err(parser.leftover());
    }
    Ok(tree.node)
}

/// Operators that bind from the left, the weakest first.
const LEVELS: [&[(&str, &str)]; 3] = [
    &[
        ("<", op::LESS),
        ("<=", op::LESS_EQUALS),
        (">", op::GREATER),
        (">=", op::GREATER_EQUALS),
        ("==", op::EQUALS),
        ("!=", op::NOT_EQUALS),
        ("in", op::IN),
    ],
    &[("+", op::ADD), ("-", op::SUBSTRACT)],
    &[("*", op::MULTIPLY), ("/", op::DIVIDE), ("%", op::MODULO)],
];

struct Parser<'a> {
    lexemes: Vec<Lexeme<'a>>,
    at: usize,
    nesting: usize,
}

type Parsed = Result<Tree, ExprError>;

impl<'a> Parser<'a> {
    fn lexeme(&self) -> &Lexeme<'a> {
        // The last lexeme is `End`, and nothing moves past it.
        &self.lexemes[self.at]
    }

    fn peek(&self) -> &Token<'a> {
        &self.lexeme().token
    }

    /// Whether an operator stands here; moves behind it.
    fn eat(&mut self, operator: &str) -> bool {
        let here = match self.peek() {
            Token::Op(found) => *found == operator,
            Token::Name(found) => *found == operator && operator == "in",
            _ => false,
        };
        self.at += usize::from(here);
        here
    }

    /// The end of the last token read.
    fn end(&self) -> usize {
        self.lexemes[self.at.saturating_sub(1)].end
    }

    fn expect(&mut self, operator: &str, why: &str) -> Result<(), ExprError> {
        if self.eat(operator) {
            return Ok(());
        }
        Err(self.unexpected(&format!("`{operator}` {why}")))
    }

    fn error(&self, message: impl Into<String>) -> ExprError {
        ExprError::at(self.lexeme().start, self.lexeme().end, message)
    }

    /// What is wrong where something else stands here.
    fn unexpected(&self, expected: &str) -> ExprError {
        let error = self.error(format!("expected {expected}, found {}", describe(self.peek())));
        match self.peek() {
            Token::End => error.help("write the rest of it, such as `vars.replicas > 1`"),
            _ => error,
        }
    }

    fn leftover(&self) -> ExprError {
        let (message, help) = match self.peek() {
            Token::Name("and") => ("`and` is no operator", "write `&&`"),
            Token::Name("or") => ("`or` is no operator", "write `||`"),
            Token::Name("if") => ("`if` is no operator", "write `CONDITION ? A : B`"),
            Token::Op("{") => ("messages (`Type{…}`) are not known here", "write a map: `{\"key\": value}`"),
            _ => return self.unexpected("an operator or the end"),
        };
        self.error(message).help(help)
    }

    /// `a`, or `a ? b : c`; what stands in brackets comes back here.
    fn expression(&mut self) -> Parsed {
        self.nesting += 1;
        if self.nesting > MAX_NESTING {
            return Err(self.error(format!("nested deeper than {MAX_NESTING} levels")).help(SHORTER));
        }
        let condition = self.any()?;
        let tree = if self.eat("?") {
            let yes = self.any()?;
            self.expect(":", "after `condition ? value`")?;
            let no = self.expression()?;
            let span = (condition.span().0, no.span().1);
            call(op::CONDITIONAL, None, vec![condition, yes, no], span)?
        } else {
            condition
        };
        self.nesting -= 1;
        Ok(tree)
    }

    /// `a || b || …`
    fn any(&mut self) -> Parsed {
        let mut terms = vec![self.all()?];
        while self.eat("||") {
            terms.push(self.all()?);
        }
        balanced(op::LOGICAL_OR, terms)
    }

    /// `a && b && …`
    fn all(&mut self) -> Parsed {
        let mut terms = vec![self.chain(0)?];
        while self.eat("&&") {
            terms.push(self.chain(0)?);
        }
        balanced(op::LOGICAL_AND, terms)
    }

    /// Comparisons, then sums, then products.
    fn chain(&mut self, level: usize) -> Parsed {
        let Some(operators) = LEVELS.get(level) else { return self.unary() };
        let mut left = self.chain(level + 1)?;
        while let Some((_, function)) = operators.iter().find(|(written, _)| self.eat(written)) {
            let right = self.chain(level + 1)?;
            let span = (left.span().0, right.span().1);
            left = call(function, None, vec![left, right], span)?;
        }
        Ok(left)
    }

    fn unary(&mut self) -> Parsed {
        let mut signs = Vec::new();
        loop {
            let start = self.lexeme().start;
            if self.eat("!") {
                signs.push((op::LOGICAL_NOT, start));
            } else if self.eat("-") {
                signs.push((op::NEGATE, start));
            } else {
                break;
            }
            if signs.len() > MAX_HEIGHT {
                return Err(too_high((start, start + 1)));
            }
        }
        // The lowest whole number has no positive twin: its sign belongs to the literal.
        let negative = matches!(self.peek(), Token::Int(_)) && signs.last().is_some_and(|last| last.0 == op::NEGATE);
        let sign = if negative { signs.pop() } else { None };
        let mut tree = self.member(sign.map(|(_, start)| start))?;
        while let Some((function, start)) = signs.pop() {
            let span = (start, tree.span().1);
            tree = call(function, None, vec![tree], span)?;
        }
        Ok(tree)
    }

    /// A value with `.field`, `.method(…)` and `[index]` behind it.
    fn member(&mut self, minus: Option<usize>) -> Parsed {
        let mut tree = self.primary(minus)?;
        loop {
            if self.eat(".") {
                tree = self.field(tree)?;
            } else if self.eat("[") {
                self.refuse_optional()?;
                let index = self.expression()?;
                self.expect("]", "after the index")?;
                let span = (tree.span().0, self.end());
                tree = call(op::INDEX, None, vec![tree, index], span)?;
            } else {
                return Ok(tree);
            }
        }
    }

    fn field(&mut self, target: Tree) -> Parsed {
        self.refuse_optional()?;
        let start = target.span().0;
        let (Token::Name(name) | Token::Quoted(name)) = *self.peek() else {
            return Err(self.unexpected("a field name after `.`"));
        };
        let name_at = (self.lexeme().start, self.lexeme().end);
        let quoted = matches!(self.peek(), Token::Quoted(_));
        self.at += 1;
        if !quoted && self.eat("(") {
            let args = self.arguments()?;
            return self.method(target, name, name_at, args);
        }
        let span = (start, name_at.1);
        let key = leaf(Expr::Literal(LiteralValue::String(name.to_owned().into())), name_at);
        call(op::INDEX, None, vec![target, key], span)
    }

    fn method(&mut self, target: Tree, name: &str, name_at: (usize, usize), mut args: Vec<Tree>) -> Parsed {
        let span = (target.span().0, self.end());
        if macros::is_loop(name, args.len()) {
            let variable = args.remove(0);
            let Expr::Ident(variable) = &variable.node.expr else {
                let (start, end) = variable.span();
                let error = ExprError::at(start, end, format!("`{name}` takes a name first"));
                return Err(error.help(format!("write `list.{name}(x, …)`")));
            };
            let height = macros::HEIGHT + highest(&args).max(target.height);
            let args = args.into_iter().map(|arg| arg.node).collect();
            return bounded(macros::expand(name, id_of(span), target.node, variable.clone(), args), height);
        }
        let in_library = match &target.node.expr {
            Expr::Ident(library) => functions::is_function(&format!("{library}.{name}")),
            _ => false,
        };
        if !in_library && !functions::is_function(name) {
            return Err(functions::unknown(name, name_at));
        }
        call(name, Some(target), args, span)
    }

    /// What stands between `(` (already read) and `)`.
    fn arguments(&mut self) -> Result<Vec<Tree>, ExprError> {
        let mut args = Vec::new();
        if self.eat(")") {
            return Ok(args);
        }
        loop {
            args.push(self.expression()?);
            if !self.eat(",") {
                self.expect(")", "after the arguments")?;
                return Ok(args);
            }
        }
    }

    fn primary(&mut self, minus: Option<usize>) -> Parsed {
        let Lexeme { token, start, end } = self.lexeme().clone();
        let span = (minus.unwrap_or(start), end);
        self.at += usize::from(token != Token::End);
        let literal = match token {
            Token::Op("(") => {
                let tree = self.expression()?;
                self.expect(")", "to close the bracket")?;
                return Ok(tree);
            }
            Token::Op("[") => return self.list(start),
            Token::Op("{") => return self.map(start),
            Token::Int(magnitude) => match signed(magnitude, minus.is_some()) {
                Some(value) => LiteralValue::Int(value.into()),
                None => return Err(ExprError::at(start, end, "the number does not fit into 64 bits with a sign")),
            },
            Token::Uint(value) => LiteralValue::UInt(value.into()),
            Token::Double(value) => LiteralValue::Double(value.into()),
            Token::Text(text) => LiteralValue::String(text.into()),
            Token::Bytes(bytes) => LiteralValue::Bytes(bytes.into()),
            Token::Name("null") => LiteralValue::Null,
            Token::Name("true") => LiteralValue::Boolean(true.into()),
            Token::Name("false") => LiteralValue::Boolean(false.into()),
            Token::Name(name) if name != "in" => return self.name(name, span),
            other => {
                // Seen from the token itself.
                self.at -= usize::from(other != Token::End);
                let error = self.unexpected("a value");
                return Err(match other {
                    Token::Op("?") => error.help("write a condition before it: `CONDITION ? A : B`"),
                    _ => error,
                });
            }
        };
        Ok(leaf(Expr::Literal(literal), span))
    }

    /// A name, or a call of a function of that name.
    fn name(&mut self, name: &str, span: (usize, usize)) -> Parsed {
        if !self.eat("(") {
            return Ok(leaf(Expr::Ident(name.to_owned()), span));
        }
        let mut args = self.arguments()?;
        let whole = (span.0, self.end());
        if name == "has" && args.len() == 1 {
            return has(args.remove(0), whole);
        }
        if !functions::is_function(name) {
            return Err(functions::unknown(name, span));
        }
        call(name, None, args, whole)
    }

    fn list(&mut self, start: usize) -> Parsed {
        let mut items = Vec::new();
        while !self.eat("]") {
            self.refuse_optional()?;
            items.push(self.expression()?);
            if !self.eat(",") {
                self.expect("]", "or `,` in the list")?;
                break;
            }
        }
        let height = 1 + highest(&items);
        let list = ListExpr::new(items.into_iter().map(|item| item.node).collect());
        bounded(IdedExpr { id: id_of((start, self.end())), expr: Expr::List(list) }, height)
    }

    fn map(&mut self, start: usize) -> Parsed {
        let (mut entries, mut height) = (Vec::new(), 1);
        while !self.eat("}") {
            self.refuse_optional()?;
            let key = self.expression()?;
            self.expect(":", "after the key of a map")?;
            let value = self.expression()?;
            height = height.max(1 + key.height.max(value.height));
            let id = key.node.id;
            let entry = MapEntryExpr { key: key.node, value: value.node, optional: false };
            entries.push(IdedEntryExpr { id, expr: EntryExpr::MapEntry(entry) });
            if !self.eat(",") {
                self.expect("}", "or `,` in the map")?;
                break;
            }
        }
        bounded(IdedExpr { id: id_of((start, self.end())), expr: Expr::Map(MapExpr { entries }) }, height)
    }

    fn refuse_optional(&self) -> Result<(), ExprError> {
        if self.peek() == &Token::Op("?") {
            return Err(self.error("optional access is not known here").help("write `has(a.b) ? a.b : other`"));
        }
        Ok(())
    }
}

fn signed(magnitude: u64, negative: bool) -> Option<i64> {
    if negative { 0i64.checked_sub_unsigned(magnitude) } else { i64::try_from(magnitude).ok() }
}

fn describe(token: &Token<'_>) -> String {
    match token {
        Token::Name(name) | Token::Quoted(name) => format!("`{name}`"),
        Token::Int(number) => format!("`{number}`"),
        Token::Uint(number) => format!("`{number}u`"),
        Token::Double(number) => format!("`{number}`"),
        Token::Text(_) => "a text".to_owned(),
        Token::Bytes(_) => "bytes".to_owned(),
        Token::Op(operator) => format!("`{operator}`"),
        Token::End => "the end".to_owned(),
    }
}

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;
