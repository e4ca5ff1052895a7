//! Claims about tools, with scripts and a server of a few lines in the place of models.

use std::collections::BTreeMap;
use std::path::Path;

use tokio_util::sync::CancellationToken;

use super::*;
use crate::http::tests::{page, serve};
use crate::kubernetes::client::ClusterSettings;
use crate::process::LineSink;
use crate::process::scripts::executable;

struct Silent;

impl LineSink for Silent {
    fn line(&self, _: &[u8]) {}
}

/// A folder with programs of these names and scripts, first in PATH.
struct FakeTools {
    folder: tempfile::TempDir,
    env: BTreeMap<String, String>,
}

impl FakeTools {
    fn new(programs: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, script) in programs {
            executable(&folder.path().join(name), &format!("#!/bin/sh\n{script}\n"));
        }
        let path = format!("{}:/usr/bin:/bin", folder.path().display());
        FakeTools { folder, env: BTreeMap::from([("PATH".to_owned(), path)]) }
    }

    fn set(mut self, name: &str, value: &str) -> Self {
        self.env.insert(name.to_owned(), value.to_owned());
        self
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    async fn ask(&self, tool: &Tool, limit: Duration) -> Result<String, Unanswered> {
        let stop = Stop { cancel: CancellationToken::new(), grace: Duration::from_secs(1) };
        let dir = self.path().to_owned();
        let call = CommandContext { env: &self.env, dir: dir.clone(), scratch: dir, log: &Silent, stop };
        let question = Question {
            text: "-is backend well?".to_owned(),
            state: Some("2 pods".to_owned()),
            kubeconfig: Some(self.path().join("kubeconfig")),
        };
        tool.answer(&question, (&Http::new(), &Cluster::new(ClusterSettings::default())), limit, &call).await
    }
}

const LONG: Duration = Duration::from_secs(60);

fn tool(json: serde_json::Value) -> Tool {
    serde_json::from_value::<ToolSpec>(json).expect("a tool").0
}

#[tokio::test]
async fn kubectl_ai_may_change_nothing_and_sees_one_cluster() {
    let desk = FakeTools::new(&[(
        "kubectl-ai",
        "printf '%s\\n' \"$@\"; echo key=$OPENAI_API_KEY; echo url=$OPENAI_ENDPOINT; echo $KUBECONFIG",
    )])
    .set("MODEL_KEY", "s3cr3t");
    let tool =
        tool(serde_json::json!({ "kubectl-ai": { "endpoint": "http://m/v1", "model": "m", "key_env": "MODEL_KEY" } }));
    let said = desk.ask(&tool, LONG).await.expect("it answers");
    let folder = desk.path().display();
    assert_eq!(
        said,
        format!(
            "--quiet\n--skip-permissions=false\n--mcp-client=false\n--ui-type=terminal\n--remove-workdir\n\
             --trace-path={folder}/kubectl-ai-trace.txt\n--llm-provider=openai\n--model=m\n--kubeconfig={folder}/kubeconfig\n\
             Question: -is backend well?\nkey=s3cr3t\nurl=http://m/v1\n{folder}/kubeconfig"
        )
    );
}

#[tokio::test]
async fn a_model_that_wants_to_change_something_is_reported_as_that() {
    let words = "Use --skip-permissions flag to bypass permission checks in RunOnce mode.";
    let desk = FakeTools::new(&[("kubectl-ai", &format!("echo '{words}' >&2; exit 1"))]);
    let why = desk.ask(&tool("kubectl-ai".into()), LONG).await;
    let expected = "its model wanted to run a command that changes something, which is never approved here";
    assert_eq!(why, Err(Unanswered::Failed(expected.to_owned())));
}

#[tokio::test]
async fn kagent_that_says_its_error_and_ends_well_has_not_answered() {
    let desk = FakeTools::new(&[("kagent", "echo 'Error starting port-forward: no such service' >&2")]);
    let why = desk.ask(&tool("kagent".into()), LONG).await;
    let Err(Unanswered::Failed(words)) = why else { panic!("{why:?}") };
    assert!(
        words.starts_with("Error starting port-forward: no such service (kagent-controller in the run's cluster: "),
        "{words}"
    );
}

#[tokio::test]
async fn kagent_without_a_way_to_its_controller_reaches_nothing_that_listens_here() {
    let desk = FakeTools::new(&[("kagent", "printf '%s\\n' \"$@\"")]);
    let said = desk.ask(&tool("kagent".into()), LONG).await.expect("its arguments");
    assert!(said.contains("--kagent-url\nhttp://127.0.0.1:1\n"), "{said}");
}

