//! Conditions and values of other tools as expressions: `${{ github.ref }}`, `$CI_COMMIT_BRANCH == "main"`. Knows no step.

use std::sync::LazyLock;

use regex::{Captures, Regex};

use crate::core::expr::Expr;
use crate::core::model::source::Span;
use crate::core::yaml::Entry;

use super::tree::{entry, text, variable};

/// What a condition comes to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Condition {
    /// It always holds.
    Always,
    /// The step belongs to `on_failure`.
    AfterFailure,
    /// The step belongs to `finally`.
    AtTheEnd,
    /// `when:` with this expression.
    When(String),
    /// It cannot be said as an expression.
    Unknown,
}

/// Reads a condition of another tool.
pub(super) fn condition(written: &str) -> Condition {
    let without = STATUS.replace_all(bare(written), "");
    let bare = without.trim();
    let compact: String = bare.chars().filter(|c| !c.is_whitespace()).collect();
    match compact.to_ascii_lowercase().as_str() {
        "always()" | "always" | "cancelled()" => return Condition::AtTheEnd,
        "failure()" | "on_failure" | "failed" => return Condition::AfterFailure,
        "success()" | "on_success" | "true" => return Condition::Always,
        _ => {}
    }
    match asked(bare) {
        Some(expression) => Condition::When(expression),
        None => Condition::Unknown,
    }
}

/// The text without `${{ }}` or `{{ }}` around it.
fn bare(written: &str) -> &str {
    let text = written.trim();
    let inner = text.strip_prefix("${{").or_else(|| text.strip_prefix("{{")).and_then(|rest| rest.strip_suffix("}}"));
    inner.filter(|inner| !inner.contains("}}")).unwrap_or(text).trim()
}

static CONTEXT: LazyLock<Regex> = LazyLock::new(|| {
    regex(r"\b(github|runner|inputs|parameters|matrix|needs|params|pipeline|env|vars)\.([A-Za-z_][A-Za-z0-9_.-]*)")
});
static VARIABLE: LazyLock<Regex> = LazyLock::new(|| regex(r"\$\{?([A-Za-z_][A-Za-z0-9_]*)\}?"));
static CALL: LazyLock<Regex> =
    LazyLock::new(|| regex(r"\b(startsWith|endsWith|contains)\(\s*([^(),]+(?:\([^()]*\))?)\s*,\s*([^()]+?)\s*\)"));
static MATCHES: LazyLock<Regex> = LazyLock::new(|| regex(r"(\S+)\s*=~\s*/((?:[^/\\]|\\.)*)/i?"));

#[expect(clippy::expect_used, reason = "the patterns are literals of this file, and a test reads each")]
fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a pattern of ours")
}

/// The expression that a condition or value of another tool means; `None` where it is not one.
pub(super) fn expression(written: &str) -> Option<String> {
    let text = bare(written).replace("github.event.pull_request.", "github.pull_request_");
    let text = MATCHES.replace_all(&text, |found: &Captures<'_>| {
        format!("{}.matches('{}')", &found[1], found[2].replace(r"\/", "/").replace('\\', "\\\\").replace('\'', "\\'"))
    });
    let text = VARIABLE.replace_all(&text, |found: &Captures<'_>| of_environment(&found[1]));
    let text = CONTEXT.replace_all(&text, |found: &Captures<'_>| context(&found[1], &found[2]));
    let text = CALL.replace_all(&text, "$2.$1($3)");
    let text = text.replace(" and ", " && ").replace(" or ", " || ");
    Expr::parse(&text).ok().map(|_| text)
}

/// A variable alone, as an operand: other tools ask whether it has a value.
static ALONE: LazyLock<Regex> =
    LazyLock::new(|| regex(r"(^|&&\s*|\|\|\s*)(!?)(env\.\?\w+\.orValue\(''\))(\s*(?:$|&&|\|\|))"));

/// The expression that a condition of another tool means, as one that is true or false.
pub(super) fn asked(written: &str) -> Option<String> {
    let mut text = expression(written)?;
    // twice, as two operands share the operator between them
    for _ in 0..2 {
        let asked = ALONE.replace_all(&text, |found: &Captures<'_>| {
            let compared = if found[2].is_empty() { "!=" } else { "==" };
            format!("{}{} {compared} ''{}", &found[1], &found[3], &found[4])
        });
        text = asked.into_owned();
    }
    Some(text)
}

/// A variable of the environment that may be missing.
fn of_environment(name: &str) -> String {
    format!("env.?{name}.orValue('')")
}

fn context(root: &str, path: &str) -> String {
    match root {
        "matrix" => format!("item.{path}"),
        "needs" => format!("steps.{path}"),
        "env" | "vars" => format!("{root}.{path}"),
        "github" | "runner" => of_environment(&variable(&format!("{root}_{path}"))),
        _ => of_environment(&variable(path)),
    }
}

