//! Scripts and commands of other tools, as text or as arguments, and the kinds that some commands are here.

use crate::core::model::source::Span;
use crate::core::yaml::{Entry, Node, Value};

use super::tree::{entry, list, map, names, one, text, text_at, texts};

/// What a step of another tool runs.
#[derive(Debug, Default)]
pub(super) struct Script {
    /// Lines of a script.
    pub lines: Vec<String>,
    /// A program and its arguments, where it is written as a list.
    pub arguments: Vec<Node>,
    pub folder: Option<Node>,
    /// The shell or other program that reads the script.
    pub reader: Option<Node>,
    /// The container image that it runs in.
    pub image: Option<String>,
    /// Steps that a Taskfile calls in it.
    pub calls: Vec<String>,
    pub name: Option<Node>,
    pub env: Vec<Entry>,
    /// The names of the step's variables, which a container does not see by itself.
    pub variables: Vec<String>,
}

/// How a list under a key is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lists {
    /// Each item is a line.
    Lines,
    /// The items are a program and its arguments.
    Arguments,
}

impl Script {
    /// Whether there is something to run.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.arguments.is_empty()
    }

    /// Takes in what is written under a key such as `run` or `script`. Whether it could be read.
    pub fn take(&mut self, node: &Node, lists: Lists) -> bool {
        match &node.value {
            Value::Text(written) => self.lines.push(written.clone()),
            Value::List(items) if lists == Lists::Arguments && items.iter().all(is_scalar) => {
                self.arguments.extend(items.iter().cloned());
            }
            Value::List(items) => return items.iter().all(|item| self.item(item)),
            Value::Map(_) => return self.mapping(node),
            _ => return false,
        }
        true
    }

    /// An item of a list of commands.
    fn item(&mut self, item: &Node) -> bool {
        if let Some(task) = text_at(item, "task") {
            self.calls.push(super::tree::slug(&task));
            return true;
        }
        let inner = ["cmd", "run", "script", "command", "defer"].iter().find_map(|key| item.get(key));
        match inner {
            Some(inner) => self.take(inner, Lists::Arguments),
            None => self.take(item, Lists::Lines),
        }
    }

    /// `{ content: … }`, `{ entrypoint: …, args: […] }`, `{ image: …, source: … }`.
    fn mapping(&mut self, node: &Node) -> bool {
        let before = self.lines.len() + self.arguments.len();
        if let Some(program) = text_at(node, "entrypoint") {
            self.arguments.push(text(program, node.span));
        }
        for own in node.entries() {
            match own.key.as_str() {
                "content" | "source" | "run" | "script" => _ = self.take(&own.node, Lists::Lines),
                "command" | "cmd" => _ = self.take(&own.node, Lists::Arguments),
                "args" => self.arguments.extend(texts(&own.node).into_iter().map(|item| text(item, own.node.span))),
                "image" => self.image = own.node.as_text().map(str::to_owned),
                "working_directory" | "working-directory" | "workingDir" | "dir" | "workDir" => {
                    self.folder = Some(own.node.clone());
                }
                "shell" => self.reader = own.node.as_text().and_then(shell).map(|shell| text(shell, own.node.span)),
                "name" => self.name = Some(own.node.clone()),
                "env" | "environment" => self.env.extend(pairs(&own.node)),
                _ => {}
            }
        }
        self.lines.len() + self.arguments.len() > before
    }

    /// What is written under the step's kind: `shell: …`, or the kind that the command is here.
    pub fn kind(mut self, at: Span) -> Entry {
        let sh = ["sh", "bash", "/bin/sh", "/bin/bash"];
        let words: Vec<String> = self.arguments.iter().filter_map(|word| word.scalar_text().map(Into::into)).collect();
        // `[sh, -c, "…"]` is a script.
        if let [shell, flags, script] = words.as_slice()
            && sh.contains(&shell.as_str())
            && flags.starts_with('-')
            && flags.ends_with('c')
        {
            self.lines.push(script.clone());
            self.arguments.clear();
        }
        let joined = self.lines.iter().map(|line| line.trim_end()).collect::<Vec<_>>().join("\n");
        if let Some(image) = &self.image {
            return entry("shell", text(in_container(image, &self.variables, &joined, &words), at));
        }
        let (key, what) = if joined.is_empty() {
            ("command", list(self.arguments, at))
        } else {
            let arguments = words.iter().fold(String::new(), |all, word| all + " " + &quoted(word));
            let end = if joined.contains('\n') { "\n" } else { "" };
            ("run", text(format!("{joined}{arguments}{end}"), at))
        };
        let plain = self.folder.is_none() && self.reader.is_none();
        if plain
            && key == "run"
            && let Some(kind) = what.as_text().and_then(|text| as_kind(text, at))
        {
            return kind;
        }
        if plain {
            return entry("shell", what);
        }
        let mut keys = vec![entry(key, what)];
        keys.extend(self.reader.filter(|_| key == "run").map(|node| entry("shell", node)));
        keys.extend(self.folder.map(|node| entry("dir", node)));
        entry("shell", map(keys, at))
    }
}

