//! The log of a container that runs once, live and in order, through streams that break off.

use std::time::{Duration, Instant};

use futures::io::{AsyncBufRead, AsyncBufReadExt};
use kube::api::LogParams;

use super::StartedJob;
use super::end::{JobEnd, Phase};
use super::manifest::CONTAINER;
use super::stamps::Stamps;
use crate::core::model::outcome::Fault;
use crate::kubernetes::client::ClusterError;
use crate::process::{LINE_LIMIT, LineSink, Lines};

/// A stream that ends this long before the container's end was seen has come to the log's end.
const SAME_END: Duration = Duration::from_secs(3);
/// Between two attempts to read a log.
const PAUSE: Duration = Duration::from_millis(300);
/// How long a log is tried for once its container is over.
const PATIENCE: Duration = Duration::from_secs(20);

/// Text that was read and not handed on yet.
#[derive(Default)]
struct Pending {
    stamps: Stamps,
    lines: Lines,
    text: Vec<u8>,
}

impl StartedJob<'_> {
    /// Hands the lines of its log to `sink` as they come, and says how it ended.
    ///
    /// # Errors
    /// [`Fault`] when the cluster gives no answer.
    pub async fn finish(&self, sink: &dyn LineSink) -> Result<JobEnd, Fault> {
        if let Phase::Over(end) = self.begun().await?
            && !end.has_run()
        {
            return Ok(end);
        }
        let mut pending = Pending::default();
        let whole = self.read_log(&mut pending, sink).await;
        let end = self.ended().await?;
        pending.lines.end(&mut pending.text, sink);
        if let Err(why) = whole {
            sink.line(format!("the log breaks off: {why}").as_bytes());
        }
        Ok(end)
    }

    /// Reads until the container is over and its log at its end; why there is no more where that cannot be.
    async fn read_log(&self, pending: &mut Pending, sink: &dyn LineSink) -> Result<(), String> {
        let mut failing: Option<Instant> = None;
        loop {
            let was_over = self.is_over();
            pending.stamps.reopen();
            match self.read_stream(pending, sink).await {
                Ok(()) if was_over => return Ok(()),
                Ok(()) => {
                    failing = None;
                    if let Ok(Ok(_)) = tokio::time::timeout(SAME_END, self.ended()).await {
                        return Ok(());
                    }
                }
                Err(why) => {
                    let since = *failing.get_or_insert_with(Instant::now);
                    if was_over && (self.pod().is_none() || since.elapsed() > PATIENCE) {
                        return Err(why);
                    }
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn read_stream(&self, pending: &mut Pending, sink: &dyn LineSink) -> Result<(), String> {
        let Some(pod) = self.pod_name() else { return Err("the pod is gone".to_owned()) };
        let parameters = LogParams {
            container: Some(CONTAINER.to_owned()),
            follow: true,
            timestamps: true,
            since_time: pending.stamps.since().and_then(|stamp| stamp.parse().ok()),
            ..LogParams::default()
        };
        let api = self.cluster.pods(&self.namespace).await.map_err(|fault| fault.message)?;
        let opened = self.cluster.ask("read the log", api.log_stream(&pod, &parameters)).await;
        let stream = opened.map_err(|trouble| match trouble {
            ClusterError::Refused(refusal) => refusal.message,
            ClusterError::Fault(fault) => fault.message,
        })?;
        pending.read(stream, sink).await.map_err(|error| error.to_string())
    }
}

impl Pending {
    async fn read(&mut self, mut stream: impl AsyncBufRead + Unpin, sink: &dyn LineSink) -> std::io::Result<()> {
        loop {
            let read = stream.fill_buf().await?;
            if read.is_empty() {
                return Ok(());
            }
            let length = read.len();
            // in parts: a line is handed on in pieces of the limit
            for part in read.chunks(LINE_LIMIT / 4) {
                let mut new = Vec::new();
                self.stamps.take(part, &mut new);
                self.hand_on(&new, sink);
            }
            stream.consume_unpin(length);
        }
    }

    fn hand_on(&mut self, mut new: &[u8], sink: &dyn LineSink) {
        while !new.is_empty() {
            let room = LINE_LIMIT.saturating_sub(self.text.len()).max(1);
            let (now, later) = new.split_at(room.min(new.len()));
            self.text.extend_from_slice(now);
            self.lines.take(&mut self.text, sink);
            new = later;
        }
    }
}
