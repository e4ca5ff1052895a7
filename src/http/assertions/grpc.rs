//! `grpc`: what a gRPC server says of itself: its health, and by reflection which services it has.

#[cfg(test)]
mod tests;

use std::time::Duration;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::core::kind::{Assertion, AssertionKind, CheckContext, Context, ExistingPath};
use crate::core::model::diagnostic::Code;
use crate::core::model::expect::Expect;
use crate::core::model::outcome::{Failure, Fault, Finding, Measure, Verdict};
use crate::core::model::units::{Text, TimeSpan};
use crate::http::Trust;
use crate::http::grpc::{self, GrpcError, Server};
use crate::kubernetes::client::reach::{Via, Wanted};
use crate::kubernetes::service::ServiceName;
use crate::process::command_context::CommandError;
use crate::process::tcp;
use crate::services::Clients;

/// The row of `grpc`.
pub const KIND: AssertionKind = AssertionKind::assertion::<Grpc>(
    "grpc",
    "a gRPC server says that it serves (health protocol), and which services it has (reflection)",
    "address: 127.0.0.1:50051\nname: shop.v1.Cart\ntime: \"< 100ms\"\n",
)
.cluster();

const TIMEOUT: Duration = Duration::from_secs(5);
/// The ways to a Service, the first that it has.
const WAYS: &[Via] = &[Via::LoadBalancer, Via::NodePort, Via::Ingress, Via::Endpoints];

/// What a gRPC server says of itself. No connection is an expectation that does not hold; a server without the health
/// protocol is an error.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Grpc {
    /// Host and port: `127.0.0.1:50051`.
    pub address: Option<String>,
    /// Or the Kubernetes Service, reached by load balancer, node port, Ingress or endpoints.
    pub service: Option<String>,
    /// The Service's namespace; else the pipeline's.
    pub namespace: Option<String>,
    /// The Service's port, by number or name, where it has several.
    pub port: Option<String>,
    /// The service whose health is asked for, by its full name: `shop.v1.Cart`. Default: the server as a whole.
    #[serde(default)]
    pub name: String,
    /// What the health protocol says: `SERVING` (also the default), `NOT_SERVING`, `SERVICE_UNKNOWN`.
    pub status: Option<Expect<Text>>,
    /// Services that the server has, by reflection: `[shop.v1.Cart]`.
    #[serde(default)]
    pub has: Vec<String>,
    /// From the start of the connection to the answer of the health protocol.
    pub time: Option<Expect<TimeSpan>>,
    /// For connecting and each call; 5s where nothing is written.
    pub timeout: Option<TimeSpan>,
    /// Speaks TLS, and trusts what the system trusts.
    #[serde(default)]
    pub tls: bool,
    /// A file of certificates (PEM) to trust instead of the system's. Speaks TLS.
    pub ca: Option<ExistingPath>,
    /// Speaks TLS and trusts any certificate. For tests on one's own machine.
    #[serde(default)]
    pub insecure: bool,
    /// The name of the server's certificate, where it is not the host's.
    pub server_name: Option<String>,
}

#[async_trait]
impl Assertion for Grpc {
    fn check(&self, cx: &mut CheckContext<'_>) {
        let help = || Some("write `address: \"127.0.0.1:50051\"`".to_owned());
        match (&self.address, &self.service) {
            (Some(_), Some(_)) => cx.only_one(&["service".into()], &["address", "service"]),
            (None, None) => cx.error(&[], Code::MissingKey, "the server is missing: `address` or `service`", help()),
            (Some(address), None) => {
                if let Some(problem) = tcp::problem(address) {
                    cx.error(&["address".into()], Code::InvalidValue, problem, help());
                }
                for (key, value) in [("namespace", &self.namespace), ("port", &self.port)] {
                    if value.is_some() {
                        let message = format!("`{key}` is of a `service`, and the server is named by its `address`");
                        cx.error(&[key.into()], Code::InvalidValue, message, Some("remove it".to_owned()));
                    }
                }
            }
            (None, Some(_)) => {}
        }
        if self.insecure && self.ca.is_some() {
            cx.only_one(&["insecure".into()], &["insecure", "ca"]);
        }
        if self.server_name.is_some() && !self.speaks_tls() {
            let help = Some("write `tls: true` or `ca: FILE`".to_owned());
            cx.error(&["server_name".into()], Code::InvalidValue, "`server_name` has no meaning without TLS", help);
        }
    }

    fn title(&self) -> String {
        let server = self.address.clone().or_else(|| self.service.as_ref().map(|name| format!("service/{name}")));
        format!("grpc {} {}", server.unwrap_or_default(), self.name).trim_end().to_owned()
    }

    fn touches_cluster(&self) -> bool {
        self.service.is_some()
    }

