//! A whole file of another tool in the place of pipeline.yaml: the pipeline that it means.

mod gitlab;
mod manifests;

use crate::core::model::event::Role;
use crate::core::model::source::Span;
use crate::core::yaml::{Entry, Node, Value};

use super::groups::{Groups, Order};

use super::Known;
use super::script::pairs;
use super::stage::{named, stage};
use super::step::values::needs;
use super::tree::{entry, list, map, one, slug, text, text_at, texts};

/// A file as it is meant.
pub(super) struct FileDraft {
    pub node: Node,
    pub foreign: Vec<(String, Span)>,
    pub notes: Vec<String>,
}

/// What a file of another tool consists of.
#[derive(Default)]
pub(super) struct Parts {
    pub name: Option<String>,
    pub env: Vec<Entry>,
    pub stages: Vec<Node>,
    pub foreign: Vec<(String, Span)>,
    pub notes: Vec<String>,
}

impl Parts {
    /// Takes in a job, a task or a template as a stage.
    pub fn stage(&mut self, name: &str, job: &Node, known: &Known) {
        let draft = named(name, job, known);
        self.stages.push(draft.node);
        self.notes(draft.notes);
    }

    /// Takes in steps as one stage.
    pub fn steps(&mut self, name: &str, steps: &Node, order: Order, known: &Known) {
        let mut groups = Groups::default();
        groups.take(steps, Role::Step, order, known);
        self.notes(std::mem::take(&mut groups.notes));
        let mut keys = vec![entry("stage", text(slug(name), steps.span))];
        keys.extend(groups.keys(steps.span));
        self.stages.push(map(keys, steps.span));
    }

    pub fn notes(&mut self, notes: Vec<String>) {
        for note in notes {
            if !self.notes.contains(&note) {
                self.notes.push(note);
            }
        }
    }
}

/// Keys of pipeline.yaml that keep their place.
const OURS: [&str; 9] =
    ["description", "cluster", "vars", "secrets", "profiles", "pools", "gate", "finally", "runners"];

/// The pipeline that the file of another tool means; `None` where it is ours.
pub(super) fn converted(file: &Node, known: &Known) -> Option<FileDraft> {
    let mut parts = read(file, known)?;
    let at = file.span;
    let own = text_at(file, "pipeline").or_else(|| parts.name.clone()).or_else(|| text_at(file, "name"));
    let name = own.map_or_else(|| "pipeline".to_owned(), |name| slug(&name));
    let mut keys = vec![entry("version", Node::new(at, Value::Number(1.into()))), entry("pipeline", text(name, at))];
    for own in file.entries() {
        let kept = OURS.contains(&own.key.as_str()) && known.is_pipeline_key(&own.key);
        match own.key.as_str() {
            "env" | "environment" | "variables" if !matches!(own.node.value, Value::Text(_)) => {
                parts.env.extend(pairs(&own.node));
            }
            // A Taskfile's.
            "vars" if file.get("tasks").is_some() => parts.env.extend(pairs(&own.node)),
            _ if kept => keys.push(own.clone()),
            _ => {}
        }
    }
    let mut secrets = Vec::new();
    parts.stages.iter().for_each(|stage| secrets_of(stage, &mut secrets));
    if !secrets.is_empty() && file.get("secrets").is_none() {
        let source = |name: &String| entry(name.clone(), one("env", text(name.clone(), at)));
        keys.push(entry("secrets", map(secrets.iter().map(source).collect(), at)));
    }
    if !parts.env.is_empty() {
        keys.push(entry("env", map(parts.env, at)));
    }
    keys.push(super::stage::stages(parts.stages, at));
    Some(FileDraft { node: map(keys, at), foreign: parts.foreign, notes: parts.notes })
}

