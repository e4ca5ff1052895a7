//! What the types in an expression show, and what they leave open.

use crate::core::expr::{Expr, Scope};
use serde_json::json;

fn found(text: &str) -> Option<String> {
    let mut scope = Scope::default();
    scope.roots.insert("vars".into(), json!({"n": 3, "name": "todo", "on": true, "list": [1], "none": null}));
    let is_text = |path: &[String]| ["env.N", "steps.old-app.outputs.n"].contains(&path.join(".").as_str());
    Expr::parse(text).and_then(|expr| expr.check_types(&scope, is_text)).err().map(|error| error.message)
}

#[test]
fn values_of_types_that_are_never_equal_are_found() {
    for (text, message) in [
        ("vars.n == \"3\"", "this comparison is never true: `vars.n` is an int, `\"3\"` is a string"),
        ("self.x && vars.on != 'true'", "this comparison is always true: `vars.on` is a bool, `'true'` is a string"),
        ("size(self.x) == '1'", "this comparison is never true: `size(self.x)` is an int, `'1'` is a string"),
        ("[1].exists(x, vars.name == 1)", "this comparison is never true: `vars.name` is a string, `1` is an int"),
        ("vars.list == 1", "this comparison is never true: `vars.list` is a list, `1` is an int"),
        ("duration('1s') == 1", "this comparison is never true: `duration('1s')` is a duration, `1` is an int"),
        ("env.N == 3", "this comparison is never true: `env.N` is a string, `3` is an int"),
        (
            "steps['old-app'].outputs.n != 3",
            "this comparison is always true: `steps['old-app'].outputs.n` is a string, `3` is an int",
        ),
        ("null == 1", "this comparison is never true: `null` is null, `1` is an int"),
        ("vars['n'] + 1 == 'x'", "this comparison is never true: `vars['n'] + 1` is an int, `'x'` is a string"),
    ] {
        assert_eq!(found(text).as_deref(), Some(message), "{text}");
    }
}

#[test]
fn values_that_may_be_equal_are_left_alone() {
    for text in [
        "vars.n == 3.0",
        "vars.n == 3u",
        "vars.none == 'x'",
        "vars.name == null",
        "env.N == null",
        "env.N == '3' && int(env.N) > 2 && env.M == 3",
        "has(env.N) == true",
        "[{'N': 3}].exists(env, env.N == 3)",
        "self.x == 1",
        "dyn(1) == 'x'",
        "['a'].exists(vars, vars == 'a')",
        "vars.list[0] == 1",
        "[1] == ['a']",
        "vars.n > 2 || vars.name == 'todo'",
    ] {
        assert_eq!(found(text), None, "{text}");
    }
}

#[test]
fn calls_and_operators_that_no_value_fits_are_found() {
    for (text, message) in [
        ("'a' + 1", "`+` cannot take a string and an int"),
        ("[1] + ['a']", "`+` cannot take a list(int) and a list(string)"),
        ("self.x || 1 < 'a'", "`<` cannot take an int and a string"),
        ("vars.name && self.x", "`&&` cannot take a string"),
        ("!size(self.x)", "`!` cannot take an int"),
        ("1 ? 2 : 3", "`? :` cannot take an int"),
        ("'a' in [1]", "`in` cannot take a string and a list(int)"),
        ("vars.name in self.x || 1 in vars.on", "`in` cannot take an int and a bool"),
        ("'a'.b", "`b`: a string has no fields"),
        ("[1]['a']", "a string cannot index a list"),
        ("{1: 'a'}[1u]", "the keys of the map are of type int, not uint"),
        ("[1, 2].indexOf('a')", "`indexOf` cannot take a list(int) and a string"),
        ("sets.contains([1], ['a'])", "`sets.contains` cannot take a list(int) and a list(string)"),
        ("optional.of(1).orValue('a')", "`orValue` cannot take an optional(int) and a string"),
        ("[1, 2].exists(x, x)", "`exists` cannot take an int"),
        ("['a'].map(x, x + 1)", "`+` cannot take a string and an int"),
        ("{'a': 1}.all(k, v, v == k)", "this comparison is never true: `v` is an int, `k` is a string"),
        ("cel.bind(n, size(self.x), n.startsWith('a'))", "`startsWith` cannot take an int and a string"),
        ("[1, 'a'].size()", "`size` takes a list of one type, this one has int and string"),
        ("self.x == [1, [2, 3]][1][0]", "`[ ]` takes a list of one type, this one has int and list(int)"),
        ("[?1]", "`?` expects an optional, found an int"),
        ("'%s'.format([self.a, self.b])", "`format`: the list has 2 values, the string takes 1"),
    ] {
        assert_eq!(found(text).as_deref(), Some(message), "{text}");
    }
}

#[test]
fn values_of_the_run_have_no_types() {
    for text in [
        "self.x + 1 == self.y + 'a'",
        "[self.x, 'a'].join('-')",
        "[1, 'a'].exists(x, x == self.x)",
        "self.x[?0].orValue(1) == 'a'",
        "false && 32",
        "dyn([1, 'a']).size()",
        "math.greatest([1, 2.5]) > 2",
        "'%s %d'.format(['a', 1])",
        "1 == 1.0 && 1u < 2.5",
    ] {
        assert_eq!(found(text), None, "{text}");
    }
}

#[test]
fn what_a_value_of_the_run_is_compared_with_is_of_one_type() {
    for (text, message) in [
        ("self.ratio in [0.5, 1]", "`in` takes a list of one type, this one has double and int"),
        ("self.port in [80, 'http']", "`in` takes a list of one type, this one has int and string"),
        ("self.x == [1, 'a', null]", "`==` takes a list of one type, this one has int and string"),
        ("self.on ? 'a' : 1", "the results of `? :` are of different types: string and int"),
        ("self.words.size() == 3.0", "`==` cannot take an int and a double"),
    ] {
        assert_eq!(found(text).as_deref(), Some(message), "{text}");
    }
    for text in ["[1, 'a'] == [1, 'b']", "true ? 1 : 'a'", "self.ratio in [0.5, 1.0]", "self.on ? dyn('a') : 1"] {
        assert_eq!(found(text), None, "{text}");
    }
}
