//! Faults inside one value: brackets, quotes, signs, colons.

use super::reported;

#[test]
fn an_unclosed_bracket_is_shown_where_it_opens() {
    assert_eq!(
        reported(
            "\
needs: [b
other: 1
last: {c: 2
"
        ),
        r#"1:8 [ syntax: this `[` is never closed
  help: close it: needs: [b]
3:7 { syntax: this `{` is never closed
  help: close it: last: {c: 2}
{"needs":["b"],"other":1,"last":{"c":2}}"#
    );
}

#[test]
fn an_unclosed_bracket_takes_the_lines_indented_below_it_along() {
    assert_eq!(
        reported(
            "\
needs: [a,
\x20 b: c
other: 1
"
        ),
        r#"1:8 [ syntax: this `[` is never closed
  help: close it behind its last item: b: c]
{"needs":["a",{"b":"c"}],"other":1}"#
    );
}

#[test]
fn brackets_of_two_kinds_do_not_match() {
    assert_eq!(
        reported(
            "\
a: {b: [1, 2}
c: d
"
        ),
        r#"1:8 [ syntax: `[` is closed by `}`
  1:13 } closed here
  help: close it: b: [1, 2]
{"a":{"b":[1,2]},"c":"d"}"#
    );
}

#[test]
fn a_folded_text_that_is_meant_as_an_expectation_is_to_be_quoted() {
    assert_eq!(
        reported(
            "\
size: > 5
time: >= 2
old: >5
fine: < 5
"
        ),
        r#"1:7 > 5 syntax: `>` starts a folded text over several lines here, which `> 5` is not
  help: quote it: size: "> 5"
2:7 >= 2 syntax: `>` starts a folded text over several lines here, which `>= 2` is not
  help: quote it: time: ">= 2"
3:6 >5 syntax: `>5` starts a folded text over several lines, and none follow
  help: quote it: old: ">5"
{"size":null,"time":null,"old":null,"fine":"< 5"}"#
    );
}

#[test]
fn a_blank_is_missing_behind_a_colon() {
    assert_eq!(
        reported(
            "\
a: 1
key:value
b: 2
"
        ),
        r#"2:4 : syntax: a blank is missing behind the `:` of `key:value`
  help: write `key: value`
{"a":1,"key":"value","b":2}"#
    );
}

#[test]
fn a_text_with_a_colon_is_to_be_quoted() {
    assert_eq!(
        reported(
            "\
a: b: c
run: echo \"x\": y
cel: ${{ x ? y : z }}
"
        ),
        r#"1:4 b: c syntax: `a: b: c` has a second `: `, which starts a mapping
  help: quote it: a: "b: c"
2:6 echo \"x\": y syntax: `run: echo "x": y` has a second `: `, which starts a mapping
  help: quote it: run: 'echo "x": y'
3:6 ${{ x ? y : z }} syntax: `cel: ${{ x ? y : z }}` has a second `: `, which starts a mapping
  help: quote it: cel: "${{ x ? y : z }}"
{"a":null,"run":null,"cel":null}"#
    );
}

#[test]
fn reserved_signs_are_to_be_quoted() {
    assert_eq!(
        reported(
            "\
a: @x
b: `x`
c: %x
"
        ),
        r#"1:4 @x syntax: a text cannot start with `@` unless it is quoted
  help: quote it: a: "@x"
2:4 `x` syntax: a text cannot start with a backtick unless it is quoted
  help: quote it: b: "`x`"
3:4 %x syntax: a text cannot start with `%` unless it is quoted
  help: quote it: c: "%x"
{"a":null,"b":null,"c":null}"#
    );
}

#[test]
fn braces_of_other_templates_are_to_be_quoted() {
    assert_eq!(
        reported(
            "\
a: {{ x }}
b: 1
"
        ),
        r#"1:4 {{ x }} syntax: `{{ x }}` is read as a mapping inside a mapping
  help: for an expression write "${{ x }}"; for the text itself quote it: "{{ x }}"
{"a":null,"b":1}"#
    );
}

#[test]
fn a_template_between_brackets_is_to_be_quoted() {
    assert_eq!(
        reported(
            "\
a: [b, ${{ x }}]
c: 1
"
        ),
        r#"1:8 ${{ x }} syntax: `${{ x }}` is read as a mapping between brackets
  help: quote it: "${{ x }}"
{"a":["b","${{ x }}"],"c":1}"#
    );
}

#[test]
fn a_quote_that_is_never_closed_is_shown_where_it_opens() {
    assert_eq!(
        reported(
            "\
a: 'b
c: \"d\"
"
        ),
        r#"1:4 \' syntax: this `'` is never closed
  help: close it: a: 'b'
{"a":null,"c":"d"}"#
    );
}

#[test]
fn text_behind_a_closing_quote_belongs_inside() {
    assert_eq!(
        reported(
            "\
a: 'it's'
b: \"x\" y
"
        ),
        r#"1:8 s\' syntax: text is behind the closing `'`
  1:4 \' the quotes open here
  help: quote all of it: a: "it's"
2:8 y syntax: text is behind the closing `"`
  2:4 \" the quotes open here
  help: quote all of it: b: '"x" y'
{"a":null,"b":null}"#
    );
}

#[test]
fn an_escape_that_means_nothing_is_shown() {
    assert_eq!(
        reported(
            "\
a: \"C:\\dir\"
b: 1
"
        ),
        r#"1:7 \\d syntax: `\d` means nothing inside double quotes
  help: write `\\d` for the backslash itself, or use single quotes: 'C:\dir'
{"a":null,"b":1}"#
    );
}

#[test]
fn a_list_does_not_start_on_the_line_of_its_key() {
    assert_eq!(
        reported(
            "\
a: - b
c: 1
"
        ),
        r#"1:4 - b syntax: a list cannot start on the line of its key
  help: write `a: [b]`, or put `- b` on a line of its own
{"a":null,"c":1}"#
    );
}