/// What is true of every step that starts.
static STATUS: LazyLock<Regex> =
    LazyLock::new(|| regex(r"\s*&&\s*!\s*cancelled\(\)|\s*&&\s*success\(\)|(?:!\s*cancelled|success)\(\)\s*&&\s*"));

static IN_SCRIPT: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"\$\{\{\s*(.*?)\s*\}\}|\{\{-?\s*\.?([A-Za-z_][A-Za-z0-9_.-]*)\s*-?\}\}|\$\((params|tasks|inputs)\.([A-Za-z0-9_.-]+)\)|<<\s*parameters\.([A-Za-z0-9_.-]+)\s*>>",
    )
});

/// A script with the values that other tools put into it as variables; `env` gets those that need a value.
pub(super) fn without_values(script: &str, env: &mut Vec<Entry>, at: Span) -> String {
    let mut add = |name: &str, value: String| {
        if !env.iter().any(|own| own.key == name) {
            env.push(entry(name, text(value, at)));
        }
    };
    let replaced = IN_SCRIPT.replace_all(script, |found: &Captures<'_>| {
        let part = |index: usize| found.get(index).map(|part| part.as_str());
        let braced = |name: String| format!("${{{name}}}");
        if let Some(inner) = part(1) {
            return braced(of_expression(inner, &mut add));
        }
        let name = part(2).or(part(4)).or(part(5)).unwrap_or_default();
        let last = variable(name.rsplit('.').next().unwrap_or(name));
        if name.eq_ignore_ascii_case("item") {
            add("ITEM", "${{ item }}".to_owned());
        } else if let Some(key) = name.strip_prefix("item.") {
            add(&last, format!("${{{{ item.{key} }}}}"));
        }
        braced(last)
    });
    replaced.into_owned()
}

/// The variable that means an expression in a script.
fn of_expression(inner: &str, add: &mut impl FnMut(&str, String)) -> String {
    let parts: Vec<&str> = inner.split('.').collect();
    match parts.as_slice() {
        ["env", name] => (*name).to_owned(),
        ["secrets", name] => {
            add(&variable(name), format!("${{{{ secrets.{name} }}}}"));
            variable(name)
        }
        ["github" | "runner", ..] => variable(&inner.replace('.', "_")),
        _ => {
            let name = variable(parts.last().unwrap_or(&"value"));
            if let Some(expression) = expression(inner) {
                add(&name, format!("${{{{ {expression} }}}}"));
            }
            name
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_alone_asks_whether_it_has_a_value() {
        for (written, ours) in [
            ("$CI", "env.?CI.orValue('') != ''"),
            ("!$CI", "env.?CI.orValue('') == ''"),
            ("$A && $B && $C", "env.?A.orValue('') != '' && env.?B.orValue('') != '' && env.?C.orValue('') != ''"),
            ("$A == 'x' || $B", "env.?A.orValue('') == 'x' || env.?B.orValue('') != ''"),
            ("startsWith($A, 'x')", "env.?A.orValue('').startsWith('x')"),
        ] {
            assert_eq!(asked(written).as_deref(), Some(ours));
        }
    }
    use crate::core::model::source::FileId;

    #[test]
    fn conditions_of_other_tools_are_expressions_here() {
        let when = |text: &str| Condition::When(text.to_owned());
        for (written, meant) in [
            ("always()", Condition::AtTheEnd),
            ("${{ failure() }}", Condition::AfterFailure),
            ("success()", Condition::Always),
            ("!cancelled() && vars.x == 1", when("vars.x == 1")),
            ("github.ref == 'refs/heads/main'", when("env.?GITHUB_REF.orValue('') == 'refs/heads/main'")),
            (r#"$CI_COMMIT_BRANCH == "main""#, when(r#"env.?CI_COMMIT_BRANCH.orValue('') == "main""#)),
            ("$CI_COMMIT_TAG =~ /^v\\d+/", when("env.?CI_COMMIT_TAG.orValue('').matches('^v\\\\d+')")),
            ("startsWith(github.ref, 'refs/tags/')", when("env.?GITHUB_REF.orValue('').startsWith('refs/tags/')")),
            ("vars.deploy == 'yes'", when("vars.deploy == 'yes'")),
            ("((", Condition::Unknown),
        ] {
            assert_eq!(condition(written), meant, "{written}");
        }
    }

    #[test]
    fn values_in_scripts_become_variables() {
        let at = Span::new(FileId(0), 0, 1);
        let mut env = Vec::new();
        let script =
            without_values("a ${{ matrix.node }} ${{ env.X }} {{.ITEM}} ${{ github.sha }} $(params.url)", &mut env, at);
        assert_eq!(script, "a ${NODE} ${X} ${ITEM} ${GITHUB_SHA} ${URL}");
        let env: Vec<(String, Option<&str>)> = env.iter().map(|own| (own.key.clone(), own.node.as_text())).collect();
        assert_eq!(env, [("NODE".to_owned(), Some("${{ item.node }}")), ("ITEM".to_owned(), Some("${{ item }}"))]);
    }
}
