//! What is wrong in the files: codes, labelled places and help lines. Knows no terminal; `report` draws them.

use crate::core::model::source::{FileId, Span};

mod codes;
pub use codes::{CODES, Code, CodeRow};

/// Whether the files can still be run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Nothing may run.
    Error,
    /// Worth saying; runs all the same.
    Warning,
}

/// A place with a word on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// Where.
    pub span: Span,
    /// What is to be seen there; may be empty.
    pub text: String,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Its code, for `pipeline explain`.
    pub code: Code,
    /// How bad it is.
    pub severity: Severity,
    /// One lower-case sentence with both sides.
    pub message: String,
    /// Places; the first is where it is reported.
    pub labels: Vec<Label>,
    /// What to type.
    pub help: Option<String>,
    /// What to write in the place of what is wrong, where that is known in full.
    pub suggestion: Option<Suggestion>,
}

/// Text that takes the place of what is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suggestion {
    /// What it replaces.
    pub span: Span,
    /// Its lines, without the indentation of the place.
    pub text: String,
    /// Columns that every line but the first is indented by at its place.
    pub indent: usize,
}

impl Suggestion {
    /// Whether it fits into a help line, which a terminal may wrap.
    pub fn is_short(&self) -> bool {
        !self.text.contains('\n') && self.text.chars().count() <= 70
    }

    /// The text as it is written in the file.
    pub fn placed(&self) -> String {
        let margin = " ".repeat(self.indent);
        let line = |(at, line): (usize, &str)| {
            if at == 0 || line.is_empty() { line.to_owned() } else { format!("{margin}{line}") }
        };
        self.text.lines().enumerate().map(line).collect::<Vec<_>>().join("\n")
    }
}

impl Diagnostic {
    /// An error at a place.
    pub fn error(code: Code, span: Span, message: impl Into<String>) -> Self {
        Diagnostic {
            code,
            severity: Severity::Error,
            message: message.into(),
            labels: vec![Label { span, text: String::new() }],
            help: None,
            suggestion: None,
        }
    }

    /// A warning at a place.
    pub fn warning(code: Code, span: Span, message: impl Into<String>) -> Self {
        Diagnostic { severity: Severity::Warning, ..Diagnostic::error(code, span, message) }
    }

    /// Says what is to be seen at the first place.
    #[must_use]
    pub fn label(mut self, text: impl Into<String>) -> Self {
        if let Some(first) = self.labels.first_mut() {
            first.text = text.into();
        }
        self
    }

    /// Adds another place.
    #[must_use]
    pub fn also(mut self, span: Span, text: impl Into<String>) -> Self {
        self.labels.push(Label { span, text: text.into() });
        self
    }

    /// Adds the line that says what to type.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Adds what to write in its place, and says so, with what else is worth knowing.
    #[must_use]
    pub fn propose(mut self, suggestion: Suggestion, notes: &[String]) -> Self {
        let lines = if suggestion.text.contains('\n') { "lines" } else { "line" };
        let first = if suggestion.is_short() {
            format!("write `{}`", suggestion.text)
        } else {
            format!("write the {lines} below")
        };
        let words: Vec<&str> = std::iter::once(first.as_str()).chain(notes.iter().map(String::as_str)).collect();
        self.help = Some(words.join("; "));
        self.suggestion = Some(suggestion);
        self
    }

    /// Adds the help line where there is one.
    #[must_use]
    pub fn maybe_help(mut self, help: Option<String>) -> Self {
        self.help = help.or(self.help);
        self
    }
}

/// All that is wrong, in the order it was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Diagnostics {
    list: Vec<Diagnostic>,
}

impl Diagnostics {
    /// Takes one in.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.list.push(diagnostic);
    }

    /// Takes in all of another list.
    pub fn append(&mut self, mut other: Diagnostics) {
        self.list.append(&mut other.list);
    }

    /// All of them, in the order they were found.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.list.iter()
    }

    /// Those found since there were `count` of them.
    pub fn since(&mut self, count: usize) -> &mut [Diagnostic] {
        self.list.get_mut(count..).unwrap_or_default()
    }

    /// Whether an error was found in this file.
    pub fn has_errors_in(&self, file: FileId) -> bool {
        self.list.iter().any(|diagnostic| {
            diagnostic.severity == Severity::Error
                && diagnostic.labels.first().is_some_and(|label| label.span.file == file)
        })
    }

    /// Whether an error is already reported within this place.
    pub fn covers(&self, span: Span) -> bool {
        self.list.iter().any(|diagnostic| {
            diagnostic.severity == Severity::Error
                && diagnostic.labels.first().is_some_and(|label| {
                    label.span.file == span.file
                        && label.span.start < span.end
                        && span.start < label.span.end.max(label.span.start + 1)
                })
        })
    }

    /// Whether something keeps the files from running.
    pub fn has_errors(&self) -> bool {
        self.list.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// All of them by file and place, without repetitions.
    pub fn sorted(mut self) -> Vec<Diagnostic> {
        self.list.sort_by(|a, b| {
            let key = |d: &Diagnostic| (d.labels.first().map(|label| label.span), d.code.row().name);
            key(a).cmp(&key(b))
        });
        self.list.dedup();
        self.list
    }
}

/// `did you mean "build"?` where one of `known` is close to `written`; else the list when it is short.
pub fn did_you_mean<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let known: Vec<&str> = known.into_iter().collect();
    match closest(written, known.iter().copied()) {
        Some(name) => Some(format!("did you mean \"{name}\"?")),
        None if known.is_empty() => None,
        None if known.len() <= 32 => Some(format!("known here: {}", known.join(", "))),
        None => None,
    }
}

/// The one of `known` that is so close to `written` that it was meant: a slip in every three letters.
pub fn closest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Lengths alone rule most out: what is written may be very long.
    let may = |name: &str| (written.len().min(name.len()) / 3).max(1);
    known
        .into_iter()
        .filter(|name| written.len().abs_diff(name.len()) <= may(name))
        .map(|name| (strsim::damerau_levenshtein(written, name), name))
        .filter(|(distance, name)| {
            (*distance <= may(name) && *distance < written.len().min(name.len())) || name.eq_ignore_ascii_case(written)
        })
        .min()
        .map(|(_, name)| name)
}

impl<'a> IntoIterator for &'a Diagnostics {
    type Item = &'a Diagnostic;
    type IntoIter = std::slice::Iter<'a, Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
