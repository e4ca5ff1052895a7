//! What is wrong in the files, as one report: headings, labelled source lines, help, and a line that sums it up.
//! Knows places and words; not how they were found.

mod excerpt;

use std::collections::BTreeSet;
use std::fmt::Write as _;

use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, ThemeCharacters, ThemeStyles};

use crate::core::model::diagnostic::{Diagnostic, Label, Severity};
use crate::core::model::source::{FileId, SourceMap};
use excerpt::{Excerpt, visible};

/// How many are shown with their source lines; each of the rest takes one line.
const MAX_SHOWN: usize = 20;

/// How the report looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// Whether escape sequences may colour it.
    pub colour: bool,
    /// Whether lines may be drawn with characters beyond ASCII.
    pub unicode: bool,
    /// Columns of the terminal.
    pub width: usize,
}

impl Default for Style {
    /// For files and pipes: no colour, 100 columns.
    fn default() -> Self {
        Style { colour: false, unicode: true, width: 100 }
    }
}

/// All of `diagnostics` in one text, by file and place; of more than 20 the errors come first, and each of the rest takes
/// one line. Ends with a summary such as `3 errors in 2 files; nothing was run`. Empty for an empty list.
pub fn render(mut diagnostics: Vec<Diagnostic>, sources: &SourceMap, style: Style) -> String {
    if diagnostics.is_empty() {
        return String::new();
    }
    diagnostics.sort_by(|a, b| place(a).cmp(&place(b)));
    diagnostics.dedup();
    let summary = summary(&diagnostics);
    let hidden = take_shown(&mut diagnostics);
    let handler = handler(style);
    let mut text = String::new();
    for diagnostic in &diagnostics {
        one(diagnostic, sources, &handler, style, &mut text);
        text.push('\n');
    }
    for diagnostic in &hidden {
        let _ = writeln!(text, "{}", in_one_line(diagnostic, sources, style));
    }
    if !hidden.is_empty() {
        text.push('\n');
    }
    text.push_str(&summary);
    text.push('\n');
    text
}

/// The last line of the report by itself: `3 errors in 2 files; nothing was run`.
pub fn summary(diagnostics: &[Diagnostic]) -> String {
    let errors = diagnostics.iter().filter(|diagnostic| diagnostic.severity == Severity::Error).count();
    let warnings = diagnostics.len() - errors;
    let files: BTreeSet<FileId> =
        diagnostics.iter().filter_map(|diagnostic| diagnostic.labels.first()).map(|label| label.span.file).collect();
    let counts = match (errors, warnings) {
        (errors, 0) => count(errors, "error"),
        (0, warnings) => count(warnings, "warning"),
        (errors, warnings) => format!("{} and {}", count(errors, "error"), count(warnings, "warning")),
    };
    let place = if files.is_empty() { String::new() } else { format!(" in {}", count(files.len(), "file")) };
    let ending = if errors > 0 { "; nothing was run" } else { "" };
    format!("{counts}{place}{ending}")
}

fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

fn place(diagnostic: &Diagnostic) -> (Option<crate::core::model::source::Span>, &'static str) {
    (diagnostic.labels.first().map(|label| label.span), diagnostic.code.row().name)
}

/// `stages/a.yaml:2:1: error[unknown-key]: unknown key "need"`.
fn in_one_line(diagnostic: &Diagnostic, sources: &SourceMap, style: Style) -> String {
    let place = diagnostic.labels.first().map(|label| {
        let (line, column) = sources.line_column(label.span);
        format!("{}:{line}:{column}: ", visible(&sources.file(label.span.file).name))
    });
    let word = match diagnostic.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let message = drawable(&diagnostic.message, style);
    format!("{}{word}[{}]: {message}", place.unwrap_or_default(), diagnostic.code.row().name)
}

/// Leaves those that are shown with their source lines, and hands back the others.
fn take_shown(diagnostics: &mut Vec<Diagnostic>) -> Vec<Diagnostic> {
    if diagnostics.len() <= MAX_SHOWN {
        return Vec::new();
    }
    let errors = diagnostics.iter().filter(|diagnostic| diagnostic.severity == Severity::Error).count();
    let mut room = [errors.min(MAX_SHOWN), MAX_SHOWN.saturating_sub(errors)];
    let (shown, hidden) = std::mem::take(diagnostics).into_iter().partition(|diagnostic| {
        let left = &mut room[usize::from(diagnostic.severity == Severity::Warning)];
        let shown = *left > 0;
        *left = left.saturating_sub(1);
        shown
    });
    *diagnostics = shown;
    hidden
}

