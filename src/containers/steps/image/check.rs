//! What can be said of an `image` step before anything runs: one verb, a Dockerfile that is there, a stage it has.

use super::spec::{BuildSpec, Image};
use crate::containers::images::dockerfile::Dockerfile;
use crate::containers::images::name::split_tag;
use crate::containers::images::name_problem;
use crate::core::files::open;
use crate::core::kind::CheckContext;
use crate::core::model::diagnostic::Code;

/// Bytes of a Dockerfile that are read; real ones are shorter.
const DOCKERFILE_LIMIT: u64 = 1 << 20;

pub fn check(image: &Image, cx: &mut CheckContext<'_>) {
    let verbs = [
        ("build", image.build.is_some()),
        ("load", image.load.is_some()),
        ("tag", image.tag.is_some()),
        ("save", image.save.is_some()),
        ("push", image.push.is_some()),
        ("pull", image.pull.is_some()),
    ];
    let written: Vec<&str> = verbs.iter().filter(|(_, there)| *there).map(|(name, _)| *name).collect();
    if written.len() != 1 {
        let have = if written.is_empty() { "none".to_owned() } else { written.join(" and ") };
        let help = Some("write one step for each: `image: { build: … }` and `image: { load: … }`".to_owned());
        let message =
            format!("an image step has exactly one of build, load, tag, save, push and pull; this one has {have}");
        cx.error(&[], Code::NotOneKind, message, help);
    }
    if let Some(build) = &image.build {
        check_build(build, cx);
    }
    for (verb, key, name) in [
        ("load", "image", image.load.as_ref().and_then(|load| load.image.as_ref())),
        ("tag", "image", image.tag.as_ref().map(|tag| &tag.image)),
        ("tag", "tag", image.tag.as_ref().map(|tag| &tag.tag)),
        ("save", "image", image.save.as_ref().map(|save| &save.image)),
        ("push", "image", image.push.as_ref().map(|push| &push.image)),
        ("push", "to", image.push.as_ref().and_then(|push| push.to.as_ref())),
        ("pull", "image", image.pull.as_ref().map(|pull| &pull.image)),
    ] {
        if let Some(problem) = name.and_then(|name| name_problem(name)) {
            cx.error(&[verb.into(), key.into()], Code::InvalidValue, problem, None);
        }
    }
    if let Some(load) = &image.load {
        if load.image.is_some() != load.images.is_empty() {
            let help = Some("write `image: NAME`, or `images: [NAME, NAME]`".to_owned());
            let message = "`load` has exactly one of `image` and `images`";
            cx.error(&["load".into()], Code::InvalidValue, message, help);
        }
        for (at, name) in load.images.iter().enumerate() {
            if let Some(problem) = name_problem(name) {
                cx.error(&["load".into(), "images".into(), at.into()], Code::InvalidValue, problem, None);
            }
        }
    }
    if let Some(save) = &image.save {
        let leaves = save.path.is_absolute() || save.path.components().any(|part| part.as_os_str() == "..");
        if leaves {
            let message = format!("`{}` is outside the project's folder", save.path.display());
            cx.error(&["save".into(), "path".into()], Code::InvalidReference, message, None);
        }
    }
}

fn check_build(build: &BuildSpec, cx: &mut CheckContext<'_>) {
    for (key, names) in [("tag", std::slice::from_ref(&build.tag)), ("tags", &build.tags[..])] {
        for name in names.iter().filter(|name| !is_image_name(name)) {
            let help = Some("write a name in lower case with a tag, such as \"todo-backend:dev\"".to_owned());
            cx.error(&["build".into(), key.into()], Code::InvalidValue, format!("`{name}` is no image name"), help);
        }
    }
    let path = build.dockerfile();
    let file = cx.project.join(&path);
    if !file.is_file() {
        // a Dockerfile that is named was looked for by its format already
        if build.dockerfile.is_none() && build.context.below(cx.project).is_dir() {
            let message = format!("there is no Dockerfile at `{}`", path.display());
            let help = Some("name another with `dockerfile:`".to_owned());
            cx.error(&["build".into(), "context".into()], Code::MissingFile, message, help);
        }
        // The engine's own client would wait for the end of a pipe.
        if let (Some(_), Ok(facts)) = (&build.dockerfile, file.metadata()) {
            let message = format!("`{}` is {}, expected a file", path.display(), open::kind_name(facts.file_type()));
            cx.error(&["build".into(), "dockerfile".into()], Code::InvalidValue, message, None);
        }
        return;
    }
    let small = file.metadata().is_ok_and(|facts| facts.len() <= DOCKERFILE_LIMIT);
    let Some(text) = small.then(|| open::read(&file, DOCKERFILE_LIMIT).ok()).flatten() else { return };
    let dockerfile = Dockerfile::parse(&String::from_utf8_lossy(&text));
    if dockerfile.stages().is_empty() {
        let message = format!("`{}` has no FROM line, so there is nothing to build", path.display());
        let key = if build.dockerfile.is_some() { "dockerfile" } else { "context" };
        cx.error(&["build".into(), key.into()], Code::InvalidValue, message, None);
    } else if let Some(target) = &build.target
        && let Err(help) = dockerfile.has_target(target)
    {
        let message = format!("`{}` has no stage `{target}`", path.display());
        cx.error(&["build".into(), "target".into()], Code::InvalidValue, message, help);
    }
}

/// The engines' own rule, as far as it catches slips: lower case, one tag of at most 128 characters, no blanks.
fn is_image_name(name: &str) -> bool {
    let (path, tag) = split_tag(name);
    let (host, rest) = path.split_once('/').unwrap_or(("", path));
    let lower = |text: &str| text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-/".contains(c));
    let tag_fits = tag.is_none_or(|tag| {
        !tag.is_empty() && tag.len() <= 128 && tag.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c))
    });
    let host_fits = host.chars().all(|c| c.is_ascii_alphanumeric() || "._-:[]".contains(c));
    !rest.is_empty() && lower(rest) && host_fits && tag_fits && !rest.starts_with(['.', '-', '/'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_image_names() {
        for name in ["todo", "todo:dev", "localhost:5000/a/b:1.2-x", "org/app"] {
            assert!(is_image_name(name), "{name}");
        }
        for name in ["Todo:dev", "todo:", "todo dev", "", "todo:dev:x", "-todo"] {
            assert!(!is_image_name(name), "{name}");
        }
    }
}
