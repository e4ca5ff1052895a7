//! The functions of URLs: their parts as Kubernetes gives them.

use std::sync::Arc;

use super::super::failure::Error;
use super::super::meter::Meter;
use super::super::opaque::Url;
use super::super::overload::{Overload, global, method};
use super::super::signature::T;
use super::super::value::{Key, Map, Out, Value};
use super::unexpected;

pub(super) const FUNCTIONS: &[Overload] = &[
    method("getEscapedPath", &[T::Url], T::Text, escaped_path, "url('https://a.b/c d').getEscapedPath() == '/c%20d'"),
    method("getHost", &[T::Url], T::Text, host, "url('https://a.b:80/c').getHost() == 'a.b:80'"),
    method("getHostname", &[T::Url], T::Text, host_name, "url('https://[::1]:80/').getHostname() == '::1'"),
    method("getPort", &[T::Url], T::Text, port, "url('https://a.b:80/').getPort() == '80'"),
    method("getQuery", &[T::Url], T::Map, query, "url('https://a.b/?k=1&k=2').getQuery() == {'k': ['1', '2']}"),
    method("getScheme", &[T::Url], T::Text, scheme, "url('https://a.b/').getScheme() == 'https'"),
    global("isURL", &[T::Text], T::Bool, is_url, "!isURL('../relative')"),
    global("url", &[T::Text], T::Url, url, "url('/path').getHost() == ''"),
];

fn url(meter: &mut Meter, args: &[Value]) -> Out {
    let [Value::Text(text)] = args else { return Err(unexpected("url", args)) };
    meter.make(text.len())?;
    match Url::parse(text) {
        Ok(url) => Ok(Value::Url(Arc::new(url))),
        Err(reason) => Err(Error::of(format!("`url`: the string is not an absolute URL or path: {reason}"))),
    }
}

fn is_url(meter: &mut Meter, args: &[Value]) -> Out {
    let [Value::Text(text)] = args else { return Err(unexpected("isURL", args)) };
    meter.make(text.len())?;
    Ok(Value::Bool(Url::check(text).is_ok()))
}

fn one<'a>(name: &str, args: &'a [Value]) -> Out<&'a Url> {
    let [Value::Url(url)] = args else { return Err(unexpected(name, args)) };
    Ok(url)
}

fn scheme(_: &mut Meter, args: &[Value]) -> Out {
    one("getScheme", args).map(|url| Value::text(&url.scheme))
}

fn host(_: &mut Meter, args: &[Value]) -> Out {
    one("getHost", args).map(|url| Value::text(&url.host))
}

fn host_name(_: &mut Meter, args: &[Value]) -> Out {
    one("getHostname", args).map(|url| Value::text(url.host_and_port().0))
}

fn port(_: &mut Meter, args: &[Value]) -> Out {
    one("getPort", args).map(|url| Value::text(url.host_and_port().1))
}

fn escaped_path(_: &mut Meter, args: &[Value]) -> Out {
    one("getEscapedPath", args).map(|url| Value::text(&url.escaped_path()))
}

/// A key that is there several times has several values.
fn query(meter: &mut Meter, args: &[Value]) -> Out {
    let url = one("getQuery", args)?;
    meter.make(url.query.len())?;
    let mut found: indexmap::IndexMap<String, Vec<Value>> = indexmap::IndexMap::new();
    for (key, value) in url.query_pairs() {
        found.entry(key).or_default().push(Value::text(&value));
    }
    let map: Map = found.into_iter().map(|(key, values)| (Key::Text(key.into()), Value::list(values))).collect();
    Ok(Value::map(map))
}
