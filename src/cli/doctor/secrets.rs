//! Whether each secret of a pipeline has a source here. Checks names and files; reads no value, runs no command.

use std::collections::BTreeMap;
use std::path::Path;

use crate::core::spec::SecretSource;

/// Why this source has no value here; `None` where it has one, or makes one when it is asked.
pub fn missing(source: &SecretSource, env: &BTreeMap<String, String>, project: &Path) -> Option<String> {
    if let Some(name) = &source.env {
        return env.get(name).is_none_or(String::is_empty).then(|| format!("the variable {name} is not set"));
    }
    if let Some(file) = &source.file {
        return (!project.join(file).is_file()).then(|| format!("the file {file} does not exist"));
    }
    let all = source.any.as_ref()?;
    let why: Option<Vec<String>> = all.iter().map(|source| missing(source, env, project)).collect();
    why.map(|why| why.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_missing_when_each_of_its_ways_is() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("key"), "x").expect("writable");
        let env = BTreeMap::from([("SET".to_owned(), "x".to_owned())]);
        let of = |env_name: &str| SecretSource { env: Some(env_name.to_owned()), ..SecretSource::default() };
        let file = |name: &str| SecretSource { file: Some(name.to_owned()), ..SecretSource::default() };
        let any = |all: Vec<SecretSource>| SecretSource { any: Some(all), ..SecretSource::default() };
        let look = |source: &SecretSource| missing(source, &env, folder.path());
        assert_eq!(look(&of("SET")), None);
        assert_eq!(look(&file("key")), None);
        assert_eq!(look(&any(vec![of("UNSET"), file("key")])), None);
        let why = "the variable UNSET is not set, the file gone does not exist";
        assert_eq!(look(&any(vec![of("UNSET"), file("gone")])).as_deref(), Some(why));
    }
}
