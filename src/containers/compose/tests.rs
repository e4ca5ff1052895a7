//! Claims about commands and messages, without a Compose.

use std::collections::BTreeMap;

use tokio_util::sync::CancellationToken;

use super::*;
use crate::process::{LineSink, Stop};

struct Silent;

impl LineSink for Silent {
    fn line(&self, _: &[u8]) {}
}

fn call(env: &BTreeMap<String, String>) -> CommandContext<'_> {
    let stop = Stop { cancel: CancellationToken::new(), grace: Duration::from_secs(1) };
    CommandContext { env, dir: "/".into(), scratch: "/tmp".into(), log: &Silent, stop }
}

#[test]
fn names_project_files_and_profiles_before_the_verb() {
    let env = BTreeMap::from([("COMPOSE_FILE".to_owned(), "other.yml".to_owned())]);
    let project = Project {
        files: vec!["/p/a.yml".into(), "/p/b.yml".into()],
        name: Some("todo".into()),
        profiles: vec!["debug".into()],
        env_files: vec!["/p/dev.env".into()],
    };
    let command = command(Form::Plugin, &project, &["ps", "--all"], &call(&env));
    let words: Vec<String> = command.args.iter().map(|arg| arg.to_string_lossy().into_owned()).collect();
    assert_eq!(
        words.join(" "),
        "compose --project-name todo --file /p/a.yml --file /p/b.yml --env-file /p/dev.env --profile debug ps --all"
    );
    assert_eq!(command.program, "docker");
    assert_eq!(command.variable("COMPOSE_FILE"), None);
}

#[tokio::test]
async fn says_of_each_form_why_it_does_not_answer() {
    let empty = tempfile::tempdir().expect("a folder");
    let env = BTreeMap::from([("PATH".to_owned(), empty.path().display().to_string())]);
    let fault = Compose::new().form(&call(&env)).await.expect_err("nothing is there");
    assert_eq!(fault.kind, crate::core::model::outcome::FaultKind::Environment);
    let path = empty.path().display();
    assert_eq!(
        fault.message,
        format!(
            "no Compose answers: docker compose: program `docker` is not in PATH ({path}); \
             docker-compose: program `docker-compose` is not in PATH ({path}); \
             podman compose: program `podman` is not in PATH ({path})"
        )
    );
}

#[test]
fn a_missing_variable_has_its_help() {
    let failure =
        refused("error while interpolating services.web.environment.X: required variable X is missing a value");
    assert_eq!(
        failure.help.as_deref(),
        Some("hand it in by the step's environment: `env: { NAME: \"${{ secrets.NAME }}\" }`")
    );
    assert_eq!(refused("anything else").help, None);
}
