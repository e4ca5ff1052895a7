//! One step as other tools write it: which keys are theirs, and the step that is meant.

mod outputs;
pub(super) mod values;
mod words;

use crate::core::kind::Registry;
use crate::core::model::event::Role;
use crate::core::model::source::Span;
use crate::core::yaml::{Entry, Node, Value};

use super::Known;
use super::action::action;
use super::condition::{expression, without_values};
use super::each;
use super::script::{Lists, Script, pairs, shell};
use super::step::values::{attempts, by_hand, conditioned, duration, needs, put_timeout, ruled, truth};
use super::step::words::{FOLDERS, GOES_ON, LEFT_OUT, LOOPS, NEEDS, PROGRAMS, SCRIPTS};
use super::tree::{entry, list, map, names, slug, text, text_at, texts};

/// A step as it is meant.
#[derive(Debug, Default)]
pub(super) struct Draft {
    /// Keys of a step, its kind among them, in order.
    pub keys: Vec<Entry>,
    pub needs: Vec<Node>,
    /// The group that it belongs to.
    pub role: Role,
    /// Keys of other tools, with their places, and how each is called here.
    pub foreign: Vec<(String, Span)>,
    /// What else is worth knowing.
    pub notes: Vec<String>,
}

impl Draft {
    /// The step's mapping.
    pub fn node(&self, at: Span) -> Node {
        let mut keys = self.keys.clone();
        if !self.needs.is_empty() {
            let behind = usize::from(!keys.is_empty());
            keys.insert(behind, entry("needs", list(self.needs.clone(), at)));
        }
        map(keys, at)
    }

