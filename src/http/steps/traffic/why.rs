//! Why a load does not get through: the Services behind its targets.

use std::time::Instant;

use super::spec::Traffic;
use crate::core::kind::Context;
use crate::core::model::event::EndedEarly;
use crate::core::model::outcome::{Failure, Finding};
use crate::http::host_and_port;
use crate::http::load::PATIENCE;
use crate::kubernetes::explain::Target;
use crate::services::Clients;

impl Traffic {
    fn addresses(&self) -> Vec<(String, u16)> {
        let urls = self.url.iter().map(String::as_str).chain(self.targets.iter().map(|target| target.url.as_str()));
        let mut found: Vec<(String, u16)> = urls.filter_map(host_and_port).collect();
        found.dedup();
        found
    }

    /// What explains that requests are not answered.
    pub(super) async fn explain(&self, cx: &Context) -> Vec<Finding> {
        let cluster = cx.cluster();
        let keep = |name: &str, text: &str| cx.evidence.keep(name, text);
        if let Some(service) = &self.service {
            let namespace = self.namespace.as_deref().unwrap_or_else(|| cx.namespace());
            return cluster.explain(namespace, &Target::Service { name: service.clone() }, &keep).await;
        }
        let mut findings = Vec::new();
        for (host, port) in self.addresses() {
            findings.extend(cluster.explain_address(&host, port, &keep).await);
        }
        findings.dedup();
        findings
    }

    /// The causes that waiting cannot fix.
    pub(super) async fn fatal(&self, cx: &Context) -> Vec<Finding> {
        let cluster = cx.cluster();
        if let Some(service) = &self.service {
            let namespace = self.namespace.as_deref().unwrap_or_else(|| cx.namespace());
            return cluster.fatal(namespace, &Target::Service { name: service.clone() }).await;
        }
        let mut findings = Vec::new();
        for (host, port) in self.addresses() {
            findings.extend(cluster.fatal_address(&host, port).await);
        }
        findings
    }

    /// The failure of a warm-up that a cause ended before its time.
    pub(super) async fn ended_early(&self, begun: Instant, cause: Finding, cx: &Context) -> Failure {
        let of = cx.waits.timeout.map_or(PATIENCE, |timeout| timeout.min(PATIENCE));
        let ended = EndedEarly { after: begun.elapsed(), of: Some(of), cause: cause.cause.clone() };
        let mut findings = self.explain(cx).await;
        if !findings.iter().any(|finding| finding.fatal == cause.fatal) {
            findings.insert(0, cause);
        }
        Failure::new(format!("the warm-up has not come clean; {ended}")).because(findings)
    }
}