fn is_scalar(node: &Node) -> bool {
    node.scalar_text().is_some()
}

/// The shell without what other tools write behind it: `bash {0}`.
pub(super) fn shell(written: &str) -> Option<&str> {
    let shell = written.split('{').next().unwrap_or(written).trim();
    (!shell.is_empty() && !shell.contains(['\n', '$'])).then_some(shell)
}

/// A script in a container that sees the project's folder and the step's variables.
fn in_container(image: &str, variables: &[String], script: &str, arguments: &[String]) -> String {
    let passed: String = variables.iter().flat_map(|name| ["-e ".to_owned(), quoted(name), " ".to_owned()]).collect();
    let run = format!("docker run --rm {passed}-v \"$PWD:/src\" -w /src {image}");
    let arguments: Vec<String> = arguments.iter().map(|word| quoted(word)).collect();
    match (script.is_empty(), arguments.is_empty()) {
        (true, true) => run,
        (true, false) => format!("{run} {}", arguments.join(" ")),
        _ => format!("{run} sh -euc {}", quoted(script)),
    }
}

/// A word as a shell reads it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:@%+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// The kind that a command is, where it is a plain one: `kubectl apply -f a.yaml` is `kube: { apply: a.yaml }`.
fn as_kind(command: &str, at: Span) -> Option<Entry> {
    if command.contains(['|', '&', ';', '$', '>', '<', '`', '\n', '"', '\'', '*', '\\']) {
        return None;
    }
    let words: Vec<&str> = command.split_whitespace().collect();
    match words.as_slice() {
        ["kubectl", rest @ ..] => kubectl(rest, at),
        ["docker", "build", rest @ ..] | ["docker", "buildx", "build", rest @ ..] => build(rest, at),
        ["docker", "compose", "up", rest @ ..] | ["docker-compose", "up", rest @ ..]
            if rest.iter().all(|word| ["-d", "--detach", "--wait"].contains(word)) =>
        {
            Some(entry("compose", text("up", at)))
        }
        ["docker", "compose", "down"] | ["docker-compose", "down"] => Some(entry("compose", text("down", at))),
        ["helm", "lint", chart] => Some(entry("helm", one("lint", text(*chart, at)))),
        _ => None,
    }
}

