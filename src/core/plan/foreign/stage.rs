//! One stage (a job, a task) as other tools write it: its own keys, and its steps.

use crate::core::model::event::Role;
use crate::core::model::source::Span;
use crate::core::yaml::{Entry, Node, Value};

use super::Known;
use super::condition::{Condition, condition};
use super::groups::{Groups, Order};
use super::script::pairs;
use super::step::step;
use super::step::values::needs;
use super::tree::{entry, list, map, names, slug, text, text_at, texts};

/// A stage as it is meant.
pub(super) struct StageDraft {
    pub node: Node,
    pub foreign: Vec<(String, Span)>,
    pub notes: Vec<String>,
    /// Whether more has changed than single keys and single steps.
    pub whole: bool,
    /// Keys of the stage with what each is here.
    pub lines: Vec<(Entry, Entry)>,
}

/// Keys of a job that each of its steps would have here.
const OF_STEPS: [&str; 12] = [
    "strategy",
    "matrix",
    "parallel",
    "timeout-minutes",
    "timeoutMinutes",
    "continue-on-error",
    "allow_failure",
    "container",
    "image",
    "retry",
    "artifacts",
    "cache",
];
/// Keys that make a stage one step.
const AS_STEP: [&str; 12] = [
    "run",
    "script",
    "cmd",
    "cmds",
    "commands",
    "command",
    "before_script",
    "after_script",
    "uses",
    "kubectl",
    "shell",
    "exec",
];
const STEPS: [&str; 5] = ["jobs", "tasks", "job", "task", "try"];
const LEFT_OUT: [&str; 12] = [
    "runs-on",
    "permissions",
    "concurrency",
    "outputs",
    "defaults",
    "tags",
    "stage-order",
    "docker",
    "machine",
    "executor",
    "resource_class",
    "services",
];

