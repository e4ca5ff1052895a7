//! Declarations, and values held against them.

use super::*;
use crate::core::model::source::FileId;
use serde_json::{Value as Json, json};

const AT: Span = Span { file: FileId(0), start: 0, end: 0 };

fn read(declaration: &Json) -> Declared {
    let mut out = Diagnostics::default();
    let declared = Declared::read(&Node::from_json(declaration, AT), &mut out);
    assert!(out.is_empty(), "{declaration}: {:?}", out.iter().map(|one| &one.message).collect::<Vec<_>>());
    declared.expect("a declaration")
}

fn take(declaration: &Json, given: &Json, how: Given) -> Result<Json, String> {
    let given = Node::from_json(given, AT);
    read(declaration).take(given, how).map(|node| node.to_json()).map_err(|problem| problem.to_string())
}

#[test]
fn a_mapping_that_names_a_type_is_a_declaration() {
    let is = |value: Json| is_declaration(&Node::from_json(&value, AT));
    assert!(is(json!({"type": "integer"})));
    assert!(is(json!({"type": "integer", "defualt": 1})));
    assert!(is(json!({"type": "integr", "default": 1})));
    assert!(!is(json!({"type": "LoadBalancer"})));
    assert!(!is(json!({"type": "LoadBalancer", "port": 80})));
    assert!(!is(json!({"default": 1})));
    assert!(!is(json!(["type"])));
}

#[test]
fn every_type_takes_its_own_values() {
    for (kind, given, taken) in [
        ("text", json!("a"), json!("a")),
        ("text", json!(3), json!("3")),
        ("name", json!("web-1"), json!("web-1")),
        ("integer", json!(3), json!(3)),
        ("integer", json!("3"), json!(3)),
        ("number", json!(1.5), json!(1.5)),
        ("boolean", json!("true"), json!(true)),
        ("duration", json!("30s"), json!("30s")),
        ("size", json!("500MB"), json!("500MB")),
        ("rate", json!("200/s"), json!("200/s")),
        ("list", json!(["a"]), json!(["a"])),
        ("map", json!({"a": 1}), json!({"a": 1})),
        ("path", json!("a/../b"), json!("a/../b")),
    ] {
        assert_eq!(take(&json!({"type": kind}), &given, Given::Written), Ok(taken), "{kind}");
    }
}

#[test]
fn values_of_other_types_are_refused_with_both() {
    for (kind, given, problem) in [
        ("text", json!([1]), "is a list, expected text"),
        ("name", json!("1st"), "is `1st`, which does not start with a letter"),
        ("integer", json!(1.5), "is `1.5`, expected a whole number"),
        ("integer", json!("many"), "is `many`, expected a whole number"),
        ("boolean", json!("yes"), "is `yes`, expected true or false"),
        ("duration", json!(30), "is `30`: `30` has no unit; expected a duration such as 500ms, 30s or 2m"),
        ("list", json!("[a]"), "is `[a]`, expected a list"),
        ("path", json!("../x"), "is `../x`, which leaves the project's folder"),
        ("path", json!("/etc/passwd"), "is `/etc/passwd`, which is an absolute path"),
        ("secret", json!("hunter2"), "is no secret; give `${{ secrets.NAME }}`"),
    ] {
        assert_eq!(take(&json!({"type": kind}), &given, Given::Written), Err(problem.to_owned()), "{kind}");
    }
}

#[test]
fn the_command_line_gives_text_which_is_read_by_the_type() {
    let typed = |kind: &str, text: &str| take(&json!({"type": kind}), &json!(text), Given::Typed);
    assert_eq!(typed("text", "1.10"), Ok(json!("1.10")));
    assert_eq!(typed("integer", "3"), Ok(json!(3)));
    assert_eq!(typed("list", "[a, 0755]"), Ok(json!(["a", "0755"])));
    assert_eq!(typed("map", "a: 1"), Ok(json!({"a": 1})));
    assert!(typed("list", "[a").is_err());
}

#[test]
fn limits_hold_at_both_ends() {
    let count = json!({"type": "integer", "min": 1, "max": 3});
    assert_eq!(take(&count, &json!(3), Given::Written), Ok(json!(3)));
    assert_eq!(take(&count, &json!(0), Given::Written), Err("is `0`, expected at least `1`".to_owned()));
    assert_eq!(take(&count, &json!(4), Given::Written), Err("is `4`, expected at most `3`".to_owned()));
    let time = json!({"type": "duration", "max": "1m"});
    assert_eq!(take(&time, &json!("61s"), Given::Written), Err("is `61s`, expected at most `1m`".to_owned()));
    let size = json!({"type": "size", "one_of": ["1GB", "2GB"]});
    let problem = "is `3GB`, expected one of `1GB`, `2GB`";
    assert_eq!(take(&size, &json!("3GB"), Given::Written), Err(problem.to_owned()));
    let tag = json!({"type": "text", "matches": "^v[0-9]+$"});
    assert_eq!(take(&tag, &json!("v1"), Given::Written), Ok(json!("v1")));
    assert_eq!(take(&tag, &json!("1"), Given::Written), Err("is `1`, which does not match `^v[0-9]+$`".to_owned()));
}

proptest::proptest! {
    #[test]
    fn an_integer_is_taken_exactly_within_its_limits(min in -50_i64..50, span in 0_i64..50, value in -120_i64..120) {
        let declaration = json!({"type": "integer", "min": min, "max": min + span});
        let taken = take(&declaration, &json!(value), Given::Written);
        proptest::prop_assert_eq!(taken.is_ok(), (min..=min + span).contains(&value));
    }
}
