//! From what was seen of an image to measures, both sides each. Pure.

use std::collections::BTreeSet;

use super::Seen;
use super::spec::Image;
use crate::containers::images::facts::{User, with_protocol};
use crate::core::model::expect::Expect;
use crate::core::model::outcome::Measure;
use crate::core::model::units::{Count, Text};

/// Sightings named in a measure; the rest is counted.
const NAMED: usize = 5;

/// Every measure that the assertion asks for; that the image is there, where it asks for nothing else.
pub fn all(image: &Image, seen: &Seen) -> Vec<Measure> {
    let facts = &seen.facts;
    let text = |name: &str, expected: &Option<Expect<Text>>, actual: &str| {
        expected.as_ref().map(|expected| expected.measure(name, &Text(actual.to_owned())))
    };
    let mut measures: Vec<Measure> = [
        image.size.as_ref().map(|expected| expected.measure("size", &seen.size)),
        image.non_root.map(|expected| non_root(expected, &facts.user, &seen.user)),
        text("user", &image.user, &facts.user),
        text("architecture", &image.architecture, &facts.architecture),
        text("os", &image.os, &facts.os),
        text("workdir", &image.workdir, &facts.workdir),
        image.ports.as_ref().map(|expected| {
            let expected: BTreeSet<String> = expected.iter().map(|port| with_protocol(&port.0)).collect();
            same("ports", &listed(&facts.ports), &listed(&expected))
        }),
        image.entrypoint.as_ref().map(|expected| same("entrypoint", &words(&facts.entrypoint), &words(expected))),
        image.cmd.as_ref().map(|expected| same("cmd", &words(&facts.cmd), &words(expected))),
        image
            .layers
            .as_ref()
            .map(|expected| expected.measure("layers", &Count(i64::try_from(facts.layers).unwrap_or(i64::MAX)))),
        image.healthcheck.map(|expected| {
            let actual = facts.healthcheck.as_deref().map_or_else(|| "none".to_owned(), words);
            let wanted = if expected { "a health check" } else { "none" };
            Measure::new("healthcheck", actual, wanted, expected == facts.healthcheck.is_some())
        }),
    ]
    .into_iter()
    .flatten()
    .collect();
    for (kind, expected, actual) in [("env", &image.env, &facts.env), ("label", &image.labels, &facts.labels)] {
        for (key, expected) in expected {
            let name = format!("{kind} {key}");
            measures.push(match actual.get(key) {
                Some(value) => expected.measure(&name, &Text(value.clone())),
                None => Measure::new(name, "absent", expected, false),
            });
        }
    }
    for name in &image.env_absent {
        // a value that should not be there may be a secret: it is not shown
        let actual = if facts.env.contains_key(name) { "present" } else { "absent" };
        measures.push(same(&format!("env {name}"), actual, "absent"));
    }
    measures.extend(in_layers(image, seen));
    if measures.is_empty() {
        measures.push(Measure::new("image", "present", "present", true));
    }
    measures
}

fn in_layers(image: &Image, seen: &Seen) -> Vec<Measure> {
    let Some(contents) = &seen.contents else { return Vec::new() };
    let mut measures = Vec::new();
    let (absent, present) = contents.found.split_at(image.files.absent.len().min(contents.found.len()));
    for (pattern, found) in image.files.absent.iter().zip(absent) {
        let actual = found.as_deref().map_or("absent".to_owned(), |path| format!("{path} is there"));
        measures.push(Measure::new(format!("file {pattern}"), actual, "absent", found.is_none()));
    }
    for (pattern, found) in image.files.present.iter().zip(present) {
        let actual = if found.is_some() { "present" } else { "absent" };
        measures.push(same(&format!("file {pattern}"), actual, "present"));
    }
    if image.secrets.is_some() {
        measures.push(secrets(seen, contents));
        if !image.allow_secrets.is_empty() {
            let actual = match seen.stale.as_slice() {
                [] => "every entry fits".to_owned(),
                stale => format!("fits nothing: {}", stale.join(", ")),
            };
            measures.push(Measure::new("allow_secrets", actual, "every entry fits", seen.stale.is_empty()));
        }
    }
    measures
}

fn secrets(seen: &Seen, contents: &crate::containers::images::archive::Contents) -> Measure {
    let sightings: Vec<String> =
        contents.sightings.iter().map(|sighting| format!("{} in {}", sighting.what, sighting.place)).collect();
    let shown = match sightings.len() {
        0 => "none".to_owned(),
        count if count <= NAMED => format!("{count}: {}", sightings.join("; ")),
        count => format!("{count}: {}; and {} more in evidence", sightings[..NAMED].join("; "), count - NAMED),
    };
    let actual = match seen.too_short.len() {
        0 => shown,
        _ => format!("{shown} (too short to look for: {})", seen.too_short.join(", ")),
    };
    Measure::new("secrets", actual, "none", sightings.is_empty())
}

