//! The steps of a stage, as a mapping or as a list, with what belongs into other groups put there.

use crate::core::model::event::Role;
use crate::core::model::source::Span;
use crate::core::yaml::{Entry, Node, Value};

use super::Known;
use super::step::{Draft, step};
use super::tree::{entry, free, list, map, names, slug, text, text_at};

/// The groups of a stage.
#[derive(Debug, Default)]
pub(super) struct Groups {
    pub steps: Vec<Entry>,
    pub on_failure: Vec<Entry>,
    pub finally: Vec<Entry>,
    pub gate: Vec<Node>,
    pub foreign: Vec<(String, Span)>,
    pub notes: Vec<String>,
}

/// Whether steps of a list follow each other, as other tools run them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// Each waits for the one before it.
    OneByOne,
    /// All at once, except where they say otherwise.
    AtOnce,
}

impl Groups {
    /// Takes in steps that are written as a mapping or a list, in the place of `role`.
    pub fn take(&mut self, steps: &Node, role: Role, order: Order, known: &Known) {
        match &steps.value {
            Value::List(items) => {
                let mut last: Option<String> = None;
                for item in items {
                    for (name, draft) in drafts(item, known) {
                        let name = self.put(&name, draft, item.span, role, last.as_deref());
                        if order == Order::OneByOne && name.is_some() {
                            last = name;
                        }
                    }
                }
            }
            _ => {
                for own in steps.entries() {
                    let body = bare(&own.node);
                    let draft = step(body.as_ref().unwrap_or(&own.node), known);
                    if body.is_none() && draft.foreign.is_empty() {
                        self.group(role).push(own.clone());
                    } else {
                        self.put(&own.key, draft, own.node.span, role, None);
                    }
                }
            }
        }
    }

    /// Puts a step where it belongs; its name, where it is one that others can wait for.
    fn put(&mut self, name: &str, draft: Draft, at: Span, role: Role, after: Option<&str>) -> Option<String> {
        let role = if draft.role == Role::Step { role } else { draft.role };
        self.foreign.extend(draft.foreign.iter().cloned());
        for note in &draft.notes {
            if !self.notes.contains(note) {
                self.notes.push(note.clone());
            }
        }
        let mut node = draft.node(at);
        if node.entries().is_empty() {
            return None;
        }
        if let (Some(after), Role::Step, Value::Map(keys)) = (after, role, &mut node.value)
            && !keys.iter().any(|own| own.key == "needs")
        {
            keys.insert(1.min(keys.len()), entry("needs", names([after], at)));
        }
        let taken = |name: &str| {
            [&self.steps, &self.on_failure, &self.finally].iter().any(|group| group.iter().any(|own| own.key == name))
        };
        let name = free(slug(name), taken);
        self.group(role).push(entry(name.clone(), node));
        (role == Role::Step).then_some(name)
    }

    fn group(&mut self, role: Role) -> &mut Vec<Entry> {
        match role {
            Role::OnFailure => &mut self.on_failure,
            Role::Finally => &mut self.finally,
            Role::Step | Role::Gate => &mut self.steps,
        }
    }

    /// The groups as keys of a stage.
    pub fn keys(self, at: Span) -> Vec<Entry> {
        let mut keys = vec![entry("steps", map(self.steps, at))];
        for (key, group) in [("on_failure", self.on_failure), ("finally", self.finally)] {
            if !group.is_empty() {
                keys.push(entry(key, map(group, at)));
            }
        }
        if !self.gate.is_empty() {
            keys.push(entry("gate", list(self.gate, at)));
        }
        keys
    }
}

/// A step that is written as a text or a list: a script.
fn bare(node: &Node) -> Option<Node> {
    let script = match &node.value {
        Value::Text(_) => "run",
        Value::List(items) if !items.is_empty() => {
            if items.iter().all(|item| item.scalar_text().is_some()) {
                "script"
            } else {
                "cmds"
            }
        }
        _ => return None,
    };
    Some(map(vec![entry(script, node.clone())], node.span))
}