/// The stage that is meant; `foreign` is empty where nothing in it is another tool's.
pub(super) fn stage(written: &Node, known: &Known) -> StageDraft {
    let at = written.span;
    let mut keys: Vec<Entry> = Vec::new();
    let mut groups = Groups::default();
    let (mut foreign, mut lines, mut whole) = (Vec::new(), Vec::new(), false);
    let mut of_steps: Vec<Entry> = Vec::new();
    let one_step =
        written.get("steps").is_none() && written.entries().iter().any(|own| AS_STEP.contains(&own.key.as_str()));
    let has = |key: &str| written.get(key).is_some();
    for own in written.entries() {
        let (key, node, span) = (own.key.as_str(), &own.node, own.node.span);
        let is_list = matches!(node.value, Value::List(_));
        let before = std::mem::take(&mut whole);
        let mut line = |made: Entry| {
            lines.push((own.clone(), made.clone()));
            keys.push(made);
        };
        match key {
            "steps" => {
                whole |= is_list;
                groups.take(node, Role::Step, Order::OneByOne, known);
            }
            "on_failure" | "finally" if known.is_stage_key(key) => {
                whole |= is_list;
                let role = if key == "finally" { Role::Finally } else { Role::OnFailure };
                groups.take(node, role, Order::OneByOne, known);
            }
            "catch" | "on_error" | "cleanup" | "always" => {
                whole = true;
                let role = if matches!(key, "catch" | "on_error") { Role::OnFailure } else { Role::Finally };
                groups.take(node, role, Order::OneByOne, known);
            }
            "gate" => groups.gate.extend(node.items().iter().cloned()),
            "assert" | "assertions" | "checks" | "tests" | "verify" if is_list => {
                whole = true;
                groups.gate.extend(node.items().iter().map(super::assertion::meant));
            }
            _ if STEPS.contains(&key) && !known.is_stage_key(key) => {
                whole = true;
                groups.take(node, Role::Step, if key == "try" { Order::OneByOne } else { Order::AtOnce }, known);
            }
            "name" if !has("stage") => {
                let name = text(node.as_text().map(slug).unwrap_or_default(), span);
                line(entry("stage", name));
            }
            "name" | "displayName" | "desc" if !has("description") => line(entry("description", node.clone())),
            "needs" if node.as_text().is_some() || node.items().iter().any(|item| !item.entries().is_empty()) => {
                line(entry("needs", names(needs(node), span)));
            }
            "depends_on" | "dependsOn" | "deps" | "dependencies" | "requires" | "runAfter" | "after" => {
                line(entry("needs", names(needs(node), span)));
            }
            "if" | "condition" => match condition(&texts(node).join(" && ")) {
                Condition::When(expression) => line(entry("when", text(expression, span))),
                _ => foreign.push((key.to_owned(), own.key_span)),
            },
            "environment" if node.as_text().is_some() || node.get("name").is_some() => {
                let name = text_at(node, "name").or_else(|| node.as_text().map(str::to_owned)).unwrap_or_default();
                line(entry("env", map(vec![entry("ENVIRONMENT", text(name, span))], span)));
            }
            "environment" | "variables" | "envs" if !node.entries().is_empty() || is_list => {
                line(entry("env", map(pairs(node), span)));
            }
            "env" if is_list => line(entry("env", map(pairs(node), span))),
            _ if one_step && !known.is_stage_key(key) => of_steps.push(own.clone()),
            _ if OF_STEPS.contains(&key) && !known.is_stage_key(key) => of_steps.push(own.clone()),
            _ if LEFT_OUT.contains(&key) && !known.is_stage_key(key) => whole = true,
            _ => keys.push(own.clone()),
        }
        if whole {
            foreign.push((key.to_owned(), own.key_span));
        }
        whole |= before;
    }
    if one_step {
        whole = true;
        let name = text_at(written, "stage")
            .or_else(|| text_at(written, "name"))
            .map_or_else(|| "run".to_owned(), |name| slug(&name));
        let body = map(of_steps.clone(), at);
        groups.take(&map(vec![entry(name, body)], at), Role::Step, Order::AtOnce, known);
    } else if !of_steps.is_empty() {
        whole = true;
        foreign.extend(of_steps.iter().map(|own| (own.key.clone(), own.key_span)));
        let shared = step(&map(of_steps, at), known);
        share(&mut groups.steps, &shared.keys);
        groups.notes.extend(shared.notes);
    }
    // A step that moved to another group, or out of one.
    let count = |key: &str| written.get(key).map_or(0, |group| group.entries().len());
    whole |= groups.on_failure.len() != count("on_failure") || groups.finally.len() != count("finally");
    foreign.extend(lines.iter().map(|(own, _): &(Entry, Entry)| (own.key.clone(), own.key_span)));
    foreign.append(&mut groups.foreign);
    let notes = std::mem::take(&mut groups.notes);
    if whole || !foreign.is_empty() {
        put_name_first(&mut keys, has("pipeline"), at);
        keys.extend(groups.keys(at));
    }
    foreign.sort_by_key(|(_, span)| span.start);
    foreign.dedup();
    StageDraft { node: map(keys, at), foreign, notes, whole, lines }
}

/// Puts the stage's name before its other keys. A stage without a name is `main`, unless it is a whole pipeline.
fn put_name_first(keys: &mut Vec<Entry>, is_pipeline: bool, at: Span) {
    if !is_pipeline && !keys.iter().any(|own| own.key == "stage") {
        keys.insert(0, entry("stage", text("main", at)));
    }
    keys.sort_by_key(|own| own.key != "stage");
}

/// Gives every step the keys that its job has.
fn share(steps: &mut [Entry], shared: &[Entry]) {
    for own in steps {
        let Value::Map(keys) = &mut own.node.value else { continue };
        for key in shared.iter().filter(|key| !matches!(key.key.as_str(), "shell" | "gate")) {
            if !keys.iter().any(|have| have.key == key.key) {
                keys.push(key.clone());
            }
        }
        if shared.iter().any(|key| key.key == "for_each") {
            follow_items(keys);
        }
    }
}

