//! The outputs that a script of GitHub Actions or GitLab writes, in the file that has them here.

use std::sync::LazyLock;

use regex::{Captures, Regex};

/// A file that outputs are appended to, as `tee -a` or `>>` does it.
static FILE: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#"(>>|tee\s+(?:-a|--append))\s*"?\$\{?GITHUB_OUTPUT\}?"?"#).ok());
/// What is written in front of it.
static NAME: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#"(?:echo|printf)\s+(?:-\w+\s+)?["']?([A-Za-z_][A-Za-z0-9_-]*)(?:=|<<)"#).ok());
/// The older way, a line on standard output.
static COMMAND: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r#"echo\s+(["']?)::set-output name=([A-Za-z_][A-Za-z0-9_-]*)::([^"'\n]*)(["']?)"#).ok()
});

/// Lets the lines write to `$PIPELINE_OUTPUT`, and gives the names of the outputs.
pub(super) fn of_script(lines: &mut [String]) -> Vec<String> {
    let (Some(file), Some(name), Some(command)) = (FILE.as_ref(), NAME.as_ref(), COMMAND.as_ref()) else {
        return Vec::new();
    };
    let mut names: Vec<String> = Vec::new();
    for text in lines {
        let replaced: Vec<String> = text
            .split('\n')
            .map(|line| {
                let line = command.replace_all(line, |found: &Captures<'_>| {
                    format!("echo {}{}={}{} >> \"$GITHUB_OUTPUT\"", &found[1], &found[2], &found[3], &found[4])
                });
                if !file.is_match(&line) {
                    return line.into_owned();
                }
                names.extend(name.captures_iter(&line).map(|found| found[1].to_owned()));
                file.replace_all(&line, "$1 \"$$PIPELINE_OUTPUT\"").into_owned()
            })
            .collect();
        *text = replaced.join("\n");
    }
    let mut seen = Vec::new();
    names.retain(|name| {
        !seen.contains(name) && {
            seen.push(name.clone());
            true
        }
    });
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_go_to_the_file_that_has_them_here() {
        for (written, ours, made) in [
            (r#"echo "a=1" >> $GITHUB_OUTPUT"#, r#"echo "a=1" >> "$PIPELINE_OUTPUT""#, &["a"][..]),
            (r#"echo b=$(date) >>"${GITHUB_OUTPUT}""#, r#"echo b=$(date) >> "$PIPELINE_OUTPUT""#, &["b"]),
            (r#"echo "a=1" | tee -a "$GITHUB_OUTPUT""#, r#"echo "a=1" | tee -a "$PIPELINE_OUTPUT""#, &["a"]),
            (r#"echo "::set-output name=c::$x""#, r#"echo "c=$x" >> "$PIPELINE_OUTPUT""#, &["c"]),
            ("make\nprintf 'd=%s\\n' 1 >> $GITHUB_OUTPUT", "make\nprintf 'd=%s\\n' 1 >> \"$PIPELINE_OUTPUT\"", &["d"]),
            ("echo a=1", "echo a=1", &[]),
        ] {
            let mut lines = [written.to_owned()];
            assert_eq!(of_script(&mut lines), made, "{written}");
            assert_eq!(lines[0], ours);
        }
    }
}
