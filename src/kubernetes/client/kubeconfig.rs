//! Kubeconfig on disk: read as kubectl reads it, and written with one context only for children. Never shows its text.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use kube::config::{Kubeconfig, KubeconfigError};

use crate::core::files::open;
use crate::core::model::outcome::Fault;

/// The merged kubeconfig of `$KUBECONFIG` (a list) or `~/.kube/config`, paths in it absolute.
/// `None` where no file exists.
pub(super) fn read() -> Result<Option<Kubeconfig>, Fault> {
    read_files(&files())
}

fn files() -> Vec<PathBuf> {
    let listed: Vec<PathBuf> = std::env::var_os("KUBECONFIG")
        .map(|list| std::env::split_paths(&list).filter(|path| !path.as_os_str().is_empty()).collect())
        .unwrap_or_default();
    if listed.is_empty() {
        std::env::home_dir().map(|home| home.join(".kube/config")).into_iter().collect()
    } else {
        listed
    }
}

fn read_files(files: &[PathBuf]) -> Result<Option<Kubeconfig>, Fault> {
    let mut merged: Option<Kubeconfig> = None;
    // Like kubectl, a listed file that does not exist is passed over.
    for file in files.iter().filter(|file| file.exists()) {
        // An absolute file makes the paths in it absolute as well.
        let file = std::path::absolute(file).unwrap_or_else(|_| file.clone());
        // read_from would wait for the end of a pipe
        open::open(&file).map_err(|error| not_opened(&file, &error))?;
        let mut next = Kubeconfig::read_from(&file).map_err(|error| unreadable(&file, &error))?;
        plugins_beside(&mut next, &file);
        merged = Some(match merged {
            Some(before) => before.merge(next).map_err(|error| unreadable(&file, &error))?,
            None => next,
        });
    }
    Ok(merged)
}

fn not_opened(file: &Path, error: &std::io::Error) -> Fault {
    Fault::environment(format!("kubeconfig {} cannot be read: {error}", file.display()))
        .help("point KUBECONFIG at a regular file")
}

/// A credential plugin named by a relative path is found from its kubeconfig's folder, as kubectl finds it.
fn plugins_beside(config: &mut Kubeconfig, file: &Path) {
    let users = config.auth_infos.iter_mut().filter_map(|named| named.auth_info.as_mut());
    for command in users.filter_map(|user| user.exec.as_mut()?.command.as_mut()) {
        if command.contains('/') && Path::new(command.as_str()).is_relative() {
            let folder = file.parent().unwrap_or(Path::new("/"));
            *command = folder.join(&*command).to_string_lossy().into_owned();
        }
    }
}

/// The decoder's own words quote the file, credentials and all: they are not repeated.
fn unreadable(file: &Path, error: &KubeconfigError) -> Fault {
    let why = match error {
        KubeconfigError::ReadConfig(error, _) => error.to_string(),
        KubeconfigError::KindMismatch | KubeconfigError::ApiVersionMismatch => {
            "it is of another kind than the files before it".to_owned()
        }
        _ => "it is not a well-formed kubeconfig".to_owned(),
    };
    Fault::environment(format!("kubeconfig {} cannot be read: {why}", file.display()))
        .help("inspect it with `kubectl config view`, or point KUBECONFIG at another file")
}

/// A kubeconfig that holds only `context` with its cluster and user; `namespace` replaces the context's own.
/// `None` where the context or its cluster is not there.
pub(super) fn only(config: Kubeconfig, context: &str, namespace: Option<&str>) -> Option<Kubeconfig> {
    let mut named = config.contexts.into_iter().find(|named| named.name == context)?;
    let inner = named.context.as_mut()?;
    if let Some(namespace) = namespace {
        inner.namespace = Some(namespace.to_owned());
    }
    let clusters: Vec<_> = config.clusters.into_iter().filter(|cluster| cluster.name == inner.cluster).collect();
    let auth_infos = config.auth_infos.into_iter().filter(|user| Some(&user.name) == inner.user.as_ref()).collect();
    (!clusters.is_empty()).then(|| Kubeconfig {
        clusters,
        auth_infos,
        contexts: vec![named],
        current_context: Some(context.to_owned()),
        kind: Some("Config".to_owned()),
        api_version: Some("v1".to_owned()),
        ..Kubeconfig::default()
    })
}

