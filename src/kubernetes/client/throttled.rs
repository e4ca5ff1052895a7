//! Containers that their CPU limit has kept from running, as their nodes count it. Nothing where the nodes do not let this
//! user see their figures.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use kube::api::ListParams;

use super::Cluster;
use crate::core::model::outcome::Finding;

/// How long asking may take in all.
const LIMIT: Duration = Duration::from_secs(3);
/// The share of its periods from which on a container counts, and how many are shown.
const MUCH: f64 = 0.1;
const SHOWN: usize = 3;

/// A container by Pod and name.
type Container = (String, String);

impl Cluster {
    /// The containers of a namespace that were throttled in many of their periods since they started, those most throttled
    /// first.
    pub async fn throttled(&self, namespace: &str) -> Vec<Finding> {
        tokio::time::timeout(LIMIT, self.ask_throttled(namespace)).await.ok().flatten().unwrap_or_default()
    }

    async fn ask_throttled(&self, namespace: &str) -> Option<Vec<Finding>> {
        let pods = self.pods(namespace).await.ok()?.list(&ListParams::default()).await.ok()?;
        let nodes: BTreeSet<String> = pods.items.into_iter().filter_map(|pod| pod.spec?.node_name).collect();
        let client = self.client().await.ok()?;
        let mut counted = BTreeMap::new();
        for node in nodes {
            let url = format!("/api/v1/nodes/{node}/proxy/metrics/cadvisor");
            let request = http::Request::get(url).body(Vec::new()).ok()?;
            counted.extend(periods(&client.request_text(request).await.ok()?, namespace));
        }
        Some(findings(counted))
    }
}

/// All periods and the throttled ones, by container.
fn periods(metrics: &str, namespace: &str) -> BTreeMap<Container, (f64, f64)> {
    let mut counted: BTreeMap<Container, (f64, f64)> = BTreeMap::new();
    let of_namespace = format!("namespace=\"{namespace}\"");
    for line in metrics.lines().filter(|line| line.starts_with("container_cpu_cfs_") && line.contains(&of_namespace)) {
        let value = |label: &str| Some(line.split_once(&format!("{label}=\""))?.1.split_once('"')?.0.to_owned());
        let number = line.rsplit_once('}').and_then(|(_, rest)| rest.split_whitespace().next()?.parse::<f64>().ok());
        let (Some(container), Some(pod), Some(number)) = (value("container"), value("pod"), number) else { continue };
        if container.is_empty() {
            continue;
        }
        let entry = counted.entry((pod, container)).or_default();
        match line.split('{').next() {
            Some("container_cpu_cfs_periods_total") => entry.0 += number,
            Some("container_cpu_cfs_throttled_periods_total") => entry.1 += number,
            _ => {}
        }
    }
    counted
}

fn findings(counted: BTreeMap<Container, (f64, f64)>) -> Vec<Finding> {
    let share = |(all, throttled): (f64, f64)| if all > 0.0 { throttled / all } else { 0.0 };
    let mut much: Vec<(Container, f64)> =
        counted.into_iter().map(|(who, counts)| (who, share(counts))).filter(|(_, share)| *share >= MUCH).collect();
    much.sort_by(|(_, one), (_, other)| other.total_cmp(one));
    let finding = |((pod, container), share): (Container, f64)| {
        let message = format!(
            "container {container}: its CPU limit has kept it from running in {:.0}% of its periods since it started",
            share * 100.0
        );
        Finding::new(format!("pod/{pod}"), "CPUThrottled", message)
    };
    much.into_iter().take(SHOWN).map(finding).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn containers_that_were_throttled_much_are_named_by_how_much() {
        let line = |name: &str, pod: &str, value: u32| {
            format!(
                "container_cpu_cfs_{name}{{container=\"app\",image=\"a\",namespace=\"todo\",pod=\"{pod}\"}} {value} 1700000000\n"
            )
        };
        let metrics = [
            line("periods_total", "slow", 200),
            line("throttled_periods_total", "slow", 86),
            line("periods_total", "well", 200),
            line("throttled_periods_total", "well", 2),
            line("throttled_periods_total", "slow", 9).replace("todo", "other"),
            line("throttled_periods_total", "slow", 9).replace("\"app\"", "\"\""),
        ];
        let found = findings(periods(&metrics.concat(), "todo"));
        assert_eq!(found.len(), 1);
        assert_eq!(
            (found[0].object.as_str(), found[0].message.as_str()),
            (
                "pod/slow",
                "container app: its CPU limit has kept it from running in 43% of its periods since it started"
            )
        );
    }
}
