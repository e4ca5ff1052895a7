//! What manifest files are read as, and how a wrong one is refused.

use super::*;
use serde_json::json;

fn parsed(text: &str) -> Vec<(usize, Value)> {
    let manifests = parse(text, Path::new("a.yaml")).expect("well formed");
    manifests.into_iter().map(|manifest| (manifest.line, manifest.object)).collect()
}

fn refusal(name: &str, text: &str) -> String {
    parse(text, Path::new(name)).expect_err(text).to_string()
}

#[test]
fn an_octal_mode_is_a_number() {
    let text = "apiVersion: v1\nkind: Pod\nspec: {defaultMode: 0644, other: 420, text: \"0644\", version: 1.10}\n";
    let spec = json!({"defaultMode": 420, "other": 420, "text": "0644", "version": 1.1});
    assert_eq!(parsed(text), [(1, json!({"apiVersion": "v1", "kind": "Pod", "spec": spec}))]);
}

#[test]
fn empty_documents_are_left_out_and_lines_are_kept() {
    let text = "# nothing\n---\n---\napiVersion: v1\nkind: A\n---\n# a comment\n\napiVersion: v1\nkind: B\n---\n";
    assert_eq!(
        parsed(text),
        [(4, json!({"apiVersion": "v1", "kind": "A"})), (9, json!({"apiVersion": "v1", "kind": "B"}))]
    );
    assert_eq!(parsed(""), []);
}

#[test]
fn lists_are_taken_apart() {
    let text = "---\napiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: A}\n- {apiVersion: v1, kind: PodList, items: [{apiVersion: v1, kind: Pod, metadata: {name: p}}]}\n";
    assert_eq!(
        parsed(text),
        [
            (2, json!({"apiVersion": "v1", "kind": "A"})),
            (2, json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}})),
        ]
    );
}

#[test]
fn names_what_an_object_is() {
    let text = "{apiVersion: apps/v1, kind: Deployment, metadata: {name: backend, namespace: todo}}";
    let manifest = &parse(text, Path::new("a.yaml")).expect("well formed")[0];
    assert_eq!((manifest.api_version(), manifest.kind(), manifest.name()), ("apps/v1", "Deployment", "backend"));
    assert_eq!((manifest.namespace(), manifest.to_string()), (Some("todo"), "deployment/backend".to_owned()));
}

#[test]
fn reads_json_and_many_of_them() {
    let text = "{\"apiVersion\": \"v1\", \"kind\": \"A\"}\n\n{\"apiVersion\": \"v1\",\n \"kind\": \"B\"}\n";
    let lines: Vec<usize> = parse(text, Path::new("a.json")).expect("well formed").iter().map(|m| m.line).collect();
    assert_eq!(lines, [1, 3]);
    assert_eq!(refusal("a.json", "{\"a\": 1,\n}"), "a.json:2: trailing comma");
}

#[test]
fn refuses_with_file_line_and_plain_words() {
    for (text, expected) in [
        ("kind: A\n", "a.yaml:1: the object has no `apiVersion`; expected `apiVersion` and `kind`"),
        ("---\napiVersion: v1\n", "a.yaml:2: the object has no `kind`; expected `apiVersion` and `kind`"),
        ("apiVersion: v1\nkind: 3\n", "a.yaml:1: `kind` is not a text"),
        ("just text\n", "a.yaml:1: expected an object with `apiVersion` and `kind`, found something else"),
    ] {
        assert_eq!(refusal("a.yaml", text), expected);
    }
    for (text, expected) in [
        ("a: [b\n", "a.yaml:1: unclosed bracket '['"),
        ("a: 1\na: 2\n", "a.yaml:2: duplicate mapping key: a"),
        ("a: b: c\n", "a.yaml:1: mapping values are not allowed in this context"),
        ("a:\n\t- b\n", "a.yaml:2: tabs disallowed within this context (block indentation)"),
        ("a: *x\n", "a.yaml:1: the alias `*x` has no anchor in this document"),
        ("a: \"x\n", "a.yaml:1: unclosed quote"),
    ] {
        assert_eq!(refusal("a.yaml", text), expected);
    }
}

