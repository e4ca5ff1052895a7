//! What the parser takes, what it refuses and with which words.

use super::*;
use crate::core::expr::{Expr, Scope};

fn refusal(text: &str) -> (usize, usize, String) {
    let error = parse(text).expect_err(text);
    (error.offset, error.len, error.message)
}

#[test]
fn says_what_to_type_where_the_fault_is_seen() {
    for (text, help) in [
        ("", "write one, such as `vars.replicas > 1`, or leave the key out"),
        ("1 +", "write the rest of it, such as `vars.replicas > 1`"),
        ("(1 + 2", "write the rest of it, such as `vars.replicas > 1`"),
        ("a = 1", "write `==` to compare"),
        ("a & b", "write `&&`"),
        ("a and b", "write `&&`"),
        ("a if b", "write `CONDITION ? A : B`"),
        ("? b", "write a condition before it: `CONDITION ? A : B`"),
        ("'abc", "close the quote: `vars.NAME == 'text'`"),
        ("Pod{name: 1}", "write a map: `{\"key\": value}`"),
        ("x.startWith('a')", "did you mean \"startsWith\"?"),
        ("always()", "put the step under `finally:`: its steps always run"),
        ("has(a)", "write `has(vars.x)`"),
        ("a.map(1, 2)", "write `list.map(x, …)`"),
        ("'\\q'", "write `\\\\` for a backslash"),
        ("${{ x }}", "inside an expression names stand bare: `vars.x`"),
    ] {
        assert_eq!(parse(text).expect_err(text).help.as_deref(), Some(help), "{text}");
    }
    assert_eq!(parse("a b").expect_err("two names").help, None);
}

#[test]
fn refuses_with_place_and_plain_words() {
    for (text, offset, len, message) in [
        ("", 0, 0, "the expression is empty"),
        ("  ", 0, 2, "the expression is empty"),
        ("1 +", 3, 0, "expected a value, found the end"),
        ("(1 + 2", 6, 0, "expected `)` to close the bracket, found the end"),
        ("a = 1", 2, 1, "`=` is no operator"),
        ("a & b", 2, 1, "`&` is no operator"),
        ("a and b", 2, 3, "`and` is no operator"),
        ("a b", 2, 1, "expected an operator or the end, found `b`"),
        ("'abc", 0, 4, "this text is not closed, expected '"),
        ("a.", 2, 0, "expected a field name after `.`, found the end"),
        ("Pod{name: 1}", 3, 1, "messages (`Type{…}`) are not known here"),
        ("x.startWith('a')", 2, 9, "no function is called `startWith`"),
        ("frob(1)", 0, 4, "no function is called `frob`"),
        ("has(a)", 0, 6, "`has` takes a field"),
        ("a.map(1, 2)", 6, 1, "`map` takes a name first"),
        ("a ? b", 5, 0, "expected `:` after `condition ? value`, found the end"),
        ("[1, 2", 5, 0, "expected `]` or `,` in the list, found the end"),
        ("{1}", 2, 1, "expected `:` after the key of a map, found `}`"),
        ("'\\q'", 1, 2, "`\\q` is not an escape"),
        ("99999999999999999999", 0, 20, "`99999999999999999999` is not a number that fits into 64 bits"),
        ("9223372036854775808", 0, 19, "the number does not fit into 64 bits with a sign"),
        ("12ab", 0, 4, "`12ab` is not a number that fits into 64 bits"),
        ("ä", 0, 2, "`ä` does not belong into an expression"),
        ("${{ x }}", 0, 1, "`$` does not belong here"),
    ] {
        assert_eq!(refusal(text), (offset, len, message.to_owned()), "{text}");
    }
}

#[test]
fn refuses_what_is_nested_too_deep() {
    let brackets = format!("{}1{}", "(".repeat(40), ")".repeat(40));
    assert_eq!(refusal(&brackets), (33, 1, "nested deeper than 33 levels".to_owned()));
    let sum = format!("1{}", "+1".repeat(80));
    assert_eq!(refusal(&sum).2, "more than 48 operations rest on each other");
    let signs = format!("{}true", "!".repeat(4000));
    assert_eq!(refusal(&signs).2, "more than 48 operations rest on each other");
    let fields = format!("a{}", ".b".repeat(2000));
    assert_eq!(refusal(&fields).2, "more than 48 operations rest on each other");
    let ternaries = format!("{}1", "a?b:".repeat(500));
    assert_eq!(refusal(&ternaries).2, "nested deeper than 33 levels");
}

#[test]
fn a_long_and_is_flat() {
    assert!(parse(&format!("a{}", "&&a".repeat(1000))).is_ok());
    assert!(parse(&format!("[1{}]", ", 1".repeat(1000))).is_ok());
}

