//! The schemas for editors agree with `check`: what `check` takes validates, and what is wrong in structure does not. The
//! validator is another's.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use jsonschema::Validator;
use pipeline::cli::REGISTRY;
use pipeline::core::model::diagnostic::{Code, Severity};
use pipeline::core::plan::{Options, load};
use pipeline::core::spec::schema;
use serde_json::{Value, json};

/// What is wrong in structure, which a schema can say.
const STRUCTURE: [Code; 4] = [Code::InvalidUnit, Code::NotOneKind, Code::UnknownKey, Code::WrongType];

struct Schemas {
    pipeline: Validator,
    stage: Validator,
    part: Validator,
    gate: Validator,
}

impl Schemas {
    fn new() -> Self {
        let compiled = |schema: Value| jsonschema::draft7::new(&schema).expect("a schema");
        Schemas {
            pipeline: compiled(schema::pipeline(REGISTRY)),
            stage: compiled(schema::stage(REGISTRY)),
            part: compiled(schema::part(REGISTRY)),
            gate: compiled(schema::gate(REGISTRY)),
        }
    }

    /// What a schema says of a file; nothing where it validates.
    fn complaints(&self, file: &Value) -> Vec<String> {
        let has = |key: &str| file.get(key).is_some();
        let schema = match () {
            () if has("pipeline") || has("stages") => &self.pipeline,
            () if has("part") => &self.part,
            () if has("stage") || has("steps") => &self.stage,
            () => &self.gate,
        };
        schema.iter_errors(file).map(|error| format!("{}: {error}", error.instance_path())).collect()
    }
}

/// A file as JSON, by the rules of YAML 1.2; `None` where it cannot be read.
fn json_of(text: &str) -> Option<Value> {
    let mut tree: serde_yaml::Value = serde_yaml::from_str(text).ok()?;
    tree.apply_merge().ok()?;
    serde_json::to_value(tree).ok()
}

/// The files of a project that disagree with the schemas.
fn disagreements(schemas: &Schemas, folder: &Path) -> Vec<String> {
    let options = Options { file: folder.join("pipeline.yaml"), ..Options::default() };
    let Ok(loaded) = load(&options, REGISTRY) else { return Vec::new() };
    let mut found = Vec::new();
    for (id, file) in loaded.sources.files() {
        let Some(json) = json_of(&file.text).filter(|json| json.is_object() || json.is_array()) else { continue };
        let errors = loaded.diagnostics.iter().filter(|error| error.severity == Severity::Error);
        let here: Vec<_> = errors.filter(|error| error.labels.iter().any(|label| label.span.file == id)).collect();
        let structure: Vec<&str> =
            here.iter().filter(|error| STRUCTURE.contains(&error.code)).map(|error| error.message.as_str()).collect();
        let complaints = schemas.complaints(&json);
        if here.is_empty() && loaded.plan.is_some() && !complaints.is_empty() {
            found.push(format!("{}\n{}\n  the schema refuses: {}", file.name, file.text, complaints.join("\n    ")));
        } else if !structure.is_empty() && complaints.is_empty() && !file.text.contains("${{") {
            found.push(format!("{}\n{}\n  only check refuses: {}", file.name, file.text, structure.join("\n    ")));
        }
    }
    found
}

fn tell(found: &[String]) {
    assert!(
        found.is_empty(),
        "{} files:\n{}",
        found.len(),
        found.iter().take(40).cloned().collect::<Vec<_>>().join("\n\n")
    );
}

#[test]
fn every_file_of_this_repository_validates() {
    let schemas = Schemas::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = disagreements(&schemas, root);
    for example in fs::read_dir(root.join("examples")).expect("there are examples") {
        found.extend(disagreements(&schemas, &example.expect("readable").path()));
    }
    tell(&found);
}

#[test]
fn the_schemas_refuse_what_is_wrong_in_structure_in_the_cases_of_diagnostics() {
    let schemas = Schemas::new();
    let mut found = Vec::new();
    for folder in ["tests/diagnostics", "tests/faults"] {
        for case in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)).expect("there are cases") {
            let text = fs::read_to_string(case.expect("readable").path()).expect("a case");
            let project = tempfile::tempdir().expect("a temporary folder");
            for part in text.split("=== ").skip(1) {
                let Some((name, text)) = part.split_once('\n').filter(|(name, _)| *name != "told") else { continue };
                let path = project.path().join(name.trim());
                fs::create_dir_all(path.parent().expect("below the folder")).expect("a folder can be made");
                fs::write(path, text).expect("a file can be written");
            }
            found.extend(disagreements(&schemas, project.path()));
        }
    }
    tell(&found);
}

