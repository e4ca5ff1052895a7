//! URLs as requests need them: absolute, `http` or `https`, without a password in them.

use std::net::IpAddr;

use http::Uri;
use http::uri::{Authority, PathAndQuery};

use super::HttpError;

/// What is wrong with a text as a URL.
pub fn problem(url: &str) -> Option<String> {
    parse(url).err().map(|error| error.to_string())
}

/// The URL.
pub fn parse(url: &str) -> Result<Uri, HttpError> {
    let bad = |why: &str| HttpError::Url(format!("`{url}` is not a URL to ask: {why}"));
    // what follows `#` is for readers, not for servers
    let bare = url.split('#').next().unwrap_or_default();
    let uri: Uri = bare.parse().map_err(|error: http::uri::InvalidUri| bad(&error.to_string()))?;
    match uri.scheme_str() {
        Some("http" | "https") => {}
        Some(other) => return Err(bad(&format!("`{other}` is neither http nor https"))),
        None => return Err(bad("it does not start with http:// or https://")),
    }
    match uri.authority() {
        Some(authority) if authority.as_str().contains('@') => {
            Err(HttpError::Url("a URL cannot carry a user and a password: send them by `headers_from_env`".to_owned()))
        }
        Some(authority) if authority.host().is_empty() => Err(bad("it has no host")),
        Some(authority) => match port_problem(authority) {
            Some(problem) => Err(bad(&problem)),
            None => Ok(uri),
        },
        None => Err(bad("it has no host")),
    }
}

/// `host:port`, an IPv6 address between brackets.
pub fn authority(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// What a URL consists of, with its scheme's port where none is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parts {
    /// The host.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The path, with its query.
    pub path: String,
    /// Whether it is https.
    pub tls: bool,
}

/// What a URL consists of.
///
/// # Errors
/// What is wrong with it.
pub fn parts(url: &str) -> Result<Parts, String> {
    let uri = parse(url).map_err(|error| error.to_string())?;
    let tls = uri.scheme_str() == Some("https");
    Ok(Parts {
        host: uri.host().unwrap_or_default().to_owned(),
        port: uri.port_u16().unwrap_or(if tls { 443 } else { 80 }),
        path: uri.path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string),
        tls,
    })
}

/// What is wrong with the port of an authority. `http` reads a port that is not a number as none at all, and the default
/// port would be asked in its place.
pub(crate) fn port_problem(authority: &Authority) -> Option<String> {
    let port = authority.as_str().rsplit('@').next()?.strip_prefix(authority.host())?;
    let written = port.strip_prefix(':')?;
    let valid = written.bytes().all(|byte| byte.is_ascii_digit()) && matches!(written.parse::<u16>(), Ok(1..));
    (!valid).then(|| format!("`{written}` is not a port from 1 to 65535"))
}

/// The host and the port that a URL leads to.
pub fn host_and_port(url: &str) -> Option<(String, u16)> {
    let uri = parse(url).ok()?;
    let usual = if uri.scheme_str() == Some("https") { 443 } else { 80 };
    let host = uri.host()?.trim_matches(['[', ']']).to_owned();
    Some((host, uri.port_u16().unwrap_or(usual)))
}

/// Whether a host, as written in a URL, is this machine itself.
pub fn is_this_machine(host: &str) -> bool {
    let bare = host.trim_matches(['[', ']']).trim_end_matches('.').to_ascii_lowercase();
    bare == "localhost"
        || bare.ends_with(".localhost")
        || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Where a redirect leads.
pub fn join(base: &Uri, target: &str) -> Result<Uri, HttpError> {
    if target.contains("://") {
        return parse(target);
    }
    let scheme = base.scheme_str().unwrap_or("http");
    if let Some(rest) = target.strip_prefix("//") {
        return parse(&format!("{scheme}://{rest}"));
    }
    let path = if target.starts_with('/') {
        target.to_owned()
    } else {
        let folder = base.path().rsplit_once('/').map_or("", |(folder, _)| folder);
        format!("{folder}/{target}")
    };
    let path = path.split('#').next().unwrap_or_default().parse::<PathAndQuery>();
    let path = path.map_err(|error| HttpError::Url(format!("the redirect to `{target}` leads nowhere: {error}")))?;
    let mut parts = base.clone().into_parts();
    parts.path_and_query = Some(path);
    Uri::from_parts(parts).map_err(|error| HttpError::Url(format!("the redirect to `{target}` leads nowhere: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_is_wrong_with_a_url() {
        assert_eq!(problem("http://127.0.0.1:8080/a?b=c#d"), None);
        for (url, words) in [
            ("localhost:8080", "`localhost:8080` is not a URL to ask: it does not start with http:// or https://"),
            ("ftp://a/b", "`ftp://a/b` is not a URL to ask: `ftp` is neither http nor https"),
            ("http://a:180800/", "`http://a:180800/` is not a URL to ask: `180800` is not a port from 1 to 65535"),
            ("http://a:0", "`http://a:0` is not a URL to ask: `0` is not a port from 1 to 65535"),
            ("https://a:/x", "`https://a:/x` is not a URL to ask: `` is not a port from 1 to 65535"),
            ("https://[::1]:x", "`https://[::1]:x` is not a URL to ask: `x` is not a port from 1 to 65535"),
            ("http://u:p@a/", "a URL cannot carry a user and a password: send them by `headers_from_env`"),
        ] {
            assert_eq!(problem(url).as_deref(), Some(words));
        }
        for url in ["http://a", "http://a:1", "http://a:65535/x:99999", "http://[::1]", "http://[::1]:8080/?p=:99999"] {
            assert_eq!(problem(url), None, "{url}");
        }
    }

    #[test]
    fn a_port_that_is_not_a_number_is_never_the_default_port() {
        for port in ["-1", "+80", "99999", "abc", " 80", "80 ", "8O", "0x50", "", "0", "00", "65536", "1e2", "٨٠"] {
            for (before, after) in [("http://a:", ""), ("https://a:", "/path"), ("http://[::1]:", "?q")] {
                assert!(problem(&format!("{before}{port}{after}")).is_some(), "{before}{port}{after}");
            }
        }
    }

    #[test]
    fn a_redirect_to_an_invalid_port_is_refused() {
        let base = parse("http://a/").expect("well formed");
        assert!(join(&base, "http://a:99999/").is_err());
        assert!(join(&base, "//a:99999/").is_err());
    }

    #[test]
    fn redirects_lead_to_absolute_and_relative_places() {
        let base = parse("http://a:1/x/y?q").expect("well formed");
        for (target, url) in [
            ("https://b/z", "https://b/z"),
            ("//b/z", "http://b/z"),
            ("/z?r", "http://a:1/z?r"),
            ("z", "http://a:1/x/z"),
        ] {
            assert_eq!(join(&base, target).map(|uri| uri.to_string()), Ok(url.to_owned()));
        }
    }
}
