//! Names of other tools in expressions: what each is here.

/// What the names of other tools are here.
pub(in crate::core::plan) fn of_other_tools(path: &[String]) -> Option<String> {
    let rest = path.get(1..).unwrap_or_default();
    let variable = |name: String| {
        let name: String =
            name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect();
        Some(format!("write `env.?{name}.orValue('')`"))
    };
    match path[0].as_str() {
        "github" | "runner" if !rest.is_empty() => variable(path.join("_")),
        "matrix" => {
            Some(format!("write `{}`, with `for_each:` on the step", [&["item".to_owned()], rest].concat().join(".")))
        }
        "inputs" | "parameters" => Some(format!("write `{}`", [&["vars".to_owned()], rest].concat().join("."))),
        "needs" if !rest.is_empty() => {
            Some(format!("write `steps.{}`, or `stages.NAME.steps.{0}` for another stage", rest.join(".")))
        }
        _ => None,
    }
}
