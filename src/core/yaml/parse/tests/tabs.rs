//! Tabs that indent, and where the lines behind them belong.

use super::reported;

#[test]
fn the_line_is_below_the_key_that_waits_for_it() {
    assert_eq!(
        reported(
            "\
steps:
\x20 one:
\x20   timeout: 5
\x20 two:
\tshell: { run: b }
\x20 three:
\x20   shell:
\t  run: a
\x20 three: 1
"
        ),
        r#"5:1 \t tab: a tab cannot indent in YAML
  help: put 4 spaces there; an editor with `expandtab` or `insertSpaces` does it for you
8:1 \t   tab: a tab cannot indent in YAML
  help: put 6 spaces there; an editor with `expandtab` or `insertSpaces` does it for you
9:3 three duplicate-key: the key `three` occurs twice here
  6:3 three first here
  help: remove one, or rename it
{"steps":{"one":{"timeout":5},"two":{"shell":{"run":"b"}},"three":{"shell":{"run":"a"}}}}"#
    );
}

#[test]
fn the_line_is_beside_the_next_one_where_that_fits() {
    assert_eq!(
        reported(
            "\
vars:
\ta: 1
\x20 b: 2
"
        ),
        r#"2:1 \t tab: a tab cannot indent in YAML
  help: put 2 spaces there; an editor with `expandtab` or `insertSpaces` does it for you
{"vars":{"a":1,"b":2}}"#
    );
}

#[test]
fn a_key_is_where_its_like_are() {
    assert_eq!(
        reported(
            "\
steps:
\x20 one:
\x20   timeout: 5
\tshell: { run: a }
\x20 two:
\x20   shell: { run: a }
\tthree: { shell: { run: c } }
"
        ),
        r#"4:1 \t tab: a tab cannot indent in YAML
  help: put 4 spaces there; an editor with `expandtab` or `insertSpaces` does it for you
7:1 \t tab: a tab cannot indent in YAML
  help: put 2 spaces there; an editor with `expandtab` or `insertSpaces` does it for you
{"steps":{"one":{"timeout":5,"shell":{"run":"a"}},"two":{"shell":{"run":"a"}},"three":{"shell":{"run":"c"}}}}"#
    );
}

#[test]
fn lines_with_the_same_tabs_lie_beside_each_other() {
    assert_eq!(
        reported(
            "\
steps:
\tload: { a: b }
\tmore:
\t\tx: |
\t\t\ttext
\t\t\tmore text
\x20 two: 1
"
        ),
        r#"2:1 \t tab: a tab cannot indent in YAML
  help: put 2 spaces there; an editor with `expandtab` or `insertSpaces` does it for you
3:1 \t tab: a tab cannot indent in YAML
  help: put 2 spaces there; an editor with `expandtab` or `insertSpaces` does it for you
4:1 \t\t tab: a tab cannot indent in YAML
  help: put 4 spaces there; an editor with `expandtab` or `insertSpaces` does it for you
5:1 \t\t\t tab: a tab cannot indent in YAML
  help: put 6 spaces there; an editor with `expandtab` or `insertSpaces` does it for you
6:1 \t\t\t tab: a tab cannot indent in YAML
  help: put 6 spaces there; an editor with `expandtab` or `insertSpaces` does it for you
{"steps":{"load":{"a":"b"},"more":{"x":"text\nmore text\n"},"two":1}}"#
    );
}

#[test]
fn a_tab_in_an_item_is_the_column_of_its_keys() {
    assert_eq!(
        reported(
            "\
a:
\x20 - b: c
\td: e
"
        ),
        r#"3:1 \t tab: a tab cannot indent in YAML
  help: put 4 spaces there; an editor with `expandtab` or `insertSpaces` does it for you
{"a":[{"b":"c","d":"e"}]}"#
    );
}