/// The deepest texts that pass are evaluated on a stack as small as a worker thread's, in a debug build.
#[test]
fn the_highest_expression_fits_a_small_stack() {
    let work = || {
        let scope = crate::core::expr::Scope::default();
        let nested = |open: &str, close: &str, times: usize| format!("{}1{}", open.repeat(times), close.repeat(times));
        for text in [
            nested("[", "]", MAX_NESTING - 1),
            nested("(", ")", MAX_NESTING - 1),
            nested("(1+", ")", MAX_NESTING - 1),
            nested("{1: ", "}", MAX_NESTING - 1),
            nested("string(", ")", MAX_NESTING - 1),
            nested("[1].map(x, ", ")", MAX_HEIGHT / calls::HEIGHT - 1),
            format!("1{}", "+1".repeat(MAX_HEIGHT)),
            format!("{}true", "!".repeat(MAX_HEIGHT)),
            format!("{}1", "true?1:".repeat(MAX_NESTING - 1)),
            format!("{}1", "false?1:".repeat(MAX_NESTING - 1)),
            format!("'a'{}", ".trim()".repeat(MAX_HEIGHT)),
        ] {
            let expr = crate::core::expr::Expr::parse(&text).expect(&text);
            let _ = expr.eval(&scope).expect(&text);
        }
    };
    let thread = std::thread::Builder::new().stack_size(1024 * 1024).spawn(work).expect("a thread can be started");
    thread.join().expect("no overflow and no failed claim");
}

#[test]
fn operators_bind_as_cel_defines_it() {
    for text in [
        "1 + 2 * 3 - 4 / 2 % 3 == 5",
        "false && false || true",
        "true || false && false",
        "true ? 1 == 1 : false ? false : false",
        "!false && -1 < -0 && 0x1F == 31 && 1.5e3 > .5",
        "[1, [2], {'k': 1, 2: [3,],},].exists(x, x == [2])",
        "2 in [1, 2] == true",
        "'a\\n\\x41\\u00e9\\101' + \"b\\\"c\" + r'raw\\n' == 'a\\nAéAb\"craw\\\\n'",
        "b'abc\\x00'.size() == 4",
        "null == null && true != false // and a comment",
        "((({'a': {'b': 1}})))\n.a.b == 1",
        "1 - -1 - - 1 == 3",
        "-9223372036854775808 < 0",
        "{'a': {'in': 1}}.a[\"in\"] == 1",
        "[1, ?{'a': 2}.?b, ?optional.of(3)] == [1, 3]",
        "{?'a': {'b': 1}.?b, ?'c': optional.none()} == {'a': 1}",
        "[1][?0].value() == 1 && !{}[?'a'].hasValue()",
        "['y'].all(y, y == 'y')",
    ] {
        let value = Expr::parse(text).unwrap_or_else(|error| panic!("{text}: {error}")).eval(&Scope::default());
        assert_eq!(value, Ok(serde_json::Value::Bool(true)), "{text}");
    }
}

#[test]
fn so_many_arguments_as_a_function_takes() {
    for (text, message) in [
        ("size(1, 2)", "`size` takes 1 argument, found 2"),
        ("'a'.substring(1, 2, 3)", "`substring` takes 1 or 2 arguments, found 3"),
        ("'a'.contains()", "`contains` takes 1 argument, found 0"),
        ("optional.none(1)", "`optional.none` takes 0 arguments, found 1"),
        ("contains('a', 'b')", "`contains` is not called like this"),
        ("[1].all(x)", "`all` is not called like this"),
        ("[1].all(x, x, x > 1)", "`all` takes two different names"),
        ("'a'.matches('[')", "this is not a regular expression: unclosed character class"),
        ("for == 1", "`for` is a reserved word"),
    ] {
        assert_eq!(refusal(text).2, message, "{text}");
    }
}

proptest::proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "[a-c0-9 .,()\\[\\]{}?:!<>=&|+*/%'\"\\\\`xu-]{0,60}|\\PC{0,40}") {
        if let Ok(expr) = crate::core::expr::Expr::parse(&text) {
            for reference in expr.references() {
                proptest::prop_assert!(text.get(reference.offset..reference.offset + reference.len).is_some());
            }
            let _ = expr.eval(&crate::core::expr::Scope::default());
        }
    }
}

#[test]
fn blocks_and_wrappers_are_values() {
    for (text, expected) in [
        ("cel.block([1, cel.index(0) + 1], cel.index(1)) == 2", true),
        ("cel.block([1 / 0], 1) == 1", true),
        ("[1, 2].map(cel.iterVar(0, 0), cel.iterVar(0, 0) * 2) == [2, 4]", true),
        ("Int32Value{value: 1} == 1 && StringValue{} == ''", true),
    ] {
        let value = Expr::parse(text).expect(text).eval(&Scope::default());
        assert_eq!(value, Ok(expected.into()), "{text}");
    }
    assert_eq!(refusal("cel.block(1, 2)").2, "`cel.block` takes a list first");
    assert_eq!(refusal("Int32Value{other: 1}").2, "expected `value`, found `other`");
    let unnumbered = Expr::parse("cel.index(3)").expect("parsed").eval(&Scope::default());
    assert!(unnumbered.is_err_and(|error| error.message.contains("index3")));
}
