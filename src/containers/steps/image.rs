//! The `image` step: builds, loads, tags, saves, pushes and pulls images with the engine that answers. Knows no arguments of
//! any engine: those are the driver's.

mod check;
mod spec;

use async_trait::async_trait;
use serde_json::json;

use crate::containers::images::layer::{Limits, Wanted};
use crate::containers::images::{Engine, Registry, pinned};
use crate::core::files::project;
use crate::core::kind::{CheckContext, Context, OutputRow, Step, StepKind};
use crate::core::model::outcome::{Fault, Outcome, Outputs};
use crate::core::model::units::ByteSize;
use crate::process::command_context::{CommandContext, CommandError};
use crate::services::Clients;
use spec::{BuildSpec, Image, LoadSpec, PullSpec, PushSpec, SaveSpec, TagSpec};

/// The row of this kind. Only `load` touches the cluster, and asks the guard itself: a pipeline that builds images and no
/// more needs no cluster.
pub const KIND: StepKind = StepKind::step::<Image>(
    "image",
    "Builds an image with Docker, Podman or Buildah, loads it into the cluster, tags, saves, pushes or pulls it.",
    "build:\n  context: backend\n  tag: todo-backend:dev\n  target: runtime\n",
)
.outputs(&[
    OutputRow { name: "context", summary: "load: the context of the cluster that has the image now" },
    OutputRow {
        name: "digest",
        summary: "build, tag, pull: the image's id, sha256:…; push: the digest in the registry",
    },
    OutputRow { name: "engine", summary: "the engine that answered: docker, podman or buildah" },
    OutputRow { name: "image", summary: "the image's name" },
    OutputRow { name: "images", summary: "load: the names of all images, a list" },
    OutputRow { name: "layers", summary: "build, pull: the number of its layers" },
    OutputRow { name: "loaded", summary: "load: those that were loaded, a list; the others were there, unchanged" },
    OutputRow { name: "path", summary: "save: the file that was written" },
    OutputRow { name: "pinned", summary: "push: the name of exactly this image, NAME@sha256:…" },
    OutputRow { name: "provider", summary: "load: how it got there: minikube, kind, k3d, shared or command" },
    OutputRow { name: "shown_size", summary: "build, pull, save: its size for people, 612 MB" },
    OutputRow { name: "size", summary: "build, pull: its size in bytes; save: the file's" },
    OutputRow { name: "source", summary: "push: the image's name in the engine" },
])
.cluster();

#[async_trait]
impl Step for Image {
    fn check(&self, cx: &mut CheckContext<'_>) {
        check::check(self, cx);
    }

    fn title(&self) -> String {
        match self.verb() {
            Some(Verb::Build(build)) => format!("build {}", build.tag),
            Some(Verb::Load(load)) => format!("load {}", load.names().join(", ")),
            Some(Verb::Tag(tag)) => format!("tag {} as {}", tag.image, tag.tag),
            Some(Verb::Save(save)) => format!("save {} to {}", save.image, save.path.display()),
            Some(Verb::Push(push)) => format!("push {}", push.to()),
            Some(Verb::Pull(pull)) => format!("pull {}", pull.image),
            None => "image".to_owned(),
        }
    }

    fn touches_cluster(&self) -> bool {
        self.load.is_some()
    }

    fn reads(&self) -> Vec<String> {
        let Some(build) = &self.build else { return Vec::new() };
        let dockerfile = build.dockerfile.iter();
        std::iter::once(&build.context).chain(dockerfile).map(|path| path.0.display().to_string()).collect()
    }

    async fn run(&self, cx: &Context) -> Result<Outcome, Fault> {
        let call = CommandContext::of(cx);
        let images = &cx.images();
        let engine = images.engine(&self.engine, &call).await?;
        let done = match self.verb() {
            Some(Verb::Build(build)) => built(build, cx, engine, &call).await,
            Some(Verb::Load(load)) => loaded(load, cx, engine, &call).await,
            Some(Verb::Tag(tag)) => tagged(tag, cx, engine, &call).await,
            Some(Verb::Save(save)) => saved(save, cx, engine, &call).await,
            Some(Verb::Push(push)) => pushed(push, cx, engine, &call).await,
            Some(Verb::Pull(pull)) => pulled(pull, cx, engine, &call).await,
            None => return Err(Fault::invalid("an image step has exactly one of build, load, tag, save, push, pull")),
        };
        match done {
            Ok(mut outputs) => {
                outputs.insert("engine".into(), engine.name.program().into());
                Ok(Outcome::Passed(outputs))
            }
            Err(CommandError::Failed(failure)) => Ok(Outcome::Failed(failure)),
            Err(CommandError::Fault(fault)) => Err(fault),
        }
    }
}

