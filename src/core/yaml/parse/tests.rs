//! Every fault that a text can have, as it is reported: place, code, words, help, and what could be read all the same.

mod flow;
mod remedies;
mod structure;
mod tabs;
mod values;

use std::fmt::Write as _;

use proptest::prelude::*;

use crate::core::model::diagnostic::Diagnostics;
use crate::core::model::source::{SourceMap, Span};
use crate::core::yaml::{Node, Segment, Value, parse};

/// What is wrong, one a line, and the tree.
fn reported(text: &str) -> String {
    let mut sources = SourceMap::default();
    let file = sources.add("a.yaml", "a.yaml", text);
    let mut out = Diagnostics::default();
    let tree = parse(&sources, file, &mut out);
    let mut reported = String::new();
    for found in out.sorted() {
        for (at, label) in found.labels.iter().enumerate() {
            let (line, column) = sources.line_column(label.span);
            let words =
                if at == 0 { format!("{}: {}", found.code.row().name, found.message) } else { label.text.clone() };
            let indent = if at == 0 { "" } else { "  " };
            let _ =
                writeln!(reported, "{indent}{line}:{column} {} {words}", sources.slice(label.span).escape_default());
        }
        if let Some(help) = found.help {
            let _ = writeln!(reported, "  help: {help}");
        }
    }
    reported + &tree.map_or("no tree".to_owned(), |tree| tree.to_json().to_string())
}

#[test]
fn reads_what_serde_yaml_reads() {
    let documents = [
        "a: 1\nb: [x, 'y', \"z\\n\"]\nc: {d: ~, e: , f: true}\n",
        "- a\n-\n- - b\n  - c\n- d: 1\n  e: 2\n",
        "a: |\n  one\n   two\n\n  three\nb: >-\n  folded\n  text\n\n  more\nc: |+\n  keep\n\n",
        "a: plain over\n  two lines\nb: 'single\n  quoted'\nc: \"double \\\n  quoted\"\n",
        "mode: 0644\nport: \"0644\"\nhex: 0x1F\noct: 0o17\nexp: 1e3\nneg: -5\nbig: 18446744073709551615\n",
        "on: yes\noff: no\ny: n\nempty: ~\n? k\n: v\n",
        "é: ü\n\"emoji 🎉\": '🎉'\n",
        "a: &x {b: 1}\nc: *x\nd: [*x, *x]\n",
        "a: # comment\n  b # comment\n# comment\nc: 'd' # comment\n",
        "%YAML 1.2\n---\na: 1\n...\n",
        "a:\r\n  - b\r\n  - c\r\n",
        "{a: [1, {b: c}], \"d\": e}",
        "just text",
        "a: !!str 1\nb: !!int \"2\"\nc: !!float 3\n",
        "run: ${{ vars.x }} and ${{ y }}\nurl: http://a/b?c=d#e\n",
        "1: a\ntrue: b\n2.5: c\n",
    ];
    for text in documents {
        let mut sources = SourceMap::default();
        let file = sources.add("a.yaml", "a.yaml", text);
        let mut out = Diagnostics::default();
        let tree = parse(&sources, file, &mut out).expect("a document");
        assert_eq!(out, Diagnostics::default(), "{text}");
        let theirs: serde_yaml::Value = serde_yaml::from_str(text).expect("a document");
        assert_eq!(tree.to_json(), serde_json::to_value(theirs).expect("fits JSON"), "{text}");
    }
}

#[test]
fn every_node_has_the_place_it_was_written_at() {
    let text = "é: [ü, 'x y']\nb:\nc:\n  - d: |\n      one\n      two\n\n";
    let mut sources = SourceMap::default();
    let file = sources.add("a.yaml", "a.yaml", text);
    let tree = parse(&sources, file, &mut Diagnostics::default()).expect("a document");
    let at = |path: &[Segment]| sources.slice(tree.span_at(path)).to_owned();
    assert_eq!(at(&["é".into()]), "[ü, 'x y']");
    assert_eq!(at(&["é".into(), 0.into()]), "ü");
    assert_eq!(at(&["é".into(), 1.into()]), "'x y'");
    assert_eq!(at(&["b".into()]), "b");
    assert_eq!(at(&["c".into(), 0.into()]), "d: |\n      one\n      two");
    assert_eq!(at(&["c".into(), 0.into(), "d".into()]), "one\n      two");
    let block = tree.get("c").and_then(|list| list.items()[0].get("d")).expect("written above");
    assert_eq!(sources.slice(block.place_of(&sources, 4, 3)), "two");
}

