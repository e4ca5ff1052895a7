//! The table of secrets' formats (`rules.yaml`), ready for use: keys in one automaton, expressions built when first needed.

use std::sync::OnceLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use regex::bytes::{Regex, RegexBuilder};
use serde::Deserialize;

/// The data, as written.
const WRITTEN: &str = include_str!("rules.yaml");

/// All rules.
pub(super) struct Table {
    /// Finds keys and words, without case.
    pub finder: AhoCorasick,
    /// The rule of each of the finder's patterns.
    pub keys: Vec<Key>,
    pub tokens: Vec<Token>,
    pub decoded: Vec<Decoded>,
    pub assigned: Vec<Assigned>,
    pub files: Vec<FileRule>,
    pub placeholders: AhoCorasick,
    pub words: AhoCorasick,
}

/// What a key belongs to.
pub(super) enum Key {
    /// A rule of `tokens`, and the key as it must be written.
    Token(usize, Vec<u8>),
    /// A rule of `decoded`, and the key as it must be written.
    Decoded(usize, Vec<u8>),
    /// A rule of `assigned`.
    Assigned(usize),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    tokens: Vec<Token>,
    decoded: Vec<Decoded>,
    assigned: Vec<Assigned>,
    files: Vec<FileRule>,
    placeholders: Vec<String>,
    words: Vec<String>,
}

/// An expression that is built when it is first needed.
#[derive(Deserialize)]
#[serde(from = "String")]
pub(super) struct Lazy {
    text: String,
    built: OnceLock<Option<Regex>>,
}

impl From<String> for Lazy {
    fn from(text: String) -> Self {
        Lazy { text, built: OnceLock::new() }
    }
}

impl Lazy {
    /// The expression of what `make` writes around the text. A test builds every one; one that cannot be built finds
    /// nothing.
    fn get(&self, make: impl FnOnce(&str) -> String) -> Option<&Regex> {
        let build = || RegexBuilder::new(&make(&self.text)).unicode(false).size_limit(64 << 20).build().ok();
        self.built.get_or_init(build).as_ref()
    }
}

/// A text with a shape of its own.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Token {
    pub name: String,
    keys: Vec<String>,
    shape: Lazy,
    /// Bytes before the key where it may begin.
    #[serde(default)]
    pub back: usize,
    #[serde(default = "least_of_tokens")]
    pub entropy: f64,
    /// What precedes it does not matter.
    #[serde(default)]
    pub wide: bool,
    /// It has digits, small and capital letters.
    #[serde(default)]
    pub mixed: bool,
    /// A word that must be close by.
    pub near: Option<String>,
    /// It is a password of a URL.
    #[serde(default)]
    pub url: bool,
    /// People write variables and descriptions in its place.
    #[serde(default)]
    pub prose: bool,
    /// Manuals show it with made-up values.
    #[serde(default)]
    pub documented: bool,
    /// It is base64 of `user:password`.
    #[serde(default)]
    pub colon: bool,
}

impl Token {
    pub fn shape(&self) -> Option<&Regex> {
        self.shape.get(|text| if self.back == 0 { format!(r"\A(?:{text})") } else { text.to_owned() })
    }
}

/// Base64 that begins with a key, and the shape of what it holds.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Decoded {
    pub name: String,
    keys: Vec<String>,
    shape: Lazy,
}

impl Decoded {
    pub fn shape(&self) -> Option<&Regex> {
        self.shape.get(str::to_owned)
    }
}

/// A value given to a name with one of the words in it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Assigned {
    pub name: String,
    words: Vec<String>,
    value: Lazy,
    #[serde(default = "least_of_assigned")]
    pub entropy: f64,
    /// Digits alone are enough.
    #[serde(default)]
    pub digits: bool,
    /// Of any service: looked for in configuration alone.
    #[serde(default)]
    pub generic: bool,
}

impl Assigned {
    /// From the word on: the rest of the name, a sign of assignment or `value:` on the next line, and the value to its end.
    pub fn shape(&self) -> Option<&Regex> {
        let words = self.words.iter().map(|word| regex::escape(word)).collect::<Vec<_>>().join("|");
        self.value.get(|value| {
            format!(
                r#"(?i)\A(?:{words})[ \t\w.-]{{0,20}}(?:['"]?\s{{0,8}}[,;]?\s{{0,40}}['"]?value)?['"\s]{{0,3}}(?:=>|:{{1,3}}=|\?=|\|\||[=:>,])[`'"\s=]{{0,5}}({value})(?:[`'"\s;,&)}}\]<]|\\[nr"']|\z)"#
            )
        })
    }
}

