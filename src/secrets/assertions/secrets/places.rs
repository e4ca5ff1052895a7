//! The places that are looked at, one after the other, and what each makes of a measure.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use super::{Secrets, known, record, traces};
use crate::containers::images::layer::{Limits, Wanted};
use crate::core::files::glob::{Glob, characters};
use crate::core::files::open;
use crate::core::kind::Context;
use crate::core::model::outcome::{Fault, FaultKind, Finding, Measure};
use crate::process::command_context::CommandContext;
use crate::process::tree;
use crate::secrets::leaks::Leaks;
use crate::secrets::packed::{in_packed, is_unsearched};
use crate::secrets::secret_scan::{Trace, Traces};
use crate::services::Clients;

/// Findings named in a measure; the rest is counted, and is in the evidence.
const NAMED: usize = 5;

/// What was looked at, and what was found there.
pub struct Place {
    name: &'static str,
    /// What was looked at: `2 images`; or why nothing was.
    looked: Result<String, String>,
    /// Which secret, and where.
    found: BTreeSet<(String, String)>,
    /// Secrets that were not looked for.
    pub too_short: Vec<String>,
}

impl Place {
    fn new(name: &'static str, looked: Result<String, String>) -> Self {
        Place { name, looked, found: BTreeSet::new(), too_short: Vec::new() }
    }

    fn left_out(name: &'static str) -> Self {
        Place::new(name, Err("left out".to_owned()))
    }

    /// `images: secret token in /app/.env (layer 1 of 2) of todo:dev`, each.
    pub fn findings(&self) -> impl Iterator<Item = String> {
        self.found.iter().map(|(what, place)| format!("{}: {what} in {place}", self.name))
    }

    /// The same as findings.
    pub fn explained(&self) -> impl Iterator<Item = Finding> {
        self.found.iter().map(|(what, place)| Finding::new(place, what, ""))
    }

    /// Both sides.
    pub fn measure(&self) -> Measure {
        let shown: Vec<String> =
            self.found.iter().take(NAMED).map(|(what, place)| format!("{what} in {place}")).collect();
        let mut actual = match (&self.looked, self.found.len()) {
            (Err(why), _) => format!("not looked at: {why}"),
            (Ok(looked), 0) => format!("none in {looked}"),
            (Ok(_), count) if count <= NAMED => format!("{count}: {}", shown.join("; ")),
            (Ok(_), count) => format!("{count}: {}; and {} more in evidence", shown.join("; "), count - NAMED),
        };
        if !self.too_short.is_empty() {
            actual += &format!(" (too short to look for: {})", self.too_short.join(", "));
        }
        Measure::new(self.name, actual, "none", self.found.is_empty())
    }
}

/// Every layer, configuration and history of images.
pub async fn images(body: &Secrets, cx: &Context) -> Result<Place, Fault> {
    let names = body.images.clone().unwrap_or_else(|| known::images(&cx.scope).into_iter().collect());
    if names.is_empty() {
        let why = if body.images.is_some() { "left out" } else { "no step before this gate has made one" };
        return Ok(Place::new("images", Err(why.to_owned())));
    }
    let call = CommandContext::of(cx);
    let engine = cx.images().engine(&body.engine, &call).await?;
    let (mut found, mut gone) = (BTreeSet::new(), Vec::new());
    for name in &names {
        if cx.images().inspect(engine, name, &call).await?.is_none() {
            gone.push(name.as_str());
            continue;
        }
        let leaks = Some(Leaks::of_values(traces(cx)));
        let allowed = body.allow.iter().map(|text| Glob::new(text)).collect();
        let wanted = Wanted { leaks, allowed, ..Wanted::default() };
        let contents = cx.images().read(engine, name, wanted, Limits::default(), &call).await?;
        let of_image = |place: &str| format!("{place} of image {name}");
        found.extend(contents.sightings.iter().map(|seen| (seen.what.clone(), of_image(&seen.place))));
    }
    if body.images.is_some() && !gone.is_empty() {
        let message = format!("{} has no image {}: it cannot be looked at", engine.name, gone.join(", "));
        return Err(Fault::unknown(message).help("let this stage need the step that builds it"));
    }
    let rest = if gone.is_empty() { String::new() } else { format!(" ({} removed since)", gone.join(", ")) };
    let looked = Ok(format!("{}{rest}", counted(names.len() - gone.len(), "image")));
    Ok(Place { found, ..Place::new("images", looked) })
}