/// The steps that an item of a list means: usually one.
fn drafts(item: &Node, known: &Known) -> Vec<(String, Draft)> {
    if matches!(item.as_text(), Some("wait" | "block")) {
        return Vec::new();
    }
    if let Some(words) = item.as_text() {
        let checkout = words == "checkout";
        let body = map(vec![entry(if checkout { "checkout" } else { "run" }, item.clone())], item.span);
        return vec![(if checkout { words.to_owned() } else { of_command(words) }, step(&body, known))];
    }
    // chainsaw's `- name: x` with `try: […]`, and Argo's `- - name: x`.
    if let Some(operations) = item.get("try").or_else(|| Some(item).filter(|item| !item.items().is_empty())) {
        let group = text_at(item, "name");
        let inner = operations.items().iter().flat_map(|operation| drafts(operation, known));
        let named = |(name, draft)| match &group {
            Some(group) if operations.items().len() == 1 => (group.clone(), draft),
            Some(group) => (format!("{group}-{name}"), draft),
            None => (name, draft),
        };
        return inner.map(named).collect();
    }
    // Steps side by side, in a list of their own.
    if let Some(group) = item.get("parallel").or_else(|| item.get("group")).filter(|group| !group.items().is_empty()) {
        return group.items().iter().flat_map(|item| drafts(item, known)).collect();
    }
    // `- build: { … }`, and CircleCI's `- run: …` and `- save_cache: …`.
    if let [only] = item.entries()
        && matches!(only.node.value, Value::Map(_))
        && !known.says_of_a_step(&only.key)
        && !super::chainsaw::is_operation(&only.key)
        && !matches!(only.key.as_str(), "parallel" | "group")
    {
        if only.key == "step" {
            return drafts(&only.node, known);
        }
        let inner = ["run", "script", "command", "with", "shell"].contains(&only.key.as_str());
        let cached = [
            "save_cache",
            "restore_cache",
            "persist_to_workspace",
            "attach_workspace",
            "store_artifacts",
            "store_test_results",
        ];
        if cached.contains(&only.key.as_str()) {
            return Vec::new();
        }
        if !inner {
            return vec![(only.key.clone(), step(&only.node, known))];
        }
    }
    let is_task = |key: &&str| *key != "task" || !text_at(item, "task").is_some_and(|task| task.contains('@'));
    let keys = ["id", "task", "name", "displayName", "label", "identifier"];
    let name = keys.iter().filter(|key| is_task(key)).find_map(|key| text_at(item, key));
    let mut draft = step(
        &without(
            item,
            &["id", "identifier"].into_iter().chain(["task"].into_iter().filter(is_task)).collect::<Vec<_>>(),
        ),
        known,
    );
    if let Some(own) = name.as_deref() {
        draft.keys.retain(|key| !(key.key == "name" && key.node.as_text().is_some_and(|text| slug(text) == slug(own))));
    }
    let called = || {
        let inner =
            draft.keys.iter().find(|own| own.key == "name").and_then(|own| own.node.as_text().map(str::to_owned));
        inner.or_else(|| draft.keys.first().map(of_kind))
    };
    let name = name.or_else(called).unwrap_or_else(|| "step".to_owned());
    if draft.foreign.is_empty() && draft.keys.is_empty() {
        draft.keys.push(entry("shell", text("true", item.span)));
    }
    vec![(name, draft)]
}

fn without(node: &Node, keys: &[&str]) -> Node {
    let left = node.entries().iter().filter(|own| !keys.contains(&own.key.as_str())).cloned();
    map(left.collect(), node.span)
}

/// A name for a step by what it does.
fn of_kind(kind: &Entry) -> String {
    match kind.node.as_text().or_else(|| kind.node.get("run").and_then(Node::as_text)) {
        Some(script) => of_command(script),
        None => match kind.node.entries().first() {
            Some(verb) if kind.key != "shell" => verb.key.clone(),
            _ => kind.key.clone(),
        },
    }
}

/// A name for a command by its first words: `npm ci` is `npm-ci`.
fn of_command(command: &str) -> String {
    let words = command.split_whitespace().take(2);
    let plain = words.take_while(|word| word.chars().all(|c| c.is_ascii_alphanumeric() || "-_./:".contains(c)));
    let name = slug(&plain.collect::<Vec<_>>().join(" "));
    if name == "step-" { "run".to_owned() } else { name }
}
