//! The functions of IP addresses and CIDRs.

use std::net::{IpAddr, Ipv4Addr};

use super::super::failure::Error;
use super::super::meter::Meter;
use super::super::opaque::{Cidr, parse_ip};
use super::super::overload::{Overload, global, method};
use super::super::signature::T;
use super::super::value::{Out, Value};
use super::unexpected;

pub(super) const FUNCTIONS: &[Overload] = &[
    global("cidr", &[T::Text], T::Cidr, cidr, "cidr('10.0.0.0/8').prefixLength() == 8 && isCIDR('10.0.0.0/8')"),
    method(
        "containsCIDR",
        &[T::Cidr, T::Cidr],
        T::Bool,
        contains_cidr,
        "cidr('10.0.0.0/8').containsCIDR(cidr('10.1.0.0/16'))",
    ),
    method(
        "containsCIDR",
        &[T::Cidr, T::Text],
        T::Bool,
        contains_cidr,
        "cidr('10.0.0.0/8').containsCIDR('10.1.0.0/16')",
    ),
    method("containsIP", &[T::Cidr, T::Ip], T::Bool, contains_ip, "cidr('10.0.0.0/8').containsIP(ip('10.1.2.3'))"),
    method("containsIP", &[T::Cidr, T::Text], T::Bool, contains_ip, "cidr('10.0.0.0/8').containsIP('10.1.2.3')"),
    method("family", &[T::Ip], T::Int, family, "ip('::1').family() == 6"),
    global("ip", &[T::Text], T::Ip, ip, "ip('::1') == ip('0:0::1')"),
    method("ip", &[T::Cidr], T::Ip, ip_of, "cidr('10.0.0.1/8').ip() == ip('10.0.0.1')"),
    global("ip.isCanonical", &[T::Text], T::Bool, is_canonical, "!ip.isCanonical('2001:DB8::1')"),
    global("isCIDR", &[T::Text], T::Bool, is_cidr, "!isCIDR('10.0.0.0/33')"),
    method(
        "isGlobalUnicast",
        &[T::Ip],
        T::Bool,
        |_, args| ask(args, is_global_unicast),
        "ip('10.0.0.1').isGlobalUnicast()",
    ),
    global("isIP", &[T::Text], T::Bool, is_ip, "!isIP('10.0.0.256')"),
    method(
        "isLinkLocalMulticast",
        &[T::Ip],
        T::Bool,
        |_, args| ask(args, is_link_local_multicast),
        "ip('ff02::1').isLinkLocalMulticast()",
    ),
    method(
        "isLinkLocalUnicast",
        &[T::Ip],
        T::Bool,
        |_, args| ask(args, is_link_local_unicast),
        "ip('169.254.1.1').isLinkLocalUnicast()",
    ),
    method("isLoopback", &[T::Ip], T::Bool, |_, args| ask(args, IpAddr::is_loopback), "ip('127.0.0.1').isLoopback()"),
    method("isMask", &[T::Cidr], T::Bool, is_mask, "cidr('10.0.0.0/8').isMask()"),
    method("isUnspecified", &[T::Ip], T::Bool, |_, args| ask(args, IpAddr::is_unspecified), "ip('::').isUnspecified()"),
    method("masked", &[T::Cidr], T::Cidr, masked, "cidr('10.0.0.1/8').masked() == cidr('10.0.0.0/8')"),
    method("prefixLength", &[T::Cidr], T::Int, prefix_length, "cidr('10.0.0.0/8').prefixLength() == 8"),
];

fn is_link_local_unicast(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    }
}

fn is_link_local_multicast(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.octets()[..3] == [224, 0, 0],
        IpAddr::V6(v6) => v6.segments()[0] & 0xff0f == 0xff02,
    }
}

fn is_global_unicast(address: &IpAddr) -> bool {
    !(address.is_unspecified()
        || address.is_loopback()
        || address.is_multicast()
        || is_link_local_unicast(address)
        || *address == IpAddr::V4(Ipv4Addr::BROADCAST))
}

