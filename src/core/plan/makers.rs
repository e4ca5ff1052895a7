//! Which steps make a file that another one names: it need not be there before the run, and the other waits for them. And
//! what expressions may ask of the environment.

use std::path::{Component, Path};

use super::names::{Carries, Names, Site, StepNames, Target};
use crate::core::expr::{Ask, Fact};
use crate::core::files::glob::Glob;
use crate::core::files::{inputs, project};
use crate::core::model::diagnostic::{Code, Diagnostic};
use crate::core::model::source::Span;
use crate::core::yaml::Node;

impl Names {
    /// The steps and stages that make what is at `path`, seen from `site`; not the step `own`.
    pub fn makers(&self, path: &str, site: Site<'_>, own: Option<&str>) -> Vec<Target> {
        let steps = self
            .steps_at(site)
            .into_iter()
            .filter(|names| names.makes)
            .flat_map(|names| making(names, path))
            .filter(|id| Some(*id) != own);
        let mut makers: Vec<Target> = steps.map(|id| Target::Step(id.to_owned(), Carries::Plain)).collect();
        if site.part.is_none() {
            let others = self.stages.values().enumerate();
            let others = others.filter(|(index, names)| names.makes && Some(*index) != site.stage);
            let others = others.filter(|(_, names)| making(names, path).next().is_some());
            makers.extend(others.map(|(index, _)| Target::Stage(index, Carries::Plain)));
        }
        makers
    }

    /// The steps and stages that make what `inputs:` of `node` names. A pattern that is wider than what is made says
    /// nothing of an order: `inputs: ["**"]` names what every step makes.
    pub fn makers_of_inputs(&self, patterns: &[String], site: Site<'_>, own: Option<&str>, node: &Node) -> Makers {
        let mut found = Makers::default();
        for (index, pattern) in patterns.iter().enumerate() {
            let span = node.span_at(&["inputs".into(), index.into()]);
            for maker in self.makers(pattern, site, own) {
                match maker {
                    Target::Step(id, _) => found.0.push((id, span)),
                    Target::Stage(stage, _) => found.1.push((stage, span)),
                    _ => {}
                }
            }
        }
        found
    }
}

/// Steps of the same stage and other stages, each with the place that names what they make.
type Makers = (Vec<(String, Span)>, Vec<(usize, Span)>);

impl Names {
    /// What asking for `path` at `site` leads to, whichever steps make it; or what is wrong with it.
    pub fn asked(path: &[String], site: Site<'_>, cel: bool, span: Span) -> Result<Target, Box<Diagnostic>> {
        let Some(fact) = Fact::of(path) else { return Ok(Target::Dynamic) };
        let name = fact.name();
        let refused =
            |code, message: String, help: &str| Err(Box::new(Diagnostic::error(code, span, message).help(help)));
        if cel {
            let message = format!("`{name}` is not known here: this is evaluated on what the kind found");
            return refused(Code::UnknownName, message, "ask in `when:`, or in `${{ }}`");
        }
        if site.stage.is_none() && site.part.is_none() && site.role.is_none() {
            let message = format!("`{name}` is not known here: the pipeline's own keys come before everything");
            return refused(Code::UnknownName, message, "ask in a stage or in a step");
        }
        let problem = match fact.ask {
            Ask::FileText | Ask::FileExists if fact.of.trim().is_empty() => {
                Some("an empty text names no file".to_owned())
            }
            Ask::FileText | Ask::FileExists => project::problem(fact.of.as_ref()),
            Ask::FilesDigest => inputs::problem(&fact.of),
            Ask::ClusterHas | Ask::ClusterServes if fact.of.trim().is_empty() => {
                Some("an empty text names no kind".to_owned())
            }
            Ask::ClusterHas | Ask::ClusterServes => None,
        };
        if let Some(problem) = problem {
            return refused(Code::InvalidReference, problem, "paths are relative to the folder of pipeline.yaml");
        }
        Ok(Target::Dynamic)
    }
}

/// The steps that make what is at `path`.
fn making<'n>(names: &'n StepNames, path: &'n str) -> impl Iterator<Item = &'n str> {
    let makes = move |patterns: &[String]| patterns.iter().any(|pattern| covers(pattern, path));
    names.steps.iter().filter(move |(_, step)| makes(&step.makes)).map(|(id, _)| id.as_str())
}

/// Whether a pattern of made files names `path`, or a folder around it.
fn covers(pattern: &str, path: &str) -> bool {
    // Most are in different folders, and there may be very many of both.
    let is_plain = |part: &&str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
    };
    let first = |text| str::split(text, '/').next().filter(is_plain);
    if let (Some(made), Some(named)) = (first(pattern), first(path))
        && made != named
    {
        return false;
    }
    let plain = |text: &str| -> Vec<String> {
        let parts = Path::new(text).components().filter(|part| *part != Component::CurDir);
        parts.map(|part| part.as_os_str().to_string_lossy().into_owned()).collect()
    };
    let (pattern, path) = (plain(pattern), plain(path));
    if pattern.is_empty() || path.is_empty() {
        return false;
    }
    if path.starts_with(&pattern) {
        return true;
    }
    Glob::parse(&pattern.join("/")).is_ok_and(|glob| glob.covers(&path.join("/")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_covers_what_it_names_and_what_is_below_that() {
        for (pattern, path, covered) in [
            ("dist", "dist", true),
            ("./dist/", "dist/app.js", true),
            ("dist/*.yaml", "dist/all.yaml", true),
            ("charts/*", "charts/web/values.yaml", true),
            ("out/**", "out/a/b", true),
            ("dist", "distribution", false),
            ("dist/app.js", "dist", false),
            ("*.lock", "src", false),
        ] {
            assert_eq!(covers(pattern, path), covered, "{pattern} {path}");
        }
    }
}