fn non_root(expected: bool, written: &str, user: &User) -> Measure {
    let written = if written.is_empty() { "not set" } else { written };
    let (actual, is_non_root) = match user {
        User::Root => (format!("root (user {written})"), false),
        User::Id(id) if written.split(':').next() == Some(&id.to_string()) => (format!("user {written}"), true),
        User::Id(id) => (format!("user {written} (uid {id})"), true),
        User::Named(_) => (format!("user {written}, who is not in the image's /etc/passwd"), false),
    };
    let wanted = if expected { "a user other than root" } else { "root" };
    // a user without an entry is neither
    let holds = if expected { is_non_root } else { *user == User::Root };
    Measure::new("non_root", actual, wanted, holds)
}

fn same(name: &str, actual: &str, expected: &str) -> Measure {
    Measure::new(name, actual, expected, actual == expected)
}

fn listed(ports: &BTreeSet<String>) -> String {
    if ports.is_empty() { "none".to_owned() } else { ports.iter().cloned().collect::<Vec<_>>().join(", ") }
}

fn words(words: &[String]) -> String {
    if words.is_empty() { "none".to_owned() } else { serde_json::to_string(words).unwrap_or_default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::containers::images::archive::Contents;
    use crate::containers::images::facts::Facts;
    use crate::containers::images::layer::Sighting;
    use crate::core::model::units::ByteSize;
    use serde_json::json;

    fn shown(body: serde_json::Value) -> Vec<String> {
        let image: Image = serde_json::from_value(body).expect("of the right shape");
        let facts = Facts {
            user: "app".into(),
            env: [("NODE_ENV".to_owned(), "production".to_owned())].into(),
            ports: ["8000/tcp".to_owned()].into(),
            architecture: "amd64".into(),
            cmd: vec!["node".into(), "server.js".into()],
            layers: 7,
            ..Facts::default()
        };
        let contents = Contents {
            facts: facts.clone(),
            size: ByteSize(1),
            found: vec![Some("/app/.env".into()), None],
            user: User::Id(1001),
            sightings: [Sighting { what: "private key".into(), place: "/root/id (layer 2 of 7)".into(), digest: None }]
                .into(),
            allowed: [].into(),
        };
        let seen = Seen {
            facts,
            size: ByteSize(612_000_000),
            user: User::Id(1001),
            contents: Some(contents),
            too_short: vec!["pin".into()],
            stale: vec!["sha256:00".into()],
        };
        let line = |measure: Measure| {
            let mark = if measure.holds { "holds" } else { "unmet" };
            format!("{mark} {}: {} / {}", measure.name, measure.actual, measure.expected)
        };
        all(&image, &seen).into_iter().map(line).collect()
    }

    #[test]
    fn shows_both_sides_of_every_measure() {
        assert_eq!(
            shown(json!({
                "name": "x", "size": "< 500MB", "non_root": true, "ports": [8000], "layers": "<= 10", "healthcheck": true,
                "cmd": ["node", "server.js"], "architecture": "arm64", "env": {"NODE_ENV": "production", "X": "1"},
                "env_absent": ["DEBUG", "NODE_ENV"], "files": {"absent": ["/app/.env"], "present": ["/app/main"]},
                "secrets": "none", "allow_secrets": ["sha256:00"]
            })),
            [
                "unmet size: 612 MB / < 500MB",
                "holds non_root: user app (uid 1001) / a user other than root",
                "unmet architecture: amd64 / arm64",
                "holds ports: 8000/tcp / 8000/tcp",
                "holds cmd: [\"node\",\"server.js\"] / [\"node\",\"server.js\"]",
                "holds layers: 7 / <= 10",
                "unmet healthcheck: none / a health check",
                "holds env NODE_ENV: production / production",
                "unmet env X: absent / 1",
                "holds env DEBUG: absent / absent",
                "unmet env NODE_ENV: present / absent",
                "unmet file /app/.env: /app/.env is there / absent",
                "unmet file /app/main: absent / present",
                "unmet secrets: 1: private key in /root/id (layer 2 of 7) (too short to look for: pin) / none",
                "unmet allow_secrets: fits nothing: sha256:00 / every entry fits",
            ]
        );
    }

    #[test]
    fn an_image_that_nothing_is_asked_of_is_present() {
        assert_eq!(shown(json!({"name": "x"})), ["holds image: present / present"]);
    }

    #[test]
    fn an_unknown_user_is_neither_root_nor_not() {
        let user = User::Named("ghost".into());
        assert!(!non_root(true, "ghost", &user).holds && !non_root(false, "ghost", &user).holds);
        assert!(non_root(false, "", &User::Root).holds);
    }
}
