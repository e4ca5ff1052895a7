//! A manifest file as `kubectl` takes it apart: documents between lines that start with `---`, JSON objects one after
//! another. Knows no values.

use std::path::Path;

use serde_json::Value;

use super::{MAX_DOCUMENTS, ManifestError, refuse, tree, yaml};

/// The documents of a file with the lines they start at; empty ones are left out.
pub(super) fn documents(text: &str, source: &Path) -> Result<Vec<(usize, Value)>, ManifestError> {
    let mut documents = Vec::new();
    let mut rest = 0;
    if is_json(source) || text.trim_start().starts_with('{') {
        let (end, error) = json(text, source, &mut documents)?;
        // What is called JSON is not read as YAML.
        if let Some(error) = error.filter(|_| is_json(source)) {
            return Err(error);
        }
        rest = end;
    }
    if rest < text.len() {
        let line = 1 + text[..rest].matches('\n').count();
        yaml_documents(&text[rest..], line, source, &mut documents)?;
    }
    Ok(documents)
}

fn is_json(source: &Path) -> bool {
    source.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"))
}

/// Reads JSON values one after another: where they end, and why. After the first value what follows may be YAML.
fn json(
    text: &str,
    source: &Path,
    documents: &mut Vec<(usize, Value)>,
) -> Result<(usize, Option<ManifestError>), ManifestError> {
    let line_at = |offset: usize| 1 + text[..offset].matches('\n').count();
    let mut stream = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    let (mut count, mut end) = (0, 0);
    loop {
        let start = end + (text[end..].len() - text[end..].trim_start().len());
        match stream.next() {
            None => return Ok((text.len(), None)),
            Some(Ok(mut document)) => {
                count += 1;
                end = stream.byte_offset();
                tree::settle(&mut document);
                if !document.is_null() {
                    documents.push((line_at(start), document));
                }
            }
            Some(Err(error)) => {
                let words = error.to_string();
                let words = words.split(" at line ").next().unwrap_or("not well-formed JSON");
                let too_large = words == "number out of range";
                let error = refuse(source, Some(error.line().max(1)), words.to_owned());
                if count > 1 || too_large {
                    return Err(error);
                }
                // Blanks up to the end of the line belong to the value before.
                let behind = &text[end..];
                let blanks = behind.len() - behind.trim_start().len();
                end += behind[..blanks].find('\n').map_or(blanks, |newline| newline + 1);
                return Ok((end, Some(error)));
            }
        }
        if documents.len() > MAX_DOCUMENTS {
            return Err(refuse(source, None, format!("more than {MAX_DOCUMENTS} documents")));
        }
    }
}

fn yaml_documents(
    text: &str,
    first: usize,
    source: &Path,
    documents: &mut Vec<(usize, Value)>,
) -> Result<(), ManifestError> {
    let mut aliased = 0;
    let mut take = |chunk: &mut String, line: usize| {
        let found = yaml::document(chunk, &mut aliased);
        chunk.clear();
        match found {
            Ok(Some((at, _))) if documents.len() == MAX_DOCUMENTS => {
                Err(refuse(source, Some(line + at), format!("more than {MAX_DOCUMENTS} documents")))
            }
            Ok(Some((at, document))) => {
                documents.push((line + at, document));
                Ok(())
            }
            Ok(None) => Ok(()),
            Err(error) => Err(refuse(source, Some(line + error.line), error.message)),
        }
    };
    let (mut chunk, mut start) = (String::new(), first);
    for (index, line) in text.lines().enumerate() {
        // A mark at the start of the file is none of its text.
        let line = if index == 0 && first == 1 { line.strip_prefix('\u{feff}').unwrap_or(line) } else { line };
        let separator = line.strip_prefix("---").map(str::trim);
        if separator.is_some_and(|behind| !behind.is_empty() && !behind.starts_with('#')) {
            let message = "only blanks and a comment can follow `---` on its line, as kubectl reads it";
            return Err(refuse(source, Some(first + index), message));
        }
        if separator.is_some() && !chunk.is_empty() {
            take(&mut chunk, start)?;
        } else {
            // A separator with nothing before it belongs to the document behind it.
            if chunk.is_empty() {
                start = first + index;
            }
            chunk.push_str(line);
            chunk.push('\n');
        }
    }
    take(&mut chunk, start)
}