    async fn measure(&self, cx: &Context) -> Result<Verdict, Fault> {
        let expected = self.status.clone().unwrap_or_else(|| Expect::parse("SERVING").expect("it is well formed"));
        let server = match self.server(cx).await {
            Ok(server) => server,
            Err(CommandError::Fault(fault)) => return Err(fault),
            Err(CommandError::Failed(failure)) => {
                let actual = format!("no answer ({})", failure.summary);
                return Ok(Verdict::of(vec![Measure::new("status", actual, expected, false)]));
            }
        };
        let (connection, health, time) = match cx.unless_cancelled(grpc::check(&server, &self.name)).await? {
            Ok(answered) => answered,
            Err(GrpcError::Status { code: 12, .. }) => {
                return Err(Fault::unknown(format!(
                    "not measured: {} has no health protocol (grpc.health.v1)",
                    server.address
                ))
                .help("register the health service of your gRPC library, or use `tcp`"));
            }
            // what `Watch` calls SERVICE_UNKNOWN
            Err(GrpcError::Status { code: 5, .. }) => {
                return Ok(Verdict::of(vec![expected.measure("status", &Text("SERVICE_UNKNOWN".to_owned()))]));
            }
            Err(error) if error.is_answer() => {
                let actual = error.code().map_or_else(|| format!("no answer ({error})"), |_| error.to_string());
                return Ok(Verdict::of(vec![Measure::new("status", actual, expected, false)]));
            }
            Err(error @ GrpcError::Invalid(_)) => return Err(Fault::invalid(error.to_string())),
            Err(error) => return Err(Fault::unknown(format!("not measured: {}: {error}", server.address))),
        };
        let mut measures = vec![expected.measure("status", &Text(health.to_string()))];
        measures.extend(self.time.as_ref().map(|expect| expect.measure("time", &TimeSpan(time))));
        if !self.has.is_empty() {
            let services = cx.unless_cancelled(connection.services()).await?.map_err(|error| {
                Fault::unknown(format!("not measured: the services of {}: {error}", server.address))
                    .help("`has` needs reflection: register the reflection service of your gRPC library")
            })?;
            measures.extend(self.has.iter().map(|wanted| has(wanted, &services)));
        }
        Ok(Verdict::of(measures))
    }

    async fn blockers(&self, cx: &Context, verdict: &Verdict) -> Vec<Finding> {
        let unanswered = verdict.measures().first().is_some_and(|status| status.actual.starts_with("no answer"));
        if unanswered { self.service_name().blockers(self.host_and_port(), cx).await } else { Vec::new() }
    }

    async fn explain(&self, cx: &Context) -> Vec<Finding> {
        self.service_name().causes(self.host_and_port(), cx).await
    }
}

impl Grpc {
    fn service_name(&self) -> ServiceName<'_> {
        let (service, namespace) = (self.service.as_deref(), self.namespace.as_deref());
        ServiceName { service, namespace, port: self.port.as_deref(), via: None }
    }

    fn host_and_port(&self) -> Option<(&str, u16)> {
        self.address.as_deref().and_then(tcp::host_and_port)
    }

    fn speaks_tls(&self) -> bool {
        self.tls || self.ca.is_some() || self.insecure
    }

    async fn server(&self, cx: &Context) -> Result<Server, CommandError> {
        let (address, host) = match (&self.address, &self.service) {
            (Some(address), _) => (address.clone(), None),
            (None, service) => self.reached(service.as_deref().unwrap_or_default(), cx).await?,
        };
        let ca = self.ca.as_ref().map(|ca| ca.below(&cx.project));
        Ok(Server {
            address,
            name: self.server_name.clone().or(host),
            trust: self.speaks_tls().then_some(Trust { ca, insecure: self.insecure }),
            timeout: self.timeout.map_or(TIMEOUT, |timeout| timeout.0),
        })
    }

    async fn reached(&self, service: &str, cx: &Context) -> Result<(String, Option<String>), CommandError> {
        let cluster = cx.cluster();
        let namespace = cx.namespace_or(self.namespace.as_deref())?;
        let wanted = Wanted { namespace, service, port: self.port.as_deref(), ways: WAYS };
        let reached = cx.unless_cancelled(cluster.reach(&wanted)).await??;
        let address = reached
            .addresses
            .first()
            .ok_or_else(|| CommandError::Failed(Failure::new(format!("service/{service} has no ready endpoint"))))?;
        Ok((address, reached.host))
    }
}

fn has(wanted: &str, services: &[String]) -> Measure {
    let holds = services.iter().any(|service| service == wanted);
    let actual = if holds { "there".to_owned() } else { format!("not among {}", services.join(", ")) };
    Measure::new(wanted, actual, "there", holds)
}
