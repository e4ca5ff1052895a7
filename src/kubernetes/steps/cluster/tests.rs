//! What the cluster step refuses and what it hands on.

use super::choice::{Choice, Found};
use super::*;

fn up(yaml: &str) -> Up {
    let step: Cluster = serde_yaml::from_str(yaml).expect("well formed");
    step.up.expect("an up")
}

fn allowed() -> Vec<String> {
    ["local", "minikube", "kind-todo"].map(str::to_owned).to_vec()
}

fn found(answers: Option<&str>, installed: &[Provider]) -> Found {
    Found {
        answers: answers.map(str::to_owned),
        silent: vec!["context \"local\" does not answer".to_owned()],
        installed: installed.to_vec(),
    }
}

fn make(candidates: &[(Provider, &str)], command: bool) -> Choice {
    let candidates = candidates.iter().map(|(provider, name)| (*provider, (*name).to_owned())).collect();
    Choice::Make { candidates, command }
}

#[test]
fn a_cluster_that_answers_goes_before_one_that_would_be_made() {
    let choice = up("up: {}").choose(&allowed(), &found(Some("local"), &Provider::ALL));
    assert_eq!(choice, Ok(Choice::Use("local".to_owned())));
    let choice = up("up: { provider: kind }").choose(&allowed(), &found(Some("local"), &Provider::ALL));
    assert_eq!(choice, Ok(make(&[(Provider::Kind, "todo")], false)));
}

#[test]
fn auto_tries_every_installed_provider_whose_context_is_allowed() {
    let choose = |yaml: &str, installed: &[Provider]| up(yaml).choose(&allowed(), &found(None, installed));
    let both = [(Provider::Minikube, "minikube"), (Provider::Kind, "todo")];
    assert_eq!(choose("up: {}", &Provider::ALL), Ok(make(&both, false)));
    assert_eq!(choose("up: {}", &[Provider::K3d, Provider::Kind]), Ok(make(&both[1..], false)));
    assert_eq!(choose("up: { command: { up: ./make } }", &[Provider::K3d]), Ok(make(&[], true)));
    assert_eq!(choose("up: { command: { up: ./make } }", &[Provider::Kind]), Ok(make(&both[1..], true)));
}

#[test]
fn a_plain_amount_is_exact_and_a_range_has_a_least() {
    let size = up("up: { cpus: 4, memory: { want: 8GiB, min: 4GiB } }").size();
    assert_eq!(size.cpus, Some(Amount::exact(4)));
    assert_eq!(size.memory, Some(Amount { want: ByteSize(8 << 30), min: ByteSize(4 << 30) }));
}

#[test]
fn says_why_every_way_to_a_cluster_is_closed() {
    let fault = up("up: {}").choose(&allowed(), &found(None, &[Provider::K3d])).expect_err("no way");
    assert_eq!(
        fault.message,
        "there is no cluster: context \"local\" does not answer; minikube is not installed; kind is not installed; \
         k3d would make context \"k3d-k3s-default\", which cluster.contexts does not allow"
    );
    let fault = up("up: { provider: existing }").choose(&allowed(), &found(None, &Provider::ALL)).expect_err("no way");
    assert_eq!(fault.message, "there is no cluster: context \"local\" does not answer");
    assert_eq!(fault.help.as_deref(), Some("start one of the allowed clusters"));
}

#[test]
fn titles_say_what_is_done() {
    let title = |yaml: &str| serde_yaml::from_str::<Cluster>(yaml).expect("well formed").title();
    assert_eq!(
        ["up: { provider: kind }", "down: {}", "addons: [ingress, dashboard]", "status: {}"].map(title),
        ["up (kind)", "down", "addons ingress, dashboard", "status"]
    );
}
