//! One YAML document of a manifest, as `kubectl` reads it: scalars by the rules of YAML 1.1, `<<` at its place in the
//! mapping, keys that are text in the end. What `kubectl` would change without a word is refused instead.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

use base64::Engine as _;
use granit_parser::{Event, Parser, ScalarStyle, StructureStyle, Tag, options};
use indexmap::IndexMap;
use serde_json::{Number, Value};

use super::scalar::{self, Resolved};
use super::tree::{KeyType, Slot, Tree, put, put_merged};

/// How many values the aliases of one file may stand for.
const MAX_ALIASED: usize = 100_000;
/// How deep collections may be nested.
const MAX_DEPTH: usize = 64;
/// How many values a document may have.
const MAX_NODES: usize = 5_000_000;

/// Why a document cannot be read.
pub(super) struct Refusal {
    /// The line of the document, from 0.
    pub line: usize,
    /// One lower-case sentence.
    pub message: String,
}

/// A key, or why a value cannot be one.
type Key = Result<(String, KeyType), &'static str>;

struct Frame {
    items: Items,
    anchor: usize,
    /// What is written before `:`, once it was read.
    key: Option<(Key, usize)>,
    merge: bool,
    /// Where it starts.
    at: usize,
    /// Whether it is written in brackets.
    flow: bool,
}

enum Items {
    List(Vec<Tree>),
    Map(IndexMap<String, Slot>),
}

/// The document and the line it starts at, from 0; `None` where it is empty.
pub(super) fn document(text: &str, aliased: &mut usize) -> Result<Option<(usize, Value)>, Refusal> {
    let mut reader = Reader {
        text,
        at: 0,
        end: 0,
        closed: Vec::new(),
        start: None,
        frames: Vec::new(),
        anchors: HashMap::new(),
        aliased,
        nodes: 0,
        documents: 0,
        root: None,
    };
    let settings = options! { emit_comments: false, emit_unresolved_aliases: true };
    for step in Parser::new_from_str_with_options(text, settings) {
        match step {
            Ok((event, span)) => {
                let range = span.byte_range().unwrap_or(reader.at..reader.end);
                (reader.at, reader.end) = (range.start, range.end.max(range.start));
                reader.take(event)?;
            }
            Err(error) => {
                reader.at = error.marker().byte_offset().unwrap_or(reader.at);
                return Err(reader.refuse(plain_words(&error.info())));
            }
        }
    }
    reader.stray()?;
    let line = reader.line(reader.start.unwrap_or(0));
    Ok(reader.root.map(Tree::into_value).filter(|root| !root.is_null()).map(|root| (line, root)))
}

/// The parser's words as a sentence of ours.
fn plain_words(words: &str) -> String {
    let mut letters = words.chars();
    match letters.next() {
        Some(letter) if !words.starts_with("YAML") => letter.to_lowercase().chain(letters).collect(),
        _ => words.to_owned(),
    }
}

struct Reader<'a> {
    text: &'a str,
    /// Where the event starts and ends.
    at: usize,
    end: usize,
    /// Quoted texts and flow collections, in which tabs and line ends mean nothing.
    closed: Vec<Range<usize>>,
    /// Where the first value starts.
    start: Option<usize>,
    frames: Vec<Frame>,
    anchors: HashMap<usize, (Tree, usize, Key)>,
    aliased: &'a mut usize,
    nodes: usize,
    documents: usize,
    root: Option<Tree>,
}

