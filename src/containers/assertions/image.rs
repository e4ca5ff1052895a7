//! The `image` assertion: what an image is, measured from the engine's image, an archive or an OCI layout. Knows no
//! engine's words: those are the driver's.

mod measure;
mod spec;

use std::time::Duration;

use async_trait::async_trait;

use crate::containers::cosign::{self, Signed};
use crate::containers::images::archive::{Choice, Contents};
use crate::containers::images::dockerfile::Dockerfile;
use crate::containers::images::facts::{Facts, User};
use crate::containers::images::layer::{Limits, Sighting, Wanted};
use crate::core::files::glob::Glob;
use crate::core::files::project::look;
use crate::core::kind::{Assertion, AssertionKind, CheckContext, Context, Poll, Watch};
use crate::core::model::outcome::{Fault, Finding, Measure, Verdict};
use crate::core::model::units::ByteSize;
use crate::process::command_context::CommandContext;
use crate::secrets::leaks::Leaks;
use crate::services::Clients;
use spec::Image;

/// The row of this kind.
pub const KIND: AssertionKind = AssertionKind::assertion::<Image>(
    "image",
    "What an image is: size, user, environment, labels, ports, files, layers, and no secrets in any of them.",
    "name: todo-backend:dev\nsize: \"< 300MB\"\nnon_root: true\nsecrets: none\n",
);

/// Bytes of a Dockerfile that are read.
const DOCKERFILE_LIMIT: u64 = 1 << 20;

/// An image as far as it was looked at.
struct Seen {
    facts: Facts,
    size: ByteSize,
    /// Who its processes are; looked up in its layers where that took reading them.
    user: User,
    /// What reading the layers brought, where that was needed.
    contents: Option<Contents>,
    /// Names of secrets too short to look for.
    too_short: Vec<String>,
    /// Entries of `allow_secrets` that fit nothing.
    stale: Vec<String>,
}

#[async_trait]
impl Assertion for Image {
    fn check(&self, cx: &mut CheckContext<'_>) {
        spec::check(self, cx);
    }

    fn title(&self) -> String {
        format!("image {}", self.shown())
    }

    async fn watch(&self, _: &Context) -> Result<Box<dyn Watch>, Fault> {
        // reading layers costs seconds, asking the engine some hundredths
        Ok(Box::new(Poll(Duration::from_millis(if self.reads_layers() { 2_000 } else { 250 }))))
    }

    async fn measure(&self, cx: &Context) -> Result<Verdict, Fault> {
        let mut measures = Vec::new();
        if let (Some(expected), Some(path)) = (&self.stages, &self.dockerfile) {
            let text = crate::core::files::open::read(&path.below(&cx.project), DOCKERFILE_LIMIT)
                .map_err(|error| Fault::invalid(format!("{} cannot be read: {error}", path.0.display())))?;
            let stages = Dockerfile::parse(&String::from_utf8_lossy(&text)).stages().len();
            measures.push(
                expected
                    .measure("stages", &crate::core::model::units::Count(i64::try_from(stages).unwrap_or(i64::MAX))),
            );
        }
        if let (Some(by), Some(name)) = (&self.signed_by, &self.name) {
            let signed = cosign::verify(name, &by.signer(&cx.project), &CommandContext::of(cx)).await?;
            let actual = match &signed {
                Signed::Yes => by.shown(),
                Signed::No(why) => why.clone(),
            };
            measures.push(Measure::new("signature", actual, by.shown(), signed == Signed::Yes));
        }
        // With a signature alone the image need not be here.
        if self.has_source() && (self.signed_by.is_none() || self.expects_of_contents()) {
            match self.look(cx).await? {
                Some(mut seen) => {
                    seen.stale = self.allow(&mut seen);
                    self.note(&seen, cx);
                    measures.extend(measure::all(self, &seen));
                }
                None => {
                    measures.push(Measure::new("image", format!("no such image: {}", self.shown()), "present", false));
                }
            }
        }
        Ok(Verdict::of(measures))
    }

    async fn explain(&self, cx: &Context) -> Vec<Finding> {
        if let Some(path) = self.archive.as_ref().or(self.layout.as_ref()) {
            let message = "it is not there; let this stage need the step that saves it";
            let missing = !cx.project.join(path).exists();
            let finding = || Finding::new(format!("file {}", path.display()), "NoSuchFile", message);
            return missing.then(finding).into_iter().collect();
        }
        let secrets = self.found.all();
        if !secrets.is_empty() {
            return secrets;
        }
        let Some(name) = &self.name else { return Vec::new() };
        let call = CommandContext::of(cx);
        let Ok(engine) = cx.images().engine(&self.engine, &call).await else { return Vec::new() };
        match cx.images().inspect(engine, name, &call).await {
            Ok(None) => {
                let known = cx.images().names(engine, &call).await;
                let close = crate::core::model::diagnostic::did_you_mean(name, known.iter().map(String::as_str));
                let close = close.unwrap_or_else(|| "build it in a step that this stage needs".to_owned());
                let message = format!("{} has no image of this name; {close}", engine.name);
                vec![Finding::new(format!("image {name}"), "NoSuchImage", message)]
            }
            Ok(Some((_, Some(size)))) if self.size.as_ref().is_some_and(|expected| !expected.holds(&size)) => {
                let lines = cx.images().largest_layers(engine, name, &call).await;
                let mut finding = Finding::new(format!("image {name}"), "LargeLayers", "what takes the most space");
                finding.lines = lines;
                vec![finding]
            }
            _ => Vec::new(),
        }
    }
}