/// Files of the project.
pub async fn files(body: &Secrets, cx: &Context) -> Result<Place, Fault> {
    let paths = match &body.files {
        Some(written) if written.is_empty() => return Ok(Place::left_out("files")),
        Some(written) => {
            let mut paths = BTreeSet::new();
            for path in written {
                let below = tree::at(&cx.project, path)?.ok_or_else(|| {
                    Fault::invalid(format!("there is no `{}`: it cannot be looked at", path.display()))
                        .help("correct the path, or let this stage need the step that makes it")
                })?;
                if below.is_empty() {
                    let message = format!("not measured: there is no file in `{}`", path.display());
                    return Err(Fault::invalid(message).help("correct the path, or leave it out of `files`"));
                }
                paths.extend(below);
            }
            paths.into_iter().collect()
        }
        None => {
            let call = CommandContext::of(cx);
            tree::of_project(&cx.project, &call).await?
        }
    };
    let allowed: Vec<Glob> = body.allow.iter().map(|text| Glob::new(text)).collect();
    let is_meant = |path: &PathBuf| {
        !cx.secret_files().contains(path)
            && !allowed.iter().any(|glob| glob.covers(&characters(path.as_os_str().as_encoded_bytes())))
    };
    let paths: Vec<PathBuf> = paths.into_iter().filter(is_meant).collect();
    let looked = match paths.len() {
        0 => Err("no file is left beside those that are allowed, and the sources of secrets".to_owned()),
        count => Ok(counted(count, "file")),
    };
    let found = searched(cx, cx.project.to_path_buf(), paths, Of::Project).await?;
    Ok(Place { found, ..Place::new("files", looked) })
}

/// Objects of the cluster.
pub async fn objects(body: &Secrets, cx: &Context) -> Result<Place, Fault> {
    let cluster = &cx.cluster();
    let namespaces = match &body.namespaces {
        Some(written) if written.is_empty() => return Ok(Place::left_out("objects")),
        Some(written) => written.clone(),
        None if cluster.settings().contexts.is_empty() => {
            return Ok(Place::new("objects", Err("pipeline.yaml names no cluster".to_owned())));
        }
        None if cluster.context()?.is_none() => {
            return Ok(Place::new("objects", Err("there is no cluster".to_owned())));
        }
        None => {
            let mut known = known::namespaces(&cx.scope);
            known.insert(cx.namespace().to_owned());
            known.into_iter().collect()
        }
    };
    let traces = traces(cx);
    let (mut found, mut count) = (BTreeSet::new(), 0);
    for namespace in &namespaces {
        let namespace = cluster.namespace_or(Some(namespace))?;
        let looking = cluster.each_object(namespace, &["secrets"], |kind, object| {
            let (object, name) = (serde_json::to_value(object).unwrap_or_default(), object.metadata.name.as_deref());
            let named = kind.named(name.unwrap_or_default());
            for (path, trace) in traces.in_json(&object) {
                found.insert((trace.to_string(), format!("{path} of {named} in namespace {namespace}")));
            }
        });
        count += cx.unless_cancelled(looking).await??;
    }
    let looked = format!("{} of {}", counted(count, "object"), counted(namespaces.len(), "namespace"));
    Ok(Place { found, ..Place::new("objects", Ok(looked)) })
}

