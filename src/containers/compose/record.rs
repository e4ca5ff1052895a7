//! Which Compose projects runs have brought up and not taken down: a file each, written before the first container is
//! there. So a run after one that was killed finds them, and no other.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Compose, Project};
use crate::core::files::state_file;
use crate::core::model::outcome::Fault;
use crate::process::command_context::{CommandContext, CommandError};

/// A project that a run brought up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComposeRecord {
    /// Its name.
    pub name: String,
    /// The run.
    pub run: String,
    /// Its files, absolute.
    pub files: Vec<PathBuf>,
    /// It was up while other steps ran, and down again in the end: who dies owes that.
    pub during: bool,
    /// Its named volumes go with it.
    pub volumes: bool,
}

impl ComposeRecord {
    /// All of this pipeline's folder, by name.
    ///
    /// # Errors
    /// [`Fault`] of kind environment when one that is there cannot be read.
    pub fn all(folder: &Path) -> Result<Vec<Self>, Fault> {
        let mut all = Vec::new();
        for path in state_file::list(&records(folder), "json")? {
            all.extend(state_file::read::<Self>(&path)?.filter(|raised| is_name(&raised.name)));
        }
        all.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(all)
    }

    /// Writes it down, whole or not at all.
    ///
    /// # Errors
    /// [`Fault`] when the file cannot be written.
    pub fn save(&self, folder: &Path) -> Result<(), Fault> {
        state_file::save(&path(folder, &self.name), self)
    }

    /// It is down.
    pub fn forget(folder: &Path, name: &str) {
        // Where it stays, the next `clean` takes down what is not there, which is no harm.
        let _ = fs::remove_file(path(folder, name));
    }
}

impl Compose {
    /// The name that a project has, or will have; `None` where Compose does not say.
    pub async fn name(&self, project: &Project, call: &CommandContext<'_>) -> Option<String> {
        let name = if let Some(name) = &project.name {
            name.clone()
        } else {
            let text = self.ask(project, &["config", "--no-interpolate", "--format", "json"], call).await.ok()?;
            serde_json::from_str::<Value>(&text).ok()?["name"].as_str()?.to_owned()
        };
        is_name(&name).then_some(name)
    }

    /// The files of the project of this name, as far as it has containers; `None` where there is none.
    ///
    /// # Errors
    /// [`CommandError`] when Compose does not say: then it is not known whether there is one.
    pub async fn standing(&self, name: &str, call: &CommandContext<'_>) -> Result<Option<Vec<PathBuf>>, CommandError> {
        let filter = format!("name=^{name}$");
        let args = ["ls", "--all", "--format", "json", "--filter", &filter];
        let text = self.ask(&Project::default(), &args, call).await?;
        Ok(listed(&text, name)?)
    }

    /// Writes down that a project is about to be brought up, unless it is there already and was not ours.
    ///
    /// # Errors
    /// [`CommandError`] when that cannot be written, or Compose does not say what is there: what is not recorded is not
    /// started, and what may be another's is not recorded.
    pub async fn raise(
        &self,
        project: &Project,
        wanted: Raising<'_>,
        call: &CommandContext<'_>,
    ) -> Result<(), CommandError> {
        let Some(name) = self.name(project, call).await else { return Ok(()) };
        let ours = ComposeRecord::all(wanted.folder)?.iter().any(|raised| raised.name == name);
        if !ours && self.standing(&name, call).await?.is_some() {
            call.log.line(format!("project {name} was there before: `pipeline clean` will leave it").as_bytes());
            return Ok(());
        }
        let Raising { folder, run, during, volumes } = wanted;
        let raised = ComposeRecord { name, run: run.to_owned(), files: project.files.clone(), during, volumes };
        Ok(raised.save(folder)?)
    }
}

/// How a project is about to be brought up.
#[derive(Debug, Clone, Copy)]
pub struct Raising<'a> {
    /// The pipeline's folder.
    pub folder: &'a Path,
    /// The run.
    pub run: &'a str,
    /// Up while others run.
    pub during: bool,
    /// Its named volumes go with it.
    pub volumes: bool,
}

/// The files of `name` in what `compose ls` says.
fn listed(text: &str, name: &str) -> Result<Option<Vec<PathBuf>>, Fault> {
    let list: Vec<Value> = serde_json::from_str(text)
        .map_err(|error| Fault::unknown(format!("what Compose says of its projects cannot be read: {error}")))?;
    let found = list.iter().find(|project| project["Name"] == name);
    Ok(found.map(|found| {
        let files = found["ConfigFiles"].as_str().unwrap_or_default();
        files.split(',').filter(|file| !file.is_empty()).map(PathBuf::from).collect()
    }))
}

/// As Compose allows them: none is a path, an option or a pattern.
fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c))
}

fn records(folder: &Path) -> PathBuf {
    folder.join(".pipeline/compose")
}

fn path(folder: &Path, name: &str) -> PathBuf {
    records(folder).join(format!("{name}.json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raised(name: &str) -> ComposeRecord {
        ComposeRecord {
            name: name.to_owned(),
            run: "r1".to_owned(),
            files: vec!["/p/c.yaml".into()],
            during: true,
            volumes: false,
        }
    }

    #[test]
    fn what_is_written_down_is_found_until_it_is_forgotten() {
        let folder = tempfile::tempdir().expect("a folder");
        assert_eq!(ComposeRecord::all(folder.path()).expect("readable"), []);
        for name in ["b", "a"] {
            raised(name).save(folder.path()).expect("written");
        }
        assert_eq!(ComposeRecord::all(folder.path()).expect("readable"), [raised("a"), raised("b")]);
        ComposeRecord::forget(folder.path(), "a");
        assert_eq!(ComposeRecord::all(folder.path()).expect("readable"), [raised("b")]);
    }

    #[test]
    fn a_record_with_a_name_that_is_none_is_not_believed() {
        let folder = tempfile::tempdir().expect("a folder");
        raised("ok").save(folder.path()).expect("written");
        for name in ["--volumes", "../x", "", "a b", "A"] {
            let text = serde_json::to_string(&raised(name)).expect("text");
            fs::write(records(folder.path()).join("x.json"), text).expect("written");
            assert_eq!(ComposeRecord::all(folder.path()).expect("readable"), [raised("ok")], "{name}");
        }
    }

    #[test]
    fn the_files_of_a_project_are_read_from_the_list() {
        let text = r#"[{"Name":"ab","Status":"running(1)","ConfigFiles":"/x.yaml"},
            {"Name":"a","Status":"exited(1)","ConfigFiles":"/p/a.yaml,/p/b.yaml"}]"#;
        assert_eq!(listed(text, "a"), Ok(Some(vec!["/p/a.yaml".into(), "/p/b.yaml".into()])));
        assert_eq!(listed(text, "b"), Ok(None));
    }

    #[test]
    fn a_list_that_cannot_be_read_does_not_mean_that_there_is_no_project() {
        for text in ["no json", "", "{}"] {
            let fault = listed(text, "a").expect_err("no list");
            assert!(fault.message.starts_with("what Compose says of its projects cannot be read: "), "{fault}");
        }
    }
}
