//! Images pinned to what was pushed: manifests that name an image get the name of exactly the one that a step has pushed.

use serde::Deserialize;
use serde_json::Value;

use crate::containers::images::name::split_tag;
use crate::core::kind::{Context, PushedImage};
use crate::core::model::outcome::{Failure, Fault, Outputs};

/// Images of the manifests that a message lists.
const LISTED: usize = 8;

/// An image that a step has pushed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pin {
    /// The step, as it is written under `pin:`.
    pub step: String,
    /// The names that mean it: in the registry, and before in the engine.
    pub names: Vec<String>,
    /// The name of exactly this image: `NAME@sha256:…`.
    pub exact: String,
    /// Its digest in the registry.
    pub digest: String,
}

#[derive(Deserialize)]
struct Pushed {
    image: String,
    #[serde(default)]
    source: Option<String>,
    pinned: String,
    digest: String,
}

impl Context {
    /// What the steps of these names have pushed.
    ///
    /// # Errors
    /// [`Fault`] of kind invalid where one has pushed nothing.
    pub fn pins(&self, steps: &[PushedImage]) -> Result<Vec<Pin>, Fault> {
        steps.iter().map(|step| self.pin(step)).collect()
    }

    /// What the step of this name has pushed.
    ///
    /// # Errors
    /// As [`Context::pins`].
    pub fn pin(&self, step: &PushedImage) -> Result<Pin, Fault> {
        let outputs = match step.stage() {
            None => self.steps.get(step.step()).cloned(),
            Some(stage) => self.scope.roots.get("stages").and_then(|stages| {
                serde_json::from_value::<Outputs>(stages[stage]["steps"][step.step()]["outputs"].clone()).ok()
            }),
        };
        outputs.and_then(|outputs| pin_of(&step.0, outputs)).ok_or_else(|| {
            Fault::invalid(format!("the step `{}` has pushed no image, so there is no digest to pin", step.0))
                .help("name a step with `image: { push: … }` that has run; with `for_each` no single image is meant")
        })
    }
}

fn pin_of(step: &str, outputs: Outputs) -> Option<Pin> {
    let pushed: Pushed = serde_json::from_value(outputs.into_iter().collect()).ok()?;
    let names = [Some(pushed.image), pushed.source].into_iter().flatten().collect();
    Some(Pin { step: step.to_owned(), names, exact: pushed.pinned, digest: pushed.digest })
}

impl Pin {
    /// Whether an image of a manifest means this one.
    fn means(&self, image: &str) -> bool {
        let image = canonical(image);
        image == canonical(&self.exact) || self.names.iter().any(|name| canonical(name) == image)
    }

    /// Whether an image comes from the repository that was pushed to, whatever its tag or digest.
    pub fn same_repository(&self, image: &str) -> bool {
        let repository = |image: &str| canonical(parts(image).0);
        self.names.iter().any(|name| repository(name) == repository(image))
    }

    /// What a value of a chart becomes, by the last name of its path: charts build an image's name from parts.
    pub fn value(&self, path: &str) -> String {
        let registry_name = self.names.first().map(String::as_str).unwrap_or_default();
        let (name, tag) = parts(registry_name);
        match path.rsplit('.').next().unwrap_or(path) {
            "digest" => self.digest.clone(),
            "repository" | "repo" => name.to_owned(),
            "tag" => format!("{}@{}", tag.unwrap_or("latest"), self.digest),
            _ => self.exact.clone(),
        }
    }
}

/// Replaces the images that pins mean, in every Pod and Pod template of `object`, also those of custom resources. The
/// replaced ones are added to `done`, the others to `others`.
pub fn pin_images(object: &mut Value, pins: &[Pin], done: &mut Vec<(String, String)>, others: &mut Vec<String>) {
    match object {
        Value::Array(items) => items.iter_mut().for_each(|item| pin_images(item, pins, done, others)),
        Value::Object(fields) => {
            for (key, value) in fields {
                let containers = matches!(key.as_str(), "containers" | "initContainers" | "ephemeralContainers");
                for image in value.as_array_mut().filter(|_| containers).into_iter().flatten() {
                    let Some(Value::String(image)) = image.get_mut("image") else { continue };
                    match pins.iter().find(|pin| pin.means(image)) {
                        Some(pin) => {
                            done.push((pin.step.clone(), image.clone()));
                            image.clone_from(&pin.exact);
                        }
                        None => others.push(image.clone()),
                    }
                }
                pin_images(value, pins, done, others);
            }
        }
        _ => {}
    }
}

