//! Reference pages of codes and kinds, generated from their rows and schemas: for `explain` and for docs/.

mod examples;
mod fields;
mod key;
mod language;

use std::fmt::Write;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::Value;

use crate::core::kind::{Kind, Registry, causes};
use crate::core::model::diagnostic::CODES;
use crate::core::spec::{AssertionKeys, DeclarationSpec, GateSpec, PartSpec, PipelineSpec, StageSpec, StepKeys};

/// Everything there is to explain, a line each.
pub fn index(registry: Registry) -> String {
    let mut text = String::from("step kinds\n");
    for kind in registry.steps {
        let _ = writeln!(text, "  {:<12} {}", kind.name, kind.summary);
    }
    text.push_str("\nassertion kinds\n");
    for kind in registry.assertions {
        let _ = writeln!(text, "  {:<12} {}", kind.name, kind.summary);
    }
    text.push_str("\ncauses\n  causes       the causes that end a wait before its time, and why.\n");
    text.push_str(
        "\nlanguage\n  expectations  how `size: \"< 500MB\"` is written\n  expressions   names, functions, macros and operators of \
         expressions\n  use           gate files with parameters\n  pipeline.yaml, stage, step, assertion, gate: the keys of each\n  KEY, KIND.KEY  what a key takes, such as `needs` or `shell.run`\n",
    );
    text.push_str("\ndiagnostic codes\n");
    for row in CODES {
        let _ = writeln!(text, "  {}", row.name);
    }
    text
}

/// The first page of the reference: all kinds with links, as Markdown.
pub fn overview(registry: Registry) -> String {
    let mut text = String::from(
        "# Reference\n\nGenerated from the code by `make docs`; `pipeline explain NAME` prints the same.\n",
    );
    text.push_str(fields::ABOUT);
    text.push_str("\n## Step kinds\n\n| kind | does |\n|---|---|\n");
    for kind in registry.steps {
        let _ = writeln!(text, "| [`{0}`](step-{0}.md) | {1} |", kind.name, kind.summary);
    }
    text.push_str("\n## Assertion kinds\n\n| kind | measures |\n|---|---|\n");
    for kind in registry.assertions {
        let _ = writeln!(text, "| [`{0}`](assertion-{0}.md) | {1} |", kind.name, kind.summary);
    }
    text.push_str("\n## Keys of every step\n\n");
    keys::<StepKeys>(&mut text, Of::Step);
    text.push_str("\n## Keys of every assertion\n\n");
    keys::<AssertionKeys>(&mut text, Of::Assertion);
    text.push_str("\n## pipeline.yaml\n\n");
    keys::<PipelineSpec>(&mut text, Of::Pipeline);
    text.push_str("\n## A stage file\n\n");
    keys::<StageSpec>(&mut text, Of::Stage);
    text.push_str("\n## A part file\n\n");
    keys::<PartSpec>(&mut text, Of::Part);
    text.push_str("\n## A declaration of a var or a parameter\n\n");
    keys::<DeclarationSpec>(&mut text, Of::Declaration);
    text.push_str("\n## A gate file\n\n");
    keys::<GateSpec>(&mut text, Of::Gate);
    text.push_str(
        "\n[Expectations](expectations.md). [Expressions](expressions.md). [Gate files](use.md). [Diagnostic codes](codes.md). [Causes that end a wait](causes.md). Schemas for editors: \
         [`../schema/`](../schema/).\n",
    );
    text
}

/// A table of the keys of a type.
fn keys<T: JsonSchema>(text: &mut String, of: Of) {
    let root = SchemaSettings::draft07().into_generator().into_root_schema_for::<T>().to_value();
    let definitions = root.get("definitions").cloned().unwrap_or_default();
    fields::table(text, &root, &definitions, of);
}

/// The page of the causes that end a wait before its time, and of those that may recover.
pub fn causes() -> String {
    let mut text = String::from(
        "# Causes that end a wait\n\nAn assertion with `within`, and a step that waits for the cluster (`apply`, `restart`, `undo`, `scale`, `set_image` \
         and `wait`\nof `kube`, `helm` with `wait`, hooks of `helm`, the warm-up of `traffic`), ends before its time as soon as it has seen one of these\ncauses in two \
         checks in a row, about a second apart. `tolerate: [CAUSE, …]` or `tolerate: all`, on the assertion or the step,\nlets it wait to its end. \
         An assertion that expects a failure itself (`phase: Failed`, `self.status.failed > 0`) is never ended by one.\n\n\
         | class | causes | when | why waiting cannot fix it |\n|---|---|---|---|\n",
    );
    for class in causes::CLASSES {
        let causes: Vec<String> = class.causes.iter().map(|cause| format!("`{cause}`")).collect();
        let _ = writeln!(text, "| `{}` | {} | {} | {} |", class.name, causes.join(", "), class.when, class.why);
    }
    text.push_str("\n## Causes that may recover\n\nA wait goes on to its end, and names them then.\n\n| cause | what may happen |\n|---|---|\n");
    for (cause, why) in causes::RECOVERABLE {
        let _ = writeln!(text, "| `{cause}` | {why} |");
    }
    text
}

use fields::Of;
pub use key::{explain as key, names as key_names};
pub use language::{EXPECTATIONS, USE};

/// The page on a part of the language: `expectations`, `use`, or the keys of a file.
pub fn language(name: &str) -> Option<String> {
    match name {
        "expectations" => Some(EXPECTATIONS.to_owned()),
        "use" | "with" => Some(USE.to_owned()),
        _ => language::file(name),
    }
}

/// The pages called `name`: a code's, a step kind's, an assertion kind's (a name can be both kinds').
pub fn pages(registry: Registry, name: &str) -> Vec<String> {
    let code =
        CODES.iter().filter(|row| row.name == name).map(|row| format!("# {}\n\n{}\n", row.name, row.explanation));
    let step = registry.step(name).map(|kind| page(kind, "step"));
    let assertion = registry.assertion(name).map(|kind| page(kind, "assertion"));
    code.chain(step).chain(assertion).collect()
}

/// A kind's page in Markdown: summary, example, fields, outputs.
pub fn page<T: ?Sized>(kind: &Kind<T>, what: &str) -> String {
    let mut text =
        format!("# {} ({what})\n\n{}\n\n```yaml\n{}\n```\n", kind.name, kind.summary, kind.example.trim_end());
    let mut generator = SchemaSettings::draft07().into_generator();
    let schema = kind.schema(&mut generator).to_value();
    let definitions = Value::Object(generator.take_definitions(true).into_iter().collect());
    text.push('\n');
    fields::table(&mut text, &schema, &definitions, Of::Kind);
    let [scalar, list] = kind.shape().short().map(|key| key.map(str::to_owned));
    if let Some(key) = scalar {
        let _ = writeln!(text, "\nShort form: `{0}: TEXT` is `{0}: {{ {key}: TEXT }}`.", kind.name);
    }
    if let Some(key) = list {
        let _ = writeln!(text, "\nShort form: `{0}: [A, B]` is `{0}: {{ {key}: [A, B] }}`.", kind.name);
    }
    if !kind.outputs.is_empty() {
        text.push_str("\n| output | |\n|---|---|\n");
        for output in kind.outputs {
            let _ = writeln!(text, "| `{}` | {} |", output.name, output.summary);
        }
    }
    if kind.during {
        text.push_str("\nCan run `during` other steps.\n");
    }
    text
}
