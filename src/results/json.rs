//! JSON for reports: a whole value, not too deep, with its fields read by name.

use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::error::Category;

use super::{Format, ReportError};

/// Reads a report's text as an object. `serde_json` ends at 128 levels by itself.
///
/// # Errors
/// [`ReportError`] for what is not a whole JSON object.
pub(super) fn object(format: Format, text: &str) -> Result<Value, ReportError> {
    let value: Value = serde_json::from_str(text).map_err(|error| match error.classify() {
        Category::Eof => ReportError::Truncated(error.to_string()),
        _ if error.to_string().starts_with("recursion limit exceeded") => {
            ReportError::Hostile("its values are nested more than 127 deep".to_owned())
        }
        _ => ReportError::Malformed(format!("it is not JSON: {error}")),
    })?;
    if value.is_object() { Ok(value) } else { Err(format.other("it is not a JSON object")) }
}

/// Decodes an object that was recognized.
///
/// # Errors
/// [`ReportError::Malformed`] for fields of another type.
pub(super) fn decode<T: DeserializeOwned>(format: Format, value: Value) -> Result<T, ReportError> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        ReportError::Malformed(format!("it is not {}: `{}`: {}", format.name(), error.path(), error.inner()))
    })
}