impl Reader<'_> {
    fn line(&self, at: usize) -> usize {
        memchr::memchr_iter(b'\n', &self.text.as_bytes()[..at.min(self.text.len())]).count()
    }

    fn refuse(&self, message: impl Into<String>) -> Refusal {
        Refusal { line: self.line(self.at), message: message.into() }
    }

    /// Characters at which kubectl's parser and ours part.
    fn stray(&mut self) -> Result<(), Refusal> {
        let text = self.text;
        let lines = text.split_inclusive('\n').scan(0, |at, line| {
            *at += line.len();
            Some((*at - line.len(), line))
        });
        let mut empty = true;
        for (at, line) in lines {
            self.at = at;
            if line.starts_with('\u{feff}') {
                return Err(self.refuse("a byte-order mark inside the file; remove it"));
            }
            if let Some(found) = line.chars().find(|c| matches!(c, '\u{85}' | '\u{2028}' | '\u{2029}')) {
                let code = u32::from(found);
                return Err(self.refuse(format!(
                    "the character U+{code:04X} ends a line for kubectl; write it as \"\\u{code:04x}\""
                )));
            }
            let inside = self.closed.iter().any(|range| range.contains(&at));
            if line.starts_with('\t') && line.trim().is_empty() && !inside {
                return Err(self.refuse("a tab where indentation is expected"));
            }
            if empty && line.starts_with("...") {
                return Err(self.refuse("`...` ends a document before it begins"));
            }
            let bare = line.trim();
            empty &= bare.is_empty() || bare.starts_with('#') || line.starts_with("---");
        }
        Ok(())
    }

    fn take(&mut self, event: Event<'_>) -> Result<(), Refusal> {
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err(self.refuse("kubectl ignores what follows `...`; start a document with `---`"));
                }
                Ok(())
            }
            Event::Scalar(text, style, anchor, tag) => {
                let is_merge = style == ScalarStyle::Plain && &*text == "<<" && tag.is_none()
                    || &*text == "<<" && tag.as_deref().and_then(yaml_tag).as_deref() == Some("merge");
                if matches!(style, ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted) {
                    self.closed.push(self.at..self.end);
                }
                if style == ScalarStyle::DoubleQuoted {
                    self.escapes()?;
                } else if style == ScalarStyle::Plain && &*text == "?" {
                    return Err(self.refuse("`?` is not a value; quote it"));
                }
                let behind = self.text.get(self.end..).unwrap_or_default();
                let adjacent = behind.strip_prefix(':').is_some_and(|rest| rest.starts_with([',', '[', ']', '{', '}']));
                if style == ScalarStyle::Plain && adjacent && self.frames.last().is_some_and(|frame| frame.flow) {
                    return Err(self.refuse("kubectl takes this `:` for a part of the text; write a blank behind it"));
                }
                let (value, key) = self.scalar(&text, style, tag.as_deref())?;
                let merge = is_merge && self.frames.last().is_some_and(Frame::awaits_key);
                if anchor != 0 {
                    self.anchors.insert(anchor, (Tree::Scalar(value.clone()), 1, key.clone()));
                }
                self.add(Tree::Scalar(value), key, merge)
            }
            Event::SequenceStart(style, anchor, _) => self.open(Items::List(Vec::new()), anchor, style),
            Event::MappingStart(style, anchor, _) => self.open(Items::Map(IndexMap::new()), anchor, style),
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            Event::Alias(id) => self.alias(id),
            Event::UnresolvedAlias(name) => {
                Err(self.refuse(format!("the alias `*{name}` has no anchor in this document")))
            }
            _ => Ok(()),
        }
    }

    /// Escapes of YAML 1.2 that kubectl does not know.
    fn escapes(&self) -> Result<(), Refusal> {
        let written = self.text.get(self.at..self.end).unwrap_or_default();
        let mut chars = written.char_indices();
        while let Some((at, c)) = chars.next() {
            if c != '\\' {
                continue;
            }
            match chars.next() {
                Some((_, '/')) => return Err(self.refuse("the escape `\\/` is not known to kubectl; write `/`")),
                Some((_, 'u')) if written[at + 2..].starts_with(['d', 'D']) => {
                    let surrogate = written[at + 3..]
                        .starts_with(['8', '9', 'a', 'b', 'A', 'B', 'c', 'd', 'e', 'f', 'C', 'D', 'E', 'F']);
                    if surrogate {
                        return Err(
                            self.refuse("half a character (a surrogate) cannot be written; write `\\U` and 8 digits")
                        );
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn open(&mut self, items: Items, anchor: usize, style: StructureStyle) -> Result<(), Refusal> {
        if self.frames.len() >= MAX_DEPTH {
            return Err(self.refuse(format!("collections are nested more than {MAX_DEPTH} deep")));
        }
        self.start.get_or_insert(self.at);
        let flow = style == StructureStyle::Flow;
        self.frames.push(Frame { items, anchor, key: None, merge: false, at: self.at, flow });
        Ok(())
    }

    fn close(&mut self) -> Result<(), Refusal> {
        let Some(frame) = self.frames.pop() else { return Ok(()) };
        if frame.flow {
            self.closed.push(frame.at..self.end);
        }
        let end = std::mem::replace(&mut self.at, frame.at);
        let (tree, key) = match frame.items {
            Items::List(items) => (Tree::List(items), Err("a list cannot be a key")),
            Items::Map(slots) => (Tree::Map(slots), Err("a mapping cannot be a key")),
        };
        if frame.anchor != 0 {
            self.anchors.insert(frame.anchor, (tree.clone(), tree.weight(), key.clone()));
        }
        let added = self.add(tree, key, false);
        self.at = end;
        added
    }

    fn alias(&mut self, id: usize) -> Result<(), Refusal> {
        let Some((tree, weight, key)) = self.anchors.get(&id) else {
            return Err(self.refuse("an alias is inside the value that it repeats"));
        };
        *self.aliased += weight;
        if *self.aliased > MAX_ALIASED {
            return Err(self.refuse(format!("its aliases stand for more than {MAX_ALIASED} values")));
        }
        let (tree, key) = (tree.clone(), key.clone());
        self.add(tree, key, false)
    }

    /// Puts a complete value where it belongs.
    fn add(&mut self, tree: Tree, key: Key, merge: bool) -> Result<(), Refusal> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return Err(self.refuse(format!("more than {MAX_NODES} values")));
        }
        self.start.get_or_insert(self.at);
        let at = self.at;
        let Some(frame) = self.frames.last_mut() else {
            self.root = Some(tree);
            return Ok(());
        };
        let slots = match &mut frame.items {
            Items::List(items) => {
                items.push(tree);
                return Ok(());
            }
            Items::Map(slots) => slots,
        };
        let refused = match (std::mem::take(&mut frame.merge), frame.key.take()) {
            (true, _) => put_merged(slots, tree),
            (false, None) if merge => {
                frame.merge = true;
                Ok(())
            }
            (false, None) => {
                frame.key = Some((key, at));
                Ok(())
            }
            (false, Some((Ok((key, of)), key_at))) => put(slots, key, Slot { tree, of, own: true }).inspect_err(|_| {
                self.at = key_at;
            }),
            (false, Some((Err(message), key_at))) => {
                self.at = key_at;
                Err(message.to_owned())
            }
        };
        refused.map_err(|message| self.refuse(message))
    }

    fn scalar(&self, text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Result<(Value, Key), Refusal> {
        let as_text = |text: &str| (Value::String(text.to_owned()), Ok((text.to_owned(), KeyType::Text)));
        let bare = tag.is_some_and(|tag| matches!(tag.parts(), ("", "!") | ("!", "")));
        let resolved = match tag.filter(|_| !bare) {
            None if style == ScalarStyle::Plain && !bare => scalar::resolve(text),
            None => return Ok(as_text(text)),
            Some(tag) => match yaml_tag(tag).as_deref() {
                Some("binary") => return self.binary(text).map(|text| as_text(&text)),
                Some(wanted @ ("null" | "bool" | "int" | "float" | "timestamp")) => self.tagged(text, wanted)?,
                // `!!str`, and tags that mean nothing.
                _ => return Ok(as_text(text)),
            },
        };
        let value = match resolved {
            Resolved::Text => return Ok(as_text(text)),
            Resolved::Null => return Ok((Value::Null, Err("a key is missing before the `:`, or is null"))),
            Resolved::Bool(value) => Value::Bool(value),
            Resolved::Whole(value) => value.into(),
            Resolved::Fraction(value) => match Number::from_f64(value) {
                Some(number) => Value::Number(number),
                None if self.frames.last().is_some_and(Frame::awaits_key) => Value::Null,
                None => return Err(self.refuse(format!("`{text}` is not a finite number, and JSON holds no other"))),
            },
        };
        let of = match resolved {
            Resolved::Bool(_) => KeyType::Bool,
            Resolved::Whole(_) if scalar::is_whole(text) => KeyType::Whole,
            _ => KeyType::Fraction,
        };
        let key = scalar::key(text).ok_or("a whole number of more than 63 bits cannot be a key");
        Ok((value, key.map(|key| (key, of))))
    }

    /// `!!binary`: text in base64. Kubernetes has text only; `kubectl` puts replacement characters in place of other bytes.
    fn binary(&self, text: &str) -> Result<String, Refusal> {
        let compact: String = text.chars().filter(|c| !matches!(c, '\n' | '\r')).collect();
        let bytes = base64::engine::general_purpose::STANDARD
            .decode(compact)
            .map_err(|_| self.refuse("the `!!binary` value is not base64"))?;
        String::from_utf8(bytes).map_err(|_| {
            self.refuse("the `!!binary` value is not UTF-8 text, and a manifest holds no other bytes; use `binaryData`")
        })
    }

    /// A scalar with a tag that says what it is.
    fn tagged(&self, text: &str, wanted: &str) -> Result<Resolved, Refusal> {
        let resolved = scalar::resolve(text);
        let fits = match (wanted, resolved) {
            ("null", Resolved::Null)
            | ("bool", Resolved::Bool(_))
            | ("float", Resolved::Whole(_) | Resolved::Fraction(_)) => true,
            ("int", Resolved::Whole(_) | Resolved::Fraction(_)) => scalar::is_whole(text),
            ("timestamp", Resolved::Text) => scalar::is_date(text),
            _ => false,
        };
        if fits {
            Ok(resolved)
        } else {
            Err(self.refuse(format!("`{text}` has the tag `!!{wanted}`, but is of another type")))
        }
    }
}

impl Frame {
    /// Whether the next value is a key.
    fn awaits_key(&self) -> bool {
        matches!(self.items, Items::Map(_)) && self.key.is_none() && !self.merge
    }
}

/// The name of a tag of YAML's own: `str` of `!!str`.
fn yaml_tag(tag: &Tag) -> Option<Cow<'_, str>> {
    tag.suffix_in_namespace("tag:yaml.org,2002:")
}
