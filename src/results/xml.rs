//! XML as a row of tags, for reports: well-formed to its end, shallow, without entities of its own. Text is checked and
//! passed over: the formats keep what counts in attributes.

use std::collections::BTreeMap;

use quick_xml::Reader;
use quick_xml::XmlVersion;
use quick_xml::errors::{Error, IllFormedError};
use quick_xml::events::{BytesStart, Event};

use super::{DEEPEST, ReportError};

/// Attributes of one element.
const ATTRIBUTES: usize = 64;

/// A start or an end of an element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Tag {
    /// `<name a="b">`, also of `<name/>`, which [`Tag::End`] follows.
    Start(Element),
    /// `</name>`.
    End(String),
}

/// An element's name without its namespace, and its attributes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Element {
    pub name: String,
    attributes: BTreeMap<String, String>,
}

impl Element {
    /// The value of an attribute.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).map(String::as_str)
    }

    /// The value of an attribute, as a number.
    ///
    /// # Errors
    /// [`ReportError::Malformed`] for a value that is not a number.
    pub fn number<N: std::str::FromStr>(&self, name: &str) -> Result<Option<N>, ReportError> {
        let Some(text) = self.get(name).map(str::trim).filter(|text| !text.is_empty()) else { return Ok(None) };
        let number = text.parse().map_err(|_| {
            ReportError::Malformed(format!(
                "`{name}=\"{text}\"` of <{}> is not a number that is expected there",
                self.name
            ))
        })?;
        Ok(Some(number))
    }
}

/// The tags of a document, one by one.
pub(super) struct Tags<'t> {
    reader: Reader<&'t [u8]>,
    text: &'t str,
    /// Names of elements that are open.
    open: Vec<String>,
    /// The end of an element that has no content.
    closes: bool,
    seen_root: bool,
}

impl<'t> Tags<'t> {
    /// Before the first tag.
    pub fn new(text: &'t str) -> Self {
        Tags { reader: Reader::from_str(text), text, open: Vec::new(), closes: false, seen_root: false }
    }

    /// The names of the open elements, the root first. After a start, its own name is the last.
    pub fn path(&self) -> &[String] {
        &self.open
    }

    /// The next tag; `None` after the end of a whole document.
    ///
    /// # Errors
    /// [`ReportError`] for what is not well-formed, truncated, too deep or declares entities.
    pub fn next(&mut self) -> Result<Option<Tag>, ReportError> {
        if std::mem::take(&mut self.closes) {
            return Ok(self.open.pop().map(Tag::End));
        }
        loop {
            match self.reader.read_event().map_err(|error| self.broken(&error))? {
                Event::Start(start) => return self.start(&start).map(Some),
                Event::Empty(start) => {
                    let tag = self.start(&start)?;
                    self.closes = true;
                    return Ok(Some(tag));
                }
                Event::End(_) => return Ok(self.open.pop().map(Tag::End)),
                Event::Text(text) if self.open.is_empty() && !text.iter().all(u8::is_ascii_whitespace) => {
                    return Err(self.malformed("there is text outside of its element"));
                }
                Event::CData(_) if self.open.is_empty() => {
                    return Err(self.malformed("there is text outside of its element"));
                }
                Event::GeneralRef(reference) => self.reference(&reference)?,
                Event::DocType(declared) => self.document_type(&declared)?,
                Event::Decl(declaration) => match declaration.encoding() {
                    Some(Ok(encoding)) if !is_readable(&encoding, self.text) => {
                        let encoding = String::from_utf8_lossy(&encoding).into_owned();
                        return Err(ReportError::Malformed(format!("it is encoded as {encoding}, expected UTF-8")));
                    }
                    Some(Err(_)) => return Err(self.malformed("its declaration cannot be read")),
                    _ => {}
                },
                Event::Eof => return self.end(),
                Event::Text(_) | Event::CData(_) | Event::Comment(_) | Event::PI(_) => {}
            }
        }
    }

    fn start(&mut self, start: &BytesStart<'_>) -> Result<Tag, ReportError> {
        if self.open.is_empty() && self.seen_root {
            return Err(self.malformed("a second element follows the first"));
        }
        if self.open.len() >= DEEPEST {
            return Err(ReportError::Hostile(format!("its elements are nested more than {DEEPEST} deep")));
        }
        self.seen_root = true;
        let name = String::from_utf8_lossy(start.local_name().as_ref()).into_owned();
        let mut attributes = BTreeMap::new();
        // the check for duplicates of quick-xml compares all with all
        for attribute in start.attributes().with_checks(false) {
            let attribute = attribute.map_err(|error| self.malformed(&error.to_string()))?;
            let key = String::from_utf8_lossy(attribute.key.as_ref()).into_owned();
            let value = attribute
                .normalized_value(XmlVersion::Implicit1_0)
                .map_err(|error| self.malformed(&format!("the attribute `{key}` cannot be read: {error}")))?
                .into_owned();
            if attributes.len() >= ATTRIBUTES {
                return Err(ReportError::Hostile(format!("<{name}> has more than {ATTRIBUTES} attributes")));
            }
            if attributes.insert(key.clone(), value).is_some() {
                return Err(self.malformed(&format!("<{name}> has two attributes `{key}`")));
            }
        }
        self.open.push(name.clone());
        Ok(Tag::Start(Element { name, attributes }))
    }