#[tokio::test]
async fn kubectl_ai_that_hangs_behind_its_answer_has_answered() {
    let desk = FakeTools::new(&[("kubectl-ai", "echo 'todo-backend: 2/2 ready'; exec sleep 600")]);
    let limit = Duration::from_secs(4);
    let said = desk.ask(&tool("kubectl-ai".into()), limit).await;
    assert_eq!(said.as_deref(), Ok("todo-backend: 2/2 ready"));
    let desk = FakeTools::new(&[("kubectl-ai", "echo '  Running: kubectl get pods'; exec sleep 600")]);
    assert_eq!(desk.ask(&tool("kubectl-ai".into()), limit).await, Err(Unanswered::TimedOut(limit)));
}

#[tokio::test]
async fn a_command_that_a_tool_proposes_is_text_and_is_never_run() {
    for proposed in [
        "Run `touch PROPOSED` now.",
        "$(touch PROPOSED) fixes it.",
        "```bash\ntouch PROPOSED\n```",
        "; touch PROPOSED #",
        "{\"answer\":\"$(touch PROPOSED)\"}",
        "| sh -c 'touch PROPOSED'",
        "&& touch PROPOSED",
    ] {
        let desk = FakeTools::new(&[("think", &format!("cat >/dev/null; cat <<'END'\n{proposed}\nEND"))]);
        let said = desk.ask(&tool(serde_json::json!({ "command": ["think"] })), LONG).await;
        assert_eq!(said.as_deref(), Ok(proposed));
        assert!(!desk.path().join("PROPOSED").exists(), "{proposed}");
    }
}

#[tokio::test]
async fn a_docker_without_ai_is_a_tool_that_is_not_there() {
    let desk = FakeTools::new(&[(
        "docker",
        "echo 'docker: unknown command: docker ai' >&2; echo >&2; echo \"Run 'docker --help' for more information\" >&2; exit 1",
    )]);
    let why = desk.ask(&tool("docker-ai".into()), LONG).await;
    assert_eq!(why, Err(Unanswered::Missing("this Docker has no `ai` command (Docker Desktop brings it)".to_owned())));
}

#[tokio::test]
async fn a_command_reads_the_question_and_its_state() {
    let desk = FakeTools::new(&[("think", "echo \"$1 / $2\"; cat")]);
    let said = desk.ask(&tool(serde_json::json!({ "command": ["think", "-q", "{question}"] })), LONG).await;
    let expected = "-q / Question: -is backend well?\n-is backend well?\n\nThis is its state now:\n2 pods";
    assert_eq!(said.as_deref(), Ok(expected));
}

#[tokio::test]
async fn tells_missing_failed_silent_and_late_tools_apart() {
    let desk = FakeTools::new(&[
        ("fails", "echo no model >&2; exit 3"),
        ("silent", "true"),
        ("slow", "exec sleep 600"),
        ("red", "printf '\\033[31mred\\033[0m\\n'"),
    ]);
    let ask = async |name: &str, limit| desk.ask(&tool(serde_json::json!({ "command": [name] })), limit).await;
    assert_eq!(ask("gone", LONG).await, Err(Unanswered::Missing("`gone` is not installed (not in PATH)".to_owned())));
    assert_eq!(ask("fails", LONG).await, Err(Unanswered::Failed("exit code 3: no model".to_owned())));
    assert_eq!(ask("silent", LONG).await, Err(Unanswered::Empty));
    let limit = Duration::from_millis(50);
    assert_eq!(ask("slow", limit).await, Err(Unanswered::TimedOut(limit)));
    assert_eq!(ask("red", LONG).await.as_deref(), Ok("red"));
}

#[tokio::test]
async fn an_endpoint_is_sent_the_key_the_model_and_its_state() {
    let url = serve(|text| {
        let sound = text.starts_with("POST /v1/chat/completions ")
            && text.contains("authorization: Bearer s3cr3t\r\n")
            && text.contains("\"model\":\"small\"");
        let answer = "{\"choices\":[{\"message\":{\"content\":\"backend is well\"}}]}";
        page(if sound { "200 OK" } else { "400 Bad Request" }, "", answer)
    })
    .await;
    let desk = FakeTools::new(&[]).set("OPENAI_API_KEY", "s3cr3t").set("OPENAI_MODEL", "small");
    let tool = tool(serde_json::json!({ "openai": { "endpoint": format!("{url}/v1") } }));
    assert_eq!(desk.ask(&tool, LONG).await.as_deref(), Ok("backend is well"));
}

#[tokio::test]
async fn an_endpoint_that_is_not_configured_is_not_there() {
    let nothing = FakeTools::new(&[]).ask(&tool("openai".into()), LONG).await;
    let words = "no endpoint is configured (OPENAI_BASE_URL is not set)";
    assert_eq!(nothing, Err(Unanswered::Missing(words.to_owned())));
    let keyless = tool(serde_json::json!({ "openai": { "key_env": "MY_KEY" } }));
    let words = "`MY_KEY`, which should hold the API key, is not set";
    assert_eq!(FakeTools::new(&[]).ask(&keyless, LONG).await, Err(Unanswered::Missing(words.to_owned())));
}
