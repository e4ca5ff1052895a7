//! What looks like a secret in a stream of bytes: the formats of `leaks/rules.yaml`, and given values word for word. Reads
//! in windows, so memory stays bounded. Hands on what was recognized and a digest, never a value.

mod judge;
mod rules;

use std::collections::BTreeSet;
use std::io::{self, Read};

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use crate::core::mask::SecretText;
use crate::secrets::secret_scan::{Traces, WINDOW};
use rules::{Key, Table};

/// Bytes kept from one window to the next: no rule looks further.
const OVERLAP: usize = 16 * 1024;
/// Bytes behind a key that a token may have.
const AHEAD: usize = OVERLAP / 2;
/// Bytes behind a key that is not the beginning of its token.
const CLOSE: usize = 256;
/// Bytes behind a word in which its value must end.
const ASSIGNED: usize = 512;
/// Text has less than one NUL among this many bytes.
const FEW: usize = 64;

/// Something that was recognized.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Leak {
    /// As what: `private key`, `secret database_url`.
    pub what: String,
    /// `sha256:` and 16 digits of the digest of what was found; none for a secret of the run.
    pub digest: Option<String>,
}

/// The rules and values to look for.
pub struct Leaks {
    table: Option<&'static Table>,
    /// Finds values in every form that masking knows.
    values: Traces,
}

/// What is known of the text that is searched.
#[derive(Clone, Copy)]
struct Place {
    /// Whether formats are looked for.
    shapes: bool,
    /// It is text.
    text: bool,
    /// Names in it are given values by people.
    configuration: bool,
    /// Checksums in it are many.
    checksums: bool,
    /// It is a manual or a test of a package.
    manual: bool,
}

impl Leaks {
    /// The built-in rules and `values` by name, in every form that masking knows (base64, hexadecimal, …). Values too short
    /// to look for are named by [`Leaks::too_short`].
    pub fn new<'a>(values: impl IntoIterator<Item = (&'a str, &'a SecretText)>) -> Self {
        Leaks { table: Some(rules::table()), values: Traces::new(values) }
    }

    /// The values alone: no format is looked for.
    pub fn of_values(values: Traces) -> Self {
        Leaks { table: None, values }
    }

    /// Names of the values that were too short to look for.
    pub fn too_short(&self) -> &[String] {
        self.values.too_short()
    }

    /// What was recognized in the content of the file at `path`.
    ///
    /// # Errors
    /// The stream's.
    pub fn scan(&self, path: &str, content: &mut dyn Read) -> io::Result<BTreeSet<Leak>> {
        let files: Vec<_> =
            self.table.iter().flat_map(|table| &table.files).filter(|rule| rule.is_meant(path)).collect();
        let (mut found, mut window, mut done) = (BTreeSet::new(), Vec::with_capacity(WINDOW), 0);
        let mut place = Place { shapes: true, text: true, ..judge::place(path) };
        loop {
            let kept = window.len();
            content.take((WINDOW - kept.min(WINDOW / 2)) as u64).read_to_end(&mut window)?;
            let is_last = window.len() == kept;
            if is_last && kept == 0 {
                return Ok(found);
            }
            place.shapes &= !(window.starts_with(b"\x7fELF") && judge::is_of_the_system(path));
            place.text = memchr::memchr_iter(0, &window).take(window.len() / FEW + 1).count() * FEW <= window.len();
            // what begins close to the end is looked at again with what follows
            let until = if is_last { window.len() } else { window.len().saturating_sub(AHEAD) };
            self.shapes(&window, done..until, place, &mut found);
            for rule in &files {
                let is_new = !found.iter().any(|leak: &Leak| leak.what == rule.name);
                if let Some(first) = rule.shape().filter(|_| is_new).and_then(|shape| shape.find(&window)) {
                    let rest = window[first.end()..].split(|byte| *byte == b'\n').next().unwrap_or_default();
                    let secret = &window[first.start()..first.end() + rest.len()];
                    found.insert(Leak { what: rule.name.clone(), digest: Some(judge::digest(secret)) });
                }
            }
            if is_last {
                return Ok(found);
            }
            self.known(&window, &mut found);
            let keep = OVERLAP.max(self.values.overlap()).min(window.len());
            done = until.saturating_sub(window.len() - keep);
            window.drain(..window.len() - keep);
        }
    }

    /// What was recognized in a text of a configuration.
    pub fn scan_text(&self, text: &str) -> BTreeSet<Leak> {
        let (bytes, mut found) = (text.as_bytes(), BTreeSet::new());
        let place = Place { shapes: true, text: true, configuration: true, checksums: false, manual: false };
        self.shapes(bytes, 0..bytes.len(), place, &mut found);
        self.known(bytes, &mut found);
        found
    }

    /// Adds the values that are there.
    fn known(&self, window: &[u8], found: &mut BTreeSet<Leak>) {
        if !self.values.is_empty() {
            let traces = self.values.within(window);
            found.extend(traces.iter().map(|trace| Leak { what: trace.to_string(), digest: None }));
        }
    }

    /// Adds the formats that begin within `range`.
    fn shapes(&self, window: &[u8], range: std::ops::Range<usize>, place: Place, found: &mut BTreeSet<Leak>) {
        let Some(table) = self.table.filter(|_| place.shapes) else { return };
        let from = range.start.saturating_sub(64);
        for hit in table.finder.find_overlapping_iter(&window[from..]) {
            let (start, end) = (from + hit.start(), from + hit.end());
            if start < range.start {
                continue;
            }
            if start >= range.end {
                break;
            }
            let secret = match &table.keys[hit.pattern().as_usize()] {
                Key::Token(rule, key) if window[start..end] == **key => {
                    let rule = &table.tokens[*rule];
                    let is_meant = !(rule.documented && (place.manual || !place.text)) && (place.text || !rule.prose);
                    let secret = is_meant.then(|| token(table, rule, window, start, end)).flatten();
                    secret.map(|secret| (&rule.name, secret))
                }
                Key::Decoded(rule, key) if window[start..end] == **key => {
                    let rule = &table.decoded[*rule];
                    decoded(rule, &window[start..]).map(|secret| (&rule.name, secret))
                }
                Key::Assigned(rule) if place.text && !place.checksums => {
                    let rule = &table.assigned[*rule];
                    let is_meant = (place.configuration || !rule.generic) && judge::may_be_given(&window[end..]);
                    let secret = is_meant.then(|| assigned(table, rule, window, start)).flatten();
                    secret.map(|secret| (&rule.name, secret))
                }
                _ => None,
            };
            if let Some((what, secret)) = secret {
                found.insert(Leak { what: what.clone(), digest: Some(judge::digest(secret)) });
            }
        }
    }
}

