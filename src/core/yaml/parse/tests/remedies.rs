//! Faults whose remedy is read in their place: what is left out is put in, what is out of line is moved.

use super::reported;

#[test]
fn a_colon_is_missing_behind_a_key() {
    assert_eq!(
        reported(
            "\
steps:
\x20 build
\x20   shell: { run: a } # b
\x20 test:
\x20   needs: [build]
\x20 last
"
        ),
        r#"2:3 build syntax: a `:` is missing behind `build`
  help: write `build:`
6:3 last syntax: a `:` is missing behind `last`
  help: write `last:`
{"steps":{"build":{"shell":{"run":"a"}},"test":{"needs":["build"]},"last":null}}"#
    );
}

#[test]
fn a_colon_is_missing_at_the_top() {
    assert_eq!(
        reported(
            "\
steps
\x20 one: { shell: { run: a } }
gate
- a: b
finally # c
\x20 - d
\x20 - e: f
"
        ),
        r#"1:1 steps syntax: a `:` is missing behind `steps`
  help: write `steps:`
3:1 gate syntax: a `:` is missing behind `gate`
  help: write `gate:`
5:1 finally syntax: a `:` is missing behind `finally`
  help: write `finally:`
{"steps":{"one":{"shell":{"run":"a"}}},"gate":[{"a":"b"}],"finally":["d",{"e":"f"}]}"#
    );
}

#[test]
fn a_colon_is_missing_behind_the_first_key_of_an_item() {
    assert_eq!(
        reported(
            "\
- shell
\x20   run: a
- b
"
        ),
        r#"1:3 shell syntax: a `:` is missing behind `shell`
  help: write `shell:`
[{"shell":{"run":"a"}},"b"]"#
    );
}

#[test]
fn a_blank_is_missing_behind_the_colon() {
    assert_eq!(
        reported(
            "\
version: 1
pipeline:demo
needs:[build]
"
        ),
        r#"2:9 : syntax: a blank is missing behind the `:` of `pipeline:demo`
  help: write `pipeline: demo`
3:6 : syntax: a blank is missing behind the `:` of `needs:[build]`
  help: write `needs: [build]`
{"version":1,"pipeline":"demo","needs":["build"]}"#
    );
}

#[test]
fn words_that_are_no_key_are_left_out() {
    assert_eq!(
        reported(
            "\
a: 1
b c
d: 2
"
        ),
        r#"2:1 b c syntax: `b c` is no `key: value`
  help: write `b: c`
{"a":1,"d":2}"#
    );
}

#[test]
fn a_line_is_moved_to_the_lines_it_is_closest_to() {
    assert_eq!(
        reported(
            "\
test:
\x20     needs: [build]
\x20    shell:
\x20      run: b
next: 1
"
        ),
        r#"3:6 shell: syntax: `shell:` is indented by 5, which fits nothing above it
  help: indent it by 6, like `needs: [build]`
{"test":{"needs":["build"],"shell":{"run":"b"}},"next":1}"#
    );
}

#[test]
fn a_line_too_deep_is_moved_back() {
    assert_eq!(
        reported(
            "\
one:
\x20 shell: { run: a }
\x20  env: { A: b }
two:
\x20 a: 1
\x20   b: 2
"
        ),
        r#"3:4 env: { A: b } syntax: `env: { A: b }` is indented by 3, which fits nothing above it
  help: indent it by 2, like `shell: { run: a }`
6:5 b syntax: `b:` is indented as if it belonged to `1`, which is a text
  5:6 1 the text it would belong to
  help: indent it by 2, or remove the text `1` above it
{"one":{"shell":{"run":"a"},"env":{"A":"b"}},"two":{"a":1,"b":2}}"#
    );
}

#[test]
fn an_item_is_moved_to_the_items() {
    assert_eq!(
        reported(
            "\
one:
\x20 - a
\x20- b
two: c
"
        ),
        r#"3:2 - b syntax: `- b` is indented by 1, which fits nothing above it
  help: indent it by 2, like `- a`
{"one":["a","b"],"two":"c"}"#
    );
}

#[test]
fn text_behind_a_value_is_to_be_removed() {
    assert_eq!(
        reported(
            "\
a: { b: c } trailing
d: [e]x
f: { g: h } }
i: *j k
"
        ),
        r#"1:13 trailing syntax: `trailing` is behind the closing `}`
  help: remove it: a: { b: c }
2:7 x syntax: `x` is behind the closing `]`
  help: remove it: d: [e]
3:13 } syntax: this `}` closes nothing
  help: remove it: f: { g: h }
4:4 *j k syntax: `*j` is an alias, which no text can follow
  help: quote it: i: "*j k"
{"a":{"b":"c"},"d":["e"],"f":{"g":"h"},"i":null}"#
    );
}

#[test]
fn a_collection_that_is_closed_too_early_goes_on() {
    assert_eq!(
        reported(
            "\
one: { shell: { run: a } }, needs: [b] }
two: 1
"
        ),
        r#"1:27 , needs: [b] } syntax: `, needs: [b] }` is behind the closing `}`
  help: remove the `}` before it: one: { shell: { run: a }, needs: [b] }
{"one":{"shell":{"run":"a"},"needs":["b"]},"two":1}"#
    );
}

#[test]
fn a_key_with_an_unclosed_quote_is_closed_before_its_colon() {
    assert_eq!(
        reported(
            "\
\"unclosed: { shell: { run: a } }
other: { x: \"y\" }
"
        ),
        r#"1:1 \" syntax: this `"` is never closed
  help: close it: "unclosed": { shell: { run: a } }
{"unclosed":{"shell":{"run":"a"}},"other":{"x":"y"}}"#
    );
}

#[test]
fn a_comment_does_not_belong_to_the_text() {
    assert_eq!(
        reported(
            "\
a: > 5 # b
c: >5 # d
e: @f # g
"
        ),
        r#"1:4 > 5 syntax: `>` starts a folded text over several lines here, which `> 5` is not
  help: quote it: a: "> 5"
2:4 >5 syntax: `>5` starts a folded text over several lines, and none follow
  help: quote it: c: ">5"
3:4 @f syntax: a text cannot start with `@` unless it is quoted
  help: quote it: e: "@f"
{"a":null,"c":null,"e":null}"#
    );
}
