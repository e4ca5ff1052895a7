//! Faults between brackets: each alone, with the rest of its collection read, and the help line right as typed.

use super::reported;

#[test]
fn a_text_with_a_reserved_sign_is_to_be_quoted_and_nothing_else_is_lost() {
    assert_eq!(
        reported(
            "\
gate:
\x20 - image: { name: x, size: > 5MB }
\x20 - image: { name: @x, size: >5, layers: 2 }
\x20 - { image: { name: `x`, size: >= 5MB } }
\x20 - [%a, | b, c] # d
steps: 1
"
        ),
        r#"2:29 > 5MB syntax: `>` starts a folded text over several lines here, which `> 5MB` is not
  help: quote it: size: "> 5MB"
3:20 @x syntax: a text cannot start with `@` unless it is quoted
  help: quote it: name: "@x"
3:30 >5 syntax: `>` starts a folded text over several lines here, which `>5` is not
  help: quote it: size: ">5"
4:22 `x` syntax: a text cannot start with a backtick unless it is quoted
  help: quote it: name: "`x`"
4:33 >= 5MB syntax: `>` starts a folded text over several lines here, which `>= 5MB` is not
  help: quote it: size: ">= 5MB"
5:6 %a syntax: a text cannot start with `%` unless it is quoted
  help: quote it: "%a"
5:10 | b syntax: `|` starts a text over several lines here, which `| b` is not
  help: quote it: "| b"
{"gate":[{"image":{"name":"x","size":null}},{"image":{"name":null,"size":null,"layers":2}},{"image":{"name":null,"size":null}},[null,null,"c"]],"steps":1}"#
    );
}

#[test]
fn a_key_with_a_reserved_sign_is_to_be_quoted() {
    assert_eq!(
        reported(
            "\
a: { @b: c, d: e }
@f: g
"
        ),
        r#"1:6 @b syntax: a text cannot start with `@` unless it is quoted
  help: quote it: "@b"
2:1 @f syntax: a text cannot start with `@` unless it is quoted
  help: quote it: "@f": g
{"a":{"@b":"c","d":"e"},"@f":"g"}"#
    );
}

#[test]
fn a_second_colon_is_to_be_quoted() {
    assert_eq!(
        reported(
            "\
a: { run: b: c, d: e }
f: [g: h: i]
"
        ),
        r#"1:11 b: c syntax: `run: b: c` has a second `: `, which starts a mapping
  help: quote it: run: "b: c"
2:8 h: i syntax: `g: h: i` has a second `: `, which starts a mapping
  help: quote it: g: "h: i"
{"a":{"run":null,"d":"e"},"f":[{"g":null}]}"#
    );
}

