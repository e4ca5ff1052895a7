//! What a step wrote to `$PIPELINE_OUTPUT`: `key=value` lines and the `key<<END … END` form. Knows no step.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;

use crate::mask::{Masker, SecretText};
use crate::outcome::{Failure, Outputs};

/// Bytes that the file may have.
const LIMIT: u64 = 1024 * 1024;

/// Reads and removes the file; none means no outputs.
///
/// # Errors
/// A failure that names the lines that cannot be read, or the outputs that hold a secret.
pub(crate) fn take(file: &Path, secrets: &BTreeMap<String, SecretText>, masker: &Masker) -> Result<Outputs, Failure> {
    let text = match std::fs::read(file) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Outputs::new()),
        Err(error) => return Err(Failure::new(format!("its outputs cannot be read: {error}"))),
        Ok(text) => text,
    };
    let _ = std::fs::remove_file(file);
    if text.len() as u64 > LIMIT {
        let size = crate::units::ByteSize(text.len() as u64);
        return Err(Failure::new(format!("its outputs have {size}, at most 1 MiB is kept"))
            .help("write large results to a file and hand on its path"));
    }
    let text = String::from_utf8(text).map_err(|_| Failure::new("its outputs are not UTF-8 text"))?;
    let found: Outputs = parse(&text)?.into_iter().map(|(key, value)| (key, value.into())).collect();
    refuse_secrets(&found, secrets, masker)?;
    Ok(found)
}

/// The declared outputs that are not there, as a failure.
pub(crate) fn require(declared: &[String], outputs: &Outputs) -> Result<(), Failure> {
    let missing: Vec<&str> = declared.iter().map(String::as_str).filter(|name| !outputs.contains_key(name)).collect();
    let Some(first) = missing.first() else { return Ok(()) };
    Err(Failure::new(format!("did not write the outputs it declares: {}", missing.join(", ")))
        .help(format!("write them to the file, for example: echo \"{first}=value\" >> \"$PIPELINE_OUTPUT\"")))
}

/// Refuses outputs that hold a secret's value, in any form: they stand in the journal and in reports.
pub(crate) fn refuse_secrets(
    outputs: &Outputs,
    secrets: &BTreeMap<String, SecretText>,
    masker: &Masker,
) -> Result<(), Failure> {
    if masker.is_empty() {
        return Ok(());
    }
    for (key, value) in outputs {
        let text = value.as_str().map_or_else(|| value.to_string().into(), Cow::Borrowed);
        let Some(hit) = masker.find(text.as_bytes()).first().copied() else { continue };
        let secret = secrets.keys().nth(hit.secret).map_or("", String::as_str);
        return Err(Failure::new(format!("the output `{key}` holds the value of the secret `{secret}`"))
            .help(format!("outputs are kept in the clear; use ${{{{ secrets.{secret} }}}} where it is needed")));
    }
    Ok(())
}

fn parse(text: &str) -> Result<BTreeMap<String, String>, Failure> {
    let mut found = BTreeMap::new();
    let mut wrong: Vec<String> = Vec::new();
    let mut lines = (1..).zip(text.lines().map(|line| line.strip_suffix('\r').unwrap_or(line)));
    while let Some((number, line)) = lines.next() {
        if line.trim().is_empty() {
            continue;
        }
        match split(line) {
            Some((key, Value::Line(value))) => _ = found.insert(key.to_owned(), value.to_owned()),
            Some((key, Value::Until(end))) => {
                let mut block: Vec<&str> = Vec::new();
                let closed = loop {
                    match lines.next() {
                        Some((_, line)) if line == end => break true,
                        Some((_, line)) => block.push(line),
                        None => break false,
                    }
                };
                if closed {
                    found.insert(key.to_owned(), block.join("\n"));
                } else {
                    wrong.push(format!("line {number}: `{line}` has no closing line `{end}`"));
                }
            }
            None => wrong.push(format!("line {number}: `{}`", shortened(line))),
        }
    }
    if wrong.is_empty() {
        return Ok(found);
    }
    let rest = wrong.len().saturating_sub(3);
    wrong.truncate(3);
    let more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
    Err(Failure::new(format!("its outputs cannot be read: {}{more}", wrong.join("; ")))
        .help("write `key=value` lines, or `key<<END`, the lines of the value, `END`"))
}

enum Value<'a> {
    Line(&'a str),
    Until(&'a str),
}

fn split(line: &str) -> Option<(&str, Value<'_>)> {
    let at = line.find(['=', '<'])?;
    let (key, rest) = line.split_at(at);
    let value = match rest.strip_prefix("<<") {
        Some(end) if !end.trim().is_empty() => Value::Until(end.trim()),
        _ => Value::Line(rest.strip_prefix('=')?),
    };
    let good = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    (!key.is_empty() && key.bytes().all(good)).then_some((key, value))
}

fn shortened(line: &str) -> String {
    let short: String = line.chars().take(60).collect();
    if short.len() < line.len() { format!("{short}…") } else { short }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Result<Vec<(String, String)>, String> {
        parse(text).map(|found| found.into_iter().collect()).map_err(|failure| failure.summary)
    }

    fn owned(list: &[(&str, &str)]) -> Vec<(String, String)> {
        list.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn reads_lines_and_blocks() {
        let text = "digest=sha256:1=2\r\n\nnotes<<EOF\none\n\nkey=two\nEOF\nempty=\nlast=<b>\nlast=c\n";
        let expected = [("digest", "sha256:1=2"), ("empty", ""), ("last", "c"), ("notes", "one\n\nkey=two")];
        assert_eq!(pairs(text), Ok(owned(&expected)));
        assert_eq!(pairs(""), Ok(Vec::new()));
    }

    #[test]
    fn names_the_lines_that_cannot_be_read() {
        let expected = "its outputs cannot be read: line 1: `no sign`; line 2: `a key=1`; line 3: `=x` and 1 more";
        assert_eq!(pairs("no sign\na key=1\n=x\nnotes<<EOF\nnever closed\n"), Err(expected.to_owned()));
    }

    #[test]
    fn refuses_an_output_that_holds_a_secret() {
        let secrets = BTreeMap::from([("token".to_owned(), SecretText::new("s3cr3t"))]);
        let outputs = Outputs::from([("url".to_owned(), "https://s3cr3t@host".into())]);
        let masker = Masker::new(secrets.values());
        let failure = refuse_secrets(&outputs, &secrets, &masker).expect_err("it holds one");
        assert_eq!(failure.summary, "the output `url` holds the value of the secret `token`");
        assert_eq!(
            failure.help.as_deref(),
            Some("outputs are kept in the clear; use ${{ secrets.token }} where it is needed")
        );
    }

    #[test]
    fn names_declared_outputs_that_were_not_written() {
        let failure = require(&["tag".to_owned(), "digest".to_owned()], &Outputs::new()).expect_err("none is there");
        assert_eq!(failure.summary, "did not write the outputs it declares: tag, digest");
    }
}
