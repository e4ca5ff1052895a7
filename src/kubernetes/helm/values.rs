//! Values for a chart: dotted paths set into nested maps, maps merged as helm merges values files, and the private file
//! that carries them. Values never stand in arguments.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use serde_json::{Map, Value};

use crate::core::model::outcome::Fault;

/// Sets `value` at a dotted path: `image.tag`; `\.` is a dot in a name.
///
/// # Errors
/// A lower-case sentence where the path is empty somewhere, or leads through a list.
pub fn set(values: &mut Map<String, Value>, path: &str, value: Value) -> Result<(), String> {
    let names = names(path)?;
    let (last, folders) = names.split_last().ok_or_else(|| format!("`{path}` names no value"))?;
    let mut at = values;
    for name in folders {
        let entry = at.entry(name.clone()).or_insert_with(|| Value::Object(Map::new()));
        if !entry.is_object() {
            *entry = Value::Object(Map::new());
        }
        let Some(next) = entry.as_object_mut() else { return Err(format!("`{path}` leads through a value")) };
        at = next;
    }
    at.insert(last.clone(), value);
    Ok(())
}

/// The names of a dotted path.
pub fn names(path: &str) -> Result<Vec<String>, String> {
    let (mut names, mut name, mut chars) = (Vec::new(), String::new(), path.chars());
    while let Some(c) = chars.next() {
        match c {
            '\\' => name.extend(chars.next()),
            '.' => names.push(std::mem::take(&mut name)),
            '[' => return Err(format!("`{path}` leads into a list; write the whole list under `values:`")),
            c => name.push(c),
        }
    }
    names.push(name);
    if names.iter().any(String::is_empty) {
        return Err(format!("`{path}` is no path of a value; expected one such as image.tag"));
    }
    Ok(names)
}

/// Puts `over` on top of `base`: maps are merged, anything else is replaced.
pub fn merge(base: &mut Map<String, Value>, over: Map<String, Value>) {
    for (key, value) in over {
        match (base.get_mut(&key), value) {
            (Some(Value::Object(below)), Value::Object(above)) => merge(below, above),
            (_, value) => {
                base.insert(key, value);
            }
        }
    }
}

/// Writes values to a new file that only this user can read.
///
/// # Errors
/// [`Fault`] when it cannot be written.
pub fn write(values: &Map<String, Value>, file: &Path) -> Result<(), Fault> {
    let text = serde_json::to_vec(values).unwrap_or_default();
    let written = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)
        .and_then(|mut file| file.write_all(&text));
    written.map_err(|error| Fault::unknown(format!("values cannot be written to {}: {error}", file.display())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn sets_dotted_paths_and_merges_maps() {
        let Value::Object(mut values) = json!({"image": {"name": "a", "tag": "1"}, "list": [1]}) else { return };
        set(&mut values, "image.tag", json!("2")).expect("a good path");
        set(&mut values, r"labels.app\.io/name", json!("x")).expect("a good path");
        let Value::Object(over) = json!({"list": [2], "image": {"pull": true}}) else { return };
        merge(&mut values, over);
        assert_eq!(
            Value::Object(values),
            json!({"image": {"name": "a", "tag": "2", "pull": true}, "list": [2], "labels": {"app.io/name": "x"}})
        );
    }

    #[test]
    fn refuses_paths_that_name_nothing() {
        for path in ["", "a..b", ".a", "a[0].b"] {
            assert!(set(&mut Map::new(), path, json!(1)).is_err(), "{path}");
        }
    }

    #[test]
    fn the_file_is_private() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("values.json");
        write(&Map::new(), &file).expect("writable");
        assert_eq!(fs::metadata(&file).expect("written").permissions().mode() & 0o777, 0o600);
    }
}
