//! Events and live measurements without secrets. This is the only place where events are masked: what leaves it goes to the
//! journal and to reporters.

use std::borrow::Cow;

use crate::core::mask::Masker;
use crate::core::model::event::{Event, Live, Text};

/// Characters of one line among several.
const WIDTH: usize = 1000;

/// Masks every text field of an event. Structure stays: a secret that equals a key, a state or a name changes no record.
pub(crate) fn event(masker: &Masker, event: &mut Event) {
    event.each_text(&mut |text| mask(masker, text));
}

/// Masks what was measured; a log line is masked by its log.
pub(crate) fn live(masker: &Masker, live: &mut Live) {
    if !masker.is_empty() {
        live.each_text(&mut |text| mask(masker, text));
    }
}

fn mask(masker: &Masker, text: Text<'_>) {
    match text {
        Text::Whole(text) => {
            if let Cow::Owned(masked) = masker.mask(text) {
                *text = masked;
            }
        }
        Text::Lines(lines) => {
            masker.mask_lines(lines);
            lines.iter_mut().for_each(shorten);
        }
        Text::Json(value) => masker.mask_json(value),
    }
}

/// A line of a command that is shown with a failure. Cut here and not where it is read: a part of a secret is not found.
fn shorten(line: &mut String) {
    if let Some((at, _)) = line.char_indices().nth(WIDTH) {
        line.truncate(at);
        line.push('…');
    }
}

#[cfg(test)]
mod tests;