fn handler(style: Style) -> GraphicalReportHandler {
    let theme = GraphicalTheme {
        characters: if style.unicode { ThemeCharacters::unicode() } else { ThemeCharacters::ascii() },
        styles: if style.colour { ThemeStyles::ansi() } else { ThemeStyles::none() },
    };
    // Below forty columns nothing can be read, and the handler's own arithmetic gives out.
    GraphicalReportHandler::new_themed(theme)
        .with_links(false)
        .with_width(style.width.clamp(40, 400))
        .with_context_lines(1)
}

/// A message of ours in the characters of the style.
fn drawable(message: &str, style: Style) -> String {
    let message = visible(message);
    if style.unicode { message } else { message.replace('→', "->") }
}

fn one(
    diagnostic: &Diagnostic,
    sources: &SourceMap,
    handler: &GraphicalReportHandler,
    style: Style,
    text: &mut String,
) {
    let (word, severity) = match diagnostic.severity {
        Severity::Error => ("error", miette::Severity::Error),
        Severity::Warning => ("warning", miette::Severity::Warning),
    };
    let first = diagnostic.labels.first().map(|label| label.span.file);
    let (here, elsewhere): (Vec<&Label>, Vec<&Label>) =
        diagnostic.labels.iter().partition(|label| Some(label.span.file) == first);
    let drawn = Drawn {
        code: Some(format!("{word}[{}]", diagnostic.code.row().name)),
        message: drawable(&diagnostic.message, style),
        severity,
        help: None,
        excerpt: first.map(|file| Excerpt::of(sources.file(file), &here, style.width)),
    };
    let mut parts = vec![drawn];
    // miette draws one file: places in others follow, each with its words.
    for label in elsewhere {
        let wordless = Label { span: label.span, text: String::new() };
        parts.push(Drawn {
            code: None,
            message: visible(if label.text.is_empty() { "and here" } else { &label.text }),
            severity: miette::Severity::Advice,
            help: None,
            excerpt: Some(Excerpt::of(sources.file(label.span.file), &[&wordless], style.width)),
        });
    }
    if let Some(last) = parts.last_mut() {
        last.help = diagnostic.help.as_deref().map(visible);
    }
    for part in &parts {
        if handler.render_report(text, part).is_err() {
            // Only an unreadable excerpt makes the handler fail: the words are worth more than the picture.
            let _ = writeln!(text, "{}", part.message);
        }
    }
    // Lines to paste are neither wrapped nor joined.
    if let Some(suggestion) = diagnostic.suggestion.as_ref().filter(|suggestion| !suggestion.is_short()) {
        text.push('\n');
        for line in suggestion.text.lines() {
            let _ = writeln!(text, "{}", format!("    {}", visible(line)).trim_end());
        }
    }
}

/// One diagnostic as miette wants it.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
struct Drawn {
    code: Option<String>,
    message: String,
    severity: miette::Severity,
    help: Option<String>,
    excerpt: Option<Excerpt>,
}