/// The values of a matrix that a script uses, as variables: `${NODE}` of `item.node`.
fn follow_items(keys: &mut Vec<Entry>) {
    let (Some(items), Some(script)) = (
        keys.iter().find(|own| own.key == "for_each").map(|own| own.node.clone()),
        keys.iter().find(|own| own.key == "shell").map(|own| own.node.to_json().to_string()),
    ) else {
        return;
    };
    let names: Vec<String> =
        items.items().first().map(Node::entries).unwrap_or_default().iter().map(|own| own.key.clone()).collect();
    let used = names.into_iter().filter(|name| {
        script.contains(&format!("${{{}}}", super::tree::variable(name))) || script.contains(&format!("${name}"))
    });
    let env: Vec<Entry> = used
        .map(|name| entry(super::tree::variable(&name), text(format!("${{{{ item.{name} }}}}"), items.span)))
        .collect();
    match keys.iter_mut().find(|own| own.key == "env").map(|own| &mut own.node.value) {
        Some(Value::Map(have)) => {
            have.extend(env.into_iter().filter(|one| !have.iter().any(|own| own.key == one.key)).collect::<Vec<_>>());
        }
        _ if env.is_empty() => {}
        _ => keys.push(entry("env", map(env, items.span))),
    }
}

/// A stage of this name with these keys.
pub(super) fn named(name: &str, job: &Node, known: &Known) -> StageDraft {
    let body = match &job.value {
        Value::Map(entries) => entries.clone(),
        Value::List(_) => vec![entry("script", job.clone())],
        _ => vec![entry("run", job.clone())],
    };
    let mut entries: Vec<Entry> = body.into_iter().filter(|own| own.key != "stage").collect();
    entries.insert(0, entry("stage", text(slug(name), job.span)));
    let mut draft = stage(&map(entries, job.span), known);
    if draft.node.get("steps").is_none()
        && let Value::Map(keys) = &mut draft.node.value
    {
        let waits = keys.iter().any(|own| own.key == "needs");
        let steps = if waits { one_step("true", job.span) } else { one_step(&placeholder(name), job.span) };
        keys.push(entry("steps", steps));
    }
    draft
}

/// A group with one step: of a job that only waits for others, it has nothing to do.
fn one_step(script: &str, at: Span) -> Node {
    map(vec![entry("done", map(vec![entry("shell", text(script, at))], at))], at)
}

/// In the place of what is not written yet. It fails: a stage that does nothing must not pass.
fn placeholder(name: &str) -> String {
    format!("echo 'write the commands of {} here'; exit 1", name.replace('\'', ""))
}

/// `stages:` of these.
pub(super) fn stages(stages: Vec<Node>, at: Span) -> Entry {
    entry("stages", list(stages, at))
}

/// Stages that are listed by their names alone, or each as `- NAME: { … }`: by name.
pub(super) fn listed(node: &Node, known: &Known) -> Option<Node> {
    let items = node.items();
    let name = |item: &Node| -> Option<Entry> {
        if let Some(name) = item.as_text() {
            let plain =
                !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | ' '));
            return plain.then(|| {
                entry(slug(name), map(vec![entry("steps", one_step(&placeholder(name), item.span))], item.span))
            });
        }
        let [only] = item.entries() else { return None };
        let is_stage = !matches!(only.key.as_str(), "stage" | "name" | "steps" | "use" | "part");
        (is_stage && matches!(only.node.value, Value::Map(_))).then(|| {
            let whole = named(&only.key, &only.node, known).node;
            let keys = whole.entries().iter().filter(|own| own.key != "stage").cloned().collect();
            entry(slug(&only.key), map(keys, only.node.span))
        })
    };
    let stages: Option<Vec<Entry>> = items.iter().map(name).collect();
    stages.filter(|stages| !stages.is_empty()).map(|stages| map(stages, node.span))
}
