//! From the parser's events to one tree: places, keys, anchors, merges, duplicates. Knows no syntax errors.

mod anchors;
mod tags;

use std::collections::HashMap;

use anchors::Anchor;
use granit_parser::{Event, ScalarStyle, StructureStyle, Tag};

use super::node::{Entry, Node, Value};
use super::scalar;
use crate::core::model::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::core::model::source::{FileId, Span};

/// How deep collections may lie in each other: far beyond any pipeline, far below what a thread's stack holds.
const MAX_DEPTH: usize = 128;

/// A tree that grows event by event.
pub(super) struct Builder<'a> {
    text: &'a str,
    file: FileId,
    /// What is wrong apart from syntax.
    pub out: Diagnostics,
    stack: Vec<Frame>,
    anchors: HashMap<usize, Anchor>,
    expanded: usize,
    root: Option<Node>,
    documents: usize,
    /// The last scalar: where a syntax error behind it is understood better.
    pub last_scalar: Option<Span>,
    /// Places that were put in for something broken: nulls that are not complained about again.
    broken: &'a [std::ops::Range<usize>],
}

/// What the builder says after an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// More, please.
    Go,
    /// Nothing behind this can be used.
    Stop,
}

struct Frame {
    start: usize,
    end: usize,
    flow: bool,
    anchor: usize,
    items: Items,
}

enum Items {
    List(Vec<Node>),
    Map { entries: Vec<Entry>, merges: Vec<Node>, key: Key, spoilt: bool },
}

enum Key {
    /// The next node is a key.
    Awaited,
    /// The next node is this key's value.
    Written { key: String, span: Span, plain: bool },
    /// The next node is what `<<` merges in.
    Merge,
    /// The next node belongs to a key that was refused.
    Refused,
}

impl<'a> Builder<'a> {
    pub(super) fn new(text: &'a str, file: FileId, broken: &'a [std::ops::Range<usize>]) -> Self {
        Builder {
            text,
            file,
            out: Diagnostics::default(),
            stack: Vec::new(),
            anchors: HashMap::new(),
            expanded: 0,
            root: None,
            documents: 0,
            last_scalar: None,
            broken,
        }
    }

    /// The tree, when every event was taken in.
    pub(super) fn finish(self) -> (Option<Node>, Diagnostics) {
        (self.root, self.out)
    }

    /// Where the outermost flow collection that is still open starts.
    pub(super) fn open_flow(&self) -> Option<usize> {
        self.stack.iter().find(|frame| frame.flow).map(|frame| frame.start)
    }

