//! What a shape says about trees: literal schemas and texts, whole answers.

use std::fmt::Write as _;

use serde_json::{Value as Json, json};

use super::{CompiledSchema, Format, Formats, Found};
use crate::core::model::diagnostic::Diagnostics;
use crate::core::model::source::SourceMap;
use crate::core::yaml::parse;

/// Notes what it is asked to judge.
struct Notes(Vec<String>);

impl Formats for Notes {
    fn judge(&mut self, format: Format<'_>, _: &mut Diagnostics) {
        self.0.push(format!("{}={}", format.name, format.node.to_json()));
    }
}

/// Everything that is wrong, one a line; then what was judged.
fn reported(schema: Json, text: &str) -> String {
    let mut sources = SourceMap::default();
    let file = sources.add("a.yaml", "a.yaml", text);
    let (mut out, mut notes) = (Diagnostics::default(), Notes(Vec::new()));
    let tree = parse(&sources, file, &mut out).expect("a document");
    let found = CompiledSchema::from_schema(schema).check(&tree, &mut notes, &mut out);
    assert_eq!(found == Found::Wrong, out.has_errors(), "{out:?}");
    let mut reported = String::new();
    for found in out.sorted() {
        let (line, column) = sources.line_column(found.labels[0].span);
        let _ = writeln!(reported, "{line}:{column} {}: {}", found.code.row().name, found.message);
        if let Some(help) = found.help {
            let _ = writeln!(reported, "  {help}");
        }
    }
    reported + &notes.0.join(" ")
}

fn step() -> Json {
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["kind"],
        "properties": {
            "kind": { "type": "string" },
            "needs": { "type": "array", "items": { "type": "string" } },
            "timeout": { "type": ["string", "number", "null"], "format": "duration" },
            "retry": { "anyOf": [{ "$ref": "#/definitions/Retry" }, { "type": "null" }] },
            "pull": { "oneOf": [{ "type": "string", "enum": ["never"] }, { "type": "string", "const": "always" }] },
            "kube": {
                "description": "what to do",
                "oneOf": [
                    { "type": "string", "enum": ["nothing"] },
                    { "type": "object", "additionalProperties": false, "required": ["apply"],
                      "properties": { "apply": { "type": "array", "items": { "type": "string" } } } },
                    { "type": "object", "additionalProperties": false, "required": ["delete"],
                      "properties": { "delete": { "$ref": "#/definitions/Retry" } } },
                ],
            },
            "env": { "type": "object", "additionalProperties": { "type": "string", "format": "secret-text" } },
            "any": {},
            "dry": { "type": ["boolean", "null"] },
            "pair": { "type": "array", "items": [{ "type": "string" }, { "type": "integer" }], "minItems": 2, "maxItems": 2 },
        },
        "definitions": {
            "Retry": {
                "type": "object",
                "additionalProperties": false,
                "required": ["attempts"],
                "properties": {
                    "attempts": { "type": "integer", "format": "uint8", "minimum": 1, "maximum": 255 },
                    "again": { "anyOf": [{ "$ref": "#/definitions/Retry" }, { "type": "null" }] },
                },
            },
        },
    })
}

#[test]
fn unknown_keys_say_what_was_meant() {
    let text = "kind: a\nneed: [b]\nretry: { attempts: 2, agian: { attempts: 1 } }\n";
    let expected = "\
2:1 unknown-key: unknown key `need`
  did you mean \"needs\"?
3:23 unknown-key: unknown key `agian` in `retry`
  did you mean \"again\"?
";
    assert_eq!(reported(step(), text), expected);
}

#[test]
fn missing_keys_are_shown_at_the_mapping_that_lacks_them() {
    let text = "retry:\n  again: { attempts: 1 }\n";
    let expected = "\
1:1 missing-key: `retry` lacks the key `attempts`
  add `attempts:` with a whole number
1:1 missing-key: the key `kind` is missing
  add `kind:` with text
";
    assert_eq!(reported(step(), text), expected);
}