#[test]
fn aliases_that_expand_too_far_are_refused() {
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for level in 1..20 {
        let last = format!("*a{}", level - 1);
        let _ = writeln!(bomb, "a{level}: &a{level} [{}]", vec![last; 9].join(", "));
    }
    assert!(reported(&bomb).contains("alias-bomb: aliases expand to more than 100000 values"));
    let text = format!("a: &a \"{}\"\nb: [{}]\n", "x".repeat(1_000_000), vec!["*a"; 100].join(", "));
    assert!(reported(&text).contains("alias-bomb: aliases expand to more than 100000 values"));
}

#[test]
fn depth_is_refused_before_it_fills_the_stack() {
    for deep in ["[".repeat(100_000), "- ".repeat(100_000), "{a: ".repeat(100_000), "? ".repeat(100_000)] {
        let reported = reported(&deep);
        assert!(reported.contains("collections lie"), "{}", &reported[..reported.len().min(300)]);
    }
}

fn holds(node: &Node, text: &str) -> bool {
    let inside = |span: Span| text.get(span.start as usize..span.end as usize).is_some();
    let below = match &node.value {
        Value::List(items) => items.iter().all(|item| holds(item, text)),
        Value::Map(entries) => entries.iter().all(|entry| inside(entry.key_span) && holds(&entry.node, text)),
        _ => true,
    };
    inside(node.span) && below
}

/// Reads, and checks that no place is outside the text or inside a character.
fn survives(text: &str) {
    let mut sources = SourceMap::default();
    let file = sources.add("a.yaml", "a.yaml", text);
    let mut out = Diagnostics::default();
    let tree = parse(&sources, file, &mut out);
    assert!(tree.as_ref().is_none_or(|tree| holds(tree, text)), "{text:?}");
    assert!(tree.is_some() || out.has_errors(), "no tree, and no word why: {text:?}");
    for label in out.iter().flat_map(|found| &found.labels) {
        assert!(text.get(label.span.start as usize..label.span.end as usize).is_some(), "{label:?} in {text:?}");
    }
}

const STAGE: &str = "stage: a
needs: [b, 'c']
steps:
  one: &one
    shell: { run: \"echo é\", env: { A: \"${{ vars.x }}\" } }
    size: \"< 5MB\"
  two:
    <<: *one
    text: |
      line
      ${{ y }}
    # note
    list:
    - odd
";

fn boundary(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "\\PC*") {
        survives(&text);
    }

    #[test]
    fn no_signs_make_it_panic(text in "[-\\[\\]{}:,?|>&*!%@`'\"# \t\n\r$ax1é~<=.0\u{feff}\u{1}]{0,80}") {
        survives(&text);
    }

    #[test]
    fn no_second_slip_makes_it_panic(
        at in (0..STAGE.len(), 0..STAGE.len()),
        put in ("[-\\[\\]{}:,?|>&*!%@`'\"# \t\n$aé]{0,3}", "[-\\[\\]{}:,?|>&*!%@`'\"# \t\n$aé]{0,3}"),
    ) {
        let (first, second) = (boundary(STAGE, at.0.min(at.1)), boundary(STAGE, at.0.max(at.1)));
        survives(&[&STAGE[..first], &put.0, &STAGE[first..second], &put.1, &STAGE[second..]].concat());
    }

    #[test]
    fn no_slip_makes_it_panic(at in 0..STAGE.len(), len in 0..12_usize, put in "[-\\[\\]{}:,?|>&*!%@`'\"# \t\n$aé]{0,4}") {
        let (start, end) = (boundary(STAGE, at), boundary(STAGE, at + len));
        survives(&[&STAGE[..start], &put, &STAGE[end..]].concat());
    }
}
