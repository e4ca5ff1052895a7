//! Credential plugins that are real processes: what is said of them, how long they run, how often they start.

use std::path::Path;

use kube::config::{AuthInfo, Cluster};
use serde_json::{Value, json};

use super::*;

fn plugin(mut exec: Value) -> Plugin {
    let known = json!({ "apiVersion": "client.authentication.k8s.io/v1", "interactiveMode": "Never" });
    for (key, value) in known.as_object().expect("a map") {
        exec.as_object_mut().expect("a map").entry(key.clone()).or_insert_with(|| value.clone());
    }
    let mut user: AuthInfo = serde_json::from_value(json!({ "exec": exec })).expect("a user");
    let source = Source::take(&mut user, &Cluster::default(), "local").expect("usable").expect("a plugin");
    assert!(user.exec.is_none(), "what is left starts no program");
    Plugin { source, context: "local".to_owned() }
}

fn script(text: &str) -> Value {
    json!({ "command": "sh", "args": ["-c", text] })
}

async fn fault(exec: Value) -> Fault {
    Credentials::new(plugin(exec)).current().await.err().expect("no credential")
}

const TOKEN: &str = r#"printf '{"status":{"token":"hk-TOKEN-%s"}}' $$"#;

#[tokio::test]
async fn a_plugin_that_fails_is_reported_without_its_environment_its_arguments_and_its_output() {
    let mut exec = script(
        "echo '{\"status\":{\"token\":\"hk-TOKEN-FROM-PLUGIN\"}}'; \
         echo \"login failed for $OIDC_CLIENT_SECRET, token hk-TOKEN-FROM-PLUGIN\" >&2; exit 7",
    );
    exec["env"] = json!([{ "name": "OIDC_CLIENT_SECRET", "value": "hk-s3cr3t-value" }]);
    let fault = fault(exec).await;
    assert!(
        fault
            .message
            .starts_with("the credential plugin `sh` of context \"local\" failed with exit code 7: login failed for "),
        "{}",
        fault.message
    );
    let whole = format!("{fault:?}");
    for secret in ["hk-s3cr3t-value", "hk-TOKEN-FROM-PLUGIN", "OIDC_CLIENT_SECRET", "Output {"] {
        assert!(!whole.contains(secret), "{whole}");
    }
}

#[tokio::test]
async fn a_plugin_that_fails_in_silence_is_reported() {
    let fault = fault(script("exit 1")).await;
    assert_eq!(
        fault.message,
        "the credential plugin `sh` of context \"local\" failed with exit code 1 and wrote nothing to its standard error"
    );
}

#[tokio::test]
async fn a_missing_plugin_is_named_with_its_install_hint() {
    let exec = json!({ "command": "hk-no-such-plugin", "installHint": "Install it with: corp install hk\n" });
    let fault = fault(exec).await;
    assert_eq!(fault.message, "the credential plugin `hk-no-such-plugin` of context \"local\" is not installed");
    assert_eq!(fault.help.as_deref(), Some("Install it with: corp install hk"));
}

#[test]
fn a_plugin_that_needs_a_person_says_so_where_there_is_none() {
    let mut exec = script("exit 0");
    exec["interactiveMode"] = json!("Always");
    let why = plugin(exec).attended_at(false).expect_err("no terminal").message;
    assert_eq!(
        why,
        "the credential plugin `sh` of context \"local\" needs a terminal (interactiveMode: Always), and standard input is not one"
    );
}

#[tokio::test]
async fn requests_at_the_same_time_start_the_plugin_once_and_share_its_failure() {
    let folder = tempfile::tempdir().expect("a folder");
    let starts = folder.path().join("starts");
    let counted = |end: &str| script(&format!("echo x >> {}; sleep 0.2; {end}", starts.display()));
    let count = |starts: &Path| std::fs::read_to_string(starts).expect("it was started").lines().count();
    let credentials = Credentials::new(plugin(counted(TOKEN)));
    let (a, b) = tokio::join!(credentials.current(), credentials.current());
    let (a, b) = (a.expect("a credential"), b.expect("a credential"));
    assert_eq!((a.serial, b.serial, count(&starts)), (1, 1, 1));
    let failing = Credentials::new(plugin(counted("exit 1")));
    let (a, b) = tokio::join!(failing.current(), failing.current());
    assert!(a.is_err() && b.is_err());
    assert_eq!(count(&starts), 2);
}

#[tokio::test]
async fn a_credential_that_the_cluster_rejects_is_issued_again() {
    let credentials = Credentials::new(plugin(script(TOKEN)));
    let first = credentials.current().await.expect("a credential");
    assert_eq!(credentials.current().await.expect("a credential").serial, first.serial);
    credentials.reject(first.serial).await;
    let second = credentials.current().await.expect("a credential");
    assert_ne!(first.token.as_ref().map(SecretText::expose), second.token.as_ref().map(SecretText::expose));
    // another request met the old one late: the new one stays
    credentials.reject(first.serial).await;
    assert_eq!(credentials.current().await.expect("a credential").serial, second.serial);
}

#[tokio::test]
async fn a_dropped_request_ends_the_plugin_and_what_it_started() {
    let folder = tempfile::tempdir().expect("a folder");
    let pid = folder.path().join("pid");
    let credentials = Credentials::new(plugin(script(&format!("sleep 3600 & echo $! > {}; wait", pid.display()))));
    let read = async {
        loop {
            if let Ok(text) = std::fs::read_to_string(&pid)
                && text.ends_with('\n')
            {
                break text.trim().to_owned();
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let child = tokio::select! {
        _ = credentials.current() => panic!("it does not end by itself"),
        child = read => child,
    };
    let gone = async {
        loop {
            let state = std::fs::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default();
            if state.is_empty() || state.contains(") Z ") {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), gone).await.expect("the whole group ends");
}

#[test]
fn the_plugin_learns_of_the_cluster_where_kubeconfig_says_so() {
    let exec = json!({ "command": "sh", "provideClusterInfo": true, "interactiveMode": "Never",
        "apiVersion": "client.authentication.k8s.io/v1" });
    let mut user: AuthInfo = serde_json::from_value(json!({ "exec": exec })).expect("a user");
    let cluster = Cluster { server: Some("https://api:6443".to_owned()), ..Cluster::default() };
    let source = Source::take(&mut user, &cluster, "local").expect("usable").expect("a plugin");
    let info = Plugin { source, context: "local".to_owned() }.info(false).expect("it is an exec plugin");
    let info: Value = serde_json::from_str(&info).expect("JSON");
    assert_eq!(
        info,
        json!({ "kind": "ExecCredential", "apiVersion": "client.authentication.k8s.io/v1",
            "spec": { "interactive": false, "cluster": { "server": "https://api:6443" } } })
    );
}

#[test]
fn an_auth_provider_without_a_command_is_not_supported() {
    let user = json!({ "auth-provider": { "name": "azure", "config": { "access-token": "hunter2" } } });
    let mut user: AuthInfo = serde_json::from_value(user).expect("a user");
    let fault = Source::take(&mut user, &Cluster::default(), "prod").err().expect("refused");
    assert_eq!(fault.message, "the auth-provider \"azure\" of context \"prod\" is not supported");
    assert!(!format!("{fault:?}").contains("hunter2"));
}