#[test]
fn a_required_key_with_a_slip_is_one_fault() {
    assert_eq!(reported(step(), "kimd: a\n"), "1:1 unknown-key: unknown key `kimd`\n  did you mean \"kind\"?\n");
}

#[test]
fn a_mapping_in_the_place_of_a_list_is_told_how_to_become_one() {
    let reported = reported(step(), "kind: a\nneeds: { b: c }\n");
    assert!(
        reported.contains("`needs` is a mapping, expected a list of texts\n  make it a list: put `- ` before"),
        "{reported}"
    );
}

#[test]
fn wrong_types_show_both_sides() {
    let text = "kind: 1.10\nneeds: b\ntimeout: [30s]\nretry: 3\ndry: yes\nany: [1]\nenv: { A: 1, B: [c] }\n";
    let expected = "\
1:7 wrong-type: `kind` is the number 1.10, expected text
  quote it: \"1.10\"
2:8 wrong-type: `needs` is the text `b`, expected a list of texts
  make it a list: [b]
3:10 wrong-type: `timeout` is a list, expected a duration such as 500ms, 30s or 2m
  for example `timeout: 500ms`
4:8 wrong-type: `retry` is the number 3, expected a mapping
  write `retry: { attempts: 3 }`
5:6 wrong-type: `dry` is the text `yes`, expected true or false
  write true
7:11 wrong-type: `env.A` is the number 1, expected a text, which may be secret
  quote it: \"1\"
7:17 wrong-type: `env.B` is a list, expected a text, which may be secret
  for example `B: text`
";
    assert_eq!(reported(step(), text), expected);
}

#[test]
fn values_out_of_range_say_what_is_expected() {
    let text = "kind: a\nretry: { attempts: 0, again: { attempts: 300, again: { attempts: 1.5 } } }\npair: [a]\n";
    let expected = "\
2:20 invalid-value: `retry.attempts` is 0, expected at least 1
  write `attempts: 1`
2:42 invalid-value: `retry.again.attempts` is 300, expected at most 255
  write `attempts: 255`
2:66 invalid-value: `retry.again.again.attempts` is 1.5, expected a whole number
  write `attempts: 2`
3:7 invalid-value: `pair` has 1 item, expected at least 2
  add one item
";
    assert_eq!(reported(step(), text), expected);
}

#[test]
fn one_of_several_words_says_which() {
    let text = "kind: a\npull: alway\nkube: nothng\n";
    let expected = "\
2:7 invalid-value: `pull` is `alway`, expected one of never, always
  did you mean \"always\"?
3:7 invalid-value: `kube` is `nothng`, expected `nothing`
  did you mean \"nothing\"?
";
    assert_eq!(reported(step(), text), expected);
}

#[test]
fn verbs_stand_alone_and_are_checked_as_what_they_are() {
    assert_eq!(reported(step(), "kind: a\nkube: { apply: [b] }\n"), "");
    assert_eq!(
        reported(step(), "kind: a\nkube: { apply: [b], delete: { attempts: 1 } }\n"),
        "2:21 not-one-kind: `kube` has both `apply` and `delete`, expected one of apply, delete\n  keep one of them\n"
    );
    assert_eq!(
        reported(step(), "kind: a\nkube: { aply: [b] }\n"),
        "2:9 unknown-key: unknown key `aply` in `kube`, expected one of apply, delete\n  did you mean \"apply\"?\n"
    );
    assert_eq!(
        reported(step(), "kind: a\nkube: { delete: {} }\n"),
        "2:9 missing-key: `kube.delete` lacks the key `attempts`\n  add `attempts:` with a whole number\n"
    );
}

#[test]
fn null_is_a_key_that_was_left_out() {
    assert_eq!(reported(step(), "kind: a\nneeds:\nretry: ~\nkube: null\nany:\n"), "");
    assert_eq!(
        reported(step(), "kind:\n"),
        "1:1 wrong-type: `kind` is empty, expected text\n  for example `kind: text`\n"
    );
}