    /// Takes an event in; `range` is its place in bytes, `tag` its tag's.
    pub(super) fn take(
        &mut self,
        event: Event<'_>,
        range: std::ops::Range<usize>,
        tag: Option<std::ops::Range<usize>>,
    ) -> Next {
        let span = self.span(range.start, range.end);
        let tag_span = tag.map_or(span, |tag| self.span(tag.start, tag.end));
        match event {
            Event::DocumentStart(..) => return self.document(span),
            Event::Scalar(text, style, anchor, tag) => {
                let node = self.scalar(&text, style, span, tag.as_deref().map(|tag| (tag, tag_span)));
                self.last_scalar = Some(span);
                self.anchor(anchor, &node);
                self.add(node, Some(&text), style == ScalarStyle::Plain);
            }
            Event::SequenceStart(style, anchor, tag) => {
                self.collection_tag(tag.as_deref(), "seq", tag_span);
                return self.open(span, style, anchor, Items::List(Vec::new()));
            }
            Event::MappingStart(style, anchor, tag) => {
                self.collection_tag(tag.as_deref(), "map", tag_span);
                let items = Items::Map { entries: Vec::new(), merges: Vec::new(), key: Key::Awaited, spoilt: false };
                return self.open(span, style, anchor, items);
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(range.end),
            Event::Alias(id) => return self.alias(id, span),
            Event::UnresolvedAlias(name) => {
                self.out.push(
                    Diagnostic::error(Code::Syntax, span, format!("`*{name}` refers to an anchor that does not exist"))
                        .help(format!("mark the value to repeat with `&{name}` above, or quote the text: \"*{name}\"")),
                );
                self.add(Node::new(span, Value::Null), None, false);
            }
            _ => {}
        }
        Next::Go
    }

    fn span(&self, start: usize, end: usize) -> Span {
        Span::new(self.file, start, end)
    }

    fn document(&mut self, span: Span) -> Next {
        self.documents += 1;
        if self.documents < 2 {
            return Next::Go;
        }
        self.out.push(
            Diagnostic::error(Code::Syntax, span, "a second document starts here, but a file holds one")
                .help("move what follows into a file of its own"),
        );
        Next::Stop
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, span: Span, tag: Option<(&Tag, Span)>) -> Node {
        let span = match style {
            ScalarStyle::Literal | ScalarStyle::Folded => {
                let source = &self.text[span.start as usize..span.end as usize];
                self.span(span.start as usize, span.start as usize + source.trim_end().len())
            }
            _ => span,
        };
        if let Some(broken) = self.broken.iter().find(|broken| broken.contains(&(span.start as usize))) {
            return Node::new(self.span(broken.start, broken.end), Value::Null);
        }
        if style == ScalarStyle::Folded
            && text.is_empty()
            && let Some(node) = self.meant_as_expectation(span)
        {
            return node;
        }
        if let Some((_, tag_span)) = tag
            && let Some(node) = self.meant_as_unequal(tag_span, span)
        {
            return node;
        }
        let plain = style == ScalarStyle::Plain && tag.is_none();
        let value = match tag {
            None if style == ScalarStyle::Plain => scalar::resolve(text),
            None => Value::Text(text.to_owned()),
            Some((tag, tag_span)) => self.tagged(text, tag, tag_span),
        };
        let spelling = if plain { scalar::spelling(text, &value) } else { None };
        Node { span, value, spelling }
    }

    /// `size: >5` is a folded text without any text; that is never intended.
    fn meant_as_expectation(&mut self, span: Span) -> Option<Node> {
        let before = self.text[..span.start as usize].trim_end();
        let line = before.rfind('\n').map_or(0, |line| line + 1);
        let before = before[line..].find(" #").map_or(before, |comment| before[..line + comment].trim_end());
        let header = line + before[line..].rfind('>')?;
        let value = &before[header..];
        if !value[1..].starts_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        let span = self.span(header, before.len());
        self.out.push(
            Diagnostic::error(
                Code::Syntax,
                span,
                format!("`{value}` starts a folded text over several lines, and none follow"),
            )
            .help(format!("quote it: {}\"{value}\"", before[line..header].trim_start())),
        );
        Some(Node::new(span, Value::Null))
    }

    fn open(&mut self, span: Span, style: StructureStyle, anchor: usize, items: Items) -> Next {
        if self.stack.len() >= MAX_DEPTH {
            return self.too_deep(span);
        }
        if anchor != 0 {
            self.anchors.insert(anchor, Anchor::Open);
        }
        let flow = style == StructureStyle::Flow;
        self.stack.push(Frame { start: span.start as usize, end: span.end as usize, flow, anchor, items });
        Next::Go
    }

    fn too_deep(&mut self, span: Span) -> Next {
        let message = format!("collections lie more than {MAX_DEPTH} deep in each other");
        self.out.push(Diagnostic::error(Code::AliasBomb, span, message).help("write it flatter"));
        Next::Stop
    }

    fn close(&mut self, end: usize) {
        let Some(frame) = self.stack.pop() else { return };
        let end = if frame.flow { end } else { frame.end };
        let mut span = self.span(frame.start, end);
        let value = match frame.items {
            Items::List(mut items) => {
                // a large file has very many small collections: the room they grew into is given back
                items.shrink_to_fit();
                Value::List(items)
            }
            Items::Map { spoilt: true, .. } if self.text[frame.start..].starts_with("{{") => {
                span = self.span(frame.start, end);
                let source = &self.text[frame.start..end];
                self.out.push(
                    Diagnostic::error(Code::Syntax, span, format!("`{source}` is read as a mapping inside a mapping"))
                        .help(if source.contains(": ") {
                            format!("for a mapping write {}", source[1..].strip_suffix('}').unwrap_or(source))
                        } else {
                            format!("for an expression write \"${source}\"; for the text itself quote it: \"{source}\"")
                        }),
                );
                Value::Null
            }
            Items::Map { mut entries, merges, .. } => {
                self.duplicates(&mut entries);
                for merge in merges {
                    self.merge(&mut entries, merge);
                }
                entries.shrink_to_fit();
                Value::Map(entries)
            }
        };
        let node = Node::new(span, value);
        self.anchor(frame.anchor, &node);
        self.add(node, None, false);
    }

    /// Puts a complete node where it belongs. `text` is a scalar's own text, for keys.
    fn add(&mut self, node: Node, text: Option<&str>, plain: bool) {
        let Some(frame) = self.stack.last_mut() else {
            self.root = Some(node);
            return;
        };
        frame.end = frame.end.max(node.span.end as usize);
        let (entries, merges, key, spoilt) = match &mut frame.items {
            Items::List(items) => {
                items.push(node);
                return;
            }
            Items::Map { entries, merges, key, spoilt } => (entries, merges, key, spoilt),
        };
        match std::mem::replace(key, Key::Awaited) {
            Key::Awaited => {
                let empty = node.span.start == node.span.end && plain;
                *key = match text.or(node.as_text()) {
                    Some("<<") if plain => Key::Merge,
                    Some(text) if !empty => Key::Written { key: text.to_owned(), span: node.span, plain },
                    _ => {
                        let in_template = frame.flow && self.text[frame.start..].starts_with("{{");
                        *spoilt = true;
                        if !in_template {
                            let message = match node.value {
                                Value::Null => "a key is missing before the `:`".to_owned(),
                                _ => format!("{} cannot be a key", node.type_name()),
                            };
                            let error = Diagnostic::error(Code::Syntax, node.span, message);
                            self.out.push(error.help("keys are words, such as `name:`"));
                        }
                        Key::Refused
                    }
                };
            }
            Key::Written { key, span: key_span, plain } => {
                let mut node = node;
                // `timeout:` with nothing behind it: the key is all there is to point at.
                if node.span.start == node.span.end && node.value == Value::Null {
                    node.span = key_span;
                }
                entries.push(Entry { key, key_span, plain, node });
            }
            Key::Merge => merges.push(node),
            Key::Refused => {}
        }
    }
}