/// Every tree that differs from `tree` in one value.
fn mutations(tree: &Value, values: &[Value]) -> Vec<Value> {
    let mut all: Vec<Value> = values.iter().filter(|value| *value != tree).cloned().collect();
    match tree {
        Value::Object(fields) => {
            for (key, below) in fields {
                for changed in mutations(below, values) {
                    let mut fields = fields.clone();
                    fields.insert(key.clone(), changed);
                    all.push(Value::Object(fields));
                }
                let mut fewer = fields.clone();
                fewer.shift_remove(key);
                all.push(Value::Object(fewer));
            }
            let mut more = fields.clone();
            more.insert("surplus".to_owned(), json!(1));
            all.push(Value::Object(more));
        }
        Value::Array(items) => {
            for (at, below) in items.iter().enumerate() {
                for changed in mutations(below, values) {
                    let mut items = items.clone();
                    items[at] = changed;
                    all.push(Value::Array(items));
                }
            }
        }
        _ => {}
    }
    all
}

/// The examples of all kinds, as stages.
fn examples() -> Vec<Value> {
    let mut all = Vec::new();
    for kind in REGISTRY.steps {
        let body = json_of(kind.example).expect("an example");
        all.push(json!({ "stage": "s", "steps": { "x": { kind.name: body } } }));
    }
    for kind in REGISTRY.assertions {
        let body = json_of(kind.example).expect("an example");
        all.push(json!({ "stage": "s", "gate": [{ kind.name: body }] }));
    }
    all.push(json!({ "stage": "s", "when": "true", "env": { "A": "b", "N": 3.10 }, "description": "x", "needs": [],
        "steps": { "x": { "name": "n", "timeout": "30s", "retry": { "attempts": 2, "backoff": "1s", "max_backoff": "2s" },
            "env": { "A": 1 }, "for_each": ["a"], "continue_on_error": true, "once": false, "inputs": ["stages"],
            "when": "vars.b", "shell": { "run": "true", "exit_code": "0..1" } } },
        "gate": [{ "name": "g", "within": "5s", "for": "1s", "severity": "warning", "shell": { "run": "true", "timeout": "1m",
            "stdout": { "contains": "x", "lines": ">= 1", "bytes": "< 5MB", "duration": "1s" } } },
            { "file": { "path": "pipeline.yaml", "size": "< 1MB" } }] }));
    all
}

#[test]
fn a_changed_example_of_a_kind_is_taken_by_both_or_refused_by_both() {
    let schemas = Schemas::new();
    let project = tempfile::tempdir().expect("a temporary folder");
    let pipeline = "version: 1\npipeline: t\ncluster: { contexts: [c] }\nvars: { n: 2, b: true, l: [a], t: x }\nsecrets: { s: { env: S } }\nstages: [s.yaml]\n";
    fs::write(project.path().join("pipeline.yaml"), pipeline).expect("written");
    let values = [
        json!(null),
        json!(true),
        json!(30),
        json!("text"),
        json!([]),
        json!({}),
        json!("${{ vars.n }}"),
        json!("${{ vars.b }}"),
        json!("${{ vars.l }}"),
        json!("${{ vars.t }}"),
    ];
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    for stage in examples() {
        for key in ["steps", "gate", "env", "when"] {
            let Some(below) = stage.get(key) else { continue };
            // One of nine: all of them take minutes.
            for changed in mutations(below, &values).into_iter().step_by(9) {
                let mut stage = stage.clone();
                stage[key] = changed;
                let text = serde_yaml::to_string(&stage).expect("YAML");
                if seen.insert(text.clone()) {
                    fs::write(project.path().join("s.yaml"), text).expect("written");
                    found.extend(disagreements(&schemas, project.path()));
                }
            }
        }
    }
    tell(&found);
}

#[test]
fn what_an_editor_must_show_is_shown() {
    let schemas = Schemas::new();
    let refused = |file: Value| !schemas.complaints(&file).is_empty();
    let step = |step: Value| json!({ "stage": "s", "steps": { "x": step } });
    for body in [
        json!({ "kube": { "apply": "m", "delete": "deployment/a" } }),
        json!({ "kube": {} }),
        json!({ "shell": {} }),
        json!({ "shell": { "run": "a", "command": ["b"] } }),
        json!({ "shell": { "run": "a" }, "timeout": 30 }),
        json!({ "shell": { "run": "a" }, "timeout": "30" }),
        json!({ "shell": { "run": "echo ${{ vars.x }}" } }),
        json!({ "shell": { "run": "a" }, "needs": ["${{ vars.x }}"] }),
    ] {
        assert!(refused(step(body.clone())), "{body}");
    }
    for body in [
        json!({ "shell": { "command": "${{ vars.l }}" }, "for_each": "${{ vars.l }}", "continue_on_error": "${{ vars.b }}" }),
        json!({ "shell": { "run": "a" }, "retry": { "attempts": "${{ vars.n }}" }, "timeout": "${{ vars.t }}" }),
        json!({ "kube": { "scale": { "target": "deployment/a", "replicas": "${{ vars.n }}" } } }),
        json!({ "shell": { "run": "echo $${{ x }}" }, "timeout": null }),
    ] {
        assert!(!refused(step(body.clone())), "{body}: {:?}", schemas.complaints(&step(body.clone())));
    }
    for gate in [json!([{ "file": { "path": "a", "size": 300 } }]), json!([{ "file": { "path": "a" }, "within": 5 }])] {
        assert!(refused(gate.clone()), "{gate}");
    }
}
