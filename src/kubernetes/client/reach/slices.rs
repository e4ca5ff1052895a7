//! The ready addresses of a Service in its `EndpointSlices`. Pure.

use std::net::{IpAddr, SocketAddr};

use serde_json::Value;

use crate::kubernetes::client::watch::Objects;

/// The port that is wanted of an `EndpointSlice`.
#[derive(Debug, Clone, Default)]
pub(super) struct SlicePort {
    /// Its name; empty for one without.
    pub name: String,
    /// Its number, where the Service lists none: a headless one leads to every port of its Pods.
    pub unlisted: Option<u16>,
}

/// The ready addresses of a Service.
pub(super) fn ready(objects: &Objects, service: &str, port: &SlicePort) -> Vec<SocketAddr> {
    let mut found: Vec<SocketAddr> = objects
        .list()
        .iter()
        .filter(|slice| {
            let labels = slice.metadata.labels.as_ref();
            labels.and_then(|labels| labels.get("kubernetes.io/service-name")).is_some_and(|name| name == service)
        })
        .flat_map(|slice| slice_addresses(&slice.data, port))
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}

fn slice_addresses(slice: &Value, wanted: &SlicePort) -> Vec<SocketAddr> {
    let ports = slice["ports"].as_array().cloned().unwrap_or_default();
    let same = |port: &&Value| port["name"].as_str().unwrap_or_default() == wanted.name;
    let listed = || ports.iter().find(same).and_then(|port| u16::try_from(port["port"].as_u64()?).ok());
    let Some(port) = wanted.unlisted.or_else(listed) else { return Vec::new() };
    let endpoints = slice["endpoints"].as_array().cloned().unwrap_or_default();
    let ready = endpoints.iter().filter(|endpoint| endpoint["conditions"]["ready"] != false);
    let addresses = ready.flat_map(|endpoint| endpoint["addresses"].as_array().cloned().unwrap_or_default());
    let parsed = addresses.filter_map(|address| address.as_str()?.parse::<IpAddr>().ok());
    parsed.map(|ip| SocketAddr::new(ip, port)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_ready_endpoints_are_asked() {
        let slice = json!({
            "ports": [{ "name": "http", "port": 8080 }],
            "endpoints": [
                { "addresses": ["10.1.0.1"], "conditions": { "ready": true } },
                { "addresses": ["10.1.0.2"], "conditions": { "ready": false, "terminating": true } },
                { "addresses": ["10.1.0.3"], "conditions": {} },
            ],
        });
        let expected: Vec<SocketAddr> =
            ["10.1.0.1:8080", "10.1.0.3:8080"].map(|text| text.parse().expect("an address")).to_vec();
        let named = |name: &str| SlicePort { name: name.to_owned(), unlisted: None };
        assert_eq!(slice_addresses(&slice, &named("http")), expected);
        assert_eq!(slice_addresses(&slice, &named("")), []);
    }

    #[test]
    fn a_service_that_lists_no_port_leads_to_the_one_that_is_asked_for() {
        let slice = json!({ "ports": [], "endpoints": [{ "addresses": ["10.1.0.1"] }] });
        let any = SlicePort { unlisted: Some(8080), ..SlicePort::default() };
        assert_eq!(slice_addresses(&slice, &any), ["10.1.0.1:8080".parse().expect("an address")]);
    }
}