/// The failure where a pin changes nothing: what was pushed would not be deployed. `others` are the images in its place.
pub fn unused(pins: &[Pin], done: &[(String, String)], others: &[String]) -> Option<Failure> {
    let pin = pins.iter().find(|pin| !done.iter().any(|(step, _)| *step == pin.step))?;
    let name = pin.names.first().map(String::as_str).unwrap_or_default();
    let mut others: Vec<&str> = others.iter().map(String::as_str).collect();
    others.sort_unstable();
    others.dedup();
    let summary = format!("no container uses {name}, which the step `{}` has pushed: nothing to pin", pin.step);
    let help = match others.as_slice() {
        [] => "the manifests have no other image either".to_owned(),
        some => {
            let shown = some.iter().take(LISTED).copied().collect::<Vec<_>>().join(", ");
            format!("write the pushed name, tag included; the containers use {shown}")
        }
    };
    Some(Failure::new(summary).help(help))
}

/// A name without its tag and digest, and the tag.
fn parts(image: &str) -> (&str, Option<&str>) {
    split_tag(image.split('@').next().unwrap_or(image))
}

/// The same text for all spellings of one name: `nginx`, `docker.io/library/nginx:latest`.
fn canonical(image: &str) -> String {
    let digest = image.split_once('@').map(|(_, digest)| digest);
    let (name, tag) = parts(image);
    let name = name.strip_prefix("index.docker.io/").or_else(|| name.strip_prefix("docker.io/")).unwrap_or(name);
    let name = name.strip_prefix("library/").unwrap_or(name);
    match (digest, tag) {
        (Some(digest), _) => format!("{name}@{digest}"),
        (None, tag) => format!("{name}:{}", tag.unwrap_or("latest")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pin() -> Pin {
        Pin {
            step: "push".to_owned(),
            names: vec!["127.0.0.1:5000/shop:dev".to_owned(), "shop:dev".to_owned()],
            exact: "127.0.0.1:5000/shop@sha256:1".to_owned(),
            digest: "sha256:1".to_owned(),
        }
    }

    fn pinned(mut object: Value) -> (Value, Option<String>) {
        let (mut done, mut others) = (Vec::new(), Vec::new());
        pin_images(&mut object, &[pin()], &mut done, &mut others);
        (
            object,
            unused(&[pin()], &done, &others).map(|failure| failure.summary + " / " + &failure.help.unwrap_or_default()),
        )
    }

    #[test]
    fn every_container_with_the_pushed_name_gets_the_digest() {
        let pod = |image: &str, init: &str| {
            json!({ "spec": { "jobTemplate": { "spec": { "template": { "spec": {
                "initContainers": [{ "name": "a", "image": init }],
                "containers": [{ "name": "b", "image": image }, { "name": "c", "image": "postgres:16" }],
            } } } } } })
        };
        let exact = "127.0.0.1:5000/shop@sha256:1";
        for name in ["127.0.0.1:5000/shop:dev", "shop:dev", "docker.io/library/shop:dev", exact] {
            assert_eq!(pinned(pod(name, "busybox")), (pod(exact, "busybox"), None), "{name}");
        }
        assert_eq!(pinned(pod("shop:dev", "shop:dev")), (pod(exact, exact), None));
    }

    #[test]
    fn another_tag_or_digest_is_another_image() {
        for name in ["shop:1", "shop", "127.0.0.1:5000/shop@sha256:2", "other/shop:dev", "shop:dev@sha256:2"] {
            let pod = json!({ "spec": { "containers": [{ "image": name }] } });
            let why = format!(
                "no container uses 127.0.0.1:5000/shop:dev, which the step `push` has pushed: nothing to pin / \
                 write the pushed name, tag included; the containers use {name}"
            );
            assert_eq!(pinned(pod.clone()), (pod, Some(why)), "{name}");
        }
    }

    #[test]
    fn a_chart_gets_the_part_of_the_name_that_its_value_is() {
        for (path, value) in [
            ("image.digest", "sha256:1"),
            ("image.repository", "127.0.0.1:5000/shop"),
            ("image.tag", "dev@sha256:1"),
            ("image", "127.0.0.1:5000/shop@sha256:1"),
            ("images.web", "127.0.0.1:5000/shop@sha256:1"),
        ] {
            assert_eq!(pin().value(path), value, "{path}");
        }
    }

    #[test]
    fn outputs_of_a_push_are_a_pin_and_others_are_not() {
        let outputs = |value: Value| serde_json::from_value::<Outputs>(value).expect("a map");
        let pushed = json!({
            "image": "127.0.0.1:5000/shop:dev", "source": "shop:dev", "pinned": "127.0.0.1:5000/shop@sha256:1",
            "digest": "sha256:1", "engine": "docker",
        });
        assert_eq!(pin_of("push", outputs(pushed)), Some(pin()));
        assert_eq!(pin_of("push", outputs(json!({ "image": "shop:dev", "digest": "sha256:1" }))), None);
    }
}
