//! Secret values and the masking of them in text. Knows where no secret comes from and where no text goes.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use aho_corasick::Input;

mod cut;
mod forms;
mod grams;
mod search;
mod stream;
mod visible;

pub use cut::{cut, cut_middle, of_run, set_of_run};
pub use forms::Form;
use search::Search;
pub use stream::MaskStream;
pub use visible::visible;

/// The replacement for a secret.
pub const MASK: &str = "***";

/// The shortest value that is masked, in bytes. Shorter ones (`1`, `on`, `yes`) stand in ordinary text so often that
/// masking them would garble every log and, by its gaps, tell the value.
pub const MIN_LENGTH: usize = 4;

/// A secret's value. Its `Debug` never shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretText(String);

impl SecretText {
    /// Wraps a value.
    pub fn new(value: impl Into<String>) -> Self {
        SecretText(value.into())
    }

    /// The value itself: hand it only to where it travels unseen.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Replaces a run's secret values in text by [`MASK`], in the forms they may take on their way: as they are, in base64 and
/// base32 at each alignment, hexadecimal, and escaped for URLs, JSON, HTML and shells; also where escape sequences stand
/// inside them, and where line breaks cut them or replace their blanks. A clone shares the tables.
///
/// A secret that holds `***` itself may survive next to a masked one: no useful value does.
#[derive(Clone, Default)]
pub struct Masker {
    /// `None` where there is nothing to mask.
    search: Option<Arc<Search>>,
    too_short: Arc<[usize]>,
}

/// A secret found in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hit {
    /// Its position among the secrets that the [`Masker`] was made of.
    pub secret: usize,
    /// In which form it was found.
    pub form: Form,
}

impl Masker {
    /// Masks these secrets. Values shorter than [`MIN_LENGTH`] are left out: see [`Masker::too_short`].
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a SecretText>) -> Self {
        let (mut patterns, mut too_short) = (Vec::new(), Vec::new());
        for (secret, text) in secrets.into_iter().enumerate() {
            if text.expose().trim().len() < MIN_LENGTH {
                too_short.push(secret);
                continue;
            }
            patterns.extend(forms::of(text.expose()).into_iter().map(|(form, bytes)| (bytes, Hit { secret, form })));
        }
        patterns.sort();
        patterns.dedup_by(|later, earlier| later.0 == earlier.0 && later.1.secret == earlier.1.secret);
        Masker { search: Search::new(patterns), too_short: too_short.into() }
    }

    /// Whether it leaves every text as it is.
    pub fn is_empty(&self) -> bool {
        self.search.is_none()
    }

    /// Positions of the secrets that are too short to be masked; worth a warning.
    pub fn too_short(&self) -> &[usize] {
        &self.too_short
    }

    /// The text with every secret replaced.
    pub fn mask<'t>(&self, text: &'t str) -> Cow<'t, str> {
        match self.mask_bytes(text.as_bytes()) {
            Cow::Borrowed(_) => Cow::Borrowed(text),
            // Forms are whole characters, so what is left of whole characters is whole characters.
            Cow::Owned(bytes) => Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
        }
    }

    /// Lines that belong together with every secret replaced, also one that their ends cut.
    pub fn mask_lines(&self, lines: &mut Vec<String>) {
        if self.is_empty() {
            return;
        }
        if let Cow::Owned(masked) = self.mask(&lines.join("\n")) {
            *lines = masked.split('\n').map(str::to_owned).collect();
        }
    }

    /// The bytes with every secret replaced.
    pub fn mask_bytes<'t>(&self, bytes: &'t [u8]) -> Cow<'t, [u8]> {
        let Some(search) = self.search.as_deref() else { return Cow::Borrowed(bytes) };
        let may_be_cut = || bytes.contains(&b'\n') || visible::hides(bytes);
        if !search.finder.is_match(bytes) && !may_be_cut() {
            return Cow::Borrowed(bytes);
        }
        let mut stream = self.stream();
        let mut out = stream.push(bytes);
        out.extend(stream.finish());
        if out == bytes { Cow::Borrowed(bytes) } else { Cow::Owned(out) }
    }

    /// The JSON value with every text in it masked, keys of objects included.
    pub fn mask_json(&self, value: &mut serde_json::Value) {
        if self.is_empty() {
            return;
        }
        match value {
            serde_json::Value::String(text) => {
                if let Cow::Owned(masked) = self.mask(text) {
                    *text = masked;
                }
            }
            serde_json::Value::Array(items) => items.iter_mut().for_each(|item| self.mask_json(item)),
            serde_json::Value::Object(fields) => {
                for (key, mut value) in std::mem::take(fields) {
                    self.mask_json(&mut value);
                    let mut key = self.mask(&key).into_owned();
                    // two keys that differ in what is masked stay two
                    while fields.contains_key(&key) {
                        key.push('*');
                    }
                    fields.insert(key, value);
                }
            }
            serde_json::Value::Null | serde_json::Value::Bool(_) | serde_json::Value::Number(_) => {}
        }
    }

    /// The first secret in these bytes, cheaply.
    pub fn find_any(&self, bytes: &[u8]) -> Option<Hit> {
        let search = self.search.as_deref()?;
        search.finder.find(bytes).map(|found| search.patterns[found.pattern().as_usize()].1)
    }

    /// Which secrets stand in these bytes, and how; each pair once, sorted.
    pub fn find(&self, bytes: &[u8]) -> Vec<Hit> {
        let Some(search) = self.search.as_deref() else { return Vec::new() };
        let (mut hits, mut at) = (Vec::new(), 0);
        while let Some(found) = search.finder.find(Input::new(bytes).range(at..)) {
            let longest = &bytes[found.range()];
            // Shorter forms with the same start, of this secret or another, hide behind the longest one.
            let same_start = search.patterns.iter().filter(|(form, _)| longest.starts_with(form));
            hits.extend(same_start.map(|(_, hit)| *hit));
            at = found.start() + 1;
        }
        hits.sort();
        hits.dedup();
        hits
    }

    /// Masks a stream that comes in pieces.
    pub fn stream(&self) -> MaskStream {
        MaskStream::new(self.clone())
    }
}

impl fmt::Debug for Masker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let forms = self.search.as_deref().map_or(0, |search| search.patterns.len());
        f.debug_struct("Masker").field("forms", &forms).field("too_short", &self.too_short).finish()
    }
}

#[cfg(test)]
mod tests;
