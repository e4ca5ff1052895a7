//! Pipelines that are Kubernetes objects or look like them: Tekton, Argo Workflows, chainsaw, Skaffold.

use crate::core::model::event::Role;
use crate::core::model::source::Span;
use crate::core::yaml::{Entry, Node, Value};

use super::Parts;
use crate::core::plan::foreign::Known;
use crate::core::plan::foreign::groups::{Groups, Order};
use crate::core::plan::foreign::script::image_build;
use crate::core::plan::foreign::step::values::needs;
use crate::core::plan::foreign::tree::{entry, list, map, names, one, slug, text, text_at, texts};

/// The stages of such an object; nothing where it is not known.
pub(crate) fn read(file: &Node, mut parts: Parts, known: &Known) -> Option<Parts> {
    let spec = file.get("spec").unwrap_or(file);
    let metadata = file.get("metadata");
    parts.name = metadata.and_then(|own| text_at(own, "name").or_else(|| text_at(own, "generateName")));
    match text_at(file, "kind").unwrap_or_default().as_str() {
        "Pipeline" | "PipelineRun" => {
            let spec = spec.get("pipelineSpec").unwrap_or(spec);
            parts.env.extend(parameters(spec));
            for task in spec.get("tasks").map(Node::items).unwrap_or_default() {
                tekton_task(task, &mut parts, known);
            }
        }
        "Task" | "TaskRun" | "ClusterTask" => {
            parts.env.extend(parameters(spec));
            let name = parts.name.clone().unwrap_or_else(|| "main".to_owned());
            parts.steps(&name, spec.get("steps")?, Order::OneByOne, known);
        }
        "Workflow" | "WorkflowTemplate" | "CronWorkflow" => argo(spec, &mut parts, known),
        "TestStep" if spec.get("commands").is_some() => {
            let name = parts.name.clone().unwrap_or_else(|| "main".to_owned());
            parts.steps(&name, spec.get("commands")?, Order::OneByOne, known);
        }
        "Test" | "TestStep" => chainsaw(spec, &mut parts, known),
        "Config" => skaffold(file, &mut parts),
        _ => return None,
    }
    (!parts.stages.is_empty()).then_some(parts)
}

/// Tekton's parameters with their defaults, as variables.
fn parameters(spec: &Node) -> Vec<Entry> {
    let items = spec.get("params").map(Node::items).unwrap_or_default();
    let value = |item: &Node| {
        let name = text_at(item, "name")?;
        let value = item.get("default").or_else(|| item.get("value")).filter(|node| node.scalar_text().is_some());
        Some(entry(
            crate::core::plan::foreign::tree::variable(&name),
            value.cloned().unwrap_or_else(|| text("", item.span)),
        ))
    };
    items.iter().filter_map(value).collect()
}

fn tekton_task(task: &Node, parts: &mut Parts, known: &Known) {
    let name = text_at(task, "name").unwrap_or_else(|| "task".to_owned());
    let at = task.span;
    if let Some(steps) = task.get("taskSpec").and_then(|spec| spec.get("steps")) {
        parts.steps(&name, steps, Order::OneByOne, known);
    } else {
        let called = task.get("taskRef").and_then(|task| text_at(task, "name")).unwrap_or_else(|| name.clone());
        let script = format!("echo 'write the commands of the task {} here'; exit 1", called.replace('\'', ""));
        let step = one("shell", text(script, at));
        parts.steps(&name, &map(vec![entry(slug(&name), step)], at), Order::AtOnce, known);
    }
    if let (Some(after), Some(Value::Map(keys))) =
        (task.get("runAfter"), parts.stages.last_mut().map(|stage| &mut stage.value))
    {
        keys.insert(1, entry("needs", names(needs(after), at)));
    }
}

