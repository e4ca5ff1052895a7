//! What is concluded of a node's images, and that a loader which did nothing is found out.

use std::collections::BTreeMap;

use super::*;
use crate::kubernetes::providers::fake::{Fake, FakeFailure};

fn answer(stdout: &str) -> Answer {
    Answer { code: Some(0), stdout: stdout.to_owned(), stderr: String::new() }
}

#[test]
fn reads_the_listings_of_minikube_and_crictl() {
    let minikube = r#"[{"id":"aa11","repoDigests":[],"repoTags":["docker.io/library/todo:dev"],"size":"1"}]"#;
    let crictl = r#"{"images":[{"id":"sha256:aa11","repoTags":["docker.io/library/todo:dev"],"repoDigests":[]}]}"#;
    for text in [minikube, crictl] {
        let images = images(&answer(text)).expect("whole");
        let wanted = |id: &str| Wanted { name: "todo:dev".to_owned(), id: id.to_owned() };
        assert!(has(&images, &wanted("sha256:aa11")) && !has(&images, &wanted("sha256:bb22")));
        assert!(!has(&images, &wanted("")), "an unknown id proves nothing");
    }
}

#[test]
fn a_listing_that_is_cut_or_empty_is_no_listing() {
    for text in ["", "[]", "[{\"id\":\"aa\"", "{}", "null", "{\"images\":[]}"] {
        assert!(images(&answer(text)).is_err(), "{text}");
    }
    let failed = Answer { code: Some(1), stderr: "connect: no such file\n".to_owned(), ..Answer::default() };
    assert_eq!(images(&failed), Err("connect: no such file".to_owned()));
}

#[test]
fn names_are_compared_as_runtimes_write_them() {
    for (name, full) in [
        ("todo:dev", "docker.io/library/todo:dev"),
        ("org/todo", "docker.io/org/todo:latest"),
        ("localhost:5000/todo", "localhost:5000/todo:latest"),
        ("localhost/todo:1", "localhost/todo:1"),
        ("ghcr.io/a/b:2", "ghcr.io/a/b:2"),
    ] {
        assert_eq!(full_name(name), full);
    }
}

async fn load(fake: &Fake, provider: Provider) -> Result<Vec<String>, CommandError> {
    let ids = BTreeMap::from([("docker.io/library/todo:dev".to_owned(), "new".to_owned())]);
    let runtime = Runtime { host: fake, provider, cluster: "todo" };
    tokio::time::timeout(LISTING * 60, runtime.load(&["todo:dev".to_owned()], &ids, Path::new("/load.tar")))
        .await
        .unwrap_or_else(|_| Err(Fault::unknown("stopped").into()))
}

fn has_it(fake: &Fake) -> bool {
    fake.state().clusters[0].images.get("docker.io/library/todo:dev").is_some_and(|id| id == "sha256:new")
}

#[tokio::test(start_paused = true)]
async fn an_image_that_is_there_unchanged_is_not_loaded_again() {
    for provider in Provider::ALL {
        let fake = Fake::default();
        fake.foreign(provider, "todo", true);
        assert_eq!(load(&fake, provider).await.expect("loaded"), ["todo:dev"]);
        let calls = fake.state().calls.len();
        assert_eq!(load(&fake, provider).await.expect("there"), [""; 0]);
        let state = fake.state();
        assert!(
            state.calls[calls..].iter().all(|call| !call.contains("load") && !call.contains("import")),
            "{:?}",
            state.calls
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_loader_that_ends_well_and_does_nothing_is_found_out() {
    for provider in Provider::ALL {
        let fake = Fake::default();
        fake.foreign(provider, "todo", true);
        fake.state().clusters[0].images.insert("docker.io/library/todo:dev".to_owned(), "sha256:0ld".to_owned());
        fake.state().troubles = [(2, FakeFailure::Pretends)].into();
        let Err(CommandError::Failed(failure)) = load(&fake, provider).await else { panic!("it passed") };
        let node = fake.state().clusters[0].key.0;
        let expected = format!("{} ended with exit code 0, but todo:dev is not loaded: node ", node.program());
        assert!(failure.summary.starts_with(&expected), "{}", failure.summary);
        assert!(failure.summary.ends_with("has another version of it: id 0ld, expected new"), "{}", failure.summary);
    }
}

#[tokio::test(start_paused = true)]
async fn no_load_passes_without_the_image_whatever_fails() {
    let troubles = [
        FakeFailure::Fails,
        FakeFailure::FailsLate,
        FakeFailure::Hangs,
        FakeFailure::Pretends,
        FakeFailure::Part(90),
        FakeFailure::Part(0),
    ];
    for provider in Provider::ALL {
        for at in 0..8 {
            for trouble in troubles {
                for second in troubles {
                    let fake = Fake::default();
                    fake.foreign(provider, "todo", true);
                    fake.state().troubles = [(at, trouble), (at + 1, second)].into();
                    if load(&fake, provider).await.is_ok() {
                        assert!(has_it(&fake), "{provider:?} {at} {trouble:?} {second:?}: {:?}", fake.state().calls);
                    }
                }
            }
        }
    }
}
