//! All that the containers of Pods wrote in a span of time, line by line; and what of it cannot be read any more.

use std::collections::BTreeSet;
use std::fmt;

use futures::io::{AsyncBufReadExt, AsyncReadExt};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, ListParams, LogParams};

use super::super::client::pods::By;
use super::super::client::{Cluster, ClusterError, PodTarget};
use super::lives::{self, Instance, Instances};
use super::rotated::{self, Beginning, Missing};
use super::{has_none, not_of_the_application, read};
use crate::core::model::units::{ByteSize, counted};

/// Bytes of one log that are read. A node rotates its log files before, at 10 MiB by default.
const LOG_LIMIT: u64 = 64 << 20;

/// Which lines.
#[derive(Debug, Clone, Copy, Default)]
pub struct LogQuery<'a> {
    /// Only of this container.
    pub container: Option<&'a str>,
    /// Only written since then.
    pub since: Option<Timestamp>,
}

/// An instance of a container, as people name it: `web-1 app`, `web-1 app (before its restart)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSource {
    /// The Pod's name.
    pub pod: String,
    /// The container's name.
    pub container: String,
    /// Whether it is the instance before the last restart.
    pub previous: bool,
}

impl fmt::Display for LogSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let previous = if self.previous { " (before its restart)" } else { "" };
        write!(f, "{} {}{previous}", self.pod, self.container)
    }
}

/// What was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogScan {
    /// Names of the Pods that the target means, those that are being deleted included.
    pub pods: BTreeSet<String>,
    /// The uids of these Pods.
    pub uids: BTreeSet<String>,
    /// Names of their containers.
    pub containers: BTreeSet<String>,
    /// Logs that were read: at least one for every container that has started.
    pub logs: usize,
    /// What could not be read, in words: `web-1 app: the logs of 2 earlier instances are gone`.
    pub gaps: Vec<String>,
}

/// How the reading of one log ended.
enum End {
    Read(Option<Beginning>),
    /// The container has none.
    None,
    /// It cannot be read.
    Gap(String),
}

impl Cluster {
    /// Hands every line to `each`, with the place it comes from: of all containers of the target's Pods, init containers
    /// and the instance before a restart included.
    ///
    /// # Errors
    /// [`ClusterError`] when the target is not there, a log may not be read, or one breaks off.
    pub async fn scan_logs(
        &self,
        namespace: &str,
        target: &PodTarget,
        query: LogQuery<'_>,
        each: &mut (dyn FnMut(&LogSource, &str) + Send),
    ) -> Result<LogScan, ClusterError> {
        let api = self.pods(namespace).await?;
        let pods = match self.find_pods(namespace, target).await?.by {
            By::Name(name) => vec![self.ask(&format!("get pod/{name}"), api.get(&name)).await?],
            By::Labels(selector) => {
                let wanted = ListParams::default().labels(&selector);
                self.list(&format!("list pods {selector}"), &api, wanted).await?
            }
        };
        let mut scan = LogScan::default();
        for pod in &pods {
            scan.pods.extend(pod.metadata.name.clone());
            scan.uids.extend(pod.metadata.uid.clone());
            scan.containers.extend(lives::names(pod));
            self.scan_pod(&api, pod, query, each, &mut scan).await?;
        }
        Ok(scan)
    }

    async fn scan_pod(
        &self,
        api: &Api<Pod>,
        pod: &Pod,
        query: LogQuery<'_>,
        each: &mut (dyn FnMut(&LogSource, &str) + Send),
        scan: &mut LogScan,
    ) -> Result<(), ClusterError> {
        let name = pod.metadata.name.clone().unwrap_or_default();
        let meant = |container: &str| query.container.is_none_or(|only| only == container);
        for status in lives::statuses(pod).filter(|status| meant(&status.name)) {
            let instances = Instances::of(status);
            match instances.gone_since(query.since) {
                0 => {}
                gone => {
                    let are = if gone == 1 { "the log of 1 earlier instance is" } else { "the logs of" };
                    let rest = if gone == 1 { String::new() } else { format!(" {gone} earlier instances are") };
                    scan.gaps.push(format!("{name} {}: {are}{rest} gone", status.name));
                }
            }
            let within = |of: &&Instance| query.since.zip(of.ended).is_none_or(|(since, ended)| ended >= since);
            for of in instances.readable.iter().filter(within) {
                let source = LogSource { pod: name.clone(), container: of.container.clone(), previous: of.previous };
                match self.scan_log(api, &source, query.since, each).await? {
                    End::None => {}
                    End::Gap(why) => scan.gaps.push(format!("{source}: {why}")),
                    End::Read(begins) => {
                        scan.logs += 1;
                        let gap = self.rotation(api, pod, of, &source, begins, query.since).await?;
                        scan.gaps.extend(gap.map(|why| format!("{source}: {why}")));
                    }
                }
            }
        }
        Ok(())
    }

