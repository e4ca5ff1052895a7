//! Whether what a tool printed is an answer. Tools end with exit code 0 for much that is none: an error of their model, the
//! commands they ran, an apology for not seeing the cluster, JSON that was cut. Pure.

use serde_json::Value;

use super::Unanswered;
use crate::core::mask::cut;
use crate::process::command_context::plain;

/// Lines of a text that can still be an error report as a whole.
const SHORT: usize = 4;
/// Characters of a reason that are shown.
const WIDTH: usize = 300;

/// How error reports begin.
const BEGINNINGS: [&str; 11] = [
    "error:",
    "error ",
    "fatal:",
    "fatal ",
    "panic:",
    "failed to ",
    "failed:",
    "unable to ",
    "traceback ",
    "exception:",
    "googleapi: ",
];
/// What services of models, and the clients of them, report.
#[rustfmt::skip]
const SERVICE: &[&str] = &[
    "quota", "api key", "api_key", "apikey", "rate limit", "rate_limit", "ratelimit", "too many requests", "billing",
    "invalid_request_error", "resource_exhausted", "resource exhausted", "model_not_found", "unknown model",
    "no such model", "no llm", "deadline exceeded", "context length", "context_length", "maximum context",
    "unauthorized", "unauthenticated", "authentication", "permission_denied", "forbidden", "access denied",
    "sign in", "signed in", "log in", "logged in", "login required", "subscription", "not enabled", "is disabled",
    "overloaded", "try again later", "service unavailable", "bad gateway", "gateway timeout", "internal server error",
    "page not found", "connection refused", "connection reset", "no such host", "network is unreachable", "i/o timeout",
    "timed out", "tls handshake", "x509", "status code: 4", "status code: 5", "http 4", "http 5", "credentials",
];
/// Words of an answer about objects of a cluster.
const SUBSTANCE: [&str; 12] = [
    "pod",
    "deployment",
    "replica",
    "container",
    "namespace",
    "probe",
    "ready",
    "restart",
    "healthy",
    "image",
    "node",
    "recommend",
];
/// How a model begins to say that it could not see the cluster, and of what it speaks then.
#[rustfmt::skip]
const UNABLE: &[&str] = &[
    "i cannot", "i can't", "i can not", "i'm unable", "i am unable", "i'm not able", "i am not able", "i don't", "i do not",
    "i currently", "i lack", "i have no ", "as an ai", "as a language model", "as a large language model",
];
#[rustfmt::skip]
const TO_SEE: &[&str] = &[
    "access", "directly", "your cluster", "your kubernetes", "your environment", "real-time", "live ", "ability to",
    "run commands", "run kubectl", "execute", "interact", "tools to", "connect to", "help with that", "assist with that",
];
/// How it asks the user to do so.
#[rustfmt::skip]
const ASKS: &[&str] = &[
    "please provide", "please share", "please run", "you can run", "run the following", "you can use", "you could run",
    "if you provide", "if you share", "if you run", "could you", "share the output", "provide the output", "paste",
];
/// What it says of something that it saw.
const SAW: &[&str] =
    &["is healthy", "are healthy", "is running", "are running", "is ready", "are ready", "is available"];

/// The answer in a tool's output, without colours, spinners and the commands that it reports.
///
/// # Errors
/// Why it is none.
pub(super) fn answer(printed: &str) -> Result<String, Unanswered> {
    let text = plain(printed);
    let kept = without_traces(&text);
    let body = kept.trim();
    if body.is_empty() || body == "Empty response from LLM" {
        let only_traces = !text.trim().is_empty() && body.is_empty();
        return Err(if only_traces {
            no_answer("it printed only the commands that it ran")
        } else {
            Unanswered::Empty
        });
    }
    if body == "Maximum number of iterations reached." {
        return Err(no_answer("it reached its limit of iterations"));
    }
    if let Some(why) = cut_or_error_json(body) {
        return Err(why);
    }
    if let Some(line) = error(body) {
        return Err(Unanswered::Failed(cut(line, WIDTH)));
    }
    if is_apology(body) {
        let line = body.lines().next().unwrap_or_default();
        return Err(no_answer(&format!("it did not see the cluster: {}", cut(line, WIDTH))));
    }
    Ok(kept.trim_matches('\n').trim_end().to_owned())
}

fn no_answer(why: &str) -> Unanswered {
    Unanswered::NoAnswer(why.to_owned())
}

/// The text without the lines that report a tool's own work: commands, thoughts, spinners.
fn without_traces(text: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut goes_on = false;
    for line in text.lines() {
        let trace = goes_on || is_trace(line);
        goes_on = trace && line.trim_end().ends_with(['\\', '|']);
        if !trace {
            kept.push(line);
        }
    }
    kept.join("\n")
}

fn is_trace(line: &str) -> bool {
    let bare = line.trim_start_matches(|c: char| c.is_whitespace() || "│┃>•*-–🔧⚙🛠️".contains(c));
    let lower = bare.to_lowercase();
    let spins = line.trim_start().starts_with(|c: char| ('\u{2801}'..='\u{28ff}').contains(&c));
    let begins = [
        "running: ",
        "running command: ",
        "executing: ",
        "executing command: ",
        "calling tool",
        "tool call:",
        "tool_call:",
        "using tool",
        "calling function",
        "function call:",
        "invoking tool",
        "$ kubectl ",
    ];
    let thinks = ["thinking", "thinking...", "thinking…", "loading", "loading...", "analyzing...", "working..."];
    spins || begins.iter().any(|begin| lower.starts_with(begin)) || thinks.contains(&lower.trim())
}

