//! Any program as a tool: the question on its standard input, or in place of `{question}` among its arguments.

use std::time::Duration;

use super::{Late, Question, Unanswered, argument, said};
use crate::process::command_context::CommandContext;

/// The placeholder for the question among the arguments.
const PLACE: &str = "{question}";

pub(super) async fn answer(
    argv: &[String],
    question: &Question,
    limit: Duration,
    call: &CommandContext<'_>,
) -> Result<String, Unanswered> {
    let Some((program, args)) = argv.split_first() else {
        return Err(Unanswered::Missing("`command` names no program".to_owned()));
    };
    let asked = argument(&question.text);
    let args = args.iter().map(|arg| if arg == PLACE { asked.clone() } else { arg.clone() });
    let mut command = call.command(program, args);
    let mut input = question.text.clone();
    if let Some(state) = &question.state {
        input.push_str("\n\nThis is its state now:\n");
        input.push_str(state);
    }
    command.stdin = Some(input.into_bytes());
    let said = said(command, question, limit, Late::Fails, call).await?;
    Ok(String::from_utf8_lossy(&said.stdout).into_owned())
}