    fn reference(&self, reference: &quick_xml::events::BytesRef<'_>) -> Result<(), ReportError> {
        let name = String::from_utf8_lossy(reference).into_owned();
        let is_known = matches!(name.as_str(), "amp" | "lt" | "gt" | "quot" | "apos");
        if self.open.is_empty() {
            return Err(self.malformed("there is text outside of its element"));
        }
        if is_known || matches!(reference.resolve_char_ref(), Ok(Some(_))) {
            Ok(())
        } else {
            Err(self.malformed(&format!("`&{name};` is not an entity of XML")))
        }
    }

    /// Names of a format's DTD are common, and nothing is loaded for them; declarations inside of the file are not.
    fn document_type(&self, declared: &[u8]) -> Result<(), ReportError> {
        if declared.contains(&b'[') {
            return Err(ReportError::Hostile("it declares a document type of its own (DTD)".to_owned()));
        }
        if self.seen_root {
            return Err(self.malformed("its document type follows its element"));
        }
        Ok(())
    }

    fn end(&self) -> Result<Option<Tag>, ReportError> {
        match self.open.last() {
            Some(name) => Err(ReportError::Truncated(format!("<{name}> is not closed"))),
            None if !self.seen_root => Err(ReportError::Malformed("it is not XML: it has no element".to_owned())),
            None => Ok(None),
        }
    }

    fn broken(&self, error: &Error) -> ReportError {
        match error {
            Error::Syntax(error) => ReportError::Truncated(error.to_string()),
            Error::IllFormed(IllFormedError::MissingEndTag(_) | IllFormedError::UnclosedReference) => {
                ReportError::Truncated(error.to_string())
            }
            error => self.malformed(&error.to_string()),
        }
    }

    fn malformed(&self, why: &str) -> ReportError {
        let at = usize::try_from(self.reader.buffer_position()).unwrap_or(usize::MAX).min(self.text.len());
        let line = memchr::memchr_iter(b'\n', &self.text.as_bytes()[..at]).count() + 1;
        ReportError::Malformed(format!("it is not well-formed XML: line {line}: {why}"))
    }
}

/// What is ASCII is the same in nearly every encoding.
fn is_readable(encoding: &[u8], text: &str) -> bool {
    let named = |name: &[u8]| encoding.eq_ignore_ascii_case(name);
    named(b"UTF-8") || named(b"UTF8") || (text.is_ascii() && !encoding.to_ascii_uppercase().starts_with(b"UTF-16"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        let mut tags = Tags::new(text);
        loop {
            match tags.next() {
                Ok(Some(_)) => {}
                Ok(None) => return "well-formed".to_owned(),
                Err(error) => return error.to_string(),
            }
        }
    }

    #[test]
    fn reads_tags_in_their_order() {
        let mut tags = Tags::new("<?xml version=\"1.0\"?><a x=\"1 &lt; 2\"><n:b/>text &amp; &#65;</a>");
        let mut found = Vec::new();
        while let Some(tag) = tags.next().expect("well-formed") {
            found.push(match tag {
                Tag::Start(element) => format!("{} {:?}", element.name, element.get("x")),
                Tag::End(name) => format!("/{name}"),
            });
        }
        assert_eq!(found, ["a Some(\"1 < 2\")", "b None", "/b", "/a"]);
    }

    #[test]
    fn refuses_what_is_not_a_whole_document() {
        for (text, expected) in [
            ("<a><b></b>", "it is truncated: <a> is not closed"),
            ("<a b=\"1", "it is truncated: attribute value not closed: `\"` not found before end of input"),
            (
                "<a>\n</b>",
                "it is not well-formed XML: line 2: ill-formed document: expected `</a>`, but `</b>` was found",
            ),
            ("<a/><b/>", "it is not well-formed XML: line 1: a second element follows the first"),
            ("<a/>x", "it is not well-formed XML: line 1: there is text outside of its element"),
            ("{}", "it is not well-formed XML: line 1: there is text outside of its element"),
            ("<!-- nothing -->", "it is not XML: it has no element"),
            ("<a b='1' b='2'/>", "it is not well-formed XML: line 1: <a> has two attributes `b`"),
            ("<a>&x;</a>", "it is not well-formed XML: line 1: `&x;` is not an entity of XML"),
            ("<?xml version='1.0' encoding='ISO-8859-1'?><a b='é'/>", "it is encoded as ISO-8859-1, expected UTF-8"),
        ] {
            assert_eq!(error(text), expected, "{text}");
        }
        assert_eq!(error("<?xml version='1.0' encoding='ISO-8859-1'?><a b='e'/>"), "well-formed");
        assert_eq!(error("<!DOCTYPE a SYSTEM 'a.dtd'><a/>"), "well-formed");
    }
}
