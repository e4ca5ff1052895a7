//! Whether the node has rotated a container's log: the API server hands out its newest file alone.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::api::Api;

use super::super::client::Cluster;
use super::lives::Instance;

/// The size at which a node rotates a log if it is not configured otherwise, with some allowance.
const USUAL_SIZE: f64 = 8e6;

/// What is known of a log's beginning.
#[derive(Debug, Clone, Copy)]
pub(super) struct Beginning {
    /// The time of its first line.
    pub first: Timestamp,
    /// The bytes read, from the window's start or the first line on.
    pub bytes: u64,
    /// Since when the bytes were counted.
    pub counted_from: Timestamp,
}

/// What is missing of a log between `from` (or the container's start) and its first line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Missing {
    /// Nothing can be missing.
    Nothing,
    /// The node must say whether there are older files.
    AskNode,
}

/// Whether lines may be missing before the log's first one. A first line soon after the container's start proves nothing:
/// a node may rotate a log that fills up at once in the same second.
pub(super) fn missing(begins: &Beginning, from: Option<Timestamp>) -> Missing {
    let covered = from.is_some_and(|from| begins.first <= from);
    if covered { Missing::Nothing } else { Missing::AskNode }
}

/// Whether a container that writes as much as this one does has filled a log since its start. For nodes that do not let
/// this user see their log files.
pub(super) fn is_likely(of: &Instance, begins: &Beginning, now: Timestamp) -> bool {
    let until = of.ended.unwrap_or(now);
    let seconds = |from: Timestamp| until.duration_since(from).as_secs_f64().max(1.0);
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    let rate = begins.bytes as f64 / seconds(begins.counted_from.max(begins.first));
    of.started.is_none_or(|started| rate * seconds(started) > USUAL_SIZE)
}

impl Cluster {
    /// The time of the newest rotation of an instance's log, as its node tells it; `Err` where the node does not tell it.
    pub(super) async fn rotated(&self, api: &Api<Pod>, pod: &Pod, of: &Instance) -> Result<Option<Timestamp>, ()> {
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        let (meta, node) = (&pod.metadata, pod.spec.as_ref().and_then(|spec| spec.node_name.clone()));
        let folder = format!("{}_{}_{}", text(&meta.namespace), text(&meta.name), text(&meta.uid));
        let node = node.ok_or(())?;
        let url = format!("/api/v1/nodes/{node}/proxy/logs/pods/{folder}/{}/", of.container);
        let request = http::Request::get(url).body(Vec::new()).map_err(drop)?;
        let page = api.clone().into_client().request_text(request).await.map_err(drop)?;
        newest(&page, of.restarts)
    }
}

/// The newest `0.log.20261130-123456` of a folder's page; `Err` where the page does not show the log itself.
fn newest(page: &str, restarts: i32) -> Result<Option<Timestamp>, ()> {
    let log = format!("{restarts}.log");
    let names: Vec<&str> = page.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    let is_there = names.contains(&log.as_str());
    let rotated = names.iter().filter_map(|name| name.strip_prefix(&log)?.strip_prefix('.'));
    let time = |stamp: &str| {
        let stamp = stamp.split('.').next()?;
        let time = jiff::civil::DateTime::strptime("%Y%m%d-%H%M%S", stamp).ok()?;
        Some(time.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
    };
    // a name that cannot be read is as new as can be
    let newest = rotated.map(|stamp| time(stamp).unwrap_or(Timestamp::MAX)).max();
    if is_there || newest.is_some() { Ok(newest) } else { Err(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).expect("a time")
    }

    fn instance(started: i64) -> Instance {
        let (container, restarts, previous) = ("app".to_owned(), 0, false);
        Instance { container, restarts, previous, started: Some(at(started)), ended: None }
    }

    fn begins(first: i64, bytes: u64) -> Beginning {
        Beginning { first: at(first), bytes, counted_from: at(first) }
    }

    #[test]
    fn only_a_log_from_before_the_window_surely_lacks_nothing() {
        let missing = |first, from: Option<i64>| missing(&begins(first, 1), from.map(at));
        assert_eq!(missing(101, None), Missing::AskNode);
        assert_eq!(missing(400, Some(500)), Missing::Nothing);
        assert_eq!(missing(400, Some(300)), Missing::AskNode);
        assert_eq!(missing(400, None), Missing::AskNode);
    }

    #[test]
    fn a_container_that_writes_much_has_probably_filled_a_log() {
        // 10 kB/s: 10 MB in 1000 s
        assert!(is_likely(&instance(0), &begins(990, 100_000), at(1000)));
        assert!(!is_likely(&instance(0), &begins(500, 100_000), at(1000)));
    }

    #[test]
    fn the_folder_of_a_node_names_rotated_files_with_their_time() {
        let page = |names: &[&str]| {
            let links = names.iter().map(|name| format!("<a href=\"{name}\">{name}</a>\n"));
            format!("<pre>\n{}</pre>", links.collect::<String>())
        };
        let time = "2026-11-30T12:34:56Z".parse::<Timestamp>().ok();
        assert_eq!(newest(&page(&["0.log"]), 0), Ok(None));
        assert_eq!(newest(&page(&["0.log", "0.log.20261130-123456.gz", "0.log.20261130-113456.gz"]), 0), Ok(time));
        assert_eq!(newest(&page(&["1.log", "0.log.20261130-123456"]), 1), Ok(None));
        assert_eq!(newest(&page(&["0.log", "0.log.tmp"]), 0), Ok(Some(Timestamp::MAX)));
        assert_eq!(newest("not found", 0), Err(()));
    }
}