fn kubectl(words: &[&str], at: Span) -> Option<Entry> {
    let (mut words, mut namespace, mut files, mut rest) = (words.iter().copied(), None, Vec::new(), Vec::new());
    let mut until = None;
    while let Some(word) = words.next() {
        match word {
            "-n" | "--namespace" => namespace = Some(words.next()?),
            "-f" | "--filename" => files.push(words.next()?),
            "--for" => until = Some(words.next()?),
            _ if word.starts_with("--for=") => until = word.strip_prefix("--for="),
            _ if word.starts_with("--namespace=") => namespace = word.strip_prefix("--namespace="),
            _ if word.starts_with("--filename=") => files.extend(word.strip_prefix("--filename=")),
            _ if word.starts_with("--timeout=") => {}
            _ if word.starts_with('-') => return None,
            _ => rest.push(word),
        }
    }
    let files = match files.as_slice() {
        [file] => text(*file, at),
        many => names(many.iter().copied(), at),
    };
    let is_url = texts(&files).iter().any(|file| file.contains("://") || file == "-");
    let target = |kind: &str, name: &str| text(format!("{kind}/{name}"), at);
    let named =
        |for_: &str, object: Node| entry("wait", map(vec![entry("target", object), entry("for", text(for_, at))], at));
    let verb = match rest.as_slice() {
        ["apply"] if !is_url && !texts(&files).is_empty() => entry("apply", files),
        ["delete"] if !is_url && !texts(&files).is_empty() => entry("delete", one("files", files)),
        ["delete", kind, name] => entry("delete", target(kind, name)),
        ["delete", object] if object.contains('/') => entry("delete", text(*object, at)),
        ["rollout", "status", object] if object.contains('/') => named("rollout", text(*object, at)),
        ["rollout", "status", kind, name] => named("rollout", target(kind, name)),
        ["rollout", "restart", object] if object.contains('/') => entry("restart", text(*object, at)),
        ["rollout", "undo", object] if object.contains('/') => entry("undo", text(*object, at)),
        ["wait", object] if object.contains('/') => named(until?, text(*object, at)),
        _ => return None,
    };
    let keys = namespace.map(|name| entry("namespace", text(name, at))).into_iter().chain([verb]);
    Some(entry("kube", map(keys.collect(), at)))
}

fn build(words: &[&str], at: Span) -> Option<Entry> {
    let (mut words, mut tag, mut file, mut context) = (words.iter().copied(), None, None, None);
    while let Some(word) = words.next() {
        match word {
            "-t" | "--tag" => tag = Some(words.next()?),
            "-f" | "--file" => file = Some(words.next()?),
            _ if word.starts_with('-') || context.is_some() => return None,
            _ => context = Some(word),
        }
    }
    Some(image_build(text(context?, at), text(tag?, at), file.map(|file| text(file, at))))
}

/// `image: { build: … }`.
pub(super) fn image_build(context: Node, tag: Node, file: Option<Node>) -> Entry {
    let at = context.span;
    let mut keys = vec![entry("context", context), entry("tag", tag)];
    keys.extend(file.map(|file| entry("dockerfile", file)));
    entry("image", one("build", map(keys, at)))
}

/// The variables of an `env:` in any of its forms: a mapping, `- name: A` with `value: b`, `- A=b`, `- A: b`.
pub(super) fn pairs(node: &Node) -> Vec<Entry> {
    let scalar = |own: &Entry| is_scalar(&own.node) || own.node.value == Value::Null;
    let value = |own: &Entry| {
        let empty = own.node.value == Value::Null;
        Entry { node: if empty { text("", own.node.span) } else { own.node.clone() }, ..own.clone() }
    };
    let of_item = |item: &Node| -> Vec<Entry> {
        if let Some((name, value)) = item.as_text().and_then(|text| text.split_once('=')) {
            return vec![entry(name.trim(), text(value, item.span))];
        }
        match text_at(item, "name") {
            Some(name) => vec![entry(name, item.get("value").cloned().unwrap_or_else(|| text("", item.span)))],
            None => item.entries().iter().filter(|own| scalar(own)).map(value).collect(),
        }
    };
    match &node.value {
        Value::List(items) => items.iter().flat_map(of_item).collect(),
        _ => node.entries().iter().filter(|own| scalar(own)).map(value).collect(),
    }
}