fn read(file: &Node, known: &Known) -> Option<Parts> {
    let mut parts = Parts::default();
    let mut at = |key: &str| {
        let own = file.entry(key)?;
        parts.foreign.push((key.to_owned(), own.key_span));
        Some(&own.node)
    };
    if file.get("apiVersion").is_some() && file.get("kind").is_some() {
        at("kind");
        return manifests::read(file, parts, known);
    }
    if let Some(jobs) = file.get("jobs").filter(|jobs| !jobs.items().is_empty()) {
        at("jobs");
        for job in jobs.items() {
            let name = ["job", "name", "deployment", "id"].iter().find_map(|key| text_at(job, key));
            let left =
                job.entries().iter().filter(|own| !matches!(own.key.as_str(), "job" | "name" | "deployment" | "pool"));
            parts.stage(&name.unwrap_or_else(|| "job".to_owned()), &map(left.cloned().collect(), job.span), known);
        }
        return Some(parts);
    }
    if let Some(flows) = file.get("pipelines").filter(|flows| !flows.entries().is_empty()) {
        at("pipelines");
        let flow = flows.get("default").or_else(|| Some(&flows.entries().first()?.node))?;
        parts.steps("main", flow, Order::OneByOne, known);
        return Some(parts);
    }
    if let Some(jobs) = file.get("jobs").filter(|jobs| !jobs.entries().is_empty()) {
        at("jobs");
        for job in jobs.entries() {
            parts.stage(&job.key, &job.node, known);
        }
        if let Some(flows) = file.get("workflows") {
            require(flows, &mut parts.stages);
        }
        return Some(parts);
    }
    for key in ["tasks", "targets", "recipes"] {
        let Some(tasks) = file.get(key).filter(|tasks| !tasks.entries().is_empty()) else { continue };
        at(key);
        parts.steps("main", tasks, Order::AtOnce, known);
        keep_known_needs(&mut parts.stages);
        return Some(parts);
    }
    if let Some(services) = file.get("services").filter(|services| !services.entries().is_empty())
        && file.get("stages").is_none()
    {
        at("services");
        let keys =
            vec![entry("file", text("compose.yaml", services.span)), entry("up", map(Vec::new(), services.span))];
        let up = map(vec![entry("up", one("compose", map(keys, services.span)))], services.span);
        parts.steps("up", &up, Order::AtOnce, known);
        parts.notes.push("keep the services in a file of their own, here `compose.yaml`".to_owned());
        return Some(parts);
    }
    if let Some(steps) = file.entry("steps").filter(|_| file.get("stages").is_none() && file.get("stage").is_none()) {
        at("steps");
        let draft = stage(&only_stage(file, steps), known);
        parts.stages.push(draft.node);
        parts.notes(draft.notes);
        return Some(parts);
    }
    let scripts =
        ["script", "install", "before_install", "before_script", "run", "commands", "after_script", "after_success"];
    if let Some(first) = scripts.iter().find(|key| file.get(key).is_some_and(|node| node.entries().is_empty()))
        && file.get("stages").is_none()
        && !gitlab::has_jobs(file, known)
    {
        at(first);
        let order = [
            "before_install",
            "install",
            "before_script",
            "script",
            "run",
            "commands",
            "after_success",
            "after_script",
        ];
        let lines = order.iter().filter_map(|key| file.get(key)).flat_map(texts).map(|line| text(line, file.span));
        let step = one("script", list(lines.collect(), file.span));
        parts.steps("main", &map(vec![entry("run", step)], file.span), Order::AtOnce, known);
        return Some(parts);
    }
    gitlab::read(file, parts, known)
}

/// The plays of Ansible in the place of a pipeline.
pub(super) fn plays(file: &Node, known: &Known) -> Option<FileDraft> {
    let first = file.items().first()?.entry("tasks")?;
    let mut parts = Parts::default();
    parts.foreign.push(("tasks".to_owned(), first.key_span));
    for (index, play) in file.items().iter().enumerate() {
        let name = text_at(play, "name").unwrap_or_else(|| format!("play-{}", index + 1));
        parts.steps(&name, play.get("tasks")?, Order::OneByOne, known);
    }
    let at = file.span;
    let version = entry("version", Node::new(at, Value::Number(1.into())));
    let keys = vec![version, entry("pipeline", text("pipeline", at)), super::stage::stages(parts.stages, at)];
    Some(FileDraft { node: map(keys, at), foreign: parts.foreign, notes: parts.notes })
}

/// The part of a pipeline with steps at its top that is a stage.
fn only_stage(file: &Node, steps: &Entry) -> Node {
    let keys = ["needs", "when", "on_failure", "strategy", "runs-on", "container", "image"];
    let mapped = |own: &&Entry| own.key == "when" && own.node.as_text().is_none();
    let own = file.entries().iter().filter(|own| keys.contains(&own.key.as_str()) && !mapped(own)).cloned();
    let name = entry("stage", text("main", file.span));
    map([name].into_iter().chain(own).chain([steps.clone()]).collect(), file.span)
}

/// What CircleCI's workflows say of the order of jobs.
fn require(flows: &Node, stages: &mut [Node]) {
    let jobs = flows.entries().iter().filter_map(|flow| flow.node.get("jobs")).flat_map(Node::items);
    for job in jobs {
        let [own] = job.entries() else { continue };
        let Some(requires) = own.node.get("requires") else { continue };
        let stage = stages.iter_mut().find(|stage| text_at(stage, "stage").is_some_and(|name| name == slug(&own.key)));
        if let Some(Value::Map(keys)) = stage.map(|stage| &mut stage.value) {
            keys.insert(1, entry("needs", super::tree::names(needs(requires), requires.span)));
        }
    }
}

/// Leaves out needs of tasks that are not there: those of files that are included.
fn keep_known_needs(stages: &mut [Node]) {
    for stage in stages {
        let names: Vec<String> =
            stage.get("steps").map(Node::entries).unwrap_or_default().iter().map(|step| step.key.clone()).collect();
        let Value::Map(keys) = &mut stage.value else { continue };
        for steps in keys.iter_mut().filter(|own| own.key == "steps") {
            let Value::Map(steps) = &mut steps.node.value else { continue };
            for step in steps {
                let Value::Map(keys) = &mut step.node.value else { continue };
                for needs in keys.iter_mut().filter(|own| own.key == "needs") {
                    let kept: Vec<String> =
                        texts(&needs.node).into_iter().filter(|name| names.contains(name)).collect();
                    needs.node = super::tree::names(kept, needs.node.span);
                }
                keys.retain(|own| own.key != "needs" || !own.node.items().is_empty());
            }
        }
    }
}

/// The names of secrets that are used below.
fn secrets_of(node: &Node, names: &mut Vec<String>) {
    match &node.value {
        Value::Text(written) => {
            for rest in written.split("secrets.").skip(1) {
                let name: String = rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
                if !name.is_empty() && written.contains("${{") && !names.contains(&name) {
                    names.push(name);
                }
            }
        }
        Value::List(items) => items.iter().for_each(|item| secrets_of(item, names)),
        Value::Map(entries) => entries.iter().for_each(|own| secrets_of(&own.node, names)),
        _ => {}
    }
}