fn argo(spec: &Node, parts: &mut Parts, known: &Known) {
    let templates: Vec<&Node> = spec.get("templates").map(Node::items).unwrap_or_default().iter().collect();
    let find = |name: &str| templates.iter().find(|one| text_at(one, "name").as_deref() == Some(name)).copied();
    let entrypoint = text_at(spec, "entrypoint").and_then(|name| find(&name)).or_else(|| templates.first().copied());
    let Some(entrypoint) = entrypoint else { return };
    // What a task runs: the container or script of its template, with its own needs.
    let step = |task: &Node| -> Node {
        let template = text_at(task, "template").and_then(|name| find(&name));
        let body = template
            .unwrap_or(task)
            .entries()
            .iter()
            .filter(|own| matches!(own.key.as_str(), "container" | "script" | "retryStrategy"));
        let mut keys: Vec<Entry> = Vec::new();
        for own in body {
            match own.key.as_str() {
                "container" => keys.extend(own.node.entries().iter().filter(|own| own.key != "name").cloned()),
                _ => keys.push(own.clone()),
            }
        }
        let more =
            |own: &&Entry| matches!(own.key.as_str(), "dependencies" | "depends" | "when" | "withItems" | "withParam");
        keys.extend(
            task.entries()
                .iter()
                .filter(more)
                .map(|own| if own.key == "when" { entry("if", own.node.clone()) } else { own.clone() }),
        );
        map(keys, task.span)
    };
    let name = text_at(entrypoint, "name").unwrap_or_else(|| "main".to_owned());
    let named = |task: &Node| entry(text_at(task, "name").unwrap_or_else(|| "run".to_owned()), step(task));
    if let Some(tasks) = entrypoint.get("dag").and_then(|dag| dag.get("tasks")) {
        let steps = map(tasks.items().iter().map(named).collect(), tasks.span);
        parts.steps(&name, &steps, Order::AtOnce, known);
    } else if let Some(groups) = entrypoint.get("steps") {
        // Each group waits for the one before it.
        let mut before: Vec<String> = Vec::new();
        let mut steps = Vec::new();
        for group in groups.items() {
            let tasks: Vec<Entry> = group.items().iter().map(named).collect();
            let now: Vec<String> = tasks.iter().map(|task| slug(&task.key)).collect();
            for mut task in tasks {
                if let (Value::Map(keys), false) = (&mut task.node.value, before.is_empty()) {
                    keys.push(entry("depends_on", names(before.clone(), group.span)));
                }
                steps.push(task);
            }
            before = now;
        }
        parts.steps(&name, &map(steps, groups.span), Order::AtOnce, known);
    } else {
        let run = map(vec![entry(name.clone(), step(entrypoint))], entrypoint.span);
        parts.steps(&name, &run, Order::AtOnce, known);
    }
}

/// Each step of a test is a stage: what it tries, what it asserts, and what it does after a failure.
fn chainsaw(spec: &Node, parts: &mut Parts, known: &Known) {
    let mut last: Option<String> = None;
    let whole = [spec.clone()];
    let steps = spec.get("steps").map_or(&whole[..], Node::items);
    for (index, step) in steps.iter().enumerate() {
        let at = step.span;
        let name = slug(&text_at(step, "name").unwrap_or_else(|| format!("step-{}", index + 1)));
        let mut groups = Groups::default();
        let mut tried = Vec::new();
        for operation in step.get("try").map(Node::items).unwrap_or_default() {
            let asserted = operation.entries().iter().find_map(|own| {
                match crate::core::plan::foreign::chainsaw::operation(&own.key, &own.node) {
                    Some(crate::core::plan::foreign::chainsaw::Operation::Assertion(assertion)) => Some(assertion),
                    _ => None,
                }
            });
            match asserted {
                Some(assertion) => groups.gate.push(within(assertion, step, spec)),
                None => tried.push(operation.clone()),
            }
        }
        groups.take(&list(tried, at), Role::Step, Order::OneByOne, known);
        for (key, role) in [("catch", Role::OnFailure), ("finally", Role::Finally), ("cleanup", Role::Finally)] {
            if let Some(operations) = step.get(key) {
                groups.take(operations, role, Order::AtOnce, known);
            }
        }
        parts.notes(std::mem::take(&mut groups.notes));
        let mut keys = vec![entry("stage", text(name.clone(), at))];
        keys.extend(last.replace(name).map(|last| entry("needs", names([last], at))));
        keys.extend(groups.keys(at));
        parts.stages.push(map(keys, at));
    }
}

