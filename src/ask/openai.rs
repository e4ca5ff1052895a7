//! An OpenAI-compatible endpoint, asked once at `/chat/completions`. The key travels in a header and is shown nowhere.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{LIMIT, Question, Unanswered};
use crate::http::{Answer, Http, HttpError, Proxies, Request, Trust};
use crate::process::command_context::CommandContext;

/// A chat completion. What is not written comes from the step's environment.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OpenAi {
    /// The API's URL: `http://127.0.0.1:11434/v1`; else `OPENAI_BASE_URL` or `OPENAI_ENDPOINT`; else, where a key is
    /// set, `https://api.openai.com/v1`.
    pub endpoint: Option<String>,
    /// The model's name; else `OPENAI_MODEL`.
    pub model: Option<String>,
    /// The variable of the step's environment that holds the API key; `OPENAI_API_KEY` where nothing is written.
    pub key_env: Option<String>,
}

const SYSTEM: &str = "You are an experienced Kubernetes engineer. You are given the state of objects of a cluster and asked \
    about them. Answer briefly and from what you are told; say so where it does not suffice.";

impl OpenAi {
    pub(super) async fn answer(
        &self,
        question: &Question,
        http: &Http,
        limit: Duration,
        call: &CommandContext<'_>,
    ) -> Result<String, Unanswered> {
        let request = self.request(question, limit, call)?;
        let sent = sent(&request, http, call).await?;
        let answer = sent.map_err(|error| match error {
            HttpError::TimedOut(_) => Unanswered::TimedOut(limit),
            HttpError::Refused | HttpError::Dns(_) => Unanswered::Missing(format!("{}: {error}", request.url)),
            error => Unanswered::Failed(format!("{}: {error}", request.url)),
        })?;
        read(answer.status, &answer.body)
    }

    fn request(&self, question: &Question, limit: Duration, call: &CommandContext<'_>) -> Result<Request, Unanswered> {
        let variable = |name: &str| call.env.get(name).filter(|value| !value.is_empty()).cloned();
        let key_name = self.key_env.as_deref().unwrap_or("OPENAI_API_KEY");
        let key = variable(key_name);
        if self.key_env.is_some() && key.is_none() {
            return Err(Unanswered::Missing(format!("`{key_name}`, which should hold the API key, is not set")));
        }
        let own = self.endpoint.clone().filter(|endpoint| !endpoint.is_empty());
        let endpoint = own
            .or_else(|| ["OPENAI_BASE_URL", "OPENAI_ENDPOINT", "OPENAI_API_BASE"].into_iter().find_map(variable))
            .or_else(|| key.is_some().then(|| "https://api.openai.com/v1".to_owned()))
            .ok_or_else(|| Unanswered::Missing("no endpoint is configured (OPENAI_BASE_URL is not set)".to_owned()))?;
        let model = self.model.clone().filter(|model| !model.is_empty()).or_else(|| variable("OPENAI_MODEL"));
        let model =
            model.ok_or_else(|| Unanswered::Missing("no model is configured (OPENAI_MODEL is not set)".to_owned()))?;
        let mut asked = question.text.clone();
        if let Some(state) = &question.state {
            asked.push_str("\n\nThis is its state now:\n");
            asked.push_str(state);
        }
        let messages = json!([{ "role": "system", "content": SYSTEM }, { "role": "user", "content": asked }]);
        let mut request = Request::get(url(&endpoint));
        "POST".clone_into(&mut request.method);
        request.body = json!({ "model": model, "messages": messages }).to_string().into_bytes();
        request.timeout = limit;
        request.limit = 4 * LIMIT;
        request.proxies = Proxies::of(call.env);
        request.headers.insert("content-type".to_owned(), "application/json".to_owned());
        request.headers.extend(key.map(|key| ("authorization".to_owned(), format!("Bearer {key}"))));
        Ok(request)
    }
}

/// What came of the request, unless the attempt must stop first.
async fn sent(
    request: &Request,
    http: &Http,
    call: &CommandContext<'_>,
) -> Result<Result<Answer, HttpError>, Unanswered> {
    let trust = Trust::default();
    tokio::select! {
        biased;
        () = call.stop.cancel.cancelled() => Err(Unanswered::Stopped),
        sent = http.send(request, &trust) => Ok(sent),
    }
}

fn url(endpoint: &str) -> String {
    let endpoint = endpoint.trim_end_matches('/');
    if endpoint.ends_with("/chat/completions") { endpoint.to_owned() } else { format!("{endpoint}/chat/completions") }
}

fn read(status: u16, body: &[u8]) -> Result<String, Unanswered> {
    let found: Option<Value> = serde_json::from_slice(body).ok();
    if !(200..300).contains(&status) {
        let said = found.as_ref().and_then(|found| found["error"]["message"].as_str().or(found["error"].as_str()));
        let said = said.map(|said| format!(": {said}")).unwrap_or_default();
        return Err(Unanswered::Failed(format!("the endpoint answered {status}{said}")));
    }
    let Some(found) = found else { return Err(Unanswered::Failed("the endpoint answered with no JSON".to_owned())) };
    let content = &found["choices"][0]["message"]["content"];
    let parts = || content.as_array().map(|parts| parts.iter().filter_map(|part| part["text"].as_str()).collect());
    content.as_str().map(str::to_owned).or_else(parts).ok_or(Unanswered::Empty)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_an_answer_and_the_words_of_an_error() {
        assert_eq!(read(200, br#"{"choices":[{"message":{"content":"fine"}}]}"#).as_deref(), Ok("fine"));
        assert_eq!(
            read(200, br#"{"choices":[{"message":{"content":[{"type":"text","text":"a"}]}}]}"#).as_deref(),
            Ok("a")
        );
        assert_eq!(read(200, br#"{"choices":[]}"#), Err(Unanswered::Empty));
        let words = "the endpoint answered 401: no such key".to_owned();
        assert_eq!(read(401, br#"{"error":{"message":"no such key"}}"#), Err(Unanswered::Failed(words)));
        assert_eq!(read(502, b"<html>"), Err(Unanswered::Failed("the endpoint answered 502".to_owned())));
    }

    #[test]
    fn an_endpoint_may_be_the_base_or_the_whole_url() {
        assert_eq!(url("http://a/v1/"), "http://a/v1/chat/completions");
        assert_eq!(url("http://a/v1/chat/completions"), "http://a/v1/chat/completions");
    }
}
