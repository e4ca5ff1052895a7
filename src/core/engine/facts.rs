//! What expressions ask of the environment, found out: the cluster, files of the project. An answer that cannot be had is a
//! fault, never a value.

use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::Arc;

use futures::FutureExt;
use serde_json::{Map, Value};

use super::panicked;
use crate::core::expr::{Ask, Fact};
use crate::core::files::{inputs, open, project};
use crate::core::kind::services::Services;
use crate::core::model::outcome::Fault;

/// The longest text of a file that an expression takes.
const LONGEST: u64 = 1 << 20;

/// The values of all of them. The run waits for an answer: a panic is one, too.
///
/// # Errors
/// [`Fault`] for the first that cannot be found out.
pub(super) async fn find(
    services: &Services,
    project: &Arc<Path>,
    facts: &[Fact],
) -> Result<Map<String, Value>, Fault> {
    let mut found = Map::new();
    for fact in facts {
        let caught = AssertUnwindSafe(value(services, project, fact)).catch_unwind().await;
        let value = caught.unwrap_or_else(|panic| Err(panicked::fault("it", panic.as_ref())));
        let value = value.map_err(|fault| unknown(fact, fault))?;
        found.insert(fact.key(), value);
    }
    Ok(found)
}

/// Those that files of the project answer, before a run; and what is to be said of the first that has no answer then.
pub(super) fn before_the_run<'f>(
    project: &Path,
    facts: impl Iterator<Item = &'f Fact>,
) -> (Map<String, Value>, Option<Fault>) {
    let (mut found, mut without) = (Map::new(), None);
    for fact in facts {
        let answer = if fact.is_of_cluster() {
            Err(Fault::unknown("the cluster is asked when it starts"))
        } else {
            of_files(project, fact)
        };
        match answer {
            Ok(value) => drop(found.insert(fact.key(), value)),
            Err(fault) => drop(without.get_or_insert_with(|| unknown(fact, fault))),
        }
    }
    (found, without)
}

fn unknown(fact: &Fact, fault: Fault) -> Fault {
    let asked = format!("{}(\"{}\")", fact.name(), fact.of);
    Fault { message: format!("{asked} is not known: {}", fault.message), ..fault }
}

async fn value(services: &Services, project: &Arc<Path>, fact: &Fact) -> Result<Value, Fault> {
    match fact.ask {
        Ask::ClusterHas => services.facts()?.has(&fact.of).await.map(Value::Bool),
        Ask::ClusterServes => services.facts()?.serves(&fact.of).await.map(Value::Bool),
        Ask::FileText | Ask::FileExists | Ask::FilesDigest => {
            let (project, fact) = (Arc::clone(project), fact.clone());
            let reading = tokio::task::spawn_blocking(move || of_files(&project, &fact));
            reading.await.unwrap_or_else(|_| Err(Fault::unknown("the reading of a file broke")))
        }
    }
}

fn of_files(project: &Path, fact: &Fact) -> Result<Value, Fault> {
    let path = Path::new(&fact.of);
    let private = path.components().any(|part| part.as_os_str() == ".pipeline");
    if private {
        return Err(Fault::invalid("`.pipeline` is the record of runs: nothing in it is read"));
    }
    match fact.ask {
        Ask::FilesDigest => {
            let digest = inputs::digest_of_all(project, [fact.of.as_str()])
                .map_err(|error| Fault::unknown(format!("a file cannot be read: {error}")))?;
            let digest = digest.map_err(|pattern| Fault::invalid(format!("nothing is named `{pattern}`")))?;
            Ok(blake3::Hash::from_bytes(digest).to_hex().as_str().into())
        }
        Ask::FileExists => Ok(project::look(project, path)?.is_some().into()),
        _ => text(project, path).map(Value::from),
    }
}

fn text(project: &Path, path: &Path) -> Result<String, Fault> {
    let found = project::look(project, path)?.ok_or_else(|| {
        Fault::invalid("it is not there")
            .help("`file.exists(…) ? … : …` does not ask first: both sides are found out before")
    })?;
    if !found.is_plain {
        return Err(Fault::invalid(format!("it is {}", found.kind)));
    }
    let mut text =
        open::read_text(&found.path, LONGEST).map_err(|error| Fault::invalid(format!("it cannot be read: {error}")))?;
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use futures::future::BoxFuture;

    use super::*;
    use crate::core::kind::services::ClusterFacts;
    use crate::core::kind::settings::ClusterSettings;

    struct Panicking(ClusterSettings);

    impl ClusterFacts for Panicking {
        fn settings(&self) -> &ClusterSettings {
            &self.0
        }
        fn has<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<bool, Fault>> {
            async { panic!("index out of bounds") }.boxed()
        }
        fn serves<'a>(&'a self, kind: &'a str) -> BoxFuture<'a, Result<bool, Fault>> {
            self.has(kind)
        }
    }

    #[tokio::test]
    async fn a_panic_is_an_answer() {
        let mut services = crate::services::services_of(crate::core::kind::settings::Settings::default());
        services.set_facts(Arc::new(Panicking(ClusterSettings::default())));
        let asked = [fact(Ask::ClusterHas, "service/web")];
        let fault = find(&services, &Path::new("/").into(), &asked).await.expect_err("a fault");
        assert_eq!(fault.message, "cluster.has(\"service/web\") is not known: it broke: index out of bounds");
    }

    fn fact(ask: Ask, of: &str) -> Fact {
        Fact { ask, of: of.to_owned() }
    }

    #[tokio::test]
    async fn files_are_found_out_and_what_is_not_there_is_a_fault() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("VERSION"), "1.2.3\r\n").expect("written");
        let project: Arc<Path> = folder.path().into();
        let services = crate::services::services_of(crate::core::kind::settings::Settings::default());
        let asked = [fact(Ask::FileText, "VERSION"), fact(Ask::FileExists, "none"), fact(Ask::FilesDigest, "V*")];
        let found = find(&services, &project, &asked).await.expect("found out");
        assert_eq!((&found["file.text VERSION"], &found["file.exists none"]), (&"1.2.3".into(), &false.into()));
        assert_eq!(found["files.digest V*"].as_str().map(str::len), Some(64));
        for (asked, expected) in [
            (fact(Ask::FileText, "none"), "file.text(\"none\") is not known: it is not there"),
            (fact(Ask::FilesDigest, "*.none"), "files.digest(\"*.none\") is not known: nothing is named `*.none`"),
            (fact(Ask::FileText, "."), "file.text(\".\") is not known: it is a folder"),
            (
                fact(Ask::FileText, ".pipeline/secrets/x"),
                "file.text(\".pipeline/secrets/x\") is not known: `.pipeline` is the record of runs: nothing in it is read",
            ),
        ] {
            let fault = find(&services, &project, &[asked]).await.expect_err("a fault");
            assert_eq!(fault.message, expected);
        }
    }
}