    async fn scan_log(
        &self,
        api: &Api<Pod>,
        source: &LogSource,
        since: Option<Timestamp>,
        each: &mut (dyn FnMut(&LogSource, &str) + Send),
    ) -> Result<End, ClusterError> {
        let doing = format!("read the log of {} in pod/{}", source.container, source.pod);
        let params = LogParams { since_time: since, ..params(source) };
        let stream = match self.ask(&doing, api.log_stream(&source.pod, &params)).await {
            Ok(stream) => stream,
            Err(ClusterError::Refused(refusal)) if has_none(&refusal) && !source.previous => return Ok(End::None),
            Err(ClusterError::Refused(refusal)) if has_none(&refusal) => {
                return Ok(End::Gap("its log is gone".to_owned()));
            }
            Err(ClusterError::Refused(refusal)) if refusal.is_missing() => {
                return Ok(End::Gap("the Pod was removed while it was read".to_owned()));
            }
            Err(trouble) => return Err(trouble),
        };
        let mut stream = stream.take(LOG_LIMIT);
        let (mut line, mut bytes, mut begins) = (Vec::new(), 0_u64, None);
        loop {
            line.clear();
            let read = stream.read_until(b'\n', &mut line).await.map_err(|error| read::broken(&doing, &error))?;
            if read == 0 {
                break;
            }
            bytes += read as u64;
            let text = String::from_utf8_lossy(line.trim_ascii_end());
            if not_of_the_application(&text) {
                return Ok(End::Gap(text.into_owned()));
            }
            let (at, text) = timed(&text);
            if let Some(at) = at {
                begins.get_or_insert(at);
                // the server's window begins with a whole second
                if since.is_some_and(|since| at < since) {
                    continue;
                }
            }
            each(source, text);
        }
        if bytes >= LOG_LIMIT {
            let limit = ByteSize(LOG_LIMIT);
            return Ok(End::Gap(format!("its log is larger than {limit}, and only its beginning was read")));
        }
        Ok(End::Read(begins.map(|first| Beginning { first, bytes, counted_from: since.unwrap_or(first) })))
    }

    /// What is missing of a log because the node has rotated it.
    async fn rotation(
        &self,
        api: &Api<Pod>,
        pod: &Pod,
        of: &Instance,
        source: &LogSource,
        read: Option<Beginning>,
        since: Option<Timestamp>,
    ) -> Result<Option<String>, ClusterError> {
        // only a container that was there before the window can have an older first line
        let older = since.is_some_and(|since| of.started.is_none_or(|started| started < since));
        let first = if older || read.is_none() { self.first_line(api, source).await? } else { None };
        let Some(first) = first.or(read.map(|read| read.first)) else { return Ok(None) };
        let now = Timestamp::now();
        let begins =
            read.map_or(Beginning { first, bytes: 0, counted_from: first }, |read| Beginning { first, ..read });
        if rotated::missing(&begins, since) == Missing::Nothing {
            return Ok(None);
        }
        let lost = match self.rotated(api, pod, of).await {
            Ok(newest) => newest.is_some_and(|newest| since.is_none_or(|since| newest >= since)),
            Err(()) => rotated::is_likely(of, &begins, now),
        };
        let why =
            || format!("its node has rotated its log: what is readable begins at {}", first.strftime("%H:%M:%SZ"));
        Ok(lost.then(why))
    }

    /// The time of the first line that a log has.
    async fn first_line(&self, api: &Api<Pod>, source: &LogSource) -> Result<Option<Timestamp>, ClusterError> {
        let doing = format!("read the log of {} in pod/{}", source.container, source.pod);
        let params = LogParams { limit_bytes: Some(64), ..params(source) };
        match self.ask(&doing, api.logs(&source.pod, &params)).await {
            Ok(text) => Ok(timed(&text).0),
            Err(ClusterError::Refused(_)) => Ok(None),
            Err(trouble) => Err(trouble),
        }
    }
}

fn params(source: &LogSource) -> LogParams {
    LogParams {
        container: Some(source.container.clone()),
        previous: source.previous,
        timestamps: true,
        ..LogParams::default()
    }
}

/// The node's time in front of a line, and the line.
fn timed(line: &str) -> (Option<Timestamp>, &str) {
    let (stamp, text) = line.split_once(' ').unwrap_or((line, ""));
    match stamp.parse() {
        Ok(at) => (Some(at), text),
        Err(_) => (None, line),
    }
}

impl LogScan {
    /// `2 logs of 1 pod`.
    pub fn counted(&self) -> String {
        let logs = u64::try_from(self.logs).unwrap_or(u64::MAX);
        format!("{} of {}", counted(logs, "log"), counted(self.pods.len() as u64, "pod"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nodes_time_is_not_part_of_the_line() {
        let at = "2026-11-30T12:00:00.5Z".parse().ok();
        assert_eq!(timed("2026-11-30T12:00:00.500000000Z hello you"), (at, "hello you"));
        assert_eq!(timed("2026-11-30T12:00:00.500000000Z"), (at, ""));
        assert_eq!(timed("hello you"), (None, "hello you"));
    }
}