/// The program that the user of `context` signs in with.
pub(super) fn credential_program(config: Kubeconfig, context: &str) -> Option<String> {
    let user = only(config, context, None)?.auth_infos.into_iter().next()?.auth_info?;
    let of_provider = || user.auth_provider.and_then(|provider| provider.config.get("cmd-path").cloned());
    user.exec.and_then(|exec| exec.command).or_else(of_provider)
}

/// Writes it into `folder` with mode 0600 and hands back its path. JSON, which kubectl and helm read as YAML.
pub(super) fn write(config: &Kubeconfig, folder: &Path) -> Result<PathBuf, Fault> {
    let path = folder.join("kubeconfig");
    let text = serde_json::to_vec(config).map_err(|_| Fault::unknown("kubeconfig cannot be written as JSON"))?;
    if fs::read(&path).is_ok_and(|there| there == text) {
        return Ok(path);
    }
    // Steps run side by side: each writes a file of its own, and the rename is all at once.
    let own = folder.join(format!("kubeconfig.{:?}", std::thread::current().id()).replace(['(', ')'], "-"));
    let written = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&own)
        .and_then(|mut file| file.write_all(&text))
        .and_then(|()| fs::rename(&own, &path));
    match written {
        Ok(()) => Ok(path),
        Err(error) => Err(Fault::environment(format!("{} cannot be written: {error}", path.display()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    const TWO: &str = "
current-context: prod
clusters:
- { name: p, cluster: { server: 'https://prod:6443', certificate-authority: ca.crt } }
- { name: m, cluster: { server: 'https://mini:8443' } }
contexts:
- { name: prod, context: { cluster: p, user: boss } }
- { name: minikube, context: { cluster: m, user: me, namespace: mine } }
users:
- { name: boss, user: { token: hunter2 } }
- { name: me, user: { client-key: me.key } }
";

    #[test]
    fn only_the_one_context_reaches_children() {
        let folder = tempfile::tempdir().expect("a folder");
        let source = folder.path().join("config");
        fs::write(&source, TWO).expect("written");
        let config = read_files(&[folder.path().join("missing"), source]).expect("readable").expect("there");
        let only = only(config, "minikube", Some("todo")).expect("the context is there");
        let path = write(&only, folder.path()).expect("written");
        let text = fs::read_to_string(&path).expect("there");
        let key = folder.path().join("me.key");
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&text).expect("JSON"),
            serde_json::json!({
                "apiVersion": "v1", "kind": "Config", "current-context": "minikube",
                "clusters": [{ "name": "m", "cluster": { "server": "https://mini:8443" } }],
                "contexts": [{ "name": "minikube", "context": { "cluster": "m", "user": "me", "namespace": "todo" } }],
                "users": [{ "name": "me", "user": { "client-key": key.to_str() } }],
            })
        );
        assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_relative_plugin_is_found_beside_its_kubeconfig() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("config");
        let user =
            |command: &str| format!("- {{ name: {}, user: {{ exec: {{ command: {command} }} }} }}\n", command.len());
        fs::write(&path, format!("users:\n{}{}", user("./login"), user("aws"))).expect("written");
        let config = read_files(&[path]).expect("readable").expect("there");
        let commands: Vec<_> = config.auth_infos.iter().map(|named| named.auth_info.clone()?.exec?.command).collect();
        let beside = folder.path().join("./login").to_string_lossy().into_owned();
        assert_eq!(commands, [Some(beside), Some("aws".to_owned())]);
    }

    #[test]
    fn no_file_at_all_is_no_kubeconfig() {
        assert!(read_files(&[PathBuf::from("/nonexistent/config")]).expect("no error").is_none());
    }

    #[test]
    fn a_malformed_file_is_named_but_not_quoted() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("config");
        fs::write(&path, "users: [{ name: me, user: { token: [hunter2 ] } }").expect("written");
        let fault = read_files(std::slice::from_ref(&path)).expect_err("malformed");
        assert_eq!(
            fault.message,
            format!("kubeconfig {} cannot be read: it is not a well-formed kubeconfig", path.display())
        );
    }
}
