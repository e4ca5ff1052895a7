//! What the drivers must know of a run, from pipeline.yaml and the chosen context.

use std::net::IpAddr;
use std::path::{Component, Path, PathBuf};

use crate::core::kind::settings::{ClusterSettings, FreshSettings, Settings};
use crate::core::model::diagnostic::{Code, Diagnostic, Diagnostics, did_you_mean};
use crate::core::spec::{ClusterSpec, FreshSpec, KeepNamespace, NamespaceSpec, PipelineSpec, SecretSource};
use crate::core::yaml::Node;

/// The settings of a pipeline whose folder is `root`, with the profile and the cluster's context that were chosen.
pub(super) fn settings(
    mut spec: PipelineSpec,
    profile: Option<&str>,
    context: Option<String>,
    root: &Path,
) -> Settings {
    let plain =
        |file: &str| Path::new(file).components().filter(|part| *part != Component::CurDir).collect::<PathBuf>();
    let secret_files = spec.secrets.values().flat_map(SecretSource::files).map(plain).collect();
    let spec_name = spec.pipeline;
    let mut cluster = spec.cluster.unwrap_or_default();
    let of_profile = profile.and_then(|profile| spec.profiles.shift_remove(profile)?.cluster?.address);
    let address = of_profile.or(cluster.address);
    let any_is_context = cluster.contexts.iter().any(|context| context == ClusterSpec::ANY);
    let load = if any_is_context { None } else { cluster.load.shift_remove(ClusterSpec::ANY) };
    let loads = cluster.load.into_iter().collect();
    let (namespace, fresh) = match cluster.namespace {
        None => (None, None),
        Some(NamespaceSpec::Name(name)) => (Some(name), None),
        Some(NamespaceSpec::Fresh(spec)) => (None, Some(fresh(spec, &spec_name))),
    };
    Settings {
        project: root.canonicalize().unwrap_or_else(|_| root.to_owned()),
        cluster: ClusterSettings { contexts: cluster.contexts, namespace, fresh, context, address, load, loads },
        secret_files,
        runners: spec.runners.into_iter().map(|(name, runner)| (name, runner.pod.settings())).collect(),
    }
}

/// A namespace for each run of `pipeline`.
fn fresh(spec: FreshSpec, pipeline: &str) -> FreshSettings {
    FreshSettings {
        prefix: spec.fresh,
        pipeline: pipeline.to_owned(),
        keep_failed: spec.keep == KeepNamespace::Failed,
        expires: spec.expires.map_or(FreshSettings::EXPIRES, |time| time.0),
        origin: None,
    }
}

/// That every `cluster.address` is a host: no URL, no port.
pub(super) fn check_addresses(spec: &PipelineSpec, node: &Node, out: &mut Diagnostics) {
    let own = spec.cluster.iter().map(|cluster| (vec!["cluster".into(), "address".into()], &cluster.address));
    let of_profiles = spec.profiles.iter().filter_map(|(name, profile)| {
        let path = ["profiles", name.as_str(), "cluster", "address"].map(Into::into).to_vec();
        Some((path, &profile.cluster.as_ref()?.address))
    });
    for (path, address) in own.chain(of_profiles) {
        let Some(address) = address.as_deref().filter(|address| !is_host(address)) else { continue };
        let message = format!("`{address}` is not the name or the IP address of a host");
        let help = "write it without a scheme and a port, such as `address: 127.0.0.1`";
        out.push(Diagnostic::error(Code::InvalidValue, node.span_at(&path), message).help(help));
    }
}

fn is_host(text: &str) -> bool {
    let in_name = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    text.parse::<IpAddr>().is_ok() || (!text.is_empty() && text.len() <= 253 && text.chars().all(in_name))
}

/// That every command under `cluster.load` is bound to a context that may be touched.
pub(super) fn check_loaders(spec: &PipelineSpec, node: &Node, out: &mut Diagnostics) {
    let Some(cluster) = &spec.cluster else { return };
    for (context, command) in &cluster.load {
        let span = node.span_at(&["cluster".into(), "load".into(), context.as_str().into()]);
        if context != ClusterSpec::ANY && !cluster.contexts.contains(context) {
            let message = format!("`load` names context \"{context}\", which is not in `contexts`");
            let help = did_you_mean(context, cluster.contexts.iter().map(String::as_str));
            out.push(Diagnostic::error(Code::InvalidReference, span, message).maybe_help(help));
        } else if command.first().is_none_or(String::is_empty) {
            let help = Some("write `[program, argument]`".to_owned());
            out.push(Diagnostic::error(Code::InvalidValue, span, "this command names no program").maybe_help(help));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::is_host;

    #[test]
    fn a_host_is_a_name_or_an_ip_address() {
        for host in ["127.0.0.1", "::1", "localhost", "node-1.example.org"] {
            assert!(is_host(host), "{host}");
        }
        for other in ["", "http://127.0.0.1", "127.0.0.1:80", "[::1]", "a b"] {
            assert!(!is_host(other), "{other}");
        }
    }
}