#[test]
fn an_alias_bomb_is_refused() {
    let mut text = "apiVersion: v1\nkind: A\na0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..10 {
        let below = format!("*a{}, ", level - 1).repeat(9);
        text = format!("{text}a{level}: &a{level} [{}]\n", below.trim_end_matches(", "));
    }
    assert!(parse(&text, Path::new("a.yaml")).is_err());
}

#[test]
fn what_is_nested_deep_is_refused_and_not_a_crash() {
    let text = format!("apiVersion: v1\nkind: A\na: {}{}\n", "[".repeat(100_000), "]".repeat(100_000));
    assert!(parse(&text, Path::new("a.yaml")).is_err());
    assert!(parse(&"[".repeat(100_000), Path::new("a.json")).is_err());
}

#[test]
fn reads_a_folder_and_those_in_it_in_order() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let write = |name: &str, kind: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("below the folder")).expect("may be made");
        std::fs::write(path, format!("{{\"apiVersion\": \"v1\", \"kind\": \"{kind}\"}}")).expect("may be written");
    };
    for (name, kind) in [
        ("b.yml", "B"),
        ("a.yaml", "A"),
        ("c/d.json", "D"),
        (".hidden.yaml", "no"),
        ("notes.txt", "no"),
        ("c/a.yaml", "C"),
    ] {
        write(name, kind);
    }
    let kinds = |path: &Path| -> Vec<String> {
        read(path, folder.path()).expect("well formed").iter().map(|manifest| manifest.kind().to_owned()).collect()
    };
    assert_eq!(kinds(folder.path()), ["A", "B", "C", "D"]);
    assert_eq!(kinds(&folder.path().join("b.yml")), ["B"]);
    let missing = read(Path::new("no/such.yaml"), folder.path()).expect_err("not there");
    assert_eq!(missing.to_string(), "no/such.yaml: no such file or folder");
    let empty = folder.path().join("empty");
    std::fs::create_dir(&empty).expect("may be made");
    assert!(read(&empty, folder.path()).expect_err("empty").message.starts_with("the folder holds no"));
}

/// What kubectl (apimachinery 0.34, sigs.k8s.io/yaml 1.6) makes of a file: its objects, or its refusal.
#[derive(serde::Deserialize)]
struct Fact {
    text: String,
    docs: Option<Vec<Value>>,
}

/// Files are read as kubectl reads them, or refused; never read as something else.
#[test]
fn a_file_is_read_as_kubectl_reads_it_or_refused() {
    let (mut wrong, mut taken, mut refused, mut read) = (Vec::new(), Vec::new(), Vec::new(), 0);
    for line in include_str!("../../../../tests/facts/kubectl.jsonl").lines() {
        let mut fact: Fact = serde_json::from_str(line).expect("a fact");
        fact.docs.iter_mut().flatten().for_each(tree::settle);
        let ours = parse(&fact.text, Path::new("a.yaml"))
            .map(|manifests| manifests.into_iter().map(|manifest| manifest.object).collect::<Vec<_>>());
        match (ours, fact.docs) {
            (Ok(ours), Some(theirs)) if ours == theirs => read += 1,
            (Err(_), None) => {}
            (Ok(_), None) => taken.push(format!("{:?}", fact.text)),
            (Err(error), Some(_)) => refused.push(format!("{:?}: {error}", fact.text)),
            (Ok(ours), theirs) => wrong.push(format!("{:?}\n  ours   {ours:?}\n  theirs {theirs:?}", fact.text)),
        }
    }
    assert!(wrong.is_empty(), "{} read differently:\n{}", wrong.len(), wrong.join("\n"));
    // What kubectl refuses, and has one meaning: names of anchors, and lists in lists.
    assert!(taken.len() <= 4, "{} taken:\n{}", taken.len(), taken.join("\n"));
    // What kubectl takes, and we refuse with a reason.
    assert!(read > 800 && refused.len() < 60, "{read} read, {} refused:\n{}", refused.len(), refused.join("\n"));
}