    pub fn note(&mut self, note: impl Into<String>) {
        let note = note.into();
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    pub fn put(&mut self, key: &str, node: Node) {
        self.keys.retain(|own| own.key != key);
        self.keys.push(entry(key, node));
    }
}

/// The step that is meant; `foreign` is empty where nothing in it is another tool's.
pub(super) fn step(body: &Node, known: &Known) -> Draft {
    let mut draft = Draft::default();
    let (mut script, mut env) = (Script::default(), Vec::new());
    let at = body.span;
    for own in body.entries() {
        // the values of an action, not those of a part; a list of files has no keys
        let of_others = match own.key.as_str() {
            "with" => body.get("uses").is_some(),
            "artifacts" => matches!(own.node.value, Value::Map(_)),
            _ => false,
        };
        if !ours(own, body, known.registry, &mut draft, &mut script, &mut env)
            && (!of_others && (known.is_step_key(&own.key) || known.registry.step(&own.key).is_some())
                || !theirs(own, body, &mut draft, &mut script, &mut env))
        {
            draft.keys.push(own.clone());
        } else {
            draft.foreign.push((own.key.clone(), own.key_span));
        }
    }
    draft.foreign.dedup();
    if draft.foreign.is_empty() {
        return draft;
    }
    finish(&mut draft, script, env, at);
    draft
}

fn finish(draft: &mut Draft, mut script: Script, mut env: Vec<Entry>, at: Span) {
    env.append(&mut script.env);
    for call in std::mem::take(&mut script.calls) {
        draft.needs.push(text(call, at));
    }
    for line in &mut script.lines {
        *line = without_values(line, &mut env, at);
    }
    let made = outputs::of_script(&mut script.lines);
    if !made.is_empty() {
        draft.note("an output is a line `NAME=value` in the file `$PIPELINE_OUTPUT`");
        if !draft.keys.iter().any(|own| own.key == "outputs") {
            draft.keys.push(entry("outputs", names(made, at)));
        }
    }
    kind_as_script(draft, &mut script);
    let own = draft.keys.iter().filter(|own| own.key == "env").flat_map(|own| own.node.entries());
    script.variables = env.iter().chain(own).map(|own| own.key.clone()).collect();
    let has_kind = |draft: &Draft, known: &dyn Fn(&str) -> bool| draft.keys.iter().any(|own| known(&own.key));
    if !script.is_empty() || (script.image.is_some() && draft.keys.is_empty()) {
        if script.image.is_some() {
            draft.note("steps run on this machine; a container is started by a command");
        }
        if let Some(name) = script.name.take() {
            draft.put("name", name);
        }
        draft.keys.insert(0, script.kind(at));
    } else if !has_kind(draft, &|key| key == "gate" || key == "shell" || key == "use") && !draft.needs.is_empty() {
        // A task that only calls others.
        let none =
            draft.keys.iter().all(|own| matches!(own.key.as_str(), "name" | "env" | "when" | "inputs" | "cache"));
        if none {
            draft.keys.insert(0, entry("shell", text("true", at)));
        }
    }
    for own in &mut env {
        own.node = value(&own.node);
    }
    // What is kept needs to know what it depends on.
    if draft.keys.iter().any(|own| own.key == "cache") && !draft.keys.iter().any(|own| own.key == "inputs") {
        draft.keys.retain(|own| own.key != "cache");
        draft.note("`cache` is left out: with `inputs: [src]` beside `cache: [dist]` a step is skipped while both are unchanged");
    }
    if !env.is_empty() {
        let mut all = Vec::new();
        if let Some(index) = draft.keys.iter().position(|own| own.key == "env") {
            all.extend(draft.keys.remove(index).node.entries().iter().cloned());
        }
        all.extend(env);
        draft.keys.push(entry("env", map(all, at)));
    }
}

/// What is said beside `shell:` of where it runs goes into it: a folder, or a container.
fn kind_as_script(draft: &mut Draft, script: &mut Script) {
    if !script.is_empty() || (script.folder.is_none() && script.image.is_none()) {
        return;
    }
    let Some(index) = draft.keys.iter().position(|own| own.key == "shell") else { return };
    let Value::Map(written) = &mut draft.keys[index].node.value else {
        let own = draft.keys.remove(index);
        script.take(&own.node, Lists::Arguments);
        return;
    };
    if let (None, Some(folder)) = (&script.image, script.folder.take()) {
        written.retain(|own| own.key != "dir");
        written.push(entry("dir", folder));
    } else {
        draft.note("a container is started by a command: `shell: docker run IMAGE COMMAND`");
    }
}

/// A value of a variable, with expressions as they are written here.
fn value(node: &Node) -> Node {
    let Some(written) = node.as_text().filter(|text| text.contains("${{")) else { return node.clone() };
    let Some(inner) = written.trim().strip_prefix("${{").and_then(|rest| rest.strip_suffix("}}")) else {
        return node.clone();
    };
    if inner.trim().starts_with("secrets.") || inner.contains("}}") {
        return node.clone();
    }
    expression(inner).map_or_else(|| node.clone(), |made| text(format!("${{{{ {made} }}}}"), node.span))
}

/// Whether a value under `env:` is an expression of GitHub Actions.
fn has_foreign_value(env: &Node) -> bool {
    let roots = ["github.", "matrix.", "inputs.", "runner.", "needs."];
    let foreign = |text: &str| {
        text.split("${{").skip(1).any(|inner| roots.iter().any(|root| inner.trim_start().starts_with(root)))
    };
    env.entries().iter().any(|own| own.node.as_text().is_some_and(foreign))
}

/// Keys that are ours, with a value as other tools write it. Whether it was one.
fn ours(
    own: &Entry,
    body: &Node,
    registry: Registry,
    draft: &mut Draft,
    script: &mut Script,
    env: &mut Vec<Entry>,
) -> bool {
    let at = own.node.span;
    let is_text = own.node.as_text().is_some();
    let has_script = body.entries().iter().any(|own| SCRIPTS.contains(&own.key.as_str()));
    match own.key.as_str() {
        "needs" if is_text => draft.needs.extend(texts(&own.node).into_iter().map(|name| text(slug(&name), at))),
        "needs" if own.node.items().iter().any(|item| text_at(item, "job").is_some()) => {
            draft.needs.extend(needs(&own.node).into_iter().map(|name| text(name, at)));
        }
        "env" if matches!(own.node.value, Value::List(_)) || has_foreign_value(&own.node) => {
            env.extend(pairs(&own.node));
        }
        "retry" if own.node.scalar_text().is_some() => draft.put("retry", attempts(&own.node, 1)),
        "outputs" if matches!(own.node.value, Value::Map(_)) => {
            let outputs = own.node.entries().iter().map(|output| output.key.clone());
            draft.put("outputs", names(outputs, at));
            draft.note("an output is written as `echo NAME=value >> \"$PIPELINE_OUTPUT\"`");
        }
        "cache" if own.node.get("paths").is_some() || own.node.get("path").is_some() => {
            let paths = own.node.get("paths").or_else(|| own.node.get("path"));
            draft.put("cache", names(paths.map(texts).unwrap_or_default(), at));
        }
        "when" if matches!(own.node.value, Value::Map(_) | Value::List(_)) => {
            draft.note("a step runs when its `needs` have passed");
        }
        "inputs" if matches!(own.node.value, Value::Map(_)) => {
            draft.note("`inputs` can be left out: values come through `env`");
        }
        "when" => match own.node.as_text() {
            Some("on_failure" | "failure") => draft.role = Role::OnFailure,
            Some("always") => draft.role = Role::Finally,
            Some("on_success") => draft.note("a step runs when its `needs` have passed"),
            Some("delayed") => draft.note("`when: delayed` is a first line `sleep SECONDS` of the script"),
            Some("manual") => by_hand(draft, at),
            Some("never") => draft.put("when", Node::new(at, Value::Bool(false))),
            _ => return false,
        },
        "image" if is_text && !has_script && body.get("shell").is_none() => {
            draft.keys.insert(0, entry("image", super::tree::one("pull", own.node.clone())));
        }
        "image" if is_text && registry.step("image").is_some() => {
            script.image = own.node.as_text().map(str::to_owned);
        }
        "image" if text_at(&own.node, "name").is_some() => script.image = text_at(&own.node, "name"),
        "shell" if has_script => match own.node.as_text().and_then(shell) {
            Some(name) => script.reader = Some(text(name, at)),
            None => return false,
        },
        "helm" | "compose" if is_text => {
            let words = own.node.as_text().unwrap_or_default();
            if !words.contains(' ') {
                return false;
            }
            let program = if own.key == "compose" { "docker compose" } else { "helm" };
            script.lines.push(format!("{program} {words}"));
        }
        _ => match super::bodies::meant(own) {
            Some(made) => draft.put(&made.key, made.node),
            None => return false,
        },
    }
    true
}

/// Keys of other tools. Whether it was one.
fn theirs(own: &Entry, body: &Node, draft: &mut Draft, script: &mut Script, env: &mut Vec<Entry>) -> bool {
    let (key, node, at) = (own.key.as_str(), &own.node, own.node.span);
    match key {
        _ if SCRIPTS.contains(&key) => {
            let arguments = matches!(key, "command" | "exec" | "bash_command");
            return script.take(node, if arguments { Lists::Arguments } else { Lists::Lines });
        }
        "args" if script.is_empty() && script.image.is_none() => return false,
        "args" => script.arguments.extend(texts(node).into_iter().map(|word| text(word, at))),
        _ if PROGRAMS.contains(&key) => {
            if let Some(words) = node.as_text() {
                let command = words.strip_prefix(&format!("{key} ")).unwrap_or(words);
                script.lines.push(format!("{key} {command}"));
            } else {
                let arguments = [key.to_owned()].into_iter().chain(texts(node));
                script.arguments.extend(arguments.map(|word| text(word, at)));
            }
        }
        "sleep" => script.lines.push(format!("sleep {}", duration(node))),
        "echo" | "print" => script.lines.push(format!("echo '{}'", texts(node).join(" ").replace('\'', r"'\''"))),
        "if" | "condition" | "conditions" | "only_if" => conditioned(node, draft),
        "only" | "except" | "rules" => ruled(key, node, draft),
        _ if NEEDS.contains(&key) => draft.needs.extend(needs(node).into_iter().map(|name| text(name, at))),
        "uses" => {
            let made = action(node.as_text().unwrap_or_default(), body.get("with"), at);
            draft.note(made.note);
            draft.keys.insert(0, made.kind);
        }
        "with" if body.get("uses").is_some() => {}
        _ if GOES_ON.contains(&key) => draft.put("continue_on_error", truth(node)),
        "onError" => draft.put("continue_on_error", Node::new(at, Value::Bool(node.as_text() == Some("continue")))),
        "timeout-minutes" | "timeoutMinutes" | "timeout_minutes" | "timeout_in_minutes" => {
            put_timeout(node, "m", draft);
        }
        "timeoutSeconds" | "timeout_seconds" | "timeout-seconds" | "activeDeadlineSeconds" => {
            put_timeout(node, "s", draft);
        }
        "environment" if node.as_text().is_some() || node.get("name").is_some() => {
            let name = text_at(node, "name").or_else(|| node.as_text().map(str::to_owned)).unwrap_or_default();
            env.push(entry("ENVIRONMENT", text(name, at)));
            draft.note("what differs from place to place is a profile of pipeline.yaml: `--profile NAME`");
        }
        "environment" | "variables" | "envs" | "envVars" | "vars" => env.extend(pairs(node)),
        "description" | "desc" | "summary" | "displayName" | "display_name" | "label" | "title" => {
            draft.put("name", node.clone());
        }
        _ if FOLDERS.contains(&key) => script.folder = Some(node.clone()),
        "container" => script.image = text_at(node, "image").or_else(|| node.as_text().map(str::to_owned)),
        "parallel" if each::copies(node).is_some() => {
            if let Some(items) = each::copies(node) {
                draft.put("for_each", items);
            }
        }
        _ if LOOPS.contains(&key) || key == "for" => match each::items(node) {
            Some(items) => draft.put("for_each", items),
            None => return false,
        },
        "retries" | "max_retries" => draft.put("retry", attempts(node, 1)),
        "max_attempts" | "attempts" => draft.put("retry", attempts(node, 0)),
        "retryStrategy" => draft.put("retry", attempts(node.get("limit").unwrap_or(node), 1)),
        "sources" | "src" => draft.put("inputs", names(texts(node), at)),
        "generates" | "targets" => draft.put("cache", names(texts(node), at)),
        "task" if node.as_text().is_some_and(|task| task.contains('@')) => {
            let made = action(node.as_text().unwrap_or_default(), body.get("inputs"), at);
            draft.note(made.note);
            draft.keys.insert(0, made.kind);
        }
        "type" | "with" | "task" => draft.note(format!("`{key}` can be left out")),
        "catch" | "on_error" | "on_failure" | "finally" | "cleanup" | "always" => {
            draft.note(format!("`{key}` belongs to the stage: `on_failure:` or `finally:` beside `steps:`"));
        }
        "register" => {
            draft.put("outputs", names(texts(node), at));
            draft.note("an output is written as `echo NAME=value >> \"$PIPELINE_OUTPUT\"`");
        }
        "checkout" => draft.keys.insert(0, entry("shell", text("git log -1 --oneline", at))),
        _ if super::chainsaw::is_operation(key) => match super::chainsaw::operation(key, node) {
            Some(super::chainsaw::Operation::Step(kind)) => draft.keys.insert(0, kind),
            Some(super::chainsaw::Operation::Assertion(assertion)) => {
                draft.keys.insert(0, entry("gate", list(vec![assertion], at)));
            }
            None => return false,
        },
        _ => match LEFT_OUT.iter().find(|(keys, _)| keys.contains(&key)) {
            Some((_, why)) => draft.note(format!("`{key}` can be left out: {why}")),
            None => return false,
        },
    }
    true
}
