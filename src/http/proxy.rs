//! Proxies between us and a server, as the environment names them: `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY`, `NO_PROXY`.
//! Knows no request.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use http::{HeaderValue, Uri};
use hyper_util::client::proxy::matcher::{Intercept, Matcher};

use super::HttpError;
use super::no_proxy::NoProxy;
use super::url::{is_this_machine, port_problem};

/// Which requests go through which proxy; none where no variable is set.
#[derive(Clone, Default)]
pub struct Proxies(Option<Arc<Settings>>);

struct Settings {
    matcher: Matcher,
    direct: NoProxy,
    /// The variable whose value is not a proxy, and what is wrong with it.
    problem: Option<HttpError>,
}

impl fmt::Debug for Proxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // a proxy's URL may hold a password
        f.write_str(if self.0.is_some() { "Proxies(some)" } else { "Proxies(none)" })
    }
}

impl Proxies {
    /// Those that an environment names, read as curl reads it: names in lower case win, `ALL_PROXY` is for what the others
    /// leave out, in `NO_PROXY` stand hosts, domains, addresses and networks. `HTTP_PROXY` in capitals counts as well,
    /// except where `REQUEST_METHOD` shows that a web server set it from a header of its client.
    pub fn of(env: &BTreeMap<String, String>) -> Self {
        let found = |names: &[&'static str]| {
            let found = names.iter().find_map(|name| env.get(*name).map(|value| (*name, value.trim().to_owned())));
            found.filter(|(_, value)| !value.is_empty())
        };
        let cgi = env.contains_key("REQUEST_METHOD");
        let http = found(if cgi { &["http_proxy"] } else { &["http_proxy", "HTTP_PROXY"] });
        let https = found(&["https_proxy", "HTTPS_PROXY"]);
        let all = found(&["all_proxy", "ALL_PROXY"]);
        let set: Vec<_> = [&http, &https, &all].into_iter().flatten().collect();
        if set.is_empty() {
            return Proxies::default();
        }
        let problem = set.iter().find_map(|(name, value)| problem(name, value));
        let value = |found: Option<(&str, String)>| found.map(|(_, value)| value).unwrap_or_default();
        let direct = NoProxy::parse(&value(found(&["no_proxy", "NO_PROXY"])));
        let matcher = Matcher::builder().http(value(http)).https(value(https)).all(value(all)).build();
        Proxies(Some(Arc::new(Settings { matcher, direct, problem })))
    }

    /// The proxy for a URL, if there is one. This machine itself is always asked directly: what a pipeline forwarded to a
    /// local port no proxy can reach.
    ///
    /// # Errors
    /// [`HttpError::Proxy`] where it is of a sort that is not spoken here; [`HttpError::ProxySetting`] where a variable does not
    /// name a proxy: the request would go out directly.
    pub(super) fn for_url(&self, uri: &Uri) -> Result<Option<Proxy>, HttpError> {
        let Some(settings) = self.0.as_ref().filter(|_| !is_this_machine(uri.host().unwrap_or_default())) else {
            return Ok(None);
        };
        if settings.direct.matches(uri) {
            return Ok(None);
        }
        if let Some(problem) = &settings.problem {
            return Err(problem.clone());
        }
        let Some(intercept) = settings.matcher.intercept(uri) else { return Ok(None) };
        let proxy = Proxy(intercept);
        if proxy.uri().scheme_str() == Some("http") {
            return Ok(Some(proxy));
        }
        Err(proxy.failed("only proxies that are reached by http:// are supported"))
    }
}

/// What is wrong with the value of a variable that names a proxy. The value may hold a password: it is not shown.
fn problem(name: &'static str, value: &str) -> Option<HttpError> {
    let wrong = |why: &str| Some(HttpError::ProxySetting { name, why: why.to_owned() });
    let Ok(uri) = value.parse::<Uri>() else { return wrong("is not a URL") };
    match uri.scheme_str() {
        None | Some("http" | "https" | "socks4" | "socks4a" | "socks5" | "socks5h") => {}
        Some(other) => return wrong(&format!("has the scheme `{other}`, which is not the one of a proxy")),
    }
    match uri.authority() {
        None => wrong("has no host"),
        Some(authority) if authority.host().is_empty() => wrong("has no host"),
        Some(authority) => port_problem(authority).and_then(|why| wrong(&format!("cannot be used: {why}"))),
    }
}

