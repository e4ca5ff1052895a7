//! CEL's words: from text to tokens with byte offsets. Knows no grammar.

use super::error::ExprError;

/// One word of an expression.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token<'a> {
    /// A name or a keyword (`true`, `false`, `null`, `in`).
    Name(&'a str),
    /// A field name between backquotes.
    Quoted(&'a str),
    /// A whole number without its sign.
    Int(u64),
    /// A whole number with the suffix `u`.
    Uint(u64),
    /// A fraction.
    Double(f64),
    /// Text, escapes undone.
    Text(String),
    /// Bytes, escapes undone.
    Bytes(Vec<u8>),
    /// An operator or a bracket.
    Op(&'static str),
    /// Nothing more.
    End,
}

/// A token with its place.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Lexeme<'a> {
    pub token: Token<'a>,
    pub start: usize,
    pub end: usize,
}

/// Longest first: `<=` before `<`.
const OPERATORS: &[&str] = &[
    "==", "!=", "<=", ">=", "&&", "||", "<", ">", "+", "-", "*", "/", "%", "!", "?", ":", ".", ",", "(", ")", "[", "]",
    "{", "}",
];

/// All tokens of `text`; the last one is [`Token::End`].
pub(super) fn tokens(text: &str) -> Result<Vec<Lexeme<'_>>, ExprError> {
    let mut lexer = Lexer { text, at: 0 };
    let mut list = Vec::new();
    loop {
        lexer.skip_blanks();
        let start = lexer.at;
        let token = lexer.token()?;
        let over = token == Token::End;
        list.push(Lexeme { token, start, end: lexer.at });
        if over {
            return Ok(list);
        }
    }
}

/// What to type where a quote is open.
pub(super) const CLOSE_QUOTE: &str = "close the quote: `vars.NAME == 'text'`";

struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// The text from here as long as `fits` holds; moves behind it.
    fn take(&mut self, fits: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let len = rest.find(|c| !fits(c)).unwrap_or(rest.len());
        self.at += len;
        &rest[..len]
    }

    fn skip_blanks(&mut self) {
        loop {
            self.take(|c| matches!(c, ' ' | '\t' | '\r' | '\n' | '\u{c}'));
            if !self.rest().starts_with("//") {
                return;
            }
            self.take(|c| c != '\n');
        }
    }

    fn token(&mut self) -> Result<Token<'a>, ExprError> {
        let rest = self.rest();
        let Some(first) = rest.chars().next() else { return Ok(Token::End) };
        if let Some(prefix) = literal_prefix(rest) {
            return self.quoted(prefix);
        }
        if first.is_ascii_alphabetic() || first == '_' {
            return Ok(Token::Name(self.take(|c| c.is_ascii_alphanumeric() || c == '_')));
        }
        if first.is_ascii_digit() || (first == '.' && rest[1..].starts_with(|c: char| c.is_ascii_digit())) {
            return self.number();
        }
        if first == '`' {
            return self.backquoted();
        }
        if let Some(operator) = OPERATORS.iter().find(|operator| rest.starts_with(**operator)) {
            self.at += operator.len();
            return Ok(Token::Op(operator));
        }
        let refused = |message: String| ExprError::at(self.at, self.at + first.len_utf8(), message);
        Err(match first {
            '=' => refused("`=` is no operator".to_owned()).help("write `==` to compare"),
            '&' => refused("`&` is no operator".to_owned()).help("write `&&`"),
            '|' => refused("`|` is no operator".to_owned()).help("write `||`"),
            '$' => {
                refused("`$` does not belong here".to_owned()).help("inside an expression names stand bare: `vars.x`")
            }
            other => refused(format!("`{}` does not belong into an expression", other.escape_debug())),
        })
    }

    fn backquoted(&mut self) -> Result<Token<'a>, ExprError> {
        let start = self.at;
        self.at += 1;
        let name = self.take(|c| c.is_ascii_alphanumeric() || "_.-/ ".contains(c));
        if name.is_empty() || !self.rest().starts_with('`') {
            return Err(ExprError::at(
                start,
                self.at,
                "a field name between backquotes is letters, digits and `_.-/ `",
            ));
        }
        self.at += 1;
        Ok(Token::Quoted(name))
    }

    fn number(&mut self) -> Result<Token<'a>, ExprError> {
        let start = self.at;
        let is_digit = |c: char| c.is_ascii_digit();
        let mut whole = true;
        let (digits, radix) = if self.rest().starts_with("0x") {
            self.at += 2;
            (self.take(|c| c.is_ascii_hexdigit()), 16)
        } else {
            let digits = self.take(is_digit);
            if self.rest().starts_with('.') && self.rest()[1..].starts_with(is_digit) {
                whole = false;
                self.at += 1;
                self.take(is_digit);
            }
            let exponent =
                self.rest().strip_prefix(['e', 'E']).map(|rest| rest.strip_prefix(['+', '-']).unwrap_or(rest));
            if let Some(exponent) = exponent.filter(|rest| rest.starts_with(is_digit)) {
                whole = false;
                self.at = self.text.len() - exponent.len();
                self.take(is_digit);
            }
            (digits, 10)
        };
        let value = u64::from_str_radix(digits, radix);
        let token = if !whole {
            self.text[start..self.at].parse().ok().filter(|value: &f64| value.is_finite()).map(Token::Double)
        } else if self.rest().starts_with(['u', 'U']) {
            self.at += 1;
            value.ok().map(Token::Uint)
        } else {
            value.ok().map(Token::Int)
        };
        let stray = self.take(|c| c.is_ascii_alphanumeric() || c == '_');
        match token {
            Some(token) if stray.is_empty() => Ok(token),
            _ => {
                let written = &self.text[start..self.at];
                Err(ExprError::at(start, self.at, format!("`{written}` is not a number that fits into 64 bits")))
            }
        }
    }

    /// Text or bytes, in any of CEL's quotings.
    fn quoted(&mut self, prefix: Prefix) -> Result<Token<'a>, ExprError> {
        let start = self.at;
        self.at += prefix.len;
        let quote = &self.rest()[..1];
        let triple = [quote; 3].concat();
        let close = if self.rest().starts_with(&triple) { triple.as_str() } else { quote };
        self.at += close.len();
        let mut bytes = Vec::new();
        loop {
            let rest = self.rest();
            let Some(next) = rest.chars().next().filter(|c| close.len() == 3 || !matches!(c, '\n' | '\r')) else {
                let error = ExprError::at(start, self.at, format!("this text is not closed, expected {close}"));
                return Err(error.help(CLOSE_QUOTE));
            };
            if rest.starts_with(close) {
                self.at += close.len();
                break;
            }
            if next == '\\' && !prefix.raw {
                self.escape(prefix.bytes, &mut bytes)?;
            } else {
                self.at += next.len_utf8();
                bytes.extend_from_slice(&rest.as_bytes()[..next.len_utf8()]);
            }
        }
        if prefix.bytes {
            return Ok(Token::Bytes(bytes));
        }
        Ok(Token::Text(String::from_utf8(bytes).expect("only whole characters were pushed")))
    }

    fn escape(&mut self, as_bytes: bool, out: &mut Vec<u8>) -> Result<(), ExprError> {
        let start = self.at;
        let rest = self.rest();
        let kind = rest[1..].chars().next().unwrap_or(' ');
        let simple = match kind {
            'a' => Some('\u{7}'),
            'b' => Some('\u{8}'),
            'f' => Some('\u{c}'),
            'n' => Some('\n'),
            'r' => Some('\r'),
            't' => Some('\t'),
            'v' => Some('\u{b}'),
            '"' | '\'' | '\\' | '?' | '`' => Some(kind),
            _ => None,
        };
        let (skip, digits, radix) = match kind {
            'x' | 'X' => (2, 2, 16),
            'u' => (2, 4, 16),
            'U' => (2, 8, 16),
            '0'..='3' => (1, 3, 8),
            _ => (2, 0, 16),
        };
        let code = rest
            .get(skip..skip + digits)
            .filter(|text| digits > 0 && text.bytes().all(|byte| byte.is_ascii_hexdigit()))
            .and_then(|text| u32::from_str_radix(text, radix).ok());
        let one_byte = code.filter(|_| as_bytes && digits < 4).and_then(|code| u8::try_from(code).ok());
        let character = simple.or_else(|| code.and_then(char::from_u32));
        self.at += if simple.is_some() { 2 } else { skip + digits };
        match (one_byte, character) {
            (Some(byte), _) => out.push(byte),
            (None, Some(character)) => out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
            (None, None) => {
                let message = format!("`\\{}` is not an escape", kind.escape_debug());
                let error = ExprError::at(start, start + 1 + kind.len_utf8(), message);
                return Err(error.help("write `\\\\` for a backslash"));
            }
        }
        Ok(())
    }
}

/// What is before the quote: `r`, `b`, both or nothing.
#[derive(Clone, Copy)]
struct Prefix {
    len: usize,
    raw: bool,
    bytes: bool,
}

fn literal_prefix(text: &str) -> Option<Prefix> {
    let len = text.bytes().take(3).position(|byte| matches!(byte, b'"' | b'\''))?;
    let prefix = text[..len].to_ascii_lowercase();
    let (raw, bytes) = match prefix.as_str() {
        "" => (false, false),
        "r" => (true, false),
        "b" => (false, true),
        "br" | "rb" => (true, true),
        _ => return None,
    };
    Some(Prefix { len, raw, bytes })
}
