//! The reference page of expressions, generated from the tables of functions and macros.

use std::fmt::Write as _;

use super::facts::ROWS;
use super::functions::{MACROS, all};
use super::meter::{CHECK_COST, RUN_COST};
use super::value::TYPES;

const ABOUT: &str = "# Expressions

`when:`, `assert:`, `json:`, `value:` and `${{ }}` hold expressions in [CEL](https://cel.dev), the expression language of Kubernetes.

| name | value | known |
|---|---|---|
| `vars.NAME` | a var of pipeline.yaml, with the profile and `--var` | before the run |
| `params.NAME` | a parameter of a gate file | before the run |
| `item` | the item of `for_each` | before the run |
| `env.NAME` | a variable of the environment; `env.?NAME.orValue('')` where it may be missing | during the run |
| `run.id`, `run.namespace`, `run.pipeline`, `run.profile`, `run.project` | the run, and the namespace for what names none | during the run |
| `run.result`, `run.failed_step` | how the run went so far, in `on_failure` and `finally` | during the run |
| `outcome.state`, `.message`, `.timed_out`, `.attempt` | the last attempt, in `retry: { when }` | during the run |
| `steps.ID.outputs.NAME`, `steps.ID.state` | a step of the same stage; makes it a dependency | during the run |
| `stages.NAME.steps.ID.outputs.NAME` | a step of another stage; makes that stage a dependency | during the run |
| `secrets.NAME` | a secret, only where it travels unseen (`env`, `kube: secret`, `secret_values`) | during the run |
| `self` | what a kind looks at: an object, a parsed answer | during the run |

A name with a hyphen is written in brackets: `steps[\"old-chart\"].outputs.path`.

- Values: `null`, `true`, `1`, `1u`, `1.5`, `\"text\"`, `r\"raw\"`, `b\"bytes\"`, `[1, 2]`, `{\"key\": 1}`.
- Operators: `?:`, `||`, `&&`, `== != < <= > >= in`, `+ -`, `* / %`, `!`, `-`; `a.b`, `a[b]`; `a.?b`, `a[?b]`, `[?a]`, `{?key: a}` for values that may be absent.
- Numbers compare by value whatever their type: `1 == 1.0`. Arithmetic needs numbers of one type, and an overflow is an error.
- Types are checked before the run: `'a' + 1`, `size(x) == '1'` and `[1, 2].indexOf('a')` are errors. Values of the run have no types.
- `a && b` is false if one side is false, even if the other side is an error; `a || b` is true if one side is true. `all` and `exists` do the same.
- The size of a string is its number of code points. Time zones are names (`Europe/Berlin`) or offsets (`+05:30`).
- `string.format` follows the CEL specification: `%s %d %f %e %b %x %X %o %%`.
";

const ENVIRONMENT: &str = "
## The environment

These are asked when the step, gate or stage that uses them becomes ready, once for each, in `when:` and in `${{ }}`. The
text is written out. What cannot be found out is an error, never `false`: a cluster that does not answer, an API service
that is down and may serve the kind, a list that this user may not read, a file that is not there.

| function | value | example |
|---|---|---|
";

/// The page, as Markdown.
pub fn page() -> String {
    let mut page = ABOUT.to_owned();
    let _infallible = write!(
        page,
        "- One evaluation may cost {RUN_COST} steps during a run (one to two seconds) and {CHECK_COST} before it. Functions cost by the sizes of what they read and make.\n\n\
         Types: `{}`.\n\n## Macros\n\n| macro | written | example |\n|---|---|---|\n",
        TYPES.join("`, `")
    );
    for the_macro in MACROS {
        let (name, signature, example) = (the_macro.name, the_macro.signature, cell(the_macro.example));
        let _infallible = writeln!(page, "| `{name}` | {signature} | `{example}` |");
    }
    page.push_str(ENVIRONMENT);
    for row in ROWS {
        let _infallible = writeln!(page, "| `{}` | {} | `{}` |", row.signature, row.meaning, cell(row.example));
    }
    page.push_str("\n## Functions\n\nEvery example is true.\n\n| function | example |\n|---|---|\n");
    for overload in all() {
        let _infallible = writeln!(page, "| `{}` | `{}` |", overload.signature(), cell(overload.example));
    }
    page
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}
