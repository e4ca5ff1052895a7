//! From what was written to requests that can be sent: URLs, a Service's way in, tokens and cookies.

use super::check::PORT_FORWARD;
use super::spec::{TargetSpec, Traffic};
use crate::core::kind::Context;
use crate::core::model::outcome::Fault;
use crate::http::answer::Content;
use crate::http::authority;
use crate::http::load::{Addresses, Target};
use crate::http::{HttpError, Request, is_this_machine};
use crate::kubernetes::client::reach::{Keeper, Wanted};
use crate::kubernetes::service::{Scheme, Via};
use crate::process::command_context::CommandError;
use crate::services::Clients;

/// What the load goes to.
pub struct Aim {
    pub targets: Vec<Target>,
    /// The namespace of a Service.
    pub namespace: Option<String>,
    /// Keeps endpoints up to date while the load runs.
    pub keeper: Option<Keeper>,
}

/// Finds them.
///
/// # Errors
/// [`CommandError`] when a Service cannot be reached or a request cannot be written.
pub async fn targets(step: &Traffic, cx: &Context) -> Result<Aim, CommandError> {
    if let Some(service) = &step.service {
        return to_service(step, service, cx).await;
    }
    let all = match &step.url {
        Some(url) => vec![target(step, url, None, cx)?],
        None => step.targets.iter().map(|one| target(step, &one.url, Some(one), cx)).collect::<Result<_, _>>()?,
    };
    for one in &all {
        refuse_forwarded(&one.addresses, cx)?;
    }
    Ok(Aim { targets: all, namespace: None, keeper: None })
}

async fn to_service(step: &Traffic, service: &str, cx: &Context) -> Result<Aim, CommandError> {
    let cluster = cx.cluster();
    let namespace = cx.namespace_or(step.namespace.as_deref())?;
    let ways = step.via.unwrap_or(Via::Auto).ways();
    if ways.is_empty() {
        return Err(Fault::invalid(PORT_FORWARD).into());
    }
    let wanted = Wanted { namespace, service, port: step.port.as_deref(), ways };
    let reached = cluster.reach(&wanted).await?;
    cx.say(format!("service/{service} is reached by {}", reached.words));
    let scheme = if step.scheme == Some(Scheme::Https) { "https" } else { "http" };
    let authority = match (&reached.host, &reached.addresses) {
        (Some(host), _) => host.clone(),
        (None, Addresses::Host(host, port)) => authority(host, *port),
        (None, Addresses::Spread(_)) => service.to_owned(),
    };
    let url = format!("{scheme}://{authority}{}", step.path.as_deref().unwrap_or("/"));
    let mut target = target(step, &url, None, cx)?;
    target.addresses = reached.addresses;
    Ok(Aim { targets: vec![target], namespace: Some(namespace.to_owned()), keeper: reached.keeper })
}

/// A port that this run itself forwards leads to one pod, however it is written.
fn refuse_forwarded(addresses: &Addresses, cx: &Context) -> Result<(), Fault> {
    let Addresses::Host(host, port) = addresses else { return Ok(()) };
    if is_this_machine(host) && cx.cluster().forwards(*port) {
        return Err(Fault::invalid(format!("port {port} is forwarded by this run: {PORT_FORWARD}"))
            .help("write `service: NAME` in place of `url`: it is reached as a client would reach it"));
    }
    Ok(())
}

fn target(step: &Traffic, url: &str, one: Option<&TargetSpec>, cx: &Context) -> Result<Target, Fault> {
    let mut asked = step.asked(url);
    if let Some(one) = one {
        asked.method = one.method.as_deref();
        asked.content = Content { text: one.body.as_deref(), json: one.json.as_ref().map(|json| &json.0) };
    }
    let (mut request, trust) = asked.request(&cx.env, &cx.project)?;
    prove_who_we_are(step, &mut request);
    let mut made =
        Target::new(&request, &trust, step.protocol(), step.keep_alive.unwrap_or(true)).map_err(unsendable)?;
    made.weight = one.and_then(|one| one.weight).unwrap_or(1);
    Ok(made)
}

fn prove_who_we_are(step: &Traffic, request: &mut Request) {
    if let Some(token) = &step.bearer {
        request.headers.insert("authorization".to_owned(), format!("Bearer {}", token.0.expose().trim()));
    }
    if !step.cookies.is_empty() {
        let pairs: Vec<String> =
            step.cookies.iter().map(|(name, value)| format!("{name}={}", value.0.expose().trim())).collect();
        request.headers.insert("cookie".to_owned(), pairs.join("; "));
    }
}

fn unsendable(error: HttpError) -> Fault {
    let fault = Fault::invalid(error.to_string());
    match error.help() {
        Some(help) => fault.help(help),
        None => fault,
    }
}
