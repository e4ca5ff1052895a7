//! The table of functions: what each takes and gives, an example, and what runs it. The reference page is generated from it,
//! and every example is a test.

use crate::core::expr::overload::Overload;
use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::error::ExprError;
use super::facts;
use super::library;
use crate::core::model::diagnostic::closest;

/// A name that the grammar turns into a test, a loop or a binding.
pub(super) struct Macro {
    pub name: &'static str,
    pub signature: &'static str,
    pub example: &'static str,
}

/// The overloads of one name; methods and others apart.
struct Row {
    name: &'static str,
    method: bool,
    overloads: Vec<&'static Overload>,
}

/// All functions, by name.
static TABLE: LazyLock<Vec<Row>> = LazyLock::new(|| {
    let mut table: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for overload in library::all() {
        table.entry((overload.name, overload.method)).or_default().push(overload);
    }
    table.into_iter().map(|((name, method), overloads)| Row { name, method, overloads }).collect()
});

/// What the grammar turns into loops, tests and bindings.
pub(super) const MACROS: &[Macro] = &[
    Macro {
        name: "all",
        signature: "list.all(x, condition), map.all(key, condition), with two names: (index or key, value, condition)",
        example: "[1, 2].all(x, x > 0)",
    },
    Macro { name: "cel.bind", signature: "cel.bind(name, value, expression)", example: "cel.bind(x, 2, x * x) == 4" },
    Macro {
        name: "exists",
        signature: "list.exists(x, condition), map.exists(key, condition), with two names: (index or key, value, condition)",
        example: "[1, 2].exists(x, x == 2)",
    },
    Macro {
        name: "existsOne",
        signature: "list.existsOne(x, condition), list.existsOne(index, value, condition)",
        example: "[1, 2].existsOne(i, v, v == 2)",
    },
    Macro {
        name: "exists_one",
        signature: "list.exists_one(x, condition), map.exists_one(key, condition), with two names as `existsOne`",
        example: "[1, 2].exists_one(x, x == 2)",
    },
    Macro {
        name: "filter",
        signature: "list.filter(x, condition), map.filter(key, condition)",
        example: "[1, 2].filter(x, x > 1) == [2]",
    },
    Macro { name: "has", signature: "has(value.field)", example: "has({'a': 1}.a)" },
    Macro {
        name: "map",
        signature: "list.map(x, expression), list.map(x, condition, expression)",
        example: "[1, 2].map(x, x * 10) == [10, 20]",
    },
    Macro {
        name: "optFlatMap",
        signature: "optional.optFlatMap(x, optional)",
        example: "{'a': {'b': 1}}.?a.optFlatMap(x, x.?b).value() == 1",
    },
    Macro {
        name: "optMap",
        signature: "optional.optMap(x, expression)",
        example: "optional.of(1).optMap(x, x + 1).value() == 2",
    },
    Macro {
        name: "sortBy",
        signature: "list.sortBy(x, key)",
        example: "['aaa', 'b'].sortBy(x, size(x)) == ['b', 'aaa']",
    },
    Macro {
        name: "transformList",
        signature: "list.transformList(index, value, expression), with a condition before the expression",
        example: "['a', 'b'].transformList(i, v, v + string(i)) == ['a0', 'b1']",
    },
    Macro {
        name: "transformMap",
        signature: "map.transformMap(key, value, expression), with a condition before the expression",
        example: "{'a': 1}.transformMap(k, v, v + 1) == {'a': 2}",
    },
    Macro {
        name: "transformMapEntry",
        signature: "map.transformMapEntry(key, value, map), with a condition before the map",
        example: "{'a': 1}.transformMapEntry(k, v, {k + k: v}) == {'aa': 1}",
    },
];

/// The overloads of a name.
pub(super) fn named(name: &str, method: bool) -> Option<&'static [&'static Overload]> {
    let table: &'static [Row] = &TABLE;
    let at = table.binary_search_by(|row| (row.name, row.method).cmp(&(name, method))).ok()?;
    Some(&table[at].overloads)
}