#[test]
fn a_quote_is_closed_before_the_brackets_that_close() {
    assert_eq!(
        reported(
            "\
five: { command: [\"a, b] }
six: { x: \"y\" }
seven: { run: \"echo hi }
eight: ['a]
"
        ),
        r#"1:19 \" syntax: this `"` is never closed
  help: close it: five: { command: ["a, b"] }
3:15 \" syntax: this `"` is never closed
  help: close it: seven: { run: "echo hi" }
4:9 \' syntax: this `'` is never closed
  help: close it: eight: ['a']
{"five":{"command":[null]},"six":{"x":"y"},"seven":{"run":null},"eight":[null]}"#
    );
}

#[test]
fn text_behind_quotes_and_escapes_concern_one_value() {
    assert_eq!(
        reported(
            "\
a: { run: \"C:\\work\", b: c }
b: { l: 'it's', x: 'y' }
c: { run: \"a\" b }
"
        ),
        r#"1:14 \\w syntax: `\w` means nothing inside double quotes
  help: write `\\w` for the backslash itself, or use single quotes: 'C:\work'
2:13 s\' syntax: text is behind the closing `'`
  2:9 \' the quotes open here
  help: quote all of it: l: "it's"
3:15 b syntax: text is behind the closing `"`
  3:11 \" the quotes open here
  help: quote all of it: run: '"a" b'
{"a":{"run":null,"b":"c"},"b":{"l":null,"x":"y"},"c":{"run":null}}"#
    );
}

#[test]
fn a_comma_is_missing_between_quotes() {
    assert_eq!(
        reported(
            "\
a: [\"b\" \"c\"]
d: { e: \"x\" f: \"y\" }
"
        ),
        r#"1:5 \"b\" syntax: a `,` is missing behind `"b"`
  help: write `"b",`
2:6 e: \"x\" syntax: a `,` is missing behind `e: "x"`
  help: write `e: "x",`
{"a":["b","c"],"d":{"e":"x","f":"y"}}"#
    );
}

#[test]
fn a_comma_is_missing_between_lines() {
    assert_eq!(
        reported(
            "\
env: {
\x20 A: b
\x20 B: [c]
\x20 C: 'd'
\x20 E: f
}
list: [
\x20 a: b
\x20 c: d
]
"
        ),
        r#"2:3 A: b syntax: a `,` is missing behind `A: b`
  help: write `A: b,`
3:3 B: [c] syntax: a `,` is missing behind `B: [c]`
  help: write `B: [c],`
4:3 C: \'d\' syntax: a `,` is missing behind `C: 'd'`
  help: write `C: 'd',`
8:3 a: b syntax: a `,` is missing behind `a: b`
  help: write `a: b,`
{"env":{"A":"b","B":["c"],"C":"d","E":"f"},"list":[{"a":"b"},{"c":"d"}]}"#
    );
}

#[test]
fn a_list_over_several_lines_is_closed_behind_its_last_item() {
    assert_eq!(
        reported(
            "\
stages: [
\x20 a,
\x20 b
shell: { command: [
\x20 a,
\x20 b # c
}
gate: 1
"
        ),
        r#"1:9 [ syntax: this `[` is never closed
  help: close it behind its last item: b]
4:19 [ syntax: `[` is closed by `}`
  7:1 } closed here
  help: close it behind its last item: b]
{"stages":["a","b"],"shell":{"command":["a","b"]},"gate":1}"#
    );
}

#[test]
fn brackets_are_closed_as_they_were_opened() {
    assert_eq!(
        reported(
            "\
a: [b, c }
d: { needs: [one }
"
        ),
        r#"1:4 [ syntax: `[` is closed by `}`
  1:10 } closed here
  help: close it: a: [b, c]
2:13 [ syntax: `[` is closed by `}`
  2:18 } closed here
  help: close it: needs: [one]
{"a":["b","c"],"d":{"needs":["one"]}}"#
    );
}

#[test]
fn all_brackets_that_are_missing_are_put_in() {
    assert_eq!(
        reported(
            "\
a: [ { b: c, d: [e
f: { g: { h: i }, j: k
l: 1
"
        ),
        r#"1:17 [ syntax: this `[` is never closed
  help: close it: a: [ { b: c, d: [e] } ]
2:4 { syntax: this `{` is never closed
  help: close it: f: { g: { h: i }, j: k }
{"a":[{"b":"c","d":["e"]}],"f":{"g":{"h":"i"},"j":"k"},"l":1}"#
    );
}

#[test]
fn a_comma_and_a_bracket_are_two_faults() {
    assert_eq!(
        reported(
            "\
a: { b: c
\x20 d: e
f: g
"
        ),
        r#"1:4 { syntax: this `{` is never closed
  help: close it behind its last item: d: e }
1:6 b: c syntax: a `,` is missing behind `b: c`
  help: write `b: c,`
{"a":{"b":"c","d":"e"},"f":"g"}"#
    );
}

#[test]
fn a_dash_means_nothing_between_brackets() {
    assert_eq!(
        reported(
            "\
a: { b: -, c: - d }
e: [- f, -]
"
        ),
        r#"1:9 - syntax: a `-` starts a list item, but not between brackets
  help: quote it: b: "-"
1:15 - d syntax: `- d` is a list item, which cannot stand between brackets
  help: write `c: [d]`
2:5 - f syntax: `- f` is a list item, which cannot stand between brackets
  help: write `f`
2:10 - syntax: a `-` starts a list item, but not between brackets
  help: quote it: "-"
{"a":{"b":null,"c":null},"e":[null,null]}"#
    );
}

#[test]
fn a_blank_is_missing_before_a_collection() {
    assert_eq!(
        reported(
            "\
a: { run:{ b: c } }
shell:{ run: a }
"
        ),
        r#"1:9 : syntax: a blank is missing behind the `:` of `run:{ b: c }`
  help: write `run: { b: c }`
2:6 : syntax: a blank is missing behind the `:` of `shell:{ run: a }`
  help: write `shell: { run: a }`
{"a":{"run":{"b":"c"}},"shell":{"run":"a"}}"#
    );
}

#[test]
fn templates_are_to_be_quoted_with_the_text_around_them() {
    assert_eq!(
        reported(
            "\
a: { b: ${{ vars.x }}, c: http://${{ vars.h }}/x, d: e }
f: [${{ x ]
"
        ),
        r#"1:9 ${{ vars.x }} syntax: `${{ vars.x }}` is read as a mapping between brackets
  help: quote it: b: "${{ vars.x }}"
1:34 ${{ vars.h }} syntax: `${{ vars.h }}` is read as a mapping between brackets
  help: quote it: c: "http://${{ vars.h }}/x"
2:5 ${{ x syntax: `${{ x` is not closed with `}}`
  help: close and quote it: "${{ x }}"
{"a":{"b":"${{ vars.x }}","c":"http://${{ vars.h }}/x","d":"e"},"f":[null]}"#
    );
}

#[test]
fn two_pairs_of_braces_are_one_too_many() {
    assert_eq!(
        reported(
            "\
a: {{ run: b }}
"
        ),
        r#"1:4 {{ run: b }} syntax: `{{ run: b }}` is read as a mapping inside a mapping
  help: for a mapping write { run: b }
{"a":null}"#
    );
}

#[test]
fn not_equal_is_to_be_quoted() {
    assert_eq!(
        reported(
            "\
a: != 5
b: { c: !=5, d: != 5 }
"
        ),
        r#"1:4 != 5 syntax: `!` starts a tag here, which `!= 5` is not
  help: quote it: a: "!= 5"
2:9 !=5 syntax: `!` starts a tag here, which `!=5` is not
  help: quote it: c: "!=5"
2:17 != 5 syntax: `!` starts a tag here, which `!= 5` is not
  help: quote it: d: "!= 5"
{"a":null,"b":{"c":null,"d":null}}"#
    );
}

#[test]
fn places_are_right_behind_signs_of_several_bytes() {
    assert_eq!(
        reported(
            "\
é: { ü: @ä, ö: > 5, ß: \"ü }
x: [ä, 'ö]
y:z
"
        ),
        r#"1:9 @\u{e4} syntax: a text cannot start with `@` unless it is quoted
  help: quote it: ü: "@ä"
1:16 > 5 syntax: `>` starts a folded text over several lines here, which `> 5` is not
  help: quote it: ö: "> 5"
1:24 \" syntax: this `"` is never closed
  help: close it: é: { ü: "@ä", ö: "> 5", ß: "ü" }
2:8 \' syntax: this `'` is never closed
  help: close it: x: [ä, 'ö']
3:2 : syntax: a blank is missing behind the `:` of `y:z`
  help: write `y: z`
{"é":{"ü":null,"ö":null,"ß":null},"x":["ä",null],"y":"z"}"#
    );
}
