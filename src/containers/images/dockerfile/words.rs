//! Words of an instruction, as BuildKit's lexer splits them to find heredocs: quotes, escapes and `${}` are parts of a word.
//! No variable has a value here.

use std::iter::Peekable;
use std::str::Chars;

/// What cannot be split: an open quote, or a `${` that is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unsplittable;

/// The words of a text; with `raw` quotes and escapes stay in them.
pub(super) fn split(text: &str, raw: bool) -> Result<Vec<String>, Unsplittable> {
    let mut lexer =
        Lexer { chars: text.chars().peekable(), raw_quotes: raw, raw_escapes: raw, words: Words::default() };
    lexer.until(None, raw, false)?;
    Ok(lexer.words.finish())
}

const ESCAPE: char = '\\';

struct Lexer<'a> {
    chars: Peekable<Chars<'a>>,
    raw_quotes: bool,
    raw_escapes: bool,
    words: Words,
}

#[derive(Default)]
struct Words {
    word: String,
    all: Vec<String>,
    inside: bool,
}

impl Words {
    fn add(&mut self, c: char) {
        if !c.is_whitespace() {
            self.add_raw(c);
        } else if self.inside && !self.word.is_empty() {
            self.all.push(std::mem::take(&mut self.word));
            self.inside = false;
        }
    }

    fn add_raw(&mut self, c: char) {
        self.word.push(c);
        self.inside = true;
    }

    fn finish(mut self) -> Vec<String> {
        if !self.word.is_empty() {
            self.all.push(self.word);
        }
        self.all
    }
}

impl Lexer<'_> {
    /// The text up to `stop`, or to the end where there is none.
    fn until(&mut self, stop: Option<char>, raw_escapes: bool, keep_patterns: bool) -> Result<String, Unsplittable> {
        let before = std::mem::replace(&mut self.raw_escapes, raw_escapes);
        // What is inside of `${}` is no word of the text around it. BuildKit has one buffer for the word that is being
        // read: what is inside also ends that one.
        let outer = std::mem::take(&mut self.words);
        let result = self.read(stop, keep_patterns);
        if stop.is_some() {
            self.words = Words { word: String::new(), ..outer };
        }
        self.raw_escapes = before;
        result
    }

    fn read(&mut self, stop: Option<char>, keep_patterns: bool) -> Result<String, Unsplittable> {
        let mut text = String::new();
        while let Some(next) = self.chars.peek().copied() {
            if Some(next) == stop {
                self.chars.next();
                return Ok(text);
            }
            let part = match next {
                '$' => {
                    let part = self.dollar()?;
                    part.chars().for_each(|c| self.words.add(c));
                    text.push_str(&part);
                    continue;
                }
                '<' => self.angle(),
                '\'' => self.single(keep_patterns)?,
                '"' => self.double(keep_patterns)?,
                ESCAPE => {
                    self.chars.next();
                    let mut part = String::new();
                    if self.raw_escapes {
                        part.push(ESCAPE);
                    }
                    part.extend(self.chars.next());
                    part
                }
                _ => {
                    self.chars.next();
                    self.words.add(next);
                    text.push(next);
                    continue;
                }
            };
            self.words.word.push_str(&part);
            self.words.inside = true;
            text.push_str(&part);
        }
        if stop.is_some() { Err(Unsplittable) } else { Ok(text) }
    }

    /// `<`, or `<<` with the blanks behind it: the word may follow after them.
    fn angle(&mut self) -> String {
        self.chars.next();
        if self.chars.next_if_eq(&'<').is_none() {
            return "<".to_owned();
        }
        let mut text = "<<".to_owned();
        while let Some(blank) = self.chars.next_if(|c| matches!(c, ' ' | '\t' | '\r')) {
            text.push(blank);
        }
        text
    }

    fn single(&mut self, keep_patterns: bool) -> Result<String, Unsplittable> {
        let mut text = String::new();
        self.chars.next();
        if self.raw_quotes {
            text.push('\'');
        }
        loop {
            match self.chars.next().ok_or(Unsplittable)? {
                '\'' => break,
                c => {
                    if keep_patterns && c == ESCAPE {
                        text.push(c);
                    }
                    text.push(c);
                }
            }
        }
        if self.raw_quotes {
            text.push('\'');
        }
        Ok(text)
    }

    fn double(&mut self, keep_patterns: bool) -> Result<String, Unsplittable> {
        let mut text = String::new();
        self.chars.next();
        if self.raw_quotes {
            text.push('"');
        }
        loop {
            match self.chars.peek().copied().ok_or(Unsplittable)? {
                '"' => {
                    self.chars.next();
                    break;
                }
                '$' => text.push_str(&self.dollar()?),
                ESCAPE => {
                    self.chars.next();
                    let Some(next) = self.chars.peek().copied() else { continue };
                    let escaped = matches!(next, '"' | '$' | ESCAPE);
                    if escaped {
                        if self.raw_escapes {
                            text.push(ESCAPE);
                        }
                        text.push(next);
                        self.chars.next();
                    } else {
                        if self.raw_escapes && (!self.raw_quotes || keep_patterns) {
                            text.push(ESCAPE);
                        }
                        text.push(ESCAPE);
                    }
                }
                c => {
                    self.chars.next();
                    text.push(c);
                }
            }
        }
        if self.raw_quotes {
            text.push('"');
        }
        Ok(text)
    }

    /// `$name` or `${name…}`, as it is written: the variable has no value.
    fn dollar(&mut self) -> Result<String, Unsplittable> {
        self.chars.next();
        if self.chars.next_if_eq(&'{').is_none() {
            return Ok(format!("${}", self.name()));
        }
        if matches!(self.chars.peek(), None | Some('{' | '}' | ':')) {
            return Err(Unsplittable);
        }
        let name = self.name();
        let mut modifier = self.chars.next().ok_or(Unsplittable)?;
        let mut written = String::from(modifier);
        match modifier {
            '}' => return Ok(format!("${{{name}}}")),
            ':' => {
                modifier = self.chars.next().ok_or(Unsplittable)?;
                if matches!(modifier, '#' | '%') {
                    return Err(Unsplittable);
                }
                written.push(modifier);
            }
            '+' | '-' | '?' | '#' | '%' => {}
            '/' => {
                self.chars.next_if_eq(&'/');
                let pattern = self.until(Some('/'), true, true)?;
                let replacement = self.until(Some('}'), true, false)?;
                return Ok(format!("${{{name}/{pattern}/{replacement}}}"));
            }
            _ => return Err(Unsplittable),
        }
        let pattern = matches!(modifier, '#' | '%');
        let word = self.until(Some('}'), pattern, pattern)?;
        Ok(format!("${{{name}{written}{word}}}"))
    }

    fn name(&mut self) -> String {
        let mut name = String::new();
        match self.chars.peek().copied() {
            Some(c) if c.is_numeric() => {
                while let Some(digit) = self.chars.next_if(|c| c.is_numeric()) {
                    name.push(digit);
                }
            }
            Some(c @ ('@' | '*' | '#' | '?' | '-' | '$' | '!')) => {
                self.chars.next();
                name.push(c);
            }
            _ => {
                while let Some(c) = self.chars.next_if(|c| c.is_alphanumeric() || *c == '_') {
                    name.push(c);
                }
            }
        }
        name
    }
}