/// All overloads, by name.
pub(super) fn all() -> impl Iterator<Item = &'static Overload> {
    TABLE.iter().flat_map(|row| row.overloads.iter().copied())
}

fn names() -> impl Iterator<Item = &'static str> {
    let macros = MACROS.iter().map(|the_macro| the_macro.name);
    TABLE.iter().map(|row| row.name).chain(macros).chain(facts::ROWS.iter().map(|row| row.name))
}

/// What is wrong with a call of `name`, which is no function, or none that is called this way.
pub(super) fn unknown(name: &str, method: bool, (start, end): (usize, usize)) -> ExprError {
    if let Some(the_macro) = MACROS.iter().find(|the_macro| the_macro.name == name) {
        let message = format!("`{name}` is not called like this");
        return ExprError::at(start, end, message).help(format!("write `{}`", the_macro.signature));
    }
    if let Some([first, ..]) = named(name, !method) {
        let message = format!("`{name}` is not called like this");
        return ExprError::at(start, end, message).help(format!("write `{}`", first.signature()));
    }
    let error = ExprError::at(start, end, format!("no function is called `{name}`"));
    // What other systems call so is not called at all here.
    let elsewhere = match name {
        "always" => "put the step under `finally:`: its steps always run",
        "failure" => "put the step under `on_failure:`: its steps run after a failure",
        "success" => "leave it out: what fails keeps the rest from starting",
        _ => "`pipeline explain expressions` lists the functions: size, contains, startsWith, matches, quantity, …",
    };
    match closest(name, names()) {
        Some(close) => error.help(format!("did you mean \"{close}\"?")),
        None => error.help(elsewhere),
    }
}

/// What is wrong with so many arguments.
pub(super) fn arity(
    overloads: &'static [&'static Overload],
    found: usize,
    (start, end): (usize, usize),
) -> Option<ExprError> {
    let first = overloads.first()?;
    if overloads.iter().any(|overload| overload.accepts(found)) {
        return None;
    }
    let without = usize::from(first.method);
    let mut counts: Vec<usize> = overloads.iter().map(|overload| overload.takes.len() - without).collect();
    counts.sort_unstable();
    counts.dedup();
    let expected: Vec<String> = counts.iter().map(usize::to_string).collect();
    let found = found - without;
    let plural = if counts == [1] { "" } else { "s" };
    let message = format!("`{}` takes {} argument{plural}, found {found}", first.name, expected.join(" or "));
    let signatures: Vec<String> = overloads.iter().take(2).map(|overload| overload.signature()).collect();
    Some(ExprError::at(start, end, message).help(format!("write `{}`", signatures.join("` or `"))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::expr::{Expr, Scope};

    #[test]
    fn every_example_is_true() {
        let examples = all().map(|overload| overload.example).chain(MACROS.iter().map(|the_macro| the_macro.example));
        for example in examples {
            let value = Expr::parse(example).expect(example).eval(&Scope::default());
            assert_eq!(value, Ok(serde_json::Value::Bool(true)), "{example}");
        }
    }

    #[test]
    fn every_example_calls_its_function() {
        for overload in all() {
            let called = format!("{}(", overload.name);
            assert!(overload.example.contains(&called), "{}: {}", overload.signature(), overload.example);
        }
    }

    #[test]
    fn says_what_was_meant() {
        let said = |name: &str| {
            let error = unknown(name, true, (0, name.len()));
            (error.message, error.help.unwrap_or_default())
        };
        assert_eq!(
            said("startWith"),
            ("no function is called `startWith`".to_owned(), "did you mean \"startsWith\"?".to_owned())
        );
        assert!(said("system").1.starts_with("`pipeline explain expressions` lists the functions"));
        assert_eq!(said("always").1, "put the step under `finally:`: its steps always run");
        assert_eq!(said("quantity").1, "write `quantity(string) -> quantity`");
        assert!(said("filter").1.starts_with("write `list.filter(x, condition)"));
    }
}
