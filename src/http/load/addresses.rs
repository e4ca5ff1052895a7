//! Where requests go: a name that is resolved now and then, or endpoints that a watch keeps up to date.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::Cause;
use crate::http::authority;

/// How long an answer of the name service is used.
const FRESH: Duration = Duration::from_secs(5);

/// Endpoints as they are now; the sender replaces the list when it changes.
pub type Endpoints = watch::Receiver<Arc<Vec<SocketAddr>>>;

/// Where requests go.
#[derive(Debug, Clone)]
pub enum Addresses {
    /// A host by name or address, and a port.
    Host(String, u16),
    /// Each connection goes to the next of these; one that is gone from the list is left after its request.
    Spread(Endpoints),
}

impl Addresses {
    /// The host, or the first endpoint, as `host:port`; `None` without an endpoint.
    pub fn first(&self) -> Option<String> {
        match self {
            Addresses::Host(host, port) => Some(authority(host, *port)),
            Addresses::Spread(endpoints) => endpoints.borrow().first().map(ToString::to_string),
        }
    }
}

/// Finds addresses for connections.
#[derive(Debug)]
pub(super) struct Finder {
    addresses: Addresses,
    known: Option<(Instant, Vec<SocketAddr>)>,
    turn: usize,
}

impl Finder {
    pub fn new(addresses: Addresses) -> Self {
        let known = match &addresses {
            // An address needs no look-up, and never grows old.
            Addresses::Host(host, port) => {
                let bare = host.trim_start_matches('[').trim_end_matches(']');
                bare.parse::<IpAddr>().ok().map(|ip| (Instant::now(), vec![SocketAddr::new(ip, *port)]))
            }
            Addresses::Spread(_) => None,
        };
        Finder { addresses, known, turn: 0 }
    }

    /// What is known without asking anybody; `None` where the name service has to be asked.
    pub fn known(&mut self, now: Instant) -> Option<Result<Vec<SocketAddr>, (Cause, String)>> {
        match &self.addresses {
            Addresses::Spread(endpoints) => {
                let list = endpoints.borrow().clone();
                if list.is_empty() {
                    return Some(Err((Cause::Unreachable, "the Service has no ready endpoint".to_owned())));
                }
                self.turn += 1;
                Some(Ok(vec![list[self.turn % list.len()]]))
            }
            Addresses::Host(host, _) => {
                let (asked, list) = self.known.as_ref()?;
                let literal = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().is_ok();
                (literal || now.saturating_duration_since(*asked) < FRESH).then(|| Ok(list.clone()))
            }
        }
    }

    /// The name to ask for.
    pub fn name(&self) -> Option<(String, u16)> {
        match &self.addresses {
            Addresses::Host(host, port) => Some((host.clone(), *port)),
            Addresses::Spread(_) => None,
        }
    }

    /// What the name service said.
    pub fn learn(&mut self, now: Instant, list: Vec<SocketAddr>) {
        self.known = Some((now, list));
    }

    /// Whether a connection to this address is still wanted.
    pub fn wants(&self, peer: SocketAddr) -> bool {
        match &self.addresses {
            Addresses::Host(..) => true,
            Addresses::Spread(endpoints) => endpoints.borrow().contains(&peer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(port: u16) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, 1], port))
    }

    #[test]
    fn connections_spread_over_the_endpoints_of_the_moment() {
        let (sender, endpoints) = watch::channel(Arc::new(vec![address(1), address(2)]));
        let mut finder = Finder::new(Addresses::Spread(endpoints));
        let mut next = || finder.known(Instant::now()).expect("no name to ask for");
        assert_eq!((next(), next(), next()), (Ok(vec![address(2)]), Ok(vec![address(1)]), Ok(vec![address(2)])));
        sender.send_replace(Arc::default());
        assert_eq!(next(), Err((Cause::Unreachable, "the Service has no ready endpoint".to_owned())));
        assert!(!finder.wants(address(1)));
    }

    #[test]
    fn an_address_needs_no_name_service_and_a_name_is_asked_for_again() {
        let now = Instant::now();
        let mut finder = Finder::new(Addresses::Host("[::1]".to_owned(), 80));
        assert_eq!(finder.known(now + FRESH * 9), Some(Ok(vec!["[::1]:80".parse().expect("an address")])));
        let mut finder = Finder::new(Addresses::Host("web".to_owned(), 80));
        assert_eq!(finder.known(now), None);
        finder.learn(now, vec![address(80)]);
        assert_eq!(finder.known(now), Some(Ok(vec![address(80)])));
        assert_eq!(finder.known(now + FRESH), None);
    }
}