fn ask(args: &[Value], what: fn(&IpAddr) -> bool) -> Out {
    let [Value::Ip(address)] = args else { return Err(unexpected("a question about an address", args)) };
    Ok(Value::Bool(what(address)))
}

fn text<'a>(name: &str, args: &'a [Value]) -> Out<&'a str> {
    let [Value::Text(text)] = args else { return Err(unexpected(name, args)) };
    Ok(text)
}

fn no_ip(name: &str) -> Error {
    Error::of(format!("`{name}`: the string is not an IP address"))
}

fn no_cidr(name: &str) -> Error {
    Error::of(format!("`{name}`: the string is not a CIDR such as '10.0.0.0/8'"))
}

fn ip(_: &mut Meter, args: &[Value]) -> Out {
    parse_ip(text("ip", args)?).map(Value::Ip).ok_or_else(|| no_ip("ip"))
}

fn is_ip(_: &mut Meter, args: &[Value]) -> Out {
    Ok(Value::Bool(parse_ip(text("isIP", args)?).is_some()))
}

fn is_canonical(_: &mut Meter, args: &[Value]) -> Out {
    let text = text("ip.isCanonical", args)?;
    let address = parse_ip(text).ok_or_else(|| no_ip("ip.isCanonical"))?;
    Ok(Value::Bool(address.to_string() == text))
}

fn family(_: &mut Meter, args: &[Value]) -> Out {
    let [Value::Ip(address)] = args else { return Err(unexpected("family", args)) };
    Ok(Value::Int(if address.is_ipv4() { 4 } else { 6 }))
}

fn cidr(_: &mut Meter, args: &[Value]) -> Out {
    Cidr::parse(text("cidr", args)?).map(Value::Cidr).ok_or_else(|| no_cidr("cidr"))
}

fn is_cidr(_: &mut Meter, args: &[Value]) -> Out {
    Ok(Value::Bool(Cidr::parse(text("isCIDR", args)?).is_some()))
}

fn contains_ip(_: &mut Meter, args: &[Value]) -> Out {
    Ok(Value::Bool(match args {
        [Value::Cidr(cidr), Value::Ip(address)] => cidr.contains(*address),
        [Value::Cidr(cidr), Value::Text(text)] => cidr.contains(parse_ip(text).ok_or_else(|| no_ip("containsIP"))?),
        _ => return Err(unexpected("containsIP", args)),
    }))
}

fn contains_cidr(_: &mut Meter, args: &[Value]) -> Out {
    let (outer, inner) = match args {
        [Value::Cidr(outer), Value::Cidr(inner)] => (outer, *inner),
        [Value::Cidr(outer), Value::Text(text)] => (outer, Cidr::parse(text).ok_or_else(|| no_cidr("containsCIDR"))?),
        _ => return Err(unexpected("containsCIDR", args)),
    };
    Ok(Value::Bool(outer.bits <= inner.bits && outer.contains(inner.address)))
}

fn one(name: &str, args: &[Value]) -> Out<Cidr> {
    let [Value::Cidr(cidr)] = args else { return Err(unexpected(name, args)) };
    Ok(*cidr)
}

fn ip_of(_: &mut Meter, args: &[Value]) -> Out {
    one("ip", args).map(|cidr| Value::Ip(cidr.address))
}

fn masked(_: &mut Meter, args: &[Value]) -> Out {
    one("masked", args).map(|cidr| Value::Cidr(cidr.masked()))
}

fn is_mask(_: &mut Meter, args: &[Value]) -> Out {
    one("isMask", args).map(|cidr| Value::Bool(cidr.masked() == cidr))
}

fn prefix_length(_: &mut Meter, args: &[Value]) -> Out {
    one("prefixLength", args).map(|cidr| Value::Int(cidr.bits.into()))
}