/// An assertion with the time that chainsaw gives it.
fn within(mut assertion: Node, step: &Node, spec: &Node) -> Node {
    let timeouts = step.get("timeouts").or_else(|| spec.get("timeouts"));
    let time = timeouts.and_then(|times| text_at(times, "assert")).unwrap_or_else(|| "30s".to_owned());
    let at: Span = assertion.span;
    if let Value::Map(keys) = &mut assertion.value {
        keys.push(entry("within", text(time, at)));
    }
    assertion
}

fn skaffold(file: &Node, parts: &mut Parts) {
    let at = file.span;
    let artifacts = file.get("build").and_then(|build| build.get("artifacts")).map(Node::items).unwrap_or_default();
    let build = |artifact: &Node| {
        let image = text_at(artifact, "image")?;
        let context = text_at(artifact, "context").unwrap_or_else(|| ".".to_owned());
        let file = artifact.get("docker").and_then(|docker| docker.get("dockerfile"));
        let tag = if image.contains(':') { image.clone() } else { format!("{image}:dev") };
        let name = slug(image.rsplit('/').next().unwrap_or(&image));
        Some(entry(name, map(vec![image_build(text(context, at), text(tag, at), file.cloned())], at)))
    };
    let builds: Vec<Entry> = artifacts.iter().filter_map(build).collect();
    let mut steps = Vec::new();
    let raw = file.get("manifests").and_then(|own| own.get("rawYaml"));
    let deploy = file.get("deploy");
    let kubectl = deploy.and_then(|deploy| deploy.get("kubectl")).and_then(|own| own.get("manifests"));
    if let Some(files) = raw.or(kubectl) {
        let folder = |path: String| {
            if path.contains('*') {
                path.rsplit_once('/').map_or(".".to_owned(), |(folder, _)| format!("{folder}/"))
            } else {
                path
            }
        };
        let mut paths: Vec<String> = texts(files).into_iter().map(folder).collect();
        paths.dedup();
        let files = if let [only] = paths.as_slice() { text(only.clone(), at) } else { names(paths, at) };
        let apply = map(vec![entry("files", files), entry("wait", Node::new(at, Value::Bool(true)))], at);
        steps.push(entry("apply", one("kube", one("apply", apply))));
    }
    let releases = deploy.and_then(|deploy| deploy.get("helm")).and_then(|helm| helm.get("releases"));
    for release in releases.map(Node::items).unwrap_or_default() {
        let Some(name) = text_at(release, "name") else { continue };
        let chart =
            text_at(release, "chartPath").or_else(|| text_at(release, "remoteChart")).unwrap_or_else(|| ".".to_owned());
        let mut keys = vec![entry("release", text(name.clone(), at)), entry("chart", text(chart, at))];
        keys.extend(release.get("valuesFiles").map(|files| entry("values_files", files.clone())));
        keys.extend(release.get("namespace").map(|name| entry("namespace", name.clone())));
        keys.push(entry("wait", Node::new(at, Value::Bool(true))));
        steps.push(entry(slug(&name), one("helm", one("install", map(keys, at)))));
    }
    let mut stage = |name: &str, needs: Option<&str>, steps: Vec<Entry>| {
        if !steps.is_empty() {
            let needs = needs.map(|name| entry("needs", names([name], at)));
            let keys =
                [entry("stage", text(name, at))].into_iter().chain(needs).chain([entry("steps", map(steps, at))]);
            parts.stages.push(map(keys.collect(), at));
        }
    };
    let built = (!builds.is_empty()).then_some("build");
    stage("build", None, builds);
    stage("deploy", built, steps);
}
