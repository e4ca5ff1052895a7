//! The stages of a Dockerfile, told from its text alone. Knows instructions, comments, escapes and heredocs;
//! builds nothing and expands no variable.

use crate::diagnostic::did_you_mean;

/// One instruction, its continuation lines joined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instruction {
    /// Its first line, from 1.
    pub line: usize,
    /// Its keyword in upper case: `FROM`, `RUN`.
    pub keyword: String,
    /// The rest, continuation lines joined, without heredoc bodies.
    pub rest: String,
}

/// One `FROM`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stage {
    /// Its line, from 1.
    pub line: usize,
    /// What it starts from, as written: an image, `scratch` or an earlier stage.
    pub from: String,
    /// Its name after `AS`, in lower case as builders compare it.
    pub name: Option<String>,
}

/// A Dockerfile as far as its structure goes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dockerfile {
    /// Its instructions in order.
    pub instructions: Vec<Instruction>,
}

impl Dockerfile {
    /// Reads the structure; never fails: what is not an instruction is the builder's to refuse.
    pub fn parse(text: &str) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let escape = escape_character(text);
        let mut lines = text.lines().enumerate();
        let mut instructions = Vec::new();
        while let Some((at, line)) = lines.next() {
            if is_comment(line) || line.trim().is_empty() {
                continue;
            }
            let mut whole = String::new();
            let mut current = line;
            loop {
                let trimmed = current.trim_end();
                let Some(open) = trimmed.strip_suffix(escape) else {
                    whole.push_str(current);
                    break;
                };
                whole.push_str(open);
                // comments and empty lines inside a continued instruction are dropped by builders as well
                match lines.by_ref().find(|(_, next)| !is_comment(next) && !next.trim().is_empty()) {
                    Some((_, next)) => current = next,
                    None => break,
                }
            }
            let (keyword, rest) = whole.trim().split_once(char::is_whitespace).unwrap_or((whole.trim(), ""));
            let instruction =
                Instruction { line: at + 1, keyword: keyword.to_ascii_uppercase(), rest: rest.trim().to_owned() };
            for heredoc in heredocs(&instruction) {
                let ends = |line: &str| {
                    let line = if heredoc.strip_tabs { line.trim_start_matches('\t') } else { line };
                    line == heredoc.word
                };
                let _body = lines.by_ref().find(|(_, line)| ends(line));
            }
            instructions.push(instruction);
        }
        Dockerfile { instructions }
    }

    /// Its stages in order.
    pub fn stages(&self) -> Vec<Stage> {
        self.instructions.iter().filter(|instruction| instruction.keyword == "FROM").map(stage).collect()
    }

    /// Whether `target` is a stage; the error is a help line.
    pub fn has_target(&self, target: &str) -> Result<(), Option<String>> {
        let stages = self.stages();
        let wanted = target.to_ascii_lowercase();
        let by_number = wanted.parse::<usize>().is_ok_and(|number| number < stages.len());
        if by_number || stages.iter().any(|stage| stage.name.as_deref() == Some(&wanted)) {
            return Ok(());
        }
        Err(did_you_mean(&wanted, stages.iter().filter_map(|stage| stage.name.as_deref()))
            .or_else(|| Some("name a stage with `FROM image AS name`".to_owned())))
    }
}

fn stage(instruction: &Instruction) -> Stage {
    let mut words = instruction.rest.split_whitespace().skip_while(|word| word.starts_with("--"));
    let from = words.next().unwrap_or_default().to_owned();
    let name = match (words.next(), words.next()) {
        (Some(keyword), Some(name)) if keyword.eq_ignore_ascii_case("as") => Some(name.to_ascii_lowercase()),
        _ => None,
    };
    Stage { line: instruction.line, from, name }
}

fn is_comment(line: &str) -> bool {
    line.trim_start().starts_with('#')
}

/// The `# escape=` directive, which may stand only before the first instruction, comment or empty line.
fn escape_character(text: &str) -> char {
    for line in text.lines() {
        let Some((key, value)) = line.trim().strip_prefix('#').and_then(|rest| rest.split_once('=')) else {
            break;
        };
        let key = key.trim();
        if key.eq_ignore_ascii_case("escape") {
            return if value.trim() == "`" { '`' } else { '\\' };
        }
        if !["syntax", "check"].iter().any(|known| key.eq_ignore_ascii_case(known)) {
            break;
        }
    }
    '\\'
}

