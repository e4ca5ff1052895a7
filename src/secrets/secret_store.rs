//! Where secret values lie or are made: files, the operating system's random source, values kept for later runs.
//! Shows no value, in no message.

use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ring::rand::{SecureRandom, SystemRandom};

use crate::core::files::open;
use crate::core::mask::SecretText;
use crate::core::model::outcome::Fault;

/// The largest file that is taken for a secret: 1 MiB.
const LIMIT: u64 = 1 << 20;
/// The longest that a pipe with a secret (`<(pass show token)`) may stay open.
const PIPE_LIMIT: Duration = Duration::from_secs(30);
const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// A text from bytes, without the line end at its end.
///
/// # Errors
/// Words that say what is wrong with it: empty, not text, holding a NUL.
pub fn text(bytes: Vec<u8>) -> Result<SecretText, &'static str> {
    let text = String::from_utf8(bytes).map_err(|_| "is not UTF-8 text")?;
    let text = text.strip_suffix('\n').map_or(text.as_str(), |text| text.strip_suffix('\r').unwrap_or(text));
    if text.trim().is_empty() {
        return Err("is empty");
    }
    if text.contains('\0') {
        return Err("holds a NUL, which no environment variable can");
    }
    Ok(SecretText::new(text))
}

/// The content of a file; `None` where there is none. A relative path starts at `project`.
///
/// # Errors
/// [`Fault`] when it cannot be read, is larger than 1 MiB, empty or not text.
pub fn file(project: &Path, path: &Path) -> Result<Option<SecretText>, Fault> {
    let shown = path.display();
    let unreadable = |error: io::Error| Fault::environment(format!("`{shown}` cannot be read: {error}"));
    // a pipe as well: `<(pass show token)`
    let bytes = match open::read_or_drain(&project.join(path), LIMIT, PIPE_LIMIT) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) if error.kind() == io::ErrorKind::FileTooLarge => {
            return Err(Fault::environment(format!("`{shown}` is larger than 1 MiB: no secret is")));
        }
        Err(error) => return Err(unreadable(error)),
    };
    text(bytes).map(Some).map_err(|words| Fault::environment(format!("`{shown}` {words}")))
}

/// A fresh text of `length` letters and digits.
///
/// # Errors
/// [`Fault`] when the operating system gives no random numbers.
pub fn generate(length: u32) -> Result<SecretText, Fault> {
    let (random, mut text) = (SystemRandom::new(), String::new());
    let mut bytes = [0; 256];
    while text.len() < length as usize {
        random.fill(&mut bytes).map_err(|_| Fault::environment("the operating system gives no random numbers"))?;
        // 248 is the largest multiple of 62 that a byte holds: beyond it some letters would come more often
        let letters = bytes.iter().filter(|byte| **byte < 248).map(|byte| LETTERS[usize::from(byte % 62)] as char);
        text.extend(letters.take(length as usize - text.len()));
    }
    Ok(SecretText::new(text))
}

/// The value kept under `name` in `.pipeline/secrets/`, or `make`'s, which is kept from now on, for its owner alone.
///
/// # Errors
/// [`Fault`] of kind environment when it cannot be read, or others could read it; of kind unknown when it cannot be kept.
pub fn keep(project: &Path, name: &str, make: impl FnOnce() -> Result<SecretText, Fault>) -> Result<SecretText, Fault> {
    let (folder, relative) = (project.join(".pipeline/secrets"), PathBuf::from(".pipeline/secrets").join(name));
    if let Some(kept) = kept(project, &relative)? {
        return Ok(kept);
    }
    let value = make()?;
    let written = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder).and_then(|()| {
        // a repository must not take them in, whatever its own .gitignore says
        std::fs::write(folder.join(".gitignore"), "*\n")?;
        // whole or not at all, and never over another run's: a value half written would be taken for the value
        let mut new = tempfile_in(&folder, name)?;
        new.1.write_all(value.expose().as_bytes())?;
        new.1.sync_all()?;
        let linked = std::fs::hard_link(&new.0, folder.join(name));
        std::fs::remove_file(&new.0)?;
        linked
    });
    match written {
        Ok(()) => Ok(value),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(kept(project, &relative)?.unwrap_or(value)),
        Err(error) => Err(Fault::unknown(format!("`{}` cannot be written: {error}", relative.display()))
            .help("make room on the disk that holds it, or let this user write there")),
    }
}

fn tempfile_in(folder: &Path, name: &str) -> io::Result<(PathBuf, std::fs::File)> {
    let path = folder.join(format!(".{name}.{}", std::process::id()));
    let file = open::create(&path)?;
    Ok((path, file))
}

fn kept(project: &Path, relative: &Path) -> Result<Option<SecretText>, Fault> {
    let shown = relative.display();
    let Some(value) = file(project, relative)? else { return Ok(None) };
    let open = std::fs::metadata(project.join(relative)).is_ok_and(|found| found.permissions().mode() & 0o077 != 0);
    if open {
        return Err(
            Fault::environment(format!("`{shown}` can be read by others")).help(format!("type: chmod 600 {shown}"))
        );
    }
    Ok(Some(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_end_is_dropped_and_nothing_else() {
        let read = |bytes: &[u8]| text(bytes.to_vec()).map(|secret| secret.expose().to_owned());
        assert_eq!(read(b" a b\r\n"), Ok(" a b".to_owned()));
        assert_eq!(read(b"a\n\n"), Ok("a\n".to_owned()));
        assert_eq!(read(b"\n"), Err("is empty"));
        assert_eq!(read(b"a\0b"), Err("holds a NUL, which no environment variable can"));
        assert_eq!(read(b"\xff"), Err("is not UTF-8 text"));
    }

    #[test]
    fn generates_letters_and_digits_that_differ() {
        let (one, two) = (generate(300).expect("random"), generate(300).expect("random"));
        assert_eq!(one.expose().len(), 300);
        assert!(one.expose().bytes().all(|byte| byte.is_ascii_alphanumeric()));
        assert_ne!(one, two);
    }

    #[test]
    fn a_kept_value_is_the_same_the_next_time_and_private() {
        let project = tempfile::tempdir().expect("tmp");
        let first = keep(project.path(), "jwt", || Ok(SecretText::new("one"))).expect("kept");
        let second = keep(project.path(), "jwt", || Ok(SecretText::new("two"))).expect("kept");
        assert_eq!((first.expose(), second.expose()), ("one", "one"));
        let file = project.path().join(".pipeline/secrets/jwt");
        assert_eq!(file.metadata().expect("kept").permissions().mode() & 0o777, 0o600);
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).expect("ours");
        let fault = keep(project.path(), "jwt", || Ok(SecretText::new("two"))).expect_err("open");
        assert_eq!(fault.message, "`.pipeline/secrets/jwt` can be read by others");
    }
}