/// What a step does, of the things it can.
enum Verb<'a> {
    Build(&'a BuildSpec),
    Load(&'a LoadSpec),
    Tag(&'a TagSpec),
    Save(&'a SaveSpec),
    Push(&'a PushSpec),
    Pull(&'a PullSpec),
}

impl Image {
    fn verb(&self) -> Option<Verb<'_>> {
        let verbs = [
            self.build.as_ref().map(Verb::Build),
            self.load.as_ref().map(Verb::Load),
            self.tag.as_ref().map(Verb::Tag),
            self.save.as_ref().map(Verb::Save),
            self.push.as_ref().map(Verb::Push),
            self.pull.as_ref().map(Verb::Pull),
        ];
        verbs.into_iter().flatten().next()
    }
}

async fn built(
    spec: &BuildSpec,
    cx: &Context,
    engine: &Engine,
    call: &CommandContext<'_>,
) -> Result<Outputs, CommandError> {
    let images = &cx.images();
    let built = images.build(engine, &spec.build(&cx.project), call).await?;
    let size = match built.size {
        Some(size) => size,
        // Buildah says no size: its layers are read
        None => images.read(engine, &spec.tag, Wanted::default(), Limits::default(), call).await?.size,
    };
    Ok(described(&spec.tag, &built.facts.id, built.facts.layers, Some(size)))
}

async fn loaded(
    spec: &LoadSpec,
    cx: &Context,
    engine: &Engine,
    call: &CommandContext<'_>,
) -> Result<Outputs, CommandError> {
    let names = spec.names();
    for name in &names {
        if cx.images().inspect(engine, name, call).await?.is_none() {
            return Err(CommandError::Failed(spec::no_such_image(name, engine)));
        }
    }
    let loaded = cx.images().load(engine, &names, spec.provider, call).await?;
    Ok(Outputs::from([
        ("image".into(), names.join(", ").into()),
        ("images".into(), json!(names)),
        ("loaded".into(), json!(loaded.loaded)),
        ("provider".into(), loaded.provider.to_string().into()),
        ("context".into(), loaded.context.into()),
    ]))
}

async fn tagged(
    spec: &TagSpec,
    cx: &Context,
    engine: &Engine,
    call: &CommandContext<'_>,
) -> Result<Outputs, CommandError> {
    let Some((facts, size)) = cx.images().inspect(engine, &spec.image, call).await? else {
        return Err(CommandError::Failed(spec::no_such_image(&spec.image, engine)));
    };
    cx.images().tag(engine, &spec.image, &spec.tag, call).await?;
    Ok(described(&spec.tag, &facts.id, facts.layers, size))
}

async fn saved(
    spec: &SaveSpec,
    cx: &Context,
    engine: &Engine,
    call: &CommandContext<'_>,
) -> Result<Outputs, CommandError> {
    let file = project::place(&cx.project, &spec.path)?;
    cx.images().save(engine, &spec.image, &file, spec.format, call).await?;
    let size = std::fs::metadata(&file)
        .map_err(|error| Fault::unknown(format!("{} was not written: {error}", spec.path.display())))?
        .len();
    Ok(Outputs::from([
        ("image".into(), spec.image.clone().into()),
        ("path".into(), spec.path.to_string_lossy().into()),
        ("size".into(), size.into()),
        ("shown_size".into(), ByteSize(size).to_string().into()),
    ]))
}

async fn pushed(
    spec: &PushSpec,
    cx: &Context,
    engine: &Engine,
    call: &CommandContext<'_>,
) -> Result<Outputs, CommandError> {
    let images = &cx.images();
    if images.inspect(engine, &spec.image, call).await?.is_none() {
        return Err(CommandError::Failed(spec::no_such_image(&spec.image, engine)));
    }
    if spec.to() != spec.image {
        images.tag(engine, &spec.image, spec.to(), call).await?;
    }
    let registry = if spec.insecure { Registry::Insecure } else { Registry::Secure };
    let digest = images.push(engine, spec.to(), registry, call).await?;
    Ok(Outputs::from([
        ("image".into(), json!(spec.to())),
        ("source".into(), json!(spec.image)),
        ("pinned".into(), json!(pinned(spec.to(), &digest))),
        ("digest".into(), json!(digest)),
    ]))
}

async fn pulled(
    spec: &PullSpec,
    cx: &Context,
    engine: &Engine,
    call: &CommandContext<'_>,
) -> Result<Outputs, CommandError> {
    let images = &cx.images();
    if spec.only_if_missing && images.inspect(engine, &spec.image, call).await?.is_some() {
        cx.say(format!("{} is here already", spec.image));
    } else {
        images.pull(engine, &spec.image, spec.platform.as_deref(), call).await?;
    }
    let (facts, size) = images.inspect(engine, &spec.image, call).await?.unwrap_or_default();
    Ok(described(&spec.image, &facts.id, facts.layers, size))
}

fn described(image: &str, id: &str, layers: usize, size: Option<ByteSize>) -> Outputs {
    let mut outputs =
        Outputs::from([("image".into(), json!(image)), ("digest".into(), json!(id)), ("layers".into(), json!(layers))]);
    if let Some(size) = size {
        outputs.insert("size".into(), size.0.into());
        outputs.insert("shown_size".into(), size.to_string().into());
    }
    outputs
}

#[cfg(test)]
mod tests;