/// What a file of a name holds.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileRule {
    pub name: String,
    files: Vec<String>,
    #[serde(default)]
    except: Vec<String>,
    shape: Lazy,
}

impl FileRule {
    pub fn shape(&self) -> Option<&Regex> {
        self.shape.get(str::to_owned)
    }

    /// Whether a file of this path is one of them.
    pub fn is_meant(&self, path: &str) -> bool {
        let name = path.rsplit('/').next().unwrap_or(path);
        let fits = |pattern: &String| match pattern.split_once('*') {
            Some((before, after)) => {
                name.len() > before.len() + after.len() && name.starts_with(before) && name.ends_with(after)
            }
            None if pattern.contains('/') => path == pattern || path.ends_with(&format!("/{pattern}")),
            None => name == pattern,
        };
        self.files.iter().any(fits) && !self.except.iter().any(|word| name.contains(word.as_str()))
    }
}

fn least_of_tokens() -> f64 {
    2.5
}

fn least_of_assigned() -> f64 {
    3.0
}

/// The built-in table.
///
/// # Panics
/// Never for the table that a test reads.
pub(super) fn table() -> &'static Table {
    static TABLE: OnceLock<Table> = OnceLock::new();
    TABLE.get_or_init(|| Table::read(WRITTEN).expect("the table is a constant that a test reads"))
}

impl Table {
    fn read(text: &str) -> Result<Self, String> {
        let Written { tokens, decoded, assigned, files, placeholders, words } =
            serde_yaml::from_str(text).map_err(|error| error.to_string())?;
        let mut keys: Vec<(&str, Key)> = Vec::new();
        for (at, rule) in tokens.iter().enumerate() {
            keys.extend(rule.keys.iter().map(|key| (key.as_str(), Key::Token(at, key.clone().into_bytes()))));
        }
        for (at, rule) in decoded.iter().enumerate() {
            keys.extend(rule.keys.iter().map(|key| (key.as_str(), Key::Decoded(at, key.clone().into_bytes()))));
        }
        for (at, rule) in assigned.iter().enumerate() {
            keys.extend(rule.words.iter().map(|word| (word.as_str(), Key::Assigned(at))));
        }
        let build = |texts: Vec<&str>, kind| {
            let built = AhoCorasick::builder().ascii_case_insensitive(true).kind(kind).build(texts);
            built.map_err(|error| error.to_string())
        };
        let (texts, keys): (Vec<&str>, Vec<Key>) = keys.into_iter().unzip();
        let finder = build(texts, Some(AhoCorasickKind::DFA))?;
        let placeholders = build(placeholders.iter().map(String::as_str).collect(), None)?;
        let words = build(words.iter().map(String::as_str).collect(), None)?;
        Ok(Table { finder, keys, tokens, decoded, assigned, files, placeholders, words })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_expression_of_the_table_can_be_built() {
        let table = table();
        let broken = table.tokens.iter().filter(|rule| rule.shape().is_none()).map(|rule| &rule.name);
        let broken = broken.chain(table.decoded.iter().filter(|rule| rule.shape().is_none()).map(|rule| &rule.name));
        let broken = broken.chain(table.assigned.iter().filter(|rule| rule.shape().is_none()).map(|rule| &rule.name));
        let broken = broken.chain(table.files.iter().filter(|rule| rule.shape().is_none()).map(|rule| &rule.name));
        assert_eq!(broken.collect::<Vec<_>>(), Vec::<&String>::new());
    }

    #[test]
    fn files_are_meant_by_name() {
        let meant = |rule: &str, path: &str| table().files.iter().any(|file| file.name == rule && file.is_meant(path));
        for (path, expected) in
            [("app/.env", true), (".env.local", true), (".env.example", false), ("x.env", false), (".envrc", false)]
        {
            assert_eq!(meant(".env file", path), expected, "{path}");
        }
        assert!(meant("RubyGems credentials", "root/.gem/credentials"));
        assert!(!meant("RubyGems credentials", "root/gem/credentials"));
        assert!(meant("PKCS#12 key store", "a/b.p12") && !meant("PKCS#12 key store", "a/.p12.txt"));
    }
}
