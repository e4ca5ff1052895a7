//! The files of a project, read once each and kept for messages.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::foreign::{self, Place};
use super::{indent_fix, paths};
use crate::core::kind::Registry;
use crate::core::model::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::core::model::source::{SourceMap, Span};
use crate::core::yaml::{Node, TextError, bytes_of, parse, text_of};

/// The bytes of a file, unless they are too many.
type Read = Result<Vec<u8>, TextError>;

/// The project's folder and what was read of it.
pub(super) struct Files {
    pub root: PathBuf,
    pub sources: SourceMap,
    registry: Registry,
    seen: HashMap<PathBuf, Option<Arc<Node>>>,
    /// The pipeline file, which is read before all others.
    pipeline: Option<PathBuf>,
    /// Files that were read as stages.
    stages: HashSet<PathBuf>,
    /// What the file is that is being read.
    reading: Place,
}

impl Files {
    /// The files below `root`, of which `pipeline` is the first.
    pub fn new(root: PathBuf, pipeline: &Path, registry: Registry) -> Self {
        Files {
            root,
            sources: SourceMap::default(),
            registry,
            seen: HashMap::new(),
            pipeline: pipeline.canonicalize().ok(),
            stages: HashSet::new(),
            reading: Place::Other,
        }
    }

    /// The one path of the file that `reference` names, however it is written.
    pub fn real(&self, reference: &str) -> Option<PathBuf> {
        self.root.join(reference).canonicalize().ok()
    }

    /// What the file that `reference` names is already.
    pub fn role_of(&self, reference: &str) -> Option<&'static str> {
        let path = self.real(reference)?;
        match () {
            () if self.pipeline.as_ref() == Some(&path) => Some("the pipeline file"),
            () if self.stages.contains(&path) => Some("a stage file"),
            () => None,
        }
    }

    /// Remembers that the file that `reference` names is a stage file.
    pub fn is_stage(&mut self, reference: &str) {
        self.stages.extend(self.real(reference));
    }

    /// Reads the file that `reference`, written at `span`, names; tells what is wrong with it once.
    pub fn read(&mut self, reference: &str, span: Span, out: &mut Diagnostics) -> Option<Arc<Node>> {
        let path = match paths::resolve(&self.root, reference, span) {
            Ok(path) => path.canonicalize().unwrap_or(path),
            Err(problem) => {
                out.push(*problem);
                return None;
            }
        };
        if let Some(node) = self.seen.get(&path) {
            return node.clone();
        }
        let node = match bytes_of(&path) {
            Ok(bytes) => self.take(reference, &path, bytes, out).map(Arc::new),
            Err(error) => {
                let problem = Diagnostic::error(Code::MissingFile, span, format!("cannot read `{reference}`: {error}"));
                out.push(
                    problem.help("write the path of a YAML file that can be read, seen from the project's folder"),
                );
                None
            }
        };
        self.seen.insert(path, node.clone());
        node
    }

    /// Reads the file of a part, as [`read`](Files::read) does.
    pub fn read_part(&mut self, reference: &str, span: Span, out: &mut Diagnostics) -> Option<Arc<Node>> {
        self.reading = Place::Part;
        let node = self.read(reference, span, out);
        self.reading = Place::Other;
        node
    }

    /// Keeps the trees read so far no longer: stages are large, and each is used up when it is built.
    pub fn let_go(&mut self) {
        self.seen.retain(|_, node| node.is_none());
    }

    /// The text of a file that was read, well-formed or not.
    pub fn text(&self, reference: &str) -> Option<&str> {
        self.sources.files().find(|(_, file)| file.name == reference).map(|(_, file)| &*file.text)
    }

    /// Parses bytes that were read from `path`.
    pub fn take(&mut self, name: &str, path: &Path, bytes: Read, out: &mut Diagnostics) -> Option<Node> {
        match bytes.and_then(text_of) {
            Ok(text) => {
                let file = self.sources.add(name, path, text);
                let node = parse(&self.sources, file, out)?;
                let node = indent_fix::mended(node, self.registry, &self.sources, out);
                let is_pipeline = self.pipeline.is_some() && self.pipeline == path.canonicalize().ok();
                let place = if is_pipeline { Place::Pipeline } else { self.reading };
                Some(foreign::understood(node, place, self.registry, &self.sources, out))
            }
            Err(problem) => {
                let file = self.sources.add(name, path, problem.shown());
                out.push(problem.in_file(file));
                None
            }
        }
    }
}
