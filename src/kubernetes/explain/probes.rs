//! Probes that can never succeed: they name a port that their container does not have. Pure.

use serde_json::Value;

use super::json::{items, text};

/// The probes that keep a container from being ready.
const PROBES: [(&str, &str); 2] = [("startupProbe", "startup"), ("readinessProbe", "readiness")];

/// What is wrong with the port of a probe of this container, in words.
pub(super) fn wrong_port(pod: &Value, container: &str) -> Option<String> {
    let lists = ["containers", "initContainers"].map(|list| items(&pod["spec"][list]));
    let spec = lists.into_iter().flatten().find(|it| text(&it["name"]) == container)?;
    let named: Vec<&str> = items(&spec["ports"]).iter().filter_map(|port| port["name"].as_str()).collect();
    PROBES.iter().find_map(|(key, name)| {
        let port = ["httpGet", "tcpSocket"].iter().find_map(|handler| spec[key][handler]["port"].as_str())?;
        // a text of digits is a number
        if named.contains(&port) || port.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let there =
            if named.is_empty() { "none has a name".to_owned() } else { format!("it has {}", named.join(", ")) };
        Some(format!("its {name} probe names the port {port}, which is none of its ports; {there}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn wrong(probe: &Value) -> Option<String> {
        let ports = json!([{ "name": "http", "containerPort": 8080 }]);
        let container = json!({ "name": "app", "ports": ports, "readinessProbe": probe });
        wrong_port(&json!({ "spec": { "containers": [container] } }), "app")
    }

    #[test]
    fn a_probe_by_a_name_that_no_port_has_never_succeeds() {
        let expected = "its readiness probe names the port htp, which is none of its ports; it has http";
        assert_eq!(wrong(&json!({ "httpGet": { "port": "htp" } })).as_deref(), Some(expected));
        for port in [json!("http"), json!(9090), json!("9090")] {
            assert_eq!(wrong(&json!({ "httpGet": { "port": port } })), None);
        }
        assert_eq!(wrong(&json!({ "exec": {} })), None);
    }
}