/// The secret of a token whose key was found.
fn token<'w>(table: &Table, rule: &rules::Token, window: &'w [u8], start: usize, end: usize) -> Option<&'w [u8]> {
    let first = start.saturating_sub(rule.back);
    if rule.back == 0 && !rule.wide && !judge::may_begin(window, start) {
        return None;
    }
    // only what begins at the key is searched without cost: it fails at the first byte that does not fit
    let ahead = if rule.back == 0 || rule.back > CLOSE { AHEAD } else { CLOSE };
    let around = &window[first..window.len().min(end + ahead)];
    let found = rule.shape()?.captures(around)?;
    let whole = found.get(0)?;
    let secret = found.iter().skip(1).flatten().next().unwrap_or(whole);
    let (begin, finish) = (first + whole.start(), first + whole.end());
    if begin > start || finish < end {
        return None;
    }
    let is_alone = judge::may_begin(window, begin) && judge::may_end(window, finish);
    if !(rule.wide || is_alone) {
        return None;
    }
    let text = secret.as_bytes();
    let is_real = judge::entropy(text) >= rule.entropy
        && (!rule.mixed || judge::is_mixed(text))
        && !table.placeholders.is_match(text)
        && (!rule.url || judge::is_password(table, text))
        && (!rule.prose || judge::is_written_out(text))
        && (!rule.colon || judge::decodes(text).is_some_and(|bytes| bytes.contains(&b':')))
        && rule.near.as_ref().is_none_or(|word| judge::is_near(window, start, word));
    is_real.then_some(text)
}

/// The base64 whose content has the rule's shape.
fn decoded<'w>(rule: &rules::Decoded, window: &'w [u8]) -> Option<&'w [u8]> {
    let is_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    let length = window.iter().take(AHEAD).take_while(|byte| is_base64(byte)).count() / 4 * 4;
    let content = STANDARD_NO_PAD.decode(&window[..length]).ok()?;
    rule.shape()?.is_match(&content).then_some(&window[..length])
}

/// The value given to a name that holds a word.
fn assigned<'w>(table: &Table, rule: &rules::Assigned, window: &'w [u8], start: usize) -> Option<&'w [u8]> {
    let value = rule.shape()?.captures(&window[start..window.len().min(start + ASSIGNED)])?.get(1)?.as_bytes();
    let letters = value.iter().filter(|byte| byte.is_ascii_alphabetic()).count();
    let digits = value.iter().filter(|byte| byte.is_ascii_digit()).count();
    let is_real = (rule.digits || letters >= 2 && digits >= 2)
        && judge::entropy(value) >= rule.entropy
        && !table.placeholders.is_match(value)
        && !table.words.is_match(value)
        && (!rule.generic || judge::is_random(value));
    is_real.then_some(value)
}

#[cfg(test)]
mod tests;