impl Image {
    /// `None` when there is no such image.
    async fn look(&self, cx: &Context) -> Result<Option<Seen>, Fault> {
        let call = CommandContext::of(cx);
        let images = &cx.images();
        let wanted = self.wanted(cx);
        let too_short = wanted.leaks.as_ref().map(|leaks| leaks.too_short().to_vec()).unwrap_or_default();
        if let Some(path) = self.archive.as_ref().or(self.layout.as_ref()) {
            let Some(found) = look(&cx.project, path)? else { return Ok(None) };
            let path = found.path;
            let choice = Choice { name: self.name.clone(), platform: self.platform.clone() };
            let contents = images.read_file(&path, choice, wanted, Limits::default(), &call).await?;
            return Ok(contents.map(|contents| Seen::of_contents(contents, too_short)));
        }
        let Some(name) = &self.name else { return Ok(None) };
        let engine = images.engine(&self.engine, &call).await?;
        let Some((facts, size)) = images.inspect(engine, name, &call).await? else { return Ok(None) };
        let user = User::of(&facts.user);
        let named = self.non_root.is_some() && matches!(user, User::Named(_));
        let unsized_image = self.size.is_some() && size.is_none();
        if !(self.reads_layers() || named || unsized_image) {
            let size = size.unwrap_or_default();
            return Ok(Some(Seen { facts, size, user, contents: None, too_short, stale: Vec::new() }));
        }
        let contents = images.read(engine, name, wanted, Limits::default(), &call).await?;
        let mut seen = Seen::of_contents(contents, too_short);
        seen.facts = facts;
        seen.size = size.unwrap_or(seen.size);
        Ok(Some(seen))
    }

    /// Takes the allowed findings away. The entries that fit nothing.
    fn allow(&self, seen: &mut Seen) -> Vec<String> {
        let Some(contents) = seen.contents.as_mut().filter(|_| self.secrets.is_some()) else { return Vec::new() };
        let is_found = |digest: &String| contents.sightings.iter().any(|seen| seen.digest.as_ref() == Some(digest));
        let mut stale: Vec<String> = self.allowed_digests().filter(|digest| !is_found(digest)).cloned().collect();
        let unused = self.allowed_paths().enumerate().filter(|(at, _)| !contents.allowed.contains(at));
        stale.extend(unused.map(|(_, path)| path.clone()));
        contents.sightings.retain(|seen| !self.allowed_digests().any(|digest| seen.digest.as_ref() == Some(digest)));
        stale
    }

    /// Keeps what was found, for the evidence and the explanation.
    fn note(&self, seen: &Seen, cx: &Context) {
        let found = seen.contents.as_ref().filter(|_| self.secrets.is_some()).map(|contents| &contents.sightings);
        let finding = |seen: &Sighting| {
            let allow = |digest: &String| format!("if it is not a secret, add {digest} to allow_secrets");
            Finding::new(&seen.place, &seen.what, seen.digest.as_ref().map(allow).unwrap_or_default())
        };
        let findings: Vec<Finding> = found.into_iter().flatten().map(finding).collect();
        let line =
            |it: &Finding| format!("{}: {}: {}", it.object, it.cause, it.message).trim_end_matches(": ").to_owned();
        if !findings.is_empty() {
            let lines: Vec<String> = findings.iter().map(line).collect();
            cx.evidence.keep("image-secrets.txt", &(lines.join("\n") + "\n"));
        }
        self.found.keep(findings);
    }

    fn wanted(&self, cx: &Context) -> Wanted {
        let globs = |texts: &[String]| texts.iter().map(|text| Glob::new(text)).collect::<Vec<_>>();
        let mut files = globs(&self.files.absent);
        files.extend(globs(&self.files.present));
        let leaks = self.secrets.map(|_| Leaks::new(cx.secrets.iter().map(|(name, value)| (name.as_str(), value))));
        Wanted { files, leaks, allowed: self.allowed_paths().map(|text| Glob::new(text)).collect() }
    }
}

impl Seen {
    fn of_contents(contents: Contents, too_short: Vec<String>) -> Self {
        Seen {
            facts: contents.facts.clone(),
            size: contents.size,
            user: contents.user.clone(),
            contents: Some(contents),
            too_short,
            stale: Vec::new(),
        }
    }
}
