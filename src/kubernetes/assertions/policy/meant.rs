//! The objects that a rule is for: by kind, labels and name. And those that it leaves alone.

use crate::core::files::glob::Glob;
use crate::core::model::diagnostic::closest;
use crate::core::yaml::manifests::Manifest;
use crate::kubernetes::ownership::labels::LabelSelector;

/// Which objects a rule is for; all where nothing is written.
#[derive(Debug, Clone, Copy, Default)]
pub struct Meant<'a> {
    /// Their kinds.
    pub kinds: &'a [String],
    /// Their labels.
    pub selector: Option<&'a str>,
    /// Their names, as patterns.
    pub names: &'a [String],
}

impl Meant<'_> {
    /// Whether an object is among them. A selector that is none was reported: it selects nothing.
    pub fn has(self, manifest: &Manifest) -> bool {
        let of_kind = self.kinds.is_empty() || self.kinds.iter().any(|own| own.eq_ignore_ascii_case(manifest.kind()));
        let labels = &manifest.object["metadata"]["labels"];
        let labelled = || {
            self.selector.is_none_or(|text| LabelSelector::parse(text).is_ok_and(|wanted| wanted.matches_json(labels)))
        };
        let name = manifest.object["metadata"]["name"].as_str().unwrap_or_default();
        of_kind && labelled() && (self.names.is_empty() || self.names.iter().any(|pattern| matches(pattern, name)))
    }

    /// What of it means no object, as its key and words: all of it together, or a kind that is probably misspelt.
    pub fn unmatched(self, manifests: &[&Manifest]) -> Vec<(&'static str, String)> {
        let is_any = |kind: &String| manifests.iter().any(|one| kind.eq_ignore_ascii_case(one.kind()));
        let missing = self.kinds.iter().filter(|kind| !is_any(kind));
        let near = missing.filter_map(|kind| Some((kind, closest(kind, manifests.iter().map(|one| one.kind()))?)));
        let mut found: Vec<(&'static str, String)> =
            near.map(|(kind, near)| ("kinds", format!("{kind} matches nothing, did you mean \"{near}\"?"))).collect();
        let is_all = self.kinds.is_empty() && self.selector.is_none() && self.names.is_empty();
        if is_all || !found.is_empty() || manifests.iter().any(|one| self.has(one)) {
            return found;
        }
        let (key, written) = if !self.kinds.is_empty() && !self.kinds.iter().any(is_any) {
            ("kinds", self.kinds.join(", "))
        } else if !self.names.is_empty() {
            ("names", self.names.join(", "))
        } else {
            ("selector", self.selector.unwrap_or_default().to_owned())
        };
        found.push((key, format!("{written} matches nothing")));
        found
    }

    /// What is wrong with it: a selector or a pattern that is none, with the key and the index.
    pub fn problems(self) -> Vec<(&'static str, Option<usize>, String)> {
        let selector = self.selector.and_then(|text| LabelSelector::parse(text).err());
        let names = self.names.iter().enumerate();
        let patterns = names.filter_map(|(at, name)| Some(("names", Some(at), Glob::parse(name).err()?)));
        selector.map(|error| ("selector", None, error.to_string())).into_iter().chain(patterns).collect()
    }
}

/// Whether a pattern names this: `web-*`, `deployment/legacy-*`. A `/` is in both, or in neither.
pub fn matches(pattern: &str, name: &str) -> bool {
    pattern == name
        || (pattern.matches('/').count() == name.matches('/').count()
            && Glob::parse(pattern).is_ok_and(|glob| glob.covers(name)))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::core::yaml::manifests::parse;

    #[test]
    fn an_object_is_meant_by_kind_labels_and_name() {
        let text = "apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: web-1, labels: { tier: web } }\n";
        let objects = parse(text, Path::new("a.yaml")).expect("an object");
        let [object] = objects.as_slice() else { panic!("one object") };
        let list = |text: &str| -> Vec<String> { text.split_whitespace().map(str::to_owned).collect() };
        for (kinds, selector, names, meant) in [
            ("", None, "", true),
            ("deployment Job", Some("tier=web"), "web-*", true),
            ("Job", None, "", false),
            ("", Some("tier!=web"), "", false),
            ("", Some("tier in"), "", false),
            ("", None, "api web", false),
        ] {
            let (kinds, names) = (list(kinds), list(names));
            let of = Meant { kinds: &kinds, selector, names: &names };
            assert_eq!(of.has(object), meant, "{kinds:?} {selector:?} {names:?}");
        }
    }

    #[test]
    fn what_means_no_object_is_named() {
        let text = "apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: web, labels: { tier: web } }\n---\n\
                    apiVersion: v1\nkind: Service\nmetadata: { name: web }\n";
        let objects = parse(text, Path::new("a.yaml")).expect("objects");
        let objects: Vec<&Manifest> = objects.iter().collect();
        let list = |text: &str| -> Vec<String> { text.split_whitespace().map(str::to_owned).collect() };
        for (kinds, selector, names, expected) in [
            ("", None, "", None),
            ("deployment CronJob", None, "", None),
            ("Deploymnet Service", None, "", Some("kinds Deploymnet matches nothing, did you mean \"Deployment\"?")),
            ("CronJob", None, "web", Some("kinds CronJob matches nothing")),
            ("Service", None, "api-*", Some("names api-* matches nothing")),
            ("Service", Some("tier=web"), "", Some("selector tier=web matches nothing")),
        ] {
            let (kinds, names) = (list(kinds), list(names));
            let found = Meant { kinds: &kinds, selector, names: &names }.unmatched(&objects);
            let found: Vec<String> = found.into_iter().map(|(key, words)| format!("{key} {words}")).collect();
            assert_eq!(found.first().map(String::as_str), expected, "{kinds:?} {selector:?} {names:?}");
        }
    }

    #[test]
    fn a_pattern_stays_on_its_side_of_a_slash() {
        assert!(matches("deployment/legacy-*", "deployment/legacy-a") && matches("*/web", "job/web"));
        assert!(!matches("deployment", "deployment/web") && !matches("*", "deployment/web"));
    }

    #[test]
    fn a_selector_and_a_pattern_that_are_none_are_named() {
        let names = vec!["web-*".to_owned(), "web-[".to_owned()];
        let problems = Meant { kinds: &[], selector: Some("a:b"), names: &names }.problems();
        let keys: Vec<_> = problems.iter().map(|(key, at, _)| (*key, *at)).collect();
        assert_eq!(keys, [("selector", None), ("names", Some(1))]);
    }
}