struct Heredoc {
    word: String,
    strip_tabs: bool,
}

/// The heredocs an instruction opens; only `RUN`, `COPY` and `ADD` (also behind `ONBUILD`) can.
fn heredocs(instruction: &Instruction) -> Vec<Heredoc> {
    let mut rest = instruction.rest.as_str();
    let mut keyword = instruction.keyword.clone();
    if keyword == "ONBUILD" {
        let (inner, tail) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        keyword = inner.to_ascii_uppercase();
        rest = tail;
    }
    if !matches!(keyword.as_str(), "RUN" | "COPY" | "ADD") {
        return Vec::new();
    }
    words(rest).iter().filter_map(|word| heredoc(word)).collect()
}

fn heredoc(word: &str) -> Option<Heredoc> {
    let rest = word.trim_start_matches(|c: char| c.is_ascii_digit()).strip_prefix("<<")?;
    let (strip_tabs, rest) = rest.strip_prefix('-').map_or((false, rest), |rest| (true, rest));
    let bare = rest
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        .or_else(|| rest.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')))
        .unwrap_or(rest);
    let named = !bare.is_empty() && bare.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c));
    named.then(|| Heredoc { word: bare.to_owned(), strip_tabs })
}

/// Words split at blanks outside quotes; quotes stay in the word.
fn words(text: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), String::new(), None);
    for c in text.chars() {
        match quote {
            Some(open) if c == open => quote = None,
            None if c == '"' || c == '\'' => quote = Some(c),
            None if c.is_whitespace() => {
                words.push(std::mem::take(&mut word));
                continue;
            }
            _ => {}
        }
        word.push(c);
    }
    words.push(word);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stages(text: &str) -> Vec<(usize, String, Option<String>)> {
        Dockerfile::parse(text).stages().into_iter().map(|stage| (stage.line, stage.from, stage.name)).collect()
    }

    #[test]
    fn counts_from_lines_and_reads_names() {
        assert_eq!(
            stages(
                "# syntax=docker/dockerfile:1\nARG V=18\nFROM --platform=$BUILDPLATFORM node:$V AS Build\nfrom scratch\n"
            ),
            [(3, "node:$V".into(), Some("build".into())), (4, "scratch".into(), None)]
        );
    }

    #[test]
    fn a_from_in_a_heredoc_a_comment_or_a_continued_line_is_no_stage() {
        let text = "FROM a\nRUN <<EOF cat <<-'TWO'\nFROM b\nEOF\n\tFROM c\n\tTWO\n# FROM d\nRUN echo \\\n# FROM e\n\n  FROM f\nFROM g\n";
        assert_eq!(stages(text), [(1, "a".into(), None), (12, "g".into(), None)]);
    }

    #[test]
    fn the_escape_directive_changes_what_continues_a_line() {
        assert_eq!(
            stages("# escape=`\nFROM a\nRUN dir C:\\\nFROM b\nRUN one `\nFROM c\n"),
            [(2, "a".into(), None), (4, "b".into(), None)]
        );
    }

    #[test]
    fn shifts_and_here_strings_are_no_heredocs() {
        assert_eq!(stages("FROM a\nRUN echo $((1<<2)) && cat <<< x\nFROM b\n").len(), 2);
    }

    #[test]
    fn an_unknown_target_is_told_with_the_closest_name() {
        let file = Dockerfile::parse("FROM a AS builder\nFROM b AS runtime\n");
        assert_eq!(file.has_target("Runtime"), Ok(()));
        assert_eq!(file.has_target("1"), Ok(()));
        assert_eq!(file.has_target("runtme"), Err(Some("did you mean \"runtime\"?".into())));
    }

    #[test]
    fn odd_texts_end_without_a_panic() {
        for text in ["", "\\", "RUN <<EOF", "FROM", "ONBUILD", "\u{feff}FROM x", "RUN \"'"] {
            let _ = Dockerfile::parse(text).stages();
        }
    }
}
