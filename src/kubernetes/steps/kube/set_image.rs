//! `set_image`: other images for a workload's containers.

use std::collections::BTreeMap;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Verb;
use super::restart::{change, finish, workloads, yes};
use super::verb_context::VerbContext;
use crate::core::kind::several::Several;
use crate::core::kind::{CheckContext, PushedImage};
use crate::core::model::diagnostic::Code;
use crate::core::model::outcome::{Failure, Fault, Outcome};
use crate::kubernetes::client::Reference;
use crate::kubernetes::pin::{Pin, pin_images, unused};

/// Sets the images of a workload's containers.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetImage {
    /// The workload, as `deployment/backend`.
    target: Reference,
    /// The image, for a workload with one container.
    image: Option<String>,
    /// The images by container.
    #[serde(default)]
    images: BTreeMap<String, String>,
    /// The step that has pushed the image, as `push` or `build.push`, or several of them: the images above that have a
    /// pushed name, tag included, are set with the pushed digest. Without `image` and `images`: the workload's own images
    /// from the same repository, whatever their tag.
    #[serde(default)]
    pin: Several<PushedImage>,
    /// Whether to wait until it has rolled out.
    #[serde(default = "yes")]
    wait: bool,
}

#[async_trait]
impl Verb for SetImage {
    fn check(&self, at: &str, cx: &mut CheckContext<'_>) {
        let named = usize::from(self.image.is_some()) + usize::from(!self.images.is_empty());
        if named > 1 || (named == 0 && self.pin.0.is_empty()) {
            let help = "write `image: NAME:TAG`, `images: { CONTAINER: NAME:TAG }` where it has several containers, or `pin: STEP`";
            cx.error(
                &[at.into()],
                Code::InvalidValue,
                "`set_image` takes one of `image` and `images`, or `pin`",
                Some(help.to_owned()),
            );
        }
    }

    fn title(&self) -> String {
        format!("set the image of {}", self.target)
    }

    async fn run(&self, on: &VerbContext<'_>) -> Result<Outcome, Fault> {
        let workloads = workloads(on, std::slice::from_ref(&self.target)).await?;
        let workload = &workloads[0];
        let api = workload.kind.api(on.cluster.client().await?, on.namespace);
        let object = match on.cluster.ask(&format!("get {}", workload.shown()), api.get(&workload.name)).await {
            Ok(object) => object,
            Err(trouble) => return trouble.outcome(workload.shown()),
        };
        let pod = &object.data["spec"]["template"]["spec"];
        let pins = on.cx.pins(&self.pin.0)?;
        let (image, images) = match pinned(pod, &pins, self.image.as_deref(), &self.images) {
            Ok(images) => images,
            Err(failure) => return Ok(Outcome::Failed(failure)),
        };
        let patch = match patch(pod, image.as_deref(), &images) {
            Ok(patch) => patch,
            Err(why) => return Ok(Outcome::Failed(Failure::new(format!("{} {why}", workload.shown())))),
        };
        if let Err(trouble) = change(on, workload, "set the image of", &patch).await {
            return trouble.outcome(workload.shown());
        }
        on.say(format!("{} image updated", workload.shown()));
        finish(on, &workloads, self.wait).await
    }
}

/// The image of the only container, or the images by container.
type Images = (Option<String>, BTreeMap<String, String>);

/// The images that are written, with the pushed digests; without any, those of the workload with a pushed repository.
fn pinned(
    pod: &Value,
    pins: &[Pin],
    image: Option<&str>,
    images: &BTreeMap<String, String>,
) -> Result<Images, Failure> {
    let (mut done, mut others) = (Vec::new(), Vec::new());
    if image.is_none() && images.is_empty() {
        let mut found = BTreeMap::new();
        for container in ["containers", "initContainers"].iter().filter_map(|group| pod[*group].as_array()).flatten() {
            let (Some(name), Some(own)) = (container["name"].as_str(), container["image"].as_str()) else { continue };
            match pins.iter().find(|pin| pin.same_repository(own)) {
                Some(pin) => {
                    done.push((pin.step.clone(), own.to_owned()));
                    found.insert(name.to_owned(), pin.exact.clone());
                }
                None => others.push(own.to_owned()),
            }
        }
        return unused(pins, &done, &others).map_or(Ok((None, found)), Err);
    }
    let mut pin = |image: &str| {
        let mut written = json!({ "containers": [{ "image": image }] });
        pin_images(&mut written, pins, &mut done, &mut others);
        written["containers"][0]["image"].as_str().unwrap_or_default().to_owned()
    };
    let image = image.map(&mut pin);
    let images = images.iter().map(|(name, image)| (name.clone(), pin(image))).collect();
    unused(pins, &done, &others).map_or(Ok((image, images)), Err)
}

