//! What Compose says of a container: `ps --format json`, a list or one object a line. Pure.

use serde::Deserialize;
use serde_json::Value;

/// A service's container, or that it has none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Service {
    /// The service's name.
    pub name: String,
    /// The container's; empty where there is none.
    pub container: String,
    /// `running`, `exited`, `restarting`, …; empty where there is none.
    pub state: String,
    /// `healthy`, `unhealthy`, `starting`; empty without a health check.
    pub health: String,
    /// Its last exit code.
    pub exit_code: i64,
    /// Published ports: of the container, of this machine.
    pub ports: Vec<(u16, u16)>,
}

/// How far a service is on its way up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Healthy, or running without a health check, or ended with exit code 0.
    Well,
    /// Not yet, for this reason.
    Waiting(String),
    /// It will not get there.
    Bad(String),
}

impl Service {
    /// A service without a container.
    pub fn absent(name: &str) -> Self {
        Service { name: name.to_owned(), ..Service::default() }
    }

    /// Its state.
    pub fn standing(&self) -> Standing {
        match (self.state.as_str(), self.health.as_str()) {
            ("", _) => Standing::Bad("has no container".to_owned()),
            ("running", "" | "healthy") => Standing::Well,
            ("running", "unhealthy") => Standing::Bad("is unhealthy".to_owned()),
            ("running", health) => Standing::Waiting(format!("is not healthy yet ({health})")),
            ("exited", _) if self.exit_code == 0 => Standing::Well,
            ("exited" | "dead", _) => Standing::Bad(format!("ended with exit code {}", self.exit_code)),
            ("restarting", _) => Standing::Waiting(format!("is restarting (exit code {})", self.exit_code)),
            ("created" | "starting" | "configured" | "initialized", _) => {
                Standing::Waiting("was not started yet".to_owned())
            }
            (state, _) => Standing::Bad(format!("is {state}")),
        }
    }

    /// Service and standing as a sentence: `service backend is unhealthy`.
    pub fn shown(&self) -> String {
        match self.standing() {
            Standing::Well if self.state == "exited" => format!("service {} has ended well", self.name),
            Standing::Well => format!("service {} is up", self.name),
            Standing::Waiting(words) | Standing::Bad(words) => format!("service {} {words}", self.name),
        }
    }
}

/// One container, as Compose (Docker's) and podman-compose write it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Row {
    #[serde(default)]
    service: Option<String>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    names: Value,
    #[serde(default)]
    labels: Value,
    #[serde(default)]
    state: String,
    #[serde(default)]
    health: Option<String>,
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    exit_code: i64,
    #[serde(default)]
    publishers: Option<Vec<Publisher>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Publisher {
    #[serde(default)]
    target_port: u16,
    #[serde(default)]
    published_port: u16,
}

/// Reads what `ps` says.
///
/// # Errors
/// Where it is not JSON of that kind.
pub fn read(text: &str) -> Result<Vec<Service>, serde_json::Error> {
    let rows: Vec<Row> = if text.trim_start().starts_with('[') {
        serde_json::from_str(text)?
    } else {
        text.lines().filter(|line| !line.trim().is_empty()).map(serde_json::from_str).collect::<Result<_, _>>()?
    };
    Ok(rows.into_iter().filter_map(Row::service).collect())
}

impl Row {
    /// `None` for a container that belongs to no service.
    fn service(self) -> Option<Service> {
        let label = || self.labels["com.docker.compose.service"].as_str().map(str::to_owned);
        let name = self.service.clone().filter(|name| !name.is_empty()).or_else(label)?;
        let container = self.name.clone().or_else(|| self.names[0].as_str().map(str::to_owned)).unwrap_or_default();
        let status = self.status.as_deref().unwrap_or_default().to_lowercase();
        let reported = ["unhealthy", "healthy", "starting"].into_iter().find(|word| status.contains(word));
        let health = self.health.filter(|health| !health.is_empty()).or_else(|| reported.map(str::to_owned));
        let mut ports: Vec<(u16, u16)> = self
            .publishers
            .iter()
            .flatten()
            .filter(|port| port.published_port != 0)
            .map(|port| (port.target_port, port.published_port))
            .collect();
        ports.sort_unstable();
        ports.dedup();
        Some(Service {
            name,
            container,
            state: self.state.to_lowercase(),
            health: health.unwrap_or_default(),
            exit_code: self.exit_code,
            ports,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_line_an_object_as_docker_writes_it() {
        let text = r#"{"ExitCode":7,"Health":"","Name":"x-bad-1","Publishers":[],"Service":"bad","State":"exited","Labels":"a=b"}
{"ExitCode":0,"Health":"healthy","Name":"x-web-1","Service":"web","State":"running","Publishers":[{"URL":"0.0.0.0","TargetPort":80,"PublishedPort":8080,"Protocol":"tcp"},{"URL":"::","TargetPort":80,"PublishedPort":8080,"Protocol":"tcp"}]}
"#;
        let services = read(text).expect("well formed");
        assert_eq!(
            services.iter().map(Service::shown).collect::<Vec<_>>(),
            ["service bad ended with exit code 7", "service web is up"]
        );
        assert_eq!(services[1].ports, [(80, 8080)]);
    }

    #[test]
    fn reads_a_list_as_older_versions_and_podman_write_it() {
        let text = r#"[{"Names":["x_db_1"],"State":"running","Status":"Up 2 seconds (starting)","Labels":{"com.docker.compose.service":"db"}},
            {"Names":["other"],"State":"running","Labels":{}}]"#;
        let services = read(text).expect("well formed");
        assert_eq!(
            services.iter().map(|service| (service.container.as_str(), service.standing())).collect::<Vec<_>>(),
            [("x_db_1", Standing::Waiting("is not healthy yet (starting)".to_owned()))]
        );
        assert_eq!(read("").expect("no containers"), []);
    }

    #[test]
    fn tells_well_from_not_yet_and_from_never() {
        let stands = |state: &str, health: &str, exit_code| {
            Service { state: state.into(), health: health.into(), exit_code, ..Service::absent("a") }.standing()
        };
        assert_eq!(stands("running", "", 0), Standing::Well);
        assert_eq!(stands("exited", "", 0), Standing::Well);
        assert_eq!(stands("running", "unhealthy", 0), Standing::Bad("is unhealthy".to_owned()));
        assert_eq!(stands("restarting", "", 1), Standing::Waiting("is restarting (exit code 1)".to_owned()));
        assert_eq!(stands("paused", "", 0), Standing::Bad("is paused".to_owned()));
        assert_eq!(Service::absent("a").shown(), "service a has no container");
    }
}
