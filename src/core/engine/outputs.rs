//! What a step wrote to `$PIPELINE_OUTPUT`: `key=value` lines and the `key<<END … END` form. Knows no step.

mod folder;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use crate::core::mask::{Masker, SecretText};
use crate::core::model::outcome::{Failure, Outputs};

pub(crate) use folder::OutputFolder;

/// Bytes that the file may have.
const LIMIT: u64 = 1024 * 1024;

/// Reads and removes the file; none means no outputs.
///
/// # Errors
/// A failure that names the lines that cannot be read, or the outputs that hold a secret; or says that it is no regular
/// file, or too large.
pub(crate) fn take(file: &Path, secrets: &BTreeMap<String, SecretText>, masker: &Masker) -> Result<Outputs, Failure> {
    let found = peek(file, secrets, masker);
    let _ = std::fs::remove_file(file);
    found
}

/// Reads the file and leaves it where it is; none means no outputs.
///
/// # Errors
/// As for [`take`].
pub(crate) fn peek(file: &Path, secrets: &BTreeMap<String, SecretText>, masker: &Masker) -> Result<Outputs, Failure> {
    let Some(text) = read(file)? else { return Ok(Outputs::new()) };
    let text = String::from_utf8(text).map_err(|_| Failure::new("its outputs are not UTF-8 text"))?;
    let found: Outputs = parse(&text, masker)?.into_iter().map(|(key, value)| (key, value.into())).collect();
    refuse_secrets(&found, secrets, masker)?;
    Ok(found)
}

/// The bytes of a regular file of at most [`LIMIT`]; nothing where there is none. Never waits: a step may have put a pipe
/// or a device there.
fn read(file: &Path) -> Result<Option<Vec<u8>>, Failure> {
    let unreadable = |error: io::Error| Failure::new(format!("its outputs cannot be read: {error}"));
    let irregular = || {
        Failure::new("its outputs cannot be read: $PIPELINE_OUTPUT is not a regular file any more")
            .help("append `key=value` lines to the file that is there: echo \"key=value\" >> \"$PIPELINE_OUTPUT\"")
    };
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    let opened = match rustix::fs::open(file, flags, Mode::empty()) {
        Ok(opened) => std::fs::File::from(opened),
        Err(Errno::NOENT) => return Ok(None),
        Err(Errno::LOOP | Errno::NXIO) => return Err(irregular()),
        Err(error) => return Err(unreadable(error.into())),
    };
    let found = opened.metadata().map_err(unreadable)?;
    if !found.is_file() {
        return Err(irregular());
    }
    let mut text = Vec::new();
    let count = opened.take(LIMIT + 1).read_to_end(&mut text).map_err(unreadable)? as u64;
    if count > LIMIT {
        let size = crate::core::model::units::ByteSize(count.max(found.len()));
        return Err(Failure::new(format!("its outputs have {size}, at most 1 MiB is kept"))
            .help("write large results to a file and hand on its path"));
    }
    Ok(Some(text))
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
        let found = |text: &str| {
            let seen = crate::core::mask::visible(text.as_bytes());
            [text.as_bytes(), &seen].into_iter().find_map(|bytes| masker.find(bytes).first().copied())
        };
        let value = value.as_str().map_or_else(|| value.to_string().into(), Cow::Borrowed);
        let Some(in_line) = found(&format!("{key}={value}")) else { continue };
        let (hit, which) = match found(&value) {
            Some(hit) => (hit, format!("the output `{key}`")),
            // a secret that is a word may be the name of an output; one that ends in `=` was written as if it were
            None if found(key).is_some() => continue,
            None => (in_line, "the name of an output".to_owned()),
        };
        let secret = secrets.keys().nth(hit.secret).map_or("", String::as_str);
        return Err(Failure::new(format!("{which} holds the value of the secret `{secret}`"))
            .help(format!("outputs are kept in the clear; use ${{{{ secrets.{secret} }}}} where it is needed")));
    }
    Ok(())
}

fn parse(text: &str, masker: &Masker) -> Result<BTreeMap<String, String>, Failure> {
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
                    let (line, end) = (shortened(line, masker), shortened(end, masker));
                    wrong.push(format!("line {number}: `{line}` has no closing line `{end}`"));
                }
            }
            None => wrong.push(format!("line {number}: `{}`", shortened(line, masker))),
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

/// Masked first: the beginning of a secret is not found any more.
fn shortened(line: &str, masker: &Masker) -> String {
    let line = masker.mask(line);
    let short: String = line.chars().take(60).collect();
    if short.len() < line.len() { format!("{short}…") } else { short }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Result<Vec<(String, String)>, String> {
        parse(text, &Masker::default()).map(|found| found.into_iter().collect()).map_err(|failure| failure.summary)
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
    fn neither_a_name_nor_an_error_holds_a_secret() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("output");
        let long = "abcdefghijklmnopqrstuvwxyz-0123456789-abcdefghijklmnopqrstuvwxyz";
        for (secret, text) in [("QWxhZGRpbjpvcA==", "QWxhZGRpbjpvcA=="), (long, long)] {
            let secrets = BTreeMap::from([("token".to_owned(), SecretText::new(secret))]);
            std::fs::write(&file, text).expect("written");
            let failure = take(&file, &secrets, &Masker::new(secrets.values())).expect_err("it holds one");
            let shown = Masker::new(secrets.values()).mask(&failure.summary).into_owned();
            assert!(!shown.contains(&secret[..12]), "{shown}");
        }
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
    fn what_is_no_regular_file_or_too_large_is_reported_and_never_waited_for() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("a.output");
        let taken = || take(&file, &BTreeMap::new(), &Masker::default()).map_err(|failure| failure.summary);
        let irregular = "its outputs cannot be read: $PIPELINE_OUTPUT is not a regular file any more";
        assert_eq!(taken(), Ok(Outputs::new()));
        rustix::fs::mkfifoat(rustix::fs::CWD, &file, Mode::RUSR | Mode::WUSR).expect("made");
        assert_eq!(taken(), Err(irregular.to_owned()));
        assert_eq!(taken(), Ok(Outputs::new()), "it was removed");
        std::os::unix::fs::symlink("/dev/zero", &file).expect("made");
        assert_eq!(taken(), Err(irregular.to_owned()));
        std::fs::create_dir(&file).expect("made");
        assert_eq!(taken(), Err(irregular.to_owned()));
        std::fs::remove_dir(&file).expect("empty");
        std::fs::write(&file, vec![b'x'; 3 << 20]).expect("writable");
        assert_eq!(taken(), Err("its outputs have 3.15 MB, at most 1 MiB is kept".to_owned()));
    }

    #[test]
    fn names_declared_outputs_that_were_not_written() {
        let failure = require(&["tag".to_owned(), "digest".to_owned()], &Outputs::new()).expect_err("none is there");
        assert_eq!(failure.summary, "did not write the outputs it declares: tag, digest");
    }
}
