//! The stages of a Dockerfile, read from its text alone. Knows instructions, comments, escapes and heredocs;
//! builds nothing and expands no variable.

mod words;

use crate::core::model::diagnostic::did_you_mean;

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
    /// Reads the structure as BuildKit does; never fails: what is not an instruction is the builder's to refuse.
    pub fn parse(text: &str) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let escape = escape_character(text);
        let mut lines = text.lines().map(|line| line.trim_end_matches('\r')).enumerate();
        let mut instructions = Vec::new();
        while let Some((at, line)) = lines.next() {
            if is_comment(line) || line.trim().is_empty() {
                continue;
            }
            let mut whole = String::new();
            let mut current = line.trim_start();
            loop {
                let Some(open) = continued(current, escape) else {
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
            let Some((keyword, rest)) = split_command(&whole) else { continue };
            let instruction =
                Instruction { line: at + 1, keyword: keyword.to_ascii_uppercase(), rest: rest.to_owned() };
            for heredoc in heredocs(&whole, &instruction, escape) {
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

/// A line that goes on in the next one, without its escape character. One that is escaped itself goes on nowhere.
fn continued(line: &str, escape: char) -> Option<&str> {
    let open = line.trim_end_matches([' ', '\t']).strip_suffix(escape)?;
    (!open.ends_with(escape)).then_some(open)
}

/// The keyword of an instruction and the rest; `None` for nothing.
fn split_command(line: &str) -> Option<(&str, &str)> {
    let line = line.trim();
    let blank = |c: char| matches!(c, '\t' | '\u{b}' | '\u{c}' | '\r' | ' ');
    let (keyword, rest) = line.split_once(blank).unwrap_or((line, ""));
    (!keyword.is_empty()).then(|| (keyword, rest.trim()))
}

/// The `# escape=` directive. Directives come before all else, each once.
fn escape_character(text: &str) -> char {
    let mut seen = Vec::new();
    for line in text.lines() {
        let Some((key, value)) = line.trim().strip_prefix('#').and_then(|rest| rest.split_once('=')) else {
            break;
        };
        let (key, value) = (key.trim().to_ascii_lowercase(), value.trim());
        if value.is_empty() || !matches!(key.as_str(), "syntax" | "check" | "escape") || seen.contains(&key) {
            break;
        }
        if key == "escape" {
            return if value == "`" { '`' } else { '\\' };
        }
        seen.push(key);
    }
    '\\'
}

struct Heredoc {
    word: String,
    strip_tabs: bool,
}

/// The heredocs an instruction opens; only `RUN`, `COPY` and `ADD` (also behind `ONBUILD`) can, and not in their JSON form.
fn heredocs(line: &str, instruction: &Instruction, escape: char) -> Vec<Heredoc> {
    let mut keyword = instruction.keyword.as_str();
    let mut rest = behind_flags(&instruction.rest, escape);
    if keyword == "ONBUILD" {
        let Some((inner, tail)) = split_command(rest) else { return Vec::new() };
        (keyword, rest) = (inner, behind_flags(tail, escape));
    }
    let can = ["RUN", "COPY", "ADD"].iter().any(|known| keyword.eq_ignore_ascii_case(known));
    if !can || !line.contains("<<") || is_json(rest) {
        return Vec::new();
    }
    // A line that cannot be split has none.
    let words = words::split(line, true).unwrap_or_default();
    words.iter().filter_map(|word| heredoc(word)).collect()
}

/// Whether what follows is a list of texts, which is run without a shell.
fn is_json(rest: &str) -> bool {
    rest.starts_with('[') && serde_json::from_str::<Vec<String>>(rest).is_ok()
}

/// What follows the flags of an instruction: `--mount=type=cache`.
fn behind_flags(rest: &str, escape: char) -> &str {
    let mut rest = rest;
    while let Some(flag) = Some(rest.trim_start()).filter(|rest| rest.starts_with("--")) {
        let (mut quote, mut escaped) = (None, false);
        let end = flag.find(|c: char| {
            if std::mem::take(&mut escaped) {
                return false;
            }
            match quote {
                _ if c == escape => escaped = true,
                Some(open) if c == open => quote = None,
                None if c == '"' || c == '\'' => quote = Some(c),
                None => return c.is_whitespace(),
                Some(_) => {}
            }
            false
        });
        rest = end.map_or("", |end| &flag[end..]);
        if end == Some(2) {
            break;
        }
    }
    rest.trim()
}

/// `3<<-WORD`: digits, `<<`, `-` for one whose tabs do not count, and the word with its quotes and escapes taken away.
fn heredoc(word: &str) -> Option<Heredoc> {
    let rest = word.trim_start_matches(|c: char| c.is_ascii_digit()).strip_prefix("<<")?;
    let (strip_tabs, rest) = rest.strip_prefix('-').map_or((false, rest), |rest| (true, rest));
    let rest = rest.trim_start_matches(['\t', '\n', '\u{c}', '\r', ' ']);
    if rest.contains('<') {
        return None;
    }
    match <[String; 1]>::try_from(words::split(rest, false).ok()?) {
        Ok([word]) => Some(Heredoc { word, strip_tabs }),
        Err(_) => None,
    }
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
    fn an_unknown_target_is_reported_with_the_closest_name() {
        let file = Dockerfile::parse("FROM a AS builder\nFROM b AS runtime\n");
        assert_eq!(file.has_target("Runtime"), Ok(()));
        assert_eq!(file.has_target("1"), Ok(()));
        assert_eq!(file.has_target("runtme"), Err(Some("did you mean \"runtime\"?".into())));
    }

    /// Where BuildKit (`dockerfile/parser` 0.34) finds a stage.
    #[derive(serde::Deserialize)]
    struct Fact {
        text: String,
        lines: Vec<usize>,
    }

    #[test]
    fn the_stages_are_those_that_buildkit_finds() {
        let mut wrong = Vec::new();
        for line in include_str!("../../../tests/facts/dockerfiles.jsonl").lines() {
            let fact: Fact = serde_json::from_str(line).expect("a fact");
            let ours: Vec<usize> = Dockerfile::parse(&fact.text).stages().into_iter().map(|stage| stage.line).collect();
            if ours != fact.lines {
                wrong.push(format!("{:?}\n  ours {ours:?}, BuildKit's {:?}", fact.text, fact.lines));
            }
        }
        assert!(wrong.is_empty(), "{} files:\n{}", wrong.len(), wrong.join("\n"));
    }

    #[test]
    fn odd_texts_end_without_a_panic() {
        for text in ["", "\\", "RUN <<EOF", "FROM", "ONBUILD", "\u{feff}FROM x", "RUN \"'"] {
            let _ = Dockerfile::parse(text).stages();
        }
    }
}
