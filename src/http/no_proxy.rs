//! `NO_PROXY`: the hosts that are asked directly. Hosts, domains, addresses, networks, each with or without a port.

use std::net::IpAddr;

use http::Uri;
use ipnet::IpNet;

/// The entries of `NO_PROXY`.
#[derive(Debug, Clone, Default)]
pub struct NoProxy(Vec<Entry>);

#[derive(Debug, Clone)]
struct Entry {
    host: Host,
    /// Only this port; any where none is written.
    port: Option<u16>,
}

#[derive(Debug, Clone)]
enum Host {
    All,
    Network(IpNet),
    /// The domain and all names below it.
    Domain(String),
}

impl NoProxy {
    /// Reads a list separated by commas or blanks. `example.com`, `.example.com` and `*.example.com` mean the domain and all
    /// names below it, as for curl.
    pub fn parse(list: &str) -> Self {
        let entries = list.split([',', ' ', '\t']).map(str::trim).filter(|entry| !entry.is_empty());
        NoProxy(entries.map(Entry::parse).collect())
    }

    /// Whether a URL is asked directly.
    pub fn matches(&self, uri: &Uri) -> bool {
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']).trim_end_matches('.').to_ascii_lowercase();
        let default = if uri.scheme_str() == Some("https") { 443 } else { 80 };
        let port = uri.port_u16().unwrap_or(default);
        let address = host.parse::<IpAddr>().ok();
        self.0.iter().filter(|entry| entry.port.is_none_or(|only| only == port)).any(|entry| match &entry.host {
            Host::All => true,
            Host::Network(network) => address.is_some_and(|address| network.contains(&address.to_canonical())),
            Host::Domain(domain) => {
                host.strip_suffix(domain.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
            }
        })
    }
}

impl Entry {
    fn parse(text: &str) -> Self {
        let (host, port) = split_port(text);
        let bare = host.trim_matches(['[', ']']);
        let network = bare.parse::<IpNet>().ok().or_else(|| bare.parse::<IpAddr>().ok().map(IpNet::from));
        let host = match network {
            Some(network) => Host::Network(network),
            None if bare == "*" => Host::All,
            None => {
                let domain = bare.strip_prefix('*').unwrap_or(bare).trim_start_matches('.').trim_end_matches('.');
                Host::Domain(domain.to_ascii_lowercase())
            }
        };
        Entry { host, port }
    }
}

/// The port behind a host; an IPv6 address has one only behind brackets.
fn split_port(text: &str) -> (&str, Option<u16>) {
    let parsed = text.rsplit_once(':').filter(|(host, _)| !host.contains(':') || host.ends_with(']'));
    match parsed.map(|(host, port)| (host, port.parse::<u16>())) {
        Some((host, Ok(port))) => (host, Some(port)),
        _ => (text, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_domains_addresses_and_networks_with_and_without_a_port() {
        for (list, url, direct) in [
            ("example.com", "http://example.com/", true),
            ("example.com", "http://api.example.com:8080/", true),
            (".example.com", "http://api.example.com/", true),
            ("*.example.com", "http://api.example.com/", true),
            ("*.example.com", "http://badexample.com/", false),
            ("Example.COM.", "http://example.com/", true),
            ("example.com", "http://EXAMPLE.com./", true),
            ("example.com:8080", "http://example.com:8080/", true),
            ("example.com:8080", "http://example.com/", false),
            ("example.com:443", "https://example.com/", true),
            ("a b\tc", "http://b/", true),
            ("10.0.0.0/8,x", "http://10.1.2.3/", true),
            ("10.0.0.0/8", "http://11.1.2.3/", false),
            ("10.0.0.0/8", "http://10.example.com/", false),
            ("192.168.1.7", "http://192.168.1.7:81/", true),
            ("192.168.1.7:80", "http://192.168.1.7:81/", false),
            ("fd00::/8", "http://[fd00::1]:80/", true),
            ("[fd00::1]:81", "http://[fd00::1]:81/", true),
            ("[fd00::1]:81", "http://[fd00::1]:82/", false),
            ("fd00::1", "http://[fd00::1]/", true),
            ("*", "http://x/", true),
            ("", "http://x/", false),
            (" , ", "http://x/", false),
        ] {
            let uri = url.parse().expect("a URL");
            assert_eq!(NoProxy::parse(list).matches(&uri), direct, "{list} {url}");
        }
    }
}
