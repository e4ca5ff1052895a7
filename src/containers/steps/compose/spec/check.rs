//! What can be said of a `compose` step before anything runs: one verb, files that have services, services they have.

use std::path::Path;

use super::Compose;
use crate::core::kind::CheckContext;
use crate::core::model::diagnostic::{Code, Diagnostics, did_you_mean};
use crate::core::model::source::SourceMap;
use crate::core::yaml::{Node, Segment, Value, parse};

/// Bytes of a Compose file that are read.
const FILE_LIMIT: u64 = 8 << 20;

pub fn check(step: &Compose, cx: &mut CheckContext<'_>) {
    let verbs = step.verbs();
    let written: Vec<&str> = verbs.iter().map(|verb| verb.name()).collect();
    if written.len() != 1 {
        let have = if written.is_empty() { "none".to_owned() } else { written.join(" and ") };
        let message = format!(
            "a compose step has exactly one of up, down, ps, build, restart, logs and config; this one has {have}"
        );
        cx.error(&[], Code::NotOneKind, message, Some("write one step for each: `compose: { up: {} }`".to_owned()));
    }
    if step.file.is_some() && !step.files.is_empty() {
        cx.only_one(&["files".into()], &["file", "files"]);
    }
    if cx.during && step.up.is_none() {
        let help = "with `during:` a project is brought up, and taken down when the steps are over: write `up: {}`";
        cx.error(&[], Code::InvalidValue, "only `up` can run during others", Some(help.to_owned()));
    }
    if let Some(name) = step.project.as_deref().filter(|name| !is_name(name)) {
        let help = "write lower-case letters, digits, `-` and `_`, starting with a letter or a digit".to_owned();
        cx.error(&["project".into()], Code::InvalidValue, format!("`{name}` is no name of a project"), Some(help));
    }
    let paths = step.paths(cx.project);
    if paths.is_empty() {
        let help = Some("write `file: FOLDER/docker-compose.yml`".to_owned());
        cx.error(&[], Code::MissingFile, "there is no compose.yaml beside pipeline.yaml", help);
    }
    let mut known = Some(Vec::new());
    for (at, path) in paths.iter().enumerate() {
        let key: Vec<Segment> = match (&step.file, step.files.is_empty()) {
            (_, false) => vec!["files".into(), at.into()],
            (Some(_), true) => vec!["file".into()],
            (None, true) => Vec::new(),
        };
        match services_of(&cx.project.join(path)) {
            Ok(Some(found)) => known.iter_mut().for_each(|known| known.extend(found.iter().cloned())),
            Ok(None) => known = None,
            Err(why) => {
                known = None;
                let message = format!("`{}` is no Compose file: {why}", path.display());
                cx.error(&key, Code::InvalidValue, message, Some("it needs `services:`, a mapping".to_owned()));
            }
        }
    }
    let Some(known) = known.filter(|known| !known.is_empty()) else { return };
    for verb in verbs {
        for (at, service) in verb.services().iter().enumerate() {
            if !known.contains(service) {
                let help = did_you_mean(service, known.iter().map(String::as_str));
                let message = format!("the project has no service `{service}`");
                cx.error(&[verb.name().into(), "services".into(), at.into()], Code::UnknownName, message, help);
            }
        }
    }
}

/// Compose's own rule.
fn is_name(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    name.chars().all(fits) && name.starts_with(|c: char| c.is_ascii_alphanumeric())
}

/// The services a file names; `None` where not all can be known (it includes others, or uses Compose's own tags).
fn services_of(file: &Path) -> Result<Option<Vec<String>>, String> {
    let Some(root) = tree(file)? else { return Ok(None) };
    if root.get("include").is_some() {
        return Ok(None);
    }
    match root.get("services").map(|services| &services.value) {
        Some(Value::Map(entries)) if !entries.is_empty() => {
            Ok(Some(entries.iter().map(|entry| entry.key.clone()).collect()))
        }
        Some(Value::Map(_)) => Err("its `services` are empty".to_owned()),
        Some(_) => Err("its `services` are no mapping".to_owned()),
        None => Err("it has no `services`".to_owned()),
    }
}

/// The file's tree; `None` where it is written in Compose's own tags.
fn tree(file: &Path) -> Result<Option<Node>, String> {
    let text = crate::core::files::open::read_text(file, FILE_LIMIT).map_err(|error| error.to_string())?;
    if text.contains("!reset") || text.contains("!override") {
        return Ok(None);
    }
    let (mut sources, mut out) = (SourceMap::default(), Diagnostics::default());
    let id = sources.add("compose", "compose", text);
    let root = parse(&sources, id, &mut out);
    match out.into_iter().next() {
        Some(problem) => Err(problem.message.clone()),
        None => Ok(root),
    }
}

/// The name that a file gives its project: the file's `name:`, or its folder's name as Compose spells it. `None` where
/// that depends on variables.
pub fn name_of(file: &Path) -> Option<String> {
    match tree(file).ok()??.get("name").map(|name| name.as_text().map(str::to_owned)) {
        Some(Some(name)) => (!name.contains('$')).then_some(name),
        Some(None) => None,
        None => {
            let folder = file.canonicalize().ok()?.parent()?.file_name()?.to_string_lossy().to_lowercase();
            let kept: String = folder.chars().filter(|c| is_name(&format!("a{c}"))).collect();
            let name = kept.trim_start_matches(['-', '_']).to_owned();
            (!name.is_empty()).then_some(name)
        }
    }
}
