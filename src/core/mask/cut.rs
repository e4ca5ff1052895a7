//! Cutting text that may hold a secret of the run. It is masked first: a part of a secret is not found any more. Serves
//! those who read text of others and are not handed the run's secrets.

use std::sync::{PoisonError, RwLock};

use super::Masker;

/// The secrets of the run of this process.
static OF_RUN: RwLock<Option<Masker>> = RwLock::new(None);

/// Sets what [`of_run`] masks from now on.
pub fn set_of_run(masker: &Masker) {
    *OF_RUN.write().unwrap_or_else(PoisonError::into_inner) = Some(masker.clone());
}

/// Masks the secrets of the run of this process; nothing where there is no run.
pub fn of_run() -> Masker {
    OF_RUN.read().unwrap_or_else(PoisonError::into_inner).clone().unwrap_or_default()
}

/// The start of a text that has more than `most` characters, without the run's secrets.
pub fn cut(text: &str, most: usize) -> String {
    if !is_longer(text, most) {
        return text.to_owned();
    }
    start(&of_run().mask(text), most)
}

/// The start and the end of a text that has more than `most` characters, without the run's secrets.
pub fn cut_middle(text: &str, most: usize) -> String {
    if !is_longer(text, most) {
        return text.to_owned();
    }
    let masker = of_run();
    let text = masker.mask(text);
    let count = text.chars().count();
    if count <= most {
        return text.into_owned();
    }
    let start: String = text.chars().take(most / 3).collect();
    let end: String = text.chars().skip(count - (most - most / 3 - 3)).collect();
    format!("{start} … {end}")
}

fn start(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn is_longer(text: &str, most: usize) -> bool {
    text.len() > most && text.chars().nth(most).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::mask::SecretText;

    #[test]
    fn no_part_of_a_secret_is_left_where_a_text_is_cut() {
        set_of_run(&Masker::new([&SecretText::new("cut-hunter-2-secret")]));
        let text = "password cut-hunter-2-secret is refused, and cut-hunter-2-secret is, too";
        assert_eq!(cut(text, 20), "password *** is refu…");
        assert_eq!(cut_middle(text, 30), "password * … , and *** is, too");
        assert_eq!(cut("éé", 2), "éé");
    }
}