impl miette::Diagnostic for Drawn {
    fn code<'a>(&'a self) -> Option<Box<dyn std::fmt::Display + 'a>> {
        self.code.as_ref().map(|code| Box::new(code) as _)
    }
    fn severity(&self) -> Option<miette::Severity> {
        Some(self.severity)
    }
    fn help<'a>(&'a self) -> Option<Box<dyn std::fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as _)
    }
    fn source_code(&self) -> Option<&dyn miette::SourceCode> {
        self.excerpt.as_ref().map(|excerpt| excerpt as _)
    }
    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        self.excerpt.as_ref().map(|excerpt| Box::new(excerpt.labels()) as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::model::diagnostic::Code;
    use crate::core::model::source::Span;

    fn one_file(text: &str) -> (SourceMap, FileId) {
        let mut sources = SourceMap::default();
        let file = sources.add("stages/a.yaml", "stages/a.yaml", text);
        (sources, file)
    }

    fn plain(diagnostics: Vec<Diagnostic>, sources: &SourceMap) -> String {
        render(diagnostics, sources, Style { colour: false, unicode: false, width: 80 })
    }

    #[test]
    fn shows_the_line_its_label_and_what_to_type() {
        let (sources, file) = one_file("stage: a\nneed: [b]\nsteps: {}\n");
        let error = Diagnostic::error(Code::UnknownKey, Span::new(file, 9, 13), "unknown key `need`")
            .label("not known here")
            .help("did you mean \"needs\"?");
        let expected = "\
error[unknown-key]

  x unknown key `need`
   ,-[stages/a.yaml:2:1]
 1 | stage: a
 2 | need: [b]
   : ^^|^
   :   `-- not known here
 3 | steps: {}
   `----
  help: did you mean \"needs\"?

1 error in 1 file; nothing was run
";
        assert_eq!(plain(vec![error], &sources), expected);
    }

    #[test]
    fn shows_places_in_other_files() {
        let (mut sources, file) = one_file("stage: a\n");
        let other = sources.add("stages/b.yaml", "stages/b.yaml", "\n\nstage: a\n");
        let error = Diagnostic::error(Code::DuplicateName, Span::new(other, 9, 10), "two stages are named `a`")
            .also(Span::new(file, 7, 8), "first here");
        let expected = "\
error[duplicate-name]

  x two stages are named `a`
   ,-[stages/b.yaml:3:8]
 2 | 
 3 | stage: a
   :        ^
   `----
  > first here
   ,-[stages/a.yaml:1:8]
 1 | stage: a
   :        ^
   `----

1 error in 1 file; nothing was run
";
        assert_eq!(plain(vec![error], &sources), expected);
    }

    #[test]
    fn of_more_than_twenty_the_errors_come_first_and_the_rest_takes_a_line_each() {
        let (sources, file) = one_file(&"a: 1\n".repeat(60));
        let at = |line: usize| Span::new(file, line * 5, line * 5 + 1);
        let mut all: Vec<Diagnostic> = (0..10).map(|line| Diagnostic::warning(Code::Tab, at(line), "w")).collect();
        all.extend((10..40).map(|line| Diagnostic::error(Code::Tab, at(line), "e")));
        let text = plain(all, &sources);
        assert_eq!((text.matches("error[tab]\n").count(), text.matches("warning[tab]\n").count()), (20, 0));
        assert_eq!((text.matches("error[tab]: e\n").count(), text.matches("warning[tab]: w\n").count()), (10, 10));
        assert!(text.contains("\nstages/a.yaml:1:1: warning[tab]: w\n"), "{text}");
        assert!(
            text.ends_with(
                "stages/a.yaml:40:1: error[tab]: e\n\n30 errors and 10 warnings in 1 file; nothing was run\n"
            )
        );
    }

    #[test]
    fn warnings_alone_do_not_say_that_nothing_was_run() {
        let (sources, file) = one_file("a: 1\n");
        let warning = Diagnostic::warning(Code::Tab, Span::new(file, 0, 1), "odd");
        assert!(plain(vec![warning], &sources).ends_with("\n\n1 warning in 1 file\n"));
    }

    #[test]
    fn escape_sequences_in_a_file_are_shown_not_sent() {
        let (sources, file) = one_file("a: \u{1b}[31m\tx\u{202e}y\r\n");
        let error =
            Diagnostic::error(Code::Syntax, Span::new(file, 3, 4), "the character \u{1b} is odd").help("remove \u{7}");
        let text = plain(vec![error], &sources);
        assert!(!text.contains(['\u{1b}', '\u{202e}', '\u{7}', '\t', '\r']), "{text:?}");
        assert!(text.contains(" 1 | a: \\x1b[31m\\tx\\u{202e}y\n"), "{text}");
    }

    #[test]
    fn odd_widths_and_places_do_not_stop_it() {
        let long = format!("a: \"{}\"\nb: é\n", "word ".repeat(50_000));
        let (sources, file) = one_file(&long);
        for width in [0, 1, 7, 39, 80, 10_000] {
            for (start, end) in [(0, 0), (0, 250_000), (120_000, 120_010), (250_010, 250_012), (9_999_999, 9_999_999)] {
                let error = Diagnostic::error(Code::Syntax, Span::new(file, start, end), "odd ".repeat(40))
                    .also(Span::new(file, 3, 5), "here")
                    .label("there");
                let text = render(vec![error], &sources, Style { colour: true, unicode: true, width });
                assert!(text.len() < 10_000, "{}", text.len());
            }
        }
        let (sources, file) = one_file("");
        let error = Diagnostic::error(Code::EmptyFile, Span::new(file, 0, 0), "empty");
        assert!(plain(vec![error], &sources).contains("stages/a.yaml:1:1"));
    }
}