/// A proxy that a request goes through.
pub(super) struct Proxy(Intercept);

impl Proxy {
    /// Where it listens; without its user and password.
    pub fn uri(&self) -> &Uri {
        self.0.uri()
    }

    /// What proves to it who we are.
    pub fn authorization(&self) -> Option<HeaderValue> {
        self.0.basic_auth().cloned()
    }

    /// The error that names it.
    pub fn failed(&self, why: impl fmt::Display) -> HttpError {
        HttpError::Proxy {
            proxy: self.uri().authority().map(ToString::to_string).unwrap_or_default(),
            why: why.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy(env: &[(&str, &str)], url: &str) -> Option<String> {
        let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let found = Proxies::of(&env).for_url(&url.parse().expect("a URL"));
        found.expect("a proxy of a known sort").map(|proxy| proxy.uri().to_string())
    }

    #[test]
    fn each_scheme_has_its_own_and_all_proxy_is_for_the_rest() {
        let env = [("HTTP_PROXY", "http://a:1"), ("all_proxy", "b:2")];
        assert_eq!(proxy(&env, "http://x/"), Some("http://a:1/".to_owned()));
        assert_eq!(proxy(&env, "https://x/"), Some("http://b:2/".to_owned()));
        assert_eq!(proxy(&[("HTTPS_PROXY", "http://a:1")], "http://x/"), None);
        assert_eq!(proxy(&[], "http://x/"), None);
    }

    #[test]
    fn lower_case_wins_and_an_empty_value_is_none() {
        let env = [("http_proxy", "http://a:1"), ("HTTP_PROXY", "http://b:2")];
        assert_eq!(proxy(&env, "http://x/"), Some("http://a:1/".to_owned()));
        assert_eq!(proxy(&[("http_proxy", ""), ("HTTP_PROXY", "http://b:2")], "http://x/"), None);
        assert_eq!(proxy(&[("REQUEST_METHOD", "GET"), ("HTTP_PROXY", "http://b:2")], "http://x/"), None);
    }

    #[test]
    fn no_proxy_names_hosts_domains_and_networks() {
        let env = [("http_proxy", "http://a:1"), ("NO_PROXY", "example.com, 10.0.0.0/8")];
        for (url, direct) in [
            ("http://example.com/", true),
            ("http://api.example.com:8080/", true),
            ("http://notexample.com/", false),
            ("http://10.1.2.3/", true),
            ("http://11.1.2.3/", false),
        ] {
            assert_eq!(proxy(&env, url).is_none(), direct, "{url}");
        }
        assert_eq!(proxy(&[("http_proxy", "http://a:1"), ("no_proxy", "*")], "http://x/"), None);
    }

    #[test]
    fn this_machine_is_asked_directly() {
        for url in ["http://127.0.0.1:8080/", "http://[::1]/", "http://localhost/", "http://app.localhost/"] {
            assert_eq!(proxy(&[("http_proxy", "http://a:1")], url), None, "{url}");
        }
    }

    #[test]
    fn a_value_that_is_not_a_proxy_is_an_error_and_not_a_direct_request() {
        for (value, why) in [
            ("http://[::1", "is not a URL"),
            ("http://a b", "is not a URL"),
            ("ftp://a:21", "has the scheme `ftp`, which is not the one of a proxy"),
            ("http://a:99999", "cannot be used: `99999` is not a port from 1 to 65535"),
            ("http://me:s3cret@a:x", "cannot be used: `x` is not a port from 1 to 65535"),
        ] {
            let env = BTreeMap::from([("http_proxy".to_owned(), value.to_owned())]);
            let found = Proxies::of(&env).for_url(&Uri::from_static("http://x/")).err();
            assert_eq!(found, Some(HttpError::ProxySetting { name: "http_proxy", why: why.to_owned() }), "{value}");
            assert!(Proxies::of(&env).for_url(&Uri::from_static("http://localhost/")).is_ok(), "asked directly");
        }
    }

    #[test]
    fn says_which_sort_is_not_supported_and_shows_no_password() {
        let env = BTreeMap::from([("ALL_PROXY".to_owned(), "socks5://me:secret@proxy:1080".to_owned())]);
        let error = Proxies::of(&env).for_url(&Uri::from_static("http://x/")).err().expect("socks");
        let words = "the proxy proxy:1080: only proxies that are reached by http:// are supported";
        assert_eq!(error.to_string(), words);
    }
}
