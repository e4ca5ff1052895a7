//! CEL's grammar: from tokens to a tree. Nesting and height are bounded, so that neither this parser nor the evaluator
//! can run out of stack. Knows no names and no values; `calls` knows what is called.

use super::calls;
use super::error::{ExprError, SHORTER};
use super::token::{Lexeme, Token, tokens};
use super::tree::{Access, Entry, Field, Index, Item, Kind, MAX_HEIGHT, Name, Node, Tree, highest, too_high};
use super::value::{Value, type_named};

/// How deep brackets, calls and `? :` may stand in each other.
pub const MAX_NESTING: usize = 33;

/// Reads a whole text.
pub(super) fn parse(text: &str) -> Result<Node, ExprError> {
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
const LEVELS: [&[&str]; 3] = [&["<", "<=", ">", ">=", "==", "!=", "in"], &["+", "-"], &["*", "/", "%"]];

/// Names that CEL keeps for itself; they may be fields, not names.
const RESERVED: &[&str] = &[
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "let",
    "loop",
    "namespace",
    "package",
    "return",
    "var",
    "void",
    "while",
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

    /// Whether an operator is here; moves behind it.
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

    /// What is wrong if something else is here.
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

    /// `a`, or `a ? b : c`; what is in brackets comes back here.
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
            let height = condition.height.max(yes.height).max(no.height);
            Tree::over(height, Kind::Choice(Box::new([condition.node, yes.node, no.node])), span)?
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
        combined(terms, Kind::Or)
    }

    /// `a && b && …`
    fn all(&mut self) -> Parsed {
        let mut terms = vec![self.chain(0)?];
        while self.eat("&&") {
            terms.push(self.chain(0)?);
        }
        combined(terms, Kind::And)
    }

    /// Comparisons, then sums, then products.
    fn chain(&mut self, level: usize) -> Parsed {
        let Some(operators) = LEVELS.get(level) else { return self.unary() };
        let mut left = self.chain(level + 1)?;
        while let Some(operator) = operators.iter().find(|written| self.eat(written)) {
            let right = self.chain(level + 1)?;
            let (span, height) = ((left.span().0, right.span().1), left.height.max(right.height));
            left = Tree::over(height, Kind::Binary(operator, Box::new([left.node, right.node])), span)?;
        }
        Ok(left)
    }

    fn unary(&mut self) -> Parsed {
        let mut signs = Vec::new();
        loop {
            let start = self.lexeme().start;
            if self.eat("!") {
                signs.push((true, start));
            } else if self.eat("-") {
                signs.push((false, start));
            } else {
                break;
            }
            if signs.len() > MAX_HEIGHT {
                return Err(too_high((start, start + 1)));
            }
        }
        // The lowest whole number has no positive twin: its sign belongs to the literal.
        let number = matches!(self.peek(), Token::Int(_) | Token::Double(_));
        let negative = number && signs.last().is_some_and(|(not, _)| !not);
        let sign = if negative { signs.pop() } else { None };
        let mut tree = self.member(sign.map(|(_, start)| start))?;
        while let Some((not, start)) = signs.pop() {
            let (span, height, of) = ((start, tree.span().1), tree.height, Box::new(tree.node));
            tree = Tree::over(height, if not { Kind::Not(of) } else { Kind::Negate(of) }, span)?;
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
                let optional = self.eat("?");
                let at = self.expression()?;
                self.expect("]", "after the index")?;
                let (span, height) = ((tree.span().0, self.end()), tree.height.max(at.height));
                let index = Index { of: tree.node, at: at.node, optional };
                tree = Tree::over(height, Kind::Index(Box::new(index)), span)?;
            } else {
                return Ok(tree);
            }
        }
    }

    fn field(&mut self, target: Tree) -> Parsed {
        let optional = self.eat("?");
        let start = target.span().0;
        let (Token::Name(name) | Token::Quoted(name)) = *self.peek() else {
            return Err(self.unexpected("a field name after `.`"));
        };
        let name_at = (self.lexeme().start, self.lexeme().end);
        let quoted = matches!(self.peek(), Token::Quoted(_));
        self.at += 1;
        if !quoted && !optional && self.eat("(") {
            let args = self.arguments()?;
            return calls::method(target, name, name_at, args, self.end());
        }
        let span = (start, name_at.1);
        if !optional && let Some(of) = dotted_type(&target.node, name) {
            return Ok(Tree::leaf(Kind::Literal(of), span));
        }
        let access = if optional { Access::Optional } else { Access::Value };
        Tree::over(target.height, Kind::Field(Box::new(Field { of: target.node, name: name.into(), access })), span)
    }

    /// What is between `(` (already read) and `)`.
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
            Token::Op(".") => return self.global(start),
            Token::Op("[") => return self.list(start),
            Token::Op("{") => return self.map(start),
            Token::Int(magnitude) => match signed(magnitude, minus.is_some()) {
                Some(value) => Value::Int(value),
                None => return Err(ExprError::at(start, end, "the number does not fit into 64 bits with a sign")),
            },
            Token::Uint(value) => Value::Uint(value),
            Token::Double(value) => Value::Double(if minus.is_some() { -value } else { value }),
            Token::Text(text) => Value::Text(text.into()),
            Token::Bytes(bytes) => Value::Bytes(bytes.into()),
            Token::Name("null") => Value::Null,
            Token::Name("true") => Value::Bool(true),
            Token::Name("false") => Value::Bool(false),
            Token::Name(name) if RESERVED.contains(&name) => {
                let error = ExprError::at(start, end, format!("`{name}` is a reserved word"));
                return Err(error.help("a field of this name is written `vars.NAME` or `vars[\"NAME\"]`"));
            }
            Token::Name(name) if name != "in" => return self.name(name, span, false),
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
        Ok(Tree::leaf(Kind::Literal(literal), span))
    }

    /// `.name`: a name that no loop binds.
    fn global(&mut self, start: usize) -> Parsed {
        let Token::Name(name) = *self.peek() else { return Err(self.unexpected("a name after `.`")) };
        self.at += 1;
        self.name(name, (start, self.end()), true)
    }

    /// A name, or a call of a function of that name.
    fn name(&mut self, name: &str, span: (usize, usize), global: bool) -> Parsed {
        if self.eat("(") {
            let args = self.arguments()?;
            return calls::function(name, span, args, self.end());
        }
        if let Some(wrapped) = calls::wrapped(name).filter(|_| self.eat("{")) {
            let value = if self.eat("}") { None } else { Some(self.wrapped_value()?) };
            return calls::wrapper(wrapped, value, (span.0, self.end()));
        }
        Ok(Tree::leaf(Kind::Name(Name { text: name.into(), global }), span))
    }

    /// `value: x}`
    fn wrapped_value(&mut self) -> Parsed {
        if self.peek() != &Token::Name("value") {
            return Err(self.unexpected("`value`"));
        }
        self.at += 1;
        self.expect(":", "after `value`")?;
        let value = self.expression()?;
        self.eat(",");
        self.expect("}", "after the value")?;
        Ok(value)
    }

    fn list(&mut self, start: usize) -> Parsed {
        let (mut items, mut height) = (Vec::new(), 0);
        while !self.eat("]") {
            let optional = self.eat("?");
            let item = self.expression()?;
            height = height.max(item.height);
            items.push(Item { node: item.node, optional });
            if !self.eat(",") {
                self.expect("]", "or `,` in the list")?;
                break;
            }
        }
        Tree::over(height, Kind::List(items), (start, self.end()))
    }

    fn map(&mut self, start: usize) -> Parsed {
        let (mut entries, mut height) = (Vec::new(), 0);
        while !self.eat("}") {
            let optional = self.eat("?");
            let key = self.expression()?;
            self.expect(":", "after the key of a map")?;
            let value = self.expression()?;
            height = height.max(key.height).max(value.height);
            entries.push(Entry { key: key.node, value: value.node, optional });
            if !self.eat(",") {
                self.expect("}", "or `,` in the map")?;
                break;
            }
        }
        Tree::over(height, Kind::Map(entries), (start, self.end()))
    }
}

/// `a && b && c` as one node, however many there are.
fn combined(mut terms: Vec<Tree>, kind: fn(Vec<Node>) -> Kind) -> Parsed {
    if terms.len() == 1 {
        return Ok(terms.remove(0));
    }
    let span = (terms[0].span().0, terms[terms.len() - 1].span().1);
    let height = highest(&terms);
    Tree::over(height, kind(terms.into_iter().map(|term| term.node).collect()), span)
}

/// The type that a dotted name is: `google.protobuf.Duration`.
fn dotted_type(target: &Node, name: &str) -> Option<Value> {
    fn path(node: &Node) -> Option<String> {
        match &node.kind {
            Kind::Name(name) => Some(name.text.to_string()),
            Kind::Field(field) => Some(format!("{}.{}", path(&field.of)?, field.name)),
            _ => None,
        }
    }
    type_named(&format!("{}.{name}", path(target)?))
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
mod tests;
