//! What is written below the keys of our kinds, in the words of other tools: `kube: apply -f a.yaml`, `retry: { count: 3 }`,
//! `timeout: 5 minutes`. Knows these words; no meaning.

use crate::core::yaml::{Entry, Node, Value};

use super::script::{Lists, Script};
use super::tree::{entry, map, text, text_at};

/// Keys below a kind, by kind and verb, with what each is called here.
const RENAMED: [(&str, &str, &[&str], &str); 12] = [
    ("kube", "apply", &["file", "path", "manifest", "manifests", "filename"], "files"),
    ("kube", "wait", &["condition", "until"], "for"),
    ("helm", "install", &["name"], "release"),
    ("helm", "install", &["path", "chartPath"], "chart"),
    ("helm", "upgrade", &["name"], "release"),
    ("helm", "upgrade", &["path", "chartPath"], "chart"),
    ("helm", "install", &["valuesFiles", "values_file", "valueFiles"], "values_files"),
    ("helm", "upgrade", &["valuesFiles", "values_file", "valueFiles"], "values_files"),
    ("image", "build", &["name", "image"], "tag"),
    ("image", "build", &["file", "Dockerfile"], "dockerfile"),
    ("image", "build", &["path", "dir"], "context"),
    ("image", "build", &["build_args", "build-args", "buildArgs"], "args"),
];

/// The value that is meant below a key of a step; `None` where it is ours already.
pub(super) fn meant(own: &Entry) -> Option<Entry> {
    let node = &own.node;
    match own.key.as_str() {
        "retry" => retry(node).map(|made| entry("retry", made)),
        "timeout" => timeout(node).map(|made| entry("timeout", made)),
        "kube" if node.as_text().is_some() => command("kubectl", node),
        "image" => match verb(node, "build") {
            Some(context) if context.as_text().is_some() => {
                let at = context.span;
                let build = map(vec![entry("context", context.clone()), entry("tag", text("app:dev", at))], at);
                Some(entry("image", map(vec![entry("build", build)], node.span)))
            }
            _ => renamed("image", node),
        },
        "helm" => match verb(node, "install").or_else(|| verb(node, "upgrade")) {
            Some(chart) if chart.as_text().is_some() => {
                let at = chart.span;
                let name =
                    chart.as_text().unwrap_or_default().trim_end_matches('/').rsplit('/').next().unwrap_or("app");
                let release = map(vec![entry("release", text(name, at)), entry("chart", chart.clone())], at);
                Some(entry("helm", map(vec![entry("install", release)], node.span)))
            }
            _ => renamed("helm", node),
        },
        "kube" => renamed("kube", node),
        "http" => {
            let status = ["status", "status_code", "expected_status"].iter().find(|key| node.get(key).is_some())?;
            let expect = map(vec![entry("status", node.get(status)?.clone())], node.span);
            let left = node.entries().iter().filter(|own| own.key != **status).cloned();
            Some(entry("http", map(left.chain([entry("expect", expect)]).collect(), node.span)))
        }
        _ => None,
    }
}

/// The value of an `http` assertion that is meant.
pub(super) fn http_assertion(node: &Node) -> Option<Node> {
    let mut changed = false;
    let mut keys = Vec::new();
    for own in node.entries() {
        match own.key.as_str() {
            "expect" | "response" if !own.node.entries().is_empty() => keys.extend(own.node.entries().iter().cloned()),
            "status_code" | "expected_status" | "statusCode" | "code" => keys.push(entry("status", own.node.clone())),
            "body_contains" | "text" => keys.push(entry("contains", own.node.clone())),
            _ => {
                keys.push(own.clone());
                continue;
            }
        }
        changed = true;
    }
    changed.then(|| map(keys, node.span))
}

fn verb<'n>(node: &'n Node, verb: &str) -> Option<&'n Node> {
    node.get(verb)
}

fn renamed(kind: &str, node: &Node) -> Option<Entry> {
    let mut changed = false;
    let verbs = node.entries().iter().map(|verb| {
        let keys = verb.node.entries().iter().map(|own| {
            let row = RENAMED.iter().find(|(of, on, words, to)| {
                *of == kind && *on == verb.key && words.contains(&own.key.as_str()) && verb.node.get(to).is_none()
            });
            changed |= row.is_some();
            row.map_or_else(|| own.clone(), |(_, _, _, to)| entry(*to, as_list(to, &own.node)))
        });
        let keys: Vec<Entry> = keys.collect();
        if keys.is_empty() { verb.clone() } else { Entry { node: map(keys, verb.node.span), ..verb.clone() } }
    });
    let verbs: Vec<Entry> = verbs.collect();
    changed.then(|| entry(kind, map(verbs, node.span)))
}

fn as_list(key: &str, node: &Node) -> Node {
    let single = key == "values_files" && node.as_text().is_some();
    if single { super::tree::list(vec![node.clone()], node.span) } else { node.clone() }
}

fn command(program: &str, node: &Node) -> Option<Entry> {
    let words = node.as_text()?;
    let mut script = Script::default();
    script.take(&text(format!("{program} {words}"), node.span), Lists::Lines);
    Some(script.kind(node.span))
}

/// `{ count: 3, delay: 5s }` and the like.
fn retry(node: &Node) -> Option<Node> {
    let number = |keys: &[&str]| keys.iter().find_map(|key| text_at(node, key)?.parse::<u64>().ok());
    let tries = number(&["count", "times", "max_attempts", "maxAttempts"])
        .or_else(|| Some(number(&["max", "limit", "retries"])? + 1))?;
    if node.get("attempts").is_some() {
        return None;
    }
    let at = node.span;
    let backoff = ["delay", "wait", "interval", "sleep"]
        .iter()
        .find_map(|key| node.get(key))
        .map(|node| entry("backoff", timeout(node).unwrap_or_else(|| node.clone())));
    let keys = [entry("attempts", Node::new(at, Value::Number(tries.clamp(1, 100).into())))];
    Some(map(keys.into_iter().chain(backoff).collect(), at))
}

/// `10`, `5 minutes`, `1 hour 30 minutes`: seconds where there is no unit.
fn timeout(node: &Node) -> Option<Node> {
    let written = node.scalar_text()?;
    let mut spans = String::new();
    let mut words = written.split_whitespace().peekable();
    let mut changed = false;
    while let Some(word) = words.next() {
        if word.parse::<f64>().is_err() {
            return None;
        }
        let unit = match words.peek().map(|unit| unit.to_ascii_lowercase()) {
            None => "s",
            Some(unit) => match unit.trim_end_matches('s') {
                "second" | "sec" => "s",
                "minute" | "min" => "m",
                "hour" | "hr" => "h",
                _ => return None,
            },
        };
        words.next();
        changed = true;
        spans.push_str(word);
        spans.push_str(unit);
    }
    (changed && spans != "0s").then(|| text(spans, node.span))
}