fn names(containers: &Value) -> Vec<&str> {
    containers.as_array().into_iter().flatten().filter_map(|container| container["name"].as_str()).collect()
}

/// The patch of a pod template that gives the containers these images.
fn patch(pod: &Value, image: Option<&str>, images: &BTreeMap<String, String>) -> Result<Value, String> {
    let (main, init) = (names(&pod["containers"]), names(&pod["initContainers"]));
    let mut wanted: BTreeMap<&str, &str> = images.iter().map(|(name, image)| (name.as_str(), image.as_str())).collect();
    if let Some(image) = image {
        let [only] = main.as_slice() else {
            return Err(format!("has several containers ({}): write `images:` with their names", main.join(", ")));
        };
        wanted.insert(only, image);
    }
    if let Some(unknown) = wanted.keys().find(|name| !main.contains(name) && !init.contains(name)) {
        let all: Vec<&str> = main.iter().chain(&init).copied().collect();
        return Err(format!("has no container \"{unknown}\"; its containers are {}", all.join(", ")));
    }
    let of = |known: &[&str]| -> Vec<Value> {
        let these = wanted.iter().filter(|(name, _)| known.contains(*name));
        these.map(|(name, image)| json!({ "name": name, "image": image })).collect()
    };
    let mut spec = json!({ "containers": of(&main) });
    if wanted.keys().any(|name| init.contains(name)) {
        spec["initContainers"] = of(&init).into();
    }
    Ok(json!({ "spec": { "template": { "spec": spec } } }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_pinned_to_what_was_pushed() {
        let pins = [Pin {
            step: "push".to_owned(),
            names: vec!["reg:5000/shop:dev".to_owned(), "shop:dev".to_owned()],
            exact: "reg:5000/shop@sha256:1".to_owned(),
            digest: "sha256:1".to_owned(),
        }];
        let exact = || "reg:5000/shop@sha256:1".to_owned();
        let pod = json!({ "containers": [
            { "name": "web", "image": "reg:5000/shop@sha256:0" }, { "name": "side", "image": "envoy:1" },
        ] });
        let none = BTreeMap::new();
        let by_name = BTreeMap::from([("web".to_owned(), exact())]);
        assert_eq!(pinned(&pod, &pins, None, &none), Ok((None, by_name)));
        assert_eq!(pinned(&pod, &pins, Some("shop:dev"), &none), Ok((Some(exact()), none.clone())));
        let other = pinned(&pod, &pins, Some("shop:2"), &none).expect_err("another tag");
        assert_eq!(
            other.summary,
            "no container uses reg:5000/shop:dev, which the step `push` has pushed: nothing to pin"
        );
        assert_eq!(pinned(&pod, &[], Some("shop:2"), &none), Ok((Some("shop:2".to_owned()), none.clone())));
    }

    #[test]
    fn an_image_goes_to_the_only_container_or_to_the_named_ones() {
        let one = json!({ "containers": [{ "name": "web" }] });
        assert_eq!(
            patch(&one, Some("web:2"), &BTreeMap::new()),
            Ok(json!({ "spec": { "template": { "spec": { "containers": [{ "name": "web", "image": "web:2" }] } } } }))
        );
        let two =
            json!({ "containers": [{ "name": "web" }, { "name": "side" }], "initContainers": [{ "name": "migrate" }] });
        assert_eq!(
            patch(&two, Some("web:2"), &BTreeMap::new()),
            Err("has several containers (web, side): write `images:` with their names".to_owned())
        );
        let images = BTreeMap::from([("migrate".to_owned(), "m:2".to_owned())]);
        assert_eq!(
            patch(&two, None, &images),
            Ok(
                json!({ "spec": { "template": { "spec": { "containers": [], "initContainers": [{ "name": "migrate", "image": "m:2" }] } } } })
            )
        );
        let images = BTreeMap::from([("wbe".to_owned(), "m:2".to_owned())]);
        assert_eq!(
            patch(&two, None, &images),
            Err("has no container \"wbe\"; its containers are web, side, migrate".to_owned())
        );
    }
}