/// The record of this run so far.
pub async fn run(body: &Secrets, cx: &Context) -> Result<Place, Fault> {
    if body.run == Some(false) {
        return Ok(Place::left_out("run"));
    }
    let folder = cx.record();
    if !folder.is_dir() {
        return Ok(Place::new("run", Err("this run keeps no record".to_owned())));
    }
    let paths = tree::all(&folder)?;
    let looked = Ok(format!("{} of the run's record", counted(paths.len(), "file")));
    let found = searched(cx, folder, paths, Of::Run).await?;
    Ok(Place { found, ..Place::new("run", looked) })
}

/// The arguments of processes.
pub fn argv(body: &Secrets, cx: &Context) -> Result<Place, Fault> {
    if body.argv == Some(false) {
        return Ok(Place::left_out("argv"));
    }
    match cx.argv().seen(&cx.secrets) {
        Ok(seen) => {
            let found = seen.into_iter().map(|one| (one.what, one.place)).collect();
            let looked = Ok("the arguments of all processes".to_owned());
            Ok(Place { found, ..Place::new("argv", looked) })
        }
        Err(fault) if body.argv.is_none() && fault.kind == FaultKind::Environment => {
            Ok(Place::new("argv", Err(fault.message)))
        }
        Err(fault) => Err(fault),
    }
}

/// Whose files are searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Of {
    Project,
    /// The record of the run: its structure and the names of its steps are not text from outside.
    Run,
}

/// Which secrets are in which of these files, their names included.
async fn searched(
    cx: &Context,
    root: PathBuf,
    paths: Vec<PathBuf>,
    of: Of,
) -> Result<BTreeSet<(String, String)>, Fault> {
    let (traces, cancel) = (traces(cx), cx.signals.cancel.clone());
    let work = move || {
        let (mut found, mut unsearched) = (BTreeSet::new(), None);
        for path in paths {
            if cancel.is_cancelled() {
                return Err(Fault::unknown("stopped"));
            }
            let shown = path.display().to_string();
            let whole = root.join(&path);
            let seen = match of {
                Of::Run if path == Path::new("journal.ndjson") => record::in_journal(&traces, &whole),
                _ => in_file(&traces, &whole),
            };
            let seen = match seen {
                Err(error) if is_unsearched(&error) => {
                    unsearched.get_or_insert_with(|| {
                        Fault::unknown(format!("not measured: {shown} {error}"))
                            .help("name it under `allow`, or let a step unpack it and search that")
                    });
                    BTreeSet::new()
                }
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                    return Err(Fault::environment(format!("`{shown}` cannot be read: {error}")));
                }
                Err(error) => return Err(Fault::unknown(format!("`{shown}` cannot be searched: {error}"))),
                Ok(seen) => seen,
            };
            let name: PathBuf = match of {
                Of::Project => path,
                // `logs/STEP.log` and `evidence/STEP/` are named after steps
                Of::Run => path.components().skip(2).collect(),
            };
            let named = traces.within(name.as_os_str().as_encoded_bytes());
            found.extend(named.iter().map(|trace| (trace.to_string(), "a file's name".to_owned())));
            found.extend(seen.into_iter().map(|trace| (trace.to_string(), shown.clone())));
        }
        // What was found is an answer, whatever else could not be searched.
        match unsearched.filter(|_| found.is_empty()) {
            Some(fault) => Err(fault),
            None => Ok(found),
        }
    };
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Fault::unknown(format!("the search broke off: {error}")))?
}

/// What is in a file; where it is compressed, in what it holds. A file that went away meanwhile holds nothing.
fn in_file(traces: &Traces, path: &Path) -> io::Result<BTreeSet<Trace>> {
    let open = || match open::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    };
    let Some(file) = open()? else { return Ok(BTreeSet::new()) };
    let mut found = traces.in_stream(&mut { file })?;
    let Some(file) = open()? else { return Ok(found) };
    match in_packed(traces, path, file) {
        Ok(inner) => found.extend(inner),
        // What was found is an answer.
        Err(error) if is_unsearched(&error) && !found.is_empty() => {}
        Err(error) => return Err(error),
    }
    Ok(found)
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}
