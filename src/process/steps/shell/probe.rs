//! What the cluster of a runner asks a service to find out that it is up. Pure.

use crate::core::kind::executor::Probe;
use crate::http;
use crate::process::tcp::host_and_port;

/// What a cluster asks a service on a runner, for an address of the service's own machine.
pub(super) fn probe_of(tcp: Option<&str>, url: Option<&str>) -> Result<Option<Probe>, String> {
    if let Some((host, port)) = tcp.and_then(host_and_port) {
        own(host)?;
        return Ok(Some(Probe::Tcp { port }));
    }
    let Some(url) = url else { return Ok(None) };
    let parts = http::parts(url)?;
    own(&parts.host)?;
    Ok(Some(Probe::Http { port: parts.port, path: parts.path, tls: parts.tls }))
}

/// Whether a host is the service's own machine.
fn own(host: &str) -> Result<(), String> {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    if ["127.0.0.1", "localhost", "::1", "0.0.0.0", "::"].contains(&host) {
        return Ok(());
    }
    Err(format!("`ready` of a service on a runner names a port of its own, not one of `{host}`"))
}