/// JSON that is cut, that is an error, or that only calls tools.
fn cut_or_error_json(body: &str) -> Option<Unanswered> {
    let unfenced = body.trim_start_matches("```json").trim_start_matches("```").trim_end_matches("```").trim();
    let list = unfenced.strip_prefix('[').map(str::trim_start).is_some_and(|rest| rest.starts_with(['{', '"', ']']));
    if !unfenced.starts_with('{') && !list {
        return None;
    }
    let found: Value = match serde_json::from_str(unfenced) {
        Ok(found) => found,
        Err(error) if error.is_eof() => return Some(no_answer(&format!("its JSON is incomplete: {error}"))),
        // text behind a JSON value, lines of JSON, or braces of another kind
        Err(_) => {
            let mut values = serde_json::Deserializer::from_str(unfenced).into_iter::<Value>();
            let all: Vec<Value> = values.by_ref().map_while(Result::ok).collect();
            let calls =
                !all.is_empty() && all.iter().all(calls_tools) && unfenced[values.byte_offset()..].trim().is_empty();
            return calls.then(|| no_answer("it printed only the tools that it calls"));
        }
    };
    if let Some(error) = found.get("error").filter(|error| !error.is_null()) {
        let message = error["message"].as_str().or(error.as_str()).unwrap_or("an error without a message");
        return Some(Unanswered::Failed(message.to_owned()));
    }
    let empty = found.as_array().is_some_and(Vec::is_empty) || found.as_object().is_some_and(serde_json::Map::is_empty);
    if empty {
        return Some(Unanswered::Empty);
    }
    let calls = found.as_array().map_or_else(|| calls_tools(&found), |all| all.iter().all(calls_tools));
    calls.then(|| no_answer("it printed only the tools that it calls"))
}

fn calls_tools(value: &Value) -> bool {
    let text = |key: &str| value[key].as_str().is_some_and(|text| !text.trim().is_empty());
    let by_name = value["name"].is_string() && (value["arguments"].is_object() || value["arguments"].is_string());
    let calls = by_name
        || value.get("tool_calls").is_some()
        || value.get("function_call").is_some()
        || value.get("tool_call").is_some();
    calls && !text("content") && !text("answer") && !text("text")
}

/// The line of an error report that names the error.
fn error(body: &str) -> Option<&str> {
    let lines: Vec<&str> = body.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let first = *lines.first()?;
    let lower = body.to_lowercase();
    let bare = first.trim_start_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
    let marked = BEGINNINGS.iter().any(|begin| bare.starts_with(begin));
    let unknown_model = |text: &str| {
        text.contains("model") && ["not found", "does not exist", "not supported"].iter().any(|it| text.contains(it))
    };
    let of_service = |text: &str| SERVICE.iter().any(|word| text.contains(word)) || unknown_model(text);
    let short = lines.len() <= SHORT && body.len() <= 800;
    let answers = lower.contains("recommendations");
    let substance = SUBSTANCE.iter().any(|word| lower.contains(word));
    let is_error = (marked && !answers && (short || of_service(&bare))) || (short && of_service(&lower) && !substance);
    if !is_error {
        return last_error(&lines, answers);
    }
    lines.iter().copied().find(|line| of_service(&line.to_lowercase())).or(Some(first))
}

/// An error of the model's service that ends a text with nothing else of worth: kubectl-ai prints its greeting, or a few
/// thoughts, and then `Error: reading streaming LLM response: …`.
fn last_error<'a>(lines: &[&'a str], answers: bool) -> Option<&'a str> {
    let last = *lines.last()?;
    let lower = last.to_lowercase();
    let is_error = lower.starts_with("error:") && SERVICE.iter().any(|word| lower.contains(word));
    (is_error && !answers).then_some(last)
}

/// Whether it says that it could not see the cluster, and reports nothing that it saw.
fn is_apology(body: &str) -> bool {
    let lower = body.to_lowercase().replace('\u{2019}', "'");
    let start: String = lower.chars().take(400).collect();
    let unable = UNABLE.iter().any(|begin| {
        start.match_indices(begin).any(|(at, _)| {
            let next: String = start[at + begin.len()..].chars().take(100).collect();
            TO_SEE.iter().any(|word| next.contains(word))
        })
    });
    unable && !saw_something(&lower)
}

/// Whether it reports an observation: a count (`2/2`, `3 replicas`), or a state without asking the user to find it out.
fn saw_something(lower: &str) -> bool {
    let words: Vec<&str> = lower.split(|c: char| c.is_whitespace() || "(),;:".contains(c)).collect();
    let number = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
    let ratio = |word: &str| word.split_once('/').is_some_and(|(left, right)| number(left) && number(right));
    let counted = |pair: &[&str]| {
        let things = ["replica", "pod", "restart", "ready", "of", "container"];
        number(pair[0]) && things.iter().any(|thing| pair[1].starts_with(thing))
    };
    let counts = words.iter().any(|word| ratio(word)) || words.windows(2).any(counted);
    let asks = ASKS.iter().any(|phrase| lower.contains(phrase));
    counts || (!asks && SAW.iter().any(|phrase| lower.contains(phrase)))
}

#[cfg(test)]
mod tests;
