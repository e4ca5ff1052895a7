//! Reading URLs the way Go's `net/url` does, which Kubernetes uses. Knows no expressions.

/// The parts of a URL.
#[derive(Debug, Clone)]
pub(in crate::core::expr) struct Url {
    /// As it was written.
    pub text: String,
    pub scheme: String,
    /// With the port, and brackets around an IPv6 address.
    pub host: String,
    /// As it was written, without the question mark.
    pub query: String,
    raw_path: String,
}

impl Url {
    /// Reads an absolute URL or path, with a fragment.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Url, &'static str> {
        Url::check(text)?;
        let (front, fragment) = text.split_once('#').unwrap_or((text, ""));
        if unescaped(fragment, false).is_none() {
            return Err("the fragment has a broken escape");
        }
        read(front, text, false)
    }

    /// Whether a text is an absolute URL or path; a fragment is taken as a part of the rest.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(text: &str) -> Result<(), &'static str> {
        read(text, text, true).map(|_| ())
    }

    /// The host without brackets, and the port.
    pub fn host_and_port(&self) -> (&str, &str) {
        let (host, port) = match self.host.rfind(':') {
            Some(colon) if is_port(&self.host[colon..]) => (&self.host[..colon], &self.host[colon + 1..]),
            _ => (self.host.as_str(), ""),
        };
        (host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host), port)
    }

    /// The path as it was written if every byte of it may be in a path, else with those that may not escaped.
    pub fn escaped_path(&self) -> String {
        if self.raw_path.bytes().all(|byte| is_path_byte(byte) || b"!'()*[]%".contains(&byte)) {
            return self.raw_path.clone();
        }
        let path = unescaped(&self.raw_path, false).unwrap_or_default();
        if path == b"*" {
            return "*".to_owned();
        }
        path.iter()
            .map(|byte| if is_path_byte(*byte) { char::from(*byte).to_string() } else { format!("%{byte:02X}") })
            .collect()
    }

    /// Keys and values without escapes; those that are broken are left out.
    pub fn query_pairs(&self) -> impl Iterator<Item = (String, String)> + '_ {
        let text = |part: &str| unescaped(part, true).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        self.query
            .split('&')
            .filter(|pair| !pair.is_empty() && !pair.contains(';'))
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .filter_map(move |(key, value)| Some((text(key)?, text(value)?)))
    }
}

/// Reads without the fragment. A text without a scheme may have a host, but not in a request.
fn read(front: &str, text: &str, request: bool) -> Result<Url, &'static str> {
    if front.bytes().any(|byte| byte < b' ' || byte == 0x7f) {
        return Err("it has a control character");
    }
    if front.is_empty() {
        return Err("it is empty");
    }
    let url = |scheme: &str, host: String, query: &str, path: &str| Url {
        text: text.to_owned(),
        scheme: scheme.to_ascii_lowercase(),
        host,
        query: query.to_owned(),
        raw_path: path.to_owned(),
    };
    if front == "*" {
        return Ok(url("", String::new(), "", "*"));
    }
    let (scheme, rest) = scheme(front)?;
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    if !rest.starts_with('/') {
        return if scheme.is_empty() { Err("it is relative") } else { Ok(url(scheme, String::new(), query, "")) };
    }
    let (host, path) = match rest.strip_prefix("//") {
        Some(authority) if !scheme.is_empty() || !request && !authority.starts_with('/') => {
            let at = authority.find('/').unwrap_or(authority.len());
            (host(&scheme.to_ascii_lowercase(), &authority[..at])?, &authority[at..])
        }
        _ => (String::new(), rest),
    };
    if unescaped(path, false).is_none() {
        return Err("the path has a broken escape");
    }
    Ok(url(scheme, host, query, path))
}

fn scheme(text: &str) -> Result<(&str, &str), &'static str> {
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' => {}
            b'0'..=b'9' | b'+' | b'-' | b'.' if at > 0 => {}
            b':' if at > 0 => return Ok((&text[..at], &text[at + 1..])),
            b':' => return Err("the scheme is missing"),
            _ => break,
        }
    }
    Ok(("", text))
}

fn host(scheme: &str, authority: &str) -> Result<String, &'static str> {
    let (user, host) = match authority.rsplit_once('@') {
        Some((user, host)) => (user, host),
        None => ("", authority),
    };
    let user_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:~!$&'()*+,;=%@".contains(&byte);
    if !user.bytes().all(user_byte) || unescaped(user, false).is_none() {
        return Err("the user is not written as in a URL");
    }
    match host.rfind('[') {
        Some(0) => {
            let close = host.rfind(']').ok_or("a `]` is missing in the host")?;
            let (address, port) = (&host[1..close], &host[close + 1..]);
            if !is_port(port) {
                return Err("the port is not a number");
            }
            let address = host_text(address.split_once("%25").map_or(address, |(address, _)| address))?;
            if address.parse::<std::net::Ipv6Addr>().is_err() {
                return Err("the host in brackets is not an IPv6 address");
            }
            return Ok(host.replacen("%25", "%", 1));
        }
        Some(_) => return Err("the host has a `[` in it"),
        None => {}
    }
    if let Some(first) = host.find(':') {
        let colon = if matches!(scheme, "http" | "https") { first } else { host.rfind(':').unwrap_or(first) };
        if !is_port(&host[colon..]) {
            return Err("the port is not a number");
        }
    }
    host_text(host)
}

/// A host without escapes, which only bytes beyond ASCII may have.
fn host_text(host: &str) -> Result<String, &'static str> {
    let allowed = |byte: u8| byte >= 0x80 || byte.is_ascii_alphanumeric() || b"-_.~!$&'()*+,;=:[]<>\"%".contains(&byte);
    let bytes = unescaped(host, false).ok_or("the host has a broken escape")?;
    let escapes = host.split('%').skip(1).all(|rest| rest.starts_with("25") || rest.as_bytes()[0] >= b'8');
    if !host.bytes().all(allowed) || !escapes {
        return Err("the host has a character that it may not have");
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Nothing, or a colon and digits.
fn is_port(text: &str) -> bool {
    text.is_empty() || text.strip_prefix(':').is_some_and(|port| port.bytes().all(|byte| byte.is_ascii_digit()))
}

fn is_path_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.~$&+,/:;=@".contains(&byte)
}

/// The bytes without escapes; a plus sign is a blank in a query.
fn unescaped(text: &str, query: bool) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        match first {
            b'%' => {
                let [high, low, after @ ..] = after else { return None };
                let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
                bytes.push(digit(*high)? * 16 + digit(*low)?);
                rest = after;
            }
            b'+' if query => bytes.push(b' '),
            other => bytes.push(*other),
        }
    }
    Some(bytes)
}
