//! Reads the providers' own answers. An answer that is not whole is not an answer: it never means "no clusters". Pure.

use serde_json::Value;

use super::Provider;
use super::host::Answer;
use super::reason::first_reason;

/// A container that is a node of a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// The container's id, 64 digits.
    pub id: String,
    /// The container's name.
    pub name: String,
    /// Whether it runs.
    pub running: bool,
}

/// A minikube profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// Its name.
    pub name: String,
    /// Its status (`OK`, `Running`, `Stopped`, …); `None` for one that minikube calls invalid.
    pub status: Option<String>,
    /// Its driver.
    pub driver: String,
    /// The names of its nodes' machines.
    pub machines: Vec<String>,
}

impl Answer {
    /// Its standard output, of a call that ended well and whole lines.
    ///
    /// # Errors
    /// Why it is none.
    pub(super) fn whole(&self) -> Result<&str, String> {
        match self.code {
            Some(0) => {}
            code => {
                let code = code.map_or_else(|| "a signal".to_owned(), |code| format!("exit code {code}"));
                let reason = first_reason(&self.stderr).or_else(|| first_reason(&self.stdout));
                return Err(reason.map_or(code.clone(), |reason| format!("{code}: {reason}")));
            }
        }
        Ok(&self.stdout)
    }
}

/// The names of the clusters in a complete listing.
///
/// # Errors
/// Why the answer is not a complete listing.
pub(super) fn clusters(provider: Provider, answer: &Answer) -> Result<Vec<String>, String> {
    let text = answer.whole()?;
    match provider {
        Provider::Minikube => Ok(minikube_profiles(text)?.into_iter().map(|profile| profile.name).collect()),
        Provider::Kind if text.is_empty() => {
            let none = answer.stderr.contains("No kind clusters found");
            none.then(Vec::new).ok_or_else(|| "it printed neither clusters nor \"No kind clusters found.\"".to_owned())
        }
        Provider::Kind => {
            let lines = text.strip_suffix('\n').ok_or_else(|| format!("its last line is cut: {text:?}"))?;
            let names: Vec<String> = lines.lines().map(|line| line.trim().to_owned()).collect();
            let odd = names.iter().find(|name| name.is_empty() || name.contains(char::is_whitespace));
            odd.map_or(Ok(names.clone()), |line| Err(format!("unexpected line {line:?}")))
        }
        Provider::K3d => {
            let found: Value = serde_json::from_str(text).map_err(|error| format!("incomplete JSON: {error}"))?;
            let list = found.as_array().ok_or("its JSON is not a list")?;
            let names = list.iter().map(|cluster| cluster["name"].as_str().map(str::to_owned));
            names.collect::<Option<Vec<_>>>().ok_or_else(|| "its JSON has a cluster without a name".to_owned())
        }
    }
}

/// The profiles that minikube lists.
///
/// # Errors
/// Why the text is not a complete listing.
pub fn minikube_profiles(text: &str) -> Result<Vec<Profile>, String> {
    let found: Value = serde_json::from_str(text).map_err(|error| format!("incomplete JSON: {error}"))?;
    let mut profiles = Vec::new();
    for list in ["valid", "invalid"] {
        let entries = found[list].as_array().ok_or_else(|| format!("its JSON has no list `{list}`"))?;
        for entry in entries {
            let name = entry["Name"].as_str().ok_or("its JSON has a profile without a name")?.to_owned();
            let config = &entry["Config"];
            let nodes = config["Nodes"].as_array().map(Vec::as_slice).unwrap_or_default();
            // the first node's machine has the profile's name
            let machine = |(at, node): (usize, &Value)| match node["Name"].as_str().unwrap_or_default() {
                _ if at == 0 => name.clone(),
                node => format!("{name}-{node}"),
            };
            profiles.push(Profile {
                machines: nodes.iter().enumerate().map(machine).collect(),
                driver: config["Driver"].as_str().unwrap_or_default().to_owned(),
                status: (list == "valid").then(|| entry["Status"].as_str().unwrap_or("Unknown").to_owned()),
                name,
            });
        }
    }
    Ok(profiles)
}

/// The containers in a complete `docker ps` with id, name and status in columns.
///
/// # Errors
/// Why the answer is not whole.
pub fn containers(answer: &Answer) -> Result<Vec<Node>, String> {
    let text = answer.whole()?;
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let lines = text.strip_suffix('\n').ok_or("its last line is cut")?;
    let node = |line: &str| {
        let mut columns = line.split('\t');
        let (id, name, status) = (columns.next()?, columns.next()?, columns.next()?);
        let is_id = id.len() >= 12 && id.chars().all(|c| c.is_ascii_hexdigit());
        (is_id && !name.is_empty() && !status.is_empty()).then(|| Node {
            id: id.to_owned(),
            name: name.to_owned(),
            running: status.starts_with("Up"),
        })
    };
    lines.lines().map(|line| node(line).ok_or_else(|| format!("unexpected line {line:?}"))).collect()
}