#[test]
fn templates_stand_wherever_scalars_do_and_are_judged_once() {
    let text = "kind: \"a-${{ x }}\"\ntimeout: ${{ t }}s\nretry: ${{ r }}\npull: ${{ p }}\ndry: ${{ d }}\nneeds: ${{ n }}\n\
                kube: { apply: [\"${{ f }}\"] }\nenv: { A: \"${{ e }}\" }\nany: { b: [\"$${{ g }}\"] }\n";
    assert_eq!(
        reported(step(), text),
        "=\"a-${{ x }}\" duration=\"${{ t }}s\" =\"${{ r }}\" =\"${{ p }}\" =\"${{ d }}\" =\"${{ n }}\" =\"${{ f }}\" \
         secret-text=\"${{ e }}\" =\"$${{ g }}\""
    );
}

#[test]
fn a_text_around_a_template_is_no_list_and_no_mapping() {
    let expected = "\
2:8 wrong-type: `retry` is the text `a ${{ r }}`, expected a mapping
  its keys: attempts, again
=\"a ${{ r }}\"";
    assert_eq!(reported(step(), "kind: a\nretry: a ${{ r }}\n"), expected);
}

#[test]
fn templates_in_keys_are_refused_wherever_they_stand() {
    let text = "kind: a\nenv: { \"${{ k }}\": a }\nany: { b: { \"${{ k }}\": 1 } }\n";
    let expected = "\
2:8 invalid-template: the key `${{ k }}` holds `${{ }}`, but only values are put in
  write the key out, or make a list of `name:` and `value:`
3:13 invalid-template: the key `${{ k }}` holds `${{ }}`, but only values are put in
  write the key out, or make a list of `name:` and `value:`
secret-text=\"a\"";
    assert_eq!(reported(step(), text), expected);
}

#[test]
fn a_broken_value_is_complained_about_once() {
    let text = "kind: [a\nretry: > 5\ntimeout: @x\npull: alway\n";
    let expected = "\
1:7 syntax: this `[` is never closed
  close it: kind: [a]
2:8 syntax: `>` starts a folded text over several lines here, which `> 5` is not
  quote it: retry: \"> 5\"
3:10 syntax: a text cannot start with `@` unless it is quoted
  quote it: timeout: \"@x\"
4:7 invalid-value: `pull` is `alway`, expected one of never, always
  did you mean \"always\"?
";
    assert_eq!(reported(step(), text), expected);
}

#[test]
fn a_key_without_its_blank_says_so() {
    let expected = "\
3:3 wrong-type: `retry` is the text `attempts:3`, expected a mapping
  put a blank behind the `:`: attempts: 3
";
    assert_eq!(reported(step(), "kind: a\nretry:\n  attempts:3\n"), expected);
}

#[test]
fn fields_are_what_the_reference_shows() {
    let fields: Vec<String> = CompiledSchema::from_schema(step())
        .fields()
        .into_iter()
        .map(|field| format!("{}{} {}", field.name, if field.required { "!" } else { "" }, field.type_words))
        .collect();
    let expected = [
        "kind! text",
        "needs a list of texts",
        "timeout a duration such as 500ms, 30s or 2m",
        "retry a mapping",
        "pull one of never, always",
        "kube `nothing` or `apply:` or `delete:`",
        "env a mapping of names to items, each a text, which may be secret",
        "any any value",
        "dry true or false",
        "pair a list",
    ];
    assert_eq!(fields, expected);
}

#[test]
fn what_fits_is_left_when_the_rest_is_taken_out() {
    let text = "kind: a\nneed: x\nneeds: [a, 1, b]\ndry: maybe\nretry: { attempts: 2, x: 1 }\nenv: { A: b, B: [c] }\n";
    let mut sources = SourceMap::default();
    let file = sources.add("a.yaml", "a.yaml", text);
    let tree = parse(&sources, file, &mut Diagnostics::default()).expect("a document");
    let left = CompiledSchema::from_schema(step()).salvage(&tree).expect("a mapping");
    let expected = json!({ "kind": "a", "needs": ["a", "b"], "retry": { "attempts": 2 }, "env": { "A": "b" } });
    assert_eq!(left.to_json(), expected);
}
