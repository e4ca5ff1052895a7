//! Faults between values: indentation, keys, tags, anchors, documents.

use super::reported;

#[test]
fn indentation_that_fits_nothing_is_shown() {
    assert_eq!(
        reported(
            "\
a:
\x20 - b
\x20c: 1
d: 2
"
        ),
        r#"3:2 c: 1 syntax: `c: 1` is indented by 1, which fits nothing above it
  help: indent it by 0, like `a:`
{"a":["b"],"c":1,"d":2}"#
    );
}

#[test]
fn a_text_has_no_keys_below_it() {
    assert_eq!(
        reported(
            "\
a: 1
\x20 b: 2
"
        ),
        r#"2:3 b syntax: `b:` is indented as if it belonged to `1`, which is a text
  1:4 1 the text it would belong to
  help: indent it by 0, or remove the text `1` above it
{"a":1,"b":2}"#
    );
}

#[test]
fn every_tab_that_indents_is_shown() {
    assert_eq!(
        reported(
            "\
a:
\tb: 1
\tc:
\t\td: |
\t\t\ttext
"
        ),
        r#"2:1 \t tab: a tab cannot indent in YAML
  help: put spaces there; an editor with `expandtab` or `insertSpaces` does it for you
3:1 \t tab: a tab cannot indent in YAML
  help: put spaces there; an editor with `expandtab` or `insertSpaces` does it for you
4:1 \t\t tab: a tab cannot indent in YAML
  help: put spaces there; an editor with `expandtab` or `insertSpaces` does it for you
5:1 \t\t\t tab: a tab cannot indent in YAML
  help: put spaces there; an editor with `expandtab` or `insertSpaces` does it for you
{"a":{"b":1,"c":{"d":"text\n"}}}"#
    );
}

#[test]
fn tabs_beside_spaces_are_shown_and_read_as_they_were_meant() {
    assert_eq!(
        reported(
            "\
a:
\x20 b: 1
\tc: 2
"
        ),
        r#"3:1 \t tab: a tab cannot indent in YAML
  help: put 2 spaces there; an editor with `expandtab` or `insertSpaces` does it for you
{"a":{"b":1,"c":2}}"#
    );
}

#[test]
fn a_key_that_is_there_twice_is_shown_at_both_places() {
    assert_eq!(
        reported(
            "\
a: 1
b: 2
a: 3
1: x
\"1\": y
"
        ),
        r#"3:1 a duplicate-key: the key `a` occurs twice here
  1:1 a first here
  help: remove one, or rename it
5:1 \"1\" duplicate-key: the key `1` occurs twice here
  4:1 1 first here
  help: remove one, or rename it
{"a":1,"b":2,"1":"x"}"#
    );
}

#[test]
fn keys_are_texts() {
    assert_eq!(
        reported(
            "\
? [a]
: b
{c: d}: e
: f
1: g
true: h
"
        ),
        r#"1:3 [a] syntax: a list cannot be a key
  help: keys are words, such as `name:`
3:1 {c: d} syntax: a mapping cannot be a key
  help: keys are words, such as `name:`
4:1  syntax: a key is missing before the `:`
  help: keys are words, such as `name:`
{"1":"g","true":"h"}"#
    );
}

#[test]
fn a_file_holds_one_document() {
    assert_eq!(
        reported(
            "\
a: 1
---
b: 2
"
        ),
        r#"2:1 --- syntax: a second document starts here, but a file holds one
  help: move what follows into a file of its own
{"a":1}"#
    );
}

#[test]
fn a_file_without_content_says_so() {
    assert_eq!(
        reported(
            "\
# nothing
"
        ),
        r"1:1 # nothing empty-file: the file has nothing but comments
  help: a pipeline starts with `version: 1`, a stage with `stage: NAME`, a gate with `- `
no tree"
    );
}

#[test]
fn tags_mean_nothing_except_those_of_yaml() {
    assert_eq!(
        reported(
            "\
a: !vault x
b: !!str 1
c: !!int x
d: !!set {e}
"
        ),
        r#"1:4 !vault syntax: the tag `!vault` means nothing here
  help: remove it; a text that starts with `!` is quoted
3:4 !!int syntax: `x` is tagged `!!int`, but is not a whole number
  help: remove the tag, or write such a value
4:4 !!set syntax: the tag `!!set` means nothing here
  help: remove it; a text that starts with `!` is quoted
{"a":"x","b":"1","c":"x","d":{"e":null}}"#
    );
}

#[test]
fn an_alias_needs_its_anchor() {
    assert_eq!(
        reported(
            "\
a: *b
c: 1
"
        ),
        r#"1:4 *b syntax: `*b` refers to an anchor that does not exist
  help: mark the value to repeat with `&b` above, or quote the text: "*b"
{"a":null,"c":1}"#
    );
}

#[test]
fn an_alias_inside_its_own_value_would_never_end() {
    assert_eq!(
        reported(
            "\
a: &a [*a]
"
        ),
        r"1:8 *a alias-bomb: this alias is inside the value it repeats, which would never end
  help: write the value out
no tree"
    );
}

#[test]
fn merge_keys_lose_against_written_ones() {
    assert_eq!(
        reported(
            "\
base: &base {a: 1, b: 2}
more: &more {b: 3, c: 4}
here: {<<: [*base, *more], a: 0}
bad: {<<: 1}
"
        ),
        r#"4:11 1 syntax: `<<` merges mappings, but this is a number
  help: write `<<: *name` with the name of an anchor on a mapping
{"base":{"a":1,"b":2},"more":{"b":3,"c":4},"here":{"a":0,"b":2,"c":4},"bad":{}}"#
    );
}

#[test]
fn a_control_character_is_named() {
    assert_eq!(
        reported(
            "\
a: x\u{1}y
"
        ),
        r#"1:5 \u{1} syntax: the control character U+0001 cannot stand in a file
  help: remove it, or write it inside double quotes as "\x01"
{"a":"x y"}"#
    );
}

#[test]
fn faults_of_all_sorts_are_found_in_one_go() {
    assert_eq!(
        reported(
            "\
stage: a
needs: [b
steps:
\x20 one:
\x20   run: > x
\x20   run: y
\x20 two:
\x20   key:value
\x20 three: \"x
\x20 four: *none
"
        ),
        r#"2:8 [ syntax: this `[` is never closed
  help: close it: needs: [b]
5:10 > x syntax: `>` starts a folded text over several lines here, which `> x` is not
  help: quote it: run: "> x"
6:5 run duplicate-key: the key `run` occurs twice here
  5:5 run first here
  help: remove one, or rename it
9:10 \" syntax: this `"` is never closed
  help: close it: three: "x"
10:9 *none syntax: `*none` refers to an anchor that does not exist
  help: mark the value to repeat with `&none` above, or quote the text: "*none"
{"stage":"a","needs":["b"],"steps":{"one":{"run":null},"two":"key:value","three":null,"four":null}}"#
    );
}
